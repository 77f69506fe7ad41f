// # The optimiser's arithmetic
//
// The one pass over four tensors against the paper's update for one number in Double, over ten
// steps; and the promise that rows which do not take part keep every bit.

import Tensors
import TestSupport
import Testing

@Suite("AdamW", .tallied) struct OptimiserTests {
  typealias Setting = (
    learningRate: Scalar, beta1: Scalar, beta2: Scalar, epsilon: Scalar, decay: Scalar, scale: Scalar
  )
  static let settings: [Setting] = [
    (1e-2, 0.9, 0.999, 1e-8, 0, 1), (1e-1, 0.9, 0.95, 1e-8, 0.1, 1), (3e-3, 0, 0.5, 1e-3, 0.01, 0.25),
    (0, 0.9, 0.999, 1e-8, 0.1, 1), (1e-2, 0.5, 0, 1e-8, 1, 3),
  ]

  @Test(arguments: 0..<settings.count, [[], [7], [5, 7], [2, 3, 5]] as [Shape])
  func tenStepsAgreeWithTheTwin(_ number: Int, _ shape: Shape) {
    let setting = Self.settings[number]
    let name = "setting \(number), \(shape)"
    var random = SeededGenerator(for: name)
    var value = Tensor.normal(shape, using: &random)
    var (first, second) = (Tensor.zeros(shape), Tensor.zeros(shape))
    var expected = value.elements.map { (value: Double($0), firstMoment: 0.0, secondMoment: 0.0) }
    for step in 1...10 {
      let gradient = Tensor.normal(shape, using: &random)
      let update = AdamWStep(
        learningRate: setting.learningRate, beta1: setting.beta1, beta2: setting.beta2, step: step,
        epsilon: setting.epsilon, weightDecay: setting.decay, gradientScale: setting.scale)
      let rows = 0..<(shape.rank == 0 ? 1 : shape[0])
      update.apply(to: &value, gradient: gradient, firstMoment: &first, secondMoment: &second, rows: rows)
      for (index, slope) in gradient.elements.enumerated() {
        expected[index] = Naive.adamW(
          value: expected[index].value, gradient: Double(slope) * Double(setting.scale),
          firstMoment: expected[index].firstMoment, secondMoment: expected[index].secondMoment, step: step,
          learningRate: Double(setting.learningRate), beta1: Double(setting.beta1), beta2: Double(setting.beta2),
          epsilon: Double(setting.epsilon), weightDecay: Double(setting.decay))
      }
    }
    let tensor = { (numbers: [Double]) in Tensor(numbers.map { Scalar($0) }, shape: shape) }
    expectClose(value, tensor(expected.map(\.value)), within: 10 * Tolerance.value, name)
    expectClose(first, tensor(expected.map(\.firstMoment)), "first moment, " + name)
    expectClose(second, tensor(expected.map(\.secondMoment)), within: 10 * Tolerance.value, "second, " + name)
  }

  @Test func otherRowsKeepEveryBit() {
    let (value, gradient) = (Tensor.random([7, 3], for: "value"), Tensor.random([7, 3], for: "gradient"))
    let moments = (Tensor.random([7, 3], for: "m"), Tensor.random([7, 3], .positive, for: "v"))
    let update = AdamWStep(
      learningRate: 0.1, beta1: 0.9, beta2: 0.99, step: 3, epsilon: 1e-8, weightDecay: 0.1, gradientScale: 1)
    var (w, m, v) = (value, moments.0, moments.1)
    update.apply(to: &w, gradient: gradient, firstMoment: &m, secondMoment: &v, rows: 2..<5)
    var all = (value, moments.0, moments.1)
    update.apply(to: &all.0, gradient: gradient, firstMoment: &all.1, secondMoment: &all.2, rows: 0..<7)
    let tensors = [("value", w, value, all.0), ("m", m, moments.0, all.1), ("v", v, moments.1, all.2)]
    for (name, changed, old, whole) in tensors {
      for rows in [0..<2, 5..<7] { expectIdentical(changed.sliced(rows), old.sliced(rows), "\(name), rows \(rows)") }
      expectIdentical(changed.sliced(2..<5), whole.sliced(2..<5), "\(name), rows 2..<5")
      #expect(!zip(changed.sliced(2..<5).elements, old.sliced(2..<5).elements).contains { $0 == $1 })
    }
    // None at all is allowed.
    update.apply(to: &w, gradient: gradient, firstMoment: &m, secondMoment: &v, rows: 3..<3)
  }
}
