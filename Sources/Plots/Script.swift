// # A figure as a gnuplot script
//
// The script is the figure: it holds the data, needs no other file and runs from any directory. It begins with what a
// reader may want to change (format, file, colours), and then has a section a panel: data, axes, plot.
// In gnuplot's ASCII terminal each chart is a page of its own; heat maps are left out there, we draw them ourselves.
// Read before: Text.swift, Layout.swift. Read after: Script+LineChart.swift and its sisters, ScriptWriter.swift.

/// A piece of a script.
enum ScriptPart {
  case line(String)
  /// A named datablock: `$name`, blocks of rows of numbers, and a comment that stands above it.
  case data(name: String, comment: String, blocks: [[[Double]]])
}

/// A gnuplot script in the making.
struct Script {
  private(set) var parts: [ScriptPart] = []

  /// What the reader of the picture should know, such as points that were left out.
  private(set) var notes: [String] = []

  mutating func line(_ text: String = "") { parts.append(.line(text)) }
  mutating func comment(_ text: String) { parts.append(.line("# " + text)) }
  mutating func note(_ text: String) { notes.append(text) }

  /// How a note on a panel begins: with its title, if it has one.
  func subject(_ title: String) -> String { title.isEmpty ? "" : "\(title): " }

  /// Adds a datablock; one without rows is left out, because gnuplot cannot plot it. Returns whether it was added.
  mutating func data(_ name: String, _ comment: String, _ blocks: [[[Double]]]) -> Bool {
    guard blocks.contains(where: { !$0.isEmpty }) else { return false }
    parts.append(.data(name: name, comment: comment, blocks: blocks))
    return true
  }

  init(_ figure: Figure, name: String, layout: Layout) {
    header(figure, name: name, layout: layout)
    for (index, (panel, plan)) in zip(figure.panels, layout.panels).enumerated() {
      line()
      let title = panel.title.isEmpty ? "" : ": \(commented(panel.title))"
      comment("--- Panel \(index + 1) of \(figure.panels.count)\(title) ---")
      line("reset")
      frame(plan, in: layout)
      switch panel {
      case .lines(let chart): draw(chart, plan, layout, id: "panel\(index + 1)")
      case .dots(let plot): draw(plot, plan, layout, id: "panel\(index + 1)")
      case .heatMap(let map): draw(map, plan, layout, id: "panel\(index + 1)")
      }
    }
    line()
    line("if (!ascii) unset multiplot")
    line("unset output")
  }
}

// # The head

extension Script {
  private mutating func header(_ figure: Figure, name: String, layout: Layout) {
    let file = plain(name)
    comment(commented(figure.title))
    line("#")
    comment("gnuplot \(file).gp                       draws \(file).svg in the current directory")
    comment("gnuplot -e \"format='png'\" \(file).gp     draws \(file).png")
    comment("gnuplot -e \"format='ascii'\" \(file).gp   draws \(file).ascii: charts in characters")
    line()
    line("if (!exists('format')) format = 'svg'")
    line("if (!exists('file')) file = \(quoted(name)).'.'.format")
    line("ascii = (format eq 'ascii')")
    line("set encoding utf8")
    let size = "\(layout.width),\(layout.height)"
    let doubled = "\(2 * layout.width),\(2 * layout.height)"
    line(
      "if (format eq 'svg') set terminal svg size \(size) font 'sans-serif,\(number(FontSize.text))' noenhanced "
        + "background '#FFFFFF'")
    comment("PNG has two pixels for each of SVG, for sharp screens; its letters are set in points.")
    line(
      "if (format eq 'png') set terminal pngcairo size \(doubled) font 'sans-serif,\(number(FontSize.text * 0.75))' "
        + "fontscale 2 linewidth 2 dashlength 2 pointscale 2 noenhanced background '#FFFFFF'")
    line("if (ascii) set terminal dumb size 100,28 noenhanced mono")
    line("set output file")
    line()
    comment("Colours after Okabe and Ito, which colour-blind readers tell apart; pt is the marker.")
    for (index, colour) in Palette.lines.enumerated() {
      line("set linetype \(index + 1) linecolor rgb '\(colour)' linewidth 2 pointtype \(Palette.markers[index])")
    }
    line("set linetype cycle \(Palette.lines.count)")
    line()
    var multiplot = "set multiplot"
    if !layout.titleLines.isEmpty {
      let (svg, png) = (number(FontSize.figureTitle), number(FontSize.figureTitle * 0.75))
      line("titlefont = (format eq 'png') ? ',\(png)' : ',\(svg)'")
      multiplot += " title \(quoted(lines: layout.titleLines)) font titlefont"
    }
    line("if (!ascii) \(multiplot)")
  }
}

// # What all panels have

extension Script {
  private mutating func frame(_ plan: PanelPlan, in layout: Layout) {
    let (width, height) = (Double(layout.width), Double(layout.height))
    let box = plan.box
    let edges = [
      box.left / width, (box.left + box.width) / width, 1 - (box.top + box.height) / height, 1 - box.top / height,
    ]
    comment("The plot's left, right, bottom and top edge as shares of the picture.")
    line("if (!ascii) set margins " + edges.map { "at screen \(Self.share($0))" }.joined(separator: ", "))
    let titleLines = plan.titleLines
    if !titleLines.isEmpty { line("set title \(quoted(lines: titleLines)) offset 0,-0.3") }
    if !plan.xCaption.isEmpty { line("set xlabel \(quoted(plan.xCaption)) offset 0,0.2") }
    if !plan.yCaption.isEmpty {
      line("\(plan.sharesYCaption ? "if (ascii) " : "")set ylabel \(quoted(plan.yCaption))")
    }
    axis("x", plan.x, showsLabels: plan.showsXLabels)
    axis("y", plan.y, showsLabels: plan.showsYLabels)
  }

  /// Range, logarithm and ticks of one axis: x, y or cb.
  mutating func axis(_ name: String, _ scale: AxisScale, showsLabels: Bool = true) {
    line("set \(name)range [\(number(scale.lower)):\(number(scale.upper))]")
    if scale.logarithmic { line("set logscale \(name)") }
    let looks = "nomirror out scale 0.6,0.3" + " format '\(showsLabels ? "%g" : "")'"
    switch scale.ticks {
    case .every(let step): line("set \(name)tics \(number(step)) \(looks)")
    case .powers(let factor): line("set \(name)tics \(number(factor)) \(looks)")
    case .at(let values, let small):
      let list = values.map(number) + small.map { "'' \(number($0)) 1" }
      line("set \(name)tics (\(list.joined(separator: ", "))) \(looks)")
    case .named(let names):
      let list = names.map { "\(quotedTick($0)) \(number($1))" }.joined(separator: ", ")
      line("set \(name)tics (\(list)) nomirror scale 0")
    }
    if case .powers(10) = scale.ticks { line("set m\(name)tics 10") }
  }

  /// The legend where the plan has put it.
  mutating func key(_ plan: PanelPlan, in layout: Layout) {
    let looks = "Left reverse samplen 2 spacing 1.15"
    switch plan.legend.place {
    case .none:
      line("unset key")
    case .corner(let corner):
      let place =
        switch corner {
        case .topLeft: "top left"
        case .bottomLeft: "bottom left"
        case .bottomRight: "bottom right"
        default: "top right"
        }
      line("set key \(place) \(looks)")
    case .outside:
      let x = Self.share((plan.box.left + plan.box.width + 10) / Double(layout.width))
      let y = Self.share(1 - plan.box.top / Double(layout.height))
      line("set key at screen \(x), screen \(y) left top \(looks)")
    }
    if plan.legend.place != .none { line("if (ascii) set key default; set key outside top center horizontal") }
  }

  static func share(_ value: Double) -> String { number((value * 1e7).rounded() / 1e7) }
}
