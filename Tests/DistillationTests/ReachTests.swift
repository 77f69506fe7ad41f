// # Which gradient reaches what
//
// The lists of what the paper's stages train, row by row. Three witnesses: the gradient itself, once even with
// nothing frozen, so that the formula alone decides; the tape; and what the stage says that it trains.

import Distillation
import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing
import Training

@Suite("what a stage reaches", .tallied) struct ReachTests {
  /// Checks that the gradient of the student's parameters is not 0 in the expected rows, and 0 in
  /// all others.
  private func expectGradient(
    _ loss: Variable, _ student: LanguageModel, in expected: [String: Set<Int>], _ what: String
  ) {
    let slopes = gradients(of: loss, withRespectTo: student.parameters)
    for (parameter, slope) in zip(student.parameters, slopes) {
      #expect(isFinite(slope), "\(what): \(parameter.name)")
      for row in 0..<slope.shape[0] where !isIdle(parameter.name, row: row) {
        let isReached = largestMagnitude(slope.sliced(row..<(row + 1))) > 0
        let isExpected = expected[parameter.name]?.contains(row) ?? false
        #expect(isReached == isExpected, "\(what): \(parameter.name), row \(row)")
      }
      Tally.count(slope.shape[0], what)
    }
  }

  @Test(arguments: Student.allCases, StageForm.allCases)
  func theGradientReachesWhatIsListedAndNothingElse(student: Student, stage: StageForm) throws {
    let pair = Pair(student)
    let expected = trainedRows(student, stage)
    #expect(Set(expected.keys).isSubset(of: pair.student.parameters.map(\.name)), "a name of the list is wrong")
    let what = "\(student), \(stage)"
    // Block outputs depend on the norms as well; there only the list excludes them.
    if stage != .blockOutputs {
      expectGradient(stage.between(pair).loss(tokens).total, pair.student, in: expected, "\(what), nothing frozen")
    }
    let begun = stage.between(pair)
    try begun.begin()
    let loss = begun.loss(tokens).total
    expectGradient(loss, pair.student, in: expected, what)
    let tape = TapeSummary(of: loss)
    for parameter in pair.student.parameters {
      #expect(tape.reaches(parameter) == (expected[parameter.name] != nil), "\(what): \(parameter.name)")
    }
    #expect(tape.leafCount == expected.count)
  }

  @Test(arguments: Student.allCases, StageForm.allCases)
  func theListIsTheOneOfThePaper(student: Student, stage: StageForm) {
    let trained = stage.between(Pair(student)).trained
    var found: [String: Set<Int>] = [:]
    for entry in trained {
      #expect(found[entry.parameter.name] == nil, "\(entry.parameter.name) is listed twice")
      found[entry.parameter.name] = Set(entry.rows.joined())
      #expect(entry.rows.reduce(0) { $0 + $1.count } == found[entry.parameter.name]!.count, "rows that overlap")
    }
    #expect(found == trainedRows(student, stage), "\(student), \(stage)")
  }

  @Test("trap: the teacher gets no gradient", arguments: Student.allCases, StageForm.allCases)
  func theTeacherGetsNoGradient(student: Student, stage: StageForm) throws {
    let pair = Pair(student)
    let begun = stage.between(pair)
    try begun.begin()
    let loss = begun.loss(tokens).total
    let tape = TapeSummary(of: loss)
    for parameter in pair.teacher.parameters { #expect(!tape.reaches(parameter), "\(parameter.name)") }
    for (parameter, slope) in zip(
      pair.teacher.parameters, gradients(of: loss, withRespectTo: pair.teacher.parameters))
    {
      expectZero(slope, "\(student), \(stage), \(parameter.name)")
    }
  }

  // Each stage freezes the student's parameters anew, whatever the stage before it left.
  @Test func theStagesFollowEachOther() throws {
    let pair = Pair(.mamba)
    for stage in [StageForm.matrices, .mixerOutputs, .distributions, .matrices, .blockOutputs, .mixerOutputs] {
      try stage.between(pair).begin()
      let expected = trainedRows(.mamba, stage)
      for parameter in pair.student.parameters {
        #expect(parameter.isFrozen == (expected[parameter.name] == nil), "\(stage): \(parameter.name)")
      }
    }
  }

  /// Students that do not fit: what differs, and how.
  static let misfits: [(what: String, change: @Sendable (inout ModelConfiguration) -> Void)] = [
    (
      "width 10 and 14",
      {
        $0.D = 14
        $0.mixers = Array(repeating: DiscreteMamba2Sizes(D: 14, H: 2, N: 3), count: 3)
      }
    ),
    ("heads 2 and 5", { $0.mixers[1] = DiscreteMamba2Sizes(D: 10, H: 5, N: 3) }),
    ("blocks 3 and 2", { $0.mixers.removeLast() }), ("vocabulary 11 and 12", { $0.V = 12 }),
    ("width of the MLPs 13 and 15", { $0.block = ParallelBlockSizes(feedForward: 15) }),
  ]

  @Test(arguments: StageForm.allCases) func aStudentOfOtherSizesIsRefused(stage: StageForm) throws {
    for (what, change) in ReachTests.misfits {
      var configuration = Pair.configuration.student(Pair.mamba)
      change(&configuration)
      let pair = Pair(.mamba, student: Pair.model(configuration, seed: 3))
      let error = try #require(throws: StageError.self) { try stage.between(pair).begin() }
      #expect(error == .sizesDiffer(what))
      #expect(error.description.contains(what) && error.localizedDescription == error.description)
      #expect(pair.student.parameters.allSatisfy { !$0.isFrozen }, "the student was changed")
    }
  }

  @Test("trap: a stage that starts from nothing", arguments: StageForm.layerwise)
  func aStageWithNothingToTrainIsRefused(stage: StageForm) throws {
    // A control has the teacher's kind of mixer in every block; unless we say so, none counts as replaced.
    let pair = Pair(teacher: Pair(.control).teacher, student: Pair(.control).student)
    let error = try #require(throws: StageError.self) { try stage.between(pair).begin() }
    #expect(error == .nothingReplaced && error.description.contains("replacing:"), "\(error)")
    // The loop would not begin with its list either.
    #expect(throws: TrainingError.nothingTrained(run: "stage")) {
      try TrainingRun("stage", of: stage.between(pair).trained, settings: settings(steps: 1))
    }
  }
}
