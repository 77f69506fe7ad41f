// # Ranks under mpirun
//
// `make mpi` starts this program with 1, 2, 3, 4 and 8 ranks of each MPI, and compares what rank 0 prints: a line for
// each scenario, with the sum of all weights and records. It can also do to itself what happens to jobs.
//
//     mpirun -n 3 check-ranks FOLDER                      trains, and prints the sums
//     mpirun -n 3 check-ranks FOLDER stop SCENARIO STEP   ends all ranks after a step of a scenario, for a resumption
//     mpirun -n 3 check-ranks FOLDER kill STEP            kills the last rank after a step
//     mpirun -n 3 check-ranks FOLDER kill0 STEP           kills rank 0
//     mpirun -n 3 check-ranks FOLDER freeze STEP          stops the last rank, which keeps its connections but is silent
//     mpirun -n 3 check-ranks FOLDER late STEP            lets the last rank sleep for longer than a silent one may
//     mpirun -n 3 check-ranks FOLDER full RANK            gives a rank a disk without space
//     mpirun -n 3 check-ranks FOLDER differ               lets the last rank read another text
//     mpirun -n 3 check-ranks FOLDER messages BYTES PIECE sends so many bytes in each way, in pieces of at most so many
//
// Read before: `Sources/Communication/Job.swift`, `Scenario.swift`.

import Communication
import Foundation
import Tensors

let words = Array(CommandLine.arguments.dropFirst())
guard let folder = words.first else {
  FileHandle.standardError.write(Data("error: check-ranks needs a folder for checkpoints; give one\n".utf8))
  exit(2)
}
let place = URL(filePath: folder, directoryHint: .isDirectory)
let what = words.count > 1 ? words[1] : "sums"
let number = words.last.flatMap { Int($0) } ?? 0
let patience = 3.0

/// Does to this rank what was asked for, after a step.
func suffer(_ scenario: Scenario, _ step: Int, _ job: Job) {
  let ranks = job.ranks
  let isLast = ranks.rank == ranks.count - 1
  switch what {
  case "stop" where scenario.rawValue == words[2] && step == number:
    // Every rank stops in this step, and none is missed.
    try? job.finish()
    _exit(0)
  case "kill" where isLast && step == number, "kill0" where ranks.rank == 0 && step == number: kill(getpid(), SIGKILL)
  case "freeze" where isLast && step == number: kill(getpid(), SIGSTOP)
  case "late" where isLast && step == number && scenario == .teacher: Thread.sleep(forTimeInterval: 2 * patience)
  default: break
  }
}

var job: Job?
do {
  let launch = Launch()
  let isLast = launch.rank == launch.count - 1
  let begun = try Job(
    comparing: [("text", what == "differ" && isLast ? "Genesis" : "Exodus")], patience: patience)
  job = begun
  let ranks = begun.ranks
  if what == "full" && ranks.rank == number {
    // As on a full disk, the system refuses to write.
    signal(SIGXFSZ, SIG_IGN)
    var limit = rlimit(rlim_cur: 100, rlim_max: 100)
    setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
  }
  if what == "messages" {
    #if MPI
    MPIRanks.cutMessages(at: number)
    #endif
    for line in try sendMessages(ranks, bytes: Int(words[2]) ?? 0) where ranks.isRoot { print(line) }
  } else {
    for scenario in Scenario.allCases {
      let sum = try scenario.run(ranks, in: place) { step in
        begun.note("\(scenario.rawValue), step \(step) of \(Scenario.steps)")
        suffer(scenario, step, begun)
      }
      if ranks.isRoot { print(scenario.rawValue, sum) }
    }
  }
  fflush(nil)
  try begun.finish()
} catch {
  Job.end(job, because: error)
}
