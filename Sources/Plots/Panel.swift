// # A panel: one plot of a figure
//
// A kind of plot is a type that answers six questions: what stands above it, whether its data can be drawn, what size
// it prefers, what its axes look like in a plot of a given size, how gnuplot draws it, and how it is drawn in
// characters. LineChart, HeatMap and DotPlot are such types and nothing more, each with all its answers in its own
// file. A chapter, or any other module, adds a kind by writing one more type; nothing here lists them.
// Read before: nothing. Read after: Charts/DotPlot.swift for a whole kind, then Figure.swift.

/// One plot of a figure; each conforming type is a kind of plot.
///
/// `Figure.write` calls `check` before anything else, so the other members can rely on what it has checked.
public protocol Panel: Sendable {
  /// What stands above the plot; empty for nothing.
  var title: String { get }

  /// Throws a `PlotError` when the panel cannot be drawn: counts that do not agree, a range that is empty.
  ///
  /// Values that are not finite are no error: leave them out in `draw` and say so in a note.
  func check(at place: Place) throws

  /// The size that the plot prefers.
  ///
  /// - Parameter columns: how many panels stand side by side, at least 1; the more there are, the smaller the
  ///   preferred size.
  func wish(columns: Int) -> PanelSize

  /// The axes and the legend of a plot of the given size in pixels, without its margins.
  ///
  /// Called twice: with the preferred size, and with the size that the layout gives.
  func plan(width: Double, height: Double) -> PanelPlan

  /// Writes the panel's data and its plot command; title, margins and axes are already in the script.
  func draw(into script: inout PanelScript)

  /// A drawing in characters, several lines, with the title and without a line end after the last; nil, the default,
  /// leaves that to gnuplot's ASCII terminal.
  ///
  /// gnuplot draws lines, points and steps in characters, but no images. What is drawn here needs no gnuplot.
  var ascii: String? { get }
}

extension Panel {
  /// That of a line chart.
  public func wish(columns: Int) -> PanelSize { .chart(columns: columns) }

  /// nil: gnuplot's ASCII terminal draws it.
  public var ascii: String? { nil }
}

/// The size that a plot prefers, in pixels without its margins, and what the layout must keep of it.
public struct PanelSize: Sendable {
  /// The preferred width; all plots of a column become equally wide.
  public var width: Double

  /// The preferred height; all plots of a row become equally high, except for `keepsHeight` and `aspect`.
  public var height: Double

  /// Width / height, when that must be kept; nil lets the plot fill its place.
  public var aspect: Double?

  /// Whether the plot stays this high beside taller ones.
  public var keepsHeight = false

  /// The equal cells that the plot consists of, if it does: those of 3 pixels and more become whole pixels wide and
  /// high.
  public var cells: (columns: Int, rows: Int)?

  /// A preferred size; the layout need not keep any of it.
  public init(width: Double, height: Double) {
    (self.width, self.height) = (width, height)
  }

  /// The size of a line chart, 560 × 330 when it stands alone; the default of a panel.
  public static func chart(columns: Int) -> PanelSize {
    switch columns {
    case ...1: PanelSize(width: 560, height: 330)
    case 2: PanelSize(width: 420, height: 280)
    case 3: PanelSize(width: 320, height: 240)
    default: PanelSize(width: 270, height: 200)
    }
  }
}
