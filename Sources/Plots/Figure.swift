// # A figure: panels side by side, a script, a picture
//
// The book draws everything as figures. A figure is a value; writing it leaves NAME.gp, a script that contains the
// data, and a picture beside it when gnuplot is installed. A chapter must not fail because a picture cannot be drawn,
// so gnuplot's problems come back as a note. Read before: Panel.swift and the kinds in Charts. Read after:
// Layout/Layout.swift, Script/Script.swift and Figure+Pictures.swift, which do the work.

import Foundation

/// One picture: one or more panels.
public struct Figure: Sendable {
  /// What stands above the panels; empty for nothing.
  public let title: String
  /// The panels, row by row from the left; at least one.
  public let panels: [any Panel]

  /// How many panels stand side by side; nil: all of them up to 4, then further rows.
  public let columns: Int?

  /// Pixels of the SVG (a PNG has twice as many each way); nil lets the figure grow with its panels.
  public let width: Int?
  /// Pixels of the SVG; nil lets the figure grow with its panels.
  public let height: Int?

  /// A figure; nothing is checked before it is written.
  public init(_ title: String, panels: [any Panel], columns: Int? = nil, width: Int? = nil, height: Int? = nil) {
    self.title = title
    self.panels = panels
    self.columns = columns
    self.width = width
    self.height = height
  }
}

/// What is made from a figure's script.
public enum PlotFormat: String, CaseIterable, Sendable {
  /// A vector picture, NAME.svg.
  case svg
  /// A picture in pixels, NAME.png, twice as many each way.
  case png
  /// A drawing in characters, returned and not written.
  case ascii
  /// Nothing: the script alone.
  case none
}

/// What `Figure.write` has written.
public struct WrittenFigure: Sendable {
  /// NAME.gp.
  public let script: URL

  /// NAME.svg or NAME.png; nil when none was asked for or could be drawn.
  public let picture: URL?

  /// The drawing in characters, several lines.
  public let ascii: String?

  /// What the reader should know, one sentence per line: points left out, gnuplot absent or failing. nil when all is
  /// well.
  public let note: String?
}

// # Writing

extension Figure {
  /// Writes DIRECTORY/NAME.gp, and with gnuplot NAME.svg or NAME.png, each whole or not at all.
  ///
  /// The directory is made if need be. Equal figures give equal bytes.
  ///
  /// - Parameters:
  ///   - name: the files' name without extension; not empty, without a slash.
  ///   - gnuplot: the program to draw with; by default the one in PATH.
  /// - Throws: `PlotError` when the figure is inconsistent or a file cannot be written. When gnuplot is absent or
  ///   fails nothing is thrown: the script is there and the note says why there is no picture.
  public func write(
    to directory: URL, named name: String, as format: PlotFormat, with gnuplot: Gnuplot = Gnuplot()
  ) throws -> WrittenFigure {
    try check(name: name)
    let layout = try Layout(self, at: Place(text: "figure '\(title)'"))
    let drawings = panels.map(\.ascii)
    let script = Script(self, name: name, layout: layout, drawings: drawings)
    var notes = script.notes

    try WholeFile.prepare(directory)
    try WholeFile.write(name + ".gp", in: directory) { try script.write(to: $0) }

    var picture: URL?
    var ascii: String?
    switch format {
    case .none:
      break
    case .svg, .png:
      picture = try draw(name, in: directory, as: format, with: gnuplot, notes: &notes)
    case .ascii:
      ascii = try drawInCharacters(name, in: directory, drawings, with: gnuplot, notes: &notes)
    }
    return WrittenFigure(
      script: directory.appendingPathComponent(name + ".gp"), picture: picture, ascii: ascii,
      note: notes.isEmpty ? nil : notes.joined(separator: "\n"))
  }

  private func check(name: String) throws {
    let place = Place(text: "figure '\(title)'")
    try place.require(
      !name.isEmpty && !name.contains("/") && plain(name) == name && !name.hasPrefix("."),
      "'\(name)' cannot be the name of its files", remedy: "give a name without slash, line end and leading dot")
    try place.require(!panels.isEmpty, "there are no panels", remedy: "give at least one Panel")
    try place.require((columns ?? 1) > 0, "columns is \(columns ?? 0)", remedy: "give a number above 0 or nil")
    try place.require(
      (width ?? 1) > 0 && (height ?? 1) > 0, "its size is \(width ?? 0) × \(height ?? 0) pixels",
      remedy: "give sizes above 0 or nil")
    for (index, panel) in panels.enumerated() {
      try panel.check(at: place.inside("panel \(index + 1) '\(panel.title)'"))
    }
  }
}
