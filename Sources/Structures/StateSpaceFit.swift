// # Low rank and SSD, fitted
//
// For these two families there is no formula for the nearest matrix. Both are L ∘ (C Bᵀ) with a row
// of B and one of C for each token; in the low rank family no decay stands between them (L is the
// mask of ones), in SSD a decay α[t] at each token does. Each matrix is a problem of its own, and
// all are fitted side by side on the batch axis: the loss is the sum of their Frobenius distances,
// and since Adam scales the step of each number by itself, none of them notices the others.
// (Clipping by the common norm would tie them together, and is off.)
//
// There are two ways down. In `descend` everything goes by the gradient. In `alternate` the decays
// go by the gradient, and at each step c is solved for exactly, then b (`CausalLeastSquares.swift`);
// there b is exact for this c, so that the gradient with respect to the decays is that of the
// distance with the best b; c is exact for the b before, and follows a step behind.
//
// Both begin with the matrix of rank N nearest to the target when the mask is forgotten (Eckart and
// Young), cut in two halves of equal size, and SSD with one decay everywhere.
//
// Read before: `Gradients/StateSpace.swift`, `Training/TrainingRun.swift`.

import Foundation
import Gradients
import Tensors
import Training

/// The families L ∘ (C Bᵀ).
public enum StateSpaceFamily: Sendable {
  /// No decay: the mask times a matrix of rank N.
  case lowRank
  /// A decay at each token, which begins with the given value between 0 and 1.
  case ssd(firstDecay: Double)
}

/// Matrices L ∘ (C Bᵀ) with state size N near to B given ones.
public struct StateSpaceFit {
  /// log α, [B, T].
  public private(set) var logDecay: Tensor
  /// Where each token is written, and what each asks, [B, T, N].
  public private(set) var b, c: Tensor
  /// The sum of the distances before each step.
  public private(set) var losses: [Double] = []
  private let family: StateSpaceFamily
  private let targets: Tensor
  /// α = sigmoid(−a), as in the mixer.
  private let a: Parameter

  /// The start of a fit to causal matrices [B, T, T].
  public init(_ family: StateSpaceFamily, N: Int, to targets: Tensor) {
    let (B, T) = (targets.shape[0], targets.shape[1])
    targets.expecting(B, T, T, as: "the matrices to be fitted")
    precondition(N >= 1 && N <= T, "matrices of \(T) tokens are fitted with state sizes from 1 to \(T), not \(N)")
    (self.family, self.targets) = (family, targets)
    let parts = singularValueDecomposition(targets)
    let roots = sqrt(parts.values.sliced(0..<N, along: 1)).reshaped(to: [B, 1, N] as Shape)
    c = parts.u.sliced(0..<N, along: 2) * roots
    b = parts.vTransposed.sliced(0..<N, along: 1).transposed() * roots
    let first = if case .ssd(let decay) = family { decay } else { 0.5 }
    precondition(first > 0 && first < 1, "a decay lies between 0 and 1, not at \(first)")
    a = Parameter("a", Tensor(repeating: Scalar(-log(first / (1 - first))), shape: [B, T, 1]))
    logDecay = Tensor.zeros([B, T])
    takeDecays()
  }

  /// The fitted matrices, [B, T, T].
  public var matrices: Tensor { matrix(logDecays, constant(b), constant(c)).value.reshaped(to: targets.shape) }

  /// The distance of each from its target, [B].
  public var distances: Tensor { distance(matrices, targets, over: 2) }
}

// ## SSD without decays
//
// L[t, s] = α[s + 1] ⋯ α[t] is the quotient p[t] / p[s] with p[t] = α[1] ⋯ α[t]. So c[t]·p[t] and
// b[s] / p[s] make the same matrix with no decay between them. The price is their range, which is
// why the logarithm of p is what is returned beside the difference, and why the sums are in Double.

extension StateSpaceFit {
  /// How a matrix of the fit comes out when its decays are hidden in b and c.
  public struct Undecayed: Sendable {
    /// The powers of ten from the smallest to the largest p.
    public let powersOfTen: Double
    /// The largest difference from the matrix; nil if not even Double can hold p.
    public let difference: Double?
  }

  /// Matrix `index` of the fit made again as mask ∘ (C Bᵀ), in Double, with p around 1 in the middle.
  public func undecayed(_ index: Int) -> Undecayed {
    let (T, N) = (b.shape[1], b.shape[2])
    func row(_ x: Tensor) -> [Double] { x.sliced(index..<(index + 1)).elements.map { Double($0) } }
    let (logs, from, to, made) = (row(logDecay), row(b), row(c), row(matrices))
    var p = [0.0]
    for t in 1..<max(1, T) { p.append(p[t - 1] + logs[t]) }
    let middle = p[T - 1] / 2
    let powers = -p[T - 1] / log(10)
    if -middle > 600 { return Undecayed(powersOfTen: powers, difference: nil) }
    var difference = 0.0
    for t in 0..<T {
      for s in 0...t {
        var entry = 0.0
        for n in 0..<N { entry += (to[t * N + n] * exp(p[t] - middle)) * (from[s * N + n] * exp(middle - p[s])) }
        difference = max(difference, abs(entry - made[t * T + s]))
      }
    }
    return Undecayed(powersOfTen: powers, difference: difference)
  }
}

// ## The common part
//
// The kernels know heads, which we have not: matrices stand on the batch axis and H is 1. The loss
// is the distance itself, as in stage 1, and not its square. Adam does not see the difference
// between them but for one thing: the factor between their gradients, twice the distance, changes as
// the fit goes on.

extension StateSpaceFit {
  private var decays: Bool { if case .ssd = family { true } else { false } }

  /// log α as it enters the tape: [B, T, 1].
  private var logDecays: Variable {
    decays ? -softplus(a.variable) : Variable(constant: Tensor.zeros(a.value.shape))
  }

  private mutating func takeDecays() { logDecay = logDecays.value.reshaped(to: [b.shape[0], b.shape[1]] as Shape) }

  private func constant(_ x: Tensor) -> Variable { Variable(constant: x.reshaped(to: headed)) }

  /// [B, T, 1, N].
  private var headed: Shape { [b.shape[0], b.shape[1], 1, b.shape[2]] }

  private func matrix(_ logDecay: Variable, _ b: Variable, _ c: Variable) -> Variable {
    ssdMatrix(logDecay: logDecay, b: b, c: c, d: Variable(constant: Tensor.zeros([1])))
  }

  private func loss(_ matrix: Variable) -> Variable {
    sum(distance(matrix, Variable(constant: targets.reshaped(to: matrix.shape)), over: 2))
  }

  private func run(of trained: [Parameter], steps: Int, rate: Double) throws -> TrainingRun {
    var settings = TrainingSettings(steps: steps, learningRate: rate, tokensPerUpdate: 0, seed: 0)
    settings.schedule.decay = 0.5
    (settings.optimiser.weightDecay, settings.optimiser.clip) = (0, nil)
    return try TrainingRun("structured fit", of: trained.map { ParameterRows($0) }, settings: settings)
  }
}

// ## Two ways down

extension StateSpaceFit {
  /// Fits everything by gradient descent. Throws if a loss or a gradient is not finite.
  public mutating func descend(steps: Int, rate: Double) throws {
    let (b, c) = (Parameter("b", constant(b).value), Parameter("c", constant(c).value))
    let run = try run(of: [b, c] + (decays ? [a] : []), steps: steps, rate: rate)
    for _ in run { try run.descend(loss(matrix(logDecays, b.variable, c.variable))) }
    (self.b, self.c) = (b.value.reshaped(to: self.b.shape), c.value.reshaped(to: self.c.shape))
    losses += run.history.losses
    takeDecays()
  }

  /// Fits c and b exactly in turn, and the decays by gradient descent. Throws if a loss or a gradient is not finite.
  public mutating func alternate(steps: Int, rate: Double) throws {
    if decays {
      let run = try run(of: [a], steps: steps, rate: rate)
      for _ in run {
        solve()
        try run.descend(loss(matrix(logDecays, constant(b), constant(c))))
        takeDecays()
      }
      losses += run.history.losses
    } else {
      for _ in 0..<steps {
        solve()
        losses.append(Double(sum(distances).scalar))
      }
    }
    solve()
  }

  /// The best c for this b, then the best b for this c.
  private mutating func solve() {
    c = causalLeastSquares(targets, logDecay: logDecay, factor: b)
    b = causalLeastSquares(targets, logDecay: logDecay, factor: c, backwards: true)
  }
}
