// # Records of problems that were trained apart
//
// Put together, they are the record of one problem: losses add up, norms add like the sides of a box, and each part's
// loss stands beside the sum.
//
// Read before: `Sources/Training/History.swift`, `TrainingRunTests.swift`.

import Foundation
import Gradients
import Tensors
import TestSupport
import Testing
import Training

/// A record of steps, read as from a file: only runs can make steps.
private func history(_ steps: [StepNumbers], details names: [String] = []) throws -> History {
  let records = steps.enumerated().map { step, numbers in
    """
    {"step": \(step), "loss": \(numbers.loss), "learningRate": \(numbers.rate), "gradientNorm": \(numbers.norm),
     "details": \(numbers.details)}
    """
  }
  let text = #"{"tokensPerUpdate": 24, "detailNames": \#(names), "records": [\#(records.joined(separator: ", "))]}"#
  return try JSONDecoder().decode(History.self, from: Data(text.utf8))
}

/// The numbers of a step.
private struct StepNumbers {
  let loss, rate, norm: Double
  let details: [Double]
  init(_ loss: Double, _ rate: Double, _ norm: Double, _ details: [Double] = []) {
    (self.loss, self.rate, self.norm, self.details) = (loss, rate, norm, details)
  }
}

@Suite("records put together", .tallied) struct HistoryTests {
  @Test func lossesAddUpAndNormsAreSidesOfABox() throws {
    let names = ["layer 2", "layer 3", "layer 7"]
    let whole = History(
      of: [
        try history([StepNumbers(0.5, 0.25, 2), StepNumbers(8, 0.125, 0)]),
        try history([StepNumbers(0.25, 0.25, 3), StepNumbers(16, 0.125, 5)]),
        try history([StepNumbers(4, 0.25, 6), StepNumbers(-2, 0.125, 12)]),
      ], named: names)
    // 2² + 3² + 6² = 7², 5² + 12² = 13².
    let expected = [StepNumbers(4.75, 0.25, 7, [0.5, 0.25, 4]), StepNumbers(22, 0.125, 13, [8, 16, -2])]
    #expect(whole == (try history(expected, details: names)))
    #expect(whole.detail("layer 3") == [0.25, 16] && whole.losses == [4.75, 22])
    #expect(whole.rows[1] == ["1", "48", "22.0", "0.125", "13.0", "8.0", "16.0", "-2.0"])
  }

  // What the parts recorded beside their losses is not taken over; a single part is itself, under a name.
  @Test func aPartsDetailsAreItsOwn() throws {
    let part = try history([StepNumbers(3, 0.5, 2, [1.5])], details: ["half"])
    #expect(
      History(of: [part], named: ["only"]) == (try history([StepNumbers(3, 0.5, 2, [3])], details: ["only"])))
    let none = History(of: [try history([]), try history([])], named: ["a", "b"])
    #expect(none == History(tokensPerUpdate: 24, detailNames: ["a", "b"], records: []))
  }

  // Two problems on one tape, and on two.
  @Test func itIsTheRecordOfTheSum() throws {
    func run(_ parts: [Int]) throws -> History {
      let problems = [Problem(), Problem()]
      let run = try TrainingRun(
        "toy", of: parts.flatMap { problems[$0].trained }, settings: Problem.settings(steps: 1))
      for _ in run {
        // Each at the same points, the second threefold.
        let losses = parts.map { part in
          var random = run.random
          return [1, 3][part] * problems[part].loss(using: &random)
        }
        try run.descend(losses.dropFirst().reduce(losses[0]) { $0 + $1 })
      }
      return run.history
    }
    let (together, apart) = (try run([0, 1]), History(of: [try run([0]), try run([1])], named: ["one", "three"]))
    #expect(apart.records[0].details[1] == Double(3 * Scalar(apart.records[0].details[0])))
    let (mine, theirs) = (apart.records[0], together.records[0])
    expectClose(
      Tensor([Scalar(mine.loss), Scalar(mine.gradientNorm), Scalar(mine.learningRate)]),
      Tensor([Scalar(theirs.loss), Scalar(theirs.gradientNorm), Scalar(theirs.learningRate)]), "one tape and two")
  }

  @Test func partsOfUnequalLengthAndNoPartsAreRefused() async throws {
    let results = [
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = History(of: [try history([StepNumbers(1, 1, 1)]), .none], named: ["one", "none"])
      },
      await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
        _ = History(of: [], named: [])
      },
    ]
    for result in results {
      let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
      #expect(message.contains("equally many steps"), "\(message)")
    }
  }
}
