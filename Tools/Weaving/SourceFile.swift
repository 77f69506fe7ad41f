// # A source file as a reader sees it
//
// A comment line that starts in column 0 with `//` belongs to the story, everything else is code. A file is therefore a
// sequence of parts. Of a chapter's main file we also know which statements are carried out, and where each ends: there,
// what it printed can stand.
//
// Read next: `ColouredCode.swift`, `ChapterPage.swift`.

import Foundation
import SwiftIDEUtils
import SwiftParser
import SwiftSyntax

/// A Swift file, cut into story and code.
public struct SourceFile {
  /// The path from the project's folder: "Sources/Layers/Linear.swift".
  public let path: String
  /// The lines, without their ends.
  public let lines: [String]
  /// Story and code in turn.
  public let parts: [Part]
  /// What stands at the top level, in order.
  let statements: [Statement]
  /// The pieces of each line, with their classes.
  let pieces: [[Piece]]

  /// Some lines that belong together.
  public struct Part {
    /// Whether it is prose.
    public let isStory: Bool
    /// The lines, from 1.
    public let lines: ClosedRange<Int>
  }

  /// A statement or a declaration of the top level.
  struct Statement {
    var lines: ClosedRange<Int>
    /// Whether it is carried out where it stands; a function or a type is not.
    var runs: Bool
    /// The function that it calls, if it is one call: "show", "chapter.section".
    var call: String?
  }

  /// Some characters of a line.
  struct Piece {
    var text: String
    var kind: SyntaxClassification
    /// In bytes of UTF-8, from 1, as the compiler counts them.
    var column: Int
  }

  /// Cuts a text.
  public init(path: String, text: String) {
    self.path = path
    let text = text.hasSuffix("\n") ? String(text.dropLast()) : text
    lines = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let tree = Parser.parse(source: text)
    let converter = SourceLocationConverter(fileName: path, tree: tree)
    pieces = SourceFile.pieces(of: tree, text: Array(text.utf8), lines: lines.count)
    statements = tree.statements.map { SourceFile.statement($0, converter) }
    let isStory = zip(lines, pieces).map { line, pieces in
      line.hasPrefix("//") && !line.hasPrefix("///") && pieces.first?.kind == .lineComment
    }
    parts = SourceFile.parts(lines, isStory)
  }

  private static func parts(_ lines: [String], _ isStory: [Bool]) -> [Part] {
    var parts: [Part] = []
    var first = 0
    while first < lines.count {
      if lines[first].allSatisfy(\.isWhitespace) {
        first += 1
        continue
      }
      // Story ends with its comment; code goes on over blank lines to the next story.
      var last = first
      for next in (first + 1)..<max(first + 1, lines.count) {
        if isStory[next] != isStory[first] && (isStory[first] || isStory[next]) { break }
        if !lines[next].allSatisfy(\.isWhitespace) { last = next }
      }
      parts.append(Part(isStory: isStory[first], lines: (first + 1)...(last + 1)))
      first = last + 1
    }
    return parts
  }

  private static func statement(
    _ item: CodeBlockItemSyntax, _ converter: SourceLocationConverter
  ) -> Statement {
    let first = converter.location(for: item.positionAfterSkippingLeadingTrivia).line
    let last = converter.location(for: item.endPositionBeforeTrailingTrivia).line
    var (runs, call): (Bool, String?) = (true, nil)
    switch item.item {
    case .decl(let declaration): runs = declaration.is(VariableDeclSyntax.self)
    case .expr(let expression):
      call = expression.as(FunctionCallExprSyntax.self)?.calledExpression.trimmedDescription
    case .stmt: break
    }
    return Statement(lines: first...last, runs: runs, call: call)
  }

  private static func pieces(of tree: SourceFileSyntax, text: [UInt8], lines: Int) -> [[Piece]] {
    var pieces: [[Piece]] = Array(repeating: [], count: lines)
    var (line, column, place) = (0, 1, 0)
    func add(_ bytes: ArraySlice<UInt8>, _ kind: SyntaxClassification) {
      var rest = bytes
      while !rest.isEmpty {
        let end = rest.firstIndex(of: UInt8(ascii: "\n")) ?? rest.endIndex
        if end > rest.startIndex {
          pieces[line].append(
            Piece(text: String(decoding: rest[..<end], as: UTF8.self), kind: kind, column: column))
          column += end - rest.startIndex
        }
        rest = rest[end...]
        if rest.first == UInt8(ascii: "\n") {
          rest = rest.dropFirst()
          (line, column) = (line + 1, 1)
        }
      }
    }
    for range in tree.classifications {
      let (start, end) = (range.range.lowerBound.utf8Offset, range.range.upperBound.utf8Offset)
      if start > place { add(text[place..<start], .none) }
      add(text[max(start, place)..<max(end, place)], range.kind)
      place = max(end, place)
    }
    if place < text.count { add(text[place...], .none) }
    return pieces
  }
}

extension SourceFile {
  /// The Markdown of a part of the story.
  public func story(_ part: Part) -> String {
    part.lines.map { line in
      let text = lines[line - 1].dropFirst(2)
      return String(text.hasPrefix(" ") ? text.dropFirst() : text)
    }.joined(separator: "\n")
  }

  /// The same without its first line, if that is a heading which begins with one of these marks.
  func story(_ part: Part, withoutHeading marks: String...) -> String {
    let text = story(part)
    guard marks.contains(where: text.hasPrefix) else { return text }
    return text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().joined(separator: "\n")
  }

  /// The title: that of the first line of the story, or the name of the file.
  public var title: String {
    let first = parts.first.map { $0.isStory ? story($0) : "" } ?? ""
    let line = first.split(separator: "\n").first ?? ""
    return line.hasPrefix("# ") ? String(line.dropFirst(2)) : String(path.split(separator: "/").last!)
  }
}
