// # Reading published models
//
// A published model is a folder or a file, in one of several forms. We recognise the form by the first bytes, since
// people choose the names:
//
//     "GGUF"                              a .gguf file: `GGUF.swift`
//     a length below 2^32 in 8 bytes      safetensors: bytes 4 to 7 are zero, which no text has
//     "{"                                 an index of shards: `ShardIndex.swift`
//
// Two other forms are so common that the error message names them: the pickles of PyTorch, which can hold programs
// and are not read here, and the pointer files that Git LFS leaves in place of files that were not downloaded.
//
// Read before: `MappedTensor.swift`, `SafetensorsHeader.swift`. Read next: `ShardIndex.swift`, `GGUF.swift`.

import Foundation

extension Checkpoint {
  /// The tensors of a published model, which stay in their files until they are asked for.
  ///
  /// - Parameter url: a .safetensors file, a .gguf file, a model.safetensors.index.json with its shards beside it, or a
  ///   folder with a model.safetensors, else such an index, else a single .gguf file
  ///
  /// The names are those of the file. For a .gguf file, `metadata` has only the keys with a single text; `GGUF` has
  /// all keys. The files must not be truncated while the checkpoint is in use.
  ///
  /// Throws `CheckpointError` if a file is missing, truncated, damaged or of another kind.
  public init(mapping url: URL) throws {
    var isFolder: ObjCBool = false
    if url.isFileURL, FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder), isFolder.boolValue {
      self = try Checkpoint(mappingFile: Checkpoint.model(in: url))
    } else {
      self = try Checkpoint(mappingFile: url)
    }
  }

  private init(mappingFile url: URL) throws {
    let data = try mappedContents(of: url)
    switch Checkpoint.kind(of: data, suffix: url.pathExtension) {
    case .safetensors: self = try Checkpoint(mapping: data, file: url.path)
    case .gguf: self = try GGUF(data, file: url.path).checkpoint
    case .index: self = try Checkpoint(index: data, at: url)
    case .other(let what):
      throw CheckpointError(
        file: url.path, problem: what, remedy: "give a model as .safetensors or .gguf, or convert it to one of them")
    }
  }
}

// ## One file

extension Checkpoint {
  /// The kind of a file, with a sentence about one that is not read.
  enum Kind {
    case safetensors, gguf, index
    case other(String)
  }

  /// The kind of a file, from its first bytes; if these tell nothing, its suffix decides which reader finds the flaw.
  static func kind(of data: Data, suffix: String) -> Kind {
    func begins(with text: String) -> Bool { data.starts(with: Array(text.utf8)) }
    if begins(with: "GGUF") { return .gguf }
    if data.count >= 8, data.prefix(8).suffix(4).allSatisfy({ $0 == 0 }) { return .safetensors }
    if data.prefix(64).first(where: { ![0x20, 0x09, 0x0A, 0x0D].contains($0) }) == UInt8(ascii: "{") {
      return .index
    }
    if begins(with: "PK\u{3}\u{4}") || data.starts(with: [0x80, 0x02]) {
      return .other("this is a PyTorch pickle, which may hold programs and is not read")
    }
    if begins(with: "version https://git-lfs") {
      return .other("this is a pointer of Git LFS in place of the file, which was not downloaded")
    }
    switch suffix {
    case "safetensors": return .safetensors
    case "gguf": return .gguf
    case "json": return .index
    default: return .other("the file is neither safetensors nor GGUF nor an index of shards")
    }
  }
}

extension GGUF {
  /// The .gguf file at a place: the file itself, or the only one in a folder without a config.json; nil if there is
  /// neither.
  public static func file(at place: URL) -> URL? {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: place.path, isDirectory: &isFolder) else { return nil }
    if !isFolder.boolValue {
      // The first bytes of a pipe cannot be read twice, and opening one would wait for a writer.
      let kind = try? FileManager.default.attributesOfItem(atPath: place.resolvingSymlinksInPath().path)[.type]
      guard kind as? FileAttributeType == .typeRegular, let file = try? FileHandle(forReadingFrom: place) else {
        return nil
      }
      defer { try? file.close() }
      return (try? file.read(upToCount: 4)) == Data("GGUF".utf8) ? place : nil
    }
    let entries = (try? FileManager.default.contentsOfDirectory(atPath: place.path)) ?? []
    let files = entries.filter { $0.hasSuffix(".gguf") }
    return files.count == 1 && !entries.contains("config.json") ? place.appendingPathComponent(files[0]) : nil
  }
}

// ## A folder

extension Checkpoint {
  /// The file of the model in a folder.
  private static func model(in folder: URL) throws -> URL {
    let entries: [String]
    do {
      entries = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    } catch {
      throw CheckpointError(
        file: folder.path, problem: "the folder cannot be read (\(error.localizedDescription))",
        remedy: "check its permissions")
    }
    for name in ["model.safetensors", "model.safetensors.index.json"] where entries.contains(name) {
      return folder.appendingPathComponent(name)
    }
    let single = entries.filter { $0.hasSuffix(".gguf") }
    if single.count == 1 { return folder.appendingPathComponent(single[0]) }
    throw refusal(of: folder, entries, single)
  }

  /// The error for a folder in which there is no model, or more than one.
  private static func refusal(of folder: URL, _ entries: [String], _ single: [String]) -> CheckpointError {
    func error(_ problem: String, _ remedy: String) -> CheckpointError {
      CheckpointError(file: folder.path, problem: problem, remedy: remedy)
    }
    if !single.isEmpty {
      return error("the folder has \(single.count) models, \(listed(single))", "give the path of one of them")
    }
    let others = entries.filter { $0.hasSuffix(".safetensors") }
    if !others.isEmpty {
      return error(
        "the folder has \(listed(others)), but neither model.safetensors nor model.safetensors.index.json",
        "give the path of one file, or add the index of the shards")
    }
    let pickles = entries.filter { $0.hasSuffix(".bin") || $0.hasSuffix(".pt") || $0.hasSuffix(".pth") }
    if !pickles.isEmpty {
      return error(
        "the folder has only \(listed(pickles)), PyTorch pickles, which may hold programs and are not read",
        "save the model again in Python with save_pretrained(…, safe_serialization=True)")
    }
    let visible = entries.filter { !$0.hasPrefix(".") }
    return error(
      visible.isEmpty
        ? "the folder is empty"
        : "the folder has neither model.safetensors nor another model, only \(listed(visible))",
      "give a folder with model.safetensors, with model.safetensors.index.json and its shards, or with a .gguf file")
  }
}
