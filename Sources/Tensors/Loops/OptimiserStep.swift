// # The optimiser's arithmetic
//
// One pass over four tensors at once: value, gradient and two moments. Written as separate tensor operations it would
// take a dozen passes.
//
// Slow twin: `Naive.adamW`. Used by: `Training/AdamW.swift`.

import Foundation

/// The numbers of one AdamW step that are the same for all elements.
public struct AdamWStep: Sendable {
  /// The learning rate of this step.
  public var learningRate: Scalar
  /// The fraction of the first and of the second moment that is kept.
  public var beta1, beta2: Scalar
  /// 1 − β₁ᵗ and 1 − β₂ᵗ at step t = 1, 2, …
  public var correction1, correction2: Scalar
  /// What is added to the root of the second moment, so that the quotient stays finite.
  public var epsilon: Scalar
  /// The fraction of a value that decays, before it is multiplied by the learning rate.
  public var weightDecay: Scalar
  /// What each gradient is multiplied by before anything else; at most 1, if gradients are clipped.
  public var gradientScale: Scalar

  /// The numbers of one step; `step` counts from 1 and gives the two corrections.
  public init(
    learningRate: Scalar, beta1: Scalar, beta2: Scalar, step: Int, epsilon: Scalar, weightDecay: Scalar,
    gradientScale: Scalar
  ) {
    (self.learningRate, self.beta1, self.beta2) = (learningRate, beta1, beta2)
    correction1 = 1 - Scalar(pow(Double(beta1), Double(step)))
    correction2 = 1 - Scalar(pow(Double(beta2), Double(step)))
    (self.epsilon, self.weightDecay, self.gradientScale) = (epsilon, weightDecay, gradientScale)
  }

  /// Changes value and moments in the given rows of the first axis; all other rows keep every bit.
  ///
  /// - Parameter rows: a range of the first axis; for a tensor without axes 0..<1
  public func apply(
    to value: inout Tensor, gradient: Tensor, firstMoment: inout Tensor, secondMoment: inout Tensor, rows: Range<Int>
  ) {
    let width = value.rank == 0 ? 1 : value.shape.stride(of: 0)
    let range = (rows.lowerBound * width)..<(rows.upperBound * width)
    reading(gradient) { gradient in
      changing(&value, &firstMoment, &secondMoment, range, grain: Parallel.grain / 8) { places, w, m, v in
        let g = gradient.extracting(places)
        for i in 0..<w.count {
          let slope = g[i] * gradientScale
          m[i] = beta1 * m[i] + (1 - beta1) * slope
          v[i] = beta2 * v[i] + (1 - beta2) * slope * slope
          let update = (m[i] / correction1) / ((v[i] / correction2).squareRoot() + epsilon)
          w[i] -= learningRate * (update + weightDecay * w[i])
        }
      }
    }
  }
}
