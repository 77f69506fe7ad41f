// # What a difference looks like
//
// Not every mistake is known. Of one that is not, the numbers still tell something: a factor, a sign, a tensor that
// stands under another name, or the one row of the batch that is wrong where all others are right.
//
// Read before: `Difference.swift`. Read next: `Doctor.swift`.

import Tensors

/// Describes how a tensor differs from what it should be.
enum Pattern {
  /// Clauses that hold of the answer, the most telling first; empty if nothing simple does.
  ///
  /// - Parameters:
  ///   - axes: the letters of the axes, separated by spaces
  ///   - others: the right tensors of the same case, by name
  static func clauses(
    _ answer: Tensor, _ expected: Tensor, axes: String, within tolerance: Double, among others: [(String, Tensor)]
  ) -> [String] {
    let (a, e) = (answer.elements, expected.elements)
    if a.allSatisfy({ $0 == 0 }) { return ["all of it is 0"] }
    let bad = a.count { !$0.isFinite }
    if bad > 0 { return ["\(bad) of \(a.count) entries are not finite"] }
    if let factor = factor(a, e), close(answer, Tensor(factor) * expected, tolerance) {
      return [factor == -1 ? "it has the other sign" : "it is \(text(Double(factor))) times what it should be"]
    }
    if let twin = others.first(where: { $0.1.shape == answer.shape && close(answer, $0.1, tolerance) }) {
      return ["these are the numbers of \(twin.0)"]
    }
    for (first, second) in pairs(answer.shape) {
      if close(answer.transposed(first, second), expected, tolerance) { return ["two axes are exchanged"] }
    }
    let letters = axes.split(separator: " ").map(String.init)
    for axis in 0..<answer.shape.rank where answer.shape[axis] > 1 {
      let turned = Tensor.concatenated(
        (0..<answer.shape[axis]).reversed().map { answer.sliced($0..<($0 + 1), along: axis) }, along: axis)
      if close(turned, expected, tolerance) { return ["axis \(name(axis, letters)) runs the other way"] }
    }
    return parts(answer, expected, letters, tolerance)
  }

  /// For each axis along which only some places are wrong, which.
  private static func parts(_ answer: Tensor, _ expected: Tensor, _ letters: [String], _ tolerance: Double)
    -> [String]
  {
    let scale = Double(largestMagnitude(expected))
    return (0..<answer.shape.rank).compactMap { axis in
      let size = answer.shape[axis]
      let wrong = (0..<size).filter { place in
        let (a, e) = (
          answer.sliced(place..<(place + 1), along: axis), expected.sliced(place..<(place + 1), along: axis)
        )
        return zip(a.elements, e.elements).contains { !(abs(Double($0) - Double($1)) <= tolerance * scale) }
      }
      guard size > 1, !wrong.isEmpty, 2 * wrong.count <= size || wrong.count == size - 1 else { return nil }
      return wrong.count == size - 1 && size > 2
        ? "along \(name(axis, letters)) only place \((0..<size).first { !wrong.contains($0) }!) of \(size) is right"
        : "along \(name(axis, letters)) only \(places(wrong)) of \(size) \(wrong.count == 1 ? "is" : "are") wrong"
    }
  }

  private static func close(_ a: Tensor, _ b: Tensor, _ tolerance: Double) -> Bool {
    a.shape == b.shape && Difference(of: a, from: b).size <= tolerance
  }

  /// The ratio at the largest expected entry; nil if that is not a finite number other than 0 and 1.
  private static func factor(_ a: [Scalar], _ e: [Scalar]) -> Scalar? {
    guard let place = e.indices.max(by: { abs(e[$0]) < abs(e[$1]) }), e[place] != 0 else { return nil }
    let ratio = a[place] / e[place]
    return ratio.isFinite && ratio != 0 && ratio != 1 && a.count > 1 || a.count == 1 && ratio.isFinite ? ratio : nil
  }

  private static func text(_ x: Double) -> String {
    let inverse = 1 / x
    for (value, form) in [(x, { (n: Int) in "\(n)" }), (inverse, { "1/\($0)" })] {
      if abs(value) < 1e6, abs(value - value.rounded()) < 1e-9 * abs(value) { return form(Int(value.rounded())) }
    }
    return "\(Float(x))"
  }

  private static func name(_ axis: Int, _ letters: [String]) -> String {
    axis < letters.count && Int(letters[axis]) == nil ? letters[axis] : "axis \(axis)"
  }

  private static func places(_ wrong: [Int]) -> String {
    if wrong.count == 1 { return "place \(wrong[0])" }
    let isRun = wrong.last! - wrong[0] == wrong.count - 1
    return isRun
      ? "places \(wrong[0]) to \(wrong.last!)" : "places \(wrong.prefix(6).map(String.init).joined(separator: ", "))"
  }

  private static func pairs(_ shape: Shape) -> [(Int, Int)] {
    (0..<shape.rank).flatMap { i in (0..<i).map { ($0, i) } }.filter { shape[$0.0] == shape[$0.1] && shape[$0.0] > 1 }
  }
}
