// # What ranks give one another
//
// Each operation on threads, with amounts that differ from rank to rank and are zero for some: every byte arrives where
// it belongs, in the order of the ranks, and is counted once for each rank that it goes to. And a rank that gives up
// leaves nobody waiting.

import Communication
import Foundation
import TestSupport
import Testing

@Suite("groups of ranks", .tallied) struct GroupTests {
  static let counts = [1, 2, 3, 4, 8]

  /// Bytes that say who gave them to whom.
  private static func bytes(from rank: Int, to other: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8((rank * 71 + other * 13 + $0 * 7) % 256) }
  }

  @Test(arguments: counts) func everybodyGetsWhatAllGive(count: Int) throws {
    // Rank 1 gives nothing.
    let sizes = (0..<count).map { $0 == 1 ? 0 : 3 + 2 * $0 }
    let expected = (0..<count).flatMap { Self.bytes(from: $0, to: 0, sizes[$0]) }
    let results = try withRankThreads(count) { group -> (all: [UInt8], root: [UInt8], sent: Int) in
      let mine = Self.bytes(from: group.rank, to: 0, sizes[group.rank])
      var all = [UInt8](repeating: 0, count: expected.count)
      try all.withUnsafeMutableBytes { all in
        try mine.withUnsafeBytes { try group.allGather($0, into: all, sizes: sizes) }
      }
      let sent = group.sentBytes
      var root = [UInt8](repeating: 0, count: group.rank == count - 1 ? expected.count : 0)
      try root.withUnsafeMutableBytes { root in
        try mine.withUnsafeBytes { try group.gather($0, into: root, sizes: sizes, at: count - 1) }
      }
      #expect(group.sentBytes - sent == (group.rank == count - 1 ? 0 : mine.count))
      return (all, root, sent)
    }
    for (rank, result) in results.enumerated() {
      #expect(result.all == expected, "rank \(rank) of \(count)")
      #expect(result.root == (rank == count - 1 ? expected : []), "rank \(rank) of \(count)")
      #expect(result.sent == sizes[rank] * (count - 1))
    }
  }

  @Test(arguments: counts) func eachGetsWhatIsMeantForIt(count: Int) throws {
    @Sendable func size(_ from: Int, _ to: Int) -> Int { (from + 2 * to) % 5 }
    let results = try withRankThreads(count) { group -> (all: [UInt8], sent: Int) in
      let me = group.rank
      let mine = (0..<count).flatMap { Self.bytes(from: me, to: $0, size(me, $0)) }
      let incoming = (0..<count).map { size($0, me) }
      var all = [UInt8](repeating: 0, count: incoming.reduce(0, +))
      try all.withUnsafeMutableBytes { all in
        try mine.withUnsafeBytes {
          try group.allToAll($0, sizes: (0..<count).map { size(me, $0) }, into: all, incoming: incoming)
        }
      }
      return (all, group.sentBytes)
    }
    for (rank, result) in results.enumerated() {
      #expect(result.all == (0..<count).flatMap { Self.bytes(from: $0, to: rank, size($0, rank)) })
      #expect(result.sent == (0..<count).filter { $0 != rank }.reduce(0) { $0 + size(rank, $1) })
    }
  }

  @Test(arguments: counts) func textsNumbersAndBroadcasts(count: Int) throws {
    let texts = (0..<count).map { String(repeating: "ü\($0)", count: $0) }
    let results = try withRankThreads(count) { group -> ([String], [Double], [UInt8], String) in
      let all = try group.allTexts(texts[group.rank])
      let numbers = try group.allNumbers(
        Array(repeating: Double(group.rank), count: group.rank), counts: Array(0..<count))
      var bytes = Self.bytes(from: group.rank, to: 1, 11)
      try bytes.withUnsafeMutableBytes { try group.broadcast($0, from: count / 2) }
      return (all, numbers, bytes, try group.textOfRoot("from \(group.rank)"))
    }
    for result in results {
      #expect(result.0 == texts)
      #expect(result.1 == (0..<count).flatMap { Array(repeating: Double($0), count: $0) })
      #expect(result.2 == Self.bytes(from: count / 2, to: 1, 11) && result.3 == "from 0")
    }
  }

  // Around a ring, three letters ahead of whoever reads them.
  @Test(arguments: [2, 3, 8]) func lettersArriveInTheirOrder(count: Int) throws {
    let sent = try withRankThreads(count) { group -> Int in
      let (right, left) = ((group.rank + 1) % count, (group.rank + count - 1) % count)
      for number in 0..<3 {
        var letter = Self.bytes(from: group.rank, to: right, 5 + number)
        try letter.withUnsafeBytes { try group.send($0, to: right) }
        // It may be changed at once.
        letter = letter.map { _ in 0 }
      }
      for number in 0..<3 {
        var letter = [UInt8](repeating: 0, count: 5 + number)
        try letter.withUnsafeMutableBytes { try group.receive($0, from: left) }
        #expect(letter == Self.bytes(from: left, to: group.rank, 5 + number))
      }
      return group.sentBytes
    }
    #expect(sent == Array(repeating: 18, count: count))
  }

  // A hundred exchanges with nothing in between: no rank overtakes another.
  @Test func manyRoundsStayInStep() throws {
    _ = try withRankThreads(4) { group in
      for round in 0..<100 {
        #expect(try group.allTexts("\(round).\(group.rank)") == (0..<4).map { "\(round).\($0)" })
        if round % 7 == 0 { try group.barrier() }
      }
    }
  }

  private struct Fault: Error, CustomStringConvertible { let description = "the disk of this rank is full" }

  @Test(arguments: [0, 2]) func whoGivesUpLeavesNobodyWaiting(culprit: Int) {
    let heard = Heard()
    #expect(throws: Fault.self) {
      _ = try withRankThreads(3) { group in
        if group.rank == culprit { throw Fault() }
        do { try group.barrier() } catch {
          heard.add("\(error)")
          throw error
        }
      }
    }
    #expect(heard.all.count == 2)
    for text in heard.all {
      #expect(text.hasPrefix("rank \(culprit): it gave up (the disk of this rank is full); run"))
    }
  }

  // What one rank does for all, and what all do alike.
  @Test func aFailureOnOneRankIsKnownToAll() throws {
    for root in [true, false] {
      let heard = Heard()
      _ = try withRankThreads(3) { group in
        do {
          if root {
            try group.onRoot { throw Fault() }
          } else {
            _ = try group.onAll { if group.rank == 1 { throw Fault() } }
          }
          Issue.record("nothing was thrown on rank \(group.rank)")
        } catch { heard.add("\(error)") }
      }
      let culprit = root ? 0 : 1
      let expected = "rank \(culprit): the disk of this rank is full; \(CommunicationError.again)"
      #expect(heard.all.sorted() == [expected, expected, "the disk of this rank is full"].sorted())
    }
  }

  @Test func ranksThatDifferAreNamed() throws {
    let heard = Heard()
    _ = try withRankThreads(3) { group in
      try group.agree(on: [("text", "Exodus"), ("recipe", String(repeating: "r", count: 100))])
      do { try group.agree(on: [("text", "Exodus"), ("seed", group.rank == 2 ? "7" : "0")]) } catch {
        heard.add("\(error)")
      }
      do { try group.agree(on: [("recipe", String(repeating: "\(group.rank)", count: 100))], remedy: "be one") } catch
      {
        heard.add("\(error)")
      }
    }
    let short = heard.all.filter {
      $0.hasPrefix("rank 2: its seed differs from what rank 0 has (7, not 0); start all")
    }
    let long = heard.all.filter { $0 == "rank 1: its recipe differs from what rank 0 has; be one" }
    #expect(short.count == 3 && long.count == 3)
  }
}

/// What threads have heard.
final class Heard: @unchecked Sendable {
  private let lock = NSLock()
  private var texts: [String] = []
  func add(_ text: String) { lock.withLock { texts.append(text) } }
  var all: [String] { lock.withLock { texts } }
}
