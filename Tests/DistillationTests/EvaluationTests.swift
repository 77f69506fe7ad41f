// # Measuring a student
//
// Against plain loops; exact where student and teacher are one; and the same windows, whoever is
// measured and however they are cut into batches.

import Corpora
import Distillation
import Foundation
import Gradients
import Models
import Statistics
import Tensors
import TestSupport
import Testing

/// Each character from a to k is a token.
private struct LetterTokenizer: Tokenizer {
  var vocabularySize = 11
  func encode(_ text: String) -> [Int] { text.utf8.map { Int($0) - 97 } }
  func decode(_ ids: [Int]) -> String { String(decoding: ids.map { UInt8($0 + 97) }, as: UTF8.self) }
}

@Suite("evaluation", .tallied) struct EvaluationTests {
  /// Five held-out windows of seven tokens, in batches of B.
  static func batches(B: Int = 2) throws -> [Batch] {
    var random = SeededGenerator(seed: 5)
    let text = LetterTokenizer().decode((0..<200).map { _ in Int.random(in: 0..<11, using: &random) })
    return try Corpus(text: text, tokenizer: LetterTokenizer(), heldOutFraction: 0.5)
      .heldOutBatches(count: 5, B: B, T: 7)
  }

  @Test(arguments: Student.allCases) func theNumbersAreThoseOfPlainLoops(student: Student) throws {
    let pair = Pair(student)
    var (own, teachers, divergences, agreements) = ([Double](), [Double](), [Double](), [Double]())
    for batch in try EvaluationTests.batches() {
      let (q, p) = (
        Naive.softmax(pair.student(batch.inputs).value), Naive.softmax(pair.teacher(batch.inputs).value)
      )
      for row in 0..<batch.inputs.B {
        var (mine, theirs, divergence, same) = (0.0, 0.0, 0.0, 0.0)
        for t in 0..<7 {
          let target = batch.targets.ids[row * 7 + t]
          mine -= Foundation.log(Double(q[row, t, target])) / 7
          theirs -= Foundation.log(Double(p[row, t, target])) / 7
          var (best, bestOfTeacher) = (0, 0)
          for v in 0..<11 {
            let (x, y) = (Double(p[row, t, v]), Double(q[row, t, v]))
            divergence += x * (Foundation.log(x) - Foundation.log(y)) / 7
            if q[row, t, v] > q[row, t, best] { best = v }
            if p[row, t, v] > p[row, t, bestOfTeacher] { bestOfTeacher = v }
          }
          same += best == bestOfTeacher ? 1 / 7 : 0
        }
        own.append(mine)
        teachers.append(theirs)
        divergences.append(divergence)
        agreements.append(same)
      }
    }
    let found = try evaluate(pair.student.frozen, against: pair.teacher.frozen, on: EvaluationTests.batches())
    #expect(found.windows == 5)
    for (name, estimate, samples) in [
      ("cross-entropy", found.crossEntropy, own), ("teacher's", found.teacherCrossEntropy, teachers),
      ("divergence", found.divergence, divergences), ("agreement", found.agreement, agreements),
    ] {
      let expected = Estimate(samples)
      expectClose(
        Tensor([Scalar(estimate.mean), Scalar(estimate.standardError)]),
        Tensor([Scalar(expected.mean), Scalar(expected.standardError)]), within: Tolerance.loss, "\(student), \(name)"
      )
    }
    expectClose(
      Tensor(found.losses.map { Scalar($0) }), Tensor(own.map { Scalar($0) }), within: Tolerance.loss, "windows")
    #expect(found.divergence.mean > 0.01 && found.agreement.mean < 1)
  }

  @Test func aPerfectStudentIsAtNoDistance() throws {
    let pair = Pair(.control)
    pair.makeEqual()
    let batches = try EvaluationTests.batches()
    let found = evaluate(pair.student.frozen, against: pair.teacher.frozen, on: batches)
    #expect(found.divergence == Estimate([0, 0, 0, 0, 0]))
    #expect(abs(found.agreement.mean - 1) < 1e-6 && found.agreement.standardError < 1e-6)
    #expect(found.crossEntropy == found.teacherCrossEntropy)
    for distance in layerDistances(of: pair.student.frozen, from: pair.teacher.frozen, on: batches) {
      #expect(distance.matrix == 0 && distance.hidden == 0 && distance.teacherNorm > 0.1, "layer \(distance.layer)")
    }
  }

  @Test func everyStudentIsMeasuredOnTheSameWindows() throws {
    let batches = try EvaluationTests.batches()
    #expect(try batches == EvaluationTests.batches())
    let found = Student.allCases.map { kind -> Evaluation in
      let pair = Pair(kind)
      return evaluate(pair.student.frozen, against: pair.teacher.frozen, on: batches)
    }
    #expect(found.allSatisfy { $0.teacherCrossEntropy == found[0].teacherCrossEntropy })
    let pair = Pair(.mamba)
    #expect(crossEntropy(of: pair.student.frozen, on: batches) == found[0].crossEntropy)
    #expect(crossEntropy(of: pair.teacher.frozen, on: batches) == found[0].teacherCrossEntropy)
    // Measuring changes nothing: the second time gives the same.
    let again = evaluate(pair.student.frozen, against: pair.teacher.frozen, on: batches)
    #expect(again.losses == evaluate(pair.student.frozen, against: pair.teacher.frozen, on: batches).losses)
  }

  // The last batch may have fewer windows than the others; a window counts the same in each.
  @Test func itDoesNotMatterHowTheWindowsAreCutIntoBatches() throws {
    let pair = Pair(.hybrid)
    func numbers(B: Int) throws -> Tensor {
      let batches = try EvaluationTests.batches(B: B)
      let found = evaluate(pair.student.frozen, against: pair.teacher.frozen, on: batches)
      let estimates = [found.crossEntropy, found.teacherCrossEntropy, found.divergence, found.agreement]
      let distances = layerDistances(of: pair.student.frozen, from: pair.teacher.frozen, on: batches)
      return Tensor(
        (estimates.flatMap { [$0.mean, $0.standardError] }
          + distances.flatMap { [Double($0.layer), $0.matrix, $0.hidden, $0.teacherNorm] }).map { Scalar($0) })
    }
    for B in [2, 3, 5] {
      expectClose(try numbers(B: B), try numbers(B: 1), within: Tolerance.loss, "batches of \(B)")
    }
  }

  @Test(arguments: Student.allCases) func layerDistancesAreTheLossesOfTheStages(student: Student) throws {
    let pair = Pair(student)
    // One batch with all windows, so that the means are over the same.
    let batches = try EvaluationTests.batches(B: 5)
    let distances = layerDistances(of: pair.student.frozen, from: pair.teacher.frozen, on: batches)
    #expect(distances.map(\.layer) == [0, 1, 2])
    for (stage, number) in [(StageForm.matrices, \LayerDistance.matrix), (.mixerOutputs, \.hidden)] {
      let parts = stage.between(pair).loss(batches[0]).parts
      for (layer, part) in zip(student.replaced, parts) {
        expectClose(
          Tensor(Scalar(distances[layer][keyPath: number])), Tensor(Scalar(part.1)), within: Tolerance.loss,
          "\(student), \(stage), \(part.0)")
      }
    }
    for (layer, trace) in pair.teacher.trace(batches[0].inputs).enumerated() {
      let output = trace.mixerOutput.value
      let norm = mean(Naive.distance(output, .zeros(output.shape), over: 1))
      expectClose(
        Tensor(Scalar(distances[layer].teacherNorm)), norm, within: Tolerance.loss, "norm of layer \(layer)")
    }
  }
}
