// # Writing JSON
//
// One member to a line, since people compare files; equal values give equal bytes. In source code a value can be
// written as a literal.
//
// Read before: `JSON.swift`. Read next: `JSON+Tokenizer.swift`.

extension JSON {
  /// The text of a value, with a line end.
  var document: String {
    var text = ""
    write(to: &text, indentation: "\n")
    return text + "\n"
  }

  private func write(to text: inout String, indentation: String) {
    func write<Item>(_ items: [Item], _ open: String, _ close: String, _ item: (Item, inout String) -> Void) {
      text += open
      for index in items.indices {
        text += (index == 0 ? "" : ",") + indentation + "  "
        item(items[index], &text)
      }
      text += (items.isEmpty ? "" : indentation) + close
    }
    switch self {
    case .null: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .number(let value): text += Int(exactly: value).map { String($0) } ?? String(value)
    case .text(let value): JSON.write(value, to: &text)
    case .list(let values):
      write(values, "[", "]") { $0.write(to: &$1, indentation: indentation + "  ") }
    case .object(let members):
      write(members, "{", "}") {
        JSON.write($0.key, to: &$1)
        $1 += ": "
        $0.value.write(to: &$1, indentation: indentation + "  ")
      }
    }
  }

  private static func write(_ value: String, to text: inout String) {
    text += "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": text += "\\\""
      case "\\": text += "\\\\"
      case "\n": text += "\\n"
      case ..<" ": text += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: text.unicodeScalars.append(scalar)
      }
    }
    text += "\""
  }
}

// ## As literals

extension JSON: ExpressibleByNilLiteral, ExpressibleByBooleanLiteral, ExpressibleByStringLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  init(nilLiteral: ()) { self = .null }
  init(booleanLiteral value: Bool) { self = .bool(value) }
  init(stringLiteral value: String) { self = .text(value) }
  init(integerLiteral value: Int) { self = .number(Double(value)) }
  init(arrayLiteral elements: JSON...) { self = .list(elements) }
  /// The members in the order of their keys.
  init(dictionaryLiteral elements: (String, JSON)...) {
    self = .object(JSON.sorted(elements.map { Member(key: $0.0, value: $0.1) }))
  }
}
