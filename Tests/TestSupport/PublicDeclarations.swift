// # Public declarations, read from the sources
//
// Whoever calls a function of a module reads its documentation comment and not its body. So every public declaration
// has one, and we find those without one by reading the lines of the sources:
//
//     a line that begins with `public` or `open`, after attributes,
//     a case of a public enumeration, a requirement of a public protocol.
//
// It is described if the line above it begins with `///`, attributes on lines of their own aside.
// The formatter puts every declaration on a line of its own and indents members by two spaces, so
// that lines and their indentation are enough to read.
//
// Read before: `Repository.swift`.

import Foundation

/// A declaration that other modules can use.
public struct PublicDeclaration: Sendable, Equatable, CustomStringConvertible {
  /// The number of the line, from 1.
  public let line: Int
  /// The line itself, without indentation.
  public let text: String
  /// Whether it has a documentation comment.
  public let isDocumented: Bool

  /// "line 12: public let name: String".
  public var description: String { "line \(line): \(text)" }
}

/// The public declarations of a source file, in order.
public func publicDeclarations(in source: String) -> [PublicDeclaration] {
  let lines = source.split(separator: "\n", omittingEmptySubsequences: false).map(SourceLine.init)
  var found: [PublicDeclaration] = []
  // The public enumeration or protocol around a line, and its indentation.
  var owner: (isProtocol: Bool, indentation: Int)?
  for (index, line) in lines.enumerated() where !line.text.isEmpty && !line.isComment {
    if let open = owner, line.indentation <= open.indentation { owner = nil }
    let isMember = owner.map { line.indentation == $0.indentation + 2 && line.isMember(ofProtocol: $0.isProtocol) }
    if line.isPublic || isMember == true {
      let above = lines[..<index].last { !$0.isAttribute }
      found.append(
        PublicDeclaration(line: index + 1, text: line.text, isDocumented: above?.text.hasPrefix("///") == true))
    }
    if line.isPublic, line.text.hasSuffix("{"), let kind = line.text.firstMatch(of: /\b(enum|protocol) [A-Z]/) {
      owner = (kind.1 == "protocol", line.indentation)
    }
  }
  return found
}

/// A line of a source file.
private struct SourceLine {
  let text: String
  let indentation: Int

  init(_ line: Substring) {
    text = line.trimmingCharacters(in: .whitespaces)
    indentation = line.prefix { $0 == " " }.count
  }

  var isComment: Bool { text.hasPrefix("//") }

  /// Whether the line has attributes and nothing else.
  var isAttribute: Bool { text.wholeMatch(of: /(@\w+(\([^)]*\))?\s*)+/) != nil }

  /// An import is no declaration, and an extension belongs to its members.
  var isPublic: Bool {
    text.prefixMatch(of: /(@\w+(\([^)]*\))?\s+)*(public|open)\s+(?!import\b|extension\b)\S/) != nil
      && text.firstMatch(of: /^(open|public)\s*[=.(]/) == nil
  }

  func isMember(ofProtocol isProtocol: Bool) -> Bool {
    isProtocol
      ? text.prefixMatch(of: /(static |mutating )*(var|func|init|subscript|associatedtype)\b/) != nil
      : text.prefixMatch(of: /(indirect )?case\s/) != nil
  }
}
