// # Ranks that are threads
//
// For tests and for chapter 19, which need neither MPI nor a launcher: the ranks are threads of this process. Each
// operation has three parts. All ranks show where their bytes are; when the last one has come, all copy what they need;
// and when the last copy is made, all go on. So no rank changes its bytes while another still reads them.
//
// Read before: `RankGroup.swift`. Read next: `MPIRanks.swift`.

import Foundation
import Tensors

/// One of several ranks that are threads of this process.
public final class RankThread: RankGroup, @unchecked Sendable {
  /// The number of this rank.
  public let rank: Int
  private let meeting: Meeting
  /// Only this rank's thread changes it.
  public private(set) var sentBytes = 0

  fileprivate init(_ rank: Int, _ meeting: Meeting) { (self.rank, self.meeting) = (rank, meeting) }

  /// The number of threads.
  public var count: Int { meeting.count }

  /// Returns when all threads have called it; throws if one of them has given up.
  public func barrier() throws { try exchange(Shown()) { _ in } }

  /// Copies the bytes of rank `root`.
  public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
    try exchange(Shown(UnsafeRawBufferPointer(bytes))) { shown in
      if rank != root { bytes.copyMemory(from: shown[root].bytes) }
    }
    if rank == root { sentBytes += bytes.count * (count - 1) }
  }

  /// Copies the bytes of all ranks.
  public func allGather(
    _ mine: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer, sizes: [Int]
  ) throws {
    expect(sizes, fill: all.count, "allGather")
    try exchange(Shown(mine)) { shown in
      for (other, offset) in sizes.offsets().enumerated() { copy(shown[other].bytes, into: all, at: offset) }
    }
    sentBytes += mine.count * (count - 1)
  }

  /// Copies the bytes of all ranks, on rank `root` alone.
  public func gather(
    _ mine: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer, sizes: [Int], at root: Int
  ) throws {
    try exchange(Shown(mine)) { shown in
      guard rank == root else { return }
      expect(sizes, fill: all.count, "gather")
      for (other, offset) in sizes.offsets().enumerated() { copy(shown[other].bytes, into: all, at: offset) }
    }
    if rank != root { sentBytes += mine.count }
  }

  /// Copies from each rank what is meant for this one.
  public func allToAll(
    _ mine: UnsafeRawBufferPointer, sizes: [Int], into all: UnsafeMutableRawBufferPointer, incoming: [Int]
  ) throws {
    expect(sizes, fill: mine.count, "allToAll, outgoing")
    expect(incoming, fill: all.count, "allToAll, incoming")
    try exchange(Shown(mine, sizes)) { shown in
      for (other, offset) in incoming.offsets().enumerated() {
        let theirs = shown[other]
        let start = theirs.sizes.offsets()[rank]
        precondition(
          theirs.sizes[rank] == incoming[other],
          "rank \(other) sends \(theirs.sizes[rank]) bytes to rank \(rank), which expects \(incoming[other])")
        copy(UnsafeRawBufferPointer(rebasing: theirs.bytes[start..<(start + incoming[other])]), into: all, at: offset)
      }
    }
    sentBytes += mine.count - sizes[rank]
  }

  /// Puts a copy of the bytes where the other thread finds it.
  public func send(_ bytes: UnsafeRawBufferPointer, to other: Int) throws {
    precondition(other != rank && (0..<count).contains(other), "rank \(rank) cannot send to rank \(other)")
    try meeting.post(Array(bytes), from: rank, to: other)
    sentBytes += bytes.count
  }

  /// Waits for what the other thread sends; throws if one of the threads has given up.
  public func receive(_ bytes: UnsafeMutableRawBufferPointer, from other: Int) throws {
    let message = try meeting.take(from: other, to: rank)
    precondition(
      message.count == bytes.count, "rank \(other) sent \(message.count) bytes, but \(bytes.count) were expected")
    bytes.copyBytes(from: message)
  }

  /// Lets all other threads throw.
  public func abandon(because reason: String) { meeting.abandon(rank, reason) }

  private func copy(_ bytes: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer, at offset: Int) {
    UnsafeMutableRawBufferPointer(rebasing: all[offset..<(offset + bytes.count)]).copyMemory(from: bytes)
  }

  private func exchange(_ mine: Shown, _ copy: ([Shown]) -> Void) throws {
    copy(try meeting.show(mine, rank))
    try meeting.wait()
  }

  /// Where the bytes of a rank are, and for `allToAll` how many are meant for each rank.
  fileprivate struct Shown: @unchecked Sendable {
    var bytes: UnsafeRawBufferPointer
    var sizes: [Int]
    init(_ bytes: UnsafeRawBufferPointer = .init(start: nil, count: 0), _ sizes: [Int] = []) {
      (self.bytes, self.sizes) = (bytes, sizes)
    }
  }

  /// Where the threads wait for one another.
  fileprivate final class Meeting: @unchecked Sendable {
    let count: Int
    private let condition = NSCondition()
    private var shown: [Shown]
    private var (arrived, round) = (0, 0)
    private var failure: CommunicationError?
    /// What was sent and not yet received, by sender and receiver.
    private var letters: [[Int]: [[UInt8]]] = [:]

    init(_ count: Int) { (self.count, shown) = (count, Array(repeating: Shown(), count: count)) }

    /// Shows something, waits until all have, and returns what all have shown.
    func show(_ mine: Shown, _ rank: Int) throws -> [Shown] {
      condition.withLock { shown[rank] = mine }
      try wait()
      return condition.withLock { shown }
    }

    func wait() throws {
      try condition.withLock {
        let now = round
        arrived += 1
        if arrived == count {
          (arrived, round) = (0, round + 1)
          condition.broadcast()
        }
        while round == now, failure == nil { condition.wait() }
        if round == now, let failure { throw failure }
      }
    }

    func post(_ bytes: [UInt8], from: Int, to: Int) throws {
      try condition.withLock {
        if let failure { throw failure }
        letters[[from, to], default: []].append(bytes)
        condition.broadcast()
      }
    }

    func take(from: Int, to: Int) throws -> [UInt8] {
      try condition.withLock {
        while letters[[from, to], default: []].isEmpty, failure == nil { condition.wait() }
        if let failure { throw failure }
        return letters[[from, to]]!.removeFirst()
      }
    }

    func abandon(_ rank: Int, _ reason: String) {
      condition.withLock {
        failure =
          failure
          ?? CommunicationError(rank: rank, problem: "it gave up (\(reason))", remedy: CommunicationError.again)
        condition.broadcast()
      }
    }
  }
}

/// Calls `body` once for each of `count` ranks, each on a thread of its own, and returns what they return.
///
/// Throws the first error that a rank throws; the others are then told, and their waiting ends.
public func withRankThreads<Value>(
  _ count: Int, _ body: @escaping @Sendable (any RankGroup) throws -> Value
) throws -> [Value] {
  precondition(count > 0, "a group has at least one rank, not \(count)")
  let meeting = RankThread.Meeting(count)
  let outcome = Outcome<Value>(count)
  let threads = DispatchGroup()
  for rank in 0..<count {
    threads.enter()
    let thread = Thread {
      let group = RankThread(rank, meeting)
      do { outcome.keep(try body(group), of: rank) } catch {
        outcome.keep(error)
        group.abandon(because: "\(error)")
      }
      threads.leave()
    }
    thread.name = "rank \(rank)"
    thread.stackSize = 8 << 20
    thread.start()
  }
  threads.wait()
  return try outcome.values()
}

/// What the threads have returned so far.
private final class Outcome<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var all: [Value?]
  private var error: (any Error)?

  init(_ count: Int) { all = Array(repeating: nil, count: count) }
  func keep(_ value: Value, of rank: Int) { lock.withLock { all[rank] = value } }
  func keep(_ error: any Error) { lock.withLock { self.error = self.error ?? error } }
  func values() throws -> [Value] {
    try lock.withLock {
      if let error { throw error }
      return all.map { $0! }
    }
  }
}
