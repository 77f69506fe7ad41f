// # Rows: the gated delta rule and the trapezoidal recurrence
//
// The three forms of each, its matrix, a new mixer, and sizes at their ends. Keys of the delta rule are divided by
// their length, which curves too sharply near 0 for differences; so a bias keeps them away from it.
//
// Read before: `LayerTable.swift`.

import Gradients
import Layers
import Tensors
import TestSupport

extension LayerCase {
  static let recurrentRows = deltaRows + trapezoidRows

  // ## The gated delta rule

  private static let deltaRows = [
    delta("called") { $0($1) },
    delta("recurrent") { $0.output($1, form: .recurrent) },
    delta("materialised") { $0.output($1, form: .materialised) },
    delta("chunks of 3") { $0.output($1, form: .chunked(Q: 3)) },
    delta("one chunk") { $0.output($1, form: .chunked(Q: 64)) },
    delta("matrix", of: { $0.matrixRows.map(\.parameter) }) { $0.matrix($1) },
    delta("output and matrix") { both($0, $1) },
    delta("one head, one tap", GatedDeltaRuleSizes(D: 5, H: 1, N: 3, K: 1, Q: 2)) { $0($1) },
    delta("new", isNew: true) { $0($1) },
  ]

  private static func delta(
    _ option: String, _ sizes: GatedDeltaRuleSizes = GatedDeltaRuleSizes(D: 6, H: 3, N: 5, Q: 4), isNew: Bool = false,
    of parameters: @escaping @Sendable (GatedDeltaRule) -> [Parameter] = { $0.parameters },
    _ answer: @escaping @Sendable (GatedDeltaRule, Variable) -> Variable
  ) -> LayerCase {
    LayerCase(GatedDeltaRule.self, option) { random in
      let layer = GatedDeltaRule("m", sizes: sizes, using: &random)
      if !isNew { randomise(layer.parameters, using: &random) }
      // No key is short.
      let keys = layer.frame.rows(of: .b)
      layer.frame.convolutionBias.update {
        $0.assign(.random([keys.count], .awayFromZero, using: &random), at: keys.lowerBound)
      }
      let u = Tensor.normal([2, 7, sizes.D], using: &random)
      return Subject(parameters(layer), at: [u]) { answer(layer, $0[0]) }
    }
  }

  // ## The trapezoidal recurrence

  private static let trapezoidRows = [
    trapezoid("called") { $0($1) },
    trapezoid("recurrent") { $0.output($1, form: .recurrent) },
    trapezoid("materialised") { $0.output($1, form: .materialised) },
    trapezoid("chunks of 3") { $0.output($1, form: .chunked(Q: 3)) },
    trapezoid("one chunk") { $0.output($1, form: .chunked(Q: 64)) },
    trapezoid("matrix", of: { $0.matrixRows.map(\.parameter) }) { $0.matrix($1) },
    trapezoid("output and matrix") { both($0, $1) },
    trapezoid("one head, a state of one number", TrapezoidalMambaSizes(D: 5, H: 1, N: 1, Q: 2)) { $0($1) },
    trapezoid("a convolution too", TrapezoidalMambaSizes(D: 6, H: 3, N: 2, K: 4, Q: 4)) { $0($1) },
    trapezoid("new", isNew: true) { $0($1) },
  ]

  private static func trapezoid(
    _ option: String, _ sizes: TrapezoidalMambaSizes = TrapezoidalMambaSizes(D: 6, H: 3, N: 5, Q: 4),
    isNew: Bool = false, of parameters: @escaping @Sendable (TrapezoidalMamba) -> [Parameter] = { $0.parameters },
    _ answer: @escaping @Sendable (TrapezoidalMamba, Variable) -> Variable
  ) -> LayerCase {
    LayerCase(TrapezoidalMamba.self, option) { random in
      let layer = TrapezoidalMamba("m", sizes: sizes, using: &random)
      if !isNew { randomise(layer.parameters, using: &random) }
      let u = Tensor.normal([2, 7, sizes.D], using: &random)
      return Subject(parameters(layer), at: [u]) { answer(layer, $0[0]) }
    }
  }
}

// ## Mistakes
//
// A mixer whose gradient reads a part of the in-projection at another place than its value, or takes one branch for a
// constant: what a mistake in the layout, or a forgotten path, would do.

extension LayerMutant {
  static let recurrentLayers = [
    delta("β read a row too early") { composed($0, $1) { $0 == .scalar(1) ? early($1) : $1 } },
    delta("a read a row too early") { composed($0, $1) { $0 == .scalar(0) ? early($1) : $1 } },
    delta("B read a row too early") { composed($0, $1) { $0 == .b ? early($1) : $1 } },
    delta("keys that are no longer divided by their length") { composed($0, $1, normalising: false) { $1 } },
    delta("C read a row too early") { composed($0, $1) { $0 == .c ? early($1) : $1 } },
    trapezoid("λ read a row too early") { composed($0, $1) { $0 == .scalar(1) ? early($1) : $1 } },
    trapezoid("B read a row too early") { composed($0, $1) { $0 == .b ? early($1) : $1 } },
    trapezoid("an earlier end that counts as a constant") { composed($0, $1, keepsEarlier: false) { $1 } },
  ]

  private static func early(_ rows: Range<Int>) -> Range<Int> { (rows.lowerBound - 1)..<(rows.upperBound - 1) }

  private static func delta(
    _ mistake: String, _ impostor: @escaping @Sendable (GatedDeltaRule, Variable) -> Variable
  ) -> LayerMutant {
    LayerMutant(
      LayerCase(GatedDeltaRule.self, mistake) { random in
        let layer = GatedDeltaRule("m", sizes: GatedDeltaRuleSizes(D: 6, H: 3, N: 5, Q: 4), using: &random)
        randomise(layer.parameters, using: &random)
        return Subject(layer.parameters, at: [.normal([2, 7, 6], using: &random)]) {
          mutated(layer($0[0]), pulledBackAs: impostor(layer, $0[0]))
        }
      }, caughtBy: [.derivatives])
  }

  private static func trapezoid(
    _ mistake: String, _ impostor: @escaping @Sendable (TrapezoidalMamba, Variable) -> Variable
  ) -> LayerMutant {
    LayerMutant(
      LayerCase(TrapezoidalMamba.self, mistake) { random in
        let layer = TrapezoidalMamba("m", sizes: TrapezoidalMambaSizes(D: 6, H: 3, N: 5, Q: 4), using: &random)
        randomise(layer.parameters, using: &random)
        return Subject(layer.parameters, at: [.normal([2, 7, 6], using: &random)]) {
          mutated(layer($0[0]), pulledBackAs: impostor(layer, $0[0]))
        }
      }, caughtBy: [.derivatives])
  }

  /// A part of a frame from the rows that `place` names: x, B and C convolved and cut into heads, the others
  /// projected.
  private static func part(
    _ part: RecurrentFrame.Part, of frame: RecurrentFrame, _ u: Variable,
    _ place: (RecurrentFrame.Part, Range<Int>) -> Range<Int>
  ) -> Variable {
    let channels = frame.rows(of: part)
    let projected = linear(u, weight: frame.inProjection.variable.sliced(place(part, channels)))
    guard [.x, .b, .c].contains(part) else { return projected }
    let convolved = causalConvolution(
      projected, weight: frame.convolutionWeight.variable.sliced(channels),
      bias: frame.convolutionBias.variable.sliced(channels))
    let H = frame.skip.value.count
    return convolved.reshaped(to: [u.shape[0], u.shape[1], H, channels.count / H])
  }

  /// The delta rule from its primitives, each part of the in-projection from the rows that `place` names.
  static func composed(
    _ layer: GatedDeltaRule, _ u: Variable, normalising: Bool = true,
    _ place: (RecurrentFrame.Part, Range<Int>) -> Range<Int>
  ) -> Variable {
    let (frame, N) = (layer.frame, Scalar(layer.sizes.N))
    func own(_ name: RecurrentFrame.Part) -> Variable { part(name, of: frame, u, place) }
    let (x, b, skip) = (own(.x), own(.b), frame.skip.variable.reshaped(to: [layer.sizes.H, 1]))
    let weight = Variable(constant: Tensor(repeating: 1 / N.squareRoot(), shape: [layer.sizes.N]))
    let keys = normalising ? rmsNorm(b, weight: weight, epsilon: GatedDeltaRule.epsilon / N) : b
    let y = deltaSequence(
      x, logDecay: -softplus(own(.scalar(0))), b: keys, c: own(.c), beta: sigmoid(own(.scalar(1))), Q: layer.sizes.Q)
    return frame.output((y + skip * x).reshaped(to: u.shape.array) * silu(own(.z) + frame.zBias.variable))
  }

  /// The trapezoidal recurrence from its steps.
  static func composed(
    _ layer: TrapezoidalMamba, _ u: Variable, keepsEarlier: Bool = true,
    _ place: (RecurrentFrame.Part, Range<Int>) -> Range<Int>
  ) -> Variable {
    let frame = layer.frame
    func own(_ name: RecurrentFrame.Part) -> Variable { part(name, of: frame, u, place) }
    let (x, b, log, lambda) = (own(.x), own(.b), -softplus(own(.scalar(0))), sigmoid(own(.scalar(1))))
    let (c, skip) = (own(.c), frame.skip.variable.reshaped(to: [layer.sizes.H, 1]))
    var y = trapezoidalSteps(x, logDecay: log, lambda: lambda, b: b, c: c)
    if !keepsEarlier {
      // What the end of each step alone contributes keeps its gradient; the rest becomes a constant.
      let now = ssdSequence(
        x, logDecay: log, b: lambda.reshaped(to: lambda.shape.array + [1]) * b, c: c,
        d: Variable(constant: .zeros([layer.sizes.H])), Q: layer.sizes.Q)
      y = now + (y - now).detached
    }
    return frame.output((y + skip * x).reshaped(to: u.shape.array) * silu(own(.z) + frame.zBias.variable))
  }
}
