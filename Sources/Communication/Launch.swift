// # How a program was started
//
// `mpirun -n 4 PROGRAM` starts four processes and tells each of them so in its environment; every launcher has names
// of its own for that. A program that was started without one is a group of one rank and never touches MPI.
//
// Read before: `RankGroup.swift`. Read next: `MPIRanks.swift`.

import Foundation

/// What a launcher says about this process.
public struct Launch: Equatable, Sendable {
  /// The number of processes it has started, at least 1.
  public let count: Int
  /// The number of this one.
  public let rank: Int

  /// Reads an environment; a group of one if there is nothing about a launcher in it.
  public init(_ environment: [String: String] = ProcessInfo.processInfo.environment) {
    // Open MPI; MPICH and its relatives, and Slurm through their interface.
    let names = [("OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"), ("PMI_SIZE", "PMI_RANK")]
    let found = names.lazy.compactMap { size, rank -> (Int, Int)? in
      guard let size = environment[size].flatMap({ Int($0) }), size > 0,
        let rank = environment[rank].flatMap({ Int($0) }), (0..<size).contains(rank)
      else { return nil }
      return (size, rank)
    }
    (count, rank) = found.first ?? (1, 0)
  }
}

/// The ranks with which this process was started: those of mpirun, or this process alone.
///
/// To be called once, by the thread that will make all calls. Throws `CommunicationError` if MPI does not start, or if
/// several processes were started and this program was built without MPI.
public func launchedRanks() throws -> any RankGroup {
  let launch = Launch()
  #if MPI
  return launch.count == 1 ? SingleRank() : try MPIRanks(launch)
  #else
  if launch.count == 1 { return SingleRank() }
  throw CommunicationError(
    problem: "\(launch.count) ranks were started, but this program was built without MPI, and they would overwrite"
      + " each other's files",
    remedy: "build one with `make mpi-build` and start that, or start this one without mpirun")
  #endif
}
