// # What a check found
//
// A check of a derivative compares many pairs of numbers. It does not stop at the first pair that disagrees: the
// places where a mistake shows help to find it. So each check fills a report, reports can be merged, and every
// failure names the input, the entry, and both numbers.
//
// Read next: `GradientCheck.swift`.

import Tensors

/// What the checks of a derivative found.
public struct GradientReport: Sendable {
  /// How many numbers were compared.
  public var comparisons = 0
  /// The largest error, relative to max(1, |derived|, |measured|).
  public var worstError: Scalar = 0
  /// A sentence for each disagreement: which input, which entry, both numbers.
  public var failures: [String] = []

  /// An empty report, which does not pass until something has been compared.
  public init() {}

  /// Whether every number agreed and at least one was compared.
  public var passes: Bool { failures.isEmpty && comparisons > 0 }

  /// Compares a derived number with a measured one; a NaN on either side is a failure.
  ///
  /// - Parameter place: names the input and the entry, for the sentence about a failure
  public mutating func compare(
    derived: Scalar, measured: Scalar, tolerance: Scalar, _ place: @autoclosure () -> String
  ) {
    comparisons += 1
    let error = abs(derived - measured) / max(1, abs(derived), abs(measured))
    note(error)
    if !(error <= tolerance) {
      failures.append("\(place()): derived \(derived), measured \(measured), relative error \(error)")
    }
  }

  /// Keeps the larger error; a NaN is kept for good.
  private mutating func note(_ error: Scalar) {
    if !worstError.isNaN && !(error <= worstError) { worstError = error }
  }

  /// Adds what another check found.
  public mutating func merge(_ other: GradientReport) {
    comparisons += other.comparisons
    note(other.worstError)
    failures += other.failures
  }

  /// Compares two tensors entry by entry; unequal shapes are a failure.
  mutating func compare(
    _ found: Tensor, _ expected: Tensor, tolerance: Scalar, relativeTo floor: Scalar = 1, _ name: String
  ) {
    guard sameShape(found, expected, name) else { return }
    for (entry, (a, b)) in zip(found.elements, expected.elements).enumerated() {
      comparisons += 1
      let error = abs(a - b) / max(floor, abs(b))
      note(error)
      if !(error <= tolerance) {
        failures.append("\(name), entry \(entry): \(a) instead of \(b), relative error \(error)")
      }
    }
  }

  /// Compares two tensors bit by bit.
  mutating func compareBits(_ found: Tensor, _ expected: Tensor, _ name: String) {
    guard sameShape(found, expected, name) else { return }
    for (entry, (a, b)) in zip(found.elements, expected.elements).enumerated() {
      comparisons += 1
      if a.bitPattern != b.bitPattern { failures.append("\(name), entry \(entry): \(a) instead of \(b)") }
    }
  }

  mutating func sameShape(_ found: Tensor, _ expected: Tensor, _ name: String) -> Bool {
    if found.shape != expected.shape {
      failures.append("\(name) has the shape \(found.shape), not \(expected.shape)")
    }
    return found.shape == expected.shape
  }
}
