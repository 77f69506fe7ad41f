// # Low rank and SSD, fitted
//
// For these two families there is no formula for the nearest matrix. Both are L ∘ (C Bᵀ) with a row
// of B and one of C for each token. In the low rank family there is no decay (L is the causal mask of
// ones); in SSD each token has a decay α[t]. Each matrix is a problem of its own, and all are fitted
// side by side on the batch axis: the loss is the sum of their Frobenius distances, and since Adam
// scales the step of each number separately, none affects the others. (Clipping by the common norm
// would couple them, and is off.)
//
// There are two methods. `descend` changes everything by the gradient. `alternate` changes only the decays by the
// gradient, and at each step solves exactly for c, then for b (`Tensors/StateSpace/CausalLeastSquares.swift`). So b
// is optimal for this c, and the gradient with respect to the decays is that of the distance at the best b; c is
// optimal for the previous b and lags one step behind.
//
// Both start from the matrix of rank N that is nearest to the target if the mask is ignored (Eckart and Young), split
// into two factors of equal size; SSD starts with the same decay for all tokens.
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
  /// A decay at each token; all start at the given value between 0 and 1.
  case ssd(firstDecay: Double)
}

/// Matrices L ∘ (C Bᵀ) of state size N, fitted to B given ones.
public struct StateSpaceFit {
  /// log α, [B, T].
  public private(set) var logDecay: Tensor
  /// The rows of B and C: where each token is written, and what it asks for, [B, T, N].
  public private(set) var b, c: Tensor
  /// The sum of the distances before each step.
  public private(set) var losses: [Double] = []
  private let family: StateSpaceFamily
  private let targets: Tensor
  /// α = sigmoid(−a), as in the mixer.
  private let a: Parameter

  /// The start of a fit to causal matrices [B, T, T]; stops the program unless 1 ≤ N ≤ T.
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

  /// The Frobenius distance of each from its target, [B].
  public var distances: Tensor { distance(matrices, targets, over: 2) }
}

// ## SSD without decays
//
// L[t, s] = α[s + 1] ⋯ α[t] is the quotient p[t] / p[s] with p[t] = α[1] ⋯ α[t]. So c[t]·p[t] and b[s] / p[s] make
// the same matrix without any decay. The price is their range. So the range of p is returned beside the difference,
// and the sums are in Double.

extension StateSpaceFit {
  /// The range and the error of a matrix whose decays are moved into b and c.
  public struct Undecayed: Sendable {
    /// The range of p, in powers of ten.
    public let powersOfTen: Double
    /// The largest difference from the matrix with decays, computed in Double too; nil if p is beyond its range.
    public let difference: Double?
  }

  /// Matrix `index` of the fit computed as mask ∘ (C Bᵀ) without decays, in Double, with p scaled to 1 in the middle.
  public func undecayed(_ index: Int) -> Undecayed {
    let (T, N) = (b.shape[1], b.shape[2])
    func row(_ x: Tensor) -> [Double] { x.sliced(index..<(index + 1)).elements.map { Double($0) } }
    let (logs, from, to) = (row(logDecay), row(b), row(c))
    var p = [0.0]
    for t in 1..<max(1, T) { p.append(p[t - 1] + logs[t]) }
    let middle = p[T - 1] / 2
    let powers = -p[T - 1] / log(10)
    if -middle > 600 { return Undecayed(powersOfTen: powers, difference: nil) }
    var difference = 0.0
    for t in 0..<T {
      for s in 0...t {
        var (without, with) = (0.0, 0.0)
        for n in 0..<N {
          without += (to[t * N + n] * exp(p[t] - middle)) * (from[s * N + n] * exp(middle - p[s]))
          with += to[t * N + n] * from[s * N + n]
        }
        difference = max(difference, abs(without - with * exp(p[t] - p[s])))
      }
    }
    return Undecayed(powersOfTen: powers, difference: difference)
  }
}

// ## The common part
//
// The kernels expect heads, which we do not have: the matrices lie on the batch axis, and H is 1. The loss is the
// distance itself, as in stage 1, not its square. For Adam the two differ only in that the factor between their
// gradients, twice the distance, changes during the fit.

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

// ## Two methods

extension StateSpaceFit {
  /// Fits b, c and the decays by gradient descent. Throws if a loss or a gradient is not finite.
  ///
  /// - Parameter rate: the peak learning rate, after a warm-up of a tenth of the steps; the last half decays to 0
  public mutating func descend(steps: Int, rate: Double) throws {
    let (b, c) = (Parameter("b", constant(b).value), Parameter("c", constant(c).value))
    let run = try run(of: [b, c] + (decays ? [a] : []), steps: steps, rate: rate)
    for _ in run { try run.descend(loss(matrix(logDecays, b.variable, c.variable))) }
    (self.b, self.c) = (b.value.reshaped(to: self.b.shape), c.value.reshaped(to: self.c.shape))
    losses += run.history.losses
    takeDecays()
  }

  /// Solves for c and b in turn, and fits the decays by gradient descent. Throws if a loss or a gradient is not
  /// finite.
  ///
  /// - Parameter rate: the peak learning rate of the decays; without effect in the low rank family
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
