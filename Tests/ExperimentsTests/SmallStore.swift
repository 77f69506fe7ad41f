// # A store for tests
//
// Used by: `StudyTests.swift`, `OriginTests.swift`.

import Experiments
import Foundation
import Tensors
import TestSupport

/// A store with the quick recipe on a text of its own, in a folder that is removed afterwards.
func withStore(_ body: (ModelStore) throws -> Void) throws {
  try withTemporaryFolder { try body(smallStore(in: $0)) }
}

/// A store with the quick recipe in a folder, on a text whose words are drawn from the seed of a name.
func smallStore(in folder: URL, drawnBy name: String = "words") throws -> ModelStore {
  let text = folder.appending(path: "text.txt")
  let words = ["in", "the", "beginning", "was", "a", "word", "and", "it", "grew"]
  var random = SeededGenerator(for: name)
  let drawn = (0..<3000).map { _ in words[Int.random(in: 0..<words.count, using: &random)] }
  try drawn.joined(separator: " ").write(to: text, atomically: true, encoding: .utf8)
  return try ModelStore(
    Experiment(ExperimentSettings(isQuick: true, corpus: text, teacherSteps: 8)), in: folder.appending(path: "out"))
}
