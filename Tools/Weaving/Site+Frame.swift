// # What all pages share
//
// The head and the foot of a page, and the words for the search.
//
// Read before: `Site.swift`.

import Foundation

extension Site {
  func html(_ layout: Layout) -> String {
    func way(_ target: String) -> String { Address.link(from: layout.page, to: target) }
    let body = layout.parts.map { part in
      switch part {
      case .html(let html): html
      case .prose(let number):
        // Links first: a meaning that names a chapter is no place for one.
        notation(linker.linked(prose[number], on: layout.page, in: layout.path), of: layout)
      }
    }.joined(separator: "\n")
    let turning = [
      layout.previous.map { "<a rel=\"prev\" href=\"\(way($0.page))\">← \($0.title.escaped)</a>" } ?? "<span></span>",
      layout.next.map { "<a rel=\"next\" href=\"\(way($0.page))\">\($0.title.escaped) →</a>" } ?? "<span></span>",
    ].joined()
    return """
      <!DOCTYPE html>
      <html lang="en">
      <head>
      <meta charset="utf-8">
      <meta name="viewport" content="width=device-width, initial-scale=1">
      <title>\(layout.page == "index.html" ? "" : "\(layout.title.escaped) · ")MOHAWK in Swift</title>
      <link rel="stylesheet" href="\(way("book.css"))">
      </head>
      <body class="\(layout.kind)" data-root="\(way(""))">
      <a class="skip" href="#content">to the text</a>
      <header><nav aria-label="the book"><a href="\(way("index.html"))">MOHAWK in Swift</a>
      <a href="\(way("library/index.html"))">library</a>
      <a href="\(way("results.html"))">results</a>
      <a href="\(way("notation.html"))">notation</a>
      <label class="search">search <input type="search" autocomplete="off"></label></nav>
      <div class="found" hidden></div></header>
      <main id="content">
      \(body)
      </main>
      <footer><nav aria-label="chapters">\(turning)</nav></footer>
      <script src="\(way("search.js"))"></script>
      <script src="\(way("book.js"))"></script>
      <script src="\(way("explore.js"))"></script>
      </body>
      </html>

      """
  }

  /// The meanings of letters, except in documents, which do without.
  /// There headings get names instead, those that other sites give them, so that links can lead to them.
  func notation(_ html: String, of layout: Layout) -> String {
    guard layout.kind == "document" else { return notation.explained(html, in: layout.path) }
    var names: Set<String> = []
    return html.replacing(#/<h([2-4])>(.*?)<\/h[2-4]>/#) { match in
      let name = match.2.replacing(#/<[^>]*>/#, with: "").description.anchor
      return names.insert(name).inserted ? "<h\(match.1) id=\"\(name)\">\(match.2)</h\(match.1)>" : String(match.0)
    }
  }

  /// Titles, headings and names for the search, as a script: a page from a disk may read no other file.
  func search(_ layouts: [Layout]) -> String {
    struct Item: Encodable {
      var title: String
      var page: String
      /// The file that the page shows.
      var path: String
      /// The words of its prose; of the notation also single letters.
      var words: String
      /// What the page declares.
      var names: String
    }
    let declared = source.declarations.namesByPath
    let items = layouts.map { layout in
      let text = layout.parts.compactMap { part in
        if case .prose(let number) = part { prose[number] } else { nil }
      }.joined(separator: " ")
      let plain = text.replacing(#/<[^>]*>/#, with: " ").lowercased()
      let shortest = layout.path == "NOTATION.md" ? 1 : 3
      let words = Set(plain.split { !$0.isLetter && !$0.isNumber }.filter { $0.count >= shortest }.map(String.init))
      return Item(
        title: layout.title, page: layout.page, path: layout.path, words: words.sorted().joined(separator: " "),
        names: (declared[layout.path] ?? []).joined(separator: " ").lowercased())
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let json = (try? encoder.encode(items)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
    return "const searchItems = \(json);\n"
  }
}
