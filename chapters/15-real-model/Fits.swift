// # The families of chapter 06, on these matrices
//
// The same fits with the same routines as in chapter 06: how closely a head's matrix is approximated by a
// Toeplitz matrix, by a masked product of two thin factors (low rank), by such a product with decays (SSD),
// and by any recurrence, when the parameters are chosen for each matrix separately.

import Book
import Corpora
import Experiments
import Foundation
import Layers
import Models
import Notebook
import Statistics
import Structures
import Tensors

/// The distances of each family from each head's matrix.
nonisolated struct Fits: Codable {
  var heads: [Head]
  var orders: [Int]
  /// Of each matrix, in Frobenius' norm.
  var norms: [Double]
  var toeplitz: [Double]
  /// By family, by order, by head.
  var distances: [String: [[Double]]]

  static let families = [
    "low rank, descent", "low rank, rows solved", "SSD, descent", "SSD, rows solved", "semiseparable", "bound",
  ]

  /// What a family is called in tables and figures, as in chapter 06; the names above are the keys of kept results.
  static func title(of family: String) -> String {
    family == "semiseparable" ? "semiseparable, truncated" : family
  }

  /// The mean of ‖A − M‖ / ‖A‖ over the heads, for a family at an order.
  func relative(_ family: String, _ place: Int) -> Estimate {
    Estimate(zip(distances[family]![place], norms).map { $0 / $1 })
  }

  /// Fits all families to some heads of one window.
  ///
  /// - Parameters:
  ///   - steps: the steps of gradient descent, and of solving for rows in turns
  ///   - progress: called with the fraction that is done, 0 … 1
  nonisolated init(
    of teacher: FrozenModel, heads: [Head], on tokens: Tokens, orders: [Int], steps: (descent: Int, solving: Int),
    progress: (Double) -> Void
  ) throws {
    (self.heads, self.orders) = (heads, orders)
    let T = tokens.T
    var matrices: [Tensor] = []
    for (l, trace) in teacher.traces(tokens).enumerated() {
      for head in heads where head.layer == l {
        matrices.append(
          trace.matrix!.sliced(head.number..<(head.number + 1), along: 1).reshaped(to: [1, T, T] as Shape))
      }
    }
    let targets = Tensor.concatenated(matrices)
    func each(_ x: Tensor) -> [Double] { x.elements.map { Double($0) } }
    func fromTargets(_ x: Tensor) -> [Double] { each(distance(x, targets, over: 2)) }
    norms = fromTargets(.zeros(targets.shape))
    toeplitz = fromTargets(toeplitzProjection(targets))
    var found: [String: [[Double]]] = [:]
    // At each order descent costs as much as solving; truncation and bound are one piece of work for all orders.
    let pieces = Double(4 * orders.count + 2)
    var done = 0.0
    func piece(_ family: String, _ distances: [Double]) {
      found[family, default: []].append(distances)
      done += 1
      progress(done / pieces)
    }
    for N in orders {
      for (name, family) in [("low rank", StateSpaceFamily.lowRank), ("SSD", .ssd(firstDecay: 0.9))] {
        var fit = StateSpaceFit(family, N: N, to: targets)
        try fit.descend(steps: steps.descent, rate: 0.06)
        piece("\(name), descent", each(fit.distances))
        fit = StateSpaceFit(family, N: N, to: targets)
        try fit.alternate(steps: steps.solving, rate: 0.1)
        piece("\(name), rows solved", each(fit.distances))
      }
    }
    let blocks = HankelBlocks(of: targets)
    found["semiseparable"] = orders.map { fromTargets(balancedTruncation(of: blocks, N: $0).matrices) }
    progress((pieces - 1) / pieces)
    found["bound"] = semiseparableBounds(targets, orders: orders, grid: T >= 128 ? 8 : 4)
    progress(1)
    distances = found
  }
}

// ## In the chapter

extension Job {
  /// The fits of the chapter: heads of all layers on one held-out window.
  func fits() throws -> Fits {
    let L = teacher.configuration.L
    // Three heads of each layer, different ones from layer to layer.
    let heads = (0..<L).flatMap { l in
      let H = teacher.configuration.mixers[l].H
      return (0..<min(3, H)).map { Head(layer: l, number: (l + $0 * H / min(3, H)) % H) }
    }
    let orders = (chapter.isQuick ? [4, 8, 16] : [4, 8, 16, 32, 64]).filter { $0 <= store.recipe.T }
    let steps = chapter.isQuick ? (descent: 60, solving: 10) : (descent: 400, solving: 40)
    struct Key: Encodable {
      var model: String
      var heads: [Head]
      var orders, steps: [Int]
    }
    let key = Key(model: modelName, heads: heads, orders: orders, steps: [steps.descent, steps.solving])
    return try store.result("fits", in: chapter.name, of: key) {
      let bar = work.bar("fits", total: 1000)
      defer { bar.finish() }
      let window = store.heldOut.reported[store.heldOut.reported.count / 2].inputs
      return try Fits(of: teacher, heads: heads, on: window, orders: orders, steps: steps) {
        bar.update(Int(1000 * $0), .none, tokens: nil)
      }
    }
  }

  /// The table of the families, and below it the paper's and chapter 06's.
  func report(_ fits: Fits) {
    show("matrices", fits.heads.count)
    show("norm of a matrix, mean ± standard error", estimateText(Estimate(fits.norms)))
    show("Toeplitz, distance over norm", estimateText(Estimate(zip(fits.toeplitz, fits.norms).map { $0 / $1 })))
    chapter.tabulate(
      "fits", ["N", "N / T"] + Fits.families.map(Fits.title),
      rows: fits.orders.enumerated().map { place, N in
        ["\(N)", "1/\(store.recipe.T / N)"]
          + Fits.families.map { number(fits.relative($0, place).mean, digits: 3) }
      })
    let families = ["low rank", "SSD", Fits.title(of: "semiseparable")]
    table(["the paper, distance", "N / T"] + families, rows: paperRows())
    let own = chapter06Rows()
    if !own.isEmpty { table(["chapter 06, distance over norm", "N / T"] + families, rows: own) }
    chapter.plot(familyDistances(fits, of: title, T: store.recipe.T), "fits")
    for (place, N) in fits.orders.enumerated() {
      func mean(_ family: String) -> Double { fits.relative(family, place).mean }
      // At distances near zero rounding decides.
      if mean("SSD, rows solved") > 1e-3 {
        expect("N = \(N): semiseparable < SSD", mean("semiseparable"), lessThan: mean("SSD, rows solved"))
        Notebook.report(
          "N = \(N): SSD < low rank, rows solved", mean("SSD, rows solved"), lessThan: mean("low rank, rows solved"))
      }
    }
    let ratios = fits.orders.indices.flatMap { place in
      zip(zip(fits.distances["semiseparable"]![place], fits.distances["bound"]![place]), fits.norms)
        // A bound of a millionth of the norm is rounding.
        .filter { $0.0.1 > 1e-4 * $0.1 }.map { $0.0.0 / $0.0.1 }
    }
    check("no fit is below its bound: the smallest ratio", ratios.min() ?? 1, atLeast: 0.999)
  }

  /// The paper's table.
  private func paperRows() -> [[String]] {
    // arXiv 2408.10189, the table of fits: T = 512. Its matrices' mean norm is not given, so these are distances.
    let paper = [(16, [0.595, 0.453, 0.236]), (32, [0.310, 0.226, 0.112]), (64, [0.128, 0.093, 0.041])]
    return paper.map { N, values in
      ["N = \(N)", "1/\(512 / N)"] + values.map { number($0, decimals: 3) }
    }
  }

  /// The table of chapter 06, if a full run of it has left one.
  private func chapter06Rows() -> [[String]] {
    var rows: [[String]] = []
    let file = chapter.out.appending(path: "06-structured-matrices/distances.csv")
    guard !chapter.isQuick, let text = try? String(contentsOf: file, encoding: .utf8) else { return rows }
    let lines = text.split(separator: "\n").dropFirst().map { $0.split(separator: ",").map(String.init) }
    func cell(_ family: String, _ N: Int) -> (T: Int, relative: Double)? {
      lines.first { $0.count == 6 && $0[0] == family && Int($0[1]) == N }.flatMap { line in
        guard let T = Int(line[2]), let distance = Double(line[3]), let norm = Double(line[5]) else { return nil }
        return (T, distance / norm)
      }
    }
    for N in [4, 8, 16, 32] {
      let cells = ["low rank", "SSD", "semiseparable"].compactMap { cell($0, N) }
      if cells.count == 3 {
        rows.append(
          ["N = \(N)", "1/\(cells[0].T / N)"] + cells.map { number($0.relative, digits: 3) })
      }
    }
    return rows
  }
}

/// "8.62 ± 0.21".
func estimateText(_ estimate: Estimate) -> String {
  "\(number(estimate.mean, digits: 3)) ± \(number(estimate.standardError, digits: 2))"
}
