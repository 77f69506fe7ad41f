// # What is wrong with a book
//
// Links that lead nowhere, two places of one name on a page, and numbers that somebody has typed.
//
// Read before: `Site.swift`.

import Foundation

/// The faults of the pages below a folder, each in a sentence: links to files or places that are not there, and names that
/// a page has twice. Links to other sites are not followed.
public func faults(ofPagesIn folder: URL) throws -> [String] {
  let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".html") }
  var places: [String: Set<String>] = [:]
  var faults: [String] = []
  var links: [(page: String, link: String)] = []
  for name in names.sorted() {
    let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    var ids: Set<String> = []
    for match in text.matches(of: #/\sid=['"]([^'"]+)['"]/#) where !ids.insert(String(match.1)).inserted {
      faults.append("\(name): two places are called \(match.1)")
    }
    places[name] = ids
    for match in text.matches(of: #/\s(?:href|src)="([^"]*)"/#) { links.append((name, String(match.1))) }
  }
  for (page, link) in links {
    if link.contains("://") || link.hasPrefix("mailto:") { continue }
    let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    let file = parts[0].isEmpty ? page : resolved(parts[0], on: page)
    guard FileManager.default.fileExists(atPath: folder.appending(path: file).path) else {
      faults.append("\(page): there is no \(link)")
      continue
    }
    if parts.count == 2, !parts[1].isEmpty, file.hasSuffix(".html"), places[file]?.contains(parts[1]) != true {
      faults.append("\(page): there is no place \(link)")
    }
  }
  return faults
}

/// A link of a page as a path from the book's folder.
private func resolved(_ link: String, on page: String) -> String {
  var parts = page.split(separator: "/").dropLast().map(String.init)
  for part in link.split(separator: "/") {
    if part == ".." { _ = parts.popLast() } else if part != "." { parts.append(String(part)) }
  }
  return parts.joined(separator: "/")
}

extension SourceFile {
  /// The numbers that stand in the prose of "What we saw", with their lines: what is seen, a run has to print. Exercises,
  /// the numbers of chapters and stages, and the 95 % of an interval are no results.
  public var typedNumbers: [(line: Int, text: String)] {
    var numbers: [(Int, String)] = []
    var isInside = false
    for part in parts where part.isStory {
      var isExempt = false
      for line in part.lines {
        let text = lines[line - 1].dropFirst(2).drop { $0 == " " }
        if text.hasPrefix("## ") { isInside = text.hasPrefix("## What we saw") }
        if text.isEmpty { isExempt = false }
        if text.hasPrefix("Exercises.") || text.hasPrefix("Next:") { isExempt = true }
        guard isInside, !isExempt else { continue }
        let bare = text.replacing(
          #/`[^`]*`|[Cc]hapters? \d\d(?:(?:,| and| to) \d\d)*|\d\d-[a-z][a-z-]*|\b95 %/#, with: "")
        for match in bare.matches(of: #/[0-9][0-9.,]*[0-9]/#) { numbers.append((line, String(match.0))) }
      }
    }
    return numbers.map { (line: $0.0, text: $0.1) }
  }
}
