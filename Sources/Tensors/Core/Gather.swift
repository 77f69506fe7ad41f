// # Rows by number
//
// An embedding is a table from which rows are taken by number. Its pullback adds the cotangent of each taken row to
// the row of the table that it came from; a row that was taken twice gets both cotangents.
//
// Read before: `Tensor+Writing.swift`. Slow twin: a product with one-hot rows, `Naive.gathered`.

extension Tensor {
  /// Some rows of the first axis, in any order, or none; stops the program if `rows` names one that does not exist.
  public func gathered(_ rows: [Int]) -> Tensor {
    rows.isEmpty ? sliced(0..<0) : .concatenated(rows.map { sliced($0..<($0 + 1)) })
  }
}

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
  let ids = tokens.ids
  for id in ids { precondition(id >= 0 && id < V, "the token \(id) is not below the vocabulary's size \(V)") }
  return reading(table) { table in
    Tensor(
      writing: [tokens.B, tokens.T, D], rows: ids.count, .runs(atLeast: Parallel.grain / max(1, D))
    ) { row, target in copy(table.extracting(places(ids[row], D)), to: &target) }
  }
}

/// The cotangent of the table in `gatherRows`.
///
/// - Parameters:
///   - cotangent: [B, T, D]
///   - V: the number of rows of the table
/// - Returns: [V, D]
public func gatherRowsPullback(_ cotangent: Tensor, _ tokens: Tokens, V: Int) -> Tensor {
  let D = cotangent.shape[-1]
  var result = Tensor.zeros([V, D])
  reading(cotangent) { cotangent in
    result.withMutableElements { target in
      for (row, id) in tokens.ids.enumerated() {
        add(1, times: cotangent.extracting(places(row, D)), to: &target, at: id * D)
      }
    }
  }
  return result
}
