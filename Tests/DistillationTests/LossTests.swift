// # The losses of the stages
//
// Each loss computed again with plain loops over numbers: the norm not squared, not divided by T, the mean over batch
// and heads or batch and time, the sum over layers. The matrices and outputs that the loops compare are those of the
// layers, which have twins of their own in LayersTests.

import Distillation
import Foundation
import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite("the losses", .tallied) struct LossTests {
  /// The sum over layers of the mean over the outer axes of the Euclidean norm over the `inner`
  /// innermost axes.
  private func naiveLoss(_ pairs: [(Tensor, Tensor)], inner: Int) -> [Double] {
    pairs.map { mine, theirs in
      let size = mine.shape.suffix(inner).count
      let (a, b) = (mine.elements, theirs.elements)
      var (total, rows) = (0.0, 0)
      for row in 0..<(a.count / size) {
        var squares = 0.0
        for place in 0..<size {
          let error = Double(a[row * size + place]) - Double(b[row * size + place])
          squares += error * error
        }
        total += squares.squareRoot()
        rows += 1
      }
      return total / Double(rows)
    }
  }

  @Test(arguments: Student.allCases, StageForm.layerwise) func aLayersLossIsTheNaiveOne(
    student: Student, stage: StageForm
  ) {
    let pair = Pair(student)
    let traces = pair.teacher.trace(tokens)
    let compared = student.replaced.map { layer -> (Tensor, Tensor) in
      let (trace, block) = (traces[layer], pair.student.blocks[layer])
      return switch stage {
      case .matrices: (block.mixer.matrix(trace.mixerInput).value, trace.matrix!.value)
      case .mixerOutputs: (block.mixer(trace.mixerInput).value, trace.mixerOutput.value)
      default: (block(trace.input).value, trace.output.value)
      }
    }
    let expected = naiveLoss(compared, inner: stage == .matrices ? 2 : 1)
    let loss = stage.between(pair).loss(tokens)
    #expect(loss.parts.map(\.0) == student.replaced.map { "layer \($0)" })
    expectClose(
      Tensor(loss.parts.map { Scalar($0.1) }), Tensor(expected.map { Scalar($0) }), within: Tolerance.loss,
      "\(student), \(stage), layers")
    expectClose(
      loss.total.value, Tensor(Scalar(expected.reduce(0, +))), within: Tolerance.loss, "\(student), \(stage), total")
    #expect(expected.allSatisfy { $0 > 0.1 }, "nothing to compare")
  }

  @Test(arguments: Student.allCases) func theLastStagesLossIsTheNaiveOne(student: Student) {
    let pair = Pair(student)
    let p = Naive.softmax(pair.teacher(tokens).value)
    let q = Naive.softmax(pair.student(tokens).value)
    // −Σ p log q, the mean over the fourteen tokens.
    let expected = -zip(p.elements, q.elements).reduce(0.0) { $0 + Double($1.0) * Foundation.log(Double($1.1)) } / 14
    let loss = KnowledgeDistillation(from: pair.teacher.frozen, to: pair.student).loss(tokens)
    expectClose(loss.total.value, Tensor(Scalar(expected)), within: Tolerance.loss, "\(student)")
    // Its parts: the teacher's entropy −Σ p log p, and the rest, the divergence.
    let entropy = -p.elements.reduce(0.0) { $0 + Double($1) * Foundation.log(Double($1)) } / 14
    #expect(loss.parts.map(\.0) == ["entropy of the teacher", "KL"])
    expectClose(
      Tensor(loss.parts.map { Scalar($0.1) }), Tensor([Scalar(entropy), Scalar(expected - entropy)]),
      within: Tolerance.loss, "\(student), parts")
  }

  @Test(arguments: Student.allCases) func theLastStagesGradientIsThatOfTheDivergence(student: Student) {
    let pair = Pair(student)
    let p = softmax(pair.teacher(tokens).value)
    let loss = KnowledgeDistillation(from: pair.teacher.frozen, to: pair.student).loss(tokens).total
    // KL(p ‖ q) = Σ p (log p − log q), from elementary primitives.
    let logRatio = log(Variable(constant: p)) - log(softmax(pair.student(tokens)))
    let divergence = (1 / 14) * sum(Variable(constant: p) * logRatio)
    #expect(divergence.value.scalar > 0.01)
    let (mine, theirs) = (
      gradients(of: loss, withRespectTo: pair.student.parameters),
      gradients(of: divergence, withRespectTo: pair.student.parameters)
    )
    for (index, parameter) in pair.student.parameters.enumerated() {
      expectClose(mine[index], theirs[index], within: Tolerance.loss, "\(student), \(parameter.name)")
    }
  }

  // The control with the teacher's own weights.
  @Test(arguments: StageForm.layerwise) func aPerfectStudentHasLossAndGradientZero(stage: StageForm) throws {
    let pair = Pair(.control)
    pair.makeEqual()
    let begun = stage.between(pair)
    try begun.begin()
    let loss = begun.loss(tokens)
    #expect(loss.total.value.scalar == 0 && loss.parts.allSatisfy { $0.1 == 0 })
    for (parameter, slope) in zip(
      pair.student.parameters, gradients(of: loss.total, withRespectTo: pair.student.parameters))
    {
      expectZero(slope, "\(stage), \(parameter.name)")
    }
  }

  @Test func aPerfectStudentsLastStageIsTheTeachersEntropyWithoutGradient() throws {
    let pair = Pair(.control)
    pair.makeEqual()
    let stage = KnowledgeDistillation(from: pair.teacher.frozen, to: pair.student)
    try stage.begin()
    let loss = stage.loss(tokens).total
    let p = Naive.softmax(pair.teacher(tokens).value).elements.map { Double($0) }
    let entropy = -p.reduce(0) { $0 + $1 * Foundation.log($1) } / 14
    expectClose(loss.value, Tensor(Scalar(entropy)), within: Tolerance.loss, "entropy")
    for (parameter, slope) in zip(
      pair.student.parameters, gradients(of: loss, withRespectTo: pair.student.parameters))
    {
      let zero = Tensor.zeros(slope.shape)
      expectClose(slope, zero, within: Tolerance.isDouble ? 1e-14 : 1e-6, parameter.name)
    }
  }

  // The first token can only look at itself: its attention is 1, and so is the mixer's matrix with D = 1 and without
  // B.
  @Test func aStateSpaceMixerCanBePerfectToo() throws {
    let pair = Pair(.mamba)
    for block in pair.student.blocks {
      let mixer = try #require(block.mixer as? DiscreteMamba2)
      let rows = MambaPart.b.rows(mixer.sizes)
      mixer.inProjection.update { $0.assign(.zeros([rows.count, 10]), at: rows.lowerBound) }
      mixer.convolutionBias.update { $0.assign(.zeros([rows.count]), at: rows.lowerBound) }
      mixer.skip.value = .ones([2])
    }
    let stage = MatrixOrientation(from: pair.teacher.frozen, to: pair.student)
    try stage.begin()
    let loss = stage.loss(Tokens([4, 9, 1], B: 3, T: 1)).total
    #expect(loss.value.scalar == 0)
    for slope in gradients(of: loss, withRespectTo: pair.student.parameters) { expectZero(slope, "one token") }
  }

  @Test("trap: D belongs to the matrix in stage 1") func dBelongsToTheMatrix() throws {
    let pair = Pair(.mamba)
    let stage = MatrixOrientation(from: pair.teacher.frozen, to: pair.student)
    for (layer, block) in pair.student.blocks.enumerated() {
      let mixer = try #require(block.mixer as? DiscreteMamba2)
      let slope = gradients(of: stage.loss(tokens).total, withRespectTo: [mixer.skip])[0]
      #expect(slope.elements.allSatisfy { abs($0) > 1e-3 }, "layer \(layer): \(slope)")
      // Without C, the matrix is D alone: ‖A − d·I‖, the norm by loops.
      let rows = MambaPart.c.rows(mixer.sizes)
      mixer.inProjection.update { $0.assign(.zeros([rows.count, 10]), at: rows.lowerBound) }
      mixer.convolutionBias.update { $0.assign(.zeros([rows.count]), at: rows.lowerBound) }
      let (skip, target) = (mixer.skip.value, pair.teacher.trace(tokens)[layer].matrix!.value)
      let diagonal = Naive.tabulate(target.shape) { $0[2] == $0[3] ? skip[$0[1]] : 0 }
      let expected = naiveLoss([(diagonal, target)], inner: 2)[0]
      let found = stage.loss(tokens).parts[layer].1
      #expect(abs(found - expected) <= Double(Tolerance.loss) * max(1, expected), "layer \(layer)")
    }
  }

  // A parallel block adds x and the MLP to its mixer; where both sides have the same x and MLP, these cancel.
  @Test(arguments: Student.allCases) func afterTheTransferBothFormsOfStageTwoGiveOneNumber(student: Student) {
    let pair = Pair(student)
    func numbers(_ stage: StageForm) -> Tensor { Tensor(stage.between(pair).loss(tokens).parts.map { Scalar($0.1) }) }
    #expect(largestMagnitude(numbers(.mixerOutputs) - numbers(.blockOutputs)) > 0.1, "equal before the transfer")
    transferWeights(from: pair.teacher.frozen, to: pair.student, replacing: pair.replaced)
    expectClose(numbers(.blockOutputs), numbers(.mixerOutputs), within: Tolerance.loss, "\(student)")
  }
}
