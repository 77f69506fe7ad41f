// # Experiments with a given model
//
// A tiny Llama in the teacher's place: its students share what they take over, go through stages that train layers
// apart, and are kept under everything that they depend on; and estimates of their cost grow with the work.

import Corpora
import Distillation
import Experiments
import Foundation
import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing

/// A store whose teacher is a Llama of three layers, on words in two texts.
private func withStore(
  share: Double = 0.25, N: Int = 3, _ body: (_ store: ModelStore, _ folder: URL) throws -> Void
) throws {
  try withTemporaryFolder { folder in
    var random = SeededGenerator(for: "texts")
    func write(_ words: [String], _ name: String) throws -> URL {
      let file = folder.appending(path: name)
      let text = (0..<900).map { _ in words[Int.random(in: 0..<words.count, using: &random)] }.joined(separator: " ")
      try text.write(to: file, atomically: true, encoding: .utf8)
      return file
    }
    let text = try write(["in", "the", "beginning", "was"], "first.txt")
    let second = try write(["to", "gather"], "second.txt")
    let tokenizer = CharacterTokenizer(trainedOn: "in the beginning was to gather")
    let attention = CausalAttentionSizes(D: 12, H: 6, G: 2, rotaryBase: 500, convention: .llama)
    let sizes = ModelConfiguration(
      V: tokenizer.vocabularySize, D: 12, T: 40, block: SequentialBlockSizes(feedForward: 20),
      mixers: [attention, attention, attention], hasTiedHead: true, layout: .llama)
    let teacher = folder.appending(path: "llama")
    try LanguageModel(sizes, using: &random).write(to: teacher)
    for (name, data) in AnyTokenizer.characters(tokenizer).files { try data.write(to: teacher.appending(path: name)) }
    let settings = ExperimentSettings(
      isQuick: true, corpus: text, model: teacher, recipe: .published(N: N, T: 17, windows: 5, sideBySide: 2),
      secondText: SecondText(second, share: share))
    try body(ModelStore(Experiment(settings), in: folder.appending(path: "out")), folder)
  }
}

@Suite struct PublishedTests {
  private func arm(_ store: ModelStore, _ steps: [Int] = [2, 3, 2], kept: [Int] = []) -> Arm {
    PublishedPlan(steps: steps).arm(keeping: kept, among: store.tokensOfTexts)
  }

  @Test func aStudentSharesWhatItTakesOverAndIsFoundAgain() throws {
    try withStore { store, _ in
      let teacher = try store.teacher().frozen
      let arm = arm(store)
      let first = try store.student(of: arm, in: "15", as: "it")
      let again = try store.student(of: arm, in: "15", as: "it")
      #expect(zip(first.model.parameters, again.model.parameters).allSatisfy { $0.value == $1.value })
      // Everything but the mixers is the teacher's to the last bit, after all stages.
      let table = transferTable(from: teacher, to: again.model)
      #expect(table.allSatisfy { row in row.student.map { $0.value == row.teacher.value } ?? true })
      #expect(table.contains { $0.student == nil })
      // On the way there is a student after each stage, and the values were copied.
      let oriented = try store.student(of: arm, in: "15", as: "it", after: 1)
      let projections = try #require(teacher.blocks[1].mixer.projections)
      let mixer = try #require(oriented.model.blocks[1].mixer as? DiscreteMamba2)
      #expect(mixer.output.weight.value == projections.output.weight.value)
      // Other arms in this place are refused, and nothing is lost.
      #expect(throws: (any Error).self) { try store.student(of: self.arm(store, [2, 3, 4]), in: "15", as: "it") }
      #expect(throws: (any Error).self) {
        try store.student(of: arm, in: "15", as: "it", from: StudentStart("other") { _ in })
      }
      #expect(try store.student(of: arm, in: "15", as: "it").history == first.history)
    }
  }

  @Test func aHybridBeginsWithTheMixersOfOthers() throws {
    try withStore { store, _ in
      let aligned = try store.student(of: arm(store, [0, 3, 0]), in: "15", as: "aligned").model
      let start = StudentStart.mixers("aligned", of: [([0, 2], aligned)])
      var begun: [Tensor] = []
      let probe = StudentStart("probe") { model in
        try start.prepare(model)
        begun = model.blocks[2].mixer.parameters.map(\.value)
      }
      let hybrid = try store.student(of: arm(store, [0, 0, 1], kept: [1]), in: "15", as: "hybrid", from: probe)
      #expect(begun == aligned.blocks[2].mixer.parameters.map(\.value))
      #expect(hybrid.model.blocks[1].mixer is CausalAttention && hybrid.model.blocks[0].mixer is DiscreteMamba2)
      // Training the hybrid did not change the student that it began from.
      #expect(begun == aligned.blocks[2].mixer.parameters.map(\.value))
    }
  }

  @Test func batchesComeFromBothTexts() throws {
    // "gather" has letters that the first text lacks: all of its tokens are among those of the texts.
    try withStore { store, _ in
      let second = try #require(store.second)
      let only = Set(second.corpus.training).subtracting(store.corpus.training)
      #expect(!only.isEmpty && only.isSubset(of: store.tokensOfTexts.tokens))
      #expect(second.heldOut.count == 5 && second.share == 0.25)
    }
  }

  @Test func anArmLeavesNoCheckpointsAndMeasuresBothTexts() throws {
    try withStore { store, _ in
      let results = try Study(in: store, seeds: 1).results(
        "it", of: [arm(store, [2, 2, 2]), arm(store, [0, 3, 3])])
      #expect(results.joined().allSatisfy { $0.second?.losses.count == 5 && $0.losses.count == 5 })
      let running = store.studyFolder.appending(path: "running")
      #expect(try FileManager.default.contentsOfDirectory(atPath: running.path).isEmpty)
    }
  }

  @Test func anArmThatWasStoppedIsContinued() throws {
    try withStore { store, _ in
      let arm = arm(store, [2, 3, 2])
      let whole = try Study(in: store, seeds: 1).results("whole", of: [arm])[0][0]
      try FileManager.default.removeItem(at: store.studyFolder)
      // A stage 3 that throws before its first step stands for a power cut.
      let stage = StageKind("distillation among \(store.tokensOfTexts.count) tokens", isEndToEnd: true) {
        _, student, _ in
        Interrupted(of: student)
      }
      var broken = arm
      broken.stages[2].kind = stage
      #expect(throws: Interruption.self) { try Study(in: store, seeds: 1).results("broken", of: [broken]) }
      let running = store.studyFolder.appending(path: "running")
      let kept = try FileManager.default.contentsOfDirectory(atPath: running.path)
      #expect(kept.count == 1)
      let again = try Study(in: store, seeds: 1).results("again", of: [arm])[0][0]
      #expect(again.losses == whole.losses && again.divergence == whole.divergence)
    }
  }

  // ## Results

  @Test func aResultIsMadeOnceForEachKey() throws {
    try withStore { store, _ in
      var made = 0
      func result(_ key: [Int], _ store: ModelStore) -> [Double]? {
        try? store.result("it", in: "15", of: key) {
          made += 1
          return [Double(key[0]), 0.1]
        }
      }
      #expect(result([1], store) == [1, 0.1] && made == 1)
      #expect(result([1], store) == [1, 0.1] && made == 1)
      #expect(result([2], store) == [2, 0.1] && made == 2)
      #expect(result([1], store.with(seed: 5)) == [1, 0.1] && made == 3)
      #expect(result([1], store) == [1, 0.1] && made == 3)
    }
  }

  // ## Estimates

  @Test func costsGrowWithWhatIsDone() throws {
    try withStore { store, _ in
      let experiment = store.experiment
      func cost(_ arm: Arm) throws -> DistillationCost {
        var cost = DistillationCost(arm, of: experiment, subset: 11)
        cost.calibrate(try store.teacher().frozen, on: store.heldOut.choosing[0])
        return cost
      }
      let (all, one) = (arm(store), arm(store, kept: [0, 2]))
      let (ofAll, ofOne) = (try cost(all), try cost(one))
      #expect(ofAll.passSeconds > 0 && ofAll.L == 3)
      #expect(ofAll.memory(of: all) > ofOne.memory(of: one) && ofAll.disk(of: all) > ofOne.disk(of: one))
      let seconds = ofAll.seconds(of: all)
      #expect(seconds.count == 3 && seconds.allSatisfy { $0 > 0 })
      // Per step: stage 2 reads the teacher and trains mixers, stage 3 goes through everything as well.
      #expect(seconds[1] / 3 < seconds[2] / 2)
      #expect(ofAll.secondsOfEvaluation(8) > 7 * ofAll.secondsOfEvaluation(1))
    }
    try withStore(N: 30) { store, _ in
      let arm = arm(store)
      let large = DistillationCost(arm, of: store.experiment, subset: 11)
      try withStore { small, _ in
        #expect(large.memory(of: arm) > DistillationCost(arm, of: small.experiment, subset: 11).memory(of: arm))
      }
    }
    if let available = MemoryStatistics.available { #expect(available > 1_000_000) }
  }
}

private struct Interruption: Error {}

/// A stage that throws before its first step.
private struct Interrupted: Stage {
  let title = "interrupted"
  let model: LanguageModel
  init(of model: LanguageModel) { self.model = model }
  var trained: [ParameterRows] { model.parameters.map { ParameterRows($0) } }
  func loss(_ batch: Batch) -> StageLoss { preconditionFailure("it is stopped before") }
  func check() throws { throw Interruption() }
}
