// # What a number depends on
//
// Whatever is kept, a model, a result, a checkpoint, is bound to what it was made from: recipe, text, number
// type, and the version of the program.
//
// Read before: `Experiment.swift`. Read next: `ModelStore.swift`, `KeptResults.swift`.

import Checkpoints
import Corpora
import Tensors

extension Experiment {
  /// What every number depends on besides what is asked for: recipe, text, number type and the program.
  struct Origin: Codable, Equatable {
    var recipe: Recipe
    var corpus: String
    var scalar: String
    var version: Int
  }

  var origin: Origin {
    Origin(recipe: recipe, corpus: corpusName, scalar: scalarName, version: Experiment.version)
  }

  /// The version of what is computed, which all that is kept is bound to. It is raised with every change after which
  /// the same recipe gives other numbers, beyond rounding, or after which what is kept has another form; a test
  /// compares the numbers of this version (`Tests/ExperimentsTests/OriginTests.swift`).
  public static let version = 1
}

// ## Sums of texts

/// A short name for a text that differs from that of any other.
public func fingerprint(of text: String) -> String { String(checksum(text), radix: 16) }

extension Corpus {
  /// FNV-1a of the tokens: two tokenizers of one size differ here.
  var checksum: UInt64 {
    Checkpoints.checksum([training, heldOut].lazy.flatMap { $0.lazy.map { UInt64($0) } })
  }
}

/// FNV-1a of a text's bytes.
func checksum(_ text: String) -> UInt64 {
  checksum(text.utf8.lazy.map { UInt64($0) })
}
