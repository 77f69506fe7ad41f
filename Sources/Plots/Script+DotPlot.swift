// # The script of a dot plot
//
// A datablock a group, so that each group has its colour, its marker and its line in the legend. The names of the
// rows are ticks of the vertical axis. Read before: Script.swift, DotPlot.swift.

extension Script {
  mutating func draw(_ chart: DotPlot, _ plan: PanelPlan, _ layout: Layout, id: String) {
    line("set border 1 linecolor rgb '#404040'")
    line("if (!ascii) set grid x y linecolor rgb '#DDDDDD' linewidth 1 dashtype 1")
    comment("Error bars without cross strokes.")
    line("set errorbars 0")
    key(plan, in: layout)
    noteMissing(chart)

    var references: [String] = []
    for (index, reference) in chart.references.enumerated() {
      guard chart.shows(reference) else {
        note(
          "\(subject(chart.title))reference '\(reference.name)' at \(number(reference.y)) "
            + "has no place on a logarithmic axis")
        continue
      }
      let block = "\(id)_reference\(index + 1)"
      let ends = [[reference.y, plan.y.lower], [reference.y, plan.y.upper]]
      if data(block, "Reference \(commented(reference.name)): a vertical line", [ends]) {
        references.append(
          "$\(block) using 1:2 with lines linecolor rgb '\(Palette.reference)' linewidth 1.2 "
            + "dashtype \(Palette.referenceDash(references.count)) \(named(reference.name))")
      }
    }

    var dots: [String] = []
    for (index, group) in chart.groups.enumerated() {
      let block = "\(id)_group\(index + 1)"
      let rows = chart.dots(of: group, floor: plan.x.lower)
      let comment =
        "\(group.isEmpty ? "Rows" : commented(group)): \(plain(chart.value.caption)), row, low end, high end"
      let type = "linetype \(Palette.lineType(index))"
      if data(block, comment, [rows]) {
        dots.append("$\(block) using 1:2:3:4 with xerrorbars \(type) pointsize 1.1 \(named(group))")
      } else {
        dots.append("NaN with points \(type) \(named(group))")
      }
    }
    plot(dots + references)
  }

  private mutating func noteMissing(_ chart: DotPlot) {
    let missing = chart.rows.filter { !hasPlace($0.value, log: chart.value.logarithmic) }
    guard !missing.isEmpty else { return }
    let names = missing.map { "'\($0.name)'" }.joined(separator: ", ")
    note(
      "\(subject(chart.title))no dot for \(names), not finite"
        + (chart.value.logarithmic ? " or not positive on a logarithmic axis" : ""))
  }
}
