// # What ranks have to agree on
//
// Ranks that differ would compute with one another all the same, and nobody would see that their numbers belong to no
// run at all. So they compare what their work depends on before it begins: the program, whatever in the processor
// changes bits, the texts and the recipe. And what only one rank does, such as writing a file, has to be known to all:
// if it fails there, no rank goes on.
//
// Read before: `RankGroup.swift`. Read next: `../Training/SharedOptimiser.swift`.

import Foundation
import Tensors

extension RankGroup {
  /// Whether this is rank 0, which writes and prints for all.
  public var isRoot: Bool { rank == 0 }

  /// Gives every rank the texts of all ranks, in their order.
  public func allTexts(_ mine: String) throws -> [String] {
    let bytes = Array(mine.utf8)
    let sizes = try allNumbers([Double(bytes.count)], counts: Array(repeating: 1, count: count)).map { Int($0) }
    var all = [UInt8](repeating: 0, count: sizes.reduce(0, +))
    try bytes.withUnsafeBytes { mine in try all.withUnsafeMutableBytes { try allGather(mine, into: $0, sizes: sizes) }
    }
    return zip(sizes.offsets(), sizes).map { String(decoding: all[$0..<($0 + $1)], as: UTF8.self) }
  }

  /// Gives every rank the numbers of all ranks, one after another; rank r gives counts[r] of them.
  public func allNumbers(_ mine: [Double], counts: [Int]) throws -> [Double] {
    var all = [Double](repeating: 0, count: counts.reduce(0, +))
    try mine.withUnsafeBytes { mine in
      try all.withUnsafeMutableBytes { try allGather(mine, into: $0, sizes: counts.map { 8 * $0 }) }
    }
    return all
  }

  /// The text of rank 0, on every rank.
  public func textOfRoot(_ mine: String) throws -> String { try allTexts(isRoot ? mine : "")[0] }

  /// Throws on every rank, naming the first rank that differs, unless all give the same facts.
  ///
  /// - Parameters:
  ///   - facts: what has to be equal, by name; the names are the same on all ranks
  ///   - remedy: what to do if they differ
  public func agree(
    on facts: [(name: String, value: String)],
    remedy: String = "start all ranks with the same program, files and options on processors of one kind"
  ) throws {
    // Long facts, such as a recipe as JSON, are compared by their checksums; values of a few words are shown.
    let all = try allTexts(facts.map { oneLine($0.value) }.joined(separator: "\n"))
      .map { $0.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) }
    for (rank, theirs) in all.enumerated() where theirs != all[0] {
      for (index, fact) in facts.enumerated() where theirs[index] != all[0][index] {
        let shown = max(theirs[index].count, all[0][index].count) < 60
        let values = shown ? " (\(theirs[index]), not \(all[0][index]))" : ""
        throw CommunicationError(
          rank: rank, problem: "its \(fact.name) differs from what rank 0 has\(values)", remedy: remedy)
      }
    }
  }

  /// Calls `body` on rank 0 alone while the others wait; if it throws, every rank throws.
  ///
  /// Rank 0 throws the error itself, the others a `CommunicationError` with its text.
  public func onRoot(_ body: () throws -> Void) throws {
    var failure: (any Error)?
    if isRoot {
      do { try body() } catch { failure = error }
    }
    let text = try textOfRoot(failure.map { "\($0)" } ?? "")
    if let failure { throw failure }
    if !text.isEmpty { throw CommunicationError(rank: 0, problem: text, remedy: CommunicationError.again) }
  }

  /// Calls `body` on every rank; if it throws on one, every rank throws.
  ///
  /// A rank whose own call failed throws its error, the others a `CommunicationError` that names the first such rank.
  public func onAll<Value>(_ body: () throws -> Value) throws -> Value {
    let mine = Result { try body() }
    var text = ""
    if case .failure(let error) = mine { text = "\(error)" }
    let all = try allTexts(text)
    let value = try mine.get()
    if let rank = all.firstIndex(where: { !$0.isEmpty }) {
      throw CommunicationError(rank: rank, problem: all[rank], remedy: CommunicationError.again)
    }
    return value
  }
}
