// # A record that is whole
//
// Read before: `Training/History.swift`. Used by: `ModelStore+Folders.swift`.

import Training

/// The record of a run in a file, with a checksum, so that a record that was cut short or edited is noticed.
struct KeptHistory: Codable {
  let history: History
  /// Nil in files written before there was a checksum.
  private let checksum: String?

  private enum Key: CodingKey { case checksum }

  init(_ history: History) throws { (self.history, checksum) = (history, try Experiments.checksum(of: history)) }

  init(from decoder: any Decoder) throws {
    history = try History(from: decoder)
    checksum = try decoder.container(keyedBy: Key.self).decodeIfPresent(String.self, forKey: .checksum)
  }

  func encode(to encoder: any Encoder) throws {
    try history.encode(to: encoder)
    var keys = encoder.container(keyedBy: Key.self)
    try keys.encode(checksum, forKey: .checksum)
  }

  /// Whether it has steps, all of those that were written.
  var isWhole: Bool {
    get throws {
      try !history.records.isEmpty && (checksum == nil || checksum == Experiments.checksum(of: history))
    }
  }
}
