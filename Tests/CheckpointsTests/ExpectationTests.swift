// # A checkpoint of another model
//
// Names and shapes that do not fit are told apart and named.

import Checkpoints
import Foundation
import Tensors
import TestSupport
import Testing

@Suite struct ExpectationTests {
  let checkpoint = Checkpoint(tensors: ["a": .zeros([2, 3]), "b": .zeros([5])])

  @Test func shapesAreCompared() throws {
    #expect(try checkpoint.tensor("a", shape: [2, 3]).count == 6)
    let error = try #require(throws: CheckpointError.self) { try checkpoint.tensor("a", shape: [3, 2]) }
    for mention in ["\"a\"", "[3, 2]", "[2, 3]", "memory"] {
      #expect(error.description.contains(mention), "\(error)")
    }
    let absent = try #require(throws: CheckpointError.self) { try checkpoint.tensor("c", shape: [5]) }
    for mention in ["\"c\"", "\"a\"", "\"b\""] { #expect(absent.description.contains(mention), "\(absent)") }
  }

  @Test func theFileIsNamed() throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("teacher.safetensors")
      try checkpoint.write(to: url)
      let read = try Checkpoint(contentsOf: url)
      let error = try #require(throws: CheckpointError.self) { try read.tensor("a", shape: [6]) }
      #expect(error.file == url.path && error.tensor == "a")
      #expect(throws: CheckpointError.self) { try read.expectNames(["a"]) }
    }
  }

  @Test func namesAreCompared() throws {
    try checkpoint.expectNames(["b", "a"])
    let error = try #require(throws: CheckpointError.self) {
      try checkpoint.expectNames(["a"] + (0..<20).map { "x\($0)" })
    }
    for mention in ["20 of 21", "\"x0\"", "14 more", "not expected", "\"b\""] {
      #expect(error.description.contains(mention), "\(error)")
    }
  }

  @Test func theNameOfTheMetadataIsReserved() throws {
    try withTemporaryFolder { directory in
      let checkpoint = Checkpoint(tensors: ["__metadata__": Tensor(1)])
      let error = try #require(throws: CheckpointError.self) {
        try checkpoint.write(to: directory.appendingPathComponent("x"))
      }
      #expect(error.tensor == "__metadata__")
      #expect(try entries(directory).isEmpty)
    }
  }
}
