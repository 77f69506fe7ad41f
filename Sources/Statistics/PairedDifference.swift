// # Is a difference real?
//
// Two arms are run with the same seeds. Their differences d₁ … dₙ have a mean and a standard error. If the
// differences are normally distributed, this interval covers the true mean with probability 95 %:
//
//     mean ± t · s.e.          t the 97.5 % quantile of Student's distribution with n − 1 degrees of freedom
//
// For n = 3 that is t = 4.3, for many seeds 1.96. The claim that one arm is better holds if the interval lies above
// 0, does not hold if it lies below, and is undecided otherwise; with a single seed it is always undecided.
//
// Read before: `Estimate.swift`. Source: Student (1908), The probable error of a mean.

import Foundation

/// The differences of two arms over seeds.
public struct PairedDifference: Sendable {
  /// The verdict on a claim.
  public enum Conclusion: String, Sendable {
    /// The whole interval lies above 0.
    case holds = "holds"
    /// The whole interval lies below 0.
    case fails = "does not hold"
    /// The interval contains 0, or there is a single seed and no interval.
    case undecided = "undecided"
  }

  /// How much better the first arm is than the second, for each seed.
  public let samples: [Double]

  /// One difference per seed, positive where the claim is right; at least one.
  public init(_ samples: [Double]) { self.samples = samples }

  /// The mean difference, in the unit of the samples.
  public var mean: Double { Estimate(samples).mean }

  /// The interval that covers the true mean with probability 95 %; nil for a single seed.
  public var interval: ClosedRange<Double>? {
    guard samples.count > 1 else { return nil }
    let half = studentQuantile(0.975, degrees: samples.count - 1) * Estimate(samples).standardError
    return (mean - half)...(mean + half)
  }

  /// What the 95 % interval says about the claim that the true mean is above 0.
  public var conclusion: Conclusion {
    guard let interval else { return .undecided }
    return interval.lowerBound > 0 ? .holds : interval.upperBound < 0 ? .fails : .undecided
  }
}

/// The value below which Student's t lies with the given probability, by bisection on the integral of its density.
///
/// - Parameters:
///   - probability: above 1/2 and below 1
///   - degrees: of freedom, at least 1
public func studentQuantile(_ probability: Double, degrees: Int) -> Double {
  guard degrees >= 1 && probability > 0.5 && probability < 1 else {
    // Not `precondition`, whose message is not printed in a release build.
    fatalError("no quantile for probability \(probability) and \(degrees) degrees of freedom")
  }
  let n = Double(degrees)
  let factor = exp(lgamma((n + 1) / 2) - lgamma(n / 2)) / (n * Double.pi).squareRoot()
  // P(0 < t < √n tan θ) = factor √n ∫₀^θ cosⁿ⁻¹, a smooth integrand on a bounded interval, by Simpson's rule.
  func integral(to theta: Double) -> Double {
    let pieces = 2000
    let h = theta / Double(pieces)
    return (0...pieces).reduce(0) { sum, i in
      let weight = i == 0 || i == pieces ? 1.0 : i.isMultiple(of: 2) ? 2 : 4
      return sum + weight * pow(cos(Double(i) * h), n - 1)
    } * h / 3
  }
  var (low, high) = (0.0, Double.pi / 2)
  for _ in 0..<60 {
    let middle = (low + high) / 2
    if factor * n.squareRoot() * integral(to: middle) < probability - 0.5 { low = middle } else { high = middle }
  }
  return n.squareRoot() * tan(low)
}
