// # 09  Stage 2: hidden-state alignment
//
// After stage 1 the student mixes roughly the right tokens. But x, which is what it mixes, and
// W_o, which turns the mixture into the mixer's output, still come from random initial weights.
// And the gate, which begins open, still lets everything through. Stage 2 trains all of these. It
// compares outputs: for the same input, each mixer as a whole should put out what the teacher's
// attention puts out:
//
//     loss  =  Σ over layers of the mean over windows and tokens of  ‖ attention(u) − mixer(u) ‖
//
// As in stage 1, u is what the mixer reads in the teacher, so the layers do not depend on one
// another.
//
// The chapter also asks what stage 1 is good for. Two students see the same number of tokens: one
// goes through stages 1 and 2, the other spends all of them on stage 2. You will see their loss
// curves, layer by layer, and the distances that they reach on held-out text. The run takes half
// a minute once the teacher is there.

import Book
import Corpora
import Distillation
import Experiments
import Gradients
import Layers
import Models
import Notebook
import Plots
import Statistics
import Tensors
import Training

let chapter = Chapter(
  "09-hidden-state-alignment", question: "Can each mixer put out what attention puts out, and does stage 1 help?",
  duration: "half a minute with a teacher from chapter 05; 5 seconds with --quick", options: ModelOptions.self)

let store = chapter.openModelStore()
let recipe = store.recipe
let (L, T, D) = (recipe.L, recipe.T, recipe.D)
let teacher = exitOnError { try store.teacher().frozen }
let heldOut = store.heldOut.reported
let batch = heldOut[0]
let B = batch.inputs.B

// ## The loss of one batch
//
// For each token the teacher's attention puts out a vector of D features, and so does the
// student's mixer. ‖·‖ is the L2 norm of their difference, the root of the sum of its squares; it
// is not squared. Stage 1 compared the heads one by one. Here W_o has combined them, and every
// weight of the mixer takes part. The table has the distance of each layer, and their sum is the
// loss. (Chapters 10 and 12 give the mean over layers instead, which is the sum divided by L.)

chapter.section("1. The loss of one batch")
let student = store.newStudent()
let stage = HiddenStateAlignment(from: teacher, to: student)
exitOnError { try stage.begin() }
let distancesBefore = stage.loss(batch).parts.map(\.1)
let traces = teacher.trace(batch.inputs, keepingMatrices: false)
let norms = traces.enumerated().map { l, trace in
  let output = trace.mixerOutput.expecting(B, T, D, as: "the output of layer \(l)")
  return Double(mean(distance(output, .zeros(output.shape), over: 1)).scalar)
}
table(
  ["layer", "distance before", "norm of the teacher's output"],
  rows: (0..<L).map { ["\($0)", number(distancesBefore[$0], decimals: 3), number(norms[$0], decimals: 3)] })

// The gradient reaches everything in the mixers and nothing outside them. The student's own MLPs,
// norms, embedding and head play no part in this stage; in the end they are copied from the
// teacher.

let tape = TapeSummary(of: stage.loss(batch).total)
let reached = student.parameters.filter(tape.reaches).map(\.name)
let mixers = student.blocks.flatMap(\.mixer.parameters).map(\.name)
check("the gradient reaches the mixers and nothing else", Set(reached) == Set(mixers), "\(reached.count) parameters")
check("the teacher gets none", !teacher.model.parameters.contains(where: tape.reaches))

// ## Mixer or block?
//
// We could also compare the outputs of whole blocks. A parallel block adds its input and the
// output of its MLP to the output of its mixer. If the student has the teacher's norm and MLP,
// these two terms are the same on both sides and cancel in the difference, so both losses are the
// same number.

chapter.section("2. Mixer or block?")
let dressed = store.newStudent()
transferWeights(from: teacher, to: dressed)
func loss(comparing part: HiddenStateAlignment.Target) -> Scalar {
  HiddenStateAlignment(from: teacher, to: dressed, comparing: part).loss(batch).total.value.scalar
}
let (ofMixers, ofBlocks) = (loss(comparing: .mixerOutput), loss(comparing: .blockOutput))
show("comparing mixers", Double(ofMixers), unit: "L2, summed over layers")
show("comparing blocks", Double(ofBlocks), unit: "L2, summed over layers")
check("the same, relative", Double((ofMixers - ofBlocks) / ofMixers), within: 1e-4)

// ## Two students, one budget
//
// Both students begin with the same weights. The first, "1-2", goes through a short stage 1 and
// then through stage 2. The second, "2 alone", spends the steps of both on stage 2.

chapter.section("3. Two students, one budget")
let oriented = exitOnError { try store.student(.all, after: 1) }
let both = exitOnError { try store.student(.all, after: 2) }
let alone = exitOnError { try store.student(.twoThree, after: 1) }
table(
  ["student", "steps in stage 1", "steps in stage 2", "tokens in all"],
  rows: [
    ("1-2", oriented.history.records.count, both.history.records.count), ("2 alone", 0, alone.history.records.count),
  ].map { [$0.0, "\($0.1)", "\($0.2)", "\(($0.1 + $0.2) * recipe.tokensPerUpdate)"] })
check(
  "both students see the same number of tokens",
  oriented.history.records.count + both.history.records.count == alone.history.records.count)

chapter.record(both.history, in: "metrics-1-2")
chapter.record(alone.history, in: "metrics-2")

// The figure follows both students over all the tokens that they have seen. Distances are divided
// by the norm of the teacher's output. So 1 is the height of a student with silent mixers, which
// put out zeros. During stage 1 the outputs are not compared; a straight line joins their
// distance before and after it. The axis is logarithmic, so that equal ratios have equal heights.

let offset = oriented.history.records.count * recipe.tokensPerUpdate
func curves(_ layer: String, norm: Double) -> [Series] {
  let (ofAlone, ofBoth) = (alone.history.detail(layer), both.history.detail(layer))
  func series(
    _ name: String, _ values: [Double], from start: Int = 0, before: [(x: Int, y: Double)], _ style: Series.Style
  ) -> Series {
    let curve = lossCurve(name, values, tokensPerUpdate: recipe.tokensPerUpdate, from: start, smoothing: 5)
    let (x, y) = (before.map { Double($0.x) } + curve.x, before.map(\.y) + curve.y)
    return Series(name, x: x, y: y.map { $0 / norm }, style: style)
  }
  // Stage 2 begins with the same batch for both, so it shows the distance before and after stage 1.
  return [
    series("2 alone", ofAlone, before: [(0, ofAlone[0])], .dashed),
    series("1-2", ofBoth, from: offset, before: [(0, ofAlone[0]), (offset, ofBoth[0])], .line),
  ]
}
let ofLayers = zip(both.history.detailNames, norms).map { (name: $0, curves: curves($0, norm: $1)) }
let heights: [Double] = ofLayers.flatMap { layer in layer.curves.flatMap { $0.y } } + [1]
let (lowest, highest) = (heights.min()!, heights.max()!)
chapter.plot(
  Figure(
    "Stage 2 with and without stage 1 before it, mean of 5 steps",
    panels: ofLayers.enumerated().map { index, layer in
      LineChart(
        layer.name, x: Axis("tokens seen, both stages"),
        y: Axis("distance, in norms of the output", logarithmic: true, range: lowest * 0.95...highest * 1.05),
        series: layer.curves, references: [Reference("silent mixers", y: 1)],
        legend: index == 0 ? .bottomLeft : .none)
    }, columns: 2), "loss")

// ## What they reach, on held-out text
//
// First the outputs, which stage 2 compares: the L2 distance of each mixer's output from the
// teacher's, as a mean over tokens. The distance of a silent student would be the norm of the
// teacher's output.

chapter.section("4. What they reach, on held-out text")
let beginner = store.newStudent()
let students = [
  ("before", beginner), ("after 1", oriented.model), ("after 1-2", both.model), ("after 2 alone", alone.model),
]
let distances = students.map { (name: $0.0, layers: layerDistances(of: $0.1.frozen, from: teacher, on: heldOut)) }
table(
  ["distance of the outputs, L2"] + (0..<L).map { "layer \($0)" },
  rows: distances.map { [$0.name] + $0.layers.map { number($0.hidden, decimals: 3) } }
    + [["a silent student"] + distances[0].layers.map { number($0.teacherNorm, decimals: 3) }])
chapter.plot(
  Figure(
    "Distance of the outputs from the teacher's",
    panels: [
      DotPlot(
        "held-out text", value: Axis("distance", unit: "L2 per token"),
        rows: (0..<L).flatMap { l in
          distances.map { DotPlot.Row(name: "layer \(l)", value: $0.layers[l].hidden, error: nil, group: $0.name) }
        })
    ]), "distances")
for l in 0..<L {
  let (start, end) = (distances[1].layers[l].hidden, distances[2].layers[l].hidden)
  check("layer \(l): stage 2 brings the outputs nearer", end, lessThan: start)
}

// Then the matrices, which stage 2 does not compare: the Frobenius distance, as a mean over heads.
// Without stage 1 the student may reach its outputs with matrices like the teacher's, or with
// quite different ones. The lines below the table compare sums over layers, as in the loss.

table(
  ["distance of the matrices, Frobenius"] + (0..<L).map { "layer \($0)" },
  rows: distances.map { [$0.name] + $0.layers.map { number($0.matrix, decimals: 3) } })
func total(_ index: Int, _ value: (LayerDistance) -> Double) -> Double {
  distances[index].layers.reduce(0) { $0 + value($1) }
}
report(
  "outputs, sum over layers: 1-2 is nearer than 2 alone", total(2) { $0.hidden }, lessThan: total(3) { $0.hidden })
report(
  "matrices, sum over layers: 1-2 is nearer than 2 alone", total(2) { $0.matrix }, lessThan: total(3) { $0.matrix })

// ## What they are worth
//
// With the teacher's weights around their mixers all these students are language models, although
// they have not been trained to predict anything yet. CE is the cross-entropy on the text, KL the
// divergence from the teacher's predictions, and agreement the fraction of places where student
// and teacher rank the same token first.

chapter.section("5. What they are worth")
for (_, model) in students { transferWeights(from: teacher, to: model) }
let worth = students.map { (name: $0.0, evaluation: evaluate($0.1.frozen, against: teacher, on: heldOut)) }
table(
  ["student", "held-out CE / nats", "KL / nats", "agreement"],
  rows: worth.map { entry in
    let e = entry.evaluation
    return [entry.name] + [e.crossEntropy.mean, e.divergence.mean, e.agreement.mean].map { number($0, decimals: 3) }
  } + [["teacher", number(worth[0].evaluation.teacherCrossEntropy.mean, decimals: 3), "0", "1"]])
check(
  "stage 2 after 1 makes a better model than 1", worth[2].evaluation.crossEntropy.mean,
  lessThan: worth[1].evaluation.crossEntropy.mean)
report(
  "1-2 makes a better model than 2 alone", worth[2].evaluation.crossEntropy.mean,
  lessThan: worth[3].evaluation.crossEntropy.mean)

// ## Breaking it on purpose: the state after the final norm
//
// To compare blocks we need u[L], the hidden state that leaves the last one. Libraries often
// return it after the final norm. Code that uses this state aligns the last block with something
// that no block puts out, and nothing looks wrong, since the loss falls all the same. The check:
// the teacher's own last block must be at distance 0.

chapter.section("6. Breaking it on purpose: the state after the final norm")
let last = traces[L - 1]
let ownOutput = teacher.blocks[L - 1](last.input)
let right = mean(distance(ownOutput, last.output, over: 1)).scalar
let wrong = mean(distance(ownOutput, teacher.model.finalNorm(last.output), over: 1)).scalar
check("the teacher's last block, compared before the norm", Double(right), within: 1e-5)
check("compared after the norm, it is at a distance", Double(wrong), greaterThan: 1.0)

// ## What we saw
//
// Stage 2 brings the output of every layer nearer to the teacher's. Whether stage 1 helps can be
// judged in three ways: by outputs, by matrices, and by the losses of the language models. One
// run with one seed decides little, and with a teacher that has learned little, as in a quick
// run, stage 1 need not help. Two chapters repeat the comparison over seeds: chapter 12 measures
// outputs after stage 2, and chapter 11 the loss after stage 3. What their full runs printed is
// in [RESULTS.md](../../RESULTS.md).

finding(
  """
  Outputs, summed over layers: before any stage the distance is \(number(total(0) { $0.hidden }, digits: 3)), after
  1-2 \(number(total(2) { $0.hidden }, digits: 3)), after 2 alone \(number(total(3) { $0.hidden }, digits: 3)); a
  silent student is at \(number(total(0) { $0.teacherNorm }, digits: 3)).
  """)
finding(
  """
  Matrices, summed over layers: before any stage the distance is \(number(total(0) { $0.matrix }, digits: 3)), after 1
  \(number(total(1) { $0.matrix }, digits: 3)), after 1-2 \(number(total(2) { $0.matrix }, digits: 3)), after 2 alone
  \(number(total(3) { $0.matrix }, digits: 3)).
  """)
let losses = worth.map { number($0.evaluation.crossEntropy.mean, decimals: 3) }
finding(
  """
  As language models on held-out text, 1-2 is at \(losses[2]), 2 alone at \(losses[3]), and the teacher at
  \(number(worth[0].evaluation.teacherCrossEntropy.mean, decimals: 3)) \(store.unit).
  """)

// ## Exercises
//
// 1. Split the same budget differently between the two stages. What speaks for a short stage 1,
//    what for a long one, and what comes out?
// 2. Square the distance of each token in the loss. Which tokens would then count most?
// 3. Let 2 alone read its own hidden states in place of the teacher's. What becomes of the deeper
//    layers, measured on the teacher's states and on the student's own?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 10-knowledge-distillation, where each layer reads what the student's layers below it put
// out.

chapter.finish()
