// # What is kept knows what it was made from
//
// A model, finished or under way, is bound to its text, recipe and program from the first file that is
// written. What was made from something else is refused, and stays as it was.

import Checkpoints
import Experiments
import Foundation
import TestSupport
import Testing

@Suite struct OriginTests {
  private static let teacher = "out/05-teacher/teacher-quick-seed0"

  /// The files of a folder, with their contents.
  private func contents(_ folder: URL) throws -> [String: Data] {
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
    return try Dictionary(
      uniqueKeysWithValues: names.map { ($0, try Data(contentsOf: folder.appending(path: $0))) })
  }

  @Test func aRunThatWasKilledIsBoundToItsText() throws {
    try withTemporaryFolder { folder in
      let place = folder.appending(path: Self.teacher)
      let finished = try smallStore(in: folder).teacher()
      // What a killed run leaves: the note and no history.
      try FileManager.default.removeItem(at: place.appending(path: "history.json"))
      let before = try contents(place)
      let error = #expect(throws: CheckpointError.self) { try smallStore(in: folder, drawnBy: "others").teacher() }
      #expect(error?.problem == "the model there was made from another text")
      #expect(try contents(place) == before)
      #expect(try smallStore(in: folder).teacher().history == finished.history)
    }
  }

  @Test(arguments: [
    (#""version" : 1"#, #""version" : 0"#, "another version of the program"),
    (#""T" : 48"#, #""T" : 47"#, "another recipe"),
    ("}", "", "is damaged"),
  ]) func theNoteNamesWhatDiffers(old: String, new: String, problem: String) throws {
    try withStore { store in
      _ = try store.teacher()
      let note = store.out.appending(path: "05-teacher/teacher-quick-seed0/made-from.json")
      let text = try String(contentsOf: note, encoding: .utf8)
      #expect(text.contains(old))
      try text.replacing(old, with: new).write(to: note, atomically: true, encoding: .utf8)
      let error = #expect(throws: CheckpointError.self) { try store.teacher() }
      #expect(error?.problem.contains(problem) == true, "\(String(describing: error))")
    }
  }

  // A file that was edited by hand still fits the note, and would end in a trap, or be used.
  @Test(arguments: [
    ("history.json", #""detailNames" : ["#, #""detailNames" : ["x""#, "0 details"),
    ("history.json", "\"step\" : 1\n", "\"step\" : 9223372036854775807\n", "of step 9223372036854775807"),
    ("config.json", #""num_attention_heads" : 2"#, #""num_attention_heads" : 1"#, "other sizes"),
    ("config.json", #""rope_theta" : 10000"#, #""rope_theta" : 3"#, "other sizes"),
  ]) func whatWasEditedIsRefused(name: String, old: String, new: String, problem: String) throws {
    try withStore { store in
      _ = try store.teacher()
      let file = store.out.appending(path: "05-teacher/teacher-quick-seed0/\(name)")
      let text = try String(contentsOf: file, encoding: .utf8)
      #expect(text.contains(old), "\(text.prefix(600))")
      try text.replacing(old, with: new).write(to: file, atomically: true, encoding: .utf8)
      let error = #expect(throws: CheckpointError.self) { try store.teacher() }
      #expect(error?.problem.contains(problem) == true, "\(String(describing: error))")
    }
  }

  @Test func aRecordThatWasCutIsRefused() throws {
    try withStore { store in
      let history = try store.teacher().history
      let file = store.out.appending(path: "05-teacher/teacher-quick-seed0/history.json")
      var object = try #require(
        JSONSerialization.jsonObject(with: Data(contentsOf: file), options: .mutableContainers) as? [String: Any])
      let records = try #require(object["records"] as? [Any])
      object["records"] = Array(records.dropLast())
      try JSONSerialization.data(withJSONObject: object).write(to: file)
      let error = #expect(throws: CheckpointError.self) { try store.teacher() }
      #expect(error?.problem.contains("not those that were written") == true, "\(String(describing: error))")
      // Files of earlier versions have no checksum.
      object["records"] = records
      object["checksum"] = nil
      try JSONSerialization.data(withJSONObject: object).write(to: file)
      #expect(try store.teacher().history == history)
    }
  }

  @Test func aTokenizerComesBackAndAnotherIsRefused() throws {
    try withStore { store in
      _ = try store.teacher()
      let folder = store.out.appending(path: "05-teacher/teacher-quick-seed0")
      let file = folder.appending(path: "tokenizer.json")
      let whole = try Data(contentsOf: file)
      try FileManager.default.removeItem(at: file)
      _ = try store.teacher()
      #expect(try Data(contentsOf: file) == whole)
      for other in [#"{"kind": "characters", "characters": "ab"}"#, "{"] {
        try AtomicFile.write(other, to: file)
        _ = try #require(throws: (any Error).self) { try store.teacher() }
        #expect(try Data(contentsOf: file) == Data(other.utf8))
      }
    }
  }

  @Test func aFileInThePlaceOfAFolderIsNamed() throws {
    try withStore { store in
      try AtomicFile.write("mine", to: store.out.appending(path: "05-teacher/teacher-quick-seed0"))
      let error = #expect(throws: CheckpointError.self) { try store.teacher() }
      #expect(error?.problem.contains("a file is in the place") == true)
    }
  }

  @Test func aCheckpointThatWasDamagedSaysHowToBeginAgain() throws {
    try withStore { store in
      _ = try store.teacher()
      let folder = store.out.appending(path: "05-teacher/teacher-quick-seed0")
      try FileManager.default.removeItem(at: folder.appending(path: "history.json"))
      try AtomicFile.write("xx", to: folder.appending(path: "training.safetensors"))
      let error = #expect(throws: CheckpointError.self) { try store.teacher() }
      #expect(error?.remedy.contains("the run begins again") == true, "\(String(describing: error))")
    }
  }

  @Test(arguments: [
    (#""agreement" : "#, #""agreement" : 5"#, "agreement"), (#""losses" : ["#, #""losses" : [-7,"#, "losses"),
    (#""matrixDistance""#, #""other""#, "distances"),
    (#""seconds" : "#, #""seconds" : 1"#, "not those that were written"),
  ]) func aResultThatNoStudyFoundIsRefused(old: String, new: String, problem: String) throws {
    try withStore { store in
      let arm = Arm(.phiMamba, [StagePlan(.orientation, steps: 2, rate: 1e-2)])
      _ = try Study(in: store, seeds: 1).results("edited", of: [arm])
      let names = try FileManager.default.contentsOfDirectory(atPath: store.studyFolder.path)
      let file = store.studyFolder.appending(path: try #require(names.first { $0.hasSuffix(".json") }))
      let text = try String(contentsOf: file, encoding: .utf8)
      #expect(text.contains(old), "\(text)")
      try text.replacing(old, with: new).write(to: file, atomically: true, encoding: .utf8)
      let error = #expect(throws: CheckpointError.self) {
        try Study(in: store, seeds: 1).results("edited", of: [arm])
      }
      #expect(error?.problem.contains(problem) == true, "\(String(describing: error))")
    }
  }

  @Test func aFolderThatNoChapterMadeIsLeftAlone() throws {
    try withStore { store in
      let place = store.out.appending(path: "05-teacher/teacher-quick-seed0")
      try AtomicFile.write("mine", to: place.appending(path: "model.safetensors"))
      let error = #expect(throws: CheckpointError.self) { try store.teacher() }
      #expect(error?.description.contains("no chapter has made") == true)
      #expect(try contents(place) == ["model.safetensors": Data("mine".utf8)])
    }
  }

  @Test func equalRecipesGiveTheNumbersOfThisVersion() throws {
    try withStore { store in
      let arm = Arm(
        .phiMamba,
        [
          StagePlan(.orientation, steps: 2, rate: 1e-2), StagePlan(.alignment, steps: 2, rate: 1e-2),
          StagePlan(.distillation, steps: 3, rate: 1e-3),
        ])
      let result = try Study(in: store, seeds: 1).results("version", of: [arm])[0][0]
      let numbers = [try store.teacher().history.records.last!.loss, result.loss, result.divergence]
      // A change beyond rounding needs another `Experiment.version`, and the numbers that it gives here.
      let expected = [1.7807304859161377, 1.7806921154260635, 0.005673919804394245]
      #expect(Experiment.version == 1)
      for (number, expected) in zip(numbers, expected) {
        #expect(abs(number - expected) < 1e-4 * abs(expected), "\(numbers)")
      }
    }
  }
}
