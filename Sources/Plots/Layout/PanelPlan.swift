// # What a panel needs before it can be placed
//
// Each panel says which scales its axes have in a plot of a given size, and where its legend goes. The layout puts the
// plans together, and leaves out what a neighbour has written already.
// Read before: AxisScale.swift, Legend.swift. Read after: Layout.swift.

/// The axes and the legend of a panel in a plot of a given size.
public struct PanelPlan: Sendable {
  /// The axis that runs to the right.
  public var x: PlannedAxis

  /// The vertical axis.
  public var y: PlannedAxis

  /// Where the names of what is drawn stand; `PanelScript.legend()` draws it.
  public var legend: Legend

  /// The scale that colours are read from, if there is one; `PanelScript.colourBar()` draws it.
  public var bar: PlannedAxis?

  /// The plot itself, in pixels from the upper left corner of the figure.
  var box = Rectangle()

  /// The panel's title as it is broken into lines.
  var titleLines: [String] = []

  /// A plan without measures: the layout places it.
  public init(x: PlannedAxis, y: PlannedAxis, legend: Legend = .none, bar: PlannedAxis? = nil) {
    (self.x, self.y, self.legend, self.bar) = (x, y, legend, bar)
  }
}

/// One direction of a planned panel: what its axis means, its range and its ticks.
///
/// Neighbours with equal axes do not write them twice. The caption of a y axis is then written on the left only. When
/// equally many cells lie along both, their numbers agree too, and are written on the left and at the bottom only.
public struct PlannedAxis: Sendable {
  /// What the axis means; an empty label without unit writes nothing.
  public let axis: Axis

  /// Its range and ticks.
  public let scale: AxisScale

  /// How many equal cells lie along the axis; nil when it is fitted to the data.
  public let cells: Int?

  /// Whether the caption and the numbers are left out, because the neighbour writes them.
  var isHidden = false

  /// Whether the caption is left out of the picture, but not of a page in characters, where each panel stands alone.
  var sharesCaption = false

  /// An axis with its range; `cells` for one that counts equal cells.
  public init(_ axis: Axis, _ scale: AxisScale, cells: Int? = nil) {
    (self.axis, self.scale, self.cells) = (axis, scale, cells)
  }

  /// What is written along the axis; empty for nothing.
  var caption: String { isHidden ? "" : axis.caption }

  func isEqual(to neighbour: PlannedAxis) -> Bool { axis == neighbour.axis && cells == neighbour.cells }
}

/// A rectangle in pixels from the upper left corner.
struct Rectangle: Equatable {
  var left = 0.0
  var top = 0.0
  var width = 0.0
  var height = 0.0
}

// # Margins: the room that labels take

extension PanelPlan {
  var leftMargin: Double {
    let labels = y.isHidden ? 0 : y.scale.widestLabel
    return labels + 16 + (y.caption.isEmpty || y.sharesCaption ? 0 : 28)
  }

  var rightMargin: Double {
    var margin = max(18, (x.scale.labels.last.map { textWidth(of: $0) } ?? 0) / 2 + 8)
    if let bar { margin += 32 + bar.scale.widestLabel + (bar.caption.isEmpty ? 0 : 26) }
    if legend.place == .outside { margin += Legend.size(of: legend.names).width }
    return margin
  }

  var topMargin: Double { titleLines.isEmpty ? 12 : Double(titleLines.count) * 18 + 12 }

  var bottomMargin: Double { 12 + (x.isHidden ? 0 : 22) + (x.caption.isEmpty ? 0 : 22) }
}

extension AxisScale {
  fileprivate var widestLabel: Double { labels.map { textWidth(of: $0) }.max() ?? 0 }
}
