// # A job
//
// What a program does to be one rank of several, from its first statement to its last:
//
//     let job = try Job(comparing: [("recipe", recipe)])      starts MPI, compares the ranks, watches over them
//     …                                                       works with job.ranks
//     try job.finish()                                        waits for the others
//
// If a rank ends before that, the whole job ends within seconds, with one sentence on standard error: which rank, what
// it was doing, and what to do. The launcher then adds what it has to say, which `mpirun --quiet` leaves out.
//
// A program that was started alone is a job of one rank: nothing is compared, nothing watched.
//
// Read before: `Launch.swift`, `RankGroup+Agreement.swift`, `Heartbeat.swift`.

import Foundation
import Tensors

/// The ranks that were started together, watched over.
public final class Job: Sendable {
  /// The ranks.
  public let ranks: any RankGroup
  private let heartbeat: Heartbeat?

  /// Starts the job; to be called once on each rank, by the thread that goes on to work.
  ///
  /// Throws `CommunicationError` on all ranks if one differs from rank 0 in its program, in what the processor gives
  /// the bits of a result, or in one of the facts.
  ///
  /// - Parameters:
  ///   - facts: what else has to be equal, by name, such as the text and the recipe
  ///   - patience: the seconds without a sign of life after which a rank counts as gone
  public convenience init(comparing facts: [(name: String, value: String)] = [], patience: Double = 20) throws {
    let ranks = try launchedRanks()
    if ranks.count > 1 { Job.speakBeforeTheEnd() }
    let program = ranks.count > 1 ? try Job.sumOfProgram() : ""
    try self.init(
      ranks,
      comparing: [("program", program), ("processor or C library", arithmeticOfThisMachine())] + facts,
      patience: patience
    ) { error in
      // Rank 0 speaks of any other rank, and rank 1 of rank 0; the others only if rank 1 is gone as well.
      if ranks.rank > 1 { Job.letOthersSpeak(before: ranks.rank) }
      Job.end(saying: "\(error)")
    }
  }

  /// A job of given ranks.
  ///
  /// - Parameter onEnd: called when a rank has ended early
  package init(
    _ ranks: any RankGroup, comparing facts: [(name: String, value: String)], patience: Double,
    onEnd: @escaping @Sendable (CommunicationError) -> Void
  ) throws {
    self.ranks = ranks
    guard ranks.count > 1 else {
      heartbeat = nil
      return
    }
    heartbeat = try Heartbeat(ranks, interval: min(1, patience / 4), patience: patience, onEnd: onEnd)
    do { try compare(facts) } catch {
      // All ranks know what is wrong, and none will be missed.
      heartbeat?.stop()
      throw error
    }
  }

  /// The same job with further facts to compare, once they are known. Throws as `init` does.
  public func compare(_ facts: [(name: String, value: String)]) throws {
    if ranks.count > 1 { try ranks.agree(on: facts) }
  }

  /// Ends this program, and with it all ranks, because of an error; prints it on standard error as one line, once for
  /// the whole job. The exit status is 1.
  ///
  /// - Parameter job: the job; nil if it did not begin
  public static func end(_ job: Job?, because error: any Error) -> Never {
    let launch = Launch()
    // Rank 0 speaks for a reason that all ranks have; another rank does if the job goes on meanwhile.
    if launch.rank > 0 { letOthersSpeak(before: launch.rank) }
    job?.heartbeat?.stop()
    end(saying: (launch.rank > 0 ? "rank \(launch.rank) on \(ProcessInfo.processInfo.hostName): " : "") + "\(error)")
  }

  /// Says what the job is doing, for the sentence about a rank that ends: "teacher, step 120 of 3000".
  public func note(_ activity: String) { heartbeat?.note(activity) }

  /// Waits until all ranks have done their work, and ends MPI.
  public func finish() throws {
    try heartbeat?.finish()
    #if MPI
    try (ranks as? MPIRanks)?.finish()
    #endif
  }

  // ## Parts

  /// Waits until a rank that has spoken has ended the job, which takes a second or two on a busy machine; each rank waits
  /// a little longer than the one before it.
  private static func letOthersSpeak(before rank: Int) {
    Thread.sleep(forTimeInterval: 3 + 0.1 * Double(min(rank, 20)))
  }

  /// Prints a sentence and ends all ranks, with status 1.
  private static func end(saying sentence: String) -> Never {
    FileHandle.standardError.write(Data("error: \(oneLine(sentence))\n".utf8))
    #if MPI
    MPIRanks.end()
    #else
    _exit(1)
    #endif
  }

  /// When a rank ends, the launcher tells the others to end too, with SIGTERM. They take half a second for the
  /// sentence about it.
  private static func speakBeforeTheEnd() {
    signal(SIGTERM) { _ in
      // Only what a signal handler may do: the watching thread speaks meanwhile, and the alarm's default ends us.
      signal(SIGALRM, SIG_DFL)
      alarm(1)
    }
  }

  /// The checksum of the running program's file.
  private static func sumOfProgram() throws -> String {
    #if os(Linux)
    let file = URL(filePath: "/proc/self/exe")
    #else
    let file = Bundle.main.executableURL ?? URL(filePath: CommandLine.arguments[0])
    #endif
    let data = try Data(contentsOf: file, options: .alwaysMapped)
    // FNV-1a over words: the file has tens of megabytes.
    var sum: UInt64 = 0xcbf2_9ce4_8422_2325
    data.withUnsafeBytes { bytes in
      for offset in stride(from: 0, to: bytes.count - 7, by: 8) {
        sum = (sum ^ bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) &* 0x100_0000_01b3
      }
    }
    return "\(data.count) bytes, sum \(String(sum, radix: 16))"
  }
}
