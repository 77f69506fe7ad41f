// # Layers apart
//
// Stages 1 and 2 are one problem for each layer. Whether the problems share a tape, run one after another, side by
// side, or each in a process of its own, or are killed at any step of any layer: the weights are the same to the last
// bit, and so is the record.
//
// Read before: `Support.swift`, `Tests/TrainingTests/ResumeTests.swift`.

import Checkpoints
import Corpora
import Distillation
import Foundation
import Gradients
import Models
import Tensors
import TestSupport
import Testing
import Training

// ## One process

/// The stage of a pair as it is at the start.
///
/// - Parameter layers: the layers whose mixers are trained; nil for all that the student replaces
private func stage(_ kind: Student, _ form: StageForm, replacing layers: [Int]? = nil) -> any LayerwiseStage {
  let pair = Pair(kind)
  let (teacher, student, replaced) = (pair.teacher.frozen, pair.student, layers ?? pair.replaced)
  return switch form {
  case .matrices: MatrixOrientation(from: teacher, to: student, replacing: replaced)
  case .blockOutputs: HiddenStateAlignment(from: teacher, to: student, comparing: .blockOutput, replacing: replaced)
  default: HiddenStateAlignment(from: teacher, to: student, replacing: replaced)
  }
}

/// Seven steps whose gradients are limited layer by layer, some of them below the limit.
private func limited(_ clip: Double? = 5, steps: Int = 7) -> TrainingSettings {
  var settings = settings(steps: steps)
  (settings.optimiser.clip, settings.optimiser.clipsGroups) = (clip, true)
  return settings
}

/// Other tokens in each step.
private func draw(_ random: inout SeededGenerator) -> Batch {
  let tokens = randomTokens(using: &random)
  return Batch(inputs: tokens, targets: tokens)
}

/// Everything that must be the same after two ways to run a stage.
private struct Outcome: Equatable {
  let weights: [String: [UInt64]]
  let history: History

  init(_ stage: any LayerwiseStage, _ history: History) {
    let parameters = stage.student.parameters.map { ($0.name, $0.value.elements.map { UInt64($0.bitPattern) }) }
    (weights, self.history) = (Dictionary(uniqueKeysWithValues: parameters), history)
  }

  /// The weights of a layer alone.
  func weights(of layer: Int) -> [String: [UInt64]] { weights.filter { $0.key.contains(".layers.\(layer).") } }
}

/// A stage that counts how often the loss of each layer is asked for, and gives NaN at one step of one layer.
private struct Watched: LayerwiseStage {
  let stage: any LayerwiseStage
  /// The layer, and which of its losses, counted from 0, is NaN.
  var failure: (layer: Int, call: Int)?
  let log = Log()

  final class Log: Sendable {
    let calls = Lock<[Int: Int]>([:])
    func next(_ layer: Int) -> Int {
      calls.withLock { calls in
        calls[layer, default: 0] += 1
        return calls[layer, default: 0] - 1
      }
    }
  }

  init(_ stage: any LayerwiseStage, failingAt failure: (layer: Int, call: Int)? = nil) {
    (self.stage, self.failure) = (stage, failure)
  }

  var title: String { stage.title }
  var teacher: FrozenModel { stage.teacher }
  var student: LanguageModel { stage.student }
  var replaced: [Int] { stage.replaced }
  var comparesMatrices: Bool { stage.comparesMatrices }
  func trained(in layer: Int) -> [ParameterRows] { stage.trained(in: layer) }
  func loss(of layer: Int, _ trace: BlockTrace<Tensor>) -> Variable {
    let (call, loss) = (log.next(layer), stage.loss(of: layer, trace))
    return failure.map { $0 == (layer, call) } == true ? .nan * loss : loss
  }

  /// How often the loss of each of three layers was asked for.
  var calls: [Int] { log.calls.withLock { calls in (0..<3).map { calls[$0, default: 0] } } }
}

/// The number of steps in the checkpoint of each of three layers; nil where there is none.
private func steps(in folder: URL) throws -> [Int?] {
  try (0..<3).map { layer in
    let file = folder.appending(path: "layer-\(layer).safetensors")
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    let state = try #require(try Checkpoint(contentsOf: file).metadata["state"])
    let object = try #require(try JSONSerialization.jsonObject(with: Data(state.utf8)) as? [String: Any])
    return try #require(object["records"] as? [Any]).count
  }
}

/// The bytes of the files in a folder.
private func contents(of folder: URL) throws -> [String: Data] {
  let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
  return Dictionary(
    uniqueKeysWithValues: try names.map { ($0, try Data(contentsOf: folder.appending(path: $0))) })
}

// ## The same weights

@Suite("layers apart", .tallied) struct LayerwiseTests {
  @Test(arguments: Student.allCases, StageForm.layerwise)
  func neitherTapesNorCompanyChangeABit(kind: Student, form: StageForm) throws {
    let one = stage(kind, form)
    let together = Outcome(one, try train(one, as: "run", limited(), on: draw))
    var first: History?
    for group in [1, 2, 3, 7] {
      let apart = stage(kind, form)
      let outcome = Outcome(apart, try trainLayers(apart, as: "run", limited(), on: draw, sideBySide: group))
      let what = "\(kind), \(form), side by side \(group)"
      for (name, bits) in outcome.weights { #expect(bits == together.weights[name], "\(what): \(name)") }
      Tally.count(outcome.weights.count, what)
      // How many are at work at a time does not show in the record either.
      #expect(outcome.history == first ?? outcome.history, "\(what)")
      first = outcome.history
    }
    // The record is that of all layers together: the same batches, and each layer's loss to the bit.
    let history = try #require(first)
    #expect(history.columns == together.history.columns)
    #expect(history.tokensPerUpdate == 14 && history.records.count == 7)
    for (mine, theirs) in zip(history.records, together.history.records) {
      #expect(mine.step == theirs.step && mine.learningRate == theirs.learningRate)
      #expect(mine.details == theirs.details && mine.details.count == kind.replaced.count)
      // The sum is one of Doubles here and one of Scalars there, and the squares are added in another order.
      expectClose(
        Tensor([Scalar(mine.loss), Scalar(mine.gradientNorm)]),
        Tensor([Scalar(theirs.loss), Scalar(theirs.gradientNorm)]), within: Tolerance.loss, "\(kind), \(form), sums")
      if Tolerance.isDouble { #expect(mine.loss == theirs.loss) }
    }
  }

  // A Llama teacher, whose head is its embedding and whose queries share keys and values; and the options.
  @Test(arguments: DistanceScale.allCases) func theOptionsChangeNoBitEither(scale: DistanceScale) throws {
    func pair() -> Pair { RealModelOptionsTests.llama(.hybrid) }
    let stages: [(Pair) -> any LayerwiseStage] = [
      { MatrixOrientation(from: $0.teacher.frozen, to: $0.student, scale: scale, ignoringFirstColumn: true) },
      { HiddenStateAlignment(from: $0.teacher.frozen, to: $0.student, scale: scale, firstTokenWeight: 5) },
    ]
    for make in stages {
      let (one, apart) = (make(pair()), make(pair()))
      let together = Outcome(one, try train(one, as: "run", limited(), on: draw))
      let outcome = Outcome(apart, try trainLayers(apart, as: "run", limited(), on: draw, sideBySide: 2))
      #expect(outcome.weights == together.weights, "\(one.title), \(scale)")
      #expect(outcome.history.records.map(\.details) == together.history.records.map(\.details))
    }
  }

  // To see that the comparison can fail: another limit, or one limit for all layers, gives other weights in each
  // layer.
  @Test(arguments: StageForm.layerwise) func theLimitIsThatOfEachLayer(form: StageForm) throws {
    func outcome(_ settings: TrainingSettings) throws -> Outcome {
      let one = stage(.mamba, form)
      return Outcome(one, try train(one, as: "run", settings, on: draw))
    }
    let apart = stage(.mamba, form)
    let limits = Outcome(apart, try trainLayers(apart, as: "run", limited(), on: draw, sideBySide: 2))
    var together = limited()
    together.optimiser.clipsGroups = false
    for other in [try outcome(limited(nil)), try outcome(together)] {
      for layer in 0..<3 { #expect(limits.weights(of: layer) != other.weights(of: layer), "\(form), layer \(layer)") }
    }
    // Without a limit layers do not affect one another, and it does not matter whether they are groups of a run.
    var free = limited(nil)
    free.optimiser.clipsGroups = false
    let unlimited = stage(.mamba, form)
    let found = Outcome(unlimited, try trainLayers(unlimited, as: "run", free, on: draw, sideBySide: 2))
    #expect(try found.weights == outcome(limited(nil)).weights, "\(form), no limit")
  }

  // Each layer on a machine of its own: its weights, its file, and the records put together.
  @Test(arguments: [Student.mamba, .hybrid], StageForm.layerwise)
  func aLayerAloneIsTheLayerAmongOthers(kind: Student, form: StageForm) throws {
    try withTemporaryFolder { folder in
      let (home, away) = (folder.appending(path: "home"), folder.appending(path: "away"))
      func outcome(_ layers: [Int], _ folder: URL) throws -> Outcome {
        let some = stage(kind, form, replacing: layers)
        return Outcome(
          some,
          try trainLayers(some, as: "run", limited(), on: draw, checkpoints: folder, sideBySide: 2))
      }
      let all = try outcome(kind.replaced, home)
      let each = try kind.replaced.map { try outcome([$0], away) }
      for (layer, alone) in zip(kind.replaced, each) {
        #expect(alone.weights(of: layer) == all.weights(of: layer), "\(kind), \(form), layer \(layer)")
      }
      #expect(try contents(of: home) == contents(of: away))
      #expect(
        History(of: each.map(\.history), named: kind.replaced.map { "layer \($0)" }) == all.history,
        "\(kind), \(form)")
      // The limit matters: some steps are above it, and for the student without attention some are below it.
      let norms = each.flatMap { $0.history.records.map(\.gradientNorm) }
      #expect(norms.contains { $0 > 5 }, "\(kind), \(form): \(norms)")
      if kind == .mamba { #expect(norms.contains { $0 < 5 }, "\(form): \(norms)") }
    }
  }

  // The order in which layers are named is the order of the record, and changes nothing else.
  @Test func theOrderOfTheLayersDoesNotMatter() throws {
    let (one, another) = (stage(.mamba, .matrices), stage(.mamba, .matrices, replacing: [2, 0, 1]))
    let expected = Outcome(one, try trainLayers(one, as: "run", limited(), on: draw, sideBySide: 2))
    let found = Outcome(another, try trainLayers(another, as: "run", limited(), on: draw, sideBySide: 2))
    #expect(found.weights == expected.weights)
    #expect(found.history.detailNames == ["layer 2", "layer 0", "layer 1"])
    for layer in 0..<3 {
      #expect(found.history.detail("layer \(layer)") == expected.history.detail("layer \(layer)"))
    }
  }

  @Test("trap: weight decay and rows without gradient", arguments: Student.allCases, StageForm.layerwise)
  func replacedLayersChangeAndAllElseKeepsEveryBit(kind: Student, form: StageForm) throws {
    let one = stage(kind, form)
    let (before, teachers) = (one.student.parameters.map(\.value), one.teacher.model.parameters.map(\.value))
    try withTemporaryFolder { folder in
      _ = try trainLayers(
        one, as: "run", limited(steps: 3), on: draw, checkpoints: folder.appending(path: "a/folder"), sideBySide: 2)
      // A kept layer has no run.
      #expect(
        try steps(in: folder.appending(path: "a/folder")) == (0..<3).map { kind.replaced.contains($0) ? 3 : nil })
    }
    let expected = trainedRows(kind, form)
    for (parameter, old) in zip(one.student.parameters, before) {
      for row in 0..<old.shape[0] where !isIdle(parameter.name, row: row) {
        let hasChanged = parameter.value.sliced(row..<(row + 1)) != old.sliced(row..<(row + 1))
        let isTrained = expected[parameter.name]?.contains(row) ?? false
        #expect(hasChanged == isTrained, "\(kind), \(form): \(parameter.name), row \(row)")
      }
      Tally.count(old.shape[0], "\(kind), \(form)")
    }
    for (parameter, old) in zip(one.teacher.model.parameters, teachers) {
      expectIdentical(parameter.value, old, "teacher, \(parameter.name)")
    }
  }
}

// ## Killed and resumed

@Suite("layers apart, killed and resumed") struct LayerwiseResumeTests {
  /// The outcome and the files of a run that nobody disturbs.
  private func undisturbed(_ form: StageForm, in folder: URL) throws -> Outcome {
    let one = stage(.mamba, form)
    return Outcome(one, try trainLayers(one, as: "run", limited(), on: draw, checkpoints: folder, sideBySide: 2))
  }

  // Stopped in the middle of a step: some layers have made it, one has not, others were not reached.
  @Test(arguments: StageForm.layerwise, [1, 2, 7]) func stoppedWithinAStep(form: StageForm, group: Int) throws {
    try withTemporaryFolder { folder in
      let (whole, cut) = (folder.appending(path: "whole"), folder.appending(path: "cut"))
      let expected = try undisturbed(form, in: whole)
      let stopped = Watched(stage(.mamba, form), failingAt: (layer: 1, call: 3))
      #expect(throws: TrainingError.self) {
        try trainLayers(stopped, as: "run", limited(), on: draw, checkpoints: cut, every: 2, sideBySide: group)
      }
      // Layer 0 made its fourth step and kept it, layer 1 did not, and layer 2 ran beside it or waited.
      #expect(try steps(in: cut) == [4, 2, group == 7 ? 4 : 2])
      let resumed = Watched(stage(.mamba, form))
      var begun: [Int] = []
      let history = try trainLayers(
        resumed, as: "run", limited(), on: draw, checkpoints: cut, every: 2, sideBySide: group,
        onBegin: { begun.append($0) })
      #expect(begun == [2] && resumed.calls == [3, 5, group == 7 ? 3 : 5], "\(form), side by side \(group)")
      #expect(Outcome(resumed, history) == expected, "\(form), side by side \(group)")
      #expect(try contents(of: cut) == contents(of: whole))
    }
  }

  /// How many steps were kept of each layer; nil for a layer without a checkpoint.
  static let moments: [[Int?]] = [
    [3, 5, nil], [nil, nil, nil], [7, 7, 6], [1, nil, 7], [2, 2, 2], [6, 1, 4],
  ]

  @Test(arguments: moments, [1, 2, 7]) func layersThatAreBehindCatchUpAlone(moments: [Int?], group: Int) throws {
    try withTemporaryFolder { folder in
      let (whole, cut) = (folder.appending(path: "whole"), folder.appending(path: "cut"))
      // The files after each step.
      let first = stage(.mamba, .mixerOutputs)
      let history = try trainLayers(
        first, as: "run", limited(), on: draw, checkpoints: whole, every: 1, sideBySide: 2,
        onStep: { step, _ in
          try! FileManager.default.copyItem(at: whole, to: folder.appending(path: "\(step)"))
        })
      let expected = Outcome(first, history)
      try FileManager.default.createDirectory(at: cut, withIntermediateDirectories: true)
      for (layer, moment) in moments.enumerated() {
        guard let moment else { continue }
        let name = "layer-\(layer).safetensors"
        try FileManager.default.copyItem(
          at: folder.appending(path: "\(moment)/\(name)"), to: cut.appending(path: name))
      }
      #expect(try steps(in: cut) == moments)
      let resumed = Watched(stage(.mamba, .mixerOutputs))
      var (begun, draws): ([Int], Int) = ([], 0)
      var reported: [(step: Int, loss: Double)] = []
      let found = try trainLayers(
        resumed, as: "run", limited(),
        on: {
          draws += 1
          return draw(&$0)
        }, checkpoints: cut, every: 3, sideBySide: group, onBegin: { begun.append($0) },
        onStep: { reported.append(($0, $1)) })
      #expect(Outcome(resumed, found) == expected)
      #expect(try contents(of: cut) == contents(of: whole))
      // Each layer makes the steps that it lacks and no more; one batch is drawn for all layers that lack a step.
      let done = moments.map { $0 ?? 0 }
      #expect(resumed.calls == done.map { 7 - $0 })
      let slowest = done.min()!
      #expect(begun == [slowest] && draws == 7 - slowest)
      // A step is reported when all layers have made it, with the losses of those that made it in an earlier run.
      #expect(reported.map(\.step) == Array((slowest + 1)..<8))
      #expect(reported.map(\.loss) == Array(expected.history.losses[slowest...]))
    }
  }

  @Test func aRunThatIsOverIsOnlyRead() throws {
    try withTemporaryFolder { folder in
      let expected = try undisturbed(.blockOutputs, in: folder)
      let again = Watched(stage(.mamba, .blockOutputs))
      var (begun, steps): ([Int], Int) = ([], 0)
      let history = try trainLayers(
        again, as: "run", limited(),
        on: { _ in fatalError("a run that is over draws nothing") }, checkpoints: folder, sideBySide: 2,
        onBegin: { begun.append($0) }, onStep: { _, _ in steps += 1 })
      #expect(Outcome(again, history) == expected)
      #expect(begun == [7] && steps == 0 && again.calls == [0, 0, 0])
    }
  }

  @Test func everyStepIsReportedOnce() throws {
    for group in [1, 2, 7] {
      var events: [String] = []
      var losses: [Double] = []
      let one = stage(.hybrid, .matrices)
      let history = try trainLayers(
        one, as: "run", limited(steps: 3),
        on: {
          events.append("batch")
          return draw(&$0)
        }, sideBySide: group, onBegin: { events.append("from \($0)") },
        onStep: { step, loss in
          events.append("step \(step)")
          losses.append(loss)
        })
      #expect(events == ["from 0", "batch", "step 1", "batch", "step 2", "batch", "step 3"], "side by side \(group)")
      #expect(losses == history.losses)
      #expect(losses == history.records.map { $0.details[0] + $0.details[1] })
    }
  }
}

// ## What stops it

@Suite("layers apart, stopped") struct LayerwiseErrorTests {
  @Test(arguments: StageForm.layerwise) func aStageThatReplacesNothingDoesNotBegin(form: StageForm) throws {
    try withTemporaryFolder { folder in
      let none = stage(.mamba, form, replacing: [])
      var hasBegun = false
      let error = try #require(throws: StageError.self) {
        try trainLayers(
          none, as: "run", limited(), on: draw, checkpoints: folder, sideBySide: 2, onBegin: { _ in hasBegun = true })
      }
      #expect(error == .nothingReplaced && !hasBegun)
      #expect(none.student.parameters.allSatisfy { !$0.isFrozen }, "the student was changed")
      #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
    }
  }

  @Test(arguments: [1, 2, 7], 0..<3) func aLossThatIsNoNumberHarmsNoWeightOfItsLayer(group: Int, layer: Int) throws {
    for call in [0, 2] {
      let healthy = stage(.mamba, .mixerOutputs)
      var before = Outcome(healthy, .none).weights(of: layer)
      _ = try trainLayers(
        healthy, as: "run", limited(), on: draw, sideBySide: group,
        onStep: { step, _ in
          if step == call { before = Outcome(healthy, .none).weights(of: layer) }
        })
      let stopped = Watched(stage(.mamba, .mixerOutputs), failingAt: (layer, call))
      let error = try #require(throws: TrainingError.self) {
        try trainLayers(stopped, as: "alignment", limited(), on: draw, sideBySide: group)
      }
      #expect(error == .notFinite(run: "alignment, layer \(layer)", step: call, what: "the loss is nan"))
      #expect(error.description.contains("alignment, layer \(layer)"), "\(error)")
      #expect(Outcome(stopped, .none).weights(of: layer) == before, "layer \(layer), call \(call)")
    }
  }

  @Test func aCheckpointOfAnotherRunIsRefused() throws {
    try withTemporaryFolder { folder in
      _ = try trainLayers(
        stage(.mamba, .mixerOutputs), as: "run", limited(), on: draw, checkpoints: folder, sideBySide: 2)
      func expectRefusal(
        _ what: String, layer: Int, name: String = "run", settings: TrainingSettings = limited(),
        form: StageForm = .mixerOutputs, origin: String = "{}", mentions: String
      ) throws {
        let other = stage(.mamba, form)
        let before = Outcome(other, .none).weights(of: layer)
        var hasBegun = false
        do {
          _ = try trainLayers(
            other, as: name, settings, on: draw, checkpoints: folder, sideBySide: 2, madeFrom: origin,
            onBegin: { _ in hasBegun = true })
          Issue.record("\(what): accepted")
        } catch let error as any CustomStringConvertible {
          #expect(error is TrainingError || error is CheckpointError)
          for mention in [mentions, "layer-\(layer).safetensors"] {
            #expect(error.description.contains(mention), "\(what): \(error)")
          }
        }
        #expect(!hasBegun && Outcome(other, .none).weights(of: layer) == before, "\(what)")
      }
      try expectRefusal(
        "another name", layer: 0, name: "walk", mentions: "its name is run, layer 0, this run's walk, layer 0")
      try expectRefusal("other settings", layer: 0, settings: limited(1), mentions: "settings")
      try expectRefusal("another text", layer: 0, origin: #"{"text":"b"}"#, mentions: "made from another text")
      // A stage that trains more than the file holds.
      try expectRefusal("another stage", layer: 0, form: .blockOutputs, mentions: "mlp.fc1.weight")
      // The layers' files exchanged: none passes for another.
      let (file, other) = (
        folder.appending(path: "layer-1.safetensors"), folder.appending(path: "layer-2.safetensors")
      )
      let saved = try Data(contentsOf: file)
      try Data(contentsOf: other).write(to: file)
      try expectRefusal(
        "another layer", layer: 1, mentions: "its name is run, layer 2, this run's run, layer 1")
      try saved.prefix(saved.count / 2).write(to: file)
      try expectRefusal("half a file", layer: 1, mentions: "layer-1")
    }
  }

  @Test func noLayerAtATimeIsRefused() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = try trainLayers(stage(.mamba, .matrices), as: "run", limited(), on: draw, sideBySide: 0)
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.contains("at least one layer must be trained at a time, not 0"), "\(message)")
  }

  // Two runs over the same weights would train them twice, into one file; on one tape the optimiser notices.
  @Test func aLayerThatIsNamedTwiceIsRefused() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      _ = try trainLayers(
        stage(.mamba, .matrices, replacing: [0, 2, 0]), as: "run", limited(), on: draw, sideBySide: 1)
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.contains("twice in [0, 2, 0]"), "\(message)")
  }
}
