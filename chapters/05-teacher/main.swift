// # 05  The teacher
//
// Before anything can be distilled there must be something worth distilling: a Transformer that has
// learned. We train a small one on the King James Bible, character by character, and look at what
// it has become: how well it predicts, what it writes, and with which matrices its heads mix
// tokens. Those matrices are what the next chapters imitate.
//
// You will see a loss curve and two baselines to read it by, a few lines of imitation scripture,
// and every head as a picture. The default run takes about three minutes on two cores; `--quick`
// takes a few seconds with a much smaller model.

import Book
import Corpora
import Distillation
import Experiments
import Foundation
import Gradients
import Layers
import Models
import Notebook
import Plots
import Statistics
import Tensors
import Training

let chapter = Chapter(
  "05-teacher", question: "What does a Transformer learn that is worth handing on?",
  duration: "3 minutes on 2 cores; 5 seconds with --quick")

// ## The text
//
// A character is a token. That keeps the vocabulary small, so that nearly all of the model is in
// its blocks, which are what we care about. The last twentieth of the text is held out: no batch is
// ever drawn from it.

chapter.section("1. The text")
let store = chapter.openModelStore()
let (recipe, corpus) = (store.recipe, store.corpus)
let (B, T, V) = (recipe.B, recipe.T, corpus.tokenizer.vocabularySize)
let heldOut = store.heldOut.reported

show("tokens to learn from", corpus.training.count)
show("tokens held out", corpus.heldOut.count)
show("vocabulary", V)

// The sizes of the teacher, and of the student that chapter 07 makes from it, come from a recipe
// (`Sources/Experiments/Recipe.swift`). The last column has the standard recipe of the book, that of
// the full runs. A quick run has smaller sizes, which show that everything works and little more.

let (standard, mixer) = (Recipe.standard, recipe.studentMixer)
table(
  ["size", "meaning", "this run", "standard recipe"],
  rows: [
    ("T", "tokens of a window", T, standard.T),
    ("B", "windows of a batch", B, standard.B), ("L", "layers, each of which is a block", recipe.L, standard.L),
    ("D", "width: numbers that a model keeps for each token", recipe.D, standard.D),
    ("H", "heads of a block", recipe.H, standard.H),
    ("P", "features of a head, D / H", recipe.D / recipe.H, standard.D / standard.H),
    ("N", "student: state size of a head", mixer.N, standard.N),
    ("K", "student: width of the convolution", mixer.K, standard.studentMixer.K),
    ("Q", "student: length of a chunk", mixer.Q, standard.Q),
  ].map { [$0, $1, "\($2)", "\($3)"] })

// Two baselines tell us what a loss means. A model that knows nothing gives each of V characters
// the same probability, and spends ln V nats on each (a nat is a bit divided by ln 2: 1.44 bits). A
// model that knows how often each character occurs, and nothing else (a unigram model), spends the
// entropy of those frequencies. Whatever a Transformer gains beyond the second baseline comes from
// looking at the characters before.

var counts = [Double](repeating: 0, count: V)
for id in corpus.training { counts[id] += 1 }
let frequencies = counts.map { $0 / Double(corpus.training.count) }.filter { $0 > 0 }
let knowingNothing = Foundation.log(Double(V))
let knowingFrequencies = -frequencies.reduce(0) { $0 + $1 * Foundation.log($1) }
show("knowing nothing, ln V", knowingNothing, unit: store.unit)
show("knowing frequencies, their entropy", knowingFrequencies, unit: store.unit)

// ## One step by hand
//
// A window is T characters in a row. The model maps B windows to logits [B, T, V]: at each position
// a score for each character that could come next. The loss is the mean cross-entropy against the
// characters that did come.
//
// Inside the model a token is a vector of D numbers, its hidden state. An embedding, a table with a
// vector for each character, gives the first, u[0]. Then L blocks change it, one after the other. A
// block has three parts. A layer norm (LN) brings the D numbers to mean 0 and standard deviation 1, then
// scales and shifts them by learned numbers. Attention mixes tokens, with H heads and rotary
// positions (chapter 01). An MLP, two learned matrices with a non-linear function (GELU) between
// them, works on each token by itself. Attention and MLP read the same norm, and both results are
// added to the state (the residual connection):
//
//     u[l + 1]  =  u[l] + attention(LN u[l]) + MLP(LN u[l])
//
// A last norm and a learned matrix turn u[L] into the V logits of a token.
//
// A fresh model, whose weights are still random, should be about as good as one that knows nothing.
// A loss remembers every value of its pass, for the gradients. Only its number is kept here, so that
// this memory is free again before the long run begins.

chapter.section("2. One step by hand")
var random = SeededGenerator(seed: chapter.seed)
let fresh = LanguageModel(recipe.teacher(V: V), using: &random)
let batch = corpus.randomBatch(B: B, T: T, using: &random)

func loss(of model: LanguageModel) -> Variable {
  let logits = model(batch.inputs).expecting(B, T, V, as: "the logits")
  return mean(crossEntropy(logits, targets: batch.targets))
}
let before = Double(loss(of: fresh).value.scalar)
show("parameters", fresh.parameterCount)
show("loss of a fresh model", before, unit: store.unit)
check("a fresh model knows nothing: loss minus ln V", abs(before - knowingNothing), within: 0.5)

// The backward pass (`Sources/Gradients/Sweep.swift`) gives a gradient for each parameter. One
// small step against it must lower the loss on the same batch, by about the length of the step
// times the norm of the gradient. If it does not, the pullback of some operation is wrong
// (chapter 04), and no training will tell us so as plainly.

let slopes = gradients(of: loss(of: fresh), withRespectTo: fresh.parameters)
let norm = gradientNorm(slopes)
let stepLength = 0.01
for (parameter, slope) in zip(fresh.parameters, slopes) {
  parameter.value = parameter.value - Scalar(stepLength / norm) * slope
}
let (expected, actual) = (stepLength * norm, before - Double(loss(of: fresh).value.scalar))
show("the loss should fall by", expected, unit: "nats", about: true)
show("and falls by", actual, unit: "nats", about: true)
check("the gradient predicts the fall: actual over expected, minus 1", abs(actual / expected - 1), within: 0.05)

// ## The whole run
//
// Now the same, again and again, with AdamW instead of the plain step and with a learning rate
// that rises, stays and falls. A stage says what is trained and what the loss of a batch is
// (`Distillation/TokenPrediction.swift`); the loop around it is in `Distillation/Stage.swift`, and
// all training in this book goes through it:
//
//     for _ in run { try run.step(stage, on: draw(&run.random)) }
//
// A run saves its state every so often. Stop this chapter with Ctrl-C and start it again: it
// continues from the last save, and ends with the same weights to the last bit.

chapter.section("3. The whole run")
show("steps", recipe.teacherSteps)
show("tokens per update", recipe.tokensPerUpdate)
let teacher = exitOnError { try store.teacher() }
let model = teacher.frozen
let heldOutLoss = crossEntropy(of: model, on: heldOut)

func mean(_ values: some Collection<Double>) -> Double { values.reduce(0, +) / Double(values.count) }

let lastTenth = mean(teacher.history.losses.suffix(recipe.teacherSteps / 10))
table(
  ["loss", store.unit],
  rows: [
    ["knowing nothing", number(knowingNothing, decimals: 3)],
    ["knowing frequencies", number(knowingFrequencies, decimals: 3)],
    ["the teacher, last tenth of its training", number(lastTenth, decimals: 3)],
    ["the teacher, held-out text", number(heldOutLoss.mean, decimals: 3)],
    ["standard error of the held-out loss, over windows", number(heldOutLoss.standardError, decimals: 3)],
  ])
check("the teacher beats frequencies", heldOutLoss.mean, lessThan: knowingFrequencies)
if store.isReference { check("the teacher is well trained", heldOutLoss.mean, atMost: 1.40) }

// The training loss and the held-out loss can differ even if the run is shorter than one pass
// through the text, because the held-out part may be harder or easier. In the King James Bible it
// is the end, letters and Revelation, while most of what the model learns from is the Old
// Testament. From here on the held-out loss is what counts: the students will be measured on the
// same windows.

finding(
  """
  The run draws \(recipe.teacherSteps * recipe.tokensPerUpdate) tokens from a text of \(corpus.training.count).
  Its last tenth has a loss of \(number(lastTenth, decimals: 3)), the held-out text one of
  \(number(heldOutLoss.mean, decimals: 3)) \(store.unit).
  """)

chapter.record(teacher.history)
chapter.plot(
  Figure(
    "The teacher learns",
    panels: [
      LineChart(
        "cross-entropy, mean of 20 steps", x: Axis("tokens seen", logarithmic: true),
        y: Axis("loss", unit: store.unit),
        series: [
          lossCurve(
            "training", teacher.history.losses, tokensPerUpdate: recipe.tokensPerUpdate, smoothing: 20)
        ],
        references: [
          Reference("knowing nothing", y: knowingNothing),
          Reference("knowing frequencies", y: knowingFrequencies),
          Reference("held-out text, at the end", y: heldOutLoss.mean),
        ])
    ]), "loss")

// ## What it writes
//
// A loss is a number; a sample is something one can judge. We give the model the beginning of a
// verse and let it continue, drawing each character from its distribution. A temperature below 1
// favours the probable characters: the logits are divided by it before the softmax. (The small model
// of a quick run has had little training; for a text to judge, use the full run.)

chapter.section("4. What it writes")
let prompt = "And the LORD said unto "
let known = Set(corpus.tokenizer.decode(Array(0..<V)))
let start = exitOnError {
  try corpus.tokenizer.encode(prompt.allSatisfy(known.contains) ? prompt : corpus.firstWords)
}
var dice = SeededGenerator(seed: chapter.seed)
let written = exitOnError {
  try model.continuation(of: start, count: chapter.isQuick ? 60 : 300, Sampler(temperature: 0.7), using: &dice)
}
sample("temperature 0.7", corpus.tokenizer.decode(start + written))

extension Corpus {
  /// The beginning of the held-out part: a prompt for texts that do not have the alphabet of ours.
  var firstWords: String { tokenizer.decode(Array(heldOut.prefix(20))) }
}

// ## Its heads
//
// Each head is a lower triangular matrix whose rows sum to 1: row t holds the weights of the tokens
// s ≤ t in the head's output at t. Two things are worth looking for. Does a row put its weight on
// the last few characters, or all over the window? And does it pick single characters? A recurrence
// with a fading memory can follow the last few characters; to pick one of them and leave out its
// neighbours is harder for it. The colours are logarithmic.

chapter.section("5. Its heads")
let window = Tokens(Array(heldOut[0].inputs.row(0)))
let traces = model.trace(window)
let (H, L) = (recipe.H, recipe.L)
var panels: [any Panel] = []
for layer in 0..<L {
  let matrices = traces[layer].matrix!.expecting(1, H, T, T, as: "the matrices of layer \(layer)")
  for h in 0..<H {
    panels.append(
      HeatMap(
        "layer \(layer), head \(h)", values: rows(of: head(h, of: matrices)), x: mixerAxes.x, y: mixerAxes.y,
        colourLabel: "weight", scale: .logarithmic(floor: 1e-3), range: 1e-3...1, showsColourBar: h == H - 1))
  }
}
chapter.plot(Figure("The teacher's attention on one held-out window", panels: panels, columns: H), "heads")
let readable = 0..<min(T, 40)
chapter.explore(
  .matrices(
    title: "The first \(readable.count) tokens of that window",
    tokens: window.ids[readable].map { corpus.tokenizer.decode([$0]) },
    (0..<L).flatMap { layer in
      (0..<H).map { h in
        Exploration.NamedMatrix(
          "layer \(layer), head \(h)",
          rows: rows(of: head(h, of: traces[layer].matrix!).sliced(readable).sliced(readable, along: 1)))
      }
    }))

// How far back does a head look? We put it into one number: the mean distance t − s under the
// weights of row t, averaged over the second half of the window.

let reach = (0..<L).map { layer in
  (0..<H).map { h -> Double in
    let matrix = rows(of: head(h, of: traces[layer].matrix!))
    let distances = ((T / 2)..<T).map { t in (0...t).reduce(0) { $0 + matrix[t][$1] * Double(t - $1) } }
    return mean(distances)
  }
}
table(
  ["mean distance, tokens"] + (0..<H).map { "head \($0)" },
  rows: (0..<L).map { layer in ["layer \(layer)"] + reach[layer].map { number($0, decimals: 1) } })

let rowSums = traces.map { Double(largestMagnitude(sum($0.matrix!, along: -1) + -Tensor.ones([1, H, T]))) }
check("the rows of every matrix sum to 1: the largest difference", rowSums.max()!, within: 1e-5)

// ## Breaking it on purpose: a peek at the future
//
// A model that sees the character it should predict reaches a marvellous loss and is worthless. The
// test is short: change the last character of a window, and see whether anything before it changes.
// First the whole model; then the attention of layer 0, rebuilt without its mask (and without
// rotary positions and the scale, which do not matter here).

chapter.section("6. Breaking it on purpose: a peek at the future")
var ids = window.ids
ids[T - 1] = (ids[T - 1] + 1) % V
let changed = Tokens(ids)

func early(_ x: Tensor) -> Tensor { x.sliced(0..<(T - 1), along: 1) }
let leak = largestMagnitude(early(model(window)) - early(model(changed)))
check("with its masks the model's past does not see the change", Double(leak), within: 0.0)

let attention = model.blocks[0].mixer.projections!
func unmasked(_ tokens: Tokens) -> Tensor {
  let u = model.trace(tokens, keepingMatrices: false)[0].mixerInput
  func heads(_ x: Tensor) -> Tensor { x.reshaped(to: [1, T, H, recipe.D / H]) }
  let scores = headScores(heads(attention.queries(u)), heads(attention.keys(u)))
  return headMix(softmax(scores), heads(attention.values(u)))
}
let caught = largestMagnitude(early(unmasked(window)) - early(unmasked(changed)))
check("without a mask the test catches the leak", Double(caught), greaterThan: 1e-6, digits: 2)

// ## What we saw
//
// A model that knows only frequencies stops at the second baseline. What the teacher gains beyond it
// comes from the characters before. The last of these is the token itself, which embedding and MLPs
// see without attention. All earlier ones reach it through the heads alone, so what they contribute
// is in the heads' matrices, and those a student can imitate.

finding(
  """
  A model that knows only frequencies spends \(number(knowingFrequencies, decimals: 3)) \(store.unit). The teacher, with
  \(teacher.model.parameterCount) parameters, spends \(number(heldOutLoss.mean, decimals: 3)) on held-out text, with a
  standard error of \(number(heldOutLoss.standardError, decimals: 3)).
  """)

// To judge the distances: if all weights of row t were equal, their mean distance would be t / 2.

let ifEven = mean(((T / 2)..<T).map { Double($0) / 2 })
finding(
  """
  The mean distance that a head looks back lies between \(number(reach.joined().min()!, decimals: 1)) and
  \(number(reach.joined().max()!, decimals: 1)) tokens, in windows of \(T). Equal weights would make it
  \(number(ifEven, decimals: 1)).
  """)

// The teacher's weights are on disk under the names of Hugging Face's Phi, with a config.json
// beside them.

// ## Exercises
//
// 1. Predict without a model: for each context of up to c characters, count in the training text
//    what follows it. Then show the counts and the teacher the same c characters of held-out text.
//    How do their losses fall with c, and how many numbers does each of them need?
// 2. Take one head away at a time, by setting its columns of W_o to 0. How much does the held-out
//    loss rise? Do the rises of a layer's heads add up to what is lost without all of them?
// 3. Give a fresh model the same batch at every step. What do its training loss and its held-out
//    loss do, and why does the real run not show this?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 06-structured-matrices, which asks which other matrices could stand in for those of the
// heads.

chapter.finish()
