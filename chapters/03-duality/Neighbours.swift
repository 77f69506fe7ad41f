// # The neighbour's weight, in two ways that lose it
//
// L[t, t − 1] = α[t], as the ratio of two running products ρ and as exp of the difference of two
// running sums, in any number type. Both lose what they should give: the products become 0, and the
// digits of a small difference are lost in large sums.

import Foundation

/// What becomes of the weights L[t, t − 1] for t = 1 …; the truth is exp(log α[t]) in `Double`.
struct Neighbours<F: BinaryFloatingPoint> {
  /// log α[0] + … + log α[t].
  let sums: [F]
  /// Relative errors of ρ[t] / ρ[t − 1].
  let byRatio: [Double]
  /// Relative errors of exp(sum[t] − sum[t − 1]).
  let byDifference: [Double]
  /// The first t at which ρ[t] = α[0] ⋯ α[t] is 0, or the number of steps if there is none.
  let zero: Int

  init(_ logs: [Double], in type: F.Type) {
    let products = logs.reduce(into: [F]()) { $0.append(($0.last ?? 1) * F(exp($1))) }
    let sums = logs.reduce(into: [F]()) { $0.append(($0.last ?? 0) + F($1)) }
    let times = logs.indices.dropFirst()
    byRatio = times.map { abs(Double(products[$0] / products[$0 - 1]) / exp(logs[$0]) - 1) }
    byDifference = times.map { abs(exp(Double(sums[$0] - sums[$0 - 1]) - logs[$0]) - 1) }
    zero = products.firstIndex(of: 0) ?? logs.count
    self.sums = sums
  }
}
