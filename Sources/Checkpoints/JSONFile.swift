// # Settings beside the weights
//
// The weights do not tell how many heads the model has. That is in a `config.json` beside them, which people read and
// compare. So its keys are sorted, one to a line, and equal settings give equal files.
//
// Read before: `AtomicFile.swift`. Read next: `Checkpoint.swift`.

import Foundation

/// Compact JSON of a value, the same for equal values: for use as a key, not for files that people read.
public func sortedJSON(_ value: some Encodable) throws -> Data {
  let encoder = JSONEncoder()
  encoder.outputFormatting = .sortedKeys
  return try encoder.encode(value)
}

/// The outermost keys whose values differ between two JSON objects, sorted; empty if the texts are equal, and nil if
/// they differ and one of them is not an object.
package func differingKeys(_ one: String, _ other: String) -> [String]? {
  if one == other { return [] }
  func object(_ text: String) -> NSDictionary? {
    try? JSONSerialization.jsonObject(with: Data(text.utf8)) as? NSDictionary
  }
  guard let one = object(one), let other = object(other) else { return nil }
  let keys = Set((one.allKeys + other.allKeys).compactMap { $0 as? String })
  return keys.filter { one[$0] as? NSObject != other[$0] as? NSObject }.sorted()
}

/// Writes a value as indented JSON with sorted keys, atomically.
///
/// Throws `CheckpointError` with the file and the path of the key whose value has no JSON form, such as an infinite
/// number.
public func writeJSON(_ value: some Encodable, to url: URL) throws {
  try AtomicFile.write(indentedJSON(value, for: url), to: url)
}

/// The same, unless the file already exists; returns whether it was written.
package func writeNewJSON(_ value: some Encodable, to url: URL) throws -> Bool {
  try AtomicFile.writeNew(indentedJSON(value, for: url), to: url)
}

private func indentedJSON(_ value: some Encodable, for url: URL) throws -> Data {
  let encoder = JSONEncoder()
  encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
  var data: Data
  do {
    data = try encoder.encode(value)
  } catch EncodingError.invalidValue(let culprit, let context) {
    throw CheckpointError(
      file: url.path, problem: "the value \(culprit) at \(path(of: context.codingPath)) has no JSON form",
      remedy: "give it a finite number, a text, a list or an object instead")
  } catch {
    throw CheckpointError(
      file: url.path, problem: "the value has no JSON form (\(error))", remedy: "change how it is encoded")
  }
  data.append(UInt8(ascii: "\n"))
  return data
}

/// Reads a value from a JSON file.
///
/// - Parameter userInfo: what the value's `init(from:)` needs to know besides the file
///
/// Throws `CheckpointError` with the file and the path of the key that is missing or has a wrong value.
public func readJSON<Value: Decodable>(
  _ type: Value.Type = Value.self, from url: URL, userInfo: [CodingUserInfoKey: any Sendable] = [:]
) throws -> Value {
  let data = try mappedContents(of: url)
  do {
    let decoder = JSONDecoder()
    decoder.userInfo = userInfo
    return try decoder.decode(Value.self, from: data)
  } catch let error as DecodingError {
    throw CheckpointError(
      file: url.path, problem: explanation(of: error, in: data),
      remedy: "correct the file, or give one that is whole")
  } catch {
    throw CheckpointError(
      file: url.path, problem: "the contents cannot be read as a \(Value.self) (\(error))",
      remedy: "correct the file, or give one that is whole")
  }
}

/// The outermost keys of a JSON object in a file, each with its value as JSON: `["use_cache": "true"]`.
///
/// Throws `CheckpointError` if the file is missing, holds no object, or has a key twice: of the two values one
/// program takes the first and another the last.
public func readJSONMembers(from url: URL) throws -> [String: String] {
  let data = try mappedContents(of: url)
  guard let object = try? JSONSerialization.jsonObject(with: data) as? [String: Any] else {
    throw CheckpointError(
      file: url.path, problem: "the file does not hold a JSON object",
      remedy: "give the file that belongs to the model")
  }
  if let problem = repeatedKey(in: data, file: url.path) {
    throw CheckpointError(file: url.path, problem: problem, remedy: "leave one of the two out")
  }
  return object.mapValues { value in
    let options: JSONSerialization.WritingOptions = [.fragmentsAllowed, .sortedKeys, .withoutEscapingSlashes]
    let text = try? JSONSerialization.data(withJSONObject: value, options: options)
    return text.map { String(decoding: $0, as: UTF8.self) } ?? "?"
  }
}

/// The problem if an outermost key comes twice; nil if none does. Everything else in the file has passed the decoder.
private func repeatedKey(in data: Data, file: String) -> String? {
  do {
    var parser = try HeaderParser([UInt8](data), file: file, offset: 0, of: "the file")
    try parser.object { parser, _ in try parser.skip() }
    return nil
  } catch let error as CheckpointError where error.problem.contains("comes twice") {
    return error.problem
  } catch {
    return nil
  }
}

/// A path such as `layers.2.width` in quotation marks, or a name for the whole file.
private func path(of keys: [any CodingKey]) -> String {
  guard !keys.isEmpty else { return "the top level" }
  return "the key “" + keys.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".") + "”"
}

private func explanation(of error: DecodingError, in data: Data) -> String {
  switch error {
  case .keyNotFound(let key, let context):
    return "\(path(of: context.codingPath + [key])) is missing"
  case .typeMismatch(let type, let context):
    let name = "\(type)"
    let isObject = name.hasPrefix("Dictionary")
    return "\(path(of: context.codingPath)) should hold \(isObject ? "an object" : "a value of the type \(name)")"
  case .valueNotFound(let type, let context):
    return "\(path(of: context.codingPath)) is null instead of a value of the type \(type)"
  case .dataCorrupted(let context):
    let isSyntax = context.codingPath.isEmpty && context.debugDescription.contains("not valid JSON")
    let reason = isSyntax ? flawOfSyntax(in: data) : context.debugDescription
    return
      "\(path(of: context.codingPath)) \(isSyntax ? "is damaged" : "has a value that cannot be used") (\(reason))"
  @unknown default:
    return "the contents do not fit (\(error))"
  }
}

/// What is wrong with a text that is not JSON. The decoder does not say it on every system; the older parser does.
private func flawOfSyntax(in data: Data) -> String {
  do {
    _ = try JSONSerialization.jsonObject(with: data, options: .fragmentsAllowed)
    return "a number does not fit the type of its key"
  } catch {
    let reason = (error as NSError).userInfo[NSDebugDescriptionErrorKey] as? String
    return reason ?? error.localizedDescription
  }
}
