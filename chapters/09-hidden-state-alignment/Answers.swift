// # Answers to the exercises

import Book
import Corpora
import Distillation
import Experiments
import Gradients
import Layers
import Models
import Notebook
import Statistics
import Tensors
import Training

// ## 1. Another split
//
// x and W_o learn in stage 2 alone, and a student without them has no output worth the name. So
// stage 2 needs steps: that speaks for a short stage 1. But in stage 2 the matrix, x and W_o all
// learn from one loss, and while the matrix is wrong, x and W_o are fitted to the wrong mixture.
// A student that begins with a good matrix has less to find at once, which speaks for a long
// stage 1. So the best split may lie somewhere between.
//
// All students begin with the same weights and see as many tokens. One seed is not enough to
// choose between splits that end close together; chapter 12 repeats the comparison over seeds and
// budgets.

func answer1() throws {
  func student(orienting steps: Int) throws -> LanguageModel {
    var split = recipe
    split.orientationSteps = steps
    let arm = split.arm(.all).with { $0.stages = Array($0.stages.prefix(2)) }
    return try store.student(of: arm, in: chapter.name, as: "student-split-\(steps)").model
  }
  let total = recipe.alignmentEnd
  var splits = [(0, alone.model), (recipe.orientationSteps, both.model)]
  for steps in [total / 6, 2 * total / 3] { splits.append((steps, try student(orienting: steps))) }
  splits.sort { $0.0 < $1.0 }
  let outcomes = splits.map { steps, model in
    transferWeights(from: teacher, to: model)
    let layers = layerDistances(of: model.frozen, from: teacher, on: heldOut)
    return (
      steps: steps, outputs: layers.reduce(0) { $0 + $1.hidden }, matrices: layers.reduce(0) { $0 + $1.matrix },
      loss: crossEntropy(of: model.frozen, on: heldOut).mean
    )
  }
  table(
    ["steps in stage 1", "in stage 2", "distance of outputs", "of matrices", "held-out CE / nats"],
    rows: outcomes.map {
      ["\($0.steps)", "\(total - $0.steps)"] + [$0.outputs, $0.matrices, $0.loss].map { number($0, decimals: 3) }
    })
  let outputs = outcomes.map(\.outputs)
  finding(
    """
    Summed over layers, the distance of the outputs lies between \(number(outputs.min()!, digits: 3)) and
    \(number(outputs.max()!, digits: 3)) for these splits. Without stage 1 it is \(number(outputs[0], digits: 3)).
    """)
}

// ## 2. The squared distance
//
// Let r be the difference of the two outputs for one token. The gradient of ‖r‖ with respect to
// the student's output is r / ‖r‖. Its length is 1 for every token, near or far, so a tenth of
// the tokens makes up a tenth of the gradient, whichever tokens they are. The gradient of ‖r‖² is
// 2 r. A token then counts in proportion to its distance, and the farthest tokens count most.
//
// Which are they? A distance grows with the vector to be reached, so tokens for which the
// teacher's attention has a long output are likely. Another guess is the first tokens of a
// window: they have few tokens to average, and a mean of few values tends to be longer than a mean
// of many. For the student 1-2 we take the farthest tenth of the tokens in each layer and measure
// both.

func answer2() throws {
  var distances = [[Double]](repeating: [], count: L)
  var lengths = distances
  for batch in heldOut {
    for (l, trace) in teacher.trace(batch.inputs, keepingMatrices: false).enumerated() {
      let (target, output) = (trace.mixerOutput, both.model.frozen.blocks[l].mixer(trace.mixerInput))
      distances[l] += distance(output, target, over: 1).elements.map { Double($0) }
      lengths[l] += distance(target, .zeros(target.shape), over: 1).elements.map { Double($0) }
    }
  }
  func sum(_ values: some Sequence<Double>) -> Double { values.reduce(0, +) }
  let tenths = (0..<L).map { l -> [Double] in
    let r = distances[l]
    let farthest = r.indices.sorted { r[$0] > r[$1] }.prefix(r.count / 10)
    let share = sum(farthest.map { r[$0] }) / sum(r)
    let length = sum(farthest.map { lengths[l][$0] }) / Double(farthest.count) / (sum(lengths[l]) / Double(r.count))
    // The elements are rows of windows, so the place in its window is the remainder by T.
    let early = Double(farthest.count { $0 % T < T / 8 }) / Double(farthest.count)
    return [share, length, early]
  }
  table(
    ["the farthest tenth", "share of the gradient", "norm of its target, in means", "in the first eighth"],
    rows: tenths.enumerated().map { l, values in ["layer \(l)"] + values.map { number($0, decimals: 2) } })
  func range(_ column: Int) -> String {
    let values = tenths.map { $0[column] }
    return "\(number(values.min()!, decimals: 2)) to \(number(values.max()!, decimals: 2))"
  }
  finding(
    """
    With the square, the farthest tenth of the tokens would have a fraction of \(range(0)) of the gradient, depending
    on the layer. The teacher's output for these tokens is \(range(1)) times as long as its mean. A fraction of
    \(range(2)) of them lies in the first eighth of the window, where an even spread would put an eighth.
    """)
}

// ## 3. The student's own states
//
// In stage 2 layer l reads what the teacher's blocks below it have made of the text. When the
// student is used, layer l reads what the student's blocks have made of it. Should it be trained
// on that? There is a reason for and a reason against.
//
// Against: the student's states are wrong at first, and change with every step of the layers
// below. Layer l has to give the teacher's output for an input that lacks what the teacher saw,
// and the deeper the layer, the more errors lie below it. (Layer 0 reads the embedding, so for it
// nothing changes.) The layers are also no longer independent, so that they could not be trained
// apart, on several machines.
//
// For: a layer can learn to make up for the errors below it, and it is trained on the inputs that
// it will meet. The fewer layers there are below, the less the reason against counts. So in a
// model of a few layers the reason for may win, which says little about one of dozens.
//
// The stage below is stage 2 with this one change. The student has the teacher's other weights
// from the beginning, and sees the batches that 2 alone saw. No gradient flows from one layer to
// another. The last sentence below says which of the two students is better in this run, by each
// measure. It is one run with one seed.

func answer3() throws {
  let kind = StageKind("alignment on own states", batches: StageKind.alignment.batches, isEndToEnd: true) {
    teacher, student, _ in
    OwnStateAlignment(teacher: teacher, model: student)
  }
  let arm = Arm(.phiMamba, [StagePlan(kind, steps: recipe.alignmentEnd, rate: recipe.alignmentRate)])
  let own = try store.student(of: arm, in: chapter.name, as: "student-own-states").model
  for model in [own, alone.model] { transferWeights(from: teacher, to: model) }

  let students = [("the teacher's states", alone.model), ("its own states", own)]
  let measured = students.map { name, model in
    (
      name: name, onTeachers: layerDistances(of: model.frozen, from: teacher, on: heldOut).map(\.hidden),
      onOwn: distancesOnOwnStates(model.frozen), loss: crossEntropy(of: model.frozen, on: heldOut).mean
    )
  }
  table(
    ["trained on", "measured on"] + (0..<L).map { "layer \($0)" },
    rows: measured.flatMap { student in
      [("the teacher's states", student.onTeachers), ("its own states", student.onOwn)].map { place, values in
        [student.name, place] + values.map { number($0, decimals: 3) }
      }
    })
  finding(
    """
    In layer \(L - 1) the student trained on the teacher's states is at a distance of
    \(number(measured[0].onTeachers[L - 1], digits: 3)) on these states and of
    \(number(measured[0].onOwn[L - 1], digits: 3)) on its own. The student trained on its own states is at
    \(number(measured[1].onTeachers[L - 1], digits: 3)) and \(number(measured[1].onOwn[L - 1], digits: 3)). As
    language models they have held-out losses of \(number(measured[0].loss, decimals: 3)) and
    \(number(measured[1].loss, decimals: 3)) \(store.unit).
    """)
  let nearer = (0..<L).count { measured[1].onOwn[$0] < measured[0].onOwn[$0] }
  let gain = measured[0].loss - measured[1].loss
  let comparison =
    gain == 0
    ? "it is equally good. So the loss does not decide between the reasons."
    : "it is \(gain > 0 ? "better" : "worse") by \(number(abs(gain), decimals: 3)) \(store.unit). So by the loss, the"
      + " reason \(gain > 0 ? "for" : "against") own states weighs more in this run."
  finding(
    """
    When both run on their own states, the student that was trained on them is nearer to the teacher in \(nearer) of
    \(L) layers, and as a language model \(comparison)
    """, volatile: chapter.isQuick)
}

/// The distance of each layer's output from the teacher's, each model on its own states; mean over held-out tokens.
func distancesOnOwnStates(_ student: FrozenModel) -> [Double] {
  var sums = [Double](repeating: 0, count: L)
  for batch in heldOut {
    let targets = teacher.trace(batch.inputs, keepingMatrices: false)
    for (l, trace) in student.trace(batch.inputs, keepingMatrices: false).enumerated() {
      let ofTokens = distance(trace.mixerOutput, targets[l].mixerOutput, over: 1)
      sums[l] += Double(mean(ofTokens).scalar) * Double(batch.inputs.B)
    }
  }
  return sums.map { $0 / Double(heldOut.reduce(0) { $0 + $1.inputs.B }) }
}

/// Stage 2 for a student that reads its own states; expects the teacher's weights outside the mixers.
nonisolated struct OwnStateAlignment: Stage {
  let title = "alignment on the student's own states"
  let teacher: FrozenModel
  let model: LanguageModel
  let trained: [ParameterRows]

  init(teacher: FrozenModel, model: LanguageModel) {
    (self.teacher, self.model) = (teacher, model)
    trained = model.blocks.flatMap { $0.mixer.parameters.map { ParameterRows($0) } }
  }

  func loss(_ batch: Batch) -> StageLoss {
    let targets = teacher.trace(batch.inputs, keepingMatrices: false)
    var state: Tensor = model.embedding(batch.inputs)
    var losses: [Variable] = []
    for (block, target) in zip(model.blocks, targets) {
      let u = block.mixerInput(state)
      let output = block.mixer(Variable(constant: u))
      losses.append(mean(distance(output, Variable(constant: target.mixerOutput), over: 1)))
      // The next block reads the value alone, so that no gradient comes back from it.
      state = block.output(state, mixerInput: u) { output.value }
    }
    return StageLoss(
      losses.dropFirst().reduce(losses[0]) { $0 + $1 },
      parts: losses.enumerated().map { ("layer \($0)", Double($1.value.scalar)) })
  }
}
