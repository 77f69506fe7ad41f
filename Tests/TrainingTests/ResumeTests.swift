// # Interrupted and resumed
//
// A run that is interrupted at any step, once or at each, and goes on from its checkpoint is bit
// for bit the run that was never interrupted: weights, moments, records, random state. And a file
// that is not this run's checkpoint is refused before it changes anything.

import Checkpoints
import Foundation
import Gradients
import Tensors
import TestSupport
import Testing
import Training

/// The bits of everything in a checkpoint: parameters and both moments by name.
private func contents(_ file: URL) throws -> [String: [UInt64]] {
  try Checkpoint(contentsOf: file).tensors.mapValues { bits($0) }
}

/// The number of steps that a checkpoint holds.
private func steps(in file: URL) throws -> Int {
  let state = try Checkpoint(contentsOf: file).metadata["state"]!
  let object = try JSONSerialization.jsonObject(with: Data(state.utf8)) as! [String: Any]
  return (object["records"] as! [Any]).count
}

@Suite("resuming", .tallied) struct ResumeTests {
  @Test(arguments: [1, 3, 4, 200], 0...11) func aRunThatWasInterruptedIsTheRunThatWasNot(interval: Int, k: Int) throws
  {
    try withTemporaryFolder { directory in
      let (whole, cut) = (directory.appendingPathComponent("whole"), directory.appendingPathComponent("cut"))
      let steady = Problem()
      let expected = Outcome(steady, try steady.train(checkpoint: whole))
      _ = try Problem().train(checkpoint: cut, every: interval, stop: k)
      // What was done after the last checkpoint is lost, and done again.
      #expect(FileManager.default.fileExists(atPath: cut.path) == (k >= interval || k == 11))
      let second = Problem()
      let run = try second.train(checkpoint: cut, every: interval)
      #expect(Outcome(second, run) == expected)
      #expect(try contents(cut) == contents(whole))
    }
  }

  @Test func aRunMayBeInterruptedAtEachStep() throws {
    try withTemporaryFolder { directory in
      let (whole, cut) = (directory.appendingPathComponent("whole"), directory.appendingPathComponent("cut"))
      let steady = Problem()
      let expected = Outcome(steady, try steady.train(checkpoint: whole))
      for step in 0..<11 {
        let run = try Problem().train(checkpoint: cut, every: 1, stop: 1)
        #expect(run.records.count == step + 1)
      }
      let last = Problem()
      // The run is over; what it made is there, and nothing is left to do.
      #expect(Outcome(last, try last.train(checkpoint: cut)) == expected)
      #expect(try contents(cut) == contents(whole))
      #expect(
        try Set(contents(cut).keys.map { $0.split(separator: ".")[0] }) == [
          "parameter", "first_moment", "second_moment",
        ])
    }
  }

  @Test func theCheckpointIsWrittenAtTheIntervalAndAtTheEnd() throws {
    try withTemporaryFolder { directory in
      let file = directory.appendingPathComponent("deep/er/run.safetensors")
      let problem = Problem()
      let run = try TrainingRun("toy", of: problem.trained, settings: Problem.settings(), checkpoint: file, every: 4)
      let expected = [nil, nil, nil, 4, 4, 4, 4, 8, 8, 8, 11] as [Int?]
      for step in run {
        try problem.step(run)
        let there = FileManager.default.fileExists(atPath: file.path) ? try steps(in: file) : nil
        #expect(there == expected[step], "after step \(step)")
      }
    }
  }

  // A run whose steps take minutes keeps its state by the clock.
  @Test func theCheckpointIsWrittenWhenItsTimeIsOver() throws {
    try withTemporaryFolder { directory in
      let file = directory.appendingPathComponent("run.safetensors")
      let gap = Duration.milliseconds(300)
      let problem = Problem()
      let run = try TrainingRun(
        "toy", of: problem.trained, settings: Problem.settings(), checkpoint: file, every: 7, orAfter: gap)
      // The steps that the file must hold, and the time before which it cannot have been written again.
      var (kept, isNew) = (nil as Int?, ContinuousClock.now + gap)
      for step in run {
        // The third step takes long, and so do the eighth and the ninth.
        if [2, 7, 8].contains(step) { Thread.sleep(forTimeInterval: 0.35) }
        try problem.step(run)
        if [2, 7, 8].contains(step) || step == 6 || step == 10 {
          (kept, isNew) = (step + 1, .now + gap)
        } else if ContinuousClock.now > isNew {
          // The machine was busy with something else for so long that more may have been written.
          return
        }
        let there = FileManager.default.fileExists(atPath: file.path) ? try steps(in: file) : nil
        #expect(there == kept, "after step \(step)")
      }
      #expect(run.records.count == 11)
    }
  }

  // Written after each step or only at the end, it is the same run and the same file; and a killed run goes on where
  // it was.
  @Test(arguments: [0, 1, 4, 10]) func theClockDoesNotChangeWhatIsComputed(k: Int) throws {
    try withTemporaryFolder { directory in
      let (whole, cut) = (directory.appendingPathComponent("whole"), directory.appendingPathComponent("cut"))
      func train(_ problem: Problem, _ file: URL, _ gap: Duration, stop: Int = .max) throws -> Outcome {
        let run = try TrainingRun(
          "toy", of: problem.trained, settings: Problem.settings(), checkpoint: file, every: 1000, orAfter: gap)
        var done = 0
        while done < stop, run.next() != nil {
          try problem.step(run)
          done += 1
        }
        return Outcome(problem, run)
      }
      let expected = try train(Problem(), whole, .seconds(3600))
      _ = try train(Problem(), cut, .zero, stop: k)
      #expect((FileManager.default.fileExists(atPath: cut.path) ? try steps(in: cut) : 0) == k)
      #expect(try train(Problem(), cut, .zero) == expected)
      #expect(try contents(cut) == contents(whole))
    }
  }

  // Before the hour is over nothing of a killed run is kept; and without a file the clock writes none.
  @Test func beforeItsTimeNothingIsWritten() throws {
    try withTemporaryFolder { directory in
      let file = directory.appendingPathComponent("run")
      for (file, gap) in [(file, Duration.seconds(3600)), (nil, .zero)] {
        let problem = Problem()
        let run = try TrainingRun(
          "toy", of: problem.trained, settings: Problem.settings(), checkpoint: file, every: 1000, orAfter: gap)
        for _ in 0..<10 { try problem.step(run) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path).isEmpty)
      }
    }
  }

  /// Settings that differ from those of the checkpoint in one thing each.
  static let others: [(String, @Sendable (inout TrainingSettings) -> Void)] = [
    ("steps", { $0.schedule.steps += 1 }), ("learning rate", { $0.schedule.peak *= 2 }),
    ("warm-up", { $0.schedule.warmUp = 0.3 }), ("decay of the rate", { $0.schedule.decay = 0 }),
    ("seed", { $0.seed += 1 }), ("tokens", { $0.tokensPerUpdate += 1 }), ("beta 1", { $0.optimiser.beta1 = 0.8 }),
    ("beta 2", { $0.optimiser.beta2 = 0.999 }), ("epsilon", { $0.optimiser.epsilon = 1e-6 }),
    ("weight decay", { $0.optimiser.weightDecay = 0 }), ("clipping", { $0.optimiser.clip = nil }),
  ]

  @Test func aCheckpointOfOtherSettingsIsRefused() throws {
    try withTemporaryFolder { directory in
      let file = directory.appendingPathComponent("run")
      _ = try Problem().train(checkpoint: file, stop: 6)
      for (what, change) in ResumeTests.others {
        var settings = Problem.settings()
        change(&settings)
        try refuses(
          file, settings: settings, mentions: ["settings", file.path, "choose another --out"], "other \(what)")
      }
      try refuses(file, name: "stage 2", mentions: ["its name is toy, this run's stage 2", file.path], "other name")
      try rewriteState(of: file) { $0["scalar"] = "Half" }
      try refuses(file, mentions: ["number type is Half, this run's \(scalarName)"], "other numbers")
    }
  }

  @Test func aDamagedCheckpointIsRefused() throws {
    try withTemporaryFolder { directory in
      let file = directory.appendingPathComponent("run")
      _ = try Problem().train(checkpoint: file, stop: 6)
      let whole = try Data(contentsOf: file)
      for length in [0, 1, 7, 8, 9, 100, whole.count / 2, whole.count - 1] {
        try whole.prefix(length).write(to: file)
        try refuses(file, mentions: [file.path], "the first \(length) bytes")
      }
      try Data("not a checkpoint".utf8).write(to: file)
      try refuses(file, mentions: [file.path], "garbage")
      try Checkpoint(tensors: ["a": .zeros([3])]).write(to: file)
      try refuses(file, mentions: ["state of a training run"], "a model's weights")

      let changes: [(String, (inout [String: Any]) -> Void)] = [
        ("no name", { $0["name"] = nil }), ("no random state", { $0["random"] = nil }),
        ("a random state of zeros", { $0["random"] = ["state": [0, 0, 0, 0]] }),
        ("a random state of three words", { $0["random"] = ["state": [1, 2, 3]] }),
        ("records that are too short", { $0["records"] = [[1.0, 2.0]] }),
        ("names of details that are none of them", { $0["detailNames"] = ["half"] }),
        ("records of more steps than there are", { $0["records"] = Array(repeating: [1.0, 1, 1], count: 5000) }),
        ("records of text", { $0["records"] = "five" }),
      ]
      for (what, change) in changes {
        try whole.write(to: file)
        try rewriteState(of: file, change)
        try refuses(file, mentions: ["state of a training run"], what)
      }
      for kind in ["parameter", "first_moment", "second_moment"] {
        let shape = try #require(Checkpoint(contentsOf: file).tensors["\(kind).gain"]).shape
        let bad: [(String, Tensor?, String)] = [
          ("missing", nil, "no tensor"), ("misshapen", Tensor.zeros([5]), "shape"),
          ("not finite", Tensor(repeating: .infinity, shape: shape), "finite"),
          ("below 0", Tensor(repeating: -1, shape: shape), "below 0"),
        ]
        for (what, tensor, mention) in bad where mention != "below 0" || kind == "second_moment" {
          try whole.write(to: file)
          var checkpoint = try Checkpoint(contentsOf: file)
          checkpoint.tensors["\(kind).gain"] = tensor
          try checkpoint.write(to: file)
          try refuses(file, mentions: ["\(kind).gain", mention], "\(kind) \(what)")
        }
      }
      // And the whole file is still good.
      try whole.write(to: file)
      #expect(try Problem().train(checkpoint: file, stop: 0).records.count == 6)
    }
  }

  @Test(arguments: [
    (#"{"text":"b"}"#, "another text"), (#"{"recipe":1,"text":"b"}"#, "another recipe, another text"),
    ("{}", "another text"),
    ("[", "is damaged"),
  ]) func aCheckpointMadeFromSomethingElseIsRefused(origin: String, mention: String) throws {
    try withTemporaryFolder { directory in
      let file = directory.appendingPathComponent("run")
      func run(_ problem: Problem, _ origin: String) throws -> TrainingRun {
        try TrainingRun(
          "toy", of: problem.trained, settings: Problem.settings(), checkpoint: file, every: 1, madeFrom: origin)
      }
      let problem = Problem()
      let first = try run(problem, #"{"text": "a"}"#)
      try problem.step(first)
      let before = try Data(contentsOf: file)
      let error = try #require(throws: TrainingError.self) { try run(Problem(), origin) }
      #expect(error.description.contains("it was made from \(mention))"), "\(error)")
      #expect(try Data(contentsOf: file) == before)
      // Spaces and the order of keys are no difference.
      #expect(try run(Problem(), #"{"text":"a"}"#).records == first.records)
    }
  }

  @Test func aPlaceThatCannotBeWrittenIsAnError() throws {
    try withTemporaryFolder { directory in
      let blocker = directory.appendingPathComponent("file")
      try Data([1]).write(to: blocker)
      let error = try #require(throws: CheckpointError.self) {
        try Problem().train(checkpoint: blocker.appendingPathComponent("run"), every: 2)
      }
      #expect(error.description.contains(blocker.path), "\(error)")
      #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == ["file"])
    }
  }

  /// Changes the state of a run in its checkpoint.
  private func rewriteState(of file: URL, _ change: (inout [String: Any]) -> Void) throws {
    var checkpoint = try Checkpoint(contentsOf: file)
    let text = Data(checkpoint.metadata["state"]!.utf8)
    var state = try JSONSerialization.jsonObject(with: text) as! [String: Any]
    change(&state)
    checkpoint.metadata["state"] = String(decoding: try JSONSerialization.data(withJSONObject: state), as: UTF8.self)
    try checkpoint.write(to: file)
  }

  /// Checks that a run does not begin with this checkpoint, says why, and leaves its parameters as
  /// they were.
  private func refuses(
    _ file: URL, name: String = "toy", settings: TrainingSettings = Problem.settings(), mentions: [String],
    _ what: String
  ) throws {
    let problem = Problem()
    do {
      _ = try problem.train(name, settings: settings, checkpoint: file)
      Issue.record("\(what): accepted")
    } catch let error as any CustomStringConvertible {
      for mention in mentions { #expect(error.description.contains(mention), "\(what): \(error)") }
      #expect(error is TrainingError || error is CheckpointError)
    }
    for (mine, untouched) in zip(problem.parameters, Problem().parameters) {
      expectIdentical(mine.value, untouched.value, "\(what): \(mine.name)")
    }
  }
}
