// # Heat maps: a matrix as a picture
//
// Attention matrices, their structured fits and the difference between them. To compare maps, give them the same
// `range` and show the colour bar once. In the script the matrix stands as it is, one row per line. Its cells are
// drawn as an image over a grey ground that shows where a cell is not finite; small matrices and those with named
// cells are drawn as rectangles, because some viewers of SVG blur the pixels of an image.
// Read before: Panel.swift, ColourScale.swift. Read after: HeatMap+ASCII.swift for the drawing in characters.

/// A matrix drawn as coloured cells, row 0 on top.
///
/// NaN means that a cell has no value: it is grey, a colour that no scale contains. Infinite cells are grey as well,
/// and are counted in the note.
public struct HeatMap: Panel {
  /// What stands above the plot; empty for nothing.
  public let title: String

  /// The cells, row by row from the top; all rows have the same length.
  public let values: [[Double]]

  /// What the columns are.
  public let x: Axis

  /// What the rows are; it runs downwards.
  public let y: Axis

  /// What the colour means, with its unit: "weight", "loss / nats".
  public let colourLabel: String
  /// From values to colours.
  public let scale: ColourScale

  /// The values at the two ends of the scale, in the unit of `values`; cells beyond take the colour of the end.
  ///
  /// nil fits the data. A diverging scale uses the larger magnitude for both sides, a logarithmic one begins at its
  /// floor.
  public let range: ClosedRange<Double>?
  /// Whether the colours are explained beside the plot.
  public let showsColourBar: Bool

  /// A map; nothing is checked before it is written.
  public init(
    _ title: String, values: [[Double]], x: Axis, y: Axis, colourLabel: String, scale: ColourScale = .sequential,
    range: ClosedRange<Double>? = nil, showsColourBar: Bool = true
  ) {
    self.title = title
    self.values = values
    self.x = x
    self.y = y
    self.colourLabel = colourLabel
    self.scale = scale
    self.range = range
    self.showsColourBar = showsColourBar
  }
}

extension HeatMap {
  var rows: Int { values.count }
  var columns: Int { values[0].count }

  /// Throws unless the rows are equally long, the axes are linear, and the colours suit the values.
  public func check(at place: Place) throws {
    try place.require(
      !values.isEmpty && !values[0].isEmpty, "the matrix has no cells", remedy: "give at least one row and one column"
    )
    for (index, row) in values.enumerated() {
      try place.require(
        row.count == columns, "row \(index) has \(row.count) cells and row 0 has \(columns)",
        remedy: "give rows of equal length")
    }
    for (axis, count) in [(x, columns), (y, rows)] {
      try axis.check(at: place, cells: count)
      try place.inside("axis '\(axis.label)'").require(
        !axis.logarithmic, "the axis of a heat map is logarithmic", remedy: "make it linear: cells are equally wide")
    }
    try scale.check(values, at: place)
    guard let range else { return }
    try place.require(
      isDrawable(range.lowerBound) && isDrawable(range.upperBound) && range.lowerBound < range.upperBound,
      "the colour range \(range) is empty or not finite",
      remedy: "give finite bounds, the lower below the upper, or nil to fit the data")
  }

  /// The values at the ends of the colour scale.
  var ends: ClosedRange<Double> { scale.ends(of: values, asked: range) }
}

// # Size and axes

extension HeatMap {
  /// A square, or a rectangle of at most 2 : 1, larger where that makes labels readable.
  public func wish(columns count: Int) -> PanelSize {
    let side: Double = count <= 3 ? [380, 320, 270][count - 1] : 200
    let aspect = min(max(Double(columns) / Double(rows), 0.5), 2)
    var size = PanelSize(width: aspect >= 1 ? side : side * aspect, height: aspect >= 1 ? side / aspect : side)
    let named = [(x, columns, size.width), (y, rows, size.height)].filter { $0.0.labels != nil }
    let growth = named.map { Double(min($1, Self.readableNames)) * Self.namedCell / $2 }.max() ?? 1
    size.width *= max(1, growth)
    size.height *= max(1, growth)
    size.aspect = aspect
    size.cells = (columns, rows)
    return size
  }

  /// A map with up to so many cells along an axis grows until each can be named; the width of a named cell then, in
  /// pixels.
  private static let (readableNames, namedCell) = (40, 14.0)

  /// The smallest distance between names, in pixels: of narrower cells we name every second one, or every third …
  private static let closestNames = 9.0

  /// Axes along the cells, row 0 on top, and the colour bar.
  public func plan(width: Double, height: Double) -> PanelPlan {
    func planned(_ axis: Axis, count: Int, pixels: Double, downwards: Bool) -> PlannedAxis {
      let (first, step) = Self.centres(axis, count: count)
      let (lower, upper) = (first - step / 2, first + (Double(count) - 0.5) * step)
      let scale: AxisScale
      if let labels = axis.labels {
        let every = max(1, Int((Self.closestNames * Double(count) / pixels).rounded(.up)))
        let names = stride(from: 0, to: count, by: every).map { (visible(labels[$0]), first + step * Double($0)) }
        scale = AxisScale(lower: lower, upper: upper, ticks: .named(names))
      } else {
        let isWhole = first == first.rounded() && step == step.rounded()
        scale = AxisScale(lower: lower, upper: upper, integral: isWhole, count: max(2, Int(pixels / 40)))
      }
      return PlannedAxis(axis, downwards ? scale.reversed : scale, cells: count)
    }
    return PanelPlan(
      x: planned(x, count: columns, pixels: width, downwards: false),
      y: planned(y, count: rows, pixels: height, downwards: true),
      bar: showsColourBar ? PlannedAxis(Axis(colourLabel), barScale(height: height)) : nil)
  }

  private func barScale(height: Double) -> AxisScale {
    let (lower, upper) = (ends.lowerBound, ends.upperBound)
    if let names = scale.names {
      return AxisScale(
        lower: lower, upper: upper, ticks: .named(names.enumerated().map { (plain($1), Double($0)) }))
    }
    return AxisScale(
      lower: lower, upper: upper, logarithmic: scale.floor != nil, count: max(2, Int(height / 45)))
  }

  /// The coordinates of the centres of the first and last of `count` cells.
  private static func centres(_ axis: Axis, count: Int) -> (first: Double, step: Double) {
    guard let range = axis.range else { return (0, 1) }
    guard count > 1 else { return (range.lowerBound, range.upperBound - range.lowerBound) }
    return (range.lowerBound, (range.upperBound - range.lowerBound) / Double(count - 1))
  }
}

// # Drawing

extension HeatMap {
  /// The cells as an image or as rectangles; notes how many cells are infinite.
  public func draw(into script: inout PanelScript) {
    script.line("set border 15 linecolor rgb '#404040'")
    script.comment("Cells without a value let this grey ground show.")
    script.line(
      "set object 1 rectangle from graph 0,0 to graph 1,1 behind fillcolor rgb '\(Palette.missing)' "
        + "fillstyle solid noborder")
    drawColours(into: &script)
    script.colourBar()

    let cells = rows * columns
    let infinite = values.joined().count { !isDrawable($0) && !$0.isNaN }
    if infinite > 0 { script.note("\(infinite) of \(cells) cells are infinite and drawn grey") }
    noteLabels(in: &script)
    var comment = "\(rows) × \(columns) cells, the first row on top: \(colourLabel)"
    var drawn = values
    // gnuplot warns of a NaN in a matrix, but not of an infinity, which the plot command turns into NaN.
    let hasGaps = !values.joined().allSatisfy(isDrawable)
    if hasGaps {
      drawn = drawn.map { $0.map { isDrawable($0) ? $0 : .infinity } }
      comment += "; inf: no value"
    }
    // gnuplot draws no image of a single row or column, so it is written twice. The copy lies outside the plot, where
    // rectangles are cut off and images in SVG are not.
    let isNamed = x.labels != nil || y.labels != nil
    let isSingle = columns == 1 || rows == 1
    if columns == 1 { drawn = drawn.map { $0 + $0 } }
    if rows == 1 { drawn += drawn }
    if isSingle { comment += "; what is single stands twice" }
    guard let block = script.data("", comment, [drawn]) else { return }
    let (x, y) = (Self.centres(x, count: columns), Self.centres(y, count: rows))
    script.plot([
      "\(block) matrix using \(coordinate(1, x)):\(coordinate(2, y)):\(colour(orNothing: hasGaps)) "
        + "with image\(cells <= (isNamed ? 1600 : 400) || isSingle ? " pixels" : "") notitle"
    ])
  }

  /// Notes how many labels are written, if not all are.
  private func noteLabels(in script: inout PanelScript) {
    var parts: [String] = []
    for planned in [script.plan.x, script.plan.y] {
      let (written, all) = (planned.scale.labels.count, planned.axis.labels?.count ?? 0)
      if written < all { parts.append("\(written) of \(all) of '\(planned.axis.label)'") }
    }
    if !parts.isEmpty { script.note("there is no room for all labels: \(parts.joined(separator: ", ")) are written") }
  }

  /// Palette and range of the colours; with a bar the range is that of its axis.
  private func drawColours(into script: inout PanelScript) {
    let stops = scale.stops.map { "\($0.place) '\($0.colour)'" }
    script.line("set palette defined (\(stops.joined(separator: ", ")))")
    if !showsColourBar {
      script.line("set cbrange [\(number(ends.lowerBound)):\(number(ends.upperBound))]")
      if scale.floor != nil { script.line("set logscale cb") }
    }
  }

  /// The place of a cell's centre: the index counted from 0, or first + step × index.
  private func coordinate(_ index: Int, _ cells: (first: Double, step: Double)) -> String {
    cells == (0, 1) ? "\(index)" : "(\(number(cells.first))+\(number(cells.step))*$\(index))"
  }

  /// What is coloured: the value, or on a logarithmic scale the larger of value and floor, or nothing where it is
  /// infinite.
  private func colour(orNothing hasGaps: Bool) -> String {
    let value = hasGaps ? "$3 < 1e250 ? $3 : NaN" : "$3"
    guard let floor = scale.floor else { return hasGaps ? "(\(value))" : "3" }
    return "($3 < \(number(floor)) ? \(number(floor)) : \(value))"
  }
}
