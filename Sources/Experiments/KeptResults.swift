// # Results that are kept
//
// One file for each result, named after the hash of everything it depends on. The file also holds that key, so that a
// file with another key is not taken for this result.
//
// Read before: `StudyResult.swift`. Used by: `Study.swift`.

import Checkpoints
import Foundation

/// The results of studies in a folder.
struct KeptResults {
  private let folder: URL
  private let origin: Experiment.Origin

  /// - Parameter origin: what every result depends on, besides arm and seed
  init(in folder: URL, origin: Experiment.Origin) { (self.folder, self.origin) = (folder, origin) }

  /// What a result depends on.
  private struct Key: Encodable {
    var job: Arm
    var seed: UInt64
    var origin: Experiment.Origin
  }

  private struct Entry: Encodable {
    var key: Key
    var result: StudyResult
    /// The checksum of the result, so that edited numbers are not taken for a study's.
    var checksum: String
  }

  private func key(of job: Study.Job) -> Key { Key(job: job.arm, seed: job.seed, origin: origin) }

  private func file(of job: Study.Job) throws -> URL {
    folder.appending(path: fingerprint(of: try origin(of: job)) + ".json")
  }

  /// All that a job depends on, as JSON.
  func origin(of job: Study.Job) throws -> String { String(decoding: try sortedJSON(key(of: job)), as: UTF8.self) }

  /// A folder for the checkpoints of a job that is under way.
  func place(ofRunning job: Study.Job) throws -> URL {
    let file = try file(of: job)
    return folder.appending(path: "running").appending(path: file.deletingPathExtension().lastPathComponent)
  }

  /// The result of a job, if there is one.
  func result(of job: Study.Job) throws -> StudyResult? {
    struct Kept: Decodable {
      var result: StudyResult
      var checksum: String?
    }
    let key = key(of: job)
    let file = try file(of: job)
    guard FileManager.default.fileExists(atPath: file.path) else { return nil }
    let kept = try withRemedy("move it away, and the arm runs again") { try readJSON(Kept.self, from: file) }
    // An arm can hold a user's own stages, which nothing here can read back: we compare the keys as JSON.
    let (mine, whole) = try (
      JSONSerialization.jsonObject(with: sortedJSON(key)) as? NSDictionary,
      JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? NSDictionary
    )
    guard mine == whole?["key"] as? NSDictionary else { return nil }
    if let problem = kept.result.problem(isLayerwise: job.arm.stages.last.map { !$0.kind.isEndToEnd } == true) {
      throw CheckpointError(
        file: file.path, problem: "\(problem), and no study has written that",
        remedy: "move the file away, and the arm runs again")
    }
    if let sum = kept.checksum, sum != (try checksum(of: kept.result)) {
      throw editedByHand(file)
    }
    // A run that was killed just after writing its result leaves its checkpoints behind.
    try? FileManager.default.removeItem(at: try place(ofRunning: job))
    return kept.result
  }

  /// Writes the result of a job.
  func keep(_ result: StudyResult, of job: Study.Job) throws {
    try writeJSON(Entry(key: key(of: job), result: result, checksum: checksum(of: result)), to: try file(of: job))
    try? FileManager.default.removeItem(at: try place(ofRunning: job))
  }

  /// The number of results in the folder, 0 if it is not there yet.
  var count: Int {
    get throws {
      guard FileManager.default.fileExists(atPath: folder.path) else { return 0 }
      return try FileManager.default.contentsOfDirectory(atPath: folder.path).count { $0.hasSuffix(".json") }
    }
  }
}
