// # Corridors
//
// Read before: `ConformanceKit/Corridor.swift`.

import Checkpoints
import ConformanceKit
import Foundation
import Statistics
import TestSupport
import Tensors
import Testing

@Suite("corridors") struct CorridorTests {
  /// The loss of a made-up run: it falls from 5, and its noise is the seed's.
  private func curve(seed: UInt64, steps: Int = 60, factor: Double = 1) -> [Double] {
    var random = SeededGenerator(seed: seed)
    let level = 0.1 * Double.random(in: -1..<1, using: &random)
    return (0..<steps).map {
      factor * (1 + 4 * exp(-Double($0) / 20)) + level + 0.1 * Double.random(in: -1..<1, using: &random)
    }
  }

  private var corridor: Corridor {
    Corridor(
      model: "made up", stage: 1, words: "", curves: (0..<8).map { curve(seed: $0) },
      planted: [(.hardLabels, curve(seed: 90, factor: 1.5)), (.temperatureTwo, curve(seed: 91, factor: 3))])
  }

  @Test func meansAndBandsAreThoseOfTheFormula() {
    let curves = [[1, 3, 2, 4, 9], [3, 5, 4, 6, 9], [5, 10, 6, 8, 9]] as [[Double]]
    let corridor = Corridor(model: "m", stage: 2, words: "", window: 2, curves: curves)
    #expect(corridor.mean == [4.5, 5] && corridor.runs == 3 && corridor.steps == 4)
    // Means of windows 2, 4, 7.5 and 3, 5, 7; deviations by hand.
    let deviation = ((2.5 * 2.5 + 0.25 + 9) / 2).squareRoot()
    #expect(abs(corridor.deviation[0] - deviation) < 1e-4 && corridor.deviation[1] == 2)
    let t = studentQuantile(0.995, degrees: 2)
    #expect(abs(corridor.halfWidths[1] - t * 2 * (4.0 / 3).squareRoot()) < 1e-9)
  }

  @Test func rightRunsAreInside() {
    for seed in 100..<140 { #expect(corridor.verdict(on: curve(seed: UInt64(seed))).outsideFrom == nil) }
  }

  @Test func aRunThatLeavesIsOutsideFromThenOn() {
    let good = curve(seed: 200)
    let verdict = corridor.verdict(on: good.enumerated().map { $0 < 30 ? $1 : $1 + 2 })
    #expect(verdict.outsideFrom == 30 && verdict.isAbove)
    #expect(corridor.verdict(on: good.enumerated().map { $0 < 30 ? $1 : $1 - 2 }).isAbove == false)
    // Two windows outside are no run outside, and a loss that is no number is outside.
    #expect(corridor.verdict(on: good.enumerated().map { (30..<40).contains($0) ? $1 + 2 : $1 }).outsideFrom == nil)
    #expect(corridor.verdict(on: good.enumerated().map { $0 < 40 ? $1 : .nan }).outsideFrom == 40)
  }

  @Test func aPlantedMistakeIsRecognised() {
    let verdict = corridor.verdict(on: curve(seed: 300, factor: 1.5))
    #expect(verdict.resembles.first?.fault == .hardLabels && verdict.resembles.count == 1)
    #expect(corridor.verdict(on: curve(seed: 300, factor: 9)).resembles.isEmpty)
  }

  @Test func filesAreReadOrRefusedInASentence() throws {
    try withTemporaryFolder { folder in
      func read(_ text: String) throws -> [Double] {
        let file = folder.appending(path: "run.csv")
        try text.write(to: file, atomically: true, encoding: .utf8)
        return try Corridor.curve(contentsOf: file)
      }
      #expect(try read("step,Loss\n0,1.5\r\n1,\"2\"\n\n") == [1.5, 2])
      for (text, part) in [
        ("", "names no column loss"), ("a,b\n1,2", "names no column loss"), ("step,loss\n1", "line 2 has no number"),
        ("loss\n1\nx", "line 3 has no number"),
      ] {
        let error = #expect(throws: CheckpointError.self) { try read(text) }
        #expect(error?.problem.contains(part) == true, "\(text): \(String(describing: error))")
      }
      #expect { try Corridor.curve(contentsOf: folder) } throws: { "\($0)".contains("this is a folder") }
      #expect { try Corridor.curve(contentsOf: folder.appending(path: "none")) } throws: {
        "\($0)".contains("no such file")
      }
      try writeJSON([corridor], to: folder.appending(path: "corridors.json"))
      #expect(try Corridor.all(in: folder) == [corridor])
      let torn = Corridor(model: "m", stage: 1, words: "", curves: [[1, 2], [2, 3]])
      try writeJSON([torn], to: folder.appending(path: "corridors.json"))
      #expect { try Corridor.all(in: folder) } throws: { "\($0)".contains("is not whole") }
    }
  }
}
