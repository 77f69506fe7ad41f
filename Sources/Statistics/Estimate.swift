// # A mean and its uncertainty
//
// A quantity that is measured on several windows of text, or with several seeds, is reported as the mean of the
// samples with its standard error: the standard deviation that the mean itself would have if everything were drawn
// again.
//
// Read next: `PairedDifference.swift`.

/// The mean of independent samples.
public struct Estimate: Sendable, Equatable {
  /// The arithmetic mean, in the unit of the samples.
  public let mean: Double
  /// The standard error of the mean: the samples' standard deviation over √(their number); 0 for a single sample.
  public let standardError: Double

  /// The mean of `samples` with its standard error; without samples both are NaN.
  public init(_ samples: [Double]) {
    let count = Double(samples.count)
    let mean = samples.reduce(0, +) / count
    let variance = samples.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / max(1, count - 1)
    self.mean = mean
    standardError = (variance / count).squareRoot()
  }
}
