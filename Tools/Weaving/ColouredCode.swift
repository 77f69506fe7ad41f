// # Code on a page
//
// Each line is an element with a name, so that links can lead to it; each name that the compiler knows leads to its
// declaration.
//
// Read before: `SourceFile.swift`, `Declarations.swift`, `Notation.swift`. Read next: `ChapterPage.swift`.

import SwiftIDEUtils

/// Makes code of files readable on a page.
struct ColouredCode {
  let declarations: Declarations
  /// The pages that exist; nothing leads elsewhere.
  let pages: Set<String>
  /// What letters mean.
  let notation: Notation

  /// Some lines of a file as HTML.
  func html(_ file: SourceFile, _ lines: ClosedRange<Int>, on page: String) -> String {
    let body = lines.map { line in
      let pieces = file.pieces[line - 1].map { html($0, line, file, on: page) }.joined()
      return
        #"<span class="line" id="\#(Address.anchor(of: line, in: file.path))" data-line="\#(line)">\#(pieces)</span>"#
    }
    return #"<pre class="code"><code>\#(body.joined(separator: "\n"))</code></pre>"#
  }

  private func html(_ piece: SourceFile.Piece, _ line: Int, _ file: SourceFile, on page: String) -> String {
    let text = piece.text.escaped
    let meaning = piece.kind == .identifier ? notation.inCode(piece.text)?.escaped : nil
    let spot = Declarations.Spot(path: file.path, line: line, column: piece.column)
    if let place = declarations.declaration(ofNameAt: spot) {
      let target = Address.page(of: place.path)
      if pages.contains(target) {
        let anchor = "#" + Address.anchor(of: place.line, in: place.path)
        let link = target == page ? anchor : Address.link(from: page, to: target) + anchor
        let title = meaning.map { #" title="\#($0)""# } ?? ""
        return #"<a class="\#(name(piece.kind) ?? "name")" href="\#(link)"\#(title)>\#(text)</a>"#
      }
    }
    if let meaning { return #"<abbr title="\#(meaning)">\#(text)</abbr>"# }
    return name(piece.kind).map { #"<span class="\#($0)">\#(text)</span>"# } ?? text
  }

  private func name(_ kind: SyntaxClassification) -> String? {
    switch kind {
    case .keyword, .ifConfigDirective: "keyword"
    case .type: "type"
    case .integerLiteral, .floatLiteral: "number"
    case .stringLiteral, .regexLiteral: "string"
    case .lineComment, .blockComment: "comment"
    case .docLineComment, .docBlockComment: "contract"
    case .attribute: "attribute"
    default: nil
    }
  }
}
