// # Dot plots: one number per arm
//
// The result of an experiment with several arms: a dot for each, with its error, sorted by the caller. Dots rather
// than bars, because a bar's length means something only when the axis begins at zero, and an axis of losses does
// not. In the script each group has a datablock, so that it has its own colour, marker and line in the legend; the
// names of the rows are ticks of the vertical axis. Read before: Panel.swift, Axis.swift.

/// Named values, one below the other, with their errors.
public struct DotPlot: Panel {
  /// One arm.
  public struct Row: Sendable, Equatable {
    /// The name beside the dot, a tick of the vertical axis.
    public let name: String

    /// In the unit of the plot's axis; when it is not finite the row stays empty, and a note says so.
    public let value: Double

    /// Half the length of the error bar, in the same unit; nil or not finite for none. The sign does not matter.
    public let error: Double?

    /// Rows of one group share colour and marker, and the legend names it.
    public let group: String?

    /// A row with a dot at `value`.
    public init(name: String, value: Double, error: Double?, group: String? = nil) {
      self.name = name
      self.value = value
      self.error = error
      self.group = group
    }
  }

  /// What stands above the plot; empty for nothing.
  public let title: String

  /// The axis of the values, which runs to the right.
  public let value: Axis

  /// From the top down.
  public let rows: [Row]

  /// Vertical lines, named in the legend.
  public let references: [Reference]

  /// A plot of rows from the top down; nothing is checked before it is written.
  public init(_ title: String, value: Axis, rows: [Row], references: [Reference] = []) {
    self.title = title
    self.value = value
    self.rows = rows
    self.references = references
  }

  /// Throws unless there are rows.
  public func check(at place: Place) throws {
    try value.check(at: place)
    try place.require(!rows.isEmpty, "there are no rows", remedy: "give at least one Row")
    for reference in references { try reference.check(at: place) }
  }

  /// The groups in the order in which they appear; rows without one form the group "".
  private var groups: [String] {
    var seen: [String] = []
    for row in rows where !seen.contains(row.group ?? "") { seen.append(row.group ?? "") }
    return seen
  }

  /// The names of the lines from the top down: each row name once.
  private var lines: [String] {
    var seen: [String] = []
    for row in rows where !seen.contains(row.name) { seen.append(row.name) }
    return seen
  }

  /// The rows of a group that can be drawn, as [value, line from 1, low, high].
  ///
  /// On a logarithmic axis a low end ≤ 0 becomes `floor`, the axis' end.
  private func dots(of group: String, floor: Double) -> [[Double]] {
    var dots: [[Double]] = []
    let lines = lines
    for row in rows where (row.group ?? "") == group {
      guard value.shows(row.value), let index = lines.firstIndex(of: row.name) else { continue }
      let error = row.error.map(\.magnitude).flatMap { isDrawable($0) ? $0 : nil } ?? 0
      let low = row.value - error
      dots.append([
        row.value, Double(index + 1), value.logarithmic && low < 1e-250 ? floor : low, row.value + error,
      ])
    }
    return dots
  }
}

// # Size, axes and legend

extension DotPlot {
  /// 30 pixels per line, even beside taller panels.
  public func wish(columns: Int) -> PanelSize {
    var size = PanelSize.chart(columns: columns)
    size.width *= 0.85
    size.height = max(110, Double(lines.count) * 30 + 10)
    size.keepsHeight = true
    return size
  }

  /// A value axis fitted to dots and error bars; the lines' names as ticks, the first on top.
  public func plan(width: Double, height: Double) -> PanelPlan {
    let dots = groups.flatMap { self.dots(of: $0, floor: .nan) }
    let references = references.filter { value.shows($0.y) }
    let levels = references.map(\.y)
    let xScale = AxisScale(
      value, fitting: dots.flatMap { [$0[0], $0[2], $0[3]] } + levels, room: .share(0.05), ticks: Int(width / 55))
    let lines = lines
    let yScale = AxisScale(
      lower: Double(lines.count) + 0.5, upper: 0.5,
      ticks: .named(lines.enumerated().map { (plain($1), Double($0 + 1)) }))
    let thickness = 8 / height
    let obstacles =
      dots.flatMap { dot in
        [-thickness, thickness].map { shift in
          let y = yScale.fraction(of: dot[1]) + shift
          let low = dot[2].isNaN ? 0 : xScale.fraction(of: dot[2])
          return Legend.Segment(x0: low, y0: y, x1: xScale.fraction(of: dot[3]), y1: y)
        }
      }
      + levels.map {
        Legend.Segment(x0: xScale.fraction(of: $0), y0: 0, x1: xScale.fraction(of: $0), y1: 1)
      }
    let legend = Legend(
      groups + references.map(\.name), wish: .topRight, width: width, height: height, obstacles: obstacles)
    return PanelPlan(x: PlannedAxis(value, xScale), y: PlannedAxis(Axis(""), yScale), legend: legend)
  }
}

// # Drawing

extension DotPlot {
  /// Dots with error bars, then the references; notes which rows have no place.
  public func draw(into script: inout PanelScript) {
    script.line("set border 1 linecolor rgb '#404040'")
    script.line("if (!ascii) set grid x y linecolor rgb '#DDDDDD' linewidth 1 dashtype 1")
    script.comment("Error bars without cross strokes.")
    script.line("set errorbars 0")
    script.legend()
    noteMissing(in: &script)

    var levels: [String] = []
    for (index, reference) in references.enumerated() where script.shows(reference, on: value) {
      let y = script.plan.y.scale
      let ends = [[reference.y, y.lower], [reference.y, y.upper]]
      let comment = "Reference \(commented(reference.name)): a vertical line"
      if let block = script.data("reference\(index + 1)", comment, [ends]) {
        levels.append("\(block) using 1:2 \(script.look(of: reference, levels.count))")
      }
    }

    var dots: [String] = []
    for (index, group) in groups.enumerated() {
      let rows = self.dots(of: group, floor: script.plan.x.scale.lower)
      let comment = "\(group.isEmpty ? "Rows" : commented(group)): \(value.caption), row, low end, high end"
      let type = "linetype \(Palette.lineType(index))"
      if let block = script.data("group\(index + 1)", comment, [rows]) {
        dots.append("\(block) using 1:2:3:4 with xerrorbars \(type) pointsize 1.1 \(script.named(group))")
      } else {
        dots.append("NaN with points \(type) \(script.named(group))")
      }
    }
    script.plot(dots + levels)
  }

  private func noteMissing(in script: inout PanelScript) {
    let missing = rows.filter { !value.shows($0.value) }
    guard !missing.isEmpty else { return }
    let names = missing.map { "'\($0.name)'" }.joined(separator: ", ")
    script.note(
      "no dot for \(names), not finite\(value.logarithmic ? " or not positive on a logarithmic axis" : "")")
  }
}
