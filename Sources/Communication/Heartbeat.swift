// # Hearing that a rank has ended
//
// A rank that is killed, or whose machine loses its network, says nothing; the others wait for its next message, some
// libraries for ever. So each rank keeps a connection to rank 0, on which a byte goes both ways each second:
//
//     the connection is closed       the process at the other end has ended: known within milliseconds
//     nothing came for some time     its machine is gone, or the process is stopped
//
// A rank that computes for an hour is neither: the bytes are sent by a thread of their own. Rank 0 notices each other
// rank, and all notice rank 0; whoever notices first says so in one sentence and ends the job.
//
// Connections are TCP. Rank 0 listens on a free port and tells the others through the group where; each introduces
// itself with its number and a random key, so that a stranger's connection is not taken for a rank.
//
// Read before: `RankGroup.swift`, `MPIRanks.swift`. Source of the socket calls: POSIX.1-2017.

import Foundation
import Tensors

/// Watches whether the other ranks of a group are alive.
public final class Heartbeat: @unchecked Sendable {
  private let group: any RankGroup
  private let interval, patience: Double
  private let onEnd: @Sendable (CommunicationError) -> Void
  private let state = Lock<State>(State())

  private struct State {
    var activity = "before the first step"
    var isOver = false
    var connections: [Socket] = []
  }

  /// Connects the ranks; to be called by all of them. Throws `CommunicationError` if they cannot connect.
  ///
  /// - Parameters:
  ///   - interval: the seconds between two bytes
  ///   - patience: the seconds without a byte after which a rank counts as gone; some times `interval`
  ///   - addresses: where rank 0 can be reached, tried in order; nil for those of its machine
  ///   - onEnd: called once, on a thread of its own, when a rank has ended without `finish`: by rank 0, or by all
  ///     others if it was rank 0
  public init(
    _ group: any RankGroup, interval: Double = 1, patience: Double = 20, addresses: [String]? = nil,
    onEnd: @escaping @Sendable (CommunicationError) -> Void
  ) throws {
    (self.group, self.interval, self.patience, self.onEnd) = (group, interval, patience, onEnd)
    let remedy = "allow TCP connections between the machines of the job"
    let listener = group.isRoot ? try Socket.listening() : nil
    let key = group.isRoot ? UInt64.random(in: .min ... .max) : 0
    let mine = listener.map { ([String($0.port), String(key)] + (addresses ?? Socket.addresses())) } ?? []
    let told = try group.textOfRoot(mine.joined(separator: " ")).split(separator: " ").map(String.init)
    guard told.count > 2, let port = UInt16(told[0]), let key = UInt64(told[1]) else {
      throw CommunicationError(rank: 0, problem: "its machine has no network address", remedy: remedy)
    }
    let connections = try group.onAll { () throws -> [(rank: Int, socket: Socket)] in
      if let listener { return try Heartbeat.callers(listener, key, of: group.count, within: patience) }
      guard let socket = told[2...].lazy.compactMap({ Socket(connectingTo: $0, port, within: patience) }).first,
        socket.send([key, UInt64(group.rank)])
      else { throw CommunicationError(problem: "it cannot reach rank 0 at \(told[2])", remedy: remedy) }
      return [(0, socket)]
    }
    state.withLock { $0.connections = connections.map(\.socket) }
    for (rank, socket) in connections { watch(rank, socket) }
  }

  /// The connections of all other ranks, in the order in which they call.
  private static func callers(
    _ listener: Socket, _ key: UInt64, of count: Int, within seconds: Double
  ) throws -> [(rank: Int, socket: Socket)] {
    var found: [(rank: Int, socket: Socket)] = []
    let end = ContinuousClock.now + .seconds(seconds)
    while found.count < count - 1 {
      guard ContinuousClock.now < end else {
        let missing = (1..<count).filter { rank in !found.contains { $0.rank == rank } }
        throw CommunicationError(
          rank: missing[0], problem: "it did not connect to rank 0",
          remedy: "allow TCP connections between the machines of the job")
      }
      guard let socket = listener.accepted(within: 1), let words = socket.received(2, within: 2), words[0] == key,
        words[1] < UInt64(count)
      else { continue }
      found.append((Int(words[1]), socket))
    }
    return found
  }

  /// Says what the job is doing, for the message if a rank ends: "teacher, step 120 of 3000".
  public func note(_ activity: String) { state.withLock { $0.activity = activity } }

  /// Ends the watch on all ranks, which have to call it: what happens to one of them from now on is no fault.
  public func finish() throws {
    // No rank may end its process while another still watches it.
    try group.barrier()
    stop()
    try group.barrier()
  }

  /// Ends the watch on all ranks, on the word of this one alone: it ends the job itself, and has said why.
  public func stop() {
    let connections = state.withLock { state in
      defer { state.isOver = true }
      return state.isOver ? [] : state.connections
    }
    for connection in connections { _ = connection.sendByte(1) }
  }

  // ## A connection

  private func watch(_ rank: Int, _ socket: Socket) {
    let thread = Thread { [self] in
      // The seconds since the last byte, without those in which this process itself was stopped.
      var silence = 0.0
      while true {
        if state.withLock({ $0.isOver }) { return }
        _ = socket.sendByte(0)
        silence += interval
        let pause = ContinuousClock.now + .seconds(interval)
        while ContinuousClock.now < pause {
          switch socket.byte(within: interval / 4) {
          case .nothing: break
          case .byte(let byte):
            silence = 0
            // The watch is over; rank 0 passes it on.
            if byte == 1 { return stop() }
          case .closed: return report(rank, "it was killed or ended by itself")
          }
        }
        if silence > patience {
          return report(rank, "nothing was heard of it for \(Int(silence.rounded())) seconds")
        }
      }
    }
    thread.name = "heartbeat of rank \(rank)"
    thread.start()
  }

  private func report(_ rank: Int, _ what: String) {
    let (isOver, activity) = state.withLock { ($0.isOver, $0.activity) }
    if isOver { return }
    stop()
    onEnd(CommunicationError(rank: rank, problem: "\(what) (\(activity))", remedy: CommunicationError.again))
  }
}
