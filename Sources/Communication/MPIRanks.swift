// # Ranks of MPI
//
// The group in earnest: processes on one machine or on many, connected by whatever the machines have. MPI's own
// functions are behind `CMPI`, which returns errors where MPI would end the program.
//
// A rank that is killed cannot say so. MPI's launcher ends the others, but its message is about signals and nodes; and
// over a broken network it may never notice. So the ranks listen to each other beside MPI (`Heartbeat.swift`).
//
// Read before: `RankGroup.swift`, `Launch.swift`. Source: MPI 3.1, chapters 5 and 8; Open MPI 4.1 and MPICH 4.0 are
// what it is tested with.

#if MPI
import CMPI
import Foundation
import Tensors

/// The processes that mpirun has started.
public final class MPIRanks: RankGroup, @unchecked Sendable {
  /// The number of this process.
  public let rank: Int
  /// The number of processes.
  public let count: Int
  /// Only the thread that calls MPI changes it.
  public private(set) var sentBytes = 0
  /// The library in use, such as "Open MPI v4.1.4".
  public let library: String

  /// Starts MPI. Throws `CommunicationError` if that fails, or if MPI and the launcher disagree about the ranks, as when
  /// a program was built with another MPI than that whose mpirun started it.
  init(_ launch: Launch) throws {
    let other = "start it with the mpirun of the MPI that it was built with"
    var (rank, count): (Int32, Int32) = (0, 0)
    var text = [CChar](repeating: 0, count: 128)
    let code = cmpi_init()
    // Without a start MPI has no words for its error.
    if code != 0 { throw CommunicationError(problem: "MPI did not start (error \(code))", remedy: other) }
    for code in [cmpi_rank(&rank), cmpi_size(&count), cmpi_library(&text, text.count)] {
      if let words = MPIRanks.words(code) {
        throw CommunicationError(problem: "MPI does not say who its ranks are (\(words))", remedy: other)
      }
    }
    (self.rank, self.count) = (Int(rank), Int(count))
    library = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    guard (self.rank, self.count) == (launch.rank, launch.count) else {
      throw CommunicationError(
        problem: "mpirun started \(launch.count) ranks, but \(library) sees \(count)", remedy: other)
    }
  }

  /// Cuts what is sent into messages of at most so many bytes, 1 … 2³⁰, instead of 2³⁰: for tests, on all ranks and before
  /// the first message.
  package static func cutMessages(at bytes: Int) { cmpi_cut_messages(bytes) }

  /// Waits for all processes.
  public func barrier() throws { try check(cmpi_barrier(), "a barrier") }

  /// Copies the bytes of rank `root`, in pieces of at most 2³⁰ bytes.
  public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) throws {
    try check(cmpi_broadcast(bytes.baseAddress, bytes.count, Int32(root)), "a broadcast")
    if rank == root { sentBytes += bytes.count * (count - 1) }
  }

  /// Gives every process the bytes of all.
  public func allGather(
    _ mine: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer, sizes: [Int]
  ) throws {
    expect(sizes, fill: all.count, "allGather")
    precondition(mine.count == sizes[rank], "rank \(rank) gives \(mine.count) bytes, not \(sizes[rank])")
    try check(cmpi_allgather(mine.baseAddress, all.baseAddress, sizes, sizes.offsets()), "a gather to all")
    sentBytes += mine.count * (count - 1)
  }

  /// Gives rank `root` the bytes of all.
  public func gather(
    _ mine: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer, sizes: [Int], at root: Int
  ) throws {
    precondition(mine.count == sizes[rank], "rank \(rank) gives \(mine.count) bytes, not \(sizes[rank])")
    if rank == root { expect(sizes, fill: all.count, "gather") }
    try check(cmpi_gather(mine.baseAddress, all.baseAddress, sizes, sizes.offsets(), Int32(root)), "a gather")
    if rank != root { sentBytes += mine.count }
  }

  /// Sends to each process bytes of its own.
  public func allToAll(
    _ mine: UnsafeRawBufferPointer, sizes: [Int], into all: UnsafeMutableRawBufferPointer, incoming: [Int]
  ) throws {
    expect(sizes, fill: mine.count, "allToAll, outgoing")
    expect(incoming, fill: all.count, "allToAll, incoming")
    try check(
      cmpi_alltoall(
        mine.baseAddress, sizes, sizes.offsets(), all.baseAddress, incoming, incoming.offsets()),
      "an exchange")
    sentBytes += mine.count - sizes[rank]
  }

  /// Sends bytes to another process; waits only if eight messages are still on their way.
  public func send(_ bytes: UnsafeRawBufferPointer, to other: Int) throws {
    try check(cmpi_send(bytes.baseAddress, bytes.count, Int32(other)), "a message to rank \(other)")
    sentBytes += bytes.count
  }

  /// Waits for bytes of another process.
  public func receive(_ bytes: UnsafeMutableRawBufferPointer, from other: Int) throws {
    try check(cmpi_receive(bytes.baseAddress, bytes.count, Int32(other)), "a message from rank \(other)")
  }

  /// Prints the reason on standard error and ends all processes, with status 1; does not return.
  public func abandon(because reason: String) {
    FileHandle.standardError.write(Data("error: \(oneLine(reason))\n".utf8))
    MPIRanks.end()
  }

  /// Ends all processes, with status 1, half a second later: a launcher that is told to end everything may drop what this
  /// process has just said.
  static func end() -> Never {
    Thread.sleep(forTimeInterval: 0.5)
    cmpi_abort(1)
    _exit(1)
  }

  /// Ends MPI after the work is done on all ranks; no call may follow.
  public func finish() throws { try check(cmpi_finalize(), "the end of MPI") }

  private func check(_ code: Int32, _ operation: String) throws {
    if let words = MPIRanks.words(code) {
      throw CommunicationError(
        rank: rank, problem: "\(operation) failed (\(words))", remedy: CommunicationError.again)
    }
  }

  /// What an error code means; nil for success.
  private static func words(_ code: Int32) -> String? {
    if code == 0 { return nil }
    var text = [CChar](repeating: 0, count: 256)
    cmpi_error_text(code, &text, text.count)
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
#endif
