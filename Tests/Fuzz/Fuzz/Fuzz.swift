// # Inputs that nobody thought of
//
// libFuzzer makes inputs, watches which parts of the program each one reaches, and changes those that reached something
// new. What it is after is a trap: every reader has to end, with a value or with an error. Which reader is asked says the
// environment's FUZZ_READER, and FUZZ_WEIGHTS names the weights that lie beside a config.json. `make fuzz` asks the
// readers one after another.
//
// Read before: `Tests/Fuzz/Package.swift`.

import Checkpoints
import Corpora
import Foundation
import Models

/// What is asked to read the bytes; it may write into the folder.
private typealias Reader = @Sendable (Data, URL) throws -> Void

/// Readers of what comes from outside, by name.
private let readers: [String: Reader] = [
  "safetensors": { data, folder in
    let file = folder.appending(path: "model.safetensors")
    try data.write(to: file)
    let checkpoint = try Checkpoint(contentsOf: file)
    for name in checkpoint.names { _ = try checkpoint.tensor(name) }
  },
  "gguf": { data, folder in
    let file = folder.appending(path: "model.gguf")
    try data.write(to: file)
    _ = try LanguageModel(contentsOf: file)
  },
  "config": { data, folder in
    try data.write(to: folder.appending(path: "config.json"))
    _ = try LanguageModel(contentsOf: folder)
  },
  "corpus": { data, folder in
    let file = folder.appending(path: "text.txt")
    try data.write(to: file)
    let text = try Corpus.text(contentsOf: file)
    let corpus = try Corpus(text: text, tokenizer: CharacterTokenizer(trainedOn: text)).validated(forWindow: 4)
    _ = try corpus.heldOutBatches(count: 2, B: 2, T: 4)
    let pairs = try BytePairTokenizer(trainedOn: text, vocabularySize: 264)
    _ = try pairs.decode(pairs.encode(text))
  },
  // No reader: to see that a trap is found, and reported.
  "trap": { data, _ in precondition(data.count < 4, "found") },
  "grammar": { data, _ in _ = try Grammar(String(decoding: data, as: UTF8.self)) },
  "tokenizer": { data, folder in
    let file = folder.appending(path: "tokenizer.json")
    try data.write(to: file)
    let tokenizer = try AnyTokenizer(contentsOf: file)
    _ = try tokenizer.decode(tokenizer.encode("in the beginning, 12 Ünïcödé 🙂\n"))
  },
]

private let reader: Reader = {
  let name = ProcessInfo.processInfo.environment["FUZZ_READER"] ?? ""
  guard let reader = readers[name] else {
    FileHandle.standardError.write(Data("FUZZ_READER is one of \(readers.keys.sorted())\n".utf8))
    exit(64)
  }
  return reader
}()

private let folder: URL = {
  let folder = FileManager.default.temporaryDirectory.appending(path: "mohawk-fuzz-\(getpid())")
  try? FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  if let weights = ProcessInfo.processInfo.environment["FUZZ_WEIGHTS"] {
    try? FileManager.default.copyItem(atPath: weights, toPath: folder.appending(path: "model.safetensors").path)
  }
  return folder
}()

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
  let data = start.map { Data(bytes: $0, count: count) } ?? Data()
  do { try reader(data, folder) } catch {}
  return 0
}
