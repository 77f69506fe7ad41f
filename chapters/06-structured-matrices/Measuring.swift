// # How the chapter counts
//
// The distances of each family, the order of two families, and whether a search has converged.
//
// Read before: the beginning of main.swift.

import Notebook
import Statistics
import Structures
import Tensors

/// The elements of a tensor with one axis, a number for each matrix.
func each(_ x: Tensor) -> [Double] { x.elements.map { Double($0) } }

/// "3.60 ± 0.17": a mean and its standard error.
func text(_ estimate: Estimate, digits: Int = 3) -> String {
  "\(number(estimate.mean, digits: digits)) ± \(number(estimate.standardError, digits: 2))"
}

/// The mean of some distances as text.
func meanText(_ distances: [Double]) -> String { number(Estimate(distances).mean, digits: 3) }

// ## Distances
//
// All families are compared with the same matrices. So the standard error of a difference comes
// from the differences, matrix by matrix; it cannot be computed from the two standard errors.

/// The Frobenius distances of each family's matrices from the targets.
struct Distances {
  let targets: Tensor
  /// By family, by N, a number for each matrix.
  private(set) var all: [String: [Int: [Double]]] = [:]

  init(from targets: Tensor) { self.targets = targets }

  mutating func record(_ family: String, _ N: Int, _ matrices: Tensor) {
    all[family, default: [:]][N] = each(distance(matrices, targets, over: 2))
  }

  subscript(family: String, N: Int) -> [Double] { all[family]![N]! }
  func estimate(_ family: String, _ N: Int) -> Estimate { Estimate(self[family, N]) }
  func meanText(_ family: String, _ N: Int) -> String { number(estimate(family, N).mean, digits: 3) }

  /// By how much the one family is nearer than the other.
  func lead(of near: String, over far: String, _ N: Int) -> String {
    text(Estimate(zip(self[far, N], self[near, N]).map { $0 - $1 }), digits: 2)
  }

  /// Checks at each N that the mean distance of the one family is smaller than that of the other.
  func checkOrder(_ near: String, _ far: String, _ orders: [Int], file: String = #fileID, line: Int = #line) {
    for N in orders {
      check(
        "N = \(N): \(near) < \(far)", estimate(near, N).mean, lessThan: estimate(far, N).mean, digits: 3,
        file: file, line: line)
    }
  }

  /// By what the mean distance is multiplied from each N to the next.
  func factors(_ family: String, _ orders: [Int]) -> [String] {
    zip(orders, orders.dropFirst()).map { N, next in
      number(estimate(family, next).mean / estimate(family, N).mean, decimals: 2)
    }
  }

  static let columns = ["family", "N", "T", "distance", "standard error", "norm"]

  /// Adds a row for each family and N; fits by descent and truncated recurrences stand under the name of their family.
  func write(to file: Metrics, T: Int, norm: Double) {
    for (name, distances) in all.sorted(by: { $0.key < $1.key }) {
      let family = name.replacing(", descent", with: "").replacing(", truncated", with: "")
      for (N, values) in distances.sorted(by: { $0.key < $1.key }) {
        file.add(family, N, T, Estimate(values).mean, Estimate(values).standardError, norm)
      }
    }
  }
}

// ## Convergence

/// What more steps of a search are worth.
struct Convergence {
  let family: String
  /// The mean distance nine tenths through the steps, at their end, and at the end of twice as many.
  let before, once, twice: Double

  /// Both gains are parts of the distance.
  var gainedInLastTenth: Double { 1 - once / before }
  var gainedByTwice: Double { 1 - twice / once }

  static let columns = ["distance", "with twice the steps", "gained in the last tenth", "gained by twice the steps"]
  var cells: [String] {
    [family] + [once, twice].map { number($0, digits: 3) }
      + [gainedInLastTenth, gainedByTwice].map { number($0, decimals: 2) }
  }
}

/// The convergence of both families' fits with the N that is shown; this searches once more, twice as long.
func convergence(of names: [String], by search: Search) -> [Convergence] {
  zip(names, families).map { name, family in
    let losses = curves[name]!
    let twice = each(fitted(family, N: shown, by: search, times: 2).distances)
    return Convergence(
      family: name, before: losses[losses.count * 9 / 10] / Double(count), once: found.estimate(name, shown).mean,
      twice: Estimate(twice).mean)
  }
}
