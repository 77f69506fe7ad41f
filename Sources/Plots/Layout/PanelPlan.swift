// # What a panel needs before it can be placed
//
// Each panel says which scales its axes have in a plot of a given size, and where its legend goes. The layout
// combines the plans, and leaves out what a neighbour has already written.
// Read before: AxisScale.swift, Legend.swift. Read after: Layout.swift.

/// The axes and the legend of a panel in a plot of a given size.
public struct PanelPlan: Sendable {
  /// The horizontal axis.
  public var x: PlannedAxis

  /// The vertical axis.
  public var y: PlannedAxis

  /// The names of what is drawn, and their place; `PanelScript.legend()` draws it.
  public var legend: Legend

  /// The scale that colours are read from, if there is one; `PanelScript.colourBar()` draws it.
  public var bar: PlannedAxis?

  /// The plot itself, in pixels from the upper left corner of the figure.
  var box = Rectangle()

  /// The panel's title, broken into lines.
  var titleLines: [String] = []

  /// A plan without a place: the layout gives it one.
  public init(x: PlannedAxis, y: PlannedAxis, legend: Legend = .none, bar: PlannedAxis? = nil) {
    (self.x, self.y, self.legend, self.bar) = (x, y, legend, bar)
  }
}

/// One direction of a planned panel: what its axis means, its range and its ticks.
///
/// Neighbours with equal axes do not write them twice. The caption of a y axis is then written on the left only. When
/// equally many cells lie along both, their numbers or names agree too, and are written on the left and at the bottom
/// only.
public struct PlannedAxis: Sendable {
  /// What the axis means; an empty label without unit writes nothing.
  public let axis: Axis

  /// Its range and ticks.
  public let scale: AxisScale

  /// How many equal cells lie along the axis; nil when it is fitted to the data. Named ticks are then names of cells:
  /// upright along x, and small when the cells are.
  public let cells: Int?

  /// Whether the caption and the numbers are left out, because the neighbour writes them.
  var isHidden = false

  /// Whether the caption is left out of the picture, but not of a page in characters, where each panel stands alone.
  var sharesCaption = false

  /// The size of the letters at the ticks, in pixels.
  private(set) var labelSize = FontSize.text

  /// An axis with its range; `cells` for one that counts equal cells.
  public init(_ axis: Axis, _ scale: AxisScale, cells: Int? = nil) {
    (self.axis, self.scale, self.cells) = (axis, scale, cells)
  }

  /// What is written along the axis; empty for nothing.
  var caption: String { isHidden ? "" : axis.caption }

  func isEqual(to neighbour: PlannedAxis) -> Bool { axis == neighbour.axis && cells == neighbour.cells }

  /// The names of cells, where they are the ticks.
  var names: [(String, Double)]? { if case .named(let names) = scale.ticks, cells != nil { names } else { nil } }

  /// Makes the letters so small that names of cells do not touch each other along an axis of `pixels` pixels.
  fileprivate mutating func fitNames(to pixels: Double) {
    let places = (names ?? []).map { scale.fraction(of: $0.1) * pixels }
    let closest = zip(places, places.dropFirst()).map { ($1 - $0).magnitude }.min()
    if let closest { labelSize = min(FontSize.text, max(6, (closest * 1.72).rounded(.down) / 2)) }
  }

  /// The room that the longest label takes, written level.
  var widestLabel: Double { scale.labels.map { textWidth(of: $0, size: labelSize) }.max() ?? 0 }
}

extension PanelPlan {
  /// The plan of a panel in a plot of the given size.
  init(of panel: any Panel, width: Double, height: Double) {
    self = panel.plan(width: width, height: height)
    x.fitNames(to: width)
    y.fitNames(to: height)
  }
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
    let labels = y.isHidden ? 0 : y.widestLabel
    return labels + 16 + (y.caption.isEmpty || y.sharesCaption ? 0 : 28)
  }

  var rightMargin: Double {
    var margin = 18.0
    if x.names == nil { margin = max(margin, (x.scale.labels.last.map { textWidth(of: $0) } ?? 0) / 2 + 8) }
    if let bar { margin += 32 + bar.widestLabel + (bar.caption.isEmpty ? 0 : 26) }
    if legend.place == .outside { margin += Legend.size(of: legend.names).width }
    return margin
  }

  var topMargin: Double { titleLines.isEmpty ? 12 : Double(titleLines.count) * 18 + 12 }

  var bottomMargin: Double {
    let labels = x.isHidden ? 0 : x.names == nil ? 22 : x.widestLabel + 8
    return 12 + labels + (x.caption.isEmpty ? 0 : 22)
  }
}
