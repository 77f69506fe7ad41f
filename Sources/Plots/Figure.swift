// # A figure: panels side by side, a script, a picture
//
// This is what the book uses. A figure is a value; writing it leaves NAME.gp, a script with the data in it, and a
// picture beside it when gnuplot is installed. A chapter must not fail because a picture cannot be drawn: what
// gnuplot has to say comes back as a note. Read before: LineChart.swift, HeatMap.swift, DotPlot.swift. Read after:
// Layout.swift and Script.swift, which do the work.

import Foundation

/// One picture: one or more panels.
public struct Figure: Sendable {
  public let title: String
  public let panels: [Panel]

  /// How many panels stand side by side; nil: all of them up to 4, then further rows.
  public let columns: Int?

  /// Pixels of the SVG (a PNG has twice as many each way); nil lets the figure grow with its panels.
  public let width: Int?
  public let height: Int?

  public init(_ title: String, panels: [Panel], columns: Int? = nil, width: Int? = nil, height: Int? = nil) {
    self.title = title
    self.panels = panels
    self.columns = columns
    self.width = width
    self.height = height
  }
}

/// One plot of a figure.
public enum Panel: Sendable {
  case lines(LineChart)
  case heatMap(HeatMap)
  case dots(DotPlot)
}

/// What is made of a figure's script.
public enum PlotFormat: String, CaseIterable, Sendable {
  case svg
  case png
  /// A drawing in characters, returned and not written.
  case ascii
  /// Nothing: the script alone.
  case none
}

/// What `Figure.write` has left behind.
public struct WrittenFigure: Sendable {
  /// NAME.gp.
  public let script: URL

  /// NAME.svg or NAME.png; nil when none was asked for or could be drawn.
  public let picture: URL?

  /// The drawing in characters, several lines.
  public let ascii: String?

  /// What the reader should know, a sentence a line: points left out, gnuplot absent or failing. nil when all is
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
  ///   - name: the files' name without ending; not empty, without slash.
  ///   - gnuplot: the program to draw with; by default the one in PATH.
  /// - Throws: `PlotError` when the figure is inconsistent or a file cannot be written. When gnuplot is absent or
  ///   fails nothing is thrown: the script is there and the note says why there is no picture.
  public func write(
    to directory: URL, named name: String, as format: PlotFormat, with gnuplot: Gnuplot = Gnuplot()
  ) throws -> WrittenFigure {
    try check(name: name)
    let script = Script(self, name: name, layout: try Layout(self, at: Place(text: "figure '\(title)'")))
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
      ascii = try asciiDrawing(name, in: directory, with: gnuplot, notes: &notes)
    }
    return WrittenFigure(
      script: directory.appendingPathComponent(name + ".gp"), picture: picture, ascii: ascii,
      note: notes.isEmpty ? nil : notes.joined(separator: "\n"))
  }

  private func draw(
    _ name: String, in directory: URL, as format: PlotFormat, with gnuplot: Gnuplot, notes: inout [String]
  ) throws -> URL? {
    let file = "\(name).\(format.rawValue)"
    let target = directory.appendingPathComponent(file)
    do {
      try WholeFile.write(file, in: directory) { partial in
        if let problem = gnuplot.draw(name + ".gp", in: directory, format: format, to: partial.lastPathComponent) {
          throw NoPicture(reason: problem)
        }
        guard FileManager.default.fileExists(atPath: partial.path) else {
          throw NoPicture(reason: "gnuplot ended without an error and without a picture")
        }
        if format == .svg { try SVG.sharpen(partial) }
      }
      return target
    } catch let error as NoPicture {
      let isOld = FileManager.default.fileExists(atPath: target.path)
      notes.append(error.reason + (isOld ? " (\(file) is from an earlier run)" : ""))
      return nil
    }
  }

  /// Charts are pages of gnuplot's ASCII terminal, separated by form feeds; heat maps are ours.
  private func asciiDrawing(
    _ name: String, in directory: URL, with gnuplot: Gnuplot, notes: inout [String]
  ) throws -> String? {
    var pages: [String] = []
    let maps = panels.count { if case .heatMap = $0 { true } else { false } }
    if gnuplot.executable == nil, 0 < maps, maps < panels.count {
      notes.append(Gnuplot.absence("the script was written, but of the panels only the heat maps are drawn"))
    } else if maps < panels.count {
      let partial = directory.appendingPathComponent(".plot-\(UUID().uuidString).partial")
      defer { unlink(partial.path) }
      let problem = gnuplot.draw(name + ".gp", in: directory, format: .ascii, to: partial.lastPathComponent)
      if let problem { notes.append(problem) }
      if problem == nil, let data = try? Data(contentsOf: partial) {
        pages = String(decoding: data, as: UTF8.self).split(separator: "\u{0C}").map(Self.trimmed)
          .filter { !$0.isEmpty }
      }
    }

    var drawings: [String] = []
    for panel in panels {
      if case .heatMap(let map) = panel {
        drawings.append(map.ascii)
      } else if !pages.isEmpty {
        drawings.append(pages.removeFirst())
      }
    }
    guard !drawings.isEmpty else { return nil }
    return ([plain(title)] + drawings).filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
  }

  /// A page without the empty lines around it and the blanks at the ends of its lines.
  private static func trimmed(_ page: some StringProtocol) -> String {
    var lines = page.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      String(line[..<(line.lastIndex { $0 != " " }.map { line.index(after: $0) } ?? line.startIndex)])
    }
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines.drop { $0.isEmpty }.joined(separator: "\n")
  }

  private func check(name: String) throws {
    let place = Place(text: "figure '\(title)'")
    try place.require(
      !name.isEmpty && !name.contains("/") && plain(name) == name && !name.hasPrefix("."),
      "'\(name)' is no name for its files", remedy: "give a name without slash, line end and leading dot")
    try place.require(!panels.isEmpty, "there are no panels", remedy: "give at least one Panel")
    try place.require((columns ?? 1) > 0, "columns is \(columns ?? 0)", remedy: "give a number above 0 or nil")
    try place.require(
      (width ?? 1) > 0 && (height ?? 1) > 0, "its size is \(width ?? 0) × \(height ?? 0) pixels",
      remedy: "give sizes above 0 or nil")
    for (index, panel) in panels.enumerated() {
      let place = place.inside("panel \(index + 1) '\(panel.title)'")
      switch panel {
      case .lines(let chart): try chart.check(at: place)
      case .heatMap(let map): try map.check(at: place)
      case .dots(let plot): try plot.check(at: place)
      }
    }
  }
}

extension Panel {
  /// The panel's title.
  public var title: String {
    switch self {
    case .lines(let chart): chart.title
    case .heatMap(let map): map.title
    case .dots(let plot): plot.title
    }
  }
}

/// Why there is no picture: a note, no failure.
private struct NoPicture: Error {
  let reason: String
}

/// What we change in gnuplot's SVG.
enum SVG {
  /// Asks viewers to draw the cells of images as squares without blur, and opaque areas without seams between them.
  static func sharpen(_ file: URL) throws {
    let text = try String(contentsOf: file, encoding: .utf8)
    let sharp = text.replacingOccurrences(
      of: "<image ", with: "<image image-rendering='optimizeSpeed' style='image-rendering:pixelated' "
    ).replacingOccurrences(of: ")' points = '", with: ")' shape-rendering='crispEdges' points = '")
    if sharp != text { try sharp.write(to: file, atomically: false, encoding: .utf8) }
  }
}
