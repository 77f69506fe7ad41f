// # 09  Stage 2: hidden-state alignment
//
// After stage 1 the student mixes the right positions, but what it mixes, how it gates it and where
// it sends it are still random. Stage 2 asks for the output: for the same input, each mixer as a
// whole should give what the teacher's attention gave. Each layer still reads the teacher's states
// and does not depend on the others.
//
// The question of the chapter is what stage 1 was good for. Two students get the same number of
// tokens: one goes through stages 1 and 2, the other spends all of it on stage 2. You will see
// their loss curves, layer by layer, and the distances they reach on held-out text. The run takes
// half a minute once the teacher is there.

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
// For each token the teacher's attention gives a vector of D features, and so does the student's
// mixer. Their distance is an L2 norm, not squared; the loss is its mean over tokens, summed over
// layers. Stage 1 compared matrices of heads; here W_o has mixed the heads, and all of the mixer
// takes part.

chapter.section("1. The loss of one batch")
let student = store.newStudent()
let stage = HiddenStateAlignment(from: teacher, to: student)
exitOnError { try stage.begin() }
let loss = stage.loss(batch)
let traces = teacher.trace(batch.inputs, keepingMatrices: false)
table(
  ["layer", "distance before", "norm of the teacher's output"],
  rows: (0..<L).map { l in
    let output = traces[l].mixerOutput.expecting(B, T, D, as: "the output of layer \(l)")
    let length = Double(mean(distance(output, .zeros(output.shape), over: 1)).scalar)
    return ["\(l)", number(loss.parts[l].1, decimals: 3), number(length, decimals: 3)]
  })

// Now everything in the mixer is reached by the gradient, and nothing outside it: MLPs, norms,
// embedding and head are the teacher's.

let reached = student.parameters.filter { TapeSummary(of: loss.total).reaches($0) }.map(\.name)
let mixers = student.blocks.flatMap(\.mixer.parameters).map(\.name)
check("the gradient reaches the mixers and nothing else", Set(reached) == Set(mixers), "\(reached.count) parameters")
check("the teacher gets none", !teacher.model.parameters.contains { TapeSummary(of: loss.total).reaches($0) })

// ## Mixer or block?
//
// One may compare the outputs of whole blocks instead. In a parallel block the input and the MLP's
// output are added to the mixer's; with the teacher's norm and MLP in the student both are the same
// on either side, and drop out of the difference. The two losses are then one number.

chapter.section("2. Mixer or block?")
let dressed = store.newStudent()
transferWeights(from: teacher, to: dressed)
let ofMixers = HiddenStateAlignment(from: teacher, to: dressed).loss(batch).total.value.scalar
let ofBlocks = HiddenStateAlignment(from: teacher, to: dressed, comparing: .blockOutput).loss(batch)
show("comparing mixers", Double(ofMixers), unit: "L2, summed over layers")
show("comparing blocks", Double(ofBlocks.total.value.scalar), unit: "L2, summed over layers")
check("the same, relative", Double((ofMixers - ofBlocks.total.value.scalar) / ofMixers), within: 1e-4)

// ## Two students, one budget
//
// Both begin with the same weights. The first goes through a short stage 1 and then stage 2; the
// second spends the steps of both on stage 2.

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
let offset = oriented.history.records.count * recipe.tokensPerUpdate
chapter.plot(
  Figure(
    "Stage 2 with and without stage 1 before it",
    panels: both.history.detailNames.map { name in
      LineChart(
        "\(name), mean of 5 steps", x: Axis("tokens seen, both stages"), y: Axis("distance", unit: "L2 per token"),
        series: [
          lossCurve(
            "2 alone", alone.history.detail(name), tokensPerUpdate: recipe.tokensPerUpdate, smoothing: 5,
            style: .dashed),
          lossCurve(
            "2 after 1", both.history.detail(name), tokensPerUpdate: recipe.tokensPerUpdate, from: offset,
            smoothing: 5),
        ])
    }, columns: 2), "loss")

// ## What they reach, on held-out text
//
// Outputs first: this is what both were trained for at the end. The distance of a silent student,
// whose mixers give zeros, would be the norm of the teacher's output.

chapter.section("4. What they reach, on held-out text")
let beginner = store.newStudent()
let students = [
  ("before", beginner), ("after 1", oriented.model), ("after 1-2", both.model), ("after 2 alone", alone.model),
]
let distances = students.map { (name: $0.0, layers: layerDistances(of: $0.1.frozen, from: teacher, on: heldOut)) }
show("distance of the mixers' outputs, L2, mean over tokens", "")
table(
  ["student"] + (0..<L).map { "layer \($0)" },
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

// Then matrices, which stage 2 does not ask for. Stage 2 alone may reach its outputs through
// matrices like the teacher's, or through others.

show("distance of the matrices, Frobenius, mean over heads", "")
table(
  ["student"] + (0..<L).map { "layer \($0)" },
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
// With the teacher's weights around the mixers, both are language models, though no stage has asked
// for one yet.

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
// Comparing blocks needs u[L], the state that leaves the last one. Libraries like to return it
// after the final norm. Code that takes it from there aligns the last block with something that no
// block gives, and sees a loss that falls all the same. The check: the teacher's own last block
// must have distance 0.

chapter.section("6. Breaking it on purpose: the state after the final norm")
let last = traces[L - 1]
let ownOutput = teacher.blocks[L - 1](last.input)
let right = mean(distance(ownOutput, last.output, over: 1)).scalar
let wrong = mean(distance(ownOutput, teacher.model.finalNorm(last.output), over: 1)).scalar
check("against the state before the norm", Double(right), within: 1e-5)
check("against the state after it, the check sees a distance", Double(wrong), greaterThan: 1.0)

// ## What we saw
//
// Stage 2 brings every layer's output nearer to the teacher's. What was stage 1 good for? Two
// students with the same number of tokens can be compared in their outputs, in their matrices, and
// as language models. One run with one seed decides little, and with a teacher that has learned
// little stage 1 need not help.

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

// Exercises. 1: Split the budget differently (`orientationSteps` in the recipe). Where is the best
// share? 2: Square the distance. Which tokens does the loss then care about most? 3: Let the second
// student read its own states instead of the teacher's. What happens to the deeper layers?
//
// Next: 10-knowledge-distillation, where the layers have to live with one another.

chapter.finish()
