// # Models in shards
//
// Two shards and their index, read as one; and every way in which they do not belong together.

import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

/// The folder of a model in shards, before a test changes it.
private struct Model {
  var shards: [String: [String: Tensor]] = [
    "model-1.safetensors": ["a": Tensor([1, 2, 3]), "b": Tensor(rows: [[4, 5], [6, 7], [8, 9]])],
    "model-2.safetensors": ["c": Tensor([10, 11, 12, 13, 14])],
  ]
  var map: [(String, String)] = [
    ("a", "model-1.safetensors"), ("b", "model-1.safetensors"), ("c", "model-2.safetensors"),
  ]
  var index: String?

  /// The text of the index.
  var json: String {
    let pairs = map.map { "\"\($0)\": \"\($1)\"" }.joined(separator: ", ")
    return index
      ?? "{\"metadata\": {\"total_size\": 56, \"more\": [null, {\"x\": -1.5e3}]}, \"weight_map\": {\(pairs)}}"
  }

  /// Writes all files into a folder.
  func write(to folder: URL) throws {
    for (name, tensors) in shards {
      try Checkpoint(tensors: tensors, metadata: ["format": "pt"]).write(to: folder.appendingPathComponent(name))
    }
    try Data(json.utf8).write(to: folder.appendingPathComponent("model.safetensors.index.json"))
  }
}

@Suite struct ShardTests {
  private typealias Damage = (name: String, mentions: [String], change: @Sendable (inout Model) -> Void)

  @Test func shardsAreReadAsOne() throws {
    try withTemporaryFolder { folder in
      try Model().write(to: folder)
      for url in [folder, folder.appendingPathComponent("model.safetensors.index.json")] {
        let read = try Checkpoint(mapping: url)
        #expect(read.names == ["a", "b", "c"] && read.count == 14 && read.metadata == ["format": "pt"])
        #expect(try read.tensor("a", shape: [3]).elements == [1, 2, 3])
        #expect(try read.tensor("b", shape: [3, 2]).elements == [4, 5, 6, 7, 8, 9])
        #expect(try read.tensor("c", shape: [5]).elements == [10, 11, 12, 13, 14])
        // A message names the shard and not the index.
        let error = try #require(throws: CheckpointError.self) { try read.tensor("c", shape: [1]) }
        #expect(error.file == folder.appendingPathComponent("model-2.safetensors").path)
      }
    }
  }

  private static let damages: [Damage] = [
    ("a shard missing", ["\"model-2.safetensors\"", "missing", "\"c\""], { $0.shards["model-2.safetensors"] = nil }),
    (
      "a name missing in its shard", ["\"d\"", "\"model-2.safetensors\"", "no such tensor"],
      { $0.map.append(("d", "model-2.safetensors")) }
    ),
    (
      "a name in another shard", ["\"c\"", "\"model-1.safetensors\"", "\"model-2.safetensors\""],
      { model in
        model.map[2].1 = "model-1.safetensors"
        model.map.append(("d", "model-2.safetensors"))
        model.shards["model-2.safetensors"]!["d"] = Tensor([1])
      }
    ),
    (
      "a tensor in two shards", ["\"a\"", "\"model-1.safetensors\"", "\"model-2.safetensors\""],
      { $0.shards["model-2.safetensors"]!["a"] = Tensor([1, 2, 3]) }
    ),
    ("a tensor that is not listed", ["\"b\"", "does not list"], { $0.map.remove(at: 1) }),
    ("a name twice", ["\"a\"", "twice"], { $0.map.append(("a", "model-2.safetensors")) }),
    (
      "a path upwards", ["\"a\"", "\"../model-1.safetensors\"", "folder"], { $0.map[0].1 = "../model-1.safetensors" }
    ),
    ("an absolute path", ["\"a\"", "\"/etc/passwd\"", "folder"], { $0.map[0].1 = "/etc/passwd" }),
    ("a path downwards", ["\"a\"", "\"x/y.safetensors\"", "folder"], { $0.map[0].1 = "x/y.safetensors" }),
    ("the folder above", ["\"a\"", "\"..\"", "folder"], { $0.map[0].1 = ".." }),
    ("no name", ["\"a\"", "\"\"", "folder"], { $0.map[0].1 = "" }),
    ("a zero in the name", ["\"a\"", "folder"], { $0.map[0].1 = "x\\u0000" }),
    ("the index itself", ["as a shard"], { $0.map = [("a", "model.safetensors.index.json")] }),
    ("an empty map", ["empty weight_map"], { $0.index = "{\"weight_map\": {}}" }),
    ("no map", ["no weight_map"], { $0.index = "{\"metadata\": {}}" }),
    ("a map that is none", ["“{”"], { $0.index = "{\"weight_map\": [1]}" }),
    ("a map of numbers", ["“\"”", "\"a\""], { $0.index = "{\"weight_map\": {\"a\": 1}}" }),
    ("an open map", ["“\"”"], { $0.index = "{\"weight_map\": {" }),
    ("an open value", ["ends inside a value"], { $0.index = "{\"metadata\": [" }),
    ("a wrong bracket", ["bracket"], { $0.index = "{\"metadata\": [1}" }),
    ("no value", ["a value here"], { $0.index = "{\"metadata\": , \"weight_map\": {}}" }),
    ("a sign that is none", ["a value here"], { $0.index = "{\"metadata\": [$]}" }),
    (
      "deep", ["ends inside a value"],
      { $0.index = "{\"metadata\": " + String(repeating: "[", count: 1_000_000) }
    ),
  ]

  @Test func whatDoesNotBelongTogetherIsRefused() throws {
    for (name, mentions, change) in ShardTests.damages {
      var model = Model()
      change(&model)
      try withTemporaryFolder { folder in
        try model.write(to: folder)
        let error = try #require(throws: CheckpointError.self, "\(name)") { try Checkpoint(mapping: folder) }
        for mention in mentions + ["shard", folder.path] {
          #expect(error.description.contains(mention), "\(name): \(error) should mention \(mention)")
        }
        #expect(error.description.count < 1000)
      }
    }
  }

  @Test func aDamagedShardIsNamed() throws {
    try withTemporaryFolder { folder in
      try Model().write(to: folder)
      let url = folder.appendingPathComponent("model-1.safetensors")
      try Data(contentsOf: url).dropLast().write(to: url)
      let error = try #require(throws: CheckpointError.self) { try Checkpoint(mapping: folder) }
      #expect(error.file == url.path && error.problem.contains("as a shard"), "\(error)")
    }
  }

  @Test func shardsOfOtherKindsAreNamed() throws {
    try withTemporaryFolder { folder in
      try Model().write(to: folder)
      let url = folder.appendingPathComponent("model-1.safetensors")
      try Data("PK\u{3}\u{4}and more".utf8).write(to: url)
      let error = try #require(throws: CheckpointError.self) { try Checkpoint(mapping: folder) }
      for mention in [url.path, "as a shard", "pickle"] { #expect(error.description.contains(mention), "\(error)") }
    }
  }

  @Test(.timeLimit(.minutes(1))) func everyChangeOfTheIndexIsSurvived() throws {
    try withTemporaryFolder { folder in
      try Model().write(to: folder)
      let url = folder.appendingPathComponent("model.safetensors.index.json")
      let sound = try Data(contentsOf: url)
      func survives(_ data: Data) -> Bool {
        do {
          let read = try Checkpoint(index: data, at: url)
          for name in read.names { _ = try read.tensor(name) }
          return true
        } catch is CheckpointError {
          return false
        } catch {
          Issue.record("\(error)")
          return false
        }
      }
      #expect(survives(sound))
      for length in 0..<sound.count { #expect(!survives(sound.prefix(length)), "the first \(length) bytes") }
      for index in sound.indices {
        let byte = sound[index]
        for other in [0x00, 0xFF, byte &+ 1, byte &- 1] + (0..<8).map({ byte ^ (1 << $0) }) {
          var data = sound
          data[index] = other
          _ = survives(data)
        }
      }
    }
  }
}
