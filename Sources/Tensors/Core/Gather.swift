// # Rows by number
//
// An embedding is a table from which rows are taken by number. Its pullback adds each row's
// cotangent where the row came from; a row that was taken twice gets both.
//
// Slow twin: a product with one-hot rows, `Naive.gathered`.

/// The rows of a table, one for each token.
///
/// - Parameters:
///   - table: [V, D]
///   - tokens: B rows of T numbers below V
/// - Returns: [B, T, D]
///
/// Stops the program at a number that is not below V, naming it.
public func gatherRows(_ table: Tensor, _ tokens: Tokens) -> Tensor {
  let (V, D) = (table.shape[0], table.shape[1])
  let result = Tensor(uninitialised: [tokens.B, tokens.T, D])
  let target = result.fresh
  let (source, ids) = (table.base, tokens.ids)
  for id in ids { precondition(id >= 0 && id < V, "the token \(id) is not below the vocabulary's size \(V)") }
  Parallel.ranges(ids.count, grain: max(1, Parallel.grain / max(1, D))) { rows in
    for row in rows { (target + row * D).update(from: source + ids[row] * D, count: D) }
  }
  withExtendedLifetime(table) {}
  return result
}

/// The cotangent of the table in `gatherRows`.
///
/// - Parameters:
///   - cotangent: [B, T, D]
///   - V: the number of rows of the table
/// - Returns: [V, D]
public func gatherRowsPullback(_ cotangent: Tensor, _ tokens: Tokens, V: Int) -> Tensor {
  let D = cotangent.shape[-1]
  let result = Tensor.zeros([V, D])
  let target = result.fresh
  cotangent.withElements { source in
    for (row, id) in tokens.ids.enumerated() {
      let (from, to) = (source + row * D, target + id * D)
      for i in 0..<D { to[i] += from[i] }
    }
  }
  return result
}
