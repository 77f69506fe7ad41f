// # Prose on a page
//
// The story is Markdown, and pandoc makes HTML of it. Starting pandoc takes longer than its work, so that all prose of the
// book goes through it at once, with a line between one piece and the next.
//
// Then names are linked: a name in backquotes to its declaration, a file to its page, a chapter to its own.

import Foundation

/// Collects Markdown, and gives it back as HTML.
final class Prose {
  private var pieces: [String] = []
  private var html: [String] = []

  /// Takes a piece; returns its number.
  func add(_ markdown: String) -> Int {
    pieces.append(markdown)
    return pieces.count - 1
  }

  /// The HTML of a piece, once `convert` was called.
  subscript(number: Int) -> String { html[number] }

  private static let border = "piece-ends-here"

  /// Lets pandoc convert all that was added. Throws if it cannot be run.
  func convert() throws {
    let input = pieces.joined(separator: "\n\n\(Prose.border)\n\n") + "\n"
    let folder = FileManager.default.temporaryDirectory.appending(path: "weave-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let (source, target) = (folder.appending(path: "all.md"), folder.appending(path: "all.html"))
    try Data(input.utf8).write(to: source)
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [
      "pandoc", "--from", "commonmark+pipe_tables", "--to", "html5", "--wrap", "none", "--no-highlight", "--output",
      target.path, source.path,
    ]
    do { try process.run() } catch { throw WeavingError("pandoc cannot be started; run `make deps`") }
    process.waitUntilExit()
    guard process.terminationStatus == 0, let output = try? String(contentsOf: target, encoding: .utf8) else {
      throw WeavingError("pandoc ended with status \(process.terminationStatus); run `make deps`")
    }
    html = output.components(separatedBy: "<p>\(Prose.border)</p>").map {
      $0.trimmingCharacters(in: .whitespacesAndNewlines)
    }
    guard html.count == pieces.count else {
      throw WeavingError("pandoc gave \(html.count) pieces of prose for \(pieces.count)")
    }
  }
}

/// Links names in prose.
struct Linker {
  let declarations: Declarations
  /// The pages that exist.
  let pages: Set<String>
  /// Paths of sources by the ends by which prose calls them: the name alone, and with folders before it.
  let files: [String: String]
  /// The pages of the chapters by their numbers: "08".
  let chapters: [String: String]
  /// The names of the folders of Sources: modules, their parts, and commands.
  let modules: Set<String>
  /// The pages of documents by their paths.
  let documents: [String: String]

  init(declarations: Declarations, paths: [String], pages: Set<String>, documents: [String: String]) {
    (self.declarations, self.pages, self.documents) = (declarations, pages, documents)
    modules = Set(
      paths.filter { $0.hasPrefix("Sources/") }.flatMap { $0.split(separator: "/").dropFirst().dropLast() }
    )
    .reduce(into: []) { $0.insert(String($1)) }
    var ends: [String: [String]] = [:]
    for path in paths {
      let parts = path.split(separator: "/")
      for count in 1...parts.count { ends[parts.suffix(count).joined(separator: "/"), default: []].append(path) }
    }
    files = ends.compactMapValues { $0.count == 1 ? $0[0] : nil }
    let mains = paths.filter { $0.hasSuffix("/main.swift") && $0.hasPrefix("chapters/") }
    chapters = Dictionary(
      uniqueKeysWithValues: mains.map { (String($0.split(separator: "/")[1].prefix(2)), Address.page(of: $0)) })
  }

  /// The prose with links, for a page.
  ///
  /// - Parameter path: the source in which it stands; a file of its own folder is meant first
  func linked(_ html: String, on page: String, in path: String) -> String {
    let turned = html.replacing(#/<a\s+href="([^"]+)">(.*?)<\/a>/#) { match in
      let link = String(match.1)
      if link.contains("://") || link.hasPrefix("#") || link.hasPrefix("mailto:") { return String(match.0) }
      // A file that has no page is named and not linked.
      guard let target = pageOfFile(link, from: path) else { return String(match.2) }
      let place = link.split(separator: "#", maxSplits: 1).dropFirst().first.map { "#\($0)" } ?? ""
      return
        #"<a href="\#(Address.link(from: page, to: target))\#(target.hasSuffix(".html") ? place : "")">\#(match.2)</a>"#
    }
    let coded = turned.replacing(#/<code>([^<]+)</code>/#) { match in
      let text = String(match.1)
      if let target = documents[text], target != page {
        return #"<a href="\#(Address.link(from: page, to: target))">\#(match.0)</a>"#
      }
      guard let target = target(of: text, in: path), target.page != page || target.anchor != nil else {
        return String(match.0)
      }
      let link = (target.page == page ? "" : Address.link(from: page, to: target.page)) + (target.anchor ?? "")
      return #"<a href="\#(link)">\#(match.0)</a>"#
    }
    return coded.replacing(#/\b([Cc]hapters?) (\d\d)\b(?![^<]*<\/(?:code|a)>)/#) { match in
      guard let target = chapters[String(match.2)], target != page else { return String(match.0) }
      return #"<a href="\#(Address.link(from: page, to: target))">\#(match.0)</a>"#
    }
  }

  /// The page of the file to which a document links.
  private func pageOfFile(_ link: String, from path: String) -> String? {
    var parts = path.split(separator: "/").dropLast().map(String.init)
    for part in link.split(separator: "#")[0].split(separator: "/") {
      if part == ".." { _ = parts.popLast() } else { parts.append(String(part)) }
    }
    let file = parts.joined(separator: "/")
    if let page = documents[file] { return page }
    let page = Address.page(of: file)
    return file.hasSuffix(".swift") && pages.contains(page) ? page : nil
  }

  private func target(of text: String, in path: String) -> (page: String, anchor: String?)? {
    let plain = text.replacing("&gt;", with: ">").replacing("&lt;", with: "<").replacing("&amp;", with: "&")
    let folder = path.split(separator: "/").dropLast().joined(separator: "/")
    let places = ["\(folder)/\(plain)", "Sources/\(plain)"]
    if plain.hasSuffix(".swift"), let file = places.compactMap({ files[$0] }).first ?? files[plain] {
      let page = Address.page(of: file)
      return pages.contains(page)
        ? (page, file.hasPrefix("chapters/") && !file.hasSuffix("main.swift") ? "#" + file.fileName.anchor : nil)
        : nil
    }
    if plain.hasPrefix("chapters/"), let page = chapters[String(plain.dropFirst(9).prefix(2))] { return (page, nil) }
    // Modules and commands have the names of declarations too.
    guard !modules.contains(plain), plain.wholeMatch(of: #/[A-Za-z_][A-Za-z0-9_.]*(\([a-zA-Z_:]*\))?/#) != nil,
      let place = declarations.declaration(ofWord: plain)
    else { return nil }
    let page = Address.page(of: place.path)
    return pages.contains(page) ? (page, "#" + Address.anchor(of: place.line, in: place.path)) : nil
  }
}

extension String {
  /// The last part of a path.
  var fileName: String { split(separator: "/").last.map(String.init) ?? self }
}
