// # Passes that are computed once
//
// A study trains many students on the same batches, and for each of them the teacher would read the same texts again.
// Its weights do not change, so neither do its states: what was computed for one student serves the others. Two things
// are worth keeping:
//
//     the last state            [B, T, D], from which the head gives the logits: stage 3 and every evaluation
//     the states of all blocks  L times as much, from which each block's mixer gives matrix and output: stages 1 and 2
//
// With the states, a block's MLP need not run again, which is most of the pass; its mixer does, when it is asked for.
// Nothing is rounded, so a student learns from remembered states what it would learn from computed ones, bit for bit.
//
// Arms read their batches from the first to the last. If the oldest pass had to leave when there is no more room, each
// arm would find the beginning of its batches gone, and drive out the rest. So what is kept stays, and what no longer
// fits is computed anew each time. Last states spare a whole pass and are small, so a quarter of the room is left to
// them.
//
// Read before: `FrozenModel.swift`, `Trace.swift`. Used by: `Experiments/Study.swift`. Tests: RememberedPassesTests.

import Checkpoints
import Foundation
import Tensors

/// States of a model's passes by text, in memory or in a folder, as many as there is room for.
public final class RememberedPasses: Sendable {
  /// Which states of a pass.
  enum Kind: String {
    /// The state that leaves the last block.
    case last
    /// The states that enter the blocks, the first block first.
    case entering
  }

  private struct Key: Hashable {
    let kind: Kind
    let tokens: Tokens

    var checksum: UInt64 {
      var sum = Checksum()
      sum.add(text)
      return sum.value
    }

    /// Rows, tokens of a row, and the tokens: what a file says of whose states it holds.
    var text: String {
      "\(tokens.B) rows of \(tokens.T): " + tokens.ids.map(String.init).joined(separator: " ")
    }
  }

  private struct State {
    /// What is kept; nil for states that are in the folder.
    var kept: [Key: [Tensor]?] = [:]
    var bytes = 0
  }

  private let state = Lock(State())
  private let room: Int
  private let folder: URL?

  /// - Parameters:
  ///   - room: the most bytes that are kept
  ///   - folder: where they are kept, a folder for this model alone; nil for memory. Files of an earlier run are used
  ///     again
  public init(room: Int, in folder: URL? = nil) { (self.room, self.folder) = (room, folder) }

  /// The bytes that are kept now.
  public var bytes: Int { state.withLock { $0.bytes } }

  /// The states of a pass over `tokens`; computed if they are not known, and kept if there is room.
  func states(_ kind: Kind, of tokens: Tokens, computing compute: () -> [Tensor]) -> [Tensor] {
    if let known = states(kind, of: tokens) { return known }
    let states = compute()
    keep(states, kind, of: tokens)
    return states
  }

  /// The states of a pass over `tokens`; nil if they are not known.
  func states(_ kind: Kind, of tokens: Tokens) -> [Tensor]? {
    let key = Key(kind: kind, tokens: tokens)
    let known = state.withLock { $0.kept[key] }
    if let states = known ?? nil { return states }
    guard let states = read(key) else { return nil }
    if known == nil { _ = reserve(Self.bytes(of: states), key, nil) }
    return states
  }

  /// Keeps the states of a pass if there is room.
  func keep(_ states: [Tensor], _ kind: Kind, of tokens: Tokens) {
    let key = Key(kind: kind, tokens: tokens)
    if reserve(Self.bytes(of: states), key, folder == nil ? states : nil), folder != nil { write(states, key) }
  }

  /// Enters states if there is room for them.
  private func reserve(_ size: Int, _ key: Key, _ states: [Tensor]?) -> Bool {
    state.withLock { state in
      let limit = key.kind == .last ? room : room / 4 * 3
      if state.kept[key] != nil || state.bytes + size > limit { return false }
      state.kept[key] = .some(states)
      state.bytes += size
      return true
    }
  }

  private static func bytes(of states: [Tensor]) -> Int {
    states.reduce(0) { $0 + $1.count } * MemoryLayout<Scalar>.stride
  }

  // MARK: - Files

  private func file(of key: Key) -> URL? {
    folder?.appending(path: "\(key.kind.rawValue)-\(String(key.checksum, radix: 16)).safetensors")
  }

  /// The states in a key's file; nil if there is none that can be read, since they can be computed again.
  private func read(_ key: Key) -> [Tensor]? {
    guard let file = file(of: key), FileManager.default.fileExists(atPath: file.path),
      let all = try? Checkpoint(contentsOf: file), all.metadata["tokens"] == key.text
    else { return nil }
    return all.tensors.keys.compactMap(Int.init).sorted().compactMap { all.tensors[String($0)] }
  }

  private func write(_ states: [Tensor], _ key: Key) {
    guard let folder, let file = file(of: key) else { return }
    let tensors = Dictionary(uniqueKeysWithValues: states.indices.map { (String($0), states[$0]) })
    do {
      try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
      try Checkpoint(tensors: tensors, metadata: ["tokens": key.text]).write(to: file)
    } catch {
      // What cannot be kept is computed again. The rest of a full disk is left to those who need it.
      state.withLock { $0.bytes = room }
    }
  }
}
