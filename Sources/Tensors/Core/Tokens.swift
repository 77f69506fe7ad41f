// # Tokens
//
// A batch of text as numbers: B rows of T token numbers, row by row. It is what a model reads, and what it has to
// predict.
//
// Read next: `Corpora/Windows.swift`, `Gradients/Positions.swift`.

/// Token numbers in a grid of B rows with T tokens each.
public struct Tokens: Sendable, Hashable {
  /// The number of rows.
  public let B: Int
  /// The number of tokens in a row.
  public let T: Int
  /// The token numbers, row by row; `B * T` of them.
  public let ids: [Int]

  /// Stops the program if `ids` does not have `B * T` entries.
  public init(_ ids: [Int], B: Int, T: Int) {
    precondition(ids.count == B * T, "\(ids.count) token numbers do not fill \(B) rows of \(T)")
    self.ids = ids
    self.B = B
    self.T = T
  }

  /// A single row.
  public init(_ ids: [Int]) { self.init(ids, B: 1, T: ids.count) }

  /// One of the rows.
  public func row(_ b: Int) -> ArraySlice<Int> { ids[(b * T)..<((b + 1) * T)] }
}
