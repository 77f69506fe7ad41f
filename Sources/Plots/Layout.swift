// # Where the panels stand
//
// A grid. All plots of a column have the same left edge and all plots of a row the same bottom, so that what is to be
// compared lies side by side; the margins are as wide as the widest labels in them; the figure grows with the number
// of panels. Panels that repeat the axes of their neighbour do not write them again.
// Read before: PanelPlan.swift. Read after: Script.swift.

/// A figure with all its measures in pixels.
struct Layout {
  let width: Int
  let height: Int
  let titleLines: [String]
  let panels: [PanelPlan]

  init(_ figure: Figure, at place: Place) throws {
    let grid = Grid(figure)
    // The legends' place depends on the size of the plots, and with legends outside the size changes: two rounds.
    let wishes = figure.panels.map { $0.wish(columns: grid.columns) }
    let draft = try Self.arranged(
      zip(figure.panels, wishes).map { $0.plan(width: $1.width, height: $1.height) }, wishes, figure, grid, place)
    let plans = zip(figure.panels, draft.panels).map { $0.plan(width: $1.box.width, height: $1.box.height) }
    self = try Self.arranged(plans, wishes, figure, grid, place)
  }

  private init(width: Int, height: Int, titleLines: [String], panels: [PanelPlan]) {
    (self.width, self.height, self.titleLines, self.panels) = (width, height, titleLines, panels)
  }
}

// # From wishes to places
//
// Along each direction: margins are fixed by the labels, and the plots share what is left in proportion to their
// wishes.

extension Layout {
  private static func arranged(
    _ plans: [PanelPlan], _ wishes: [(width: Double, height: Double, aspect: Double?)], _ figure: Figure,
    _ grid: Grid, _ place: Place
  ) throws -> Layout {
    var plans = plans
    grid.hideRepeatedAxes(of: figure.panels, in: &plans)

    // Widths.
    let left = grid.inColumns(plans.map(\.leftMargin))
    let right = grid.inColumns(plans.map(\.rightMargin))
    let wantedWidths = grid.inColumns(wishes.map(\.width))
    let wantedHeights = grid.inRows(wishes.map(\.height))
    let margins = sum(left) + sum(right)
    let titleWidth = textWidth(of: figure.title, size: FontSize.figureTitle) + 40
    var stretchX = 1.0
    if let width = figure.width {
      stretchX = (Double(width) - margins) / sum(wantedWidths)
    } else if figure.height == nil, titleWidth > margins + sum(wantedWidths) {
      stretchX = min(1.15, (titleWidth - margins) / sum(wantedWidths))
    }
    if figure.width == nil, let height = figure.height {
      stretchX = max(0.3, (Double(height) - Double(grid.rows) * 80) / sum(wantedHeights))
    }
    let widths = wantedWidths.map { $0 * stretchX }
    let total = (margins + sum(widths)).rounded(.up)

    // Heights.
    for (index, panel) in plans.enumerated() {
      let column = grid.column(of: index)
      plans[index].titleLines = wrapped(panel.title, to: widths[column] + min(left[column], 40), size: FontSize.title)
    }
    let titleLines = wrapped(figure.title, to: total - 20, size: FontSize.figureTitle)
    let header = titleLines.isEmpty ? 4 : Double(titleLines.count) * 24 + 10
    let top = grid.inRows(plans.map(\.topMargin))
    let bottom = grid.inRows(plans.map(\.bottomMargin))
    var stretchY = figure.width == nil ? 1.0 : stretchX
    if let height = figure.height {
      stretchY = (Double(height) - header - sum(top) - sum(bottom)) / sum(wantedHeights)
    }
    let heights = wantedHeights.map { $0 * stretchY }
    let smallest = min(widths.min() ?? 0, heights.min() ?? 0)
    try place.require(
      smallest >= 40, "\(plans.count) panels do not fit into the asked size",
      remedy: "leave width and height out, or ask for more pixels")

    // Places.
    for index in plans.indices {
      let (column, row) = (grid.column(of: index), grid.row(of: index))
      var box = Rectangle(
        left: sum(left[...column]) + sum(right[..<column]) + sum(widths[..<column]),
        top: header + sum(top[...row]) + sum(bottom[..<row]) + sum(heights[..<row]), width: widths[column],
        height: heights[row])
      if case .dots = figure.panels[index] { box.height = min(box.height, wishes[index].height * stretchY) }
      if let aspect = wishes[index].aspect { box.keep(aspect) }
      if case .heatMap(let map) = figure.panels[index] { box.snap(columns: map.columns, rows: map.rows) }
      plans[index].box = box
    }
    let height = header + sum(top) + sum(bottom) + sum(heights)
    return Layout(
      width: figure.width ?? Int(total), height: figure.height ?? Int(height.rounded(.up)), titleLines: titleLines,
      panels: plans)
  }

  private static func sum(_ values: some Sequence<Double>) -> Double { values.reduce(0, +) }
}

extension Rectangle {
  /// Shrinks to the given width / height, keeping the middle.
  fileprivate mutating func keep(_ aspect: Double) {
    let (fittedWidth, fittedHeight) = (min(width, height * aspect), min(height, width / aspect))
    (left, top) = (left + (width - fittedWidth) / 2, top + (height - fittedHeight) / 2)
    (width, height) = (fittedWidth, fittedHeight)
  }

  /// Makes cells of 3 pixels and more whole pixels wide and high: between cells that end within a pixel, a seam
  /// shows.
  fileprivate mutating func snap(columns: Int, rows: Int) {
    func snapped(_ length: Double, _ count: Int) -> Double {
      let cell = length / Double(count)
      return cell >= 3 ? cell.rounded(.down) * Double(count) : length.rounded(.down)
    }
    let (oldWidth, oldHeight) = (width, height)
    (width, height) = (snapped(width, columns), snapped(height, rows))
    (left, top) = ((left + (oldWidth - width) / 2).rounded(), (top + oldHeight - height).rounded())
  }
}

// # Margins: the room that labels take

extension PanelPlan {
  var leftMargin: Double {
    let labels = showsYLabels ? y.labels.map { textWidth(of: $0) }.max() ?? 0 : 0
    return labels + 16 + (yCaption.isEmpty || sharesYCaption ? 0 : 28)
  }

  var rightMargin: Double {
    var margin = max(18, (x.labels.last.map { textWidth(of: $0) } ?? 0) / 2 + 8)
    if let bar {
      margin += 32 + (bar.labels.map { textWidth(of: $0) }.max() ?? 0) + (barCaption.isEmpty ? 0 : 26)
    }
    if legend.place == .outside { margin += Legend.size(of: legend.names).width }
    return margin
  }

  var topMargin: Double { titleLines.isEmpty ? 12 : Double(titleLines.count) * 18 + 12 }

  var bottomMargin: Double { 12 + (showsXLabels ? 22 : 0) + (xCaption.isEmpty ? 0 : 22) }
}

// # The grid

struct Grid {
  let columns: Int
  let rows: Int

  init(_ figure: Figure) {
    columns = max(1, min(figure.columns ?? 4, figure.panels.count))
    rows = (figure.panels.count + columns - 1) / columns
  }

  func column(of panel: Int) -> Int { panel % columns }
  func row(of panel: Int) -> Int { panel / columns }

  /// The largest of the panels' values in each column.
  func inColumns(_ values: [Double]) -> [Double] { largest(of: values, count: columns, key: column) }

  /// The largest of the panels' values in each row.
  func inRows(_ values: [Double]) -> [Double] { largest(of: values, count: rows, key: row) }

  private func largest(of values: [Double], count: Int, key: (Int) -> Int) -> [Double] {
    var result = [Double](repeating: 0, count: count)
    for (index, value) in values.enumerated() { result[key(index)] = max(result[key(index)], value) }
    return result
  }

  /// In a grid of heat maps, axes are written on the left and at the bottom only, where the neighbour has the same
  /// ones.
  func hideRepeatedAxes(of panels: [Panel], in plans: inout [PanelPlan]) {
    for (index, panel) in panels.enumerated() {
      if column(of: index) > 0, case .lines(let chart) = panel, case .lines(let left) = panels[index - 1] {
        plans[index].sharesYCaption = left.y == chart.y
      }
      guard case .heatMap(let map) = panel else { continue }
      if column(of: index) > 0, case .heatMap(let left) = panels[index - 1], left.y == map.y, left.rows == map.rows {
        (plans[index].yCaption, plans[index].showsYLabels) = ("", false)
      }
      if index + columns < panels.count, case .heatMap(let below) = panels[index + columns], below.x == map.x,
        below.columns == map.columns
      {
        (plans[index].xCaption, plans[index].showsXLabels) = ("", false)
      }
    }
  }
}
