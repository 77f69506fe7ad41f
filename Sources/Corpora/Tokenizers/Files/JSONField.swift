// # A value and where it stands
//
// Code that reads settings mostly has to say what is wrong with them. A field is a value with its path, such as
// `model.vocab`, and every method that takes something out of it throws a fitting error if that is not there.
//
// Read before: `JSON.swift`. Read next: `AnyTokenizer+Files.swift`.

import Foundation

/// A value of a JSON file, with the file and the path of keys that lead to it.
struct JSONField {
  let file: String
  let path: String
  let value: JSON

  /// What to do about a file that is damaged.
  static let remedy = "give the file that was saved with the model"

  /// The whole contents of a file. Throws `CorpusError` if there are none, or if they are not JSON.
  init(contentsOf url: URL) throws { try self.init(Array(contents(of: url)), file: url.path) }

  /// The value that some bytes spell. Throws `CorpusError` with the line if they are not JSON.
  init(_ bytes: [UInt8], file: String) throws {
    do {
      self.init(file: file, path: "", value: try JSON(bytes))
    } catch let flaw as JSON.Flaw {
      let before = bytes[..<flaw.offset]
      let line = before.count { $0 == UInt8(ascii: "\n") } + 1
      let column = before.reversed().prefix { $0 != UInt8(ascii: "\n") }.count + 1
      throw CorpusError(
        file, problem: "the file is not JSON (line \(line), column \(column): \(flaw.problem))",
        remedy: JSONField.remedy)
    }
  }

  init(file: String, path: String, value: JSON) { (self.file, self.path, self.value) = (file, path, value) }

  /// The path in quotation marks, or a name for the whole file.
  var name: String { path.isEmpty ? "the top level" : "the key “\(path)”" }

  /// The value in at most some 60 characters, on one line.
  var shown: String {
    let text = value.document.split(separator: "\n").map { $0.trimmingPrefix { $0 == " " } }.joined(separator: " ")
    return text.count > 60 ? "\(text.prefix(60))…" : text
  }

  /// An error about this field; `problem` says what is wrong with it, such as "is missing".
  func error(_ problem: String, remedy: String = JSONField.remedy) -> CorpusError {
    CorpusError(file, problem: "\(name) \(problem)", remedy: remedy)
  }

  /// The field of a key; null if there is no such key, or if this is not an object.
  subscript(key: String) -> JSONField {
    var value = JSON.null
    if case .object(let members) = self.value { value = members.first { $0.key == key }?.value ?? .null }
    return JSONField(file: file, path: path(to: key), value: value)
  }

  private func path(to key: String) -> String {
    // A token can be a key, and a line end can be a token.
    let key = key.debugDescription.dropFirst().dropLast()
    return path.isEmpty ? "\(key)" : "\(path).\(key)"
  }

  var isNull: Bool { value == .null }

  private func needed<Value>(_ kind: String, _ found: Value?) throws -> Value {
    if let found { return found }
    throw error(isNull ? "is missing or null, but should be \(kind)" : "is \(shown), but should be \(kind)")
  }

  /// The text that stands here, or nil.
  var text: String? { if case .text(let text) = value { text } else { nil } }

  /// The text that stands here; throws if something else does.
  func requiredText() throws -> String { try needed("a text", text) }

  /// The Boolean that stands here, or `standard` if nothing does; throws if something else does.
  func bool(or standard: Bool) throws -> Bool {
    if isNull { return standard }
    return try needed("true or false", value == true ? true : value == false ? false : nil)
  }

  /// The whole number that stands here; throws if something else does.
  func requiredInteger() throws -> Int {
    guard case .number(let number) = value else { return try needed("a whole number", nil) }
    return try needed("a whole number", Int(exactly: number))
  }

  /// The elements of the list that stands here; throws if something else does.
  func requiredList() throws -> [JSONField] {
    guard case .list(let elements) = value else { return try needed("a list", nil) }
    return elements.enumerated().map { JSONField(file: file, path: "\(path).\($0)", value: $1) }
  }

  /// The keys and values of the object that stands here; throws if something else does.
  func requiredMembers() throws -> [(key: String, field: JSONField)] {
    guard case .object(let members) = value else { return try needed("an object", nil) }
    return members.map { ($0.key, JSONField(file: file, path: path(to: $0.key), value: $0.value)) }
  }
}
