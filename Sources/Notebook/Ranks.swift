// # A chapter on many ranks
//
// `mpirun -n 4 05-teacher` starts the chapter four times. All four run it from the first line to the last, and share
// the work where it is shared (`Experiments/Experiment+Ranks.swift`); but a reader wants one transcript, one progress
// and one report. So rank 0 alone prints and writes; what the others print goes nowhere, and their files go into a
// folder that they remove in the end. Errors are the job's: one sentence, whichever rank has met it.
//
// Read before: `Communication/Job.swift`. Read next: `Chapter.swift`.

import Communication
import Foundation

/// The job that this program is a part of.
@MainActor
public enum Ranks {
  /// The job; nil if this program was started alone.
  public private(set) static var job: Job?
  /// Where ranks other than 0 write what only rank 0 should leave behind.
  private static var scratch: URL?

  /// Whether this rank prints and writes.
  public static var isFirst: Bool { launch.rank == 0 }
  private static let launch = Launch()

  /// Lets what ranks other than 0 print go nowhere.
  static func silenceOthers() {
    if isFirst { return }
    StandardOutput.begin()
    let nowhere = open("/dev/null", O_WRONLY)
    dup2(nowhere, STDOUT_FILENO)
    close(nowhere)
    Screen.shared.silence()
  }

  /// Begins the job if a launcher has started several ranks. Ends the program if they cannot work together.
  static func begin() {
    guard launch.count > 1, job == nil else { return }
    do { job = try Job() } catch { Job.end(nil, because: CommandError(description(of: error))) }
  }

  /// The folder for a chapter's own files: the given one on rank 0.
  static func folder(_ folder: URL) -> URL {
    if isFirst { return folder }
    let name = "mohawk-rank-\(ProcessInfo.processInfo.processIdentifier)"
    let scratch = FileManager.default.temporaryDirectory.appending(path: name, directoryHint: .isDirectory)
    Ranks.scratch = scratch
    return scratch.appending(path: folder.lastPathComponent, directoryHint: .isDirectory)
  }

  /// Ends the program because of an error, and all other ranks with it; returns if it was started alone.
  static func stop(because error: any Error) {
    removeScratch()
    if let job { Job.end(job, because: CommandError(description(of: error))) }
  }

  /// Waits for all ranks before the program ends.
  static func finish() {
    removeScratch()
    guard let job else { return }
    do { try job.finish() } catch { Job.end(job, because: error) }
  }

  private static func removeScratch() {
    if let scratch { try? FileManager.default.removeItem(at: scratch) }
    scratch = nil
  }
}
