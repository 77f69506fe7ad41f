// # The script of a heat map
//
// The matrix stands in the script as it is: a row a line. Its cells are drawn as an image over a grey ground that
// shows where a cell is not finite. Small matrices are drawn as rectangles, because viewers of SVG blur the pixels of
// a small image. Read before: Script.swift, HeatMap.swift, Palette.swift.

extension Script {
  mutating func draw(_ map: HeatMap, _ plan: PanelPlan, _ layout: Layout, id: String) {
    line("set border 15 linecolor rgb '#404040'")
    comment("Cells without a value let this grey ground show.")
    line(
      "set object 1 rectangle from graph 0,0 to graph 1,1 behind fillcolor rgb '\(Palette.missing)' "
        + "fillstyle solid noborder")
    colours(map)
    bar(plan, in: layout)

    let cells = map.rows * map.columns
    let infinite = map.values.joined().count { !isDrawable($0) && !$0.isNaN }
    if infinite > 0 { note("\(subject(map.title))\(infinite) of \(cells) cells are infinite and drawn grey") }
    let values = infinite == 0 ? map.values : map.values.map { $0.map { isDrawable($0) ? $0 : .nan } }
    _ = data(id, "\(map.rows) × \(map.columns) cells, the first row on top: \(plain(map.colourLabel))", [values])

    line()
    let (x, y) = (HeatMap.centres(map.x, count: map.columns), HeatMap.centres(map.y, count: map.rows))
    line(
      "if (!ascii) plot $\(id) matrix using \(coordinate(1, x)):\(coordinate(2, y)):\(colourExpression(map)) "
        + "with image\(cells <= 400 ? " pixels" : "") notitle")
  }

  /// Palette and range of the colours.
  private mutating func colours(_ map: HeatMap) {
    var stops = Palette.colours(of: map.scale).enumerated().map { "\($0) '\($1)'" }
    if case .categories = map.scale {
      // Steps: the colour at k lasts from k to k + 1.
      stops = Palette.colours(of: map.scale).enumerated().map { "\(($0 + 1) / 2) '\($1)'" }
    }
    line("set palette defined (\(stops.joined(separator: ", ")))")
    if !map.showsColourBar {
      let range = map.colourRange
      line("set cbrange [\(number(range.lowerBound)):\(number(range.upperBound))]")
      if case .logarithmic = map.scale { line("set logscale cb") }
    }
  }

  /// The place of a cell's centre: the index counted from 0, or first + step × index.
  private func coordinate(_ index: Int, _ cells: (first: Double, step: Double)) -> String {
    cells == (0, 1) ? "\(index)" : "(\(number(cells.first))+\(number(cells.step))*$\(index))"
  }

  /// What is coloured: the value, or on a logarithmic scale the larger of value and floor.
  private func colourExpression(_ map: HeatMap) -> String {
    guard case .logarithmic(let floor) = map.scale else { return "3" }
    return "($3 < \(number(floor)) ? \(number(floor)) : $3)"
  }

  private mutating func bar(_ plan: PanelPlan, in layout: Layout) {
    guard let bar = plan.bar else {
      line("unset colorbox")
      return
    }
    let (width, height) = (Double(layout.width), Double(layout.height))
    let place = [(plan.box.left + plan.box.width + 10) / width, 1 - (plan.box.top + plan.box.height) / height]
    let size = [12 / width, plan.box.height / height]
    func shares(_ values: [Double]) -> String { values.map { "screen \(Self.share($0))" }.joined(separator: ", ") }
    line("set colorbox vertical user origin \(shares(place)) size \(shares(size)) noborder")
    axis("cb", bar)
    if !plan.barCaption.isEmpty { line("set cblabel \(quoted(plan.barCaption))") }
  }
}
