// # Gradients, steps, transfer
//
// Read before: `Computation.swift`, `PlainOptimiser.swift`.

import Gradients
import Tensors

extension Computation {
  /// The student's weights, by name.
  private var student: [String: Tensor] { studentWeights.mapValues(\.value) }

  /// The names of the replaced mixers' weights.
  private var mixerNames: [String] {
    let names = PlainProgram.Names(kit, isStudent: true)
    return studentWeights.keys.sorted().filter { name in
      kit.replaced.contains { name.hasPrefix("\(names.layer($0)).mixer.") }
    }
  }

  /// The weights that stage 1 trains: those that the matrix depends on.
  private var matrixNames: [String] {
    mixerNames.filter { name in
      ["in_proj.weight", "conv1d.weight", "conv1d.bias", "D"].contains { name.hasSuffix($0) }
    }
  }

  /// 1 for the rows that the matrix depends on, in the shape of the weight.
  private func trainedRows(_ name: String) -> Tensor {
    let (shape, state) = (inputs["student.\(name)"]!.shape, 2 * s.pairs * s.N)
    var rows = Array(repeating: Scalar(1), count: shape[0])
    // In the convolution the rows of x come first; in in_proj those of z follow B and C as well.
    if !name.hasSuffix(".D") { for row in 0..<s.D { rows[row] = 0 } }
    if name.hasSuffix("in_proj.weight") { for row in (s.D + state)..<(2 * s.D + state) { rows[row] = 0 } }
    return Tensor(rows, shape: Shape([shape[0]] + Array(repeating: 1, count: shape.rank - 1))).broadcast(to: shape)
  }

  func computeGradients() {
    compute(.losses)
    func slopes(_ kind: String, _ loss: Variable, _ names: [String], of weights: [String: Variable]) -> [String:
      Tensor]
    {
      let found = gradients(of: loss, withRespectTo: names.map { weights[$0]! })
      for (name, slope) in zip(names, found) {
        record("gradient.\(kind).\(name)", slope, axes(of: slope), "the gradient of the loss")
      }
      return Dictionary(uniqueKeysWithValues: zip(names, found))
    }
    let stage1 = slopes("stage1", losses["stage1"]!, matrixNames, of: studentWeights)
    _ = slopes("stage2", losses["stage2"]!, mixerNames, of: studentWeights)
    _ = slopes("stage3", losses["stage3"]!, trainedInStage3, of: studentWeights)
    _ = slopes("labels", losses["labels.teacher"]!, teacherWeights.keys.sorted(), of: teacherWeights)

    var (weights, optimiser) = (student, PlainOptimiser(faults: program.faults))
    let masks = Dictionary(uniqueKeysWithValues: matrixNames.map { ($0, trainedRows($0)) })
    optimiser.descend(&weights, stage1, trainedOnly: masks)
    for name in matrixNames {
      record("step.stage1.\(name)", weights[name]!, axes(of: weights[name]!), "the weight after one step of stage 1")
    }
  }

  private var trainedInStage3: [String] {
    studentWeights.keys.sorted().filter { !has(.embeddingFrozen) || !$0.hasSuffix("embedding.weight") }
  }

  func computeRun() {
    compute(.teacher)
    let names = PlainProgram.Names(kit, isStudent: true)
    var (values, optimiser) = (student, PlainOptimiser(faults: program.faults))
    var (rates, reported, norms): ([Scalar], [Scalar], [Scalar]) = ([], [], [])
    for step in 0..<PlainOptimiser.steps {
      let leaves = values.mapValues { Variable(leaf: $0) }
      let w = weights(leaves)
      var x = program.embedded(tokens, w, names)
      for l in 0..<s.L { x = program.studentBlock(l, x, w) }
      let loss = stage3(program.head(x, w, names).logits)
      let slopes = gradients(of: loss, withRespectTo: trainedInStage3.map { leaves[$0]! })
      let byName = Dictionary(uniqueKeysWithValues: zip(trainedInStage3, slopes))
      rates.append(Scalar(optimiser.rate(at: step)))
      reported.append(loss.value.scalar)
      norms.append(PlainOptimiser.norm(byName))
      optimiser.descend(&values, byName)
      if step == 0 || step == PlainOptimiser.steps - 1 {
        for name in values.keys.sorted() {
          let words = step == 0 ? "the weight after one step of stage 3" : "the weight after ten steps of stage 3"
          record("run.\(step + 1).\(name)", values[name]!, axes(of: values[name]!), words)
        }
      }
    }
    record("run.rates", Tensor(rates), "steps", "the learning rate of each step")
    record("run.losses", Tensor(reported), "steps", "the loss before each step")
    record("run.norms", Tensor(norms), "steps", "the norm of all gradients together before clipping")
  }

  /// The sizes of a weight, which are its axes.
  private func axes(of tensor: Tensor) -> String { tensor.shape.array.map(String.init).joined(separator: " ") }
}

// ## Weight transfer

extension Computation {
  func computeTransfer() {
    let (mine, theirs) = (PlainProgram.Names(kit, isStudent: true), PlainProgram.Names(kit, isStudent: false))
    for name in studentWeights.keys.sorted() {
      var value = student[name]!
      if !mixerNames.contains(name), !isForgotten(name) {
        // The same part of the teacher; a kept attention stands under "mixer" in the student.
        var counterpart = name.replacing("\(mine.model).", with: "\(theirs.model).")
        counterpart.replace(".\(mine.embedding).weight", with: ".\(theirs.embedding).weight")
        counterpart.replace(".\(mine.finalNorm).", with: ".\(theirs.finalNorm).")
        counterpart.replace(".mixer.", with: ".")
        value = teacherWeights[counterpart]!.value
      }
      record("transfer.\(name)", value, axes(of: value), "the student's weight after weight transfer")
    }
    for l in kit.replaced { takeValuesAndOutput(l, mine.layer(l), theirs.layer(l)) }
  }

  private func isForgotten(_ name: String) -> Bool {
    (has(.normsNotTransferred) && name.contains("norm."))
      || (has(.feedForwardNotTransferred) && name.contains(".mlp."))
  }

  /// The mixer's weights after it has taken over values and output projection.
  private func takeValuesAndOutput(_ l: Int, _ mine: String, _ theirs: String) {
    func teacher(_ name: String) -> Tensor? { teacherWeights["\(theirs).self_attn.\(name)"]?.value }
    /// The rows of value heads, repeated for the heads that they serve.
    func spread(_ x: Tensor) -> Tensor {
      .concatenated(
        (0..<s.H).map { head in
          let group = has(.valuesTiledInTransfer) ? head % s.G : head / (s.H / s.G)
          return x.sliced((group * s.P)..<((group + 1) * s.P))
        })
    }
    let projection = student["\(mine).mixer.in_proj.weight"]!
    var bias = student["\(mine).mixer.conv1d.bias"]!
    if let values = teacher("v_proj.bias") {
      bias = .concatenated([spread(values), bias.sliced(s.D..<bias.count)])
    }
    let rows = projection.sliced(s.D..<projection.shape[0])
    for (name, value) in [
      ("in_proj.weight", .concatenated([spread(teacher("v_proj.weight")!), rows])), ("conv1d.bias", bias),
      ("out_proj.weight", teacher("dense.weight") ?? teacher("o_proj.weight")!),
    ] {
      record(
        "transfer_values_and_output.\(mine).mixer.\(name)", value, axes(of: value),
        "the weight after the mixer has taken over values and output projection")
    }
  }
}
