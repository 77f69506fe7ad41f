// # What a page lets its reader explore
//
// A picture shows one view of some numbers. On a page the reader can ask for another: the value of one entry of a
// matrix, a matrix before and after training, the cost at other sizes. The numbers are those of the run, as for every
// figure, so that no formula is written a second time in the language of pages. The terminal and the report do without.
//
// Read before: `Entry.swift`. Read next: `Chapter.swift`.

/// Numbers of a run that the page of a chapter shows as its reader asks for them.
public enum Exploration: Codable, Equatable, Sendable {
  /// Square matrices over the tokens of a text, shown one at a time; the page shows the value under the pointer.
  case matrices(title: String, tokens: [String], [NamedMatrix])
  /// Matrices that training should reach, and beside them those before and after it, under a slider that uncovers the
  /// latter.
  case training(
    title: String, tokens: [String], target: [NamedMatrix], before: [NamedMatrix], after: [NamedMatrix])
  /// Results for each combination of some parameters, each with a slider.
  case sizes(title: String, parameters: [Parameter], results: [Result])

  /// A matrix with a name; a row for each token that reads, a column for each that is read.
  public struct NamedMatrix: Codable, Equatable, Sendable {
    /// "layer 3, head 1".
    public var name: String
    /// The rows, with entries rounded to thousandths.
    public var rows: [[Double]]

    /// A matrix; an entry that is no number, as above the diagonal, becomes 0.
    public init(_ name: String, rows: [[Double]]) {
      self.name = name
      self.rows = rows.map { $0.map { $0.isFinite ? ($0 * 1000).rounded() / 1000 : 0 } }
    }
  }

  /// A size that the reader can choose.
  public struct Parameter: Codable, Equatable, Sendable {
    /// "N, the state size".
    public var name: String
    /// What can be chosen, in order.
    public var values: [Int]
    /// The place of the first choice among the values.
    public var start: Int

    /// A size with its values; the first choice is one of them. Precondition: it is.
    public init(_ name: String, _ values: [Int], start: Int) {
      guard let place = values.firstIndex(of: start) else { preconditionFailure("\(start) is not one of \(values)") }
      (self.name, self.values, self.start) = (name, values, place)
    }
  }

  /// What comes out for each combination of sizes.
  public struct Result: Codable, Equatable, Sendable {
    /// "chunked".
    public var name: String
    /// "multiplications".
    public var unit: String
    /// A value for each combination; the last parameter changes fastest.
    public var values: [Double]

    /// A result for all combinations of some parameters, in the order of their names.
    public init(_ name: String, unit: String, over parameters: [Parameter], value: ([Int]) -> Double) {
      (self.name, self.unit) = (name, unit)
      let combinations = parameters.reduce([[]]) { sofar, parameter in
        sofar.flatMap { chosen in parameter.values.map { chosen + [$0] } }
      }
      values = combinations.map(value)
    }
  }
}
