// # Do two measures order things alike?
//
// A selector gives each head a score, and a measurement says what each head is worth. Their units differ, and a
// selector may be right about the order without being right about the sizes. So we compare ranks:
//
//     ρ  =  correlation of rank(x) and rank(y)          ranks 1 … n; equal values share the mean of their ranks
//
// ρ is 1 for the same order, −1 for the opposite one, and near 0 where one says nothing about the other. By chance
// alone it is spread around 0 with a standard deviation of 1 / √(n − 1).
//
// Read before: `Estimate.swift`. Source: Spearman (1904), The proof and measurement of association between two
// things.

/// The ranks of some numbers, 1 for the smallest; equal ones share the mean of their ranks.
///
/// A NaN has no place in an order: with one among them, all ranks are NaN.
public func ranks(of values: [Double]) -> [Double] {
  if values.contains(where: \.isNaN) { return values.map { _ in .nan } }
  let order = values.indices.sorted { values[$0] < values[$1] }
  var ranks = [Double](repeating: 0, count: values.count)
  var first = 0
  while first < order.count {
    let last = order[first...].lastIndex { values[$0] == values[order[first]] }!
    for place in first...last { ranks[order[place]] = Double(first + last) / 2 + 1 }
    first = last + 1
  }
  return ranks
}

/// Spearman's rank correlation of two lists of equal length, −1 … 1; NaN if all values of one list are equal.
public func rankCorrelation(_ x: [Double], _ y: [Double]) -> Double {
  guard x.count == y.count else { fatalError("\(x.count) values cannot be ranked against \(y.count)") }
  let (a, b) = (ranks(of: x), ranks(of: y))
  // Both lists of ranks have the mean (n + 1) / 2, ties or not.
  let middle = Double(x.count + 1) / 2
  func product(_ a: [Double], _ b: [Double]) -> Double {
    zip(a, b).reduce(0) { $0 + ($1.0 - middle) * ($1.1 - middle) }
  }
  return product(a, b) / (product(a, a) * product(b, b)).squareRoot()
}
