// # Models in files
//
// What was written comes back to the last bit of the logits. What does not fit is refused by name,
// before any parameter has changed.

import Checkpoints
import Foundation
import Gradients
import Models
import Tensors
import TestSupport
import Testing

@Suite("models in files", .tallied) struct FilesTests {
  @Test(arguments: Kind.allCases) func aModelComesBackToTheLastBit(kind: Kind) throws {
    try withTemporaryFolder { directory in
      var random = SeededGenerator(seed: 4)
      let folder = directory.appendingPathComponent("made/on the way")
      let model = kind.model()
      try model.write(to: folder)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
          "config.json", "model.safetensors",
        ])
      let read = try LanguageModel(contentsOf: folder)
      #expect(read.configuration == model.configuration)
      let tokens = randomTokens(using: &random)
      expectIdentical(read(tokens).value, model(tokens).value, "\(kind), logits")
      for (mine, theirs) in zip(read.parameters, model.parameters) {
        #expect(mine.name == theirs.name)
        expectIdentical(mine.value, theirs.value, mine.name)
      }
    }
  }

  @Test(arguments: Kind.allCases) func aCheckpointHoldsTheParametersByName(kind: Kind) {
    let model = kind.model()
    let checkpoint = model.checkpoint
    #expect(Set(checkpoint.tensors.keys) == Set(model.parameters.map(\.name)))
    for parameter in model.parameters { expectIdentical(checkpoint.tensors[parameter.name]!, parameter.value) }
    #expect(checkpoint.metadata["format"] == "pt")
  }

  @Test(arguments: Kind.allCases) func aCheckpointThatDoesNotFitChangesNothing(kind: Kind) throws {
    let source = kind.model(seed: 5)
    let names = source.parameters.map(\.name)
    let (first, last) = (names[0], names[names.count - 1])
    let cases: [(String, (inout Checkpoint) -> Void, [String])] = [
      ("first missing", { $0.tensors[first] = nil }, [first, "1 of \(names.count) tensors are missing"]),
      ("last missing", { $0.tensors[last] = nil }, [last, "missing"]),
      ("unknown", { $0.tensors["lm_head.scale"] = Tensor(1) }, ["lm_head.scale", "1 are not expected"]),
      (
        "missing and unknown",
        {
          $0.tensors["renamed"] = $0.tensors[first]
          $0.tensors[first] = nil
        }, [first, "renamed"]
      ),
      ("transposed", { $0.tensors[first] = $0.tensors[first]!.transposed() }, [first, "[11, 10]", "[10, 11]"]),
      ("last misshapen", { $0.tensors[last] = .zeros([1, 11]) }, [last, "[11]", "[1, 11]"]),
      ("nothing at all", { $0.tensors = [:] }, ["\(names.count) of \(names.count) tensors are missing"]),
    ]
    for (what, change, mentions) in cases {
      var checkpoint = source.checkpoint
      change(&checkpoint)
      let (model, untouched) = (kind.model(), kind.model())
      let error = try #require(throws: CheckpointError.self, "\(what)") { try model.load(checkpoint) }
      for mention in mentions { #expect(error.description.contains(mention), "\(what): \(error)") }
      for (mine, theirs) in zip(model.parameters, untouched.parameters) {
        expectIdentical(mine.value, theirs.value, "\(what): \(mine.name)")
      }
    }
  }

  @Test func oneKindsCheckpointDoesNotFitAnother() throws {
    for (mine, theirs) in [(Kind.teacher, Kind.student), (.student, .hybrid), (.hybrid, .teacher)] {
      #expect(throws: CheckpointError.self) { try mine.model().load(theirs.model().checkpoint) }
    }
  }

  @Test func aFolderWithoutAModelIsRefused() throws {
    try withTemporaryFolder { directory in
      #expect(throws: CheckpointError.self) { try LanguageModel(contentsOf: directory) }
      try Kind.student.configuration.write(to: directory.appendingPathComponent("config.json"))
      let error = try #require(throws: CheckpointError.self) { try LanguageModel(contentsOf: directory) }
      #expect(error.description.contains("model.safetensors"), "\(error)")
      // Weights beside a config.json of other sizes.
      try Kind.student.model().write(to: directory)
      var other = Kind.student.configuration
      other.V = 12
      try other.write(to: directory.appendingPathComponent("config.json"))
      let second = try #require(throws: CheckpointError.self) { try LanguageModel(contentsOf: directory) }
      #expect(second.description.contains("[12, 10]") && second.description.contains("[11, 10]"), "\(second)")
    }
  }
}
