// # Dot plots: one number an arm
//
// The result of an experiment with several arms: a dot for each, with its error, sorted by the caller. Dots and not
// bars, because a bar's length means something only when the axis begins at zero, and losses do not.
// Read before: Axis.swift. Read after: Script+DotPlot.swift.

/// Named values, one below the other, with their errors.
public struct DotPlot: Sendable {
  /// One arm.
  public struct Row: Sendable, Equatable {
    public let name: String

    /// In the unit of the plot's axis; when it is not finite the row stays, empty, and is noted.
    public let value: Double

    /// Half the length of the error bar, in the same unit; nil or not finite for none. The sign does not matter.
    public let error: Double?

    /// Rows of one group share colour and marker, and the legend names it.
    public let group: String?

    public init(name: String, value: Double, error: Double?, group: String? = nil) {
      self.name = name
      self.value = value
      self.error = error
      self.group = group
    }
  }

  public let title: String

  /// The axis of the values, which runs to the right.
  public let value: Axis

  /// From the top down.
  public let rows: [Row]

  /// Vertical lines, named in the legend.
  public let references: [Reference]

  public init(_ title: String, value: Axis, rows: [Row], references: [Reference] = []) {
    self.title = title
    self.value = value
    self.rows = rows
    self.references = references
  }
}

extension DotPlot {
  func check(at place: Place) throws {
    try value.check(at: place)
    try place.require(!rows.isEmpty, "there are no rows", remedy: "give at least one Row")
    for reference in references {
      try place.inside("reference '\(reference.name)'").require(
        isDrawable(reference.y), "its level is \(reference.y)", remedy: "give a finite level or leave it out")
    }
  }

  /// The groups in the order in which they appear; rows without one form the group "".
  var groups: [String] {
    var seen: [String] = []
    for row in rows where !seen.contains(row.group ?? "") { seen.append(row.group ?? "") }
    return seen
  }

  /// The names of the lines from the top down: each name of a row once.
  var lines: [String] {
    var seen: [String] = []
    for row in rows where !seen.contains(row.name) { seen.append(row.name) }
    return seen
  }

  /// The rows of a group that can be drawn, as [value, line from 1, low, high].
  ///
  /// On a logarithmic axis a low end ≤ 0 becomes `floor`, the axis' end.
  func dots(of group: String, floor: Double) -> [[Double]] {
    var dots: [[Double]] = []
    let lines = lines
    for row in rows where (row.group ?? "") == group {
      guard hasPlace(row.value, log: value.logarithmic), let index = lines.firstIndex(of: row.name) else { continue }
      let error = row.error.map(\.magnitude).flatMap { isDrawable($0) ? $0 : nil } ?? 0
      let low = row.value - error
      dots.append([
        row.value, Double(index + 1), value.logarithmic && low < 1e-250 ? floor : low, row.value + error,
      ])
    }
    return dots
  }

  /// Whether a reference has a place on the axis.
  func shows(_ reference: Reference) -> Bool { hasPlace(reference.y, log: value.logarithmic) }
}
