// # What a panel writes into the script
//
// A panel finds its title, margins and axes already written, and adds the rest: border, legend, data and the plot.
// The commands are gnuplot's; what they share (numbers, quotation marks, the continued lines of a plot) is here.
// Read before: Script.swift, Layout/PanelPlan.swift. Read after: the kinds in Charts, each of which draws into it.

/// The section of one panel in a figure's script, while it is being written.
///
/// Colours and marks are those of gnuplot's line types 1, 2, 3 …, which the head of the script defines
/// (`Palette.lineType`). Text may hold anything and is passed through `quoted`, `named` or the comment of `data`.
public struct PanelScript {
  /// The panel's name in the script: "panel2".
  public let id: String

  /// The panel's axes and legend, for its final size.
  public let plan: PanelPlan

  private let title: String
  private let drawsItself: Bool
  private let figureWidth: Double
  private let figureHeight: Double

  private(set) var parts: [ScriptPart] = []
  private(set) var notes: [String] = []

  init(
    id: String, title: String, plan: PanelPlan, drawsItself: Bool, figureWidth: Double, figureHeight: Double
  ) {
    (self.id, self.title, self.plan, self.drawsItself) = (id, title, plan, drawsItself)
    (self.figureWidth, self.figureHeight) = (figureWidth, figureHeight)
    frame()
  }

  /// A line of gnuplot; the variable `ascii` is 1 in a drawing in characters.
  public mutating func line(_ text: String = "") { parts.append(.line(text)) }

  /// A comment of one line.
  public mutating func comment(_ text: String) { line("# " + closed(text)) }

  /// What the reader of the picture should know, such as points that were left out; the panel's title is put before it.
  public mutating func note(_ text: String) { notes.append(title.isEmpty ? text : "\(title): \(text)") }

  /// Adds a datablock: rows of equally many numbers, and an empty line between blocks.
  ///
  /// - Parameters:
  ///   - name: what distinguishes it from the panel's other blocks; empty for the only one.
  ///   - comment: stands above it.
  /// - Returns: its name in the plot, "$panel2_name"; nil when there are no rows: gnuplot cannot plot an empty block,
  ///   so none is added.
  public mutating func data(_ name: String, _ comment: String, _ blocks: [[[Double]]]) -> String? {
    guard blocks.contains(where: { !$0.isEmpty }) else { return nil }
    let name = name.isEmpty ? id : "\(id)_\(name)"
    parts.append(.data(name: name, comment: closed(comment), blocks: blocks))
    return "$" + name
  }

  /// The plot command, one element per line: "$panel2 using 1:2 with lines title 'loss'".
  ///
  /// Left out in characters when the panel has an `ascii` of its own. Call it once.
  public mutating func plot(_ elements: [String]) {
    line()
    if drawsItself {
      line("if (!ascii) plot " + elements.joined(separator: ", "))
      return
    }
    line("plot \\")
    for (index, element) in elements.enumerated() {
      line("  " + element + (index + 1 < elements.count ? ", \\" : ""))
    }
  }

  /// The end of an element of the plot: its name in the legend, or that it has none.
  public func named(_ name: String) -> String { name.isEmpty ? "notitle" : "title \(quoted(name))" }

  /// `text` as a gnuplot string that shows it literally.
  public func quoted(_ text: String) -> String { Plots.quoted(text) }

  /// A number as gnuplot reads it, with ten digits.
  public func number(_ value: Double) -> String { Plots.number(value) }

  /// One line that does not end in a backslash, which would continue it.
  private func closed(_ text: String) -> String { plain(text) + (text.hasSuffix("\\") ? " ." : "") }
}

// # Title, margins, axes

extension PanelScript {
  private mutating func frame() {
    let box = plan.box
    let edges = [
      box.left / figureWidth, (box.left + box.width) / figureWidth, 1 - (box.top + box.height) / figureHeight,
      1 - box.top / figureHeight,
    ]
    comment("The plot's left, right, bottom and top edge as shares of the picture.")
    line("if (!ascii) set margins " + edges.map { "at screen \(share($0))" }.joined(separator: ", "))
    let titleLines = plan.titleLines
    if !titleLines.isEmpty { line("set title \(Plots.quoted(lines: titleLines)) offset 0,-0.3") }
    let (x, y) = (plan.x.caption, plan.y.caption)
    if !x.isEmpty { line("\(plan.x.names == nil ? "" : "if (ascii) ")set xlabel \(quoted(x)) offset 0,0.2") }
    if !y.isEmpty {
      line("\(plan.y.sharesCaption || plan.y.names != nil ? "if (ascii) " : "")set ylabel \(quoted(y))")
    }
    if plan.x.names != nil {
      place(caption: x, x: box.left + box.width / 2, y: box.top + box.height + plan.bottomMargin - 18)
    }
    if plan.y.names != nil {
      place(caption: y, x: box.left - plan.y.widestLabel - 26, y: box.top + box.height / 2, turned: " rotate by 90")
    }
    axis("x", plan.x)
    axis("y", plan.y)
  }

  /// Writes a caption around a point in pixels: that of an axis with names of cells, or of a colour bar.
  ///
  /// gnuplot takes all letters for equally wide, and would put the caption too far from the labels or among them.
  private mutating func place(caption: String, x: Double, y: Double, turned: String = "") {
    guard !caption.isEmpty else { return }
    let point = "screen \(share(x / figureWidth)), screen \(share(1 - y / figureHeight))"
    line("if (!ascii) set label \(quoted(caption)) at \(point) center\(turned)")
  }

  /// Range, logarithm and ticks of one axis: x, y or cb.
  private mutating func axis(_ name: String, _ axis: PlannedAxis) {
    let scale = axis.scale
    line("set \(name)range [\(number(scale.lower)):\(number(scale.upper))]")
    if scale.logarithmic { line("set logscale \(name)") }
    let looks = "nomirror out scale 0.6,0.3" + " format '\(axis.isHidden ? "" : "%g")'"
    switch scale.ticks {
    case .every(let step): line("set \(name)tics \(number(step)) \(looks)")
    case .powers(let factor): line("set \(name)tics \(number(factor)) \(looks)")
    case .at(let values, let small):
      let list = values.map(number) + small.map { "'' \(number($0)) 1" }
      line("set \(name)tics (\(list.joined(separator: ", "))) \(looks)")
    case .named(let names):
      let list = names.map { "\(quotedTick($0)) \(number($1))" }.joined(separator: ", ")
      guard axis.names != nil else { return line("set \(name)tics (\(list)) nomirror scale 0") }
      guard !axis.isHidden else { return line("unset \(name)tics") }
      var looks = name == "x" ? " rotate by 90 right" : ""
      if axis.labelSize < FontSize.text {
        let (svg, png) = (number(axis.labelSize), number(axis.labelSize * 0.75))
        line("\(name)font = (format eq 'png') ? ',\(png)' : ',\(svg)'")
        looks += " font \(name)font"
      }
      line("set \(name)tics (\(list)) nomirror scale 0\(looks)")
    }
    if case .powers(10) = scale.ticks { line("set m\(name)tics 10") }
  }

  private func share(_ value: Double) -> String { number((value * 1e7).rounded() / 1e7) }
}

// # Legend, colour bar, references

extension PanelScript {
  /// The legend where the plan has put it; without this call gnuplot chooses a place.
  public mutating func legend() {
    let looks = "Left reverse samplen 2 spacing 1.15"
    switch plan.legend.place {
    case .none:
      line("unset key")
      return
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
      let x = share((plan.box.left + plan.box.width + 10) / figureWidth)
      let y = share(1 - plan.box.top / figureHeight)
      line("set key at screen \(x), screen \(y) left top \(looks)")
    }
    line("if (ascii) set key default; set key outside top center horizontal")
  }

  /// The colour bar of `plan.bar` to the right of the plot, or that there is none.
  public mutating func colourBar() {
    guard let bar = plan.bar else {
      line("unset colorbox")
      return
    }
    let box = plan.box
    let corner = [(box.left + box.width + 10) / figureWidth, 1 - (box.top + box.height) / figureHeight]
    let size = [12 / figureWidth, box.height / figureHeight]
    func shares(_ values: [Double]) -> String { values.map { "screen \(share($0))" }.joined(separator: ", ") }
    line("set colorbox vertical user origin \(shares(corner)) size \(shares(size)) noborder")
    axis("cb", bar)
    if !bar.caption.isEmpty {
      line("if (ascii) set cblabel \(quoted(bar.caption))")
      place(
        caption: bar.caption, x: box.left + box.width + 32 + bar.widestLabel + 13, y: box.top + box.height / 2,
        turned: " rotate by 90")
    }
  }

  /// Whether the axis has a place for a reference; if not, a note says so.
  public mutating func shows(_ reference: Reference, on axis: Axis) -> Bool {
    if axis.shows(reference.y) { return true }
    note("reference '\(reference.name)' at \(number(reference.y)) has no place on a logarithmic axis")
    return false
  }

  /// How the `index`th shown reference is drawn, counted from 0: a thin grey line, named in the legend.
  public func look(of reference: Reference, _ index: Int) -> String {
    "with lines linecolor rgb '\(Palette.reference)' linewidth 1.2 dashtype \(Palette.referenceDash(index)) "
      + named(reference.name)
  }
}
