// # Measuring a student
//
// Against plain loops; exactly, where student and teacher are the same; and on the same windows, whichever model is
// measured and however the windows are cut into batches.

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
    for (name, numbers, samples) in [
      ("losses", found.losses, own), ("teacher's losses", found.teacherLosses, teachers),
      ("divergences", found.divergences, divergences), ("agreements", found.agreements, agreements),
    ] {
      expectClose(
        Tensor(numbers.map { Scalar($0) }), Tensor(samples.map { Scalar($0) }), within: Tolerance.loss,
        "\(student), \(name) of the windows")
    }
    #expect(found.divergence.mean > 0.01 && found.agreement.mean < 1)
  }

  /// A model whose distribution depends on the last token alone: `even` after 0, 2, 4 …, `odd` after 1, 3, 5 …
  ///
  /// Its blocks add nothing, the embedding of an even token alternates between 1 and −1, and that of an odd one is
  /// the opposite, so that the norm leaves them as they are.
  private static func model(after even: [Double], _ odd: [Double]) -> LanguageModel {
    let model = Pair.model(Pair.configuration, seed: 1)
    for block in model.blocks {
      for parameter in block.parameters where parameter.name.contains("dense") || parameter.name.contains("fc2") {
        parameter.value = .zeros(parameter.value.shape)
      }
    }
    let signs = (0..<10).map { $0 % 2 == 0 ? 1.0 : -1 }
    func tensor(_ rows: [[Double]]) -> Tensor { Tensor(rows.joined().map { Scalar($0) }, shape: [rows.count, 10]) }
    model.embedding.weight.value = tensor((0..<11).map { token in signs.map { token % 2 == 0 ? $0 : -$0 } })
    let norm = model.finalNorm.parameters
    norm[0].value = Tensor(repeating: Scalar((1 + 1e-5).squareRoot()), shape: [10])
    norm[1].value = .zeros([10])
    // Half the sum of both logarithms, and half their difference with the sign of the token.
    let logs = zip(even, odd).map { (Foundation.log($0), Foundation.log($1)) }
    model.head.weight.value = tensor(logs.map { a, b in signs.map { $0 * (a - b) / 20 } })
    model.head.bias!.value = Tensor(logs.map { Scalar(($0 + $1) / 2) })
    return model
  }

  // One half for one token, a twentieth for each of the ten others; after even tokens teacher and student prefer the
  // same token, after odd ones different tokens.
  @Test func aCaseThatIsWorkedOutByHand() {
    func half(for token: Int) -> [Double] { (0..<11).map { $0 == token ? 0.5 : 0.05 } }
    let teacher = Self.model(after: half(for: 3), half(for: 8)).frozen
    let student = Self.model(after: half(for: 3), half(for: 5)).frozen
    let batches = [
      // No odd token; two; five, and the student is right where the teacher is not.
      Batch(
        inputs: Tokens([0, 2, 4, 6, 8, 1, 0, 2, 3, 10], B: 2, T: 5),
        targets: Tokens([3, 3, 1, 3, 0, 8, 3, 7, 8, 3], B: 2, T: 5)),
      Batch(inputs: Tokens([1, 3, 5, 7, 9], B: 1, T: 5), targets: Tokens([5, 5, 5, 8, 2], B: 1, T: 5)),
    ]
    let (two, twenty) = (Foundation.log(2.0), Foundation.log(20.0))
    var done: [Int] = []
    let found = evaluate(student, against: teacher, on: batches, onBatch: { done.append($0) })
    #expect(done == [1, 2])
    #expect(found.windows == 3)
    for (name, numbers, expected) in [
      // Of each window: how many of the five targets have one half.
      ("losses", found.losses, [3, 2, 3].map { ($0 * two + (5 - $0) * twenty) / 5 }),
      ("teacher's losses", found.teacherLosses, [3, 4, 1].map { ($0 * two + (5 - $0) * twenty) / 5 }),
      // ½ log(½ / 1/20) + 1/20 log(1/20 / ½) at each odd token.
      ("divergences", found.divergences, [0, 2, 5].map { $0 / 5 * 0.45 * Foundation.log(10.0) }),
      ("agreements", found.agreements, [1, 0.6, 0]),
    ] {
      expectClose(
        Tensor(numbers.map { Scalar($0) }), Tensor(expected.map { Scalar($0) }), within: Tolerance.loss, name)
    }
  }

  // The means are those of the windows' numbers, which a file keeps.
  @Test(arguments: Student.allCases) func theEstimatesAreThoseOfTheWindows(student: Student) throws {
    let pair = Pair(student)
    var done: [Int] = []
    let found = try evaluate(pair.student.frozen, against: pair.teacher.frozen, on: Self.batches()) {
      done.append($0)
    }
    // Five windows in batches of two.
    #expect(done == [1, 2, 3])
    #expect(found.crossEntropy == Estimate(found.losses) && found.losses.count == 5)
    #expect(found.teacherCrossEntropy == Estimate(found.teacherLosses) && found.teacherLosses.count == 5)
    #expect(found.divergence == Estimate(found.divergences) && found.divergences.count == 5)
    #expect(found.agreement == Estimate(found.agreements) && found.agreements.count == 5)
    #expect(Set([found.losses, found.teacherLosses, found.divergences, found.agreements]).count == 4)
    let read = try JSONDecoder().decode(Evaluation.self, from: try JSONEncoder().encode(found))
    #expect(read.losses == found.losses && read.teacherLosses == found.teacherLosses)
    #expect(read.divergences == found.divergences && read.agreements == found.agreements)
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
