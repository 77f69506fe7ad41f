// # 14  Generation: what did we gain?
//
// All the training of this book has one purpose: a model that writes as its teacher does, at a cost
// that does not grow with the text. Attention looks back at every token, so each token that is
// written makes the next one more expensive. A state of fixed size does not grow. Does that pay for
// models as small as ours, from which length on, and what is lost?
//
// You will see teacher, student and hybrid continue one text; memory and time of a token after
// contexts of 16 to 16384 tokens; batches of texts; what reading a prompt costs; where in a text
// the student parts from its teacher; and what happens beyond the length of training. A run takes
// about a minute once the models of chapters 05 to 10 are there.

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

let chapter = Chapter(
  "14-generation", question: "What did we gain?",
  duration: "1 minute with models from chapters 05 to 10; 10 seconds with --quick", options: ModelOptions.self)

let store = chapter.openModelStore()
let recipe = store.recipe
let tokenizer = store.corpus.tokenizer
let heldOut = store.corpus.heldOut
let contexts = Array(sequence(first: 16) { $0 * 2 }.prefix { $0 <= (chapter.isQuick ? 512 : 16384) })
// The sections below read one window of the held-out text, and windows four times as long as in
// training.
let windowStart = 200
exitOnError {
  // A hybrid keeps attention in one layer and has a state space mixer in at least one other.
  try store.experiment.requireLayers(2)
  try store.corpus.requireHeldOut(max(windowStart + recipe.T, 4 * recipe.T + recipe.windows, 512))
}
let teacher = exitOnError { try store.teacher().frozen }
let student = exitOnError { try store.student(.all).frozen }
let hybrid = exitOnError { try store.hybrid(keepingAttentionIn: recipe.L - 1).frozen }
let models: [NamedModel] = [("teacher", teacher), ("student", student), ("hybrid", hybrid)]
let isDouble = MemoryLayout<Scalar>.size == 8

// ## One text, three writers
//
// The hybrid is a student that keeps the teacher's attention in one layer, here the last. (Chapter
// 11 keeps layer L / 2. What a token costs does not depend on which layer it is.)

chapter.section("1. One text, three writers")
let attentionLayers = hybrid.configuration.mixers.indices.filter {
  !(hybrid.configuration.mixers[$0] is DiscreteMamba2Sizes)
}
finding(
  """
  Of its layers 0 to \(recipe.L - 1) the hybrid of this chapter keeps attention in layer
  \(list(attentionLayers.map(String.init))), that of chapter 11 in layer \(recipe.L / 2).
  """)

// All three models continue the same words with the same random numbers. For each token a number
// between 0 and 1 is drawn, and the token is taken at which the running sum of the probabilities
// passes that number. Two models whose distributions are close therefore mostly draw the same
// token. Once their texts differ, each reads a text of its own; but the random numbers are still
// the same, and the texts can come to agree again. The prompt ends in the middle of a sentence.

let prompt = Array(heldOut.prefix(24))
let sampler = Sampler(temperature: 0.7)
for (name, model) in models {
  let text = exitOnError {
    try model.generate([prompt], count: chapter.isQuick ? 40 : 160, sampler, seed: chapter.seed)[0]
  }
  sample(name, tokenizer.decode(prompt + text))
}

// The samples of chapter 10 were written the slow way, with a pass over the whole text for each token
// (`Models/Writing/Sampling.swift`). `Generation`, which wrote the texts above, reads each token once
// and keeps what the mixers remember. The model is the same, so with the same random numbers it has to write the same text,
// up to the length of training: beyond it the slow way cuts off the beginning of the text.

let count = recipe.T - prompt.count
for (name, model) in models {
  var generation = Generation(model, prompts: [prompt], sampler: sampler, seed: chapter.seed)
  var dice = generation.dice[0]
  let slow = exitOnError { try model.continuation(of: prompt, count: count, sampler, using: &dice) }
  let fast = exitOnError { try (0..<count).map { _ in try generation.next()[0] } }
  check("\(name): the same \(count) tokens, written either way", zip(fast, slow).count { $0 == $1 }, atLeast: count)
}

// ## In any pieces
//
// A prompt may come as a whole, in pieces, or token by token; the distribution of the next token
// must not depend on that. The student reads a single token by the recurrence and a longer piece in
// chunks. These are two different algorithms (chapter 03), and the convolution has to look across
// every cut. We read one text in pieces of five lengths, and compare the logits with those of one
// pass over the whole text, which keeps no memory.

chapter.section("2. In any pieces")
let text = Array(heldOut[windowStart..<(windowStart + recipe.T)])
for (name, model) in models {
  let whole = model(Tokens(text)).sliced((recipe.T - 1)..<recipe.T, along: 1)
  let gaps = [1, 2, 5, recipe.T - 1, recipe.T].map { length in
    var state = model.emptyState()
    model.read(Tokens(text), &state, inPiecesOf: length)
    return Double(largestMagnitude(state.logits! - whole.reshaped(to: state.logits!.shape)))
  }
  check("\(name): logits after pieces = logits of one pass", gaps.max()!, within: isDouble ? 1e-10 : 1e-4)
}

// ## What is remembered
//
// Attention keeps a key and a value of every token: 2D numbers in each of L layers. A layer of the
// student keeps the last K − 1 inputs of its convolution, D + 2HN numbers each, and for each of its
// H heads a state of N × P numbers, which is DN in all. As an example take the sizes of the standard
// recipe (D = 96, H = 4, N = 16, K = 4, L = 4) and four bytes for a number:
//
//     teacher    4 · 2 · 96 · 4             =   3072 bytes of each token
//     student    4 · (3 · 224 + 1536) · 4   =  35328 bytes of any text
//
// With these sizes the student keeps less once a text has twelve tokens. (A quick run has a smaller
// recipe, and so smaller numbers in the table below.)
//
// All three models read one held-out text, far beyond the T tokens of a training window. What that
// costs does not depend on how well they predict there. The table shows the bytes that are kept, and
// the bytes that reading one token needs for a moment: for attention these are one weight for each
// head and position, rounded up to the sizes of our blocks of memory. Two costs of a cache are left out: it
// has spare room for further tokens, up to as much again as it holds, and it is copied when that
// room is used up.

chapter.section("3. What is remembered")
let steps = measureDecoding(models, on: store.corpus.heldOutTokens(contexts.last! + 64), contexts: contexts)
let size = MemoryLayout<Scalar>.size
table(
  ["context"] + models.map { "\($0.name) keeps" } + models.map { "\($0.name), for a moment" },
  rows: zip(contexts, steps).map { context, step in
    ["\(context)"] + step.map { "\($0.bytes)" } + step.map { "\($0.peak)" }
  })
let perToken = 2 * recipe.L * recipe.D * size
let slopes = zip(contexts, contexts.dropFirst()).enumerated().map { i, pair in
  (steps[i + 1][0].bytes - steps[i][0].bytes) / (pair.1 - pair.0)
}
check("teacher: bytes of a further token, at most", slopes.max()!, atMost: perToken)
check("teacher: and at least", slopes.min()!, atLeast: perToken)
let ofStudent = steps.map { $0[1] }
check(
  "student: bytes kept at the longest context − at the shortest", ofStudent.last!.bytes - ofStudent[0].bytes,
  within: 0)
check("student: bytes for a moment, the same difference", ofStudent.last!.peak - ofStudent[0].peak, within: 0)
for (i, entry) in models.enumerated() {
  let counted = contexts.map { entry.model.configuration.numbersKept(of: $0) * size }
  check("\(entry.name): bytes kept = the formula, at all contexts", counted == steps.map { $0[i].bytes })
}

// ## What a token costs
//
// We count the multiplications for the next token. Each layer of either kind has an MLP, 8D² of
// them, and each model has a head to its V logits, DV. What differs is the mixer:
//
//     attention            4D²                    four projections
//                          2D · context           a query with all keys, weights with all values
//
//     state space mixer    D (2D + 2HN + H)       in-projection
//                          K (D + 2HN)            convolution
//                          3DN                    three for each number of the state
//                          D²                     output projection

chapter.section("4. What a token costs")
table(
  ["context", "teacher, multiplications", "student", "hybrid", "teacher / student"]
    + models.map { "\($0.name), µs" } + ["times, teacher / student"],
  rows: costs(contexts, steps, of: models))
chapter.plot(decodingCosts(models.map(\.name), contexts: contexts, costs: steps), "token")
chapter.record(steps, of: models, at: contexts)

// From which context on is the student cheaper? By the count, as soon as 2D · context exceeds what
// the student pays for its convolution, its recurrence and its larger projections. By the clock the
// crossover may lie elsewhere: attention goes through its cache, where a multiplication need not take
// as long as in a product with a matrix of weights. By the count each doubling of a long context
// nearly doubles the teacher's cost, while the student's stays the same. Do the lines of the first
// chart agree?

let excess = student.configuration.multiplications(context: 0) - teacher.configuration.multiplications(context: 0)
let crossover = Double(excess) / Double(2 * recipe.D * recipe.L)
show("counted: the student is cheaper above a context of", crossover, unit: "tokens")
let overtaking = firstFaster(steps, at: contexts)
volatile("measured: \(overtaking)")
if let place = contexts.firstIndex(of: 4096) {
  let gain = steps[place][0].seconds / steps[place][1].seconds
  chapter.timed("at 4096 the student reads the next token at least 3 times as fast", gain >= 3, gain)
}
let last = steps.last!.map(\.seconds)
let change = last[1] / steps[0][1].seconds
chapter.timed(
  "student: time of a token at the last context over the first, within a factor of 2",
  (0.5...2).contains(change), change)

// Is the hybrid's line smooth? The next line names the point that stands highest above its
// neighbours. If that is not far, there is nothing to explain. In some runs a point stands far
// above them, here or in the table of the next section, and the model gives no reason for it. The
// likely reason is a second thread. It falls asleep while the student reads, whose loops for one
// token are too short to be shared, and has to be woken for the hybrid's attention
// (`Tensors/Cores/WorkerPool.swift`). With `OMP_NUM_THREADS=1` there is no second thread.

finding(highestPoint(of: models[2].name, steps.map { $0[2].seconds }, at: contexts), volatile: true)

// ## Several texts at once
//
// When several texts are written side by side, weights that are fetched from memory for one text
// serve the other texts as well. What is remembered of a text serves that text alone. A batch of
// students has little of it to fetch. For a batch of teachers it may exceed the processor's caches;
// then there is less to gain from writing texts together, or nothing.

chapter.section("5. Several texts at once")
let batches = [1, 2, 4, 8, 16, 32]
let past = Array(heldOut.prefix(chapter.isQuick ? 64 : 512))
let pasts = models.map { bytes($0.model.configuration.numbersKept(of: past.count) * size) }
finding("After \(past.count) tokens the teacher keeps \(pasts[0]) of each text, and the student \(pasts[1]).")
let rates = batches.map { B in secondsOfBatch(models, B: B, context: past).map { Double(B) / $0 } }
table(
  ["texts, context \(past.count)"] + models.map { "\($0.name), tokens/s" },
  rows: zip(batches, rates).map { B, rate in ["\(B)"] + rate.map { "~\(number($0, decimals: 0))" } })
chapter.record(rates, of: models, inBatchesOf: batches)
chapter.plot(batchSpeeds(models.map(\.name), batches, rates, context: past.count), "batch")
let gained = rates.last![1] / rates[0][1]
chapter.timed("student: tokens/s of 32 texts over one text, more than 2", gained > 2, gained)
let ahead = rates.last![1] / rates.last![0]
chapter.timed("32 texts: tokens/s of the student over the teacher, more than 2", ahead > 2, ahead)

// ## What reading a prompt costs
//
// A prompt is known from the start, so no token has to wait for the one before it; reading it is
// called prefill. We compare four ways in which the heads of one mixer can read T tokens: attention that forms the whole T × T
// matrix, attention in blocks that never forms it, the student's matrix, and the student's chunks.
// We measure processor time on one core, and fit c · T^p to the count and to the time at the last four lengths.

chapter.section("6. What reading a prompt costs")
let (H, N, P, Q) = (recipe.H, recipe.N, recipe.D / recipe.H, recipe.Q)
let reading = Reading(H: H, N: N, P: P, Q: Q)
var random = SeededGenerator(seed: chapter.seed)
let forms: [Form] = [
  ("attention, matrix", reading.attention), ("attention, blocks", { reading.blocks($0) }),
  ("SSD, matrix", reading.quadratic), ("SSD, chunks", reading.chunked),
]
let lengths = Array(sequence(first: 64) { $0 * 2 }.prefix { $0 <= (chapter.isQuick ? 512 : 2048) })
let readings = lengths.map { reading.seconds($0, atLeast: chapter.isQuick ? 0.1 : 1, using: &random) }
table(
  ["T = \(lengths.last!)", "multiplications a token", "ns a token", "exponent p of the count", "p of the time"],
  rows: laws(of: forms, lengths, readings))
chapter.record(readings, of: forms, at: lengths)
chapter.plot(readingTimes(forms.map(\.name), lengths, readings), "reading")
chapter.timed(
  "at T = \(lengths.last!) chunks are faster than blocks, by a factor of", readings.last![3] < readings.last![1],
  readings.last![1] / readings.last![3])

// ## What is lost, by position
//
// We take held-out windows four times as long as those of training. At each position we ask three
// questions. Do teacher and student rank the same token first? How far apart are their
// distributions? What is the loss of each? We also measure the agreement on texts that the teacher
// itself has written, which are as long as a window of training. Each class of positions lies either
// within the length of training or beyond it.

chapter.section("7. What is lost, by position")
let windows = exitOnError {
  try store.corpus.heldOutBatches(count: recipe.windows, B: recipe.B, T: 4 * recipe.T)
}.map(\.tokens)
let beginnings = windows.flatMap { window in (0..<window.B).map { [window.row($0).first!] } }
let own = exitOnError { try teacher.generate(beginnings, count: recipe.T, seed: chapter.seed) }
let (onText, ofHybrid) = (ByPosition(student, teacher, on: windows), ByPosition(hybrid, teacher, on: windows))
let onOwn = ByPosition(student, teacher, on: zip(beginnings, own).map { Tokens($0 + $1) })
let parts = classes(of: 4 * recipe.T, cutAt: recipe.T)
// A quick run has so few windows that another processor would not repeat all digits.
func rough(_ value: Double) -> String { (chapter.isQuick ? "~" : "") + number(value, decimals: 3) }
/// The student's loss minus the teacher's, on the text.
func lost(_ part: Range<Int>) -> Double { onText.mean(\.student, part) - onText.mean(\.teacher, part) }
table(
  [
    "position", "agreement, student", "student, on the teacher's text", "hybrid", "KL from the teacher, student",
    "hybrid", "loss, teacher", "student", "hybrid",
  ],
  rows: rows(parts, onText, onOwn, ofHybrid, rough))
let trained = 0..<recipe.T
show(
  "agreement within the length of training, on held-out text", onText.mean(\.same, trained), digits: 3,
  about: chapter.isQuick)
show(
  "agreement on texts that the teacher has written", onOwn.mean(\.same, trained), digits: 3, about: chapter.isQuick)
show(
  "loss of student − teacher within the length of training", lost(trained), unit: "nats", digits: 2,
  about: chapter.isQuick)
if store.isReference {
  check(
    "within the length of training they agree on four of five tokens", onText.mean(\.same, trained), atLeast: 0.8,
    digits: 3)
}
chapter.record(onText, ofHybrid)

// Is the hybrid's state of any use, or does its attention do all the work? We put zeros in the place
// of what the mixers of a path give, and see how many more nats a token costs. The layers behind it
// then meet states that they have never seen. So the cost is not the share of a path in the loss;
// but a path that costs nothing carries nothing that the others cannot replace.

table(
  ["silenced in the hybrid", "loss grows by, nats", "95 % interval over windows"],
  rows: knockOuts(of: hybrid, on: store.heldOut.reported).map { path in
    let interval = path.cost.interval.map { "\(rough($0.lowerBound)) … \(rough($0.upperBound))" }
    return [path.name, rough(path.cost.mean), interval ?? "–"]
  })

// ## The surprise: beyond the length of training
//
// No model has seen more than T tokens at a time in training. Beyond T each of the teacher's queries
// meets keys at distances, and so at rotary angles, that are new to it. The student has no positions:
// its state fades in the same way at token 500 as at token 100. The right-hand ends of both charts
// show what follows.

chapter.section("8. The surprise: beyond the length of training")
func curve(_ name: String, _ values: ByPosition, _ sums: KeyPath<ByPosition, [Double]>) -> Series {
  let parts = parts.filter { $0.upperBound <= values.same.count }
  return Series(
    name, x: parts.map { Double($0.upperBound) }, y: parts.map { values.mean(sums, $0) }, style: .linePoints)
}
chapter.plot(
  positions(
    [
      curve("student, on the teacher's text", onOwn, \.same), curve("student", onText, \.same),
      curve("hybrid", ofHybrid, \.same),
    ],
    [
      curve("teacher", onText, \.teacher), curve("student", onText, \.student), curve("hybrid", ofHybrid, \.student),
    ], T: recipe.T, unit: store.unit), "positions")
let (late, beyond) = ((recipe.T / 2)..<recipe.T, (2 * recipe.T)..<(4 * recipe.T))
for (name, values, sums) in [
  ("teacher", onText, \ByPosition.teacher), ("student", onText, \.student), ("hybrid", ofHybrid, \.student),
] {
  show(
    "\(name): loss at \(span(beyond)) − loss at \(span(late))",
    values.mean(sums, beyond) - values.mean(sums, late), unit: "nats", digits: 3, about: chapter.isQuick)
}
if store.isReference {
  check(
    "beyond the length of training the student is better than its teacher", onText.mean(\.student, beyond),
    lessThan: onText.mean(\.teacher, beyond))
}

// ## Breaking it on purpose: a convolution that forgets
//
// Suppose that we pass on the state from piece to piece, but forget that the convolution has a past
// as well. The result is a model that still writes. Only the K − 1 tokens after each cut are
// convolved with zeros instead of their predecessors; but what they write into the state is wrong
// too, and stays there until it fades. We do this to the first mixer, cut a text in the middle, and
// show the error of the outputs by their distance from the cut. For comparison we also forget the
// state.

chapter.section("9. Breaking it on purpose: a convolution that forgets")
guard let mixer = student.blocks[0].mixer as? DiscreteMamba2 else { fatalError("the student has another mixer") }
let u = student.trace(Tokens(text), keepingMatrices: false)[0].mixerInput
let cut = recipe.T / 2
let straight = mixer(u)
func errors(_ change: (DiscreteMamba2.Memory) -> DiscreteMamba2.Memory) -> [Double] {
  var memory = mixer.emptyMemory(B: 1)
  _ = mixer.advance(u.sliced(0..<cut, along: 1), &memory)
  memory = change(memory)
  let rest = mixer.advance(u.sliced(cut..<recipe.T, along: 1), &memory)
  let gap = rest - straight.sliced(cut..<recipe.T, along: 1)
  return (0..<(recipe.T - cut)).map { Double(largestMagnitude(gap.sliced($0..<($0 + 1), along: 1))) }
}
let kept = errors { $0 }
let broken = [
  ("the past of the convolution", errors { DiscreteMamba2.Memory(past: .zeros($0.past.shape), state: $0.state) }),
  ("the state", errors { DiscreteMamba2.Memory(past: $0.past, state: .zeros($0.state.shape)) }),
]
let distances = [0, 1, 2, 3, 4, 8, 16].filter { $0 < recipe.T - cut }
table(
  ["forgotten at the cut; error at distance"] + distances.map { "\($0)" },
  rows: broken.map { name, gaps in [name] + distances.map { "~\(number(gaps[$0], digits: 2))" } })
let allowed = isDouble ? 1e-10 : 1e-4
check("nothing forgotten: the outputs are those of one pass", kept.max()!, within: allowed)
for (name, gaps) in broken {
  check("forgotten: \(name); the test catches it", gaps.max()!, greaterThan: 100 * allowed, digits: 2)
}

// ## What we saw
//
// What we gained: the student's next token costs the same memory and the same multiplications after
// any text, while attention pays for every token that was read.

finding(
  """
  The student keeps \(ofStudent.last!.bytes) bytes of any text, and its teacher \(perToken) bytes of each token:
  \(bytes(steps.last![0].bytes)) at a context of \(contexts.last!). By the count the student's next token is cheaper
  \(crossover > 0 ? "above a context of \(number(crossover, decimals: 1)) tokens" : "at every context").
  """)
finding(
  "By the clock \(overtaking). "
    + times(models.prefix(2).map(\.name), from: steps[0], to: steps.last!, at: contexts), volatile: true)
finding(
  """
  With \(batches.last!) texts at once, after \(past.count) tokens each, the student reads
  \(number(rates.last![1], decimals: 0)) tokens a second, and the teacher \(number(rates.last![0], decimals: 0)).
  """, volatile: true)

// Reading a prompt was measured for the heads alone. A whole mixer has projections as well, and the
// student's a convolution. Their cost for a token does not depend on the length of the prompt, so a
// whole mixer saves a smaller fraction.

finding(
  """
  For a prompt of \(lengths.last!) tokens the heads of blocked attention take
  \(number(readings.last![1] / readings.last![3], decimals: 1)) times the processor time of the student's chunks.
  """, volatile: true)

// What we lost, first within the length of training. One might expect a state of fixed size to lose
// more and more toward the end of a window; the classes of positions show whether it does.

let settled = parts.filter { $0.lowerBound >= 8 && $0.upperBound <= recipe.T }
let losing = settled.map(lost)
finding(
  """
  Within the length of training the student's loss is \(rough(lost(trained))) \(store.unit) above the teacher's, and
  between \(rough(losing.min()!)) and \(rough(losing.max()!)) above it in the classes of positions from
  \(settled[0].lowerBound + 1) on. Student and teacher rank different tokens first at a fraction of
  \(rough(1 - onText.mean(\.same, trained))) of all tokens, and of \(rough(1 - onOwn.mean(\.same, trained))) in what the
  teacher has written.
  """)

// Then beyond that length. The angles there are as new to the hybrid's one attention layer as they
// are to the teacher's.

func threeLosses(_ part: Range<Int>) -> String {
  list(losses(part, onText, ofHybrid).map { number($0, decimals: 2) })
}
finding(
  """
  At positions \(span(beyond)) teacher, student and hybrid have losses of \(threeLosses(beyond)) \(store.unit), and at
  \(span(late)), still within the length of training, of \(threeLosses(late)).
  """)

// So the times at long contexts compare the student with a teacher that was not trained for them. A
// teacher may drop its oldest keys instead, so that it never looks back by more than T tokens. A
// token then costs what it costs at a context of T. What it does to the loss is exercise 1.

// ## Exercises
//
// 1. Give the teacher such a window of T tokens (sliding-window attention). What is its loss beyond the length of
//    training, and what does a token cost?
// 2. Where does the counted crossover lie for the paper's D = 2048, N = 64, H = 32? Where, if all
//    heads share one B and one C? Which term decides?
// 3. How much does a state still know of a text? Let a model read two different texts, and then the
//    same n tokens after each. How far apart are its predictions, and how does that fall with n?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 15-real-model, the method on a model that we did not train.

chapter.finish()
