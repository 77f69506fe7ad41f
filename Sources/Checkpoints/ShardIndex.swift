// # Models in several files
//
// A large model comes in shards, each a safetensors file, and an index that says which tensor is in which:
//
//     {"metadata": {"total_size": 269030208},
//      "weight_map": {"model.norm.weight": "model-00002-of-00002.safetensors", …}}
//
// Index and shards must agree: every tensor in the map is in its shard, and every tensor in a shard is in the map. A
// tensor that is left over would never be read, or would share its name with another; either means that the files do
// not belong together. A shard is given as a name in the folder of the index, never as a path, so that a file from
// elsewhere cannot decide what else is opened.
//
// Read before: `HeaderParser.swift`, `Checkpoint+Mapping.swift`.

import Foundation

/// The index of a model in shards: the file of each tensor.
struct ShardIndex {
  let file: String
  private(set) var files: [String: String] = [:]

  /// Reads and checks an index.
  init(_ data: Data, file: String) throws {
    self.file = file
    guard data.count <= SafetensorsHeader.maximalLength else {
      throw CheckpointError(
        file: file, problem: "\(data.count) bytes are too many for an index of shards",
        remedy: "this is another kind of file, so give the path of a model")
    }
    var parser = try HeaderParser([UInt8](data), file: file, offset: 0, of: "the index of shards")
    var files: [String: String]?
    try parser.object { parser, key in
      guard key == "weight_map" else { return try parser.skip() }
      var map: [String: String] = [:]
      try parser.object { parser, name in
        parser.tensor = name
        let shard = try parser.text()
        guard ShardIndex.isPlain(shard) else {
          throw parser.flaw(
            "its shard \(quoted(shard)) is not a name in the folder of the index",
            remedy: "put the shards beside the index and give their names without a path")
        }
        map[name] = shard
        parser.tensor = nil
      }
      files = map
    }
    try parser.end()
    guard let files, !files.isEmpty else {
      throw CheckpointError(
        file: file, problem: "the index of shards \(files == nil ? "has no" : "has an empty") weight_map",
        remedy: "download or make it again")
    }
    self.files = files
  }

  /// Whether a name is that of a file in the same folder, and cannot lead elsewhere.
  private static func isPlain(_ name: String) -> Bool {
    !name.isEmpty && name != "." && name != ".."
      && name.unicodeScalars.allSatisfy { $0 != "/" && $0 != "\\" && $0.value >= 0x20 }
  }
}

extension Checkpoint {
  /// The tensors of all shards of the index at `url`.
  package init(index data: Data, at url: URL) throws {
    let index = try ShardIndex(data, file: url.path)
    self.init()
    origin = index.file
    for shard in Set(index.files.values).sorted() {
      let part = try Checkpoint(shard: shard, beside: url, of: index)
      for (name, tensor) in part.mapped {
        guard let place = index.files[name] else {
          throw index.flaw(name, "the shard \(quoted(shard)) has this tensor, but the index does not list it")
        }
        guard place == shard else {
          throw index.flaw(name, "it is in the shard \(quoted(shard)), but the index names \(quoted(place))")
        }
        mapped[name] = tensor
      }
      metadata.merge(part.metadata) { first, _ in first }
    }
    for (name, shard) in index.files.sorted(by: { $0.key < $1.key }) where mapped[name] == nil {
      throw index.flaw(name, "the index names the shard \(quoted(shard)), which has no such tensor")
    }
  }

  /// One shard.
  private init(shard: String, beside url: URL, of index: ShardIndex) throws {
    let place = url.deletingLastPathComponent().appendingPathComponent(shard)
    guard FileManager.default.fileExists(atPath: place.path) else {
      let names = index.files.filter { $0.value == shard }.keys.sorted()
      throw CheckpointError(
        file: index.file, problem: "the shard \(quoted(shard)), which should hold \(listed(names)), is missing",
        remedy: "put it beside the index")
    }
    do {
      let data = try mappedContents(of: place)
      if case .other(let what) = Checkpoint.kind(of: data, suffix: place.pathExtension) {
        throw CheckpointError(file: place.path, problem: what, remedy: "download the model as safetensors")
      }
      try self.init(mapping: data, file: place.path)
    } catch let error as CheckpointError {
      throw CheckpointError(
        file: error.file, tensor: error.tensor, byte: error.byte,
        problem: "as a shard of the model, \(error.problem)", remedy: error.remedy)
    }
  }
}

extension ShardIndex {
  /// The error for a tensor on which index and shards do not agree.
  func flaw(_ name: String, _ problem: String) -> CheckpointError {
    CheckpointError(
      file: file, tensor: name, problem: problem,
      remedy: "index and shards are of different models, so download or make them again")
  }
}
