// # What is wrong with a book
//
// Links that lead nowhere, two places of one name on a page, what a reader who does not see the page would miss, and
// numbers that somebody has typed.
//
// Read before: `Site.swift`.

import Foundation

/// The faults of the pages below a folder, each in a sentence: links to files or places that are not there, names that
/// a page has twice, headings that skip a level, pictures and controls without a name. Links to other sites are not
/// followed.
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
    faults += obstacles(in: text).map { "\(name): \($0)" }
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

/// What would be in the way of a reader who hears a page: no language, headings that skip a level, or pictures, tables and
/// controls without a name.
package func obstacles(in html: String) -> [String] {
  var found: [String] = []
  if html.firstMatch(of: #/<html lang="[a-z]+">/#) == nil { found.append("the language is not named") }
  var last = 0
  var titles = 0
  for match in html.matches(of: #/<h([1-6])[ >](.*?)<\/h[1-6]>/#.dotMatchesNewlines()) {
    let level = Int(match.1)!
    if level == 1 { titles += 1 }
    if level > last + 1 {
      found.append("a heading of level \(level) follows one of level \(last): \(match.2.prefix(40))")
    }
    last = level
  }
  if titles != 1 { found.append("\(titles) headings of the first level") }
  for match in html.matches(of: #/<(img|svg)\b[^>]*>/#) {
    let name = match.1 == "img" ? #/\balt="[^"]+"/# : #/\baria-label="[^"]+"/#
    if match.0.firstMatch(of: name) == nil { found.append("a picture has no words: \(match.0.prefix(60))") }
  }
  let unnamed = html.matches(of: #/<(?:input|select|textarea)\b[^>]*>/#).filter { control in
    html[..<control.range.lowerBound].range(of: "<label", options: .backwards).map {
      html[$0.lowerBound..<control.range.lowerBound].contains("</label>")
    } ?? true
  }
  found += unnamed.map { "a control has no label: \($0.0)" }
  return found
}

/// The contrast of two colours by WCAG 2, 1 … 21; each as six digits: "fdfcf9".
package func contrast(_ a: String, _ b: String) -> Double {
  func luminance(_ colour: String) -> Double {
    let value = Int(colour, radix: 16) ?? 0
    let parts = [value >> 16 & 255, value >> 8 & 255, value & 255].map { part in
      let x = Double(part) / 255
      return x <= 0.04045 ? x / 12.92 : pow((x + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
  }
  let (light, dark) = (max(luminance(a), luminance(b)), min(luminance(a), luminance(b)))
  return (light + 0.05) / (dark + 0.05)
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
