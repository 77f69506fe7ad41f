// # A source and its syntax
//
// What swift-syntax gives for a file, with places counted in bytes of UTF-8, and the lines that a
// report shows.
//
// Read next: `Functions.swift`.

import SwiftParser
import SwiftSyntax

/// A file of the package and its syntax tree.
public struct Source {
  /// From the root of the package: "Sources/Tensors/Loops/Softmax.swift".
  public let path: String
  let bytes: [UInt8]
  let tree: SourceFileSyntax
  private let lineStarts: [Int]

  public init(path: String, text: String) {
    self.path = path
    let bytes = Array(text.utf8)
    self.bytes = bytes
    tree = Parser.parse(source: text)
    lineStarts = [0] + bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }.map { $0 + 1 }
  }

  /// The path without the folder that all have in common.
  public var name: String { path.split(separator: "/").dropFirst().joined(separator: "/") }

  /// The module that the file belongs to.
  public var module: String { String(path.split(separator: "/")[1]) }

  /// The folder of the file.
  var folder: Substring { path[..<(path.lastIndex(of: "/") ?? path.startIndex)] }

  /// Whether the file is one of the slow twins, which no pullback calls.
  var isTwin: Bool { path.contains("/Naive/") }

  public var text: String { String(decoding: bytes, as: UTF8.self) }

  func string(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }

  /// The number of the line that holds a place, from 0.
  func line(of place: Int) -> Int {
    var (low, high) = (0, lineStarts.count)
    while low < high {
      let middle = (low + high) / 2
      if lineStarts[middle] > place { high = middle } else { low = middle + 1 }
    }
    return low - 1
  }

  /// The places of a line, without its end.
  func range(ofLine line: Int) -> Range<Int> {
    lineStarts[line]..<(line + 1 < lineStarts.count ? lineStarts[line + 1] - 1 : bytes.count)
  }
}

extension SyntaxProtocol {
  /// The bytes of this node, without the spaces and comments around it.
  var place: Range<Int> {
    positionAfterSkippingLeadingTrivia.utf8Offset..<endPositionBeforeTrailingTrivia.utf8Offset
  }
}

extension String {
  /// Without the spaces on both sides.
  public var trimmed: String {
    String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
  }
}
