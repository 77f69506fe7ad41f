// # Text for a page

extension String {
  /// The text with the characters replaced that mean something in HTML.
  var escaped: String {
    var result = ""
    for character in unicodeScalars {
      switch character {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.unicodeScalars.append(character)
      }
    }
    return result
  }

  /// A name for a place on a page: "1. Three tokens by hand" is "three-tokens-by-hand".
  var anchor: String {
    let words = lowercased().split { !$0.isLetter && !$0.isNumber }.drop { $0.allSatisfy(\.isNumber) }
    return words.isEmpty ? "section" : words.joined(separator: "-")
  }
}

/// Where the pages lie, and how one leads to another.
enum Address {
  /// The page of a source file: "Sources/Layers/Linear.swift" is "library/Layers/Linear.html", and all files of a chapter are
  /// on one page.
  static func page(of path: String) -> String {
    let parts = path.split(separator: "/").map(String.init)
    if parts.first == "chapters", parts.count > 1 { return "chapters/\(parts[1]).html" }
    let inside = parts.dropFirst(parts.first == "Sources" ? 1 : 0).joined(separator: "/")
    return "library/" + (inside.hasSuffix(".swift") ? String(inside.dropLast(6)) : inside) + ".html"
  }

  /// The name of a line on its page.
  static func anchor(of line: Int, in path: String) -> String {
    let name = path.split(separator: "/").last!.split(separator: ".").first!
    return path.hasPrefix("chapters/") ? "\(name)-L\(line)" : "L\(line)"
  }

  /// The way from one page to another, both from the book's folder.
  static func link(from page: String, to target: String) -> String {
    let depth = page.split(separator: "/").count - 1
    return String(repeating: "../", count: depth) + target
  }
}
