// # The book
//
// Three kinds of pages: chapters, woven from source and run; files of the library, each with its story beside its code;
// and documents in Markdown. All of it is text, with one style sheet and one script, and opens from a disk.
//
// Read before: `ChapterPage.swift`, `Prose.swift`.

import Foundation
import Notebook

/// Everything that the book is made from.
public struct BookSource {
  /// The project's folder.
  public var root: URL
  /// The folder with the runs of the chapters: out/NN-name/run.json.
  public var runs: URL
  /// Who declares what.
  public var declarations: Declarations
  /// Markdown files of the project, each with its page in the book and the page's title.
  public var documents: [(file: String, page: String, title: String)]

  public init(
    root: URL, runs: URL, declarations: Declarations, documents: [(file: String, page: String, title: String)]
  ) {
    (self.root, self.runs, self.declarations, self.documents) = (root, runs, declarations, documents)
  }
}

extension BookSource {
  /// Whether a file of the project has been changed after another was written; false if one is not there.
  fileprivate func isNewer(_ path: String, than file: URL) -> Bool {
    func date(_ url: URL) -> Date? {
      (try? FileManager.default.attributesOfItem(atPath: url.path))?[.modificationDate] as? Date
    }
    guard let changed = date(root.appending(path: path)), let written = date(file) else { return false }
    return changed > written
  }
}

/// The pages of the book, and how they hang together.
public struct Site {
  private let source: BookSource
  private let chapters: [Chapter]
  private let library: [SourceFile]
  private let pages: Set<String>
  private let code: ColouredCode
  private let linker: Linker
  private let notation: Notation
  private let prose = Prose()

  /// A chapter's files, and its run.
  private struct Chapter {
    let name: String
    let main: SourceFile
    let beside: [SourceFile]
    let record: RunRecord
    var page: String { "chapters/\(name).html" }
    var number: Substring { name.prefix(2) }
    /// The question, unless the title says it.
    var question: String? { record.question.hasPrefix(title) ? nil : record.question }
    /// "Attention", of "01  Attention".
    var title: String { main.title.drop { $0.isNumber || $0 == " " }.description }
  }

  /// Reads sources and runs. Throws a sentence if one is missing.
  public init(_ source: BookSource) throws {
    self.source = source
    let files = try Site.swiftFiles(in: source.root, ["Sources", "chapters"]).map { path in
      SourceFile(path: path, text: try String(contentsOf: source.root.appending(path: path), encoding: .utf8))
    }
    let names = Set(files.filter { $0.path.hasPrefix("chapters/") }.map { String($0.path.split(separator: "/")[1]) })
    chapters = try names.sorted().map { name in
      let own = files.filter { $0.path.hasPrefix("chapters/\(name)/") }
      guard let main = own.first(where: { $0.path.hasSuffix("/main.swift") }) else {
        throw WeavingError("chapters/\(name) has no main.swift")
      }
      let file = source.runs.appending(path: name).appending(path: "run.json")
      if let late = own.first(where: { source.isNewer($0.path, than: file) }) {
        throw WeavingError(
          "\(late.path) has been changed since the run in \(file.relativePath); run the chapter again")
      }
      guard let data = try? Data(contentsOf: file) else {
        throw WeavingError("\(file.relativePath): chapter \(name) has not been run; run `make chapters` first")
      }
      let record: RunRecord
      do { record = try JSONDecoder().decode(RunRecord.self, from: data) } catch {
        throw WeavingError("\(file.relativePath) is no record of a run; run the chapter again")
      }
      return Chapter(name: name, main: main, beside: own.filter { $0.path != main.path }, record: record)
    }
    library = files.filter { $0.path.hasPrefix("Sources/") }
    pages = Set(chapters.map(\.page) + library.map { Address.page(of: $0.path) } + source.documents.map(\.page))
    notation = try Notation(String(contentsOf: source.root.appending(path: "NOTATION.md"), encoding: .utf8))
    code = ColouredCode(declarations: source.declarations, pages: pages, notation: notation)
    linker = Linker(
      declarations: source.declarations, paths: files.map(\.path), pages: pages,
      documents: Dictionary(uniqueKeysWithValues: source.documents.map { ($0.file, $0.page) }))
  }

  private static func swiftFiles(in root: URL, _ folders: [String]) throws -> [String] {
    try folders.flatMap { folder in
      let all = try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
      return all.filter { $0.hasSuffix(".swift") }.sorted().map { "\(folder)/\($0)" }
    }
  }
}

// ## All pages

extension Site {
  /// Writes the book into a folder, which is replaced.
  ///
  /// - Parameter assets: the folder with the style sheet and the script
  public func write(to folder: URL, assets: URL) throws {
    // Prose is collected while the pages are laid out, and filled in when all of it has been converted.
    let layouts =
      try chapters.map(layout) + library.map(layout) + source.documents.map(layout) + [contents(), shelf()]
    try prose.convert()
    try? FileManager.default.removeItem(at: folder)
    for layout in layouts {
      let file = folder.appending(path: layout.page)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(html(layout).utf8).write(to: file)
    }
    for name in ["book.css", "book.js", "explore.js"] {
      try FileManager.default.copyItem(at: assets.appending(path: name), to: folder.appending(path: name))
    }
    try Data(search(layouts).utf8).write(to: folder.appending(path: "search.js"))
    try copyFigures(to: folder.appending(path: "figures"))
    try copyPictures(of: layouts, to: folder)
  }

  /// The pictures of documents, at the same places below the book as below the project.
  private func copyPictures(of layouts: [Layout], to folder: URL) throws {
    for layout in layouts where ["document", "contents"].contains(layout.kind) {
      for case .prose(let number) in layout.parts {
        for match in prose[number].matches(of: #/<img\s+src="([^":]+)"/#) {
          let target = folder.appending(path: String(match.1))
          try FileManager.default.createDirectory(
            at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
          guard !FileManager.default.fileExists(atPath: target.path) else { continue }
          try FileManager.default.copyItem(at: source.root.appending(path: String(match.1)), to: target)
        }
      }
    }
  }

  private func copyFigures(to folder: URL) throws {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    for chapter in chapters {
      for line in chapter.record.lines {
        guard case .figure(_, let files) = line.entry else { continue }
        let script = source.runs.appending(path: chapter.name).appending(path: files.script)
        let target = folder.appending(path: "\(chapter.name)-\(files.script)")
        try? FileManager.default.removeItem(at: target)
        try FileManager.default.copyItem(at: script, to: target)
      }
    }
  }

  /// A page before its prose is there.
  private struct Layout {
    var page: String
    var title: String
    var path: String
    var kind: String
    var parts: [Part] = []
    var previous: (page: String, title: String)?
    var next: (page: String, title: String)?

    enum Part {
      case html(String)
      case prose(Int)
    }

    mutating func add(_ html: String) { parts.append(.html(html)) }
  }
}

// ## A chapter

extension Site {
  private func layout(_ chapter: Chapter) throws -> Layout {
    var layout = Layout(
      page: chapter.page, title: "\(chapter.number) \(chapter.title)", path: chapter.main.path, kind: "chapter")
    let index = chapters.firstIndex { $0.name == chapter.name }!
    if index > 0 { layout.previous = (chapters[index - 1].page, chapters[index - 1].title) }
    if index + 1 < chapters.count { layout.next = (chapters[index + 1].page, chapters[index + 1].title) }
    layout.add("<h1><small>\(chapter.number)</small> \(chapter.title.escaped)</h1>")
    if let question = chapter.question { layout.add("<p class=\"question\">\(question.escaped)</p>") }
    layout.add(run(chapter.record))
    let place = layout.parts.count
    var sections: [(title: String, anchor: String)] = []
    let output = RunOutput(folder: source.runs.appending(path: chapter.name), page: chapter.page)
    let blocks = Weave(main: chapter.main, record: chapter.record).blocks()
    var followsHeading = false
    var anchors: Set<String> = []
    func head(_ title: String, _ level: Int) {
      var anchor = title.anchor
      while !anchors.insert(anchor).inserted { anchor += "-again" }
      if level == 2 { sections.append((title, anchor)) }
      layout.add("<h\(level) id=\"\(anchor)\">\(title.escaped)</h\(level)>")
    }
    for block in blocks {
      switch block {
      case .heading(let title, let level):
        head(title, level)
        followsHeading = true
      case .story(let part):
        // The title of the page stands there, and that of a section if the run has printed it.
        if !followsHeading, let title = chapter.main.story(part).firstMatch(of: #/^## ([^\n]+)/#)?.1 {
          head(String(title), 2)
        }
        layout.parts.append(.prose(prose.add(chapter.main.story(part, withoutHeading: "# ", "## "))))
        followsHeading = false
      case .code(let lines, let fold):
        let html = code.html(chapter.main, lines, on: chapter.page)
        let summary: String? =
          switch fold {
          case .open: nil
          case .imports: "what it imports"
          case .sentences: "the code of this"
          }
        layout.add(summary.map { "<details class=\"source\"><summary>\($0)</summary>\(html)</details>" } ?? html)
        followsHeading = false
      case .output(let entries):
        layout.add(output.html(entries))
      case .answers(let printed):
        add(answersOf: chapter, printed, output, to: &layout)
      }
    }
    let list = sections.map { "<li><a href=\"#\($0.anchor)\">\($0.title.escaped)</a></li>" }.joined()
    layout.parts.insert(
      .html(
        "<details class=\"sections\"><summary>the sections of this page</summary><nav aria-label=\"sections\"><ol>\(list)</ol></nav></details>"
      ), at: place)
    for file in chapter.beside where file.path.fileName != Site.answers {
      layout.add("<section class=\"beside\"><h2 id=\"\(file.path.fileName.anchor)\">\(file.title.escaped)</h2>")
      layout.add("<p class=\"file\">\(file.path.escaped)</p>")
      add(file, to: &layout)
      layout.add("</section>")
    }
    return layout
  }

  /// The file with the answers to a chapter's exercises.
  private static let answers = "Answers.swift"

  /// The answers to the exercises, which fold out: of each its story, its code, and what it printed.
  private func add(
    answersOf chapter: Chapter, _ printed: [Int: [Entry]], _ output: RunOutput, to layout: inout Layout
  ) {
    guard let file = chapter.beside.first(where: { $0.path.fileName == Site.answers }) else { return }
    layout.add("<div class=\"answers\" id=\"\(Site.answers.anchor)\">")
    var number = 0
    for (story, code) in zip(file.parts, file.parts.dropFirst()) where story.isStory && !code.isStory {
      let heading = file.story(story).prefix { $0 != "\n" }
      guard heading.hasPrefix("## ") else { continue }
      number += 1
      layout.add(
        "<details class=\"answer\"><summary>Answer \(heading.dropFirst(3).description.escaped)</summary>")
      layout.parts.append(.prose(prose.add(file.story(story, withoutHeading: "## "))))
      layout.add(self.code.html(file, code.lines, on: layout.page))
      layout.add(
        printed[number].map(output.html)
          ?? "<p class=\"pale\">Run the chapter with --answers to see what it prints.</p>")
      layout.add("</details>")
    }
    layout.add("</div>")
  }

  /// The run that the page shows.
  private func run(_ record: RunRecord) -> String {
    let fullRuns =
      source.documents.first { $0.file == "RESULTS.md" }.map {
        "What full runs gave is on the page <a href=\"../\($0.page)\">\($0.title.escaped)</a>."
      } ?? ""
    let size =
      record.isQuick ? "the quick version, with sizes that show that all works and little more" : "the full version"
    let time = duration(seconds: record.seconds)
    return """
      <aside class="run" aria-label="the run on this page"><p>Printed by <code>\(record.command.escaped)</code>, \(size),
      seed \(record.seed), numbers \(record.numbers), on \(record.date) in \(time.escaped) on \
      \(record.machine.cores) cores of \(record.machine.processor.escaped), \(record.machine.system.escaped).
      A line with ✓ is a check, which has to hold; one with · says whether something is so in this run. What is grey with
      a dotted line differs from run to run.\(record.isQuick ? " \(fullRuns)" : "")</p></aside>
      """
  }
}

// ## A file of the library

extension Site {
  private func layout(_ file: SourceFile) -> Layout {
    var layout = Layout(page: Address.page(of: file.path), title: file.title, path: file.path, kind: "library")
    let module = String(file.path.split(separator: "/")[1])
    let shelf = Address.link(from: layout.page, to: "library/index.html")
    layout.add("<h1>\(file.title.escaped)</h1>")
    layout.add(
      "<p class=\"file\"><a href=\"\(shelf)#\(module.anchor)\">\(module)</a> · \(file.path.escaped)</p>")
    let twins = source.declarations.twins(ofKernelsIn: file.path)
    if !twins.isEmpty {
      let links = twins.map { name, place in
        let page = Address.link(from: layout.page, to: Address.page(of: place.path))
        return
          "<a href=\"\(page)#\(Address.anchor(of: place.line, in: place.path))\"><code>\(name.escaped)</code></a>"
      }
      let isNaive = file.path.hasPrefix("Sources/Tensors/Naive/")
      layout.add(
        "<p class=\"twins\">\(isNaive ? "The fast versions" : "The slow twins, in plain loops"): \(links.joined(separator: ", "))</p>"
      )
    }
    add(file, to: &layout)
    return layout
  }

  /// Story and code of a file, side by side where there is room.
  private func add(_ file: SourceFile, to layout: inout Layout) {
    var isOpen = false
    for part in file.parts {
      if part.isStory {
        layout.add(isOpen ? "</div><div class=\"pair\">" : "<div class=\"pair\">")
        isOpen = true
        layout.add("<div class=\"story\">")
        layout.parts.append(.prose(prose.add(file.story(part, withoutHeading: "# "))))
        layout.add("</div>")
      } else {
        if !isOpen { layout.add("<div class=\"pair\"><div class=\"story\"></div>") }
        isOpen = true
        layout.add(code.html(file, part.lines, on: layout.page))
      }
    }
    if isOpen { layout.add("</div>") }
  }
}

// ## Documents, and what stands where

extension Site {
  private func layout(_ document: (file: String, page: String, title: String)) throws -> Layout {
    let text = try String(contentsOf: source.root.appending(path: document.file), encoding: .utf8)
    var layout = Layout(page: document.page, title: document.title, path: document.file, kind: "document")
    layout.parts.append(.prose(prose.add(text)))
    return layout
  }

  /// The first page: README.md, in which the list of chapters takes the place of its table.
  private func contents() throws -> Layout {
    var layout = Layout(page: "index.html", title: "MOHAWK in Swift", path: "README.md", kind: "contents")
    let readme = try String(contentsOf: source.root.appending(path: "README.md"), encoding: .utf8)
    let (start, end) = ("<!-- the chapters -->", "<!-- end of the chapters -->")
    guard let table = readme.range(of: start), let rest = readme[table.upperBound...].range(of: end) else {
      throw WeavingError("README.md has no \(start) … \(end), where the list of chapters goes")
    }
    layout.parts.append(.prose(prose.add(String(readme[..<table.lowerBound]))))
    layout.add("<ol class=\"contents\">")
    for chapter in chapters {
      layout.add(
        "<li><a href=\"\(chapter.page)\"><b>\(chapter.number)</b> \(chapter.title.escaped)</a>"
          + (chapter.question.map { "<span>\($0.escaped)</span>" } ?? "") + "</li>")
    }
    layout.add("</ol><p>And <a href=\"library/index.html\">the library, file by file</a>.</p>")
    layout.parts.append(.prose(prose.add(String(readme[rest.upperBound...]))))
    return layout
  }

  private func shelf() -> Layout {
    var layout = Layout(page: "library/index.html", title: "The library", path: "Sources", kind: "contents")
    layout.add("<h1>The library</h1>")
    layout.add(
      """
      <p>Each file is a page, its story beside its code. The reference of all public declarations, with their shapes, units \
      and errors, is made by <code>make api</code> in <code>out/api</code>; a browser reads it through a server: \
      <code>python3 -m http.server --directory out/api</code>, then \
      <a href="http://localhost:8000/documentation/">localhost:8000/documentation</a>.</p>
      """)
    let modules = Dictionary(grouping: library) { String($0.path.split(separator: "/")[1]) }
    for (module, files) in modules.sorted(by: { $0.key < $1.key }) {
      layout.add("<h2 id=\"\(module.anchor)\">\(module)</h2>")
      let folders = Dictionary(grouping: files) {
        $0.path.split(separator: "/").dropFirst(2).dropLast().joined(separator: "/")
      }
      for (folder, files) in folders.sorted(by: { $0.key < $1.key }) {
        layout.add("\(folder.isEmpty ? "" : "<h3>\(folder)</h3>")<ul class=\"shelf\">")
        for file in files {
          let link = Address.link(from: layout.page, to: Address.page(of: file.path))
          layout.add("<li><a href=\"\(link)\">\(file.title.escaped)</a> <code>\(file.path.fileName)</code></li>")
        }
        layout.add("</ul>")
      }
    }
    return layout
  }
}

// ## A page

extension Site {
  private func html(_ layout: Layout) -> String {
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
  private func notation(_ html: String, of layout: Layout) -> String {
    layout.kind == "document" ? html : notation.explained(html, in: layout.path)
  }

  /// Titles, headings and names for the search, as a script: a page from a disk may read no other file.
  private func search(_ layouts: [Layout]) -> String {
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
