// # AdamW
//
// Against the update as the paper writes it, one number at a time; then what the method asks of it
// beyond that: decay on matrices only, and rows that are not listed keep every bit.

import Gradients
import Tensors
import TestSupport
import Testing
import Training

/// A parameter, what is trained of it, and its twin: every number with its moments, in Double.
private struct Twin {
  let trained: ParameterRows
  var value, first, second: [Double]

  init(_ trained: ParameterRows) {
    self.trained = trained
    value = trained.parameter.value.elements.map { Double($0) }
    first = value.map { _ in 0 }
    second = first
  }

  /// Whether an element lies in a row that is trained.
  func isTrained(_ element: Int) -> Bool {
    let shape = trained.parameter.value.shape
    let row = shape.rank == 0 ? 0 : element / shape.stride(of: 0)
    return trained.rows.contains { $0.contains(row) }
  }

  mutating func step(_ gradient: [Double], number: Int, rate: Double, settings: AdamWSettings) {
    let decay = trained.parameter.value.rank >= 2 ? settings.weightDecay : 0
    for i in value.indices where isTrained(i) {
      (value[i], first[i], second[i]) = Naive.adamW(
        value: value[i], gradient: gradient[i], firstMoment: first[i], secondMoment: second[i], step: number,
        learningRate: rate, beta1: settings.beta1, beta2: settings.beta2, epsilon: settings.epsilon,
        weightDecay: decay)
    }
  }

  func tensor(_ numbers: [Double]) -> Tensor {
    Tensor(numbers.map { Scalar($0) }, shape: trained.parameter.value.shape)
  }
}

@Suite("AdamW", .tallied) struct AdamWTests {
  /// One parameter of each rank that models have, and two of which only some rows are trained.
  static func trainables(using random: inout SeededGenerator) -> [ParameterRows] {
    [
      ParameterRows(Parameter("number", Tensor(0.7))),
      ParameterRows(Parameter("vector", .normal([7], using: &random))),
      ParameterRows(Parameter("matrix", .normal([3, 5], using: &random))),
      ParameterRows(Parameter("taps", .normal([5, 1, 2], using: &random))),
      ParameterRows(Parameter("rows", .normal([11, 2], using: &random)), rows: [1..<3, 7..<11]),
      ParameterRows(Parameter("channels", .normal([11], using: &random)), rows: [2..<5]),
    ]
  }

  @Test(arguments: [nil, 1.0, 100] as [Double?]) func tenStepsAreThoseOfTheTwin(clip: Double?) {
    var random = SeededGenerator(seed: 2)
    var settings = AdamWSettings()
    settings.clip = clip
    let trained = AdamWTests.trainables(using: &random)
    var twins = trained.map { Twin($0) }
    var optimiser = AdamW(trained, settings: settings)
    for number in 1...10 {
      // Gradients of very different sizes, so that some steps are clipped at 100 and others are not.
      let size = [0.01, 1, 300][number % 3]
      let gradients = trained.map { Tensor.normal($0.parameter.value.shape, deviation: size, using: &random) }
      let norm = gradients.flatMap { $0.elements.map { Double($0) * Double($0) } }.reduce(0, +).squareRoot()
      #expect(abs(gradientNorm(gradients) / norm - 1) < (Tolerance.isDouble ? 1e-14 : 1e-6))
      let factor = clip.map { norm > $0 ? $0 / norm : 1 } ?? 1
      let rate = 0.01 * Double(11 - number)
      optimiser.step(gradients, learningRate: rate, norm: gradientNorm(gradients))
      for (index, gradient) in gradients.enumerated() {
        twins[index].step(
          gradient.elements.map { factor * Double($0) }, number: number, rate: rate, settings: settings)
      }
    }
    #expect(optimiser.steps == 10)
    for (index, twin) in twins.enumerated() {
      let name = "\(twin.trained.parameter.name), clip \(clip.map { "\($0)" } ?? "none")"
      expectClose(twin.trained.parameter.value, twin.tensor(twin.value), "\(name), value")
      expectClose(optimiser.firstMoments[index], twin.tensor(twin.first), "\(name), first moment")
      expectClose(optimiser.secondMoments[index], twin.tensor(twin.second), "\(name), second moment")
    }
  }

  // A group with a large gradient is scaled down, and leaves the others alone.
  @Test func groupsAreClippedApart() {
    var random = SeededGenerator(seed: 12)
    func trained() -> [ParameterRows] {
      (0..<4).map { ParameterRows(Parameter("p\($0)", .ones([3, 5]))).inGroup($0 / 2) }
    }
    let gradients = (0..<4).map { Tensor.normal([3, 5], deviation: $0 < 2 ? 100 : 0.01, using: &random) }
    func step(_ clipsGroups: Bool, _ gradients: [Tensor]) -> AdamW {
      var settings = AdamWSettings()
      settings.clipsGroups = clipsGroups
      var optimiser = AdamW(trained(), settings: settings)
      optimiser.step(gradients, learningRate: 0.1, norm: gradientNorm(gradients))
      return optimiser
    }
    let (apart, together) = (step(true, gradients), step(false, gradients))
    let large = Scalar(1 / gradientNorm(Array(gradients[..<2])))
    for index in 0..<4 {
      let expected = Tensor(0.1 * (index < 2 ? large : 1)) * gradients[index]
      expectClose(apart.firstMoments[index], expected, "group \(index / 2), clipped apart")
      if index >= 2 {
        #expect(
          largestMagnitude(together.firstMoments[index]) < 0.01 * largestMagnitude(expected), "clipped together")
      }
    }
    // One group is all of them.
    var settings = AdamWSettings()
    settings.clipsGroups = true
    #expect(ParameterRows(Parameter("p", .ones([2]))).group == 0)
    var one = AdamW(trained().map { $0.inGroup(7) }, settings: settings)
    one.step(gradients, learningRate: 0.1, norm: gradientNorm(gradients))
    for (mine, theirs) in zip(one.firstMoments, together.firstMoments) { expectClose(mine, theirs, "one group") }
  }

  @Test func decayShrinksMatricesAndNothingElse() {
    var random = SeededGenerator(seed: 3)
    let trained = AdamWTests.trainables(using: &random)
    let before = trained.map(\.parameter.value)
    var settings = AdamWSettings()
    settings.weightDecay = 0.5
    var optimiser = AdamW(trained, settings: settings)
    for _ in 0..<3 {
      optimiser.step(trained.map { .zeros($0.parameter.value.shape) }, learningRate: 0.1, norm: 0)
    }
    for (index, entry) in trained.enumerated() {
      let twin = Twin(entry)
      let factor: Scalar = before[index].rank >= 2 ? 0.95 * 0.95 * 0.95 : 1
      let expected = Tensor(
        before[index].elements.enumerated().map { twin.isTrained($0) ? factor * $1 : $1 }, shape: before[index].shape)
      expectClose(entry.parameter.value, expected, entry.parameter.name)
      if factor == 1 { expectIdentical(entry.parameter.value, before[index], entry.parameter.name) }
    }
  }

  // Weight decay shrinks a row whose gradient is zero, and a gradient moves a row that belongs to
  // another stage; so the rows are listed.
  @Test("trap: weight decay and rows that are not listed", arguments: [0.0, 1])
  func rowsThatAreNotListedKeepEveryBit(gradient: Double) {
    var random = SeededGenerator(seed: 4)
    let parameter = Parameter("p", .normal([13, 3], using: &random))
    let trained = ParameterRows(parameter, rows: [2..<5, 11..<12])
    let before = parameter.value
    var optimiser = AdamW([trained])
    for _ in 0..<5 {
      let slope = Tensor.normal([13, 3], deviation: gradient, using: &random)
      optimiser.step([slope], learningRate: 0.1, norm: gradientNorm([slope]))
    }
    for row in 0..<13 {
      let isListed = (2..<5).contains(row) || row == 11
      let (old, new) = (before.sliced(row..<(row + 1)), parameter.value.sliced(row..<(row + 1)))
      #expect((bits(old) == bits(new)) == !isListed, "row \(row)")
      for moments in [optimiser.firstMoments[0], optimiser.secondMoments[0]] where !isListed {
        expectIdentical(moments.sliced(row..<(row + 1)), .zeros([1, 3]), "moments of row \(row)")
      }
    }
  }

  @Test func aParameterThatIsListedTwiceIsRefused() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      let parameter = Parameter("twice", .zeros([7, 2]))
      _ = AdamW([ParameterRows(parameter, rows: [0..<2]), ParameterRows(parameter, rows: [5..<7])])
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.contains("twice is listed twice"), "\(message)")
  }

  @Test func whatIsTrainedIsCounted() {
    let parameter = Parameter("p", .zeros([13, 3, 2]))
    #expect(ParameterRows(parameter).count == 78 && ParameterRows(parameter).rows == [0..<13])
    #expect(ParameterRows(parameter, rows: [2..<5, 11..<12]).count == 24)
    #expect(ParameterRows(parameter, rows: []).count == 0)
    #expect(ParameterRows(Parameter("number", Tensor(1))).count == 1)
    #expect(ParameterRows(Parameter("vector", .zeros([7]))).count == 7)
  }

  @Test func freezingLeavesTheListedOnesAndNoOthers() {
    let parameters = (0..<5).map { Parameter("\($0)", .zeros([3])) }
    parameters[1].isFrozen = true
    freeze(parameters, allBut: [ParameterRows(parameters[1]), ParameterRows(parameters[4], rows: [0..<1])])
    #expect(parameters.map(\.isFrozen) == [true, false, true, true, false])
  }
}
