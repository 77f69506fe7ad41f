// # Warm-up, stable, decay
//
// The learning rate rises linearly, stays constant, and falls linearly to zero:
//
//     rate
//      1      ┌──────────────────┐
//            ╱                    ╲
//      0   ─┘                      └─    step
//           10 %                20 %
//
// Unlike a cosine schedule, the stable part does not depend on the length of the run, so a run can be extended from
// there.
//
// Read next: `TrainingRun.swift`. Source: Hu et al., "MiniCPM", arXiv 2404.06395.

/// A learning rate that warms up, stays and decays.
public struct WarmUpStableDecay: Codable, Equatable, Sendable {
  /// The rate in the stable part.
  public var peak: Double
  /// The number of steps of the run.
  public var steps: Int
  /// The fractions of the run in which the rate rises and in which it falls.
  public var warmUp, decay: Double

  /// A schedule over `steps` steps; `warmUp` and `decay` are fractions of the run, 0 … 1.
  public init(peak: Double, steps: Int, warmUp: Double = 0.1, decay: Double = 0.2) {
    (self.peak, self.steps, self.warmUp, self.decay) = (peak, steps, warmUp, decay)
  }

  /// The rate of a step, counted from 0: above 0 in the first, `peak` in the stable part, and 0 right after the last.
  public func rate(at step: Int) -> Double {
    let rising = Double(step + 1) / max(1, warmUp * Double(steps))
    let falling = Double(steps - step) / max(1, decay * Double(steps))
    return peak * max(0, min(1, rising, falling))
  }
}
