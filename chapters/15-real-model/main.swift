// # 15  Does it hold on weights that we did not train?
//
// All claims of this book so far rest on models that the book trained itself. Here we apply the method to
// weights that we did not make: SmolLM2-135M, a published model with the architecture of Llama, with 30
// layers, 9 heads in each layer and a vocabulary of 49,152 tokens. We look at what its attention does, ask
// how closely a recurrence could imitate it, and then replace all 30 attentions, on two cores.
//
// You will see what an attention sink is and why it matters, the fits of chapter 06 on the matrices of a
// published model, the loss of each layer, how well the student predicts held-out text beside its teacher,
// why a hybrid can fail and how to repair it, and what a token costs each model.
//
// The same program distils a model of your own: [YOUR-MODEL.md](YOUR-MODEL.md) says how, on one page.

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
// A run of half an hour should say so before it begins. The number of multiplications in a step follows
// from the sizes, and a few passes of the teacher show how fast this machine computes them. With `--quick`
// the teacher is a tiny Llama, trained for a few seconds (`Tiny.swift`).
//
// The table names the stages of this run. "Alignment, relative" is stage 2 with the loss of each layer
// divided by the mean norm of the teacher's outputs there, so that layers with small outputs count as
// much as those with large ones. "Distillation among … tokens" is stage 3 with the softmax of both
// models taken over those tokens of the vocabulary alone that occur in our texts, which saves work in the
// head. Section 5 says why there is no stage 1.

chapter.section("1. The model, and what this will take")
job.introduce()

// The study of the arms (`Study.swift`) takes hours and needs nothing from the other sections, nor they from it: with
// `--study` it is all that is run.

if chapter.options.study {
  chapter.section("2. The arms")
  exitOnError { try job.study() }
  chapter.finish()
}

// ## What real attention looks like
//
// The figure shows four heads on one sentence; row t shows which tokens token t attends to. Three of them
// are extremes of this model: of all its heads they have the most weight on the previous token, the most on
// the first token, and the widest spread over tokens. The fourth is one with a narrower spread. ("The most"
// can still be little, in a small model that has been trained for a short time.) In published Transformers
// some heads attend to the previous token, some to many tokens, and some attend most of the time to the
// first token, whatever it is. That is an attention sink. The weights of a softmax sum to 1, so a head that
// finds nothing of use still has to put its weight somewhere; the sink is a place where that does no harm.
//
// The table has a row for each layer; all numbers are means over held-out windows. "Heads over half" is the
// number of heads with more than half of their weight on token 0. A is a head's attention matrix, and ‖A‖
// its Frobenius norm; the next column is that norm without column 0, and "column 0's part" is the fraction of
// ‖A‖² that column 0 holds. The state of a token is the vector that enters the layer: the table has the L2
// norm of token 0's state, and the mean of the others. The last column is the part of the mixer's output
// that comes from token 0: its norm over the norm of the whole output. This part, the weight on token 0 and
// the number of heads are measured in the second half of the rows.

chapter.section("2. What real attention looks like")
let sentence = job.sentence
let words = sentence.map { store.corpus.tokenizer.decode([$0]) }
let heads = tellingHeads(of: teacher, on: Tokens(sentence))
chapter.plot(attentionOnWords(heads, words, of: job.title), "heads")
chapter.explore(
  .matrices(
    title: "The same four heads", tokens: words,
    heads.map { what, head, matrix in
      Notebook.Exploration.NamedMatrix(
        "layer \(head.layer), head \(head.number): \(what)", rows: Book.rows(of: matrix))
    }))
work.begin("attention")
let attention = exitOnError {
  try store.result("attention", in: chapter.name, of: job.modelName) {
    measureAttention(of: teacher, on: Array(reported.prefix(job.windows.attention)))
  }
}
table(
  [
    "layer", "weight on token 0", "heads over half", "‖A‖", "without column 0", "column 0's part",
    "token 0's state", "other states", "output from token 0",
  ],
  rows: attention.enumerated().map { l, a in
    ["\(l)", number(a.sink, decimals: 2), number(a.sinkHeads, decimals: 1)]
      + [a.norm, a.normBeyond].map { number($0, decimals: 2) } + [number(a.firstColumn, decimals: 2)]
      + [a.firstState, a.otherStates].map { number($0, digits: 3) } + [number(a.partFromFirst, decimals: 2)]
  })
chapter.plot(sinks(attention), "sinks")
show("weight on token 0, mean of all heads, second half of the rows", Estimate(attention.map(\.sink)).mean, digits: 3)
show(
  "heads with more than half of their weight on token 0, of \(L * store.recipe.H)",
  attention.map(\.sinkHeads).reduce(0, +), digits: 3)

// The state of token 0 explains how a sink arises. We call it massive if it is more than ten times as large
// as the states of the other tokens. A massive state is nearly the same for every text, and after the norm
// so is what the layer reads of it. So token 0 has the same key in every text, and queries can learn to
// give that key a large score. Section 7 needs the first layer that reads a massive state; in a model
// without one it takes layer L / 3 in its place, so that all of it can be run.

let massive = massiveLayer(attention)
show(
  attention[massive].isFirstStateMassive
    ? "the first layer that reads a massive state of token 0"
    : "no layer reads a massive state of token 0; the layer taken in its place", massive)

// Compare two columns: how much of ‖A‖² is in column 0 ("column 0's part"), and how much of the output
// comes from token 0 (the last column). The second can be much smaller than the first, if the value of
// token 0 is small. A loss on matrices, such as that of stage 1, depends on the first number; a loss on
// outputs, such as that of stage 2, depends on the second.

let sinking = attention.filter { $0.firstColumn > 0.5 }
let there = [Estimate(sinking.map(\.firstColumn)), Estimate(sinking.map(\.partFromFirst))].map {
  number($0.mean, decimals: 2)
}
finding(
  """
  Column 0 has more than half of ‖A‖² in \(sinking.count) of \(L) layers\(sinking.isEmpty ? "." : ":")
  \(sinking.isEmpty ? "" : "\(there[0]) on average. What the output takes from token 0 has \(there[1]) of its norm.")
  """)

// ## How near could a recurrence come?
//
// Chapter 06 asked this question about our own teacher. Here we make the same fits for heads of all layers,
// on one held-out window: each matrix is approximated by parameters of its own, and the distance is the
// Frobenius norm of the difference over the norm of the matrix. Semiseparable matrices, those of a general
// recurrence, are found by balanced truncation, and no recurrence is below the bound. The second table is
// the paper's. It has distances that are not divided by a norm, since the paper does not give the norm of its
// matrices. So compare the order of the families there, and how fast each falls with N, but no number with
// one of ours. (If a full run of chapter 06 has left its results, a third table has them, over the norm.)
//
// One result may differ from chapter 06: how much the decays are worth, which is the difference between SSD
// and low rank. A head with a sink attends to token 0 up to the end of the window, so its decays have to stay
// near 1; and an SSD with all decays at 1 is a low-rank matrix.

if job.explores {
  chapter.section("3. How near could a recurrence come?")
  work.begin("fits")
  let fits = exitOnError { try job.fits() }
  job.report(fits)
  let middle = fits.orders.count / 2
  func relative(_ family: String) -> String { number(fits.relative(family, middle).mean, digits: 2) }
  finding(
    """
    With N = \(fits.orders[middle]) the mean distance over norm is \(relative("semiseparable")) for a general
    recurrence, \(relative("SSD, rows solved")) for an SSD, and \(relative("low rank, rows solved")) for a low-rank
    matrix.
    """)
}

// ## What descent finds
//
// The fits leave a question, and it is a question about stage 1. A recurrence with a state of T / 2 numbers
// can represent any causal matrix of T tokens exactly, and yet a mixer that stage 1 has trained ends at
// some distance from its target. Where does the distance come from? We take two layers and add one
// restriction after another. First the matrix may be that of any recurrence; then it must be an SSD. The
// rows that follow are about mixers that are trained with the loss of stage 1: their B, C and decays must
// be computed from the mixer's input u, for one window; then for many windows; and last, the mixer is
// measured on windows that it was not trained on. The last two rows of the table leave column 0 out of the
// measurement, and the very last leaves it out of the training as well.

if job.explores {
  chapter.section("4. What the family can do is not what descent finds")
  work.begin("one layer")
  let orientations = exitOnError { try job.orientations() }
  job.report(orientations)
  func mean(_ distances: [Double]) -> String { number(Estimate(distances).mean, decimals: 3) }
  for one in orientations {
    finding(
      """
      Layer \(one.layer), distance over norm: \(number(one.freeSSD, digits: 2)) for an SSD fitted to each matrix, and
      \(mean(one.oneWindow.training)) for a mixer trained on one window. A mixer trained on many windows is at
      \(mean(one.manyWindows.training)) on these and at \(mean(one.manyWindows.heldOut)) on others; with four times the
      steps it is at \(mean(one.longer.heldOut)) on others.
      """)
  }
  let trained = orientations.map { "\(mean($0.manyWindows.beyondFirst)) in layer \($0.layer)" }
  let trainedWithout = orientations.map { "\(mean($0.withoutFirst.beyondFirst)) in layer \($0.layer)" }
  finding(
    """
    Measured without column 0, a mixer that was trained with it is at \(list(trained)), and one that was trained
    without it at \(list(trainedWithout)); a matrix of zeros is at 1.
    """)
}

// The difference between two rows is the price of a restriction, provided that the mixers were trained long
// enough. If an SSD fitted to each matrix comes close, the family of matrices is not too small. If a mixer
// is about as far from its target on other windows as on those it was trained on, generalisation is not the
// problem. What is left depends on the mixer for one window:
//
// - If it comes close to that window, while the mixer for many windows stays far from all of them, the
//   price is that of one map for all windows: the same map from u to B, C and the decay has to serve each
//   of them, where a softmax compares each pair of tokens anew. Then this is why a trained stage 1 stays
//   far from the best fit: a fit chooses its parameters anew for each matrix, and stage 1 may not.
// - If it is far even from that one window, many windows are not to blame. Then the training may have been
//   too short; the row with four times the steps shows what longer training gains. We expect this of a
//   quick run, with its few steps, and so it does not answer the question. The full run has many more
//   steps.
//
// The last two rows are about the sink. Where column 0 holds most of the norm, a mixer can come close by
// learning the sink alone, and still be no closer than a matrix of zeros outside that column. Whether
// training without the column makes a better student is a question for `--study`.

// ## All layers
//
// The mixers begin with the teacher's value and output projections, so what remains to be learned is the
// matrix. That is also why this run has no stage 1. In chapter 09 stage 1 comes first because x and W_o are
// random, and an output says little about the matrix behind it. Here they are the teacher's from the first
// step, so the loss of stage 2, which compares outputs, trains the matrix at once. And where a sink fills
// column 0, the loss of stage 1 would be mostly about that column. Whether a stage 1 in front pays all the
// same is measured by `--study`, which compares ways with it and without it.
//
// So we begin with stage 2. Each of its layers reads the teacher's states and depends on no other layer:
// each has a tape, an optimiser and a checkpoint of its own. The layers are trained side by side, with one
// window in each step. One pass of the teacher serves all of them, layer by layer, and no state is kept
// after its step. Stage 3 then trains all mixers end to end.
//
// The loss of a layer in stage 2 is the distance of its output from the teacher's over the norm of the
// teacher's output: an output of zeros has a loss of 1.

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
  "stage 2 improves every layer: the largest ratio of last loss to first",
  layerLosses.map { lastMean($0.losses) / $0.losses[0] }.max()!, lessThan: 1.0)

// ## What came out
//
// All models are measured on the same held-out windows. The interval is that of the mean difference between
// student and teacher, taken window by window. In the default run most of the training text is the King James
// Bible; the other text is plain technical English.

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
if job.isDefault { check("the student's loss is near its teacher's: nats above it", gap.mean, lessThan: 0.25) }
job.expect(
  "the student ranks the same token first as its teacher more often than not", after.agreement.mean,
  greaterThan: 0.5)
for (name, model) in [("teacher", teacher), ("student", student.frozen)] { job.sample(name, model) }

// Agreement asks about one token after the true text. Here both models write: each continues the first
// halves of held-out windows, always with the token that it ranks first. We count after how many of them
// the first n tokens are the teacher's. One different token changes all that follow, so these numbers fall
// much faster than agreement would suggest.

job.reportContinuations(of: [("after stage 2", aligned.frozen), ("student", student.frozen)])
volatile("generate --model \(job.folder(of: "student").relativePath) continues any text with the student")

/// The hybrid of the next section, if there is one.
var hybridModel: FrozenModel?

// ## How many layers, and which?
//
// Stage 2 trains each layer apart from the others. So after one run of it, every choice of layers is a hybrid
// that can be measured without further training: 2³⁰ of them in a model of 30 layers. We would expect a
// hybrid with fewer replaced layers to be closer to its teacher. That need not be so.
//
// If we replace the last layers, the layers before them read what they always read. If we replace the first
// layers, all layers after them read something new. The last column of the table shows what that can do.
// The early layers give token 0 the state from which the massive one grows. It is one token of T in the
// mean of the loss, so their mixers may get it slightly wrong, and then the state does not grow. For
// attention in later layers the sink is gone, and its weight falls on tokens that carry meaning. A mixer
// that has replaced such a layer need not rely on a sink. A model without massive states has no such trap:
// its last column hardly changes, and fewer replaced layers can be expected to mean a smaller KL.
//
// There are two repairs. We can train the early layers with a weight of 32 on the first token, so that its
// state should grow as it does in the teacher. Or we can keep the attention of the early layers. The first
// repair serves any hybrid.
//
// The first table replaces layers from either end. The second tries the repairs on all layers, on the first
// half, and on hybrids that keep a few layers. In the third all layers but one are replaced, with the
// repaired mixers in the early layers; it has fewer windows than the others, so its rows can be compared
// with one another alone. All three measure KL on windows that are not reported elsewhere.

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
    \(number(last.divergence, decimals: 3)), and with all \(L) layers it is \(number(all.divergence, decimals: 3)).
    """)
  finding(
    """
    With more weight on the first token, KL with the first \(half) layers replaced is
    \(number(mended.divergence, decimals: 3)). At the last layer the state of token 0 is then
    \(number(mended.firstState, digits: 2)) times as large as the states of the other tokens; without the weight it is
    \(number(first.firstState, digits: 2)) times, and in the teacher
    \(number(exploration.result("none").firstState, digits: 2)) times as large.
    """)
  let hybrid = exitOnError { try job.trainedHybrid(aligned.model, exploration) }
  job.report(hybrid, against: after)
  finding(
    """
    After stage 3 KL is \(number(hybrid.evaluation.divergence.mean, decimals: 3)) for the hybrid with attention in
    \(list(exploration.chosen.kept.map(String.init))), and \(number(after.divergence.mean, decimals: 3)) for the student
    without attention.
    """, volatile: chapter.isQuick)
  hybridModel = hybrid.model
}

// ## What a token costs now
//
// Attention keeps the keys and values of every token that was read, the student a state of fixed size. Most
// of the time of a token is spent in the MLPs and the head, which both models have. So the student can save
// only what attention costs on top of them, and that grows with the context.

chapter.section("8. What a token costs now")
work.begin("generation")
let models: [NamedModel] =
  [("teacher", teacher), ("student", student.frozen)] + (hybridModel.map { [("hybrid", $0)] } ?? [])
job.reportCosts(of: models)

// ## Breaking it on purpose: rows in another order
//
// Rotation by position turns pairs of features, and there are two conventions for the rows of the query and
// key projections. GGUF files of Llama models keep the two rows of a pair side by side: (0, 32), (1, 33) and
// so on, for heads of 64 features. Other files keep the first half of all pairs, then the second half. A
// reader that mistakes one for the other may get a model that still writes fluently, so that only its loss
// gives the mistake away. Here we undo in the teacher's layers what our reader did to the rows.

chapter.section("9. Breaking it on purpose: rows in another order")
work.begin("breaking")
let wrong = job.withRowsInPairs(teacher)
let (right, broken) = exitOnError { try job.losses(of: [teacher, wrong]) }
table(
  ["rows of queries and keys", "loss, \(store.unit)"],
  rows: [
    ["in halves, as they should be", number(right, decimals: 3)], ["in pairs", number(broken, decimals: 3)],
  ])
job.expect(
  "the loss on held-out text shows the mistake: nats lost", broken - right, greaterThan: job.isDefault ? 0.2 : 0.0)
job.sample("the broken teacher", wrong)

// ## What we saw
//
// Each statement can be checked against the tables above; [RESULTS.md](../../RESULTS.md) has those of a full
// run. The tiny model of a quick run may have no sink at all: then its tables have no example of what is said
// about sinks.
//
// The attention of a published model can differ in kind from that of the book's own teacher. Where the state
// of the first token grows massive, attention can rest on that token, and much of ‖A‖² can be in its column.

func onFirstToken(_ layers: ArraySlice<LayerAttention>) -> String {
  let means = [Estimate(layers.map(\.sink)), Estimate(layers.map(\.firstColumn))].map { number($0.mean, decimals: 2) }
  return "\(means[0]) of the attention rests on it on average, and \(means[1]) of ‖A‖² is in its column"
}
if attention[massive].isFirstStateMassive {
  let early = massive > 0 ? " In the layers before, \(onFirstToken(attention[..<massive]))." : ""
  finding(
    """
    The first layer that reads a massive state of the first token is layer \(massive). From there on
    \(onFirstToken(attention[massive...])).\(early)
    """)
} else {
  finding(
    """
    No layer reads a massive state of the first token; \(onFirstToken(attention[...])).
    """)
}

// If a recurrence comes close to such matrices, the family is not what limits a student. If a mixer trained
// by stage 1 comes close on one window and not on many, the limit is that one map of the input has to do
// for all texts what a softmax does for each.
//
// Stage 2 trains layers that know nothing of each other, and stage 3 makes one model of them. After stage 2
// the student may favour the text that it was trained on, and stage 3 pulls it back to the teacher: then KL
// falls, while cross-entropy on that text need not. So KL is the number that says how well a teacher is
// imitated.

let tokens = job.plan.steps.reduce(0, +) * store.recipe.tokensPerUpdate
finding(
  """
  The attention of \(replaced.count) of \(L) layers is replaced, in training on \(tokens) tokens of text. On
  \(measured[0].text) the student's loss is \(number(after.crossEntropy.mean, decimals: 3)) \(store.unit), and its
  teacher's \(number(after.teacherCrossEntropy.mean, decimals: 3)).
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

// A hybrid can be farther from the teacher than the student that has no attention at all. Layers rely on each
// other for a sink: some make it, others use it, and replacing the first kind can break the second. We can
// avoid that by giving the first token more weight in stage 2, or by choosing which layers keep their
// attention.

// ## Exercises
//
// 1. Two layers may keep their attention. Where should they be: first, middle or last? Decide from what
//    section 7 says about the sink, then measure after stage 2.
// 2. With N / 4 the fits of section 3 are still far closer to their matrices than the mixers of section 4.
//    So is N / 4 enough for a mixer? Train the matrices of one layer with N and with N / 4.
// 3. What does a sink give a layer? Remove from the teacher's attention all that comes from token 0, and
//    leave the other weights as they are; or scale them up to sum to 1. Which of the two costs more?
// 4. Distil a model of your own (YOUR-MODEL.md). This one is open-ended and has no answer here.
//
// The answers to the first three are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

chapter.finish()
