// # Ranks
//
// A job that is too large for one process runs as several, which MPI calls ranks: the same program, started once on
// each core or machine, numbered from 0. They share nothing, and everything that one knows of another is a message.
// All that we send are bytes, and all that we ask of a group are these operations:
//
//     broadcast     one rank's bytes to all                  barrier      wait for all
//     gather        all ranks' bytes to one                  abandon      end the job everywhere
//     allGather     all ranks' bytes to all
//     allToAll      from each rank to each other something of its own
//     send, receive from one rank to one other, which are the only two that call them
//
// MPI can also add numbers on their way. We do not ask for that: the order of such sums depends on the number of
// ranks, and with it the last bits. Sums are made here, in an order of our own (`Training/SummationTree.swift`).
//
// An operation of all has to be called by all ranks, in the same order. One that fails on one rank leaves the others waiting;
// so whoever cannot go on calls `abandon`.
//
// Read next: `SingleRank.swift`, `RankThreads.swift`, `MPIRanks.swift`, `RankGroup+Agreement.swift`.

import Tensors

/// The ranks of a job, as one of them sees them.
public protocol RankGroup: AnyObject, Sendable {
  /// The number of this rank, 0 ..< `count`.
  var rank: Int { get }
  /// The number of ranks, at least 1.
  var count: Int { get }
  /// The bytes that this rank has given to other ranks so far. What goes to several ranks counts once for each,
  /// whatever way the library takes; what stays here does not count.
  var sentBytes: Int { get }

  /// Returns when all ranks have called it. Throws `CommunicationError` if that cannot happen any more.
  func barrier() throws

  /// Copies the bytes of rank `root` to all ranks; `bytes` has the same length everywhere.
  func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws

  /// Gives every rank the bytes of all ranks, one after another in `all`.
  ///
  /// - Parameters:
  ///   - mine: what this rank gives, sizes[rank] bytes
  ///   - sizes: how many bytes each rank gives; the same on all ranks
  func allGather(
    _ mine: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer, sizes: [Int]) throws

  /// Gives rank `root` the bytes of all ranks, as `allGather` does; `all` may be empty on other ranks.
  func gather(
    _ mine: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer, sizes: [Int], at root: Int) throws

  /// Sends to each rank bytes of its own.
  ///
  /// - Parameters:
  ///   - mine: what goes to rank 0, then what goes to rank 1, and so on
  ///   - sizes: how many bytes of `mine` go to each rank
  ///   - all: what rank 0 sends here, then what rank 1 sends here, and so on
  ///   - incoming: how many bytes each rank sends here
  func allToAll(
    _ mine: UnsafeRawBufferPointer, sizes: [Int], into all: UnsafeMutableRawBufferPointer, incoming: [Int]) throws

  /// Sends bytes to another rank, without waiting until it receives them; they may be changed when the call returns.
  func send(_ bytes: UnsafeRawBufferPointer, to other: Int) throws

  /// Waits for the next bytes that another rank has sent here; `bytes` is as long as what it sent.
  func receive(_ bytes: UnsafeMutableRawBufferPointer, from other: Int) throws

  /// Ends the job on all ranks, because this one cannot go on; the reason is one sentence. Other ranks do not wait any
  /// longer: their calls throw, or their processes end.
  func abandon(because reason: String)
}

/// Why ranks cannot work together.
public struct CommunicationError: Error, Equatable, CustomStringConvertible {
  /// The rank at fault, if it is known.
  public let rank: Int?
  /// What was wrong.
  public let problem: String
  /// What to do about it.
  public let remedy: String

  /// An error from its parts; problem and remedy are fragments without a full stop.
  public init(rank: Int? = nil, problem: String, remedy: String) {
    (self.rank, self.problem, self.remedy) = (rank, problem, remedy)
  }

  /// The error as one line: "rank 2: problem; remedy".
  public var description: String {
    oneLine((rank.map { "rank \($0): " } ?? "") + "\(problem); \(remedy)")
  }

  /// What helps after a job has ended early, whatever the reason.
  public static let again = "run the same command again, with any number of ranks, to go on from the last checkpoint"
}

// ## Offsets

extension Collection<Int> {
  /// The sum of all elements before each one.
  func offsets() -> [Int] {
    var sum = 0
    return map { size in
      defer { sum += size }
      return sum
    }
  }
}

extension RankGroup {
  /// Stops the program if buffers and sizes do not fit together, which would overwrite memory.
  func expect(_ sizes: [Int], fill buffer: Int, _ operation: String) {
    precondition(
      sizes.count == count && sizes.allSatisfy { $0 >= 0 } && sizes.reduce(0, +) == buffer,
      "\(operation): sizes of \(sizes) bytes from \(count) ranks do not fill \(buffer) bytes")
  }
}
