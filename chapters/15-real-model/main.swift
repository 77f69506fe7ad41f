// # 15  Does it hold on weights that we did not train?
//
// All that this book has claimed so far rests on models that it trained itself. Here the method meets
// weights that nobody here made: SmolLM2-135M, a published model of the Llama kind, with 30 layers, 9
// heads in each and 49,152 tokens. We look at what its attention does, ask how near a recurrence could
// come to it, and then replace all 30 attentions, on two cores, with text that one can read.
//
// You will see what a sink is and why it matters, the fits of chapter 06 on matrices of a published
// model, the loss of each layer, how well a student predicts the King James Bible beside its teacher, why
// a hybrid may fail and how it is mended, and what a token costs each of them.
//
// The same program distils a model of yours: YOUR-MODEL.md in this folder says how, on one screen.

import Book
import Corpora
import Distillation
import Experiments
import Foundation
import Layers
import Models
import Notebook
import Plots
import Statistics
import Tensors
import Training

let chapter = Chapter(
  "15-real-model", question: "Does it hold on weights that we did not train?",
  duration: "31 minutes, less with fewer --tokens; then 50 seconds; 3 seconds with --quick",
  options: RealModelOptions.self)
let job = exitOnError { try Job(chapter) }
let (store, teacher, work, subset) = (job.store, job.teacher, job.work, job.subset)
let (L, T) = (store.recipe.L, store.recipe.T)
let reported = store.heldOut.reported

// ## What it will take
//
// A run of half an hour should say so before it begins. The multiplications of a step follow from the
// sizes, and a few passes of the teacher say how fast this machine makes them.

chapter.section("1. The model, and what this will take")
job.introduce()

// ## What real attention looks like
//
// Four heads on one sentence: row t shows where token t looks. In published Transformers some heads look
// one token back, some at many, and some, most of the time, at the first token, whatever it is. That is a
// sink. A softmax has to spend its mass somewhere, and a head that finds nothing spends it where it does
// no harm.

chapter.section("2. What real attention looks like")
let sentence = job.sentence
let words = sentence.map { store.corpus.tokenizer.decode([$0]) }
let heads = tellingHeads(of: teacher, on: Tokens(sentence))
chapter.plot(attentionOnWords(heads, words), "heads")
work.begin("attention")
let attention = exitOnError {
  try store.result("attention", in: chapter.name, of: job.modelName) {
    measureAttention(of: teacher, on: Array(reported.prefix(job.windows.attention)))
  }
}
table(
  [
    "layer", "mass on token 0", "heads with half there", "‖A‖", "without column 0", "column 0 of ‖A‖²",
    "state of token 0",
    "of others", "output from token 0",
  ],
  rows: attention.enumerated().map { l, a in
    ["\(l)", number(a.sink, decimals: 2), number(a.sinkHeads, decimals: 1)]
      + [a.norm, a.normBeyond].map { number($0, decimals: 2) } + [number(a.firstColumn, decimals: 2)]
      + [a.firstState, a.otherStates].map { number($0, digits: 3) } + [number(a.partFromFirst, decimals: 2)]
  })
chapter.plot(sinks(attention), "sinks")
let massive = massiveLayer(attention)
show("mass on the first token, all heads, second half of the rows", Estimate(attention.map(\.sink)).mean, digits: 3)
show(
  "heads with more than half of it there, of \(L * store.recipe.H)", attention.map(\.sinkHeads).reduce(0, +),
  digits: 3)
show("the first layer that meets a massive state of token 0", massive)

// The state of the first token explains how a sink is made. Once it has grown so large that the text no
// longer shows in it, it is the same for every text after the norm, and so is its key, which every query
// can be trained to like.
//
// Compare two columns: what part of ‖A‖² stands in column 0, and what part of the mixer's output comes from
// there (the last column). The second can be much smaller than the first, if the value of the first token is
// small. A loss about matrices, such as that of stage 1, sees the first number. A loss about outputs, that of
// stage 2, sees the second.

let sinking = attention.filter { $0.firstColumn > 0.5 }
let there = [Estimate(sinking.map(\.firstColumn)), Estimate(sinking.map(\.partFromFirst))].map {
  number($0.mean, decimals: 2)
}
finding(
  """
  Column 0 has more than half of ‖A‖² in \(sinking.count) of \(L) layers\(sinking.isEmpty ? "." : ":")
  \(sinking.isEmpty ? "" : "\(there[0]) on average, while \(there[1]) of the output's norm comes from it.")
  """)

// ## How near could a recurrence come?
//
// Chapter 06 asked this of our own teacher. Here are the same fits for heads of all layers, on a held-out
// window: distances in Frobenius' norm, relative to the norm of the matrix. In a fit each matrix has numbers
// of its own. One thing need not be as it was there: what decays are worth, the difference between low rank
// and SSD. A head with a sink keeps the first token to the end of the window, so that its one decay is pinned
// near 1, and an SSD without decays is a low rank matrix.

if job.explores {
  chapter.section("3. How near could a recurrence come?")
  work.begin("fits")
  let fits = exitOnError { try job.fits() }
  job.report(fits)
  let middle = fits.orders.count / 2
  func relative(_ family: String) -> String { number(fits.relative(family, middle).mean, digits: 2) }
  finding(
    """
    With N = \(fits.orders[middle]) the mean distance over norm is \(relative("semiseparable")) for a recurrence,
    \(relative("SSD, rows solved")) for an SSD, and \(relative("low rank, rows solved")) for a low rank matrix.
    """)
}

// ## What descent finds
//
// The fits leave a question. A recurrence with T / 2 numbers can make any causal matrix of T tokens exactly,
// and yet a mixer that is trained ends at a distance from its matrix. What lies between? Two layers, and one
// restriction after another: first the matrix may be any recurrence's, then it must be an SSD, then its
// numbers must be computed from u for one window, then for all windows, then for windows that were not trained
// on. The last two rows leave column 0 out of what is measured, and of what is trained.

if job.explores {
  chapter.section("4. What the family can do is not what descent finds")
  work.begin("one layer")
  let orientations = exitOnError { try job.orientations() }
  job.report(orientations)
  func mean(_ distances: [Double]) -> String { number(Estimate(distances).mean, decimals: 3) }
  for one in orientations {
    finding(
      """
      Layer \(one.layer): an SSD for each matrix is at \(number(one.freeSSD, digits: 2)) of the norm, and a mixer for
      one window at \(mean(one.oneWindow.training)). A mixer for many windows is at \(mean(one.manyWindows.training))
      on these and at \(mean(one.manyWindows.heldOut)) on others, or with four times the steps at
      \(mean(one.longer.heldOut)).
      """)
  }
  let trained = orientations.map { "\(mean($0.manyWindows.beyondFirst)) in layer \($0.layer)" }
  let trainedWithout = orientations.map { "\(mean($0.withoutFirst.beyondFirst)) in layer \($0.layer)" }
  finding(
    """
    Without column 0, a mixer that was trained with it is at \(list(trained)), and one that was trained without it at
    \(list(trainedWithout)); zeros are at 1.
    """)
}

// The difference between two rows is the price of a restriction. If an SSD for each matrix is near, it is not
// the family that is too small; if a mixer is about as far on other windows as on its own many, it is not the
// step to unknown texts. What remains is that one map from u to B, C and the decay has to serve all windows,
// where a softmax compares each pair of tokens anew.
//
// The last rows are about the sink. Where column 0 holds most of the norm, a mixer can come near by learning
// the sink alone, and outside that column be no nearer than zeros. Whether training without the column makes
// a better student is asked with `--study`.

// ## All layers
//
// The mixers begin with the teacher's values and output projections: what remains to be learned is the
// matrix. Then stage 2. Its layers read the teacher's states, and none waits for another: each has a tape,
// an optimiser and a checkpoint of its own, and they are trained side by side, one window a step. The
// teacher's pass is made once for all of them, layer by layer, and no state outlives its step.
//
// The loss of a layer is relative to the norm of what it should give: 1 is what zeros would have.

chapter.section("5. The stages on all layers")
let arm = job.arm
work.begin("stage 2")
let aligned = exitOnError { try store.student(of: arm, in: chapter.name, as: "student", after: 1) }
work.begin("stage 3")
let student = exitOnError { try store.student(of: arm, in: chapter.name, as: "student") }
let replaced = (0..<L).filter { !job.kept.contains($0) }
let layerLosses = replaced.map { l in (layer: l, losses: aligned.history.detail("layer \(l)")) }
table(
  ["layer", "loss of the first step", "of the last tenth"],
  rows: layerLosses.map { layer, losses in
    ["\(layer)", number(losses[0], decimals: 2), number(lastMean(losses), decimals: 2)]
  })
chapter.record(aligned.history, in: "stage-2")
chapter.record(student.history, in: "stage-3")
chapter.plot(losses(layerLosses, aligned.history, student.history), "losses")
job.expect(
  "stage 2 brought every layer nearer: the largest ratio of its last loss to its first",
  layerLosses.map { lastMean($0.losses) / $0.losses[0] }.max()!, lessThan: 1.0)

// ## What came out
//
// The same held-out windows for all, and the intervals are of differences, window by window. King James is
// what most of the training read; the other text is plain technical English.

chapter.section("6. What came out")
work.begin("evaluation")
var measured: [(name: String, text: String, evaluation: Evaluation)] = []
for (name, model) in [("after stage 2", aligned.frozen), ("student", student.frozen)] {
  for (text, batches) in job.texts {
    let result = exitOnError { try job.evaluation(of: model, name, on: batches, text) }
    measured.append((name, text, result))
  }
}
tabulateEvaluations(measured)
let (before, after) = (measured[0].evaluation, measured[job.texts.count].evaluation)
let gap = PairedDifference(zip(after.losses, after.teacherLosses).map { $0 - $1 })
show(
  "student − teacher, \(job.texts[0].name)",
  "\(number(gap.mean, decimals: 3)) (95 % interval \(gap.intervalText(decimals: 3)))")
if job.isDefault { check("the student is near its teacher: nats above it", gap.mean, lessThan: 0.25) }
job.expect("it agrees with its teacher more often than not", after.agreement.mean, greaterThan: 0.5)
for (name, model) in [("teacher", teacher), ("student", student.frozen)] { job.sample(name, model) }
volatile("generate \(job.folder(of: "student").relativePath) continues any text with it")

// ## How many layers, and which?
//
// Layers were trained apart, so the one run of stage 2 has left 2³⁰ hybrids of a model with 30 layers, any of
// which can be measured. One would expect that a model with fewer of its layers replaced is nearer to its
// teacher. It need not be.
//
// Replace layers from the last on, and none of those that are left gets another input than before. Replace
// them from the first on, and all do. The last column of the table shows what that may mean. The early layers
// give the first token the state from which a massive one grows; if their students get that token a little
// wrong, as it is one of T in the mean, the state does not grow. To attention that is still there the sink is
// then gone, and its mass falls on tokens that mean something. A mixer in its place need not rely on a sink.
//
// Two mends. Train the early layers so that the first token counts 32 times; then its state should grow as
// the teacher's does. Or keep the early layers themselves. The first serves any hybrid.

var hybridModel: FrozenModel?
if job.explores {
  chapter.section("7. How many layers, and which?")
  let exploration = exitOnError { try job.exploreHybrids(aligned.model, massive: massive) }
  job.report(exploration)
  let half = L / 2
  let (first, last, all) = (
    exploration.result("the first \(half)"), exploration.result("the last \(half)"), exploration.result("all")
  )
  let mended = exploration.result("the first \(half), first token weighted")
  finding(
    """
    With the first \(half) layers replaced KL is \(number(first.divergence, decimals: 3)), with the last \(half) it is
    \(number(last.divergence, decimals: 3)), and with all \(L) it is \(number(all.divergence, decimals: 3)).
    """)
  finding(
    """
    If the first token counts more, KL with the first \(half) replaced is \(number(mended.divergence, decimals: 3)).
    The last layer then meets a first token whose state is \(number(mended.firstState, digits: 2)) times as large as
    the others'; without the weight it is \(number(first.firstState, digits: 2)) times, and in the teacher
    \(number(exploration.result("none").firstState, digits: 2)) times as large.
    """)
  let hybrid = exitOnError { try job.trainedHybrid(aligned.model, exploration) }
  job.report(hybrid, against: after)
  finding(
    """
    After stage 3 the hybrid of attention in \(list(exploration.chosen.kept.map(String.init))) is at a KL of
    \(number(hybrid.evaluation.divergence.mean, decimals: 3)), and the student without attention at
    \(number(after.divergence.mean, decimals: 3)).
    """, volatile: chapter.isQuick)
  hybridModel = hybrid.model
}

// ## What a token costs now
//
// Attention keeps keys and values of all that was read, the student a state of one size. A token's time is
// spent in the MLPs and the head as well, which both have: the student gains what attention costs beyond
// them, and that grows with the context.

chapter.section("8. What a token costs now")
work.begin("generation")
let models: [NamedModel] =
  [("teacher", teacher), ("student", student.frozen)] + (hybridModel.map { [("hybrid", $0)] } ?? [])
job.reportCosts(of: models)

if chapter.options.study {
  chapter.section("9. The arms")
  exitOnError { try job.study() }
}

// ## Breaking it on purpose: rows in another order
//
// GGUF files of Llama models keep the rows of queries and keys in pairs, (0, 32), (1, 33) and so on, where
// others keep halves; rotation by position needs to know which. A reader that forgets this may get a model
// that still writes fluently, so that only its loss gives it away. Here we undo what our reader did, in the
// teacher's own layers.

chapter.section("\(chapter.options.study ? 10 : 9). Breaking it on purpose: rows in another order")
work.begin("breaking")
let wrong = job.withRowsInPairs(teacher)
let (right, broken) = exitOnError { try job.losses(of: [teacher, wrong]) }
table(
  ["rows of queries and keys", "loss, \(store.unit)"],
  rows: [
    ["in halves, as they should be", number(right, decimals: 3)], ["in pairs", number(broken, decimals: 3)],
  ])
job.expect(
  "a loss on text that was not chosen sees it: nats lost", broken - right, greaterThan: job.isDefault ? 0.2 : 0.0)
job.sample("the broken teacher", wrong)

// ## What we saw
//
// Each statement can be checked against the tables above it; RESULTS.md has those of a full run.
//
// The attention of a published model may be another thing than that of the book's own teacher. Where the
// first token's state grows massive, attention can rest on that token, and much of ‖A‖² stand in its
// column.

func onFirstToken(_ layers: ArraySlice<LayerAttention>) -> String {
  let means = [Estimate(layers.map(\.sink)), Estimate(layers.map(\.firstColumn))].map { number($0.mean, decimals: 2) }
  return "\(means[0]) of the attention rests on it on average, and \(means[1]) of ‖A‖² stands in its column"
}
if attention[massive].isFirstStateMassive {
  let early = massive > 0 ? " In the layers before, \(onFirstToken(attention[..<massive]))." : ""
  finding(
    """
    The first layer that meets a massive state of the first token is layer \(massive). From there on
    \(onFirstToken(attention[massive...])).\(early)
    """)
} else {
  finding(
    """
    No layer meets a massive state of the first token; \(onFirstToken(attention[...])).
    """)
}

// If a recurrence comes near to such matrices, the family is not what limits a student. What does is that one
// linear map has to do for all texts what a softmax does for each.
//
// Stage 2 trains layers that do not know of one another, and stage 3 makes one model of them. The student of
// stage 2 may lean towards the text that it was trained on, and stage 3 asks it to be the teacher again: then
// KL falls, while cross-entropy on that text need not. So KL is the number to look at when one asks how well a
// teacher was imitated.

let tokens = job.plan.steps.reduce(0, +) * store.recipe.tokensPerUpdate
finding(
  """
  \(replaced.count) of \(L) attentions are replaced with \(tokens) tokens of text. On \(measured[0].text) the student
  is at \(number(after.crossEntropy.mean, decimals: 3)) \(store.unit), and its teacher at
  \(number(after.teacherCrossEntropy.mean, decimals: 3)).
  """)
for (two, three) in zip(measured.prefix(job.texts.count), measured.dropFirst(job.texts.count)) {
  let (old, new) = (two.evaluation, three.evaluation)
  finding(
    """
    On \(two.text) stage 3 takes KL from \(number(old.divergence.mean, decimals: 3)) to
    \(number(new.divergence.mean, decimals: 3)), agreement from \(number(old.agreement.mean, decimals: 3)) to
    \(number(new.agreement.mean, decimals: 3)), and cross-entropy from
    \(number(old.crossEntropy.mean, decimals: 3)) to \(number(new.crossEntropy.mean, decimals: 3)).
    """)
}

// A hybrid need not lie between its parts. A sink is an agreement between layers, and replacing the ones that
// make it can break those that use it. That is what the weight of the first token is for, and the choice of
// the layers that keep their attention.
//
// Exercises. 1: `--keep 0,1` alone: how near does a student come that keeps the layers where the sink
// begins? 2: `--N 16`: the fits say that it is enough for a matrix. Is it for a student? 3: Give
// `firstToken` of the default plan the value 32. Who gains, the pure student or the hybrid? 4: Distil a model
// of your own (YOUR-MODEL.md).

chapter.finish()
