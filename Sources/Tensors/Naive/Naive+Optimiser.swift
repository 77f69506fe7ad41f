// # AdamW, one number at a time
//
// The update as the paper writes it, for one number and one step. Fast version: `OptimiserStep.swift`.

import Foundation

extension Naive {
  /// One AdamW step of one number (Loshchilov and Hutter, arXiv 1711.05101, algorithm 2, with the decay scaled by the
  /// learning rate).
  public static func adamW(
    value: Double, gradient: Double, firstMoment: Double, secondMoment: Double, step: Int, learningRate: Double,
    beta1: Double, beta2: Double, epsilon: Double, weightDecay: Double
  ) -> (value: Double, firstMoment: Double, secondMoment: Double) {
    let m = beta1 * firstMoment + (1 - beta1) * gradient
    let v = beta2 * secondMoment + (1 - beta2) * gradient * gradient
    let mHat = m / (1 - pow(beta1, Double(step)))
    let vHat = v / (1 - pow(beta2, Double(step)))
    return (value - learningRate * (mHat / (vHat.squareRoot() + epsilon) + weightDecay * value), m, v)
  }
}
