// # A legend that hides nothing
//
// Before the chart is drawn we know all its points, and roughly how large its legend will be. So we try the corners,
// the preferred one first, and take the first that no curve passes through; when there is none, the legend stands
// outside. Read before: Axis.swift, Text.swift. Read after: Layout.swift.

/// A legend with its names, placed.
public struct Legend: Sendable, Equatable {
  enum Place: Equatable {
    case corner(LegendPlace)
    case outside
    case none
  }

  let names: [String]
  private(set) var place: Place

  /// No legend.
  public static let none = Legend([], wish: .none, width: 1, height: 1, obstacles: [])

  /// Width and height of the legend in pixels: a sample of the line, then the name.
  static func size(of names: [String]) -> (width: Double, height: Double) {
    let widest = names.map { textWidth(of: $0) }.max() ?? 0
    return (widest + 52, Double(names.count) * 21 + 10)
  }

  /// Places the legend of `names` in a plot of the given size in pixels.
  ///
  /// - Parameters:
  ///   - names: from the top down, as `PanelScript.named` gives them to the elements of the plot; empty ones take no
  ///     room.
  ///   - obstacles: what must not be covered.
  public init(_ names: [String], wish: LegendPlace, width: Double, height: Double, obstacles: [Segment]) {
    self.names = names.filter { !$0.isEmpty }
    guard !self.names.isEmpty, wish != .none else {
      self.place = .none
      return
    }
    let size = Legend.size(of: self.names)
    let (w, h) = (size.width / width, size.height / height)
    place = .outside
    guard w < 0.7, h < 0.7 else { return }
    for corner in Self.corners(from: wish) {
      let box = Self.box(at: corner, width: w, height: h)
      if !obstacles.contains(where: { $0.meets(box) }) {
        place = .corner(corner)
        return
      }
    }
  }

  /// The corners in the order in which they are tried: along the same edge first.
  private static func corners(from wish: LegendPlace) -> [LegendPlace] {
    switch wish {
    case .topRight: [.topRight, .topLeft, .bottomRight, .bottomLeft]
    case .topLeft: [.topLeft, .topRight, .bottomLeft, .bottomRight]
    case .bottomRight: [.bottomRight, .bottomLeft, .topRight, .topLeft]
    case .bottomLeft: [.bottomLeft, .bottomRight, .topLeft, .topRight]
    case .outside, .none: []
    }
  }

  private static func box(at corner: LegendPlace, width: Double, height: Double) -> Box {
    let isLeft = corner == .topLeft || corner == .bottomLeft
    let isTop = corner == .topLeft || corner == .topRight
    return Box(
      left: isLeft ? 0 : 1 - width, right: isLeft ? width : 1, bottom: isTop ? 1 - height : 0, top: isTop ? 1 : height
    )
  }

  struct Box {
    let left, right, bottom, top: Double
  }

  /// A straight piece of what is drawn, in fractions of the plot's width and height from the lower left corner:
  /// `AxisScale.fraction(of:)`.
  public struct Segment: Sendable {
    let x0, y0, x1, y1: Double

    /// From (x0, y0) to (x1, y1), each 0 … 1 inside the plot.
    public init(x0: Double, y0: Double, x1: Double, y1: Double) {
      (self.x0, self.y0, self.x1, self.y1) = (x0, y0, x1, y1)
    }

    /// Whether any point of the segment lies in `box`: the line x0 + t·dx is clipped to each side in turn.
    func meets(_ box: Box) -> Bool {
      var (enter, leave) = (0.0, 1.0)
      let (dx, dy) = (x1 - x0, y1 - y0)
      for (slope, room) in [
        (-dx, x0 - box.left), (dx, box.right - x0), (-dy, y0 - box.bottom), (dy, box.top - y0),
      ] {
        if slope == 0 {
          if room < 0 { return false }
        } else if slope < 0 {
          enter = max(enter, room / slope)
        } else {
          leave = min(leave, room / slope)
        }
      }
      return enter <= leave
    }
  }
}
