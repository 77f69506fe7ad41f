// # Comparing tensors
//
// A failed comparison should say where to look: the worst entry, both numbers, and their distance.
// An infinity equals itself, and a NaN equals an expected NaN.
//
// Read before: `Tolerance.swift`. Read next: `Tally.swift`, which counts what was compared.

import GradientChecking
import Tensors
import Testing

/// How far two tensors of one shape are apart, at worst.
struct Deviation {
  var error: Scalar = 0
  var entry = 0

  /// - Parameter floor: errors are relative to max(floor, |expected|)
  init(_ actual: [Scalar], _ expected: [Scalar], floor: Scalar) {
    for (entry, (a, e)) in zip(actual, expected).enumerated() where !(a == e || (a.isNaN && e.isNaN)) {
      let distance = abs(a - e) / max(floor, abs(e))
      let size = distance.isNaN ? .infinity : distance
      if size > error { (error, self.entry) = (size, entry) }
    }
  }
}

/// Records an issue if an entry of `actual` is further from `expected` than allowed, naming the worst.
///
/// - Parameters:
///   - tolerance: the largest error, relative to max(floor, |expected|)
///   - floor: 1 where results are of order 1; 0 where each must be right to its own last digits
///   - name: the case, for the message and the tally
/// - Returns: the worst error
@discardableResult
public func expectClose(
  _ actual: Tensor, _ expected: Tensor, within tolerance: Scalar = Tolerance.value, floor: Scalar = 1,
  _ name: String = "", sourceLocation: SourceLocation = #_sourceLocation
) -> Scalar {
  guard actual.shape == expected.shape else {
    Issue.record("\(name): the shape is \(actual.shape), not \(expected.shape)", sourceLocation: sourceLocation)
    return .infinity
  }
  let (a, e) = (actual.elements, expected.elements)
  let worst = Deviation(a, e, floor: floor)
  Tally.count(a.count, name, worst: Double(worst.error))
  if !(worst.error <= tolerance) {
    Issue.record(
      """
      \(name): entry \(position(of: worst.entry, in: actual.shape)) of \(actual.shape) is \(a[worst.entry]), \
      expected \(e[worst.entry]), relative error \(worst.error) > \(tolerance)
      """, sourceLocation: sourceLocation)
  }
  return worst.error
}

/// Records an issue unless two tensors agree to the last bit, NaN included.
public func expectIdentical(
  _ actual: Tensor, _ expected: Tensor, _ name: String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
  guard actual.shape == expected.shape else {
    Issue.record("\(name): the shape is \(actual.shape), not \(expected.shape)", sourceLocation: sourceLocation)
    return
  }
  let (a, e) = (actual.elements, expected.elements)
  Tally.count(a.count, name)
  if let entry = a.indices.first(where: { a[$0].bitPattern != e[$0].bitPattern }) {
    Issue.record(
      "\(name): entry \(position(of: entry, in: actual.shape)) of \(actual.shape) is \(a[entry]), not \(e[entry])",
      sourceLocation: sourceLocation)
  }
}

/// Records an issue unless every entry is 0.
public func expectZero(
  _ actual: Tensor, _ name: String = "", sourceLocation: SourceLocation = #_sourceLocation
) {
  Tally.count(actual.count, name)
  if let entry = actual.elements.firstIndex(where: { $0 != 0 }) {
    let place = position(of: entry, in: actual.shape)
    Issue.record(
      "\(name): entry \(place) of \(actual.shape) is \(actual.elements[entry]), not 0", sourceLocation: sourceLocation
    )
  }
}

/// Records an issue for a gradient check that found disagreements, with the first three of them.
public func expectPass(
  _ report: GradientReport, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  Tally.count(report.comparisons, name, worst: Double(report.worstError))
  if !report.passes {
    let sentences = report.failures.isEmpty ? ["nothing was compared"] : Array(report.failures.prefix(3))
    Issue.record(
      "\(name): \(report.failures.count) of \(report.comparisons): \(sentences.joined(separator: "; "))",
      sourceLocation: sourceLocation)
  }
}

/// The position of an entry, an index for each axis.
private func position(of entry: Int, in shape: Shape) -> [Int] {
  (0..<shape.rank).map { axis in entry / max(1, shape.stride(of: axis)) % max(1, shape[axis]) }
}
