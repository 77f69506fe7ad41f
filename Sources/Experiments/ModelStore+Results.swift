// # Numbers that are computed once
//
// Some of what a chapter shows takes minutes and is not a model: fits of matrices, losses of many hybrids. Such a
// result is a value that can be written down. We keep it in the chapter's folder, in a file named after the hash of
// everything it depends on, and the file also holds that key. So a file that was made from something else has another
// name, and is neither used nor overwritten.
//
// Read before: `ModelStore.swift`. See also: `KeptResults.swift`, which keeps the arms of studies.

import Checkpoints
import Foundation

extension ModelStore {
  /// A value that takes long to compute: read from out/CHAPTER/kept, or computed and kept there.
  ///
  /// - Parameters:
  ///   - name: the beginning of the file's name
  ///   - chapter: the folder of the chapter that shows it
  ///   - key: all that the value depends on besides recipe, text, seed and number type
  ///   - make: computes it
  ///
  /// Throws what `make` throws, and `CheckpointError` if the file cannot be read or written.
  public func result<Value: Codable>(
    _ name: String, in chapter: String, of key: some Encodable, _ make: () throws -> Value
  ) throws -> Value {
    let data = try sortedJSON(WholeKey(key: key, origin: experiment.origin, seed: experiment.seed))
    let text = String(decoding: data, as: UTF8.self)
    let file = out.appending(path: chapter).appending(path: "kept")
      .appending(path: "\(name)-\(fingerprint(of: text)).json")
    if FileManager.default.fileExists(atPath: file.path) {
      let kept = try withRemedy("move it away, and its numbers are computed again") {
        try readJSON(KeptValue<Value>.self, from: file)
      }
      if kept.madeFrom == text {
        if let sum = kept.checksum, sum != (try checksum(of: kept.value)) { throw editedByHand(file) }
        onReuse(file)
        return kept.value
      }
    }
    // If there are several ranks, each of them computes it: `make` may train models, which all ranks do together.
    let value = try make()
    if ranks.isRoot {
      try writeJSON(KeptValue(madeFrom: text, value: value, checksum: try checksum(of: value)), to: file)
    }
    return value
  }
}

private struct WholeKey<Key: Encodable>: Encodable {
  var key: Key
  var origin: Experiment.Origin
  var seed: UInt64
}

private struct KeptValue<Value: Codable>: Codable {
  /// The whole key as JSON.
  var madeFrom: String
  var value: Value
  /// The checksum of the value; nil in files written before there was one.
  var checksum: String?
}

/// A checksum of a value as JSON.
func checksum(of value: some Encodable) throws -> String {
  fingerprint(of: String(decoding: try sortedJSON(value), as: UTF8.self))
}

/// The error for a file whose numbers are not those that were written.
func editedByHand(_ file: URL) -> CheckpointError {
  CheckpointError(
    file: file.path, problem: "its numbers are not those that were written",
    remedy: "move it away, and they are computed again")
}
