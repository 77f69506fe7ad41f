// # AdamW, plainly
//
//     g  ←  g · min(1, limit / ‖all gradients‖)
//     m  ←  β₁ m + (1 − β₁) g                          v  ←  β₂ v + (1 − β₂) g²
//     w  ←  w − rate · ( m̂ / (√v̂ + ε) + decay · w )    m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)
//
// with decay on tensors of two axes or more, and a rate that rises for three steps of ten and falls for four.
//
// Read before: `PlainProgram+Losses.swift`. Source: arXiv 1711.05101 and 2404.06395.

import Foundation
import Tensors

/// AdamW with the settings of the kit, with or without mistakes.
struct PlainOptimiser {
  static let (steps, peak, warmUp, decay) = (10, 0.004, 0.3, 0.4)
  static let (beta1, epsilon, weightDecay, limit): (Scalar, Scalar, Scalar, Scalar) = (0.9, 1e-8, 0.1, 1)

  let faults: Set<Fault>
  private var first: [String: Tensor] = [:]
  private var second: [String: Tensor] = [:]
  private var step = 0

  init(faults: Set<Fault>) { self.faults = faults }

  /// The rate of a step, counted from 0.
  func rate(at step: Int) -> Double {
    let (n, total) = (Double(step), Double(Self.steps))
    let rising = (faults.contains(.scheduleFromZero) ? n : n + 1) / (Self.warmUp * total)
    let falling = (total - n - (faults.contains(.scheduleEndsEarly) ? 1 : 0)) / (Self.decay * total)
    return Self.peak * min(1, rising, falling)
  }

  /// The norm of all gradients together.
  static func norm(_ gradients: [String: Tensor]) -> Scalar {
    gradients.sorted { $0.key < $1.key }.reduce(0) { $0 + sum($1.value * $1.value).scalar }.squareRoot()
  }

  /// Makes a step.
  ///
  /// - Parameter mask: 1 where a number is trained and 0 where not, for tensors of which only rows are trained
  mutating func descend(
    _ weights: inout [String: Tensor], _ gradients: [String: Tensor], trainedOnly mask: [String: Tensor] = [:]
  ) {
    let rate = Scalar(rate(at: step))
    step += 1
    let beta2: Scalar = faults.contains(.secondBetaLarger) ? 0.999 : 0.95
    let norm = Self.norm(gradients)
    for (name, gradient) in gradients.sorted(by: { $0.key < $1.key }) {
      guard let w = weights[name] else { continue }
      var factor = min(1, Self.limit / (norm + (faults.contains(.clippingSofter) ? 1e-6 : 0)))
      if faults.contains(.clippingPerTensor) {
        let own = sum(gradient * gradient).scalar.squareRoot()
        factor = own > 0 ? min(1, Self.limit / own) : 1
      }
      var g = (faults.contains(.clippingMissing) ? 1 : factor) * gradient
      let decays = w.shape.rank >= 2 || faults.contains(.decayOnVectors)
      let decay = decays ? (faults.contains(.decaySmaller) ? 0.01 : Self.weightDecay) : 0
      if faults.contains(.decayCoupled) { g = g + decay * w }
      let m = Self.beta1 * (first[name] ?? .zeros(w.shape)) + (1 - Self.beta1) * g
      let v = beta2 * (second[name] ?? .zeros(w.shape)) + (1 - beta2) * (g * g)
      (first[name], second[name]) = (m, v)
      let corrected = !faults.contains(.momentsUncorrected)
      let (mean, square) = (
        corrected ? 1 / (1 - pow(Self.beta1, Scalar(step))) * m : m,
        corrected ? 1 / (1 - pow(beta2, Scalar(step))) * v : v
      )
      let epsilon = Tensor(Self.epsilon)
      let root = faults.contains(.epsilonInsideRoot) ? sqrt(square + epsilon) : sqrt(square) + epsilon
      var change = mean / root
      if !faults.contains(.decayCoupled) { change = change + decay * w }
      if let mask = mask[name], !faults.contains(.decayOnIdleRows) { change = change * mask }
      weights[name] = w - rate * change
    }
  }
}
