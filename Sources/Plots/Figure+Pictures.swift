// # From the script to a picture
//
// gnuplot draws into a temporary file beside the final one; when the picture is whole, the file is renamed. A picture
// that cannot be drawn is a note, not an error. In characters each panel is a drawing of its own, one below the
// other.
// Read before: Figure.swift, Gnuplot.swift.

import Foundation

extension Figure {
  /// NAME.svg or NAME.png; nil, with a note, when there is none.
  func draw(
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
        guard try format.isWhole(Data(contentsOf: partial)) else {
          throw NoPicture(reason: "gnuplot ended without an error, but the picture is not whole; is the disk full?")
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

  /// The panels' own drawings, and for the other panels the pages of gnuplot's ASCII terminal, separated by form feeds.
  func drawInCharacters(
    _ name: String, in directory: URL, _ drawings: [String?], with gnuplot: Gnuplot, notes: inout [String]
  ) throws -> String? {
    var pages: [String] = []
    let own = drawings.count { $0 != nil }
    if gnuplot.executable == nil, 0 < own, own < panels.count {
      notes.append(Gnuplot.absence("the script was written, but only panels that need no gnuplot are drawn"))
    } else if own < panels.count {
      let partial = directory.appendingPathComponent(".plot-\(UUID().uuidString).partial")
      defer { unlink(partial.path) }
      let problem = gnuplot.draw(name + ".gp", in: directory, format: .ascii, to: partial.lastPathComponent)
      if let problem { notes.append(problem) }
      if problem == nil {
        let text = (try? Data(contentsOf: partial)).map { String(decoding: $0, as: UTF8.self) } ?? ""
        pages = text.split(separator: "\u{0C}").map(Self.trimmed).filter { !$0.isEmpty }
        let due = drawings.count - own
        if pages.count != due {
          notes.append("gnuplot ended without an error, and drew \(pages.count) of \(due) panels")
        }
      }
    }

    var shown: [String] = []
    for drawing in drawings {
      if let drawing {
        shown.append(drawing)
      } else if !pages.isEmpty {
        shown.append(pages.removeFirst())
      }
    }
    guard !shown.isEmpty else { return nil }
    return ([plain(title)] + shown).filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
  }

  /// A page without the empty lines around it and the blanks at the ends of its lines.
  private static func trimmed(_ page: some StringProtocol) -> String {
    var lines = page.split(separator: "\n", omittingEmptySubsequences: false).map { line in
      String(line[..<(line.lastIndex { $0 != " " }.map { line.index(after: $0) } ?? line.startIndex)])
    }
    while lines.last?.isEmpty == true { lines.removeLast() }
    return lines.drop { $0.isEmpty }.joined(separator: "\n")
  }
}

/// Why there is no picture: a note, not a failure.
private struct NoPicture: Error {
  let reason: String
}

extension PlotFormat {
  /// Whether a file that gnuplot wrote is whole. The exit status does not tell: on a full disk gnuplot writes half a
  /// picture and ends with 0.
  func isWhole(_ picture: Data) -> Bool {
    switch self {
    case .svg:
      // When nothing is drawn, gnuplot closes an element that it has not opened.
      picture.starts(with: Data("<?xml".utf8)) && picture.range(of: Data("<svg".utf8)) != nil
        && picture.suffix(16).range(of: Data("</svg>".utf8)) != nil
    case .png:
      // The last chunk has no contents: its length, its name and its checksum.
      picture.starts(with: [0x89, 0x50, 0x4e, 0x47])
        && picture.suffix(12).elementsEqual([0, 0, 0, 0, 0x49, 0x45, 0x4e, 0x44, 0xae, 0x42, 0x60, 0x82])
    default: !picture.isEmpty
    }
  }
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
