// # What a distance is divided by, and what counts more
//
// The three scales, with and without weights, against their definitions: plain loops over numbers in Double. Then the
// two stages that use them: a first token that counts for more, a first column that does not count at all. Their
// derivatives are in the table of stages.
//
// Read before: `LossTests.swift`, `StageTable.swift`.

import Distillation
import Foundation
import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing

/// Mean distances over the `inner` innermost axes, one number at a time.
///
/// - Parameter weights: one for each distance
private func naiveLoss(
  _ scale: DistanceScale, _ mine: Tensor, _ target: Tensor, inner: Int, weights: [Double]? = nil
) -> Double {
  let size = mine.shape.suffix(inner).count
  let (a, b) = (mine.elements, target.elements)
  let rows = a.count / size
  let weights = weights ?? Array(repeating: 1, count: rows)
  func norm(_ row: Int, _ number: (Int) -> Double) -> Double {
    (0..<size).reduce(0) { $0 + number(row * size + $1) * number(row * size + $1) }.squareRoot()
  }
  var (sum, norms, total) = (0.0, 0.0, 0.0)
  for row in 0..<rows {
    let distance = norm(row) { Double(a[$0]) - Double(b[$0]) }
    let targetNorm = norm(row) { Double(b[$0]) }
    let divisor = scale == .relativeEach && targetNorm > 0 ? targetNorm : 1
    sum += weights[row] * distance / divisor
    norms += weights[row] * targetNorm
    total += weights[row]
  }
  return sum / (scale == .relative && norms > 0 ? norms : total)
}

private func expectClose(_ found: Variable, _ expected: Double, _ name: String) {
  TestSupport.expectClose(found.value, Tensor(Scalar(expected)), within: Tolerance.loss, name)
}

@Suite("scales of distances", .tallied) struct DistanceScaleTests {
  /// Targets whose rows grow thirtyfold from the first to the last, and other numbers of the same sizes.
  private static func pair(_ shape: Shape, over axes: Int) -> (mine: Tensor, target: Tensor) {
    var random = SeededGenerator(for: "scales \(shape)")
    let size = shape.suffix(axes).count
    let sizes = Tensor(
      (0..<shape.count).map { Scalar(1 + 29 * ($0 / size) / max(1, shape.count / size - 1)) }, shape: shape)
    return (sizes * .normal(shape, using: &random), sizes * .normal(shape, using: &random))
  }

  @Test(arguments: DistanceScale.allCases, [([2, 5, 7], 1), ([2, 3, 5, 7], 2), ([3, 1], 1)] as [(Shape, Int)])
  func aLossIsTheNaiveOne(scale: DistanceScale, form: (shape: Shape, axes: Int)) {
    let (mine, target) = Self.pair(form.shape, over: form.axes)
    let rows = form.shape.prefix(form.shape.rank - form.axes)
    let weights = Tensor.random(rows, .positive, for: "weights \(rows)")
    func loss(_ weights: Tensor?) -> Variable {
      scale.loss(of: Variable(constant: mine), from: target, over: form.axes, weights: weights)
    }
    let what = "\(scale), \(form.shape)"
    expectClose(loss(nil), naiveLoss(scale, mine, target, inner: form.axes), what)
    expectClose(
      loss(weights), naiveLoss(scale, mine, target, inner: form.axes, weights: weights.elements.map { Double($0) }),
      "\(what), weighted")
    // Only the ratios of weights count; equal weights are as good as none.
    expectClose(loss(7 * weights), Double(loss(weights).value.scalar), "\(what), seven times the weights")
    expectClose(loss(Tensor(repeating: 3, shape: rows)), Double(loss(nil).value.scalar), "\(what), equal weights")
  }

  // The three scales differ, and weights change each of them, so the tests above tell them apart.
  @Test func noScaleIsAnother() {
    let (mine, target) = Self.pair([2, 3, 5], over: 1)
    let losses = DistanceScale.allCases.flatMap { scale in
      [nil, Tensor([1, 2, 3, 5, 7, 11], shape: [2, 3])].map { weights in
        Double(scale.loss(of: Variable(constant: mine), from: target, over: 1, weights: weights).value.scalar)
      }
    }
    for (index, loss) in losses.enumerated() {
      #expect(losses[..<index].allSatisfy { abs($0 - loss) > 1e-3 * loss }, "\(losses)")
    }
  }

  // An output of zeros has a loss of 1 on both relative scales, whatever the targets and their weights are.
  @Test func nothingHasALossOfOne() {
    let (_, target) = Self.pair([2, 3, 5], over: 1)
    let weights = Tensor.random([2, 3], .positive, for: "weights of nothing")
    for scale in [DistanceScale.relative, .relativeEach] {
      for weights in [nil, weights] {
        expectClose(
          scale.loss(of: Variable(constant: .zeros([2, 3, 5])), from: target, over: 1, weights: weights), 1,
          "\(scale), nothing")
      }
    }
  }

  // Targets of one window that grow a thousandfold shrink the others' gradient only on the common relative scale.
  @Test func onTheScaleOfEachNoTokenDecides() {
    let (mine, target) = Self.pair([2, 3, 5], over: 1)
    func slopes(_ scale: DistanceScale, _ factor: Scalar) -> Tensor {
      var target = target
      target.assign(factor * target.sliced(0..<1), at: 0)
      let leaf = Variable(leaf: mine)
      let loss = scale.loss(of: leaf, from: target, over: 1)
      return gradients(of: loss, withRespectTo: [leaf])[0].sliced(1..<2)
    }
    expectIdentical(slopes(.absolute, 1000), slopes(.absolute, 1), "absolute")
    expectIdentical(slopes(.relativeEach, 1000), slopes(.relativeEach, 1), "relative to each")
    #expect(largestMagnitude(slopes(.relative, 1000)) < 0.01 * largestMagnitude(slopes(.relative, 1)))
  }

  // For targets of zeros the distance itself is taken: for those of one window, and for all.
  @Test(arguments: DistanceScale.allCases) func aTargetOfZerosHasNoScale(scale: DistanceScale) {
    var (mine, target) = Self.pair([2, 3, 5], over: 1)
    target.assign(.zeros([1, 3, 5]), at: 1)
    for (what, all) in [("one window", false), ("all", true)] {
      if all { target = .zeros([2, 3, 5]) }
      let leaf = Variable(leaf: mine)
      let loss = scale.loss(of: leaf, from: target, over: 1)
      expectClose(loss, naiveLoss(scale, mine, target, inner: 1), "\(scale), zeros in \(what)")
      let slope = gradients(of: loss, withRespectTo: [leaf])[0]
      #expect(isFinite(slope) && largestMagnitude(slope) > 0.01, "\(scale), zeros in \(what)")
    }
    // An output that is zero too has reached such targets.
    mine = .zeros([2, 3, 5])
    let leaf = Variable(leaf: mine)
    let loss = scale.loss(of: leaf, from: target, over: 1)
    #expect(loss.value.scalar == 0)
    expectZero(gradients(of: loss, withRespectTo: [leaf])[0], "\(scale), zeros from zeros")
  }
}

// ## In the stages

@Suite("scales and weights in the stages", .tallied) struct StageScaleTests {
  private func expectParts(
    _ stage: some LayerwiseStage, _ kind: Student, _ what: String, _ expected: (Int) -> Double
  ) {
    let loss = stage.loss(tokens)
    let values = kind.replaced.map(expected)
    #expect(loss.parts.map(\.name) == kind.replaced.map { "layer \($0)" })
    for (part, value) in zip(loss.parts, values) {
      TestSupport.expectClose(
        Tensor(Scalar(part.value)), Tensor(Scalar(value)), within: Tolerance.loss, "\(kind), \(what), \(part.name)")
    }
    expectClose(loss.total, values.reduce(0, +), "\(kind), \(what)")
  }

  @Test(arguments: Student.allCases, DistanceScale.allCases)
  func theFirstTokenCountsForMore(kind: Student, scale: DistanceScale) {
    let pair = Pair(kind)
    let traces = pair.teacher.frozen.trace(tokens)
    for target in HiddenStateAlignment.Target.allCases {
      func stage(_ weight: Double) -> HiddenStateAlignment {
        HiddenStateAlignment(
          from: pair.teacher.frozen, to: pair.student, comparing: target, replacing: pair.replaced, scale: scale,
          firstTokenWeight: weight)
      }
      for weight in [0, 0.25, 1, 5] {
        expectParts(stage(weight), kind, "\(scale), \(target), weight \(weight)") { layer in
          let (trace, block) = (traces[layer], pair.student.frozen.blocks[layer])
          let (mine, theirs) =
            target == .mixerOutput
            ? (block.mixer(trace.mixerInput), trace.mixerOutput) : (block(trace.input), trace.output)
          // The first of seven tokens in each of two windows.
          let weights = (0..<14).map { [0, 7].contains($0) ? weight : 1 }
          return naiveLoss(scale, mine, theirs, inner: 1, weights: weights)
        }
      }
      // The first token's loss differs from that of the others, so its weight changes the loss.
      let parts = [0, 1, 5].map { stage($0).loss(tokens).parts.map(\.value) }
      for place in kind.replaced.indices {
        let (none, one, five) = (parts[0][place], parts[1][place], parts[2][place])
        #expect(abs(five - one) > 1e-3 && (five > one) == (one > none), "\(kind), \(scale), \(target)")
      }
    }
  }

  @Test(arguments: Student.allCases, DistanceScale.allCases)
  func aWeightOfOneIsNoWeight(kind: Student, scale: DistanceScale) throws {
    let pair = Pair(kind)
    func stage(_ weight: Double?) -> HiddenStateAlignment {
      let (teacher, student, layers) = (pair.teacher.frozen, pair.student, pair.replaced)
      guard let weight else {
        return HiddenStateAlignment(from: teacher, to: student, replacing: layers, scale: scale)
      }
      return HiddenStateAlignment(
        from: teacher, to: student, replacing: layers, scale: scale, firstTokenWeight: weight)
    }
    try stage(nil).begin()
    let (plain, weighted) = (stage(nil).loss(tokens), stage(1).loss(tokens))
    expectIdentical(weighted.total.value, plain.total.value, "\(kind), \(scale)")
    #expect(weighted.parts.map(\.value) == plain.parts.map(\.value))
    let (mine, theirs) = (
      gradients(of: weighted.total, withRespectTo: pair.student.parameters),
      gradients(of: plain.total, withRespectTo: pair.student.parameters)
    )
    for (index, parameter) in pair.student.parameters.enumerated() {
      expectIdentical(mine[index], theirs[index], "\(kind), \(scale), \(parameter.name)")
    }
  }

  @Test(arguments: Student.allCases, DistanceScale.allCases)
  func theFirstColumnIsLeftOut(kind: Student, scale: DistanceScale) {
    let pair = Pair(kind)
    let traces = pair.teacher.frozen.trace(tokens)
    for isIgnored in [false, true] {
      let stage = MatrixOrientation(
        from: pair.teacher.frozen, to: pair.student, replacing: pair.replaced, scale: scale,
        ignoringFirstColumn: isIgnored)
      expectParts(stage, kind, "\(scale), first column \(isIgnored ? "left out" : "in")") { layer in
        let (mine, theirs) = (
          pair.student.frozen.blocks[layer].mixer.matrix(traces[layer].mixerInput), traces[layer].matrix!
        )
        // Matrices of seven rows and seven columns, of which the first column is left out.
        func cut(_ matrix: Tensor) -> Tensor { isIgnored ? matrix.sliced(1..<7, along: 3) : matrix }
        return naiveLoss(scale, cut(mine), cut(theirs), inner: 2)
      }
    }
  }

  // A single token has nothing but the first column: without it the target is zero, and the student has reached it.
  @Test(arguments: Student.allCases, DistanceScale.allCases)
  func withoutItsOnlyColumnAMatrixIsReached(kind: Student, scale: DistanceScale) throws {
    let pair = Pair(kind)
    let stage = MatrixOrientation(
      from: pair.teacher.frozen, to: pair.student, replacing: pair.replaced, scale: scale, ignoringFirstColumn: true)
    try stage.begin()
    let loss = stage.loss(Tokens([4, 9, 1], B: 3, T: 1)).total
    #expect(loss.value.scalar == 0)
    for slope in gradients(of: loss, withRespectTo: pair.student.parameters) {
      expectZero(slope, "\(kind), \(scale)")
    }
  }
}
