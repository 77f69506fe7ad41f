// # 19  How many machines can work on one student?
//
// Everything in this book was trained on one machine. The published students of this method were
// trained on many. What has to be sent when machines share the work, and how many of them can share
// it before they only wait for one another?
//
// The stages of the method differ in this. Stages 1 and 2 train each layer by itself, on the
// teacher's states, so that each machine can have layers of its own; what one layer learns no other
// needs to know until the end. Stage 3, like the training of a teacher, is one problem. There the
// machines share the batch, and in each step they need the sum of all gradients.
//
// You will see what is sent, that 1, 2, 3, 4 and 8 ranks train the same student to the last bit, and
// how they would not. Then a law for the time of a step is compared with this machine's clock and
// carried to a thousand nodes, for a model of 135 million and one of 1.4 billion parameters. At the
// end stand the causes that stop growth, and a surprise about waiting. The run takes three minutes.
//
// A rank is one of the programs that work together. Here ranks are threads of one process, which use
// the same operations as those of MPI (`Sources/Communication`); under `mpirun` a thread of this
// chapter would be a rank within a rank, so it is started alone. Chapters 05, 10 and 15 run under
// `mpirun`.

import ArgumentParser
import Book
import Communication
import Corpora
import Distillation
import Experiments
import Foundation
import Models
import Notebook
import Plots
import Tensors
import Training

let chapter = Chapter(
  "19-many-machines", question: "How many machines can work on one student?",
  duration: "3 minutes; 15 seconds with --quick", options: Options.self)

if Ranks.job != nil {
  exitOnError {
    throw CommandError("the ranks of this chapter are threads of one process; start it without mpirun")
  }
}
let options = chapter.options
let networks = options.networks
let microBatches = chapter.microBatches ?? 8
var recipe = chapter.isQuick ? Recipe.quick : .standard
// Eight rows for eight ranks, and layers for more than two.
if chapter.isQuick { (recipe.B, recipe.L) = (8, 4) }
let experiment = exitOnError {
  if microBatches > recipe.B {
    throw CommandError(
      "--micro-batches \(microBatches): a batch here has \(recipe.B) rows; ask for \(recipe.B) at most")
  }
  return try Experiment(
    ExperimentSettings(
      isQuick: chapter.isQuick, seed: chapter.seed, corpus: chapter.corpus, bytePairs: chapter.bytePairs,
      recipe: recipe))
}

// ## What has to be sent
//
// All follows from a few sizes. Let P be the parameters of the student and D its width, with 4 bytes
// a number. In stage 3 each of n ranks computes gradients of its part of the batch. Each rank then
// owns a part of the parameters: it gets the others' gradients for it, makes the step, and sends the
// new weights back. So in each step each rank sends
//
//     gradients out, weights back      2 · (n − 1) / n · 4 P              bytes
//
// which grows with the model, hardly with n, and not with the batch. In stages 1 and 2 a rank runs
// the teacher through its own layers. It needs the state of each token of the batch from the rank
// before it, and sends as much to the next:
//
//     states handed on                 4 D · tokens                       bytes
//
// which grows with the batch and not with the number of parameters. The mixers are sent once, when
// all steps are done. If each rank ran the teacher from its beginning, nothing would be sent in a
// step. Or one could store the states of all layers once and read them from a disk.
//
// We take three models: that of this run, and the sizes of SmolLM2-135M and of Phi-1.5. The tables call
// them 135M, and 1.5B after Phi-Mamba-1.5B, the student of Phi-1.5, which itself has 1.4 billion
// parameters. `Sizes.swift` counts their parameters without making them. First we check the counts, on
// models that are made.

chapter.section("1. What has to be sent")
let own = ModelSizes("this run's", recipe, V: experiment.V)
for (name, sizes) in [("this run's Phi", own), ("a tiny Llama", ModelSizes.tinyLlama)] {
  let made = sizes.made()
  check(
    "\(name) has the parameters that are counted, teacher and student",
    made == (sizes.teacherNumbers, sizes.studentNumbers), "\(made.teacher) and \(made.student)")
}
let models = [own, .small, .large]
chapter.tabulate(
  "sizes", ["model", "layers", "width", "teacher's parameters", "student's", "of a mixer", "of a teacher's layer"],
  rows: models.map { sizes in
    [sizes.name]
      + [
        sizes.L, sizes.D, sizes.teacherNumbers, sizes.studentNumbers, sizes.mixerNumbers,
        sizes.attentionNumbers + sizes.besideMixer,
      ].map(String.init)
  })

// Now the bytes. A batch of the two published sizes has as many tokens as the options say; the
// defaults make half a million. The last column is the batch at which a state is as large as the
// gradients and weights together. Below it handing on is cheaper, and above it the sum.

func tokens(_ sizes: ModelSizes) -> Int {
  sizes.name == own.name ? recipe.tokensPerUpdate : options.windows * options.length
}
chapter.tabulate(
  "bytes",
  [
    "each rank sends", "tokens a step", "stage 3, 2 ranks", "stage 3, many ranks", "stages 1 and 2",
    "once: all mixers",
    "stored, a token", "equal at tokens",
  ],
  rows: models.map { sizes in
    [sizes.name, "\(tokens(sizes))"]
      + [
        sizes.gradients, 2 * sizes.gradients, tokens(sizes) * sizes.state, sizes.mixers, (sizes.L + 1) * sizes.state,
      ].map { bytes($0) } + ["\(sizes.evenTokens)"]
  })

// Storing looks harmless for one token. A distillation reads hundreds of millions of them.

let published = 160_000_000
finding(
  """
  The states of \(published / 1_000_000) million tokens, which is what the paper gives stage 2, would take
  \(list([ModelSizes.small, .large].map { "\(bytes(published * ($0.L + 1) * $0.state)) for \($0.name)" })).
  """)

// ## The same bits
//
// Now we train in earnest, with ranks that are threads: a teacher for a few steps, then each of its
// stages, each with 1, 2, 3, 4 and 8 ranks. A batch of eight rows is cut into eight micro-batches,
// whatever the number of ranks. Their gradients are added in the order of a binary tree
// (`Sources/Training/SummationTree.swift`), and a rank adds up what is a subtree among its own. So
// the additions are the same, whoever makes them.

chapter.section("2. The same bits")
let counts = [1, 2, 3, 4, 8]
let steps = chapter.isQuick ? 4 : 12
var setting = Setting(
  recipe: recipe, corpus: experiment.corpus, sizes: own, microBatches: microBatches, seed: chapter.seed,
  teacherWeights: nil)
var outcomes: [Work: [Int: [Outcome]]] = [:]
let bar = ProgressBar("shared runs", total: Work.allCases.count * counts.count)
exitOnError {
  for (index, work) in Work.allCases.enumerated() {
    for (place, count) in counts.enumerated() {
      outcomes[work, default: [:]][count] = try setting.run(work, steps: steps, ranks: count)
      bar.update(index * counts.count + place + 1)
    }
    if work == .teacher { setting.teacherWeights = outcomes[.teacher]![1]![0].weights }
  }
}
bar.finish()
show("steps of each", steps)
show("micro-batches of a step", microBatches)
volatileTable(
  ["sum of all weights"] + counts.map { "\($0) rank\($0 == 1 ? "" : "s")" },
  rows: Work.allCases.map { work in [work.name] + counts.map { outcomes[work]![$0]![0].sum } })
for work in Work.allCases {
  let sums = Set(counts.flatMap { outcomes[work]![$0]!.map(\.sum) })
  check(
    "\(work.name): every rank of every number of ranks has the same weights", sums.count == 1,
    "\(counts.reduce(0, +)) ranks, \(sums.count) sum\(sums.count == 1 ? "" : "s")")
}
check(
  "by each rank or handed on, stage 2 makes the same student",
  outcomes[.alignment]![1]![0].sum == outcomes[.alignmentByEachRank]![8]![0].sum)

// And the bytes? Each rank counts what it sends. We sum over the ranks of a step and compare with two
// numbers. One is exact: for states it is the formula above; for shared batches it is what a run says
// of itself (`bytesPerStep`), which includes the losses and the norms. The other is the law of
// section 1, with a correction. A rank whose micro-batches are not one subtree sends more than one
// sum: of 8 micro-batches, 3 ranks have 2, 3 and 3, which makes 1, 2 and 2 sums.

let many = counts.filter { $0 > 1 }
func sent(_ work: Work, _ count: Int) -> Int { outcomes[work]![count]!.reduce(0) { $0 + $1.bytesPerStep } }
chapter.tabulate(
  "sent", ["bytes of all ranks in a step"] + many.map { "\($0) ranks" } + many.map { "law, \($0)" },
  rows: Work.allCases.map { work in
    [work.name] + many.map { "\(sent(work, $0))" } + many.map { "\(setting.law(work, ranks: $0))" }
  })
for work in Work.allCases {
  let exact = many.map { count in
    work.isByLayer ? setting.law(work, ranks: count) : outcomes[work]![count]!.reduce(0) { $0 + $1.counted }
  }
  check("\(work.name): the bytes are those that are counted, exactly", exact == many.map { sent(work, $0) })
}
let beyond = [Work.teacher, .distillation].flatMap { work in
  many.map { abs(Double(setting.law(work, ranks: $0)) / Double(sent(work, $0)) - 1) }
}.max()!
if chapter.microBatches == nil { check("the law leaves out little, largest part", beyond, lessThan: 0.05, digits: 2) }
let once = outcomes[.alignmentByEachRank]![8]!.reduce(0) { $0 + $1.bytes }
let ofMixers = 7 * own.mixers / bytesOfNumber * MemoryLayout<Scalar>.size
check("by each rank, 8 ranks send the mixers once, and the record of the losses", once, atLeast: ofMixers)

// ## Breaking it on purpose: adding in the order of ranks
//
// Most programs let each rank add up its own gradients and then add the ranks. A sum of numbers with
// rounding depends on its order. So another number of ranks gives other last bits, and if sums are
// taken as they arrive, so does every run. Training does not forget such a difference. We train the
// teacher once more, with the same micro-batches added in several orders, and compare the weights
// with those of one rank. (Eight ranks with a micro-batch each, added by rank, add in the order of
// one; so we let them arrive in any order.)

chapter.section("3. Breaking it on purpose: adding in the order of ranks")
let driftSteps = chapter.isQuick ? 24 : 100
setting.teacherWeights = nil
let orders: [AdditionOrder] = [
  .tree(ranks: 8), .byRank(ranks: 2), .byRank(ranks: 3), .byRank(ranks: 4), .byArrival(ranks: 8, seed: 1),
  .byArrival(ranks: 8, seed: 2),
]
var reference: [String: [[Tensor]]] = [:]
let alone: [AdditionOrder] = [.tree(ranks: 1), .byRank(ranks: 1)]
for order in alone { setting.train(order, steps: driftSteps) { reference[order.name, default: []].append($1) } }
let drifts = orders.map { order in
  var all: [(unequal: Double, largest: Double, relative: Double)] = []
  var base = alone[1]
  if case .tree = order { base = alone[0] }
  setting.train(order, steps: driftSteps) { step, weights in
    all.append(difference(weights, reference[base.name]![step]))
  }
  return all
}
chapter.tabulate(
  "orders",
  [
    "order", "weights that differ after 1 step", "after \(driftSteps)", "the largest difference",
    "distance, relative",
  ],
  rows: zip(orders, drifts).map { order, all in
    [order.name]
      + [all[0].unequal, all.last!.unequal].map { $0 == 0 ? "none" : "~\(number(100 * $0, digits: 2)) %" }
      + [all.last!.largest, all.last!.relative].map { "~\(number($0, digits: 2))" }
  })
chapter.plot(
  driftFigure(zip(orders, drifts).dropFirst().map { ($0.name, $1.map(\.relative)) }), "orders")
check("by the tree no weight differs, after any step", drifts[0].allSatisfy { $0.unequal == 0 })
for (order, all) in zip(orders, drifts).dropFirst() {
  check("\(order.name): some weights differ", all.last!.unequal, greaterThan: 0.0, digits: 2)
}

// The differences are as small as rounding, and no loss curve shows them. But whoever looks for a
// fault on 64 machines and finds that it is gone on one wants to know whether it is gone because of
// the rounding.

// ## A law against the clock
//
// How long does a step take? Let c be the seconds of a micro-batch, M their number, u those of the
// update, f those of the teacher in a layer and g those of training in a layer, each on one rank. A
// message of s bytes takes λ + s / β. The busiest rank decides:
//
//     batch shared        ⌈M / n⌉ c  +  2 (n − 1) λ  +  (m + 1) (n − 1) / n · G / β  +  u / n
//     states handed on    (layers of the rank) · (f + g)  +  λ  +  S / β
//     by each rank        (its last layer) · f  +  (its layers) · g
//
// G are the bytes of the gradients, S those of a state of the batch, m the sums that a rank sends.
// `Sources/Experiments/ClusterCost.swift` has this law, and how layers are best cut.
//
// We measure the constants one by one (`Clock.swift`), on one core each. Ranks beyond the cores share
// them, so we multiply what is computed by ranks / cores if there are more. With that the law
// predicts the time of a step for 1, 2 and 4 ranks. Then we run them. Nothing is fitted to these runs.
// Where states are handed on, the last rank begins n − 1 steps late; the runs are so long that this
// hardly counts.

chapter.section("4. A law against the clock")
let timed = [1, 2, 4]
setting.teacherWeights = outcomes[.teacher]![1]![0].weights
let machine = exitOnError { try Machine(setting, ranks: timed, repetitions: chapter.isQuick ? 5 : 41) }
chapter.tabulate("constants", machine.columns, rows: machine.rows, volatile: chapter.isQuick)
chapter.tabulate(
  "messages", MeasuredNetwork.columns, rows: [machine.exchange, machine.handing].map(\.row),
  volatile: chapter.isQuick)
chapter.plot(messageFigure([machine.exchange, machine.handing]), "messages")
let clock = exitOnError {
  try Work.allCases.map { work in
    try timed.map { count in
      let seen = try setting.measured(
        work, ranks: count, steps: chapter.isQuick ? 4 : 30, runs: chapter.isQuick ? 1 : 7)
      return (predicted: machine.predicted(work, setting, ranks: count), seen: seen)
    }
  }
}
chapter.tabulate(
  "clock",
  ["a step, ms: predicted, measured, ratio"] + timed.map { "\($0) rank\($0 == 1 ? "" : "s")" }
    + timed.dropFirst().map { "speed-up, \($0)" },
  rows: zip(Work.allCases, clock).map { work, row in
    [work.name]
      + row.map { "\(ms($0.predicted))  \(ms($0.seen))  \(number($0.seen / $0.predicted, decimals: 2))" }
      + row.dropFirst().map { number(row[0].seen / $0.seen, decimals: 2) }
  }, volatile: chapter.isQuick)
let ratios = clock.flatMap { $0.map { $0.seen / $0.predicted } }
let farthest = ratios.map { max($0, 1 / $0) }.max()!
chapter.timed(
  "no prediction is off by more than a factor of two: measured over predicted, or the inverse", farthest < 2,
  farthest)
let operations =
  Double(2 * own.teacherNumbers + 6 * own.studentNumbers) * Double(recipe.tokensPerUpdate / microBatches)
volatile(
  "a core of this machine does \(number(operations / machine.constants[1]!.distillationBatch / 1e9, digits: 3)) · 10⁹"
    + " of the counted operations a second in stage 3")

// ## A thousand nodes
//
// On this machine messages cost next to nothing. Between machines they do. We carry the law to two
// networks and many nodes, with assumptions in place of measurements. They are options of the chapter:
// what a node computes, what the networks can do, how large the batch is.

chapter.section("5. A thousand nodes")
table(["assumed", "value", "option"], rows: options.assumptions)
let plans = [ModelSizes.small, .large].map { Plan($0, options) }
let nodes = [1, 10, 100, 1000]
let columns =
  ["s on 1 node"] + nodes.dropFirst().flatMap { ["on \($0)", "used, %"] } + ["half used up to", "no faster beyond"]

// First stages 1 and 2, with the three sources of the teacher's states. "Used" is the part of all
// nodes' time that a single node would need for the same step. A node that has nothing to do counts.

let ofLayers = plans.map { $0.growthOfLayers(networks) }
for (plan, growths) in zip(plans, ofLayers) {
  chapter.tabulate(
    "layers-\(plan.sizes.name)", ["stages 1 and 2, \(plan.sizes.name)"] + columns, rows: growths.map { $0.row(nodes) }
  )
}
chapter.plot(
  growthFigure("Stages 1 and 2: layers apart", zip(plans, ofLayers).map { ($0.sizes.name, $1) }, to: 1000),
  "growth-layers")
for (plan, growths) in zip(plans, ofLayers) {
  let (f, g, L) = (plan.layers.teacher, plan.layers.training, Double(plan.sizes.L))
  let most = (1...mostNodes).map { growths[0].seconds(1) / growths[0].seconds($0) }.max()!
  check(
    "\(plan.sizes.name), by each rank: the speed-up stays below (f + g) L / (f L + g)", most,
    atMost: (f + g) * L / (f * L + g) * (1 + 1e-12), digits: 3)
  check(
    "\(plan.sizes.name), handed on: growth ends at a layer a node at the latest",
    growths[1...networks.count].map { $0.end() }.max()!, atMost: plan.sizes.L)
}

// If each rank runs the teacher, the last one runs all of it, and a few nodes are as good as a
// thousand. Handed on, the teacher is shared like the training, and growth can go on to the last
// layer. Then it ends for want of work, and no network changes that. It ends a little earlier where a
// message takes longer than a layer: the last rank sends none, and can have several layers.

let ofBatches = plans.map { $0.growthOfBatches(networks) }
for (plan, growths) in zip(plans, ofBatches) {
  chapter.tabulate(
    "batches-\(plan.sizes.name)", ["stage 3, \(plan.sizes.name)"] + columns, rows: growths.map { $0.row(nodes) })
}
chapter.plot(
  growthFigure("Stage 3: one sum of gradients a step", zip(plans, ofBatches).map { ($0.sizes.name, $1) }, to: 1000),
  "growth-stage-3")
for (plan, growths) in zip(plans, ofBatches) {
  check(
    "\(plan.sizes.name), stage 3: on a faster network growth does not end earlier", growths[0].halfUsed(),
    atMost: growths[1].halfUsed())
}

// The curves have stairs, since a rank has whole micro-batches: on 200 nodes the busiest still has
// two of 256. And they have teeth, which are the price of the fixed order. Most numbers of ranks that
// are no power of 2 cut the tree of additions at odd places, and a rank then sends several sums. Where
// bytes decide, a few nodes fewer can be faster.

let fewer = (whole: 8, odd: 10)
for (plan, growths) in zip(plans, ofBatches) {
  let batch = plan.batch
  finding(
    """
    \(plan.sizes.name), stage 3 on Ethernet: the busiest of \(fewer.odd) nodes sends \(batch.sums(ranks: fewer.odd)) sums,
    and a step takes \(number(growths[0].seconds(fewer.odd), digits: 3)) s; on \(fewer.whole) nodes each sends
    \(batch.sums(ranks: fewer.whole)), and it takes \(number(growths[0].seconds(fewer.whole), digits: 3)) s.
    """)
}

// ## What breaks first
//
// In stage 3 four causes stop growth. Each of them is compared with the work, M c / n, that is left
// for a rank of n. A cause breaks growth at the n from which on it always costs as much as the work:
//
//     micro-batches run out     (⌈M / n⌉ − M / n) c               at n = 2 M half of the ranks have none
//     bytes                     (m + 1) (n − 1) / n · G / β       at n ≈ M c β / 2 G
//     messages                  2 (n − 1) λ                       at n ≈ √(M c / 2 λ)
//     delays                    ε ⌈M / n⌉ c Hₙ                    section 7; ε is an option too
//
// Stages 1 and 2 have no sum, and so none of these. There the layers run out. A state that is handed
// on costs a part of a layer's work that depends neither on the nodes nor on the batch.

chapter.section("6. What breaks first")
let cases = plans.flatMap { plan in networks.map { (plan: plan, name: $0.name, network: $0.network) } }
let points = cases.map { $0.plan.batch.breakingPoints($0.network, delay: options.delay) }
chapter.tabulate(
  "breaking", ["stage 3 breaks at nodes"] + Cause.allCases.map(\.name) + ["first", "stages 1 and 2: state / work"],
  rows: zip(cases, points).map { one, points in
    ["\(one.plan.sizes.name) on \(one.name)"] + points.map { $0.map(String.init) ?? "–" }
      + [firstCause(points).name, number(one.plan.stateOverWork(one.network), decimals: 3)]
  })
for (one, points) in zip(cases, points) {
  let (batch, lambda) = (one.plan.batch, one.network.latency)
  let expected = 0.5 + (0.25 + Double(batch.microBatches) * batch.compute / (2 * lambda)).squareRoot()
  if let found = points[Cause.allCases.firstIndex(of: .messages)!] {
    check(
      "\(one.plan.sizes.name), \(one.name): messages break where n (n − 1) = M c / 2 λ, relative difference",
      Double(found) / expected - 1, within: 0.01)
  }
}

// ## The surprise: who waits for whom
//
// So far every rank takes the same time. In truth one is always late. With one sum a step, all wait
// for the slowest, and the more there are, the later the slowest is. If delays are exponential with a
// mean of ε, a step takes 1 + ε Hₙ in place of 1 + ε, and the harmonic number grows like log n.
//
// One should think that a relay is worse: each rank waits for the one before it. It is not. Nobody
// waits for the whole. A rank that is late finds the states of several batches ready and catches up,
// so that a delay is only felt if it comes where the whole relay is late already. `Waiting.swift` has
// the argument and a closed form; here both are simulated.

chapter.section("7. The surprise: who waits for whom")
let waitingSteps = chapter.isQuick ? 500 : 4000
let ranks = [1, 2, 4, 8, 16, 32, 64, 128]
let epsilon = options.delay
func waiting(_ ranks: Int) -> Waiting {
  Waiting(ranks: ranks, steps: waitingSteps, delay: epsilon, seed: chapter.seed)
}
let together = ranks.map { waiting($0).together(.exponential) }
let waited: [WaitingCurve] = [
  WaitingCurve("one sum a step", together.map(\.mean)),
  WaitingCurve("1 + ε Hₙ", ranks.map { waiting($0).togetherByFormula }, isFormula: true),
  WaitingCurve("relay", ranks.map { waiting($0).relay() }),
  WaitingCurve("its bound", ranks.map { waiting($0).relayByFormula }, isFormula: true),
  WaitingCurve("relay, 1 held", ranks.map { waiting($0).relay(holding: 1) }),
  WaitingCurve("no messages", ranks.map { waiting($0).apart() }),
  WaitingCurve("one sum, log-normal", ranks.map { waiting($0).together(.logNormal(1.5)).mean }),
]
show("ε, the mean delay as a part of the work", epsilon)
show("steps", waitingSteps)
chapter.tabulate(
  "waiting", ["time a step, \(waitingSteps) steps"] + waited.map(\.name),
  rows: ranks.indices.map { place in
    ["\(ranks[place]) rank\(ranks[place] == 1 ? "" : "s")"]
      + waited.map { number($0.y[place], decimals: 3) }
  })
// The figure leaves out two columns: one that looks like the relay, and one beside which all others would look alike.
let drawn = waited.filter { $0.name != "relay, 1 held" && $0.name != "one sum, log-normal" }
chapter.plot(waitingFigure(ranks, drawn, delay: epsilon), "waiting")
let offFormula = zip(ranks, together).map { abs($1.mean - waiting($0).togetherByFormula) / $1.error }.max()!
check("one sum a step is 1 + ε Hₙ: largest difference in standard errors", offFormula, atMost: 4.0, digits: 2)
let relays = zip(waited[2].y, waited[3].y).map { $0 / $1 }
check("the relay is no slower than its bound, up to luck: largest ratio", relays.max()!, atMost: 1.01)
check("and nearly as slow: smallest ratio", relays.min()!, atLeast: 0.95)
let lost = ranks.indices.filter { (8...32).contains(ranks[$0]) }
check(
  "a relay of 8 to 32 ranks loses less than one sum among as many",
  lost.allSatisfy { waited[2].y[$0] < waited[0].y[$0] })

// A relay has to be filled, which takes n − 1 of S steps and is in these numbers. It hardly needs room:
// with a single message that lies ready it is nearly as fast as with any number, since a delay is short
// beside the work of a step. MPI's ranks hold eight here. And if no rank needs another, as when each
// runs the teacher itself, delays average out best of all.
//
// Delays that are rare and large are worse for a sum: the last column has log-normal ones with the same mean.

// None of this helps against a machine that is slow for good. A relay is then as slow as that
// machine, like everything else; but layers can be cut so that it gets fewer.

// ## What we saw

let grown = zip(plans, zip(ofLayers, ofBatches)).map { Grown(plan: $0, layers: $1.0, batches: $1.1) }
for one in grown { finding(one.ends(networks.map(\.name))) }

// What does that make of a whole distillation, with the paper's numbers of tokens? We take as many nodes
// as are at least half used, but none beyond which a step gets no faster, and let the stages follow one
// another.

for one in grown { finding(one.whole(papersTokens, networks.map(\.name))) }

// ## Exercises
//
// 1. The order of additions belongs to the micro-batches, so that ranks whose number is no power of 2
//    may send several sums. How many do up to 64 ranks send for 64 micro-batches? Which numbers of ranks
//    should one avoid, and what is the price in bytes?
// 2. Stages 1 and 2 end at a layer a node. Let r nodes share each layer's batch, so that n = L r.
//    Each group then needs the sum of one mixer's gradients. How long does a step take on 1000 nodes,
//    and where does growth end now?
// 3. In stage 3 on Ethernet bytes break growth first. Train the mixers alone, send numbers of two
//    bytes, or double the batch: which of these moves the end furthest, and which of them changes what
//    is learned?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

chapter.finish()
