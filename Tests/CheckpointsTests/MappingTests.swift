// # Models that others have made
//
// A mapped file gives the same as one that is read whole; which file of a folder is meant; buffers that nobody asks
// for; changed names and orders; and numbers that are not finite.

import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct MappingTests {
  /// Writes a checkpoint into a folder, and returns its address.
  private func written(_ checkpoint: Checkpoint, _ name: String, in folder: URL) throws -> URL {
    let url = folder.appendingPathComponent(name)
    try checkpoint.write(to: url)
    return url
  }

  private var some: Checkpoint {
    var random = SeededGenerator(seed: 5)
    return Checkpoint(
      tensors: ["a": .normal([2, 3], using: &random), "b": .normal([5], using: &random), "empty": .zeros([0, 7])],
      metadata: ["format": "pt"])
  }

  @Test func whatIsMappedIsWhatIsRead() throws {
    try withTemporaryFolder { folder in
      let url = try written(some, "x.safetensors", in: folder)
      let (whole, mapped) = (try Checkpoint(contentsOf: url), try Checkpoint(mapping: url))
      #expect(mapped.tensors.isEmpty && mapped.metadata == whole.metadata)
      #expect(mapped.names == ["a", "b", "empty"] && whole.names == mapped.names)
      #expect(mapped.count == 11 && whole.count == 11 && some.count == 11)
      for name in whole.names {
        #expect(
          mapped.shape(of: name) == whole.tensors[name]!.shape && whole.shape(of: name) == mapped.shape(of: name))
        #expect(bits(try mapped.tensor(name)) == bits(whole.tensors[name]!))
        #expect(bits(try mapped.finiteTensor(name)) == bits(whole.tensors[name]!))
      }
      #expect(mapped.shape(of: "c") == nil)
      try mapped.expectNames(["b", "a", "empty"])
      let error = try #require(throws: CheckpointError.self) { try mapped.tensor("a", shape: [3, 2]) }
      for mention in [url.path, "\"a\"", "[3, 2]", "[2, 3]"] {
        #expect(error.description.contains(mention), "\(error)")
      }
      #expect(throws: CheckpointError.self) { try mapped.tensor("c", shape: [3]) }
      #expect(throws: CheckpointError.self) { try mapped.expectNames(["a"]) }

      // Written again it is the same file, even in its own place, from which it is still being read.
      try mapped.write(to: url)
      #expect(try Checkpoint(contentsOf: url).tensors == whole.tensors)
      #expect(bits(try mapped.tensor("a")) == bits(whole.tensors["a"]!))
    }
  }

  @Test func aTensorInMemoryHidesOneInAFile() throws {
    try withTemporaryFolder { folder in
      var mapped = try Checkpoint(mapping: written(some, "x", in: folder))
      mapped.tensors["b"] = Tensor([7])
      mapped.tensors["c"] = Tensor([8, 9])
      #expect(mapped.names == ["a", "b", "c", "empty"] && mapped.count == 9)
      #expect(try mapped.tensor("b", shape: [1]).scalar == 7)
    }
  }

  // The suffix must not matter, so each file has a wrong one.
  @Test func theContentDecides() throws {
    try withTemporaryFolder { folder in
      let tensors = try written(some, "x.gguf", in: folder)
      #expect(try Checkpoint(mapping: tensors).names.count == 3)
      let gguf = folder.appendingPathComponent("x.safetensors")
      try MadeGGUF.small.data.write(to: gguf)
      #expect(try Checkpoint(mapping: gguf).names == ["a", "b"])
      #expect(try Checkpoint(mapping: gguf).metadata == ["general.architecture": "llama"])
    }
  }

  static let otherFiles: [(String, [UInt8], [String])] = [
    ("pytorch_model.bin", Array("PK\u{3}\u{4}and more".utf8), ["PyTorch pickle"]),
    ("old.pt", [0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9], ["PyTorch pickle"]),
    ("x.safetensors", Array("version https://git-lfs.github.com/spec/v1\noid".utf8), ["Git LFS", "downloaded"]),
    ("notes.txt", Array("hello, this is a text".utf8), ["neither safetensors nor GGUF"]),
    ("x.gguf", Array("hello, this is a text".utf8), ["“GGUF”"]),
    ("x.safetensors", Array("hello, this is a text".utf8), ["header should have"]),
    ("short", [1, 2], ["neither safetensors nor GGUF"]),
    ("none", [], ["empty"]),
  ]

  @Test func otherFilesAreCalledByTheirNames() throws {
    for (name, bytes, mentions) in MappingTests.otherFiles {
      try withTemporaryFolder { folder in
        let url = folder.appendingPathComponent(name)
        try Data(bytes).write(to: url)
        let error = try #require(throws: CheckpointError.self) { try Checkpoint(mapping: url) }
        for mention in mentions + [url.path] { #expect(error.description.contains(mention), "\(error)") }
      }
    }
    let absent = URL(fileURLWithPath: "/absent/model")
    #expect(
      try #require(throws: CheckpointError.self) { try Checkpoint(mapping: absent) }.problem.contains("no such"))
    let elsewhere = try #require(URL(string: "https://example.org/x"))
    #expect(throws: CheckpointError.self) { try Checkpoint(mapping: elsewhere) }
  }

  /// The files of a folder, and what the message says; nothing where the folder can be read.
  static let folders: [([String], [String])] = [
    (["model.safetensors", "config.json", "model.safetensors.index.json", "other.gguf"], []),
    (["other.gguf", "tokenizer.json"], []),
    (["a.gguf", "b.gguf"], ["2 models", "\"a.gguf\", \"b.gguf\"", "one of them"]),
    (["pytorch_model.bin", "config.json"], ["pytorch_model.bin", "pickles", "safe_serialization=True"]),
    (["adapter.safetensors"], ["adapter.safetensors", "index"]),
    (
      ["config.json", "notes.txt"],
      ["neither model.safetensors nor another model", "\"config.json\", \"notes.txt\"", ".gguf"]
    ),
    ([], ["the folder is empty"]),
  ]

  @Test func aFolderHasOneModel() throws {
    for (names, mentions) in MappingTests.folders {
      try withTemporaryFolder { folder in
        for name in names {
          let url = folder.appendingPathComponent(name)
          name.hasSuffix(".gguf") ? try MadeGGUF.small.data.write(to: url) : try some.write(to: url)
        }
        if mentions.isEmpty {
          let isGGUF = names[0].hasSuffix(".gguf")
          #expect(try Checkpoint(mapping: folder).names == (isGGUF ? ["a", "b"] : ["a", "b", "empty"]))
          return
        }
        let error = try #require(throws: CheckpointError.self) { try Checkpoint(mapping: folder) }
        for mention in mentions + [folder.path] { #expect(error.description.contains(mention), "\(error)") }
      }
    }
  }

  @Test(arguments: [
    ("BOOL", 1), ("U8", 1), ("I8", 1), ("F8_E4M3", 1), ("F8_E5M2", 1), ("F8_E8M0", 1), ("I16", 2), ("U16", 2),
    ("I32", 4), ("U32", 4), ("U64", 8), ("C64", 8),
  ]) func buffersAreLeftAlone(_ dtype: String, _ size: Int) throws {
    let header =
      "{\"mask\":{\"dtype\":\"\(dtype)\",\"shape\":[1,3],\"data_offsets\":[0,\(3 * size)]},"
      + "\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[\(3 * size),\(3 * size + 4)]}}"
    let data = safetensors(header, numbers: Array(repeating: 0, count: 3 * size) + littleEndian(Float(2).bitPattern))
    let mapped = try Checkpoint(mapping: data, file: "x")
    #expect(mapped.shape(of: "mask") == [1, 3])
    #expect(try mapped.tensor("w", shape: [1]).scalar == 2)
    let error = try #require(throws: CheckpointError.self) { try mapped.tensor("mask") }
    for mention in ["\"mask\"", dtype, "leave the tensor out"] {
      #expect(error.description.contains(mention), "\(error)")
    }
    #expect(throws: CheckpointError.self) { try Checkpoint(data, file: "x") }
    try mapped.renamed { $0 == "mask" ? nil : $0 }.expectNames(["w"])
  }

  @Test func namesAreChanged() throws {
    try withTemporaryFolder { folder in
      let mapped = try Checkpoint(mapping: written(some, "x", in: folder))
      for checkpoint in [mapped, some] {
        let renamed = try checkpoint.renamed { $0 == "empty" ? nil : "model.\($0)" }
        #expect(renamed.names == ["model.a", "model.b"] && renamed.metadata == ["format": "pt"])
        #expect(try renamed.tensor("model.a", shape: [2, 3]) == some.tensors["a"]!)
        let error = try #require(throws: CheckpointError.self) { try checkpoint.renamed { _ in "same" } }
        for mention in ["\"same\"", "\"a\"", "\"b\""] { #expect(error.description.contains(mention), "\(error)") }
      }
      let renamed = try mapped.renamed { "model.\($0)" }
      let error = try #require(throws: CheckpointError.self) { try renamed.tensor("model.a", shape: [7]) }
      #expect(error.tensor == "model.a" && error.description.contains("called \"a\""), "\(error)")
    }
  }

  @Test func ordersAreChanged() throws {
    try withTemporaryFolder { folder in
      let mapped = try Checkpoint(mapping: written(some, "x", in: folder))
      let a = some.tensors["a"]!
      for checkpoint in [mapped, some] {
        let turned = try checkpoint.transforming("a", to: [3, 2]) { $0.transposed() }
        #expect(turned.shape(of: "a") == [3, 2])
        #expect(try turned.tensor("a", shape: [3, 2]) == a.transposed())
        // Two in a row, the second under a new name.
        let back = try turned.renamed { "the \($0)" }.transforming("the a", to: [2, 3]) { $0.transposed() }
        #expect(try back.tensor("the a") == a)
        #expect(try checkpoint.tensor("a") == a)
        #expect(throws: CheckpointError.self) { try checkpoint.transforming("c") { $0 } }
        let error = try #require(throws: CheckpointError.self) {
          try checkpoint.transforming("a") { $0.transposed() }.tensor("a")
        }
        for mention in ["\"a\"", "[2, 3]", "[3, 2]"] { #expect(error.description.contains(mention), "\(error)") }
      }
    }
  }

  @Test func aNumberThatIsNoneHasAPlace() throws {
    func place(_ shape: Shape, _ index: Int, _ value: Scalar) throws -> String {
      var tensor = Tensor.ones(shape)
      tensor.withMutableElements { $0[index] = value }
      let checkpoint = Checkpoint(tensors: ["w": tensor])
      _ = try checkpoint.tensor("w", shape: shape)
      return try #require(throws: CheckpointError.self) { try checkpoint.finiteTensor("w", shape: shape) }.description
    }
    let cases: [(Shape, Int, Scalar, [String])] = [
      ([5, 7], 17, .nan, ["\"w\"", "number 17 of 35", "row 2 and column 3", "NaN"]),
      ([11], 3, .infinity, ["number 3 of 11 is ∞"]),
      ([2, 3, 5], 29, -.infinity, ["number 29 of 30", "[1, 2, 4]", "−∞"]),
      ([], 0, .nan, ["number 0 of 1 is NaN"]),
    ]
    for (shape, index, value, mentions) in cases {
      let message = try place(shape, index, value)
      for mention in mentions { #expect(message.contains(mention), "\(message) should mention \(mention)") }
    }
    // What was too large for half precision is infinite in the file.
    let half = safetensors(
      #"{"x":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]}}"#, numbers: [0xFF, 0x7B, 0, 0, 0, 0x7C, 0, 0])
    let error = try #require(throws: CheckpointError.self) {
      try Checkpoint(mapping: half, file: "h").renamed { "model.\($0)" }.finiteTensor("model.x")
    }
    for mention in ["h, tensor \"model.x\"", "row 1 and column 0", "∞", "called \"x\"", "format"] {
      #expect(error.description.contains(mention), "\(error)")
    }
  }
}
