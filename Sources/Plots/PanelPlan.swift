// # What a panel needs before it can be placed
//
// Each kind of panel says how large it would like to be, which scales its axes have in a plot of a given size, and
// where its legend goes. Layout.swift puts the plans together. Read before: AxisScale.swift, Legend.swift.

/// A panel with its scales, its legend and, at last, its place.
struct PanelPlan {
  let title: String
  var x: AxisScale
  var y: AxisScale
  var legend: Legend

  /// What is written along the axes; empty for nothing.
  var xCaption: String
  var yCaption: String

  /// Whether the panel to the left says already what the y axis is.
  var sharesYCaption = false

  /// Whether the numbers at the ticks are written; false inside a grid of equal maps.
  var showsXLabels = true
  var showsYLabels = true

  /// The scale of the colour bar, if there is one, and what is written along it.
  var bar: AxisScale?
  var barCaption = ""

  /// The plot itself, in pixels from the upper left corner of the figure.
  var box = Rectangle()

  /// The panel's title as it is broken into lines.
  var titleLines: [String] = []
}

/// A rectangle in pixels from the upper left corner.
struct Rectangle: Equatable {
  var left = 0.0
  var top = 0.0
  var width = 0.0
  var height = 0.0
}

// # How large a panel would like to be

extension Panel {
  /// The wanted size of the plot in pixels without its margins, and width / height where that matters.
  ///
  /// - Parameter columns: how many panels stand side by side; the more, the smaller.
  func wish(columns: Int) -> (width: Double, height: Double, aspect: Double?) {
    let chart: (Double, Double) =
      switch columns {
      case 1: (560, 330)
      case 2: (420, 280)
      case 3: (320, 240)
      default: (270, 200)
      }
    switch self {
    case .lines:
      return (chart.0, chart.1, nil)
    case .dots(let plot):
      return (chart.0 * 0.85, max(110, Double(plot.lines.count) * 30 + 10), nil)
    case .heatMap(let map):
      let side: Double = columns <= 3 ? [380, 320, 270][columns - 1] : 200
      let aspect = min(max(Double(map.columns) / Double(map.rows), 0.5), 2)
      return aspect >= 1 ? (side, side / aspect, aspect) : (side * aspect, side, aspect)
    }
  }

  /// The panel's scales and legend for a plot of the given size in pixels.
  func plan(width: Double, height: Double) -> PanelPlan {
    switch self {
    case .lines(let chart): chart.plan(width: width, height: height)
    case .dots(let plot): plot.plan(width: width, height: height)
    case .heatMap(let map): map.plan(width: width, height: height)
    }
  }
}

// # The three kinds

extension LineChart {
  func plan(width: Double, height: Double) -> PanelPlan {
    let levels = references.filter { shows($0) }.map(\.y)
    let marked = series.contains { $0.style == .points || $0.style == .linePoints }
    let xScale = AxisScale(
      x,
      fitting: series.lazy.flatMap { series in
        series.x.indices.lazy.filter { series.isDrawn(at: $0, yLog: y.logarithmic) }.map { series.x[$0] }
      }, room: marked ? .share(0.03) : .none, ticks: Int(width / 55))
    let yScale = AxisScale(
      y, fitting: series.flatMap { $0.heights(from: xScale.lower, to: xScale.upper) } + levels, room: .nextTick,
      ticks: Int(height / 45))
    let legend = Legend(
      series.map(\.name) + references.filter { shows($0) }.map(\.name), wish: legend, width: width, height: height,
      obstacles: obstacles(xScale, yScale))
    return PanelPlan(title: title, x: xScale, y: yScale, legend: legend, xCaption: x.caption, yCaption: y.caption)
  }

  /// All that is drawn, as segments in shares of the plot.
  private func obstacles(_ xScale: AxisScale, _ yScale: AxisScale) -> [Legend.Segment] {
    func segment(_ x0: Double, _ y0: Double, _ x1: Double, _ y1: Double) -> Legend.Segment {
      Legend.Segment(
        x0: xScale.fraction(of: x0), y0: yScale.fraction(of: y0),
        x1: xScale.fraction(of: x1), y1: yScale.fraction(of: y1))
    }
    var segments = references.filter { shows($0) }.map { segment(xScale.lower, $0.y, xScale.upper, $0.y) }
    for series in series {
      for run in series.curve(xLog: x.logarithmic, yLog: y.logarithmic) {
        segments += zip(run, run.dropFirst() + [run[run.count - 1]]).map { segment($0[0], $0[1], $1[0], $1[1]) }
      }
      for run in series.bandRuns(xLog: x.logarithmic, yLog: y.logarithmic, floor: yScale.lower) {
        segments += run.map { segment($0[0], $0[1], $0[0], $0[2]) }
      }
    }
    return segments
  }
}

extension Series {
  /// Whether the curve or its band has a place on the y axis there.
  fileprivate func isDrawn(at index: Int, yLog: Bool) -> Bool {
    hasPlace(y[index], log: yLog) || band.map { hasPlace($0.upper[index], log: yLog) } == true
  }

  /// The values of the curve and its band between two positions.
  fileprivate func heights(from lower: Double, to upper: Double) -> [Double] {
    let visible = x.indices.filter { x[$0] >= lower && x[$0] <= upper }
    let limits = band.map { band in visible.flatMap { [band.lower[$0], band.upper[$0]] } } ?? []
    return visible.map { y[$0] } + limits
  }
}

extension DotPlot {
  func plan(width: Double, height: Double) -> PanelPlan {
    let dots = groups.flatMap { self.dots(of: $0, floor: .nan) }
    let levels = references.filter { shows($0) }.map(\.y)
    let xScale = AxisScale(
      value, fitting: dots.flatMap { [$0[0], $0[2], $0[3]] } + levels, room: .share(0.05), ticks: Int(width / 55))
    let lines = lines
    let count = Double(lines.count)
    let yScale = AxisScale(
      lower: count + 0.5, upper: 0.5,
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
      groups + references.filter { shows($0) }.map(\.name), wish: .topRight, width: width, height: height,
      obstacles: obstacles)
    return PanelPlan(title: title, x: xScale, y: yScale, legend: legend, xCaption: value.caption, yCaption: "")
  }
}

extension HeatMap {
  func plan(width: Double, height: Double) -> PanelPlan {
    func scale(_ axis: Axis, count: Int, pixels: Double) -> AxisScale {
      let (first, step) = Self.centres(axis, count: count)
      let isWhole = first == first.rounded() && step == step.rounded()
      return AxisScale(
        lower: first - step / 2, upper: first + (Double(count) - 0.5) * step, integral: isWhole,
        count: max(2, Int(pixels / 40)))
    }
    let range = colourRange
    var isLog = false
    if case .logarithmic = self.scale { isLog = true }
    var down = scale(y, count: rows, pixels: height)
    swap(&down.lower, &down.upper)
    var plan = PanelPlan(
      title: title, x: scale(x, count: columns, pixels: width), y: down,
      legend: Legend([], wish: .none, width: width, height: height, obstacles: []),
      xCaption: x.caption, yCaption: y.caption)
    if showsColourBar {
      plan.bar = AxisScale(
        lower: range.lowerBound, upper: range.upperBound, logarithmic: isLog, count: max(2, Int(height / 45)))
      if case .categories(let names) = self.scale {
        plan.bar = AxisScale(
          lower: range.lowerBound, upper: range.upperBound,
          ticks: .named(names.enumerated().map { (plain($1), Double($0)) }))
      }
      plan.barCaption = plain(colourLabel)
    }
    return plan
  }
}
