// # Where a study keeps what its teachers read
//
// The passes of a small teacher fit into memory. A step of stage 2 leaves nine million bytes of SmolLM2-135M, and a study
// has thousands of steps: its passes go to the disk, where they also outlast a run that is killed.
//
// Read before: `Models/RememberedPasses.swift`. Used by: `Study.swift`.

import Foundation
import Models
import Tensors

/// How many bytes the passes of a study's teachers may take, and where.
public enum RoomForPasses: Sendable {
  /// In memory, for all teachers together.
  case memory(bytes: Int)
  /// In the folder of studies, for all teachers together.
  case disk(bytes: Int)

  /// An eighth of the memory that is available, at most 1.2 billion bytes.
  public static var inMemory: RoomForPasses {
    .memory(bytes: min((MemoryStatistics.available ?? 0) / 8, 1_200_000_000))
  }

  /// The teachers of some seeds, which remember their passes, and the folder where these lie.
  func teachers(
    of seeds: [UInt64], from store: ModelStore
  ) throws -> (teachers: [UInt64: FrozenModel], folder: URL?) {
    // A teacher that was given is the same for all seeds, and so are its passes.
    let shared = store.experiment.givenTeacher != nil
    let count = shared ? 1 : seeds.count
    let folder: URL? = if case .disk = self { store.studyFolder.appending(path: "passes") } else { nil }
    func passes(_ teacher: FrozenModel) -> RememberedPasses {
      switch self {
      case .memory(let bytes): RememberedPasses(room: bytes / count)
      case .disk(let bytes):
        RememberedPasses(
          room: bytes / count,
          in: folder?.appending(path: "\(Scalar.self)-\(String(teacher.model.fingerprint, radix: 16))"))
      }
    }
    var teachers: [UInt64: FrozenModel] = [:]
    var known: RememberedPasses?
    for seed in seeds {
      let teacher = try store.with(seed: seed).teacher().frozen
      let own = known ?? passes(teacher)
      if shared { known = own }
      teachers[seed] = teacher.remembering(own)
    }
    return (teachers, folder)
  }
}
