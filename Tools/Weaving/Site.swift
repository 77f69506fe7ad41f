// # The book
//
// Three kinds of pages: chapters, woven from source and run; files of the library, each with its story beside its code;
// and documents in Markdown. All of it is text, with one style sheet and one script, and opens from a disk.
//
// Read before: `ChapterPage.swift`, `Prose.swift`. Read next: `Site+Chapters.swift`, `Site+Library.swift`,
// `Site+Frame.swift`.

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
  func isNewer(_ path: String, than file: URL) -> Bool {
    func date(_ url: URL) -> Date? {
      (try? FileManager.default.attributesOfItem(atPath: url.path))?[.modificationDate] as? Date
    }
    guard let changed = date(root.appending(path: path)), let written = date(file) else { return false }
    return changed > written
  }
}

/// The pages of the book, and how they hang together.
public struct Site {
  let source: BookSource
  let chapters: [Chapter]
  let library: [SourceFile]
  let pages: Set<String>
  let code: ColouredCode
  let linker: Linker
  let notation: Notation
  let prose = Prose()

  /// A chapter's files, and its run.
  struct Chapter {
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

  static func swiftFiles(in root: URL, _ folders: [String]) throws -> [String] {
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
  func copyPictures(of layouts: [Layout], to folder: URL) throws {
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

  func copyFigures(to folder: URL) throws {
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
  struct Layout {
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
