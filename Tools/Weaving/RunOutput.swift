// # What a run printed, on a page
//
// Read before: `Notebook/Entry.swift`, `Notebook/RunRecord.swift`. Read next: `ChapterPage.swift`.

import Foundation
import Notebook

/// Makes entries of a run readable on a page.
struct RunOutput {
  /// The folder with the run's figures.
  let folder: URL
  /// The page for which it is made; figures are named by it.
  let page: String

  /// Some entries in a row; values, checks and times that follow one another form a block.
  func html(_ entries: [Entry]) -> String {
    var blocks: [String] = []
    var short: [String] = []
    func close() {
      if !short.isEmpty { blocks.append(#"<ul class="values">\#(short.joined())</ul>"#) }
      short = []
    }
    for entry in entries {
      if let item = item(entry) {
        short.append(item)
      } else {
        close()
        blocks.append(block(entry))
      }
    }
    close()
    return blocks.isEmpty ? "" : #"<div class="output">\#(blocks.joined())</div>"#
  }

  private func item(_ entry: Entry) -> String? {
    switch entry {
    case .value(let label, let text):
      return #"<li class="value"><span>\#(label.escaped)</span> <b>\#(text.escaped)</b></li>"#
    case .verdict(let verdict):
      let (mark, word, kind) =
        switch (verdict.kind, verdict.holds) {
        case (.check, true): ("✓", "check passed", "passed")
        case (.check, false): ("✗", "check failed", "failed")
        case (.observation, true): ("·", "so here", "holds")
        case (.observation, false): ("·", "not so here", "fails")
        }
      let note = verdict.kind == .observation ? " <em>\(word)</em>" : ""
      let evidence = verdict.evidence.isEmpty ? "" : ": <b>\(verdict.evidence.escaped)</b>"
      return
        #"<li class="verdict \#(kind)"><span class="mark" role="img" aria-label="\#(word)">\#(mark)</span> \#(verdict.claim.escaped)\#(evidence)\#(note)</li>"#
    case .volatile(let text):
      let lines = text.split(separator: "\n")
      // Several lines are a table of times, in columns of spaces.
      let inside = lines.count == 1 ? text.escaped : "<pre>\(text.escaped)</pre>"
      return #"<li class="volatile" title="differs from run to run">\#(inside)</li>"#
    default: return nil
    }
  }

  private func block(_ entry: Entry) -> String {
    switch entry {
    case .finding(let text, let isVolatile):
      return #"<p class="finding\#(isVolatile ? " volatile" : "")">\#(text.escaped)</p>"#
    case .prose(let text):
      return text.components(separatedBy: "\n\n").map { "<p>\($0.escaped)</p>" }.joined()
    case .heading(let text): return "<h3>\(text.escaped)</h3>"
    case .table(let table): return html(table)
    case .sample(let title, let text):
      return
        #"<figure class="sample"><figcaption>\#(title.escaped)</figcaption><blockquote>\#(text.escaped.replacing("\n", with: "<br>"))</blockquote></figure>"#
    case .figure(let title, let files): return figure(title, files)
    case .exploration(let exploration): return html(exploration)
    case .title, .value, .verdict, .volatile: return ""
    }
  }

  /// The numbers for the script of the page, which shows nothing without it.
  private func html(_ exploration: Exploration) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    let json = (try? encoder.encode(exploration)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    return
      #"<div class="explore"><script type="application/json">\#(json.replacing("<", with: "\\u003c"))</script></div>"#
  }

  private func html(_ table: Table) -> String {
    func row(_ cells: [String], _ tag: String) -> String {
      "<tr>"
        + zip(cells, table.isNumeric).map { cell, isNumeric in
          "<\(tag)\(tag == "th" ? " scope=\"col\"" : "")\(isNumeric ? " class=\"number\"" : "")>\(cell.escaped)</\(tag)>"
        }.joined() + "</tr>"
    }
    return
      #"<div class="table" tabindex="0" role="region" aria-label="table"><table><thead>\#(row(table.columns, "th"))</thead><tbody>"#
      + table.rows.map { row($0, "td") }.joined() + "</tbody></table></div>"
  }

  private func figure(_ title: String, _ files: FigureFiles) -> String {
    let stem = files.script.replacing(".gp", with: "")
    let script = Address.link(from: page, to: "figures/\(page.fileName.replacing(".html", with: ""))-\(files.script)")
    let caption =
      #"<figcaption>\#(title.escaped) <a class="script" href="\#(script)" download>\#(files.script)</a></figcaption>"#
    guard let picture = files.picture, picture.hasSuffix(".svg"),
      let svg = try? String(contentsOf: folder.appending(path: picture), encoding: .utf8)
    else {
      return
        #"<figure><pre>\#((files.drawing ?? files.note ?? "no picture was drawn").escaped)</pre>\#(caption)</figure>"#
    }
    return #"<figure class="picture">\#(inline(svg, as: stem, title: title))\#(caption)</figure>"#
  }

  /// A picture inside the page: its names get a beginning of their own, as several pictures of gnuplot have the same.
  private func inline(_ svg: String, as stem: String, title: String) -> String {
    guard let start = svg.range(of: "<svg") else { return "" }
    var text = String(svg[start.lowerBound...])
    text = text.replacing(#/\b(id|href|xlink:href)=(['"])(#?)([A-Za-z_][^'"]*)['"]/#) { match in
      match.1 != "id" && match.3.isEmpty
        ? String(match.0) : "\(match.1)=\(match.2)\(match.3)\(stem)-\(match.4)\(match.2)"
    }
    text = text.replacing(#/url\(#([^)]+)\)/#) { "url(#\(stem)-\($0.1))" }
    // The page gives it its width; the picture keeps its shape by its own viewBox.
    text = text.replacing(#/<svg([^>]*?)\s+width="[^"]*"\s+height="[^"]*"/#) { "<svg\($0.1)" }
    text = text.replacing(#/<title>[^<]*<\/title>/#) { _ in "" }
    return text.replacing("<svg", with: #"<svg role="img" aria-label="\#(title.escaped)""#, maxReplacements: 1)
  }
}
