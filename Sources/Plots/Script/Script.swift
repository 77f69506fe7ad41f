// # A figure as a gnuplot script
//
// The script is the figure: it holds the data, needs no other file and runs in any directory. It begins with what a
// reader may want to change (format, file, colours), followed by one section for each panel: data, axes, plot. In
// gnuplot's ASCII terminal each panel is a page of its own; panels that draw themselves in characters are left out.
// Read before: Text.swift, Layout/Layout.swift. Read after: PanelScript.swift, ScriptWriter.swift.

/// A piece of a script.
enum ScriptPart: Sendable {
  case line(String)
  /// A named datablock: `$name`, blocks of rows of numbers, and a comment that stands above it.
  case data(name: String, comment: String, blocks: [[[Double]]])
}

/// A gnuplot script that is being written.
struct Script {
  private(set) var parts: [ScriptPart] = []

  /// What the reader of the picture should know, such as points that were left out.
  private(set) var notes: [String] = []

  /// - Parameter drawings: the panels' own drawings in characters.
  init(_ figure: Figure, name: String, layout: Layout, drawings: [String?]) {
    header(figure, name: name, layout: layout)
    for (index, panel) in figure.panels.enumerated() {
      line()
      let title = panel.title.isEmpty ? "" : ": \(commented(panel.title))"
      comment("--- Panel \(index + 1) of \(figure.panels.count)\(title) ---")
      line("reset")
      var section = PanelScript(
        id: "panel\(index + 1)", title: panel.title, plan: layout.panels[index], drawsItself: drawings[index] != nil,
        figureWidth: Double(layout.width), figureHeight: Double(layout.height))
      panel.draw(into: &section)
      parts += section.parts
      notes += section.notes
    }
    line()
    line("if (!ascii) unset multiplot")
    line("unset output")
  }

  private mutating func line(_ text: String = "") { parts.append(.line(text)) }
  private mutating func comment(_ text: String) { line("# " + text) }
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
    for (index, marker) in Palette.markers.enumerated() {
      let colour = Palette.lines[index % Palette.lines.count]
      line("set linetype \(index + 1) linecolor rgb '\(colour)' linewidth 2 pointtype \(marker)")
    }
    line("set linetype cycle \(Palette.markers.count)")
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
