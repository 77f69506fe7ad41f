// # Colours that everyone can tell apart
//
// About one man in twelve does not see red and green as different. Lines use the eight colours of Okabe and Ito,
// without their yellow, which is faint on white; maps use scales whose lightness alone orders the values
// (after viridis) or whose two arms are blue and orange. Markers and dashes differ as well, for print in grey.
// Read before: nothing. Read after: Script.swift.

/// The colours and marks of all figures.
enum Palette {
  /// Okabe and Ito's colours, the most different ones first.
  static let lines = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]

  /// gnuplot's numbers of markers: disc, square, triangle up, diamond, triangle down, then hollow ones.
  static let markers = [7, 5, 9, 13, 11, 6, 4]

  /// The grey of references and of cells without a value.
  static let reference = "#4D4D4D"
  static let missing = "#B8B8B8"

  /// Dark blue to yellow in even steps of lightness, after viridis by Smith and van der Walt (released as CC0).
  static let sequential = [
    "#440154", "#482878", "#3E4A89", "#31688E", "#26828E", "#1F9E89", "#35B779", "#6DCD59", "#B4DE2C", "#FDE725",
  ]

  /// Blue, white, orange; both arms darken alike.
  static let diverging = [
    "#0B3C6F", "#1F68A6", "#5C9BCB", "#A9CDE6", "#FFFFFF", "#FAD2A4", "#EE9A4D", "#CC6412", "#8A3B04",
  ]

  /// The colours of a scale, evenly spaced.
  static func colours(of scale: ColourScale) -> [String] {
    switch scale {
    case .sequential, .logarithmic: sequential
    case .diverging: diverging
    // Each colour twice, at both ends of its step.
    case .categories(let names):
      names.indices.flatMap { index in
        let colour = sequential[index * (sequential.count - 1) / max(1, names.count - 1)]
        return [colour, colour]
      }
    }
  }

  /// Dashes of the series of style `.line` at `index`: the first four are solid.
  static func solidDash(_ index: Int) -> String {
    switch index {
    case ..<4: "1"
    case ..<8: "(14,4,3,4)"
    default: "(3,3)"
    }
  }

  /// Dashes of the series of style `.dashed`: another length for each, over and over.
  static func dash(_ index: Int) -> String { ["(8,4)", "(4,3)", "(14,5)", "(9,3,3,3)"][index % 4] }

  /// Dashes of the references, thinner and shorter than those of the series.
  static func referenceDash(_ index: Int) -> String { ["(6,4)", "(2,3)", "(10,3,2,3)", "(4,8)"][index % 4] }

  /// The number of gnuplot's line type for a series.
  static func lineType(_ index: Int) -> Int { index % lines.count + 1 }
}
