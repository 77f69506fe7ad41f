// # Where the panels stand
//
// A grid. All plots of a column have the same left edge and all plots of a row the same bottom, so that plots to
// compare line up; the margins are as wide as the widest labels in them; the figure grows with the number of panels.
// Panels that repeat the axes of their neighbour do not write them again.
// Read before: PanelPlan.swift, Grid.swift. Read after: Script/Script.swift.

/// A figure with all its measures in pixels.
struct Layout {
  let width: Int
  let height: Int
  let titleLines: [String]
  let panels: [PanelPlan]

  init(_ figure: Figure, at place: Place) throws {
    let grid = Grid(figure)
    // Where a legend goes depends on its plot's size, and a legend outside changes that size: hence two rounds.
    let wishes = figure.panels.map { $0.wish(columns: grid.columns) }
    let draft = try Self.arranged(
      zip(figure.panels, wishes).map { PanelPlan(of: $0, width: $1.width, height: $1.height) }, wishes, figure, grid,
      place)
    let plans = zip(figure.panels, draft.panels).map { PanelPlan(of: $0, width: $1.box.width, height: $1.box.height) }
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
    _ plans: [PanelPlan], _ wishes: [PanelSize], _ figure: Figure, _ grid: Grid, _ place: Place
  ) throws -> Layout {
    var plans = plans
    grid.hideRepeatedAxes(in: &plans)

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
    for (index, panel) in figure.panels.enumerated() {
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
      smallest >= 40, "\(plans.count) panels do not fit into the requested size",
      remedy: "leave width and height out, or ask for more pixels")

    // Places.
    for index in plans.indices {
      let (column, row) = (grid.column(of: index), grid.row(of: index))
      var box = Rectangle(
        left: sum(left[...column]) + sum(right[..<column]) + sum(widths[..<column]),
        top: header + sum(top[...row]) + sum(bottom[..<row]) + sum(heights[..<row]), width: widths[column],
        height: heights[row])
      let wish = wishes[index]
      if wish.keepsHeight { box.height = min(box.height, wish.height * stretchY) }
      if let aspect = wish.aspect { box.keep(aspect) }
      if let cells = wish.cells { box.snap(columns: cells.columns, rows: cells.rows) }
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

  /// Makes cells of 3 pixels and more whole pixels wide and high: between cells that end within a pixel, a seam would
  /// show.
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
