// # Colours that everyone can tell apart
//
// About one man in twelve cannot tell red from green. Lines use the eight colours of Okabe and Ito without their
// yellow, which is faint on white. Markers and dashes differ as well, for print in grey. Maps take their colours from
// a colour scale. Read before: nothing. Read after: Charts/ColourScale.swift, Script.swift.

/// The colours and marks of all figures.
public enum Palette {
  /// Okabe and Ito's colours, the most different ones first.
  static let lines = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]

  /// gnuplot's numbers of markers: disc, square, triangle up, diamond, triangle down, then hollow ones. Colours come
  /// again after the seventh series, markers after the fourteenth.
  static let markers = [7, 5, 9, 13, 11, 6, 4, 8, 12, 10, 2, 1, 3, 14]

  /// The grey of references and of cells without a value.
  static let reference = "#4D4D4D"
  static let missing = "#B8B8B8"

  /// Dashes of the series of style `.line` at `index`: the first four are solid.
  static func solidDash(_ index: Int) -> String {
    switch index {
    case ..<4: "1"
    case ..<8: "(14,4,3,4)"
    default: "(3,3)"
    }
  }

  /// Dashes of the series of style `.dashed`: four patterns in turn.
  static func dash(_ index: Int) -> String { ["(8,4)", "(4,3)", "(14,5)", "(9,3,3,3)"][index % 4] }

  /// Dashes of the references, thinner and shorter than those of the series.
  static func referenceDash(_ index: Int) -> String { ["(6,4)", "(2,3)", "(10,3,2,3)", "(4,8)"][index % 4] }

  /// The number of gnuplot's line type for the series at `index`, counted from 0: its colour and its marker.
  public static func lineType(_ index: Int) -> Int { index % markers.count + 1 }
}
