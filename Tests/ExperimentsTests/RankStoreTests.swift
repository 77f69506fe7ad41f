// # Models and studies on many ranks
//
// Ranks that are threads share one folder of results: what is in it afterwards is what one rank would have left, byte
// for byte, and every arm of a study was run by one of them.
//
// Read before: `Sources/Experiments/Experiment+Ranks.swift`, `SmallStore.swift`.

import Communication
import Distillation
import Experiments
import Foundation
import Tensors
import TestSupport
import Testing

@Suite("models and studies on many ranks", .tallied) struct RankStoreTests {
  /// The bytes of all files below a folder.
  private static func contents(_ folder: URL) throws -> [String: Data] {
    let names = try FileManager.default.subpathsOfDirectory(atPath: folder.path)
    return Dictionary(
      uniqueKeysWithValues: names.compactMap { name in
        (try? Data(contentsOf: folder.appending(path: name))).map { (name, $0) }
      })
  }

  /// A store on the text that is in a folder, with results in another.
  private static func store(
    _ folder: URL, _ out: String, _ ranks: any RankGroup, microBatches: Int?
  ) throws -> ModelStore {
    var settings = ExperimentSettings(isQuick: true, corpus: folder.appending(path: "text.txt"), teacherSteps: 4)
    var recipe = Recipe.quick
    (recipe.studentSteps, recipe.orientationSteps, recipe.alignmentEnd, recipe.windows) = (6, 2, 4, 4)
    recipe.layersSideBySide = 1
    (settings.recipe, settings.microBatches) = (recipe, microBatches)
    return ModelStore(try Experiment(settings), in: folder.appending(path: out), sharedAmong: ranks)
  }

  // With whole batches rank 0 trains for all; with micro-batches all do; layers are shared in both.
  @Test(arguments: [nil, 3] as [Int?]) func theFolderIsThatOfOneRank(microBatches: Int?) throws {
    try withTemporaryFolder { folder in
      _ = try smallStore(in: folder)
      @Sendable func make(_ out: String, _ ranks: any RankGroup) throws -> [[UInt64]] {
        let student = try Self.store(folder, out, ranks, microBatches: microBatches).student(.all)
        return student.model.parameters.map { $0.value.elements.map { UInt64($0.bitPattern) } }
      }
      let expected = try make("one", SingleRank())
      let made = try withRankThreads(3) { try make("three", $0) }
      for (rank, weights) in made.enumerated() { #expect(weights == expected, "rank \(rank)") }
      let (one, three) = try (
        Self.contents(folder.appending(path: "one")), Self.contents(folder.appending(path: "three"))
      )
      #expect(one == three && one.count > 8, "\(one.keys.sorted()) and \(three.keys.sorted())")
      // What is there is used again, by any number.
      #expect(try withRankThreads(2) { try make("one", $0) }.allSatisfy { $0 == expected })
    }
  }

  @Test func armsGoToRanks() throws {
    try withTemporaryFolder { folder in
      _ = try smallStore(in: folder)
      let arms = [1e-3, 2e-3, 3e-3].map { Arm(.phiMamba, [StagePlan(.distillation, steps: 2, rate: $0)]) }
      @Sendable func run(_ out: String, _ ranks: any RankGroup) throws -> [[Double]] {
        let study = try Study(in: Self.store(folder, out, ranks, microBatches: 2), seeds: 2)
        return try study.results("arms", of: arms).joined().map(\.losses)
      }
      let expected = try run("one", SingleRank())
      let results = try withRankThreads(4) { try run("four", $0) }
      for result in results { #expect(result == expected) }
      #expect(Set(expected).count == expected.count)
    }
  }
}
