// # 14  Generation: what did we gain?
//
// All the training of this book had one purpose: a model that writes as the teacher does and
// forgets what it no longer needs. Attention looks back at every token, so that each one written
// makes the next one more expensive. A state of fixed size does not grow. Does that pay at the size
// of these models, from which length on, and what is lost?
//
// You will see the three kinds of model write one text, the memory and the time of a token at
// contexts from 16 to 16384, batches, what reading a prompt costs, where in a text the student
// parts from its teacher, and what happens beyond the length of training. It takes two minutes once
// the models of chapters 05 to 10 are there.

import Book
import Corpora
import Experiments
import Foundation
import Gradients
import Layers
import Models
import Notebook
import Plots
import Tensors

let chapter = Chapter(
  "14-generation", question: "What did we gain?",
  duration: "2 minutes with the models of the main job; 10 seconds with --quick", options: ModelOptions.self)

let store = chapter.openModelStore()
let recipe = store.recipe
let tokenizer = store.corpus.tokenizer
let heldOut = store.corpus.heldOut
let contexts = Array(sequence(first: 16) { $0 * 2 }.prefix { $0 <= (chapter.isQuick ? 512 : 16384) })
// What the sections below read of the text: one window in its midst, and windows of four times the length of training.
let windowStart = 200
exitOnError {
  // A hybrid keeps one attention and has a recurrence beside it.
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
// The hybrid is a student that keeps the teacher's attention in its last layer. (Chapter 11 keeps a
// middle one. What a token costs does not depend on which it is.) All three continue the same words
// with the same random numbers: for each token a number in 0 … 1 is drawn, and the first token at
// which the summed probabilities pass it is taken. While both models rank the same token first, they
// write the same text. After the first other letter their texts differ, but the random numbers are
// still shared, and they can fall into step again. The prompt ends where we say it does, in the
// middle of a sentence.

chapter.section("1. One text, three writers")
let prompt = Array(heldOut.prefix(24))
let sampler = Sampler(temperature: 0.7)
for (name, model) in models {
  let text = exitOnError {
    try model.generate([prompt], count: chapter.isQuick ? 40 : 160, sampler, seed: chapter.seed)[0]
  }
  sample(name, tokenizer.decode(prompt + text))
}

// Until now the book has written the slow way: a whole pass over the text for each token
// (`Models/Writing/Sampling.swift`). `Generation` reads each token once and remembers. It is the same
// model, so with the same random numbers it has to write the same text, up to the length of training,
// beyond which the slow way cuts off the beginning.

let count = recipe.T - prompt.count
for (name, model) in models {
  var generation = Generation(model, prompts: [prompt], sampler: sampler, seed: chapter.seed)
  var dice = generation.dice[0]
  let slow = exitOnError { try model.continuation(of: prompt, count: count, sampler, using: &dice) }
  let fast = exitOnError { try (0..<count).map { _ in try generation.next()[0] } }
  check("\(name): the same \(count) tokens both ways", zip(fast, slow).count { $0 == $1 }, atLeast: count)
}

// ## In any pieces
//
// A prompt may come in one go, in pieces, or token by token; the distribution of the next token
// must not depend on it. The student takes a single token by its recurrence and a piece by its
// chunks, two algorithms (chapter 03), and its convolution looks across every cut. We read one text
// in five ways and compare logits with those of a whole pass that leaves nothing behind.

chapter.section("2. In any pieces")
let text = Array(heldOut[windowStart..<(windowStart + recipe.T)])
for (name, model) in models {
  let whole = model(Tokens(text)).sliced((recipe.T - 1)..<recipe.T, along: 1)
  let gaps = [1, 2, 5, recipe.T - 1, recipe.T].map { length in
    var state = model.emptyState()
    model.read(Tokens(text), &state, inPiecesOf: length)
    return Double(largestMagnitude(state.logits! - whole.reshaped(to: state.logits!.shape)))
  }
  check("\(name): logits after pieces = after the whole", gaps.max()!, within: isDouble ? 1e-10 : 1e-4)
}

// ## What is remembered
//
// Attention keeps a key and a value of every token, 2 · D numbers in each of L layers. The student
// keeps K − 1 inputs of its convolution, D + 2 · H · N numbers each, and a state of N × P numbers
// for each of H heads, D · N together. By hand, for the recipe's D = 96, H = 4, N = 16, K = 4, L =
// 4 in numbers of four bytes: the teacher 4 · 2 · 96 · 4 = 3072 bytes a token, the student 4 · (3 ·
// 224 + 1536) · 4 = 35,328 once and for all. From the twelfth token on it remembers less.
//
// All read one held-out text, far beyond the T tokens of their training: what that costs is the
// same whether or not they make sense there. The table has the bytes that are kept, and those that
// one token needs for a moment, for attention one weight per position, rounded up to the sizes of
// our blocks of memory. Two costs of a cache are not in it: room for tokens to come, up to as much
// again, and the copy when that room is used up.

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
check("teacher: bytes of each further token, the most", slopes.max()!, atMost: perToken)
check("teacher: and the least", slopes.min()!, atLeast: perToken)
let ofStudent = steps.map { $0[1] }
check(
  "student: bytes at the longest context − at the shortest", ofStudent.last!.bytes - ofStudent[0].bytes, within: 0)
check("student: memory of a step, the same difference", ofStudent.last!.peak - ofStudent[0].peak, within: 0)
for (i, entry) in models.enumerated() {
  let counted = contexts.map { entry.model.configuration.numbersKept(of: $0) * size }
  check("\(entry.name): bytes = the formula, at all contexts", counted == steps.map { $0[i].bytes })
}

// ## What a token costs
//
// Multiplications for the next token. Both kinds have the MLP, 2 · D · 4D, and once the head, D ·
// V. Attention has four matrices, 4 · D², and compares and mixes all that it has read: 2 · D for
// each token of the context. The student has an in-projection to 2D + 2HN + H numbers, the
// convolution, the recurrence with 3 multiplications for each number of the state, and the way out,
// D².

chapter.section("4. What a token costs")
func counts(_ i: Int) -> [Int] { contexts.map { models[i].model.configuration.multiplications(context: $0) } }
let (ofTeacher, ofPure) = (counts(0), counts(1))
table(
  ["context", "teacher, multiplications", "student", "ratio"] + models.map { "\($0.name), µs" } + ["ratio of times"],
  rows: contexts.indices.map { i in
    [
      "\(contexts[i])", "\(ofTeacher[i])", "\(ofPure[i])",
      number(Double(ofTeacher[i]) / Double(ofPure[i]), decimals: 2),
    ]
      + steps[i].map { "~\(number($0.seconds * 1e6, decimals: 1))" }
      + ["~\(number(steps[i][0].seconds / steps[i][1].seconds, decimals: 2))"]
  })
chapter.plot(decodingCosts(models.map(\.name), contexts: contexts, costs: steps), "token")
chapter.record(steps, of: models, at: contexts)

// From where on is the student cheaper? By the count, where 2 · D · context makes up for the
// convolution, the recurrence and the larger in-projection. By the clock that point may lie
// elsewhere: attention walks over its cache, and a multiplication there need not take as long as
// one in a product of matrices. By the count each doubling of a long context nearly doubles what
// the teacher pays, and the student pays what it always does. Do the lines of the first chart
// follow?

let excess = student.configuration.multiplications(context: 0) - teacher.configuration.multiplications(context: 0)
let crossover = Double(excess) / Double(2 * recipe.D * recipe.L)
show("counted: cheaper from this context on", crossover)
let faster = contexts.indices.filter { steps[$0][1].seconds < steps[$0][0].seconds }
volatile("measured: faster from this context on: \(faster.first.map { "\(contexts[$0])" } ?? "none of these")")
if let place = contexts.firstIndex(of: 4096) {
  let gain = steps[place][0].seconds / steps[place][1].seconds
  chapter.timed("at 4096 the student reads the next token at least 3 times as fast", gain >= 3, gain)
}
let last = steps.last!.map(\.seconds)
let change = last[1] / steps[0][1].seconds
chapter.timed(
  "student: a token at the last context over one at the first, within 2", (0.5...2).contains(change), change)

// ## Several texts at once
//
// When texts are written side by side, what one token has fetched from memory serves the tokens of
// the other texts as well. Weights can be shared in this way; pasts cannot. A batch of students has
// little past to fetch. That of a batch of teachers may be more than the processor's caches hold.
// Then there is less to gain by writing together, or nothing.

chapter.section("5. Several texts at once")
let batches = [1, 2, 4, 8, 16, 32]
let past = Array(heldOut.prefix(chapter.isQuick ? 64 : 512))
let pasts = models.map { bytes($0.model.configuration.numbersKept(of: past.count) * size) }
finding("After \(past.count) tokens a teacher keeps \(pasts[0]) of each text, and a student \(pasts[1]).")
let rates = batches.map { B in secondsOfBatch(models, B: B, context: past).map { Double(B) / $0 } }
table(
  ["texts, context \(past.count)"] + models.map { "\($0.name), tokens/s" },
  rows: zip(batches, rates).map { B, rate in ["\(B)"] + rate.map { "~\(number($0, decimals: 0))" } })
let batchFile = chapter.metrics("batch", columns: ["texts", "model", "tokens per second"])
for (B, rate) in zip(batches, rates) { for (entry, r) in zip(models, rate) { batchFile.add(B, entry.name, r) } }
chapter.plot(batchSpeeds(models.map(\.name), batches, rates, context: past.count), "batch")
let gained = rates.last![1] / rates[0][1]
chapter.timed("student: 32 texts over one, tokens/s", gained > 2, gained)
let ahead = rates.last![1] / rates.last![0]
chapter.timed("32 students over 32 teachers, tokens/s", ahead > 2, ahead)

// ## What reading a prompt costs
//
// A prompt is known as a whole, so no token has to wait for the one before. Four ways for a mixer's
// heads to read T tokens: attention with its whole matrix, or in blocks that never make it; the
// student's matrix, or its chunks. We measure processor time, and fit exponents to the last four
// lengths.

chapter.section("6. What reading a prompt costs")
let (H, N, P, Q) = (recipe.H, recipe.N, recipe.D / recipe.H, recipe.Q)
let reading = Reading(H: H, N: N, P: P, Q: Q)
var random = SeededGenerator(seed: chapter.seed)
let forms: [(name: String, count: (Int) -> Int)] = [
  ("attention, matrix", reading.attention), ("attention, blocks", { reading.blocks($0) }),
  ("SSD, matrix", reading.quadratic), ("SSD, chunks", reading.chunked),
]
let lengths = Array(sequence(first: 64) { $0 * 2 }.prefix { $0 <= (chapter.isQuick ? 512 : 2048) })
var readings: [[Double]] = []
for T in lengths {
  func draw(_ width: Int) -> Tensor { .normal([1, T, H, width], using: &random) }
  let (q, k, x, b, c) = (draw(P), draw(P), draw(P), draw(N), draw(N))
  let logDecay = -softplus(Tensor.normal([1, T, H], using: &random))
  let (d, scale) = (Tensor.zeros([H]), 1 / Scalar(P).squareRoot())
  let timing = onOneCore {
    time(
      repetitions: 3, atLeast: chapter.isQuick ? 0.1 : 1, on: .processor,
      { _ = headMix(softmax(headScores(q, k), scale: scale, causal: true), x) },
      { _ = blockedAttention(q, k, x, scale: scale) },
      { _ = headMix(ssdMatrix(logDecay: logDecay, b: b, c: c, d: d), x) },
      { _ = ssdSequence(x, logDecay: logDecay, b: b, c: c, d: d, Q: Q).output })
  }
  readings.append(timing.minima)
}
let readingFile = chapter.metrics("reading", columns: ["T", "form", "multiplications", "seconds"])
table(
  ["T = \(lengths.last!)", "multiplications a token", "ns a token", "exponent of the count", "of the time"],
  rows: forms.enumerated().map { i, form in
    let T = lengths.suffix(4).map(Double.init)
    let laws = [lengths.suffix(4).map { Double(form.count($0)) }, readings.suffix(4).map { $0[i] }]
      .map { PowerLaw(x: T, y: $0) }
    for (T, seconds) in zip(lengths, readings) { readingFile.add(T, form.name, form.count(T), seconds[i]) }
    return [
      form.name, "\(form.count(lengths.last!) / lengths.last!)",
      "~\(number(readings.last![i] / Double(lengths.last!) * 1e9, decimals: 0))",
      number(laws[0].exponent, decimals: 2),
      "~\(number(laws[1].exponent, decimals: 2))",
    ]
  })
chapter.plot(readingTimes(forms.map(\.name), lengths, readings), "reading")
chapter.timed(
  "at T = \(lengths.last!) chunks are faster than blocks, times", readings.last![3] < readings.last![1],
  readings.last![1] / readings.last![3])

// ## What is lost, by position
//
// Held-out windows, four times as long as those of training. At each position: do teacher and
// student rank the same token first, how far apart are their distributions, and what does the text
// cost either of them? Beside it the same on texts that the teacher has written, where the teacher
// is most certain.

chapter.section("7. What is lost, by position")
let windows = exitOnError {
  try store.corpus.heldOutBatches(count: recipe.windows, B: recipe.B, T: 4 * recipe.T)
}.map { batch in
  Tokens(
    (0..<batch.inputs.B).flatMap { Array(batch.inputs.row($0)) + [batch.targets.row($0).last!] }, B: batch.inputs.B,
    T: 4 * recipe.T + 1)
}
let beginnings = windows.flatMap { window in (0..<window.B).map { [window.row($0).first!] } }
let own = exitOnError { try teacher.generate(beginnings, count: recipe.T, seed: chapter.seed) }
let (onText, ofHybrid) = (ByPosition(student, teacher, on: windows), ByPosition(hybrid, teacher, on: windows))
let onOwn = ByPosition(student, teacher, on: zip(beginnings, own).map { Tokens($0 + $1) })
let parts = classes(of: 4 * recipe.T)
// A quick run has too few windows for digits that another processor would repeat.
func rough(_ value: Double) -> String { (chapter.isQuick ? "~" : "") + number(value, decimals: 3) }
/// What the text costs the student beyond what it costs the teacher.
func lost(_ part: Range<Int>) -> Double { onText.mean(\.student, part) - onText.mean(\.teacher, part) }
table(
  [
    "position", "agreement, student", "hybrid", "KL from the teacher, student", "hybrid", "loss, teacher", "student",
    "hybrid",
  ],
  rows: parts.map { part in
    let similar = [onText.mean(\.same, part), ofHybrid.mean(\.same, part)]
    let apart = [onText.mean(\.divergence, part), ofHybrid.mean(\.divergence, part)]
    let losses = [onText.mean(\.teacher, part), onText.mean(\.student, part), ofHybrid.mean(\.student, part)]
    let name = part.count == 1 ? "\(part.upperBound)" : "\(part.lowerBound + 1)–\(part.upperBound)"
    return [name] + (similar + apart).map(rough) + losses.map { number($0, decimals: 3) }
  })
let trained = 0..<recipe.T
show(
  "agreement within the length of training, on the text", onText.mean(\.same, trained), digits: 3,
  about: chapter.isQuick)
show("and on what the teacher has written", onOwn.mean(\.same, trained), digits: 3, about: chapter.isQuick)
show("what the student loses there", lost(trained), unit: "nats", digits: 2, about: chapter.isQuick)
if store.isReference {
  check("within it they agree on four of five tokens", onText.mean(\.same, trained), atLeast: 0.8, digits: 3)
}
chapter.record(onText, ofHybrid)

// ## The surprise: beyond the length of training
//
// No model has ever seen more than T tokens. The teacher's angles beyond T are new to it, and every
// one of its queries meets keys at distances that it has never met. The student has no positions: a
// state that fades is no different at token 500 from what it was at token 100. Look at the right of
// both charts.

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
    "\(name): loss at \(beyond.lowerBound + 1)–\(beyond.upperBound) − at \(late.lowerBound + 1)–\(late.upperBound)",
    values.mean(sums, beyond) - values.mean(sums, late), unit: "nats", digits: 3, about: chapter.isQuick)
}
if store.isReference {
  check(
    "beyond the length of training the student is better than its teacher", onText.mean(\.student, beyond),
    lessThan: onText.mean(\.teacher, beyond))
}

// ## Breaking it on purpose: a convolution that forgets
//
// The state is passed on from piece to piece, and if we forget that the convolution has a past as
// well, we get a model that still writes. Only the K − 1 tokens after each cut are mixed from
// zeros; but what they write into the state is wrong too, and stays until it fades. We do it to the
// first mixer, cut a text in the middle, and look at the outputs by their distance from the cut.

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
check("nothing forgotten: the outputs are those of one piece", kept.max()!, within: allowed)
for (name, gaps) in broken {
  check("forgotten: \(name); the test catches it", gaps.max()!, greaterThan: 100 * allowed, digits: 2)
}

// ## What we saw
//
// What we gained: after any text the student's next token costs the same memory and the same
// multiplications, where attention pays for every token that was read.

finding(
  """
  The student keeps \(ofStudent.last!.bytes) bytes of any text, and its teacher \(perToken) of each token:
  \(bytes(steps.last![0].bytes)) at a context of \(contexts.last!). By the count the student's next token is cheaper
  \(crossover > 0 ? "from a context of \(number(crossover, decimals: 1)) on" : "at every context").
  """)
let (near, far) = (steps[0].map { $0.seconds * 1e6 }, steps.last!.map { $0.seconds * 1e6 })
let overtaking = faster.first.map { "faster for the first time at a context of \(contexts[$0])" }
finding(
  """
  By the clock the student is \(overtaking ?? "faster at no context that was measured"). From \(contexts[0]) to
  \(contexts.last!) tokens of context, the time of a token goes from \(number(near[0], decimals: 0)) to
  \(number(far[0], decimals: 0)) µs for the teacher, and from \(number(near[1], decimals: 0)) to
  \(number(far[1], decimals: 0)) µs for the student.
  """, volatile: true)
finding(
  """
  Of \(batches.last!) texts at once, with \(past.count) tokens each, the student reads
  \(number(rates.last![1], decimals: 0)) tokens a second, and the teacher \(number(rates.last![0], decimals: 0)).
  """, volatile: true)

// A prompt was measured for the heads alone. A whole mixer has its projections as well, which cost
// every form the same for each token; it saves a smaller part.

finding(
  """
  What the heads do with a prompt of \(lengths.last!) tokens takes blocked attention
  \(number(readings.last![1] / readings.last![3], decimals: 1)) times the processor time of the chunks.
  """, volatile: true)

// What we lost, first within the length of training. One might fear that a state of fixed size
// gives way toward the end of the window; the classes of positions tell.

let settled = parts.filter { $0.lowerBound >= 8 && $0.upperBound <= recipe.T }
let losses = settled.map(lost)
finding(
  """
  Within the length of training the student loses \(rough(lost(trained))) \(store.unit): in the classes of positions
  from \(settled[0].lowerBound + 1) on between \(rough(losses.min()!)) and \(rough(losses.max()!)). It ranks another
  token first than its teacher at \(rough(1 - onText.mean(\.same, trained))) of all tokens, and on what the teacher
  has written at \(rough(1 - onOwn.mean(\.same, trained))).
  """)

// Then beyond that length. The hybrid has one attention, to which the angles there are as new as to
// those of the teacher.

func span(_ part: Range<Int>) -> String { "\(part.lowerBound + 1)–\(part.upperBound)" }
func threeLosses(_ part: Range<Int>) -> String {
  let means = [onText.mean(\.teacher, part), onText.mean(\.student, part), ofHybrid.mean(\.student, part)]
  return list(means.map { number($0, decimals: 2) })
}
finding(
  """
  At positions \(span(beyond)) teacher, student and hybrid have losses of \(threeLosses(beyond)) \(store.unit); at
  \(span(late)), still within the length of training, of \(threeLosses(late)).
  """)

// So the times at long contexts compare the student with a teacher that was not made for them. A
// teacher may drop its oldest keys instead, so that it never sees more than T: then a token costs
// what it costs at T, and what is lost by that we have not measured.
//
// Exercises. 1: Give the teacher that moving window. What does a token cost, and what is the loss?
// 2: Where does the counted crossover lie for D = 2048, N = 64, H = 32? 3: `generate --save` writes
// a student's memory of a whole book into a small file. Let it read Genesis in parts, with
// `--resume` and `--tokens 0`, and ask what it still knows.
//
// This was the last chapter.

chapter.finish()
