// # 15  Does it hold on weights that we did not train?
//
// All that this book has claimed so far rests on models that it trained itself. Here the method meets
// weights that nobody here made: SmolLM2-135M, a published model of the Llama kind, with 30 layers, 9
// heads in each and 49,152 tokens. We look at what its attention does, ask how near a recurrence could
// come to it, and then replace all 30 attentions, on two cores, with text that one can read.
//
// You will see what a sink is and why it matters, the fits of chapter 06 on matrices of a published
// model, the loss of each layer, a student that predicts the King James Bible nearly as well as its
// teacher, a hybrid that fails and how it is mended, and what a token costs each of them.
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
// Four heads on one sentence: row t shows where token t looks. Some heads look one token back, some at
// many, and many, most of the time, at the first token, whatever it is. That is a sink. A softmax has to
// spend its mass somewhere, and a head that finds nothing spends it where it does no harm.

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

// The state of the first token explains how a sink is made. From one layer on it is so large that the text
// no longer shows in it: after the norm it is the same for every text, and so is its key, which every query
// can be trained to like.
//
// Compare two columns. In the layers with sinks, most of ‖A‖² stands in column 0; but of what the mixer puts
// out, a much smaller part comes from there (the last column), because the value of the first token is
// small. A loss about matrices, such as that of stage 1, sees the first number. A loss about outputs, that of
// stage 2, sees the second.

// ## How near could a recurrence come?
//
// Chapter 06 asked this of our own teacher. Here are the same fits for heads of all layers, on a held-out
// window: distances in Frobenius' norm, relative to the norm of the matrix. In a fit each matrix has numbers
// of its own. One thing is not as it was there: decays help little or not at all. A head with a sink keeps
// the first token to the end of the window, so that its one decay is pinned near 1, and an SSD without
// decays is a low rank matrix.

if job.explores {
  chapter.section("3. How near could a recurrence come?")
  work.begin("fits")
  let fits = exitOnError { try job.fits() }
  job.report(fits)
}

// ## What descent finds
//
// The fits leave a question. The best recurrence of 64 numbers is exact to a thousandth, and yet stage 1 ends
// near a third of the norm. What lies between? Two layers, and one restriction after another: first the
// matrix may be any recurrence's, then it must be an SSD, then its numbers must be computed from u for one
// window, then for all windows, then for windows that were not trained on. The last two rows leave column 0
// out of what is measured, and of what is trained.

if job.explores {
  chapter.section("4. What the family can do is not what descent finds")
  work.begin("one layer")
  job.report(exitOnError { try job.orientations() })
}

// So it is not the family that is too small, nor is it the step from known to unknown windows. A mixer that
// may serve one window alone comes near. What costs is that one map from u to B, C and the decay has to serve
// all windows, where a softmax compares each pair of tokens anew; more steps help a little.
//
// The last rows are about the sink. Where column 0 holds most of the norm, the distance of a trained mixer
// outside that column is about what zeros would have, or worse: it has learned the sink, and little of who
// looks at whom. Trained without the column, it does better there in the layer with the sink, and not in the
// other. Whether that makes a better student is asked with `--study`.

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
// Layers were trained apart, so the one run of stage 2 has left 2³⁰ hybrids, any of which can be measured.
// One would expect that a model with fewer of its layers replaced is nearer to its teacher. It is not so.
//
// Replace layers from the last on, and it is: the distance grows with each of them. Replace them from the
// first on, and a few are worse than all. The last column of the table shows why. The early layers give the
// first token the state from which its massive one grows; their students get that token a little wrong, as
// it is one of T in the mean, and the state does not grow. To attention that is still there the sink is
// gone, and its mass falls on tokens that mean something. A student of that layer does better, for it has
// never been told to rely on a sink that is not in its own input.
//
// Two mends. Train the early layers so that the first token counts 32 times; then its state grows as the
// teacher's does. Or keep the early layers themselves. The first serves any hybrid.

var hybridModel: FrozenModel?
if job.explores {
  chapter.section("7. How many layers, and which?")
  let exploration = exitOnError { try job.exploreHybrids(aligned.model, massive: massive) }
  job.report(exploration)
  let hybrid = exitOnError { try job.trainedHybrid(aligned.model, exploration) }
  job.report(hybrid, against: after)
  hybridModel = hybrid.model
}

// ## What a token costs now
//
// Attention keeps keys and values of all that was read, the student a state of one size. At this model's
// sizes most of a token's time is spent in the MLPs and the head, which both have: the student gains what
// attention costs beyond them, and that grows with the context.

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
// others keep halves; rotation by position needs to know which. A reader that forgets this gets a model that
// writes fluently: only its loss gives it away. Here we undo what our reader did, in the teacher's own layers.

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
// The attention of a published model is another thing than that of the book's own teacher. From the layer
// on in which the first token's state grows massive, about half of all attention rests there, and nearly all
// of ‖A‖² stands in one column. A recurrence with 16 numbers is within a few percent of such matrices, and
// decays are of no use to it; so the family is not what limits a student. What limits it is that one linear
// map has to do for all texts what a softmax does for each.
//
// All 30 attentions can be replaced on two cores in the time of a lunch. Stage 2 does most of it, with layers
// that do not know of one another. Stage 3 brings the student nearer to its teacher in KL and in agreement,
// on both texts; on King James its cross-entropy rises while its KL falls, for the student of stage 2 had
// leaned towards the text that it was trained on, and stage 3 asks it to be the teacher again. So KL is the
// number to look at when one asks how well a teacher was imitated.
//
// A hybrid is not between its parts. The sink is an agreement between layers, and replacing the ones that
// make it breaks those that use it. With the first token weighted, four layers of attention among thirty
// make a hybrid that is nearer to the teacher than the pure student, for the same tokens.
//
// Exercises. 1: `--keep 0,1` alone: how near does a student come that keeps the layers where the sink
// begins? 2: `--N 16`: the fits say that it is enough for a matrix. Is it for a student? 3: Give
// `firstToken` of the default plan the value 32. Who gains, the pure student or the hybrid? 4: Distil a model
// of your own (YOUR-MODEL.md).

chapter.finish()
