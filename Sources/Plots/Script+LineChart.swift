// # The script of a line chart
//
// Bands first, so that no band covers a curve; then the curves and the references, in the order of the legend. Every
// series has a datablock, and a gap in a curve is an empty line in it. Read before: Script.swift, LineChart.swift.

extension Script {
  mutating func draw(_ chart: LineChart, _ plan: PanelPlan, _ layout: Layout, id: String) {
    line("set border 3 linecolor rgb '#404040'")
    line("if (!ascii) set grid linecolor rgb '#DDDDDD' linewidth 1 dashtype 1")
    key(plan, in: layout)

    let (xLog, yLog) = (chart.x.logarithmic, chart.y.logarithmic)
    var bands: [String] = []
    var curves: [String] = []
    var drawn: [Int] = []
    for (index, series) in chart.series.enumerated() {
      let type = Palette.lineType(index)
      let block = "\(id)_series\(index + 1)"
      let curve = series.curve(xLog: xLog, yLog: yLog)
      let count = curve.reduce(0) { $0 + $1.count }
      drawn.append(count)
      let columns = "\(chart.x.caption), \(chart.y.caption)"
      if data(block, "\(commented(series.name)), \(count) points: \(plain(columns))", curve) {
        curves.append("$\(block) using 1:2 \(looks(of: series, index, count: count)) \(named(series.name))")
      } else {
        curves.append("NaN with lines linetype \(type) \(named(series.name))")
      }
      let band = series.bandRuns(xLog: xLog, yLog: yLog, floor: plan.y.lower)
      if data("\(block)_band", "Band of \(commented(series.name)): \(plain(chart.x.caption)), lower, upper", band) {
        bands.append(
          "for [shown=1:!ascii] $\(block)_band using 1:2:3 with filledcurves linetype \(type) "
            + "fillstyle transparent solid 0.2 noborder notitle")
      }
    }
    noteMissing(in: chart, drawn: drawn)
    plot(bands + curves + references(chart))
  }

  /// A plot command, an element a line.
  mutating func plot(_ elements: [String]) {
    line()
    line("plot \\")
    for (index, element) in elements.enumerated() {
      line("  " + element + (index + 1 < elements.count ? ", \\" : ""))
    }
  }

  func named(_ name: String) -> String { name.isEmpty ? "notitle" : "title \(quoted(name))" }

  private mutating func references(_ chart: LineChart) -> [String] {
    var elements: [String] = []
    for reference in chart.references {
      guard chart.shows(reference) else {
        note(
          "\(subject(chart.title))reference '\(reference.name)' at \(number(reference.y)) "
            + "has no place on a logarithmic axis")
        continue
      }
      elements.append(
        "\(number(reference.y)) with lines linecolor rgb '\(Palette.reference)' linewidth 1.2 "
          + "dashtype \(Palette.referenceDash(elements.count)) \(named(reference.name))")
    }
    return elements
  }

  private func looks(of series: Series, _ index: Int, count: Int) -> String {
    let type = "linetype \(Palette.lineType(index))"
    // One point makes no line: show it as a marker.
    let style = count == 1 && series.style != .points ? .linePoints : series.style
    switch style {
    case .line: return "with lines \(type) dashtype \(Palette.solidDash(index))"
    case .dashed: return "with lines \(type) dashtype \(Palette.dash(index))"
    case .points: return "with points \(type) pointsize \(count > 200 ? "0.3" : "0.6")"
    case .linePoints:
      let interval = count > 50 ? " pointinterval \(count / 25)" : ""
      return "with linespoints \(type) dashtype \(Palette.solidDash(index)) pointsize 0.7\(interval)"
    }
  }

  /// One note for the whole chart on the points that have no place.
  private mutating func noteMissing(in chart: LineChart, drawn: [Int]) {
    let missing = zip(chart.series, drawn).compactMap { series, drawn in
      drawn == series.x.count ? nil : "'\(series.name)' \(series.x.count - drawn) of \(series.x.count)"
    }
    guard !missing.isEmpty else { return }
    let logarithmic = chart.x.logarithmic || chart.y.logarithmic
    note(
      "\(subject(chart.title))points left out, not finite"
        + "\(logarithmic ? " or not positive on a logarithmic axis" : ""): "
        + missing.joined(separator: ", "))
  }
}
