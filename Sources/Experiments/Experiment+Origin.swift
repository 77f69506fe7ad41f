// # What a number depends on
//
// Everything that is kept, whether a model, a result or a checkpoint, is bound to what it was made from: recipe,
// text, number type, and the version of the program.
//
// Read before: `Experiment.swift`. Read next: `ModelStore.swift`, `KeptResults.swift`.

import Checkpoints
import Corpora
import Tensors

extension Experiment {
  /// What every number depends on besides the request itself: recipe, text, number type and the program.
  struct Origin: Codable, Equatable {
    var recipe: Recipe
    var corpus: String
    var scalar: String
    var version: Int
  }

  var origin: Origin {
    Origin(recipe: recipe, corpus: corpusName, scalar: scalarName, version: Experiment.version)
  }

  /// The version of the computation, to which everything that is kept is bound. It is raised with every change after
  /// which the same recipe gives different numbers, beyond rounding, or kept files have another form; a test compares
  /// the numbers of this version (`Tests/ExperimentsTests/OriginTests.swift`).
  public static let version = 1
}

// ## Sums of texts

/// A short name for a text, from its checksum: different texts have different names, barring a collision of 64 bits.
public func fingerprint(of text: String) -> String { String(checksum(text), radix: 16) }

extension Corpus {
  /// FNV-1a of the tokens: two tokenizers of one size differ here.
  var checksum: UInt64 {
    var sum = Checksum()
    for tokens in [training, heldOut] { sum.add(tokens) }
    return sum.value
  }
}

/// FNV-1a of a text's bytes.
func checksum(_ text: String) -> UInt64 {
  var sum = Checksum()
  sum.add(text)
  return sum.value
}
