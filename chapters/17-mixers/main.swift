// # 17  Which mixer makes the best student?
//
// Until here every student had the same mixer. The paper's claim is about a family: attention is one
// structured matrix among others, and a student may have any that can be computed as a recurrence.
// The paper compares three of them inside a language model: Toeplitz matrices, matrices of low rank,
// and those of Discrete-Mamba-2. Since then others have been published. Which one should a student
// have, if all get the same teacher, the same tokens, and the same memory? And can the answer be read
// off the matrices, before any student is trained?
//
// You will see ten kinds of student with the bounds that hold for them, each with learning rates of
// its own; their losses, what they do beyond the length of their training, and what they recall; and
// whether a student whose matrices come nearer to attention is a better one. At the end stand four
// ways to begin. The default run takes half an hour the first time. It can be stopped at any moment:
// finished results are kept in out/study, and the next run continues from there.

import ArgumentParser
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
import Structures
import Tensors

struct Options: ParsableArguments { @OptionGroup var study: StudyOptions }

let chapter = Chapter(
  "17-mixers", question: "Which mixer makes the best student?",
  duration: "30 minutes the first time, seconds from then on; 20 seconds with --quick", options: Options.self)

let store = chapter.openModelStore()
let (options, seedCount) = (chapter.options.study, chapter.options.study.seedCount(isQuick: chapter.isQuick))
let recipe = store.recipe

// ## The students
//
// The first seven kinds remember the same: N numbers for each feature of x, whatever the length of
// the text. A Toeplitz mixer has no state, but a kernel; with N + 1 numbers in it, it has to keep the
// last N rows of x, which are as many. The frame around the matrix is the same wherever the kind
// leaves a choice: a short convolution before it, a gate after it. Mamba-2 is as it was published,
// with steps, a SiLU after the convolution, one B and one C for all heads, and a norm. The bytes in the
// table differ a little all the same, since they include the last inputs of the convolution and, for
// the trapezoid, what it keeps of the token before.
//
// Equal memory is not equal size. Since the heads of Mamba-2 share B and C, it has fewer parameters;
// as many as the others it has with a larger state. A Toeplitz mixer has next to none, and no kernel
// that a text can see would make up for that. So two kinds stand apart: Mamba-2 with equal parameters,
// and the longest kernel that makes sense. The last student is the control of chapter 11: new
// attention, whose matrices can become the teacher's.
//
// The bound is the distance below which no matrix of the class can come, on average over the
// teacher's matrices: chapter 06 derives that for recurrences with N numbers. For a Toeplitz matrix
// the distance from its projection is a bound too, and we take the larger of the two.

chapter.section("1. The students")
let kinds = kindsOfEqualState(recipe) + kindsOfOtherState(recipe)
let equal = kindsOfEqualState(recipe).count
let pure = kinds[0]
let corpus = store.experiment.corpus
let longWindows = exitOnError {
  try corpus.heldOutBatches(count: chapter.isQuick ? 4 : 32, B: 4, T: stretches.last!.upperBound * recipe.T)
}
let study = exitOnError {
  try Study(in: store, seeds: seedCount, alsoMeasuring: measure(longWindows: longWindows, T: recipe.T), in: "mixers")
}
let window = store.heldOut.reported[0]
let bounds = study.seeds.map {
  Bounds(teachersMatrices(study.teachers[$0]!, on: window), orders: [recipe.N, recipe.H * recipe.N])
}
let matrices = bounds[0].norms.count
/// The mean bound of a kind over the matrices of all seeds.
func meanBound(_ kind: Kind) -> Double? {
  kind.order == nil && !kind.isToeplitz ? nil : Estimate(bounds.flatMap { $0.of(kind)! }).mean
}
let meanNorm = Estimate(bounds.flatMap(\.norms)).mean
chapter.tabulate(
  "students",
  [
    "student", "its matrices", "parameters of a mixer", "bytes after \(recipe.T) tokens", "after \(8 * recipe.T)",
    "bound",
  ],
  rows: kinds.map { kind in
    [kind.name, kind.matrixClass, "\(kind.parameterCount)"]
      + [recipe.T, 8 * recipe.T].map { "\(kind.bytes(after: $0))" }
      + [meanBound(kind).map { number($0, decimals: 3) } ?? "–"]
  })
show("mean norm of the teachers' matrices", meanNorm, digits: 3)
show("matrices that are compared with bounds, of each seed", matrices)

// ## Learning rates
//
// A comparison of mixers is a comparison of learning rates as well, unless each has its own. So the
// rates of all three stages are tuned for each kind, on the first seed and on windows that are not
// reported: stage 1 by the distance of the matrices it leaves, stage 2 after it by the distance of
// the outputs, and the last stage by the loss. While the best rate is at an end of those tried, the
// sweep goes further out.

chapter.section("2. Learning rates")
let budget = recipe.scaled(options.scaled)
let (first, early, all) = (budget.orientationSteps, budget.alignmentEnd, budget.studentSteps)
var orientationRates: [String: Double] = [:]
var alignmentRates: [String: Double] = [:]
/// The first `count` stages of a kind's way.
func way(_ kind: Kind, stages count: Int = 3, rate: Double) -> Arm {
  let stages = [
    StagePlan(.orientation, steps: first, rate: orientationRates[kind.name] ?? rate),
    StagePlan(.alignment, steps: early - first, rate: alignmentRates[kind.name] ?? rate),
    StagePlan(.distillation, steps: all - early, rate: rate),
  ]
  return Arm(kind.student, Array(stages.prefix(count)))
}
let furtherOut = chapter.isQuick ? 0 : 2
let orientation = exitOnError {
  try study.sweep(
    "stage 1, rates",
    kinds.map { kind in
      RateSweep(kind.name, rates: [1e-2, 2e-2, 4e-2]) {
        way(kind, stages: 1, rate: $0)
      } score: {
        $0.matrixDistance!.choosing
      }
    }, extensions: furtherOut)
}
for (kind, swept) in zip(kinds, orientation) { orientationRates[kind.name] = swept.best }
let alignment = exitOnError {
  try study.sweep(
    "stage 2, rates",
    kinds.map { kind in
      RateSweep(kind.name, rates: [6e-3, 1.2e-2, 2.4e-2]) {
        way(kind, stages: 2, rate: $0)
      } score: {
        $0.hiddenDistance!.choosing
      }
    }, extensions: furtherOut)
}
for (kind, swept) in zip(kinds, alignment) { alignmentRates[kind.name] = swept.best }
let lastRates = exitOnError {
  try study.sweep(
    "stage 3, rates",
    kinds.map { kind in
      RateSweep(kind.name, rates: kind.sizes == nil ? [1.875e-4, 3.75e-4, 7.5e-4] : [7.5e-4, 1.5e-3, 3e-3]) {
        way(kind, rate: $0)
      }
    }, extensions: furtherOut)
}
chapter.tabulate(
  "rates", ["student", "stage 1", "stage 2", "stage 3: rate (loss)", "chosen"],
  rows: kinds.indices.map { index in
    let last = lastRates[index]
    let tried = last.tried.map { "\(number($0.rate, digits: 2)) (\(number($0.score, digits: 4)))" }
    return [
      kinds[index].name, number(orientation[index].best, digits: 2), number(alignment[index].best, digits: 2),
      tried.joined(separator: "  "), number(last.best, digits: 2),
    ]
  })

// ## The matrices
//
// After stage 1 alone: how far are the student's matrices from the teacher's? Three distances belong
// together. The bound says what no matrix of the class can do. A fit, matrix by matrix, comes near it
// (chapter 06). The trained mixer has to make a matrix out of each text with one set of weights, and
// is far above either. If a single matrix of any student came below its bound, then the bound, the
// distance or the mixer would be wrong: that is a check, and it covers every layer and head on two
// windows of each seed, after each stage.
//
// New attention can do what the teacher does, and no bound keeps it away. Does stage 1 lead it there?
// The paper implies that it must, and with the steps of a student it only comes nearer. So on the
// first seed it gets ten times as many. How near it comes then, with no bound in its way, says what
// training by itself can do; the bound of Discrete-Mamba-2 stands beside it.

chapter.section("3. The matrices")
let afterOne = exitOnError {
  try study.results("stage 1", of: kinds.indices.map { way(kinds[$0], stages: 1, rate: orientation[$0].best) })
}
let afterTwo = exitOnError {
  try study.results("stages 1 and 2", of: kinds.indices.map { way(kinds[$0], stages: 2, rate: alignment[$0].best) })
}
let outcomes = exitOnError {
  try study.results("all stages", of: kinds.indices.map { way(kinds[$0], rate: lastRates[$0].best) })
}
func measured(_ result: StudyResult) -> Measured { Measured(result, matrices: matrices) }
/// The smallest distance of a matrix from the teacher's over its bound, over all matrices and seeds.
func nearestToBound(_ index: Int) -> Double? {
  let ratios = study.seeds.indices.flatMap { seed -> [Double] in
    guard let own = bounds[seed].of(kinds[index]) else { return [] }
    let distances = [afterOne, afterTwo, outcomes].map { measured($0[index][seed]).distances }
    return distances.flatMap { zip($0, own).filter { $1 > 0 }.map { $0 / $1 } }
  }
  return ratios.min()
}
chapter.tabulate(
  "matrices", ["student", "bound", "distance after stage 1", "of the norm", "nearest to its bound"],
  rows: kinds.indices.map { index in
    let distances = afterOne[index].map { Estimate(measured($0).distances).mean }
    return [
      kinds[index].name, meanBound(kinds[index]).map { number($0, decimals: 3) } ?? "–", spread(distances),
      number(Estimate(distances).mean / meanNorm, decimals: 2),
      nearestToBound(index).map { "\(number($0, decimals: 2)) times" } ?? "–",
    ]
  })
check(
  "no trained matrix is nearer to attention than its class allows: distance over bound, at least",
  kinds.indices.compactMap(nearestToBound).min()!, greaterThan: 1.0, digits: 3)
let control = kinds.count - 1
let longer = exitOnError {
  try study.results(
    "new attention, a longer stage 1",
    of: [
      Study.Job(
        Arm(.attention, [StagePlan(.orientation, steps: 10 * first, rate: orientation[control].best)]),
        seed: study.seeds[0])
    ])[0]
}
let controlDistances = [afterOne[control][0], longer].map { Estimate(measured($0).distances).mean }
show("new attention after \(first) steps of stage 1: distance", controlDistances[0], digits: 3)
show("after \(10 * first) steps", controlDistances[1], digits: 3)
let nearestOther = afterOne.dropLast().map { Estimate(measured($0[0]).distances).mean }.min()!
if store.isReference {
  check(
    "stage 1 leads new attention to the teacher: its distance over that of the nearest other kind",
    controlDistances[1] / nearestOther, lessThan: 0.1, digits: 3)
}
let boundOfPure = Estimate(bounds[0].of(pure)!).mean
finding(
  """
  After \(10 * first) steps of stage 1 new attention is \(number(controlDistances[1], digits: 3)) away from its teacher,
  which is \(controlDistances[1] > boundOfPure ? "more" : "less") than the bound of a recurrence of order
  \(recipe.N), \(number(boundOfPure, digits: 3)). What keeps a trained student from its teacher's matrices is
  \(controlDistances[1] > boundOfPure ? "training first, and its class only after that" : "its class").
  """)

// ## The table
//
// Now the students, through all three stages, with every seed. The paper's table has the distance of
// a block's outputs and the mean accuracy over tasks, for three kinds inside Phi-Mamba; ours stands
// beside it, with the distance of the mixers' outputs after stage 2 and the held-out loss. "Tokens as
// the teacher's" are those of a greedy continuation before the first that the teacher would not have
// written, on average over prompts. A claim about two kinds holds if the whole interval of their
// difference, over seeds, lies above 0.

chapter.section("4. The table")
let teachers = study.teacherLosses
/// The table of mixers in arXiv 2408.10189: distance of block outputs, and mean accuracy in per cent.
let paper = ["Toeplitz, \(recipe.T) long": (9.6, 35.0), "low rank": (7.6, 36.4), "Discrete-Mamba-2": (5.5, 59.2)]
func losses(_ index: Int) -> [Double] { outcomes[index].map(\.loss) }
func hidden(_ index: Int) -> [Double] { afterTwo[index].map { $0.hiddenDistance!.reported } }
chapter.tabulate(
  "table",
  ["student", "output distance", "held-out loss, \(store.unit)", "KL", "agreement", "tokens as the teacher's"]
    + ["paper: distance", "accuracy, %"],
  rows: kinds.indices.map { index in
    let results = outcomes[index]
    let theirs = paper[kinds[index].name]
    return [
      kinds[index].name, spread(hidden(index)), spread(losses(index)),
      number(Estimate(results.map(\.divergence)).mean, decimals: 3),
      number(Estimate(results.map(\.agreement)).mean, decimals: 3),
      number(Estimate(results.map { measured($0).agreeing! }).mean, decimals: 1),
      theirs.map { number($0.0, decimals: 1) } ?? "–", theirs.map { number($0.1, decimals: 1) } ?? "–",
    ]
  } + [["teacher", "0", spread(teachers), "0", "1", "–", "–", "–"]])
chapter.record(
  "mixers", ["student", "rate"],
  results: kinds.indices.map { ([kinds[$0].name, "\(lastRates[$0].best)"], outcomes[$0]) }, seeds: study.seeds)
chapter.plot(lossesByKind(), "mixers")
func index(_ name: String) -> Int { kinds.firstIndex { $0.name == name }! }
func gain(of better: Int, over other: Int) -> PairedDifference {
  PairedDifference(zip(losses(other), losses(better)).map { $0 - $1 })
}
var claims = (1..<equal).map { other in
  ("\(pure.name) is better than \(kinds[other].name)", gain(of: 0, over: other))
}
claims += [
  ("low rank is better than a long Toeplitz kernel", gain(of: index("low rank"), over: equal + 1)),
  ("a long kernel is better than a short one", gain(of: equal + 1, over: index("Toeplitz"))),
  ("\(pure.name) is better than \(kinds[equal].name)", gain(of: 0, over: equal)),
  ("new attention is better than \(pure.name)", gain(of: control, over: 0)),
]
chapter.tabulate("claims", claims: claims)

// ## Does a better fit make a better student?
//
// If it does, one could choose a mixer by its matrices. Each kind is a point in the figure: on the
// left its distance from the teacher's matrices after stage 1, on the right that of its outputs after
// stage 2, against the loss at the end. The rank correlation asks whether two orders agree: 1 if they
// are the same, −1 if one is the reverse of the other, about 0 if they have nothing to do with each
// other. It is computed for each seed, over all kinds but new attention.

chapter.section("5. Does a better fit make a better student?")
chapter.plot(fitAgainstLoss(), "fit")
let compared = kinds.indices.filter { $0 != control }
/// For each seed the rank correlation of a measure with the loss.
func rankCorrelations(_ measure: (Int, Int) -> Double) -> [Double] {
  study.seeds.indices.map { seed in
    rankCorrelation(compared.map { measure($0, seed) }, compared.map { outcomes[$0][seed].loss })
  }
}
let correlations: [(name: String, values: [Double])] = [
  ("bound of the class", rankCorrelations { kind, seed in Estimate(bounds[seed].of(kinds[kind])!).mean }),
  ("matrices after stage 1", rankCorrelations { afterOne[$0][$1].matrixDistance!.reported }),
  ("matrices after stage 2", rankCorrelations { afterTwo[$0][$1].matrixDistance!.reported }),
  ("outputs after stage 2", rankCorrelations { afterTwo[$0][$1].hiddenDistance!.reported }),
]
chapter.tabulate(
  "correlations", claims: correlations.map { ($0.name, PairedDifference($0.values)) },
  as: "a distance goes with the loss",
  gain: "rank correlation", count: "seeds above 0")

// ## Longer texts
//
// A mixer that has learned from texts of T tokens may be asked to read longer ones. Attention turns
// queries and keys by their positions and meets angles that it has never seen. A recurrence meets
// nothing new, unless its state grows. Loss by the number of tokens that stand before a token:

chapter.section("6. Longer texts")
let teachersByLength = study.seeds.map { seed in
  Measured(alone: study.teachers[seed]!, longWindows: longWindows, T: recipe.T).byLength
}
let stretchNames = stretches.map { "\($0.lowerBound * recipe.T)–\($0.upperBound * recipe.T - 1)" }
let byLength = outcomes.map { $0.map { measured($0).byLength } } + [teachersByLength]
chapter.tabulate(
  "length", ["loss after so many tokens"] + stretchNames,
  rows: zip(kinds.map(\.name) + ["teacher"], byLength).map { name, seeds in
    [name] + stretches.indices.map { stretch in spread(seeds.map { $0[stretch] }) }
  })
chapter.plot(lossByLength(), "length")

// ## Recall
//
// On the language of chapter 13 a student has to carry facts until it is asked for them. All kinds of
// equal state go through the stages with the rates of chapter 13's recipe for stages 1 and 2, and a
// rate of their own in stage 3. The answers of all seeds are counted together, by the distance from
// the last mention of what is asked for.

chapter.section("7. Recall")
let grammar = exitOnError { try Grammar(contentsOf: URL(filePath: "data/world.grammar")) }
let language = exitOnError { try store.speaking(grammar, from: URL(filePath: "data/world.grammar")) }
let recall = exitOnError { try Study(in: language, seeds: seedCount) }
let speakers = kindsOfEqualState(language.recipe)
func recallWay(_ kind: Kind, rate: Double) -> Arm {
  let choices = Array(repeating: kind.sizes.map { MixerChoice($0) }, count: language.recipe.L)
  return language.recipe.scaled(options.scaled).arm(.all, .mixers(choices), lastRate: rate)
}
let recallRates = exitOnError {
  try recall.sweep(
    "recall, rates",
    speakers.map { kind in RateSweep(kind.name, rates: [1.5e-3, 3e-3, 6e-3]) { recallWay(kind, rate: $0) } },
    extensions: chapter.isQuick ? 0 : 1)
}
let recalled = exitOnError {
  try recall.results("recall", of: zip(speakers, recallRates).map { recallWay($0, rate: $1.best) })
}
chapter.tabulate("recall-rates", sweeps: recallRates)
let ofTeachers = recall.seeds.map { recall.teachersRecall(seed: $0)! }
let distances = ofTeachers[0].map { "\($0.distances.lowerBound)–\($0.distances.upperBound)" }
chapter.tabulate(
  "recall", ["recall at distance"] + distances + ["all, seed by seed", "loss"],
  rows: zip(["teacher"] + speakers.map(\.name), [ofTeachers] + recalled.map { $0.map { $0.recall! } }).enumerated()
    .map {
      place, line in
      let losses = place == 0 ? recall.teacherLosses : recalled[place - 1].map(\.loss)
      return [line.0] + pooled(line.1).map(shareText) + [
        line.1.map(shareOfAll).joined(separator: ", "), spread(losses),
      ]
    })

// ## Where a student begins
//
// A Discrete-Mamba-2 mixer has places for all that attention has: x for the values, W_o for the output
// projection, B and C for keys and queries. The paper begins with random numbers. Copying values and
// output projection leaves only the matrix to be learned. Keys and queries can be copied in two ways:
// as the rows that come nearest to the scores, from their singular values, whatever N is; or as they
// are, if N equals the number of features of a head. Then both give the same scores, and only the
// coordinates differ in which training goes on. Each way has its own rate in the last stage.

chapter.section("8. Where a student begins")
let starts = contest()
let startRates = exitOnError {
  try study.sweep(
    "starts, rates",
    starts.map { start in RateSweep(start.name, rates: [7.5e-4, 1.5e-3, 3e-3]) { start.arm(rate: $0) } },
    extensions: furtherOut)
}
let started = exitOnError { try study.results("starts", of: zip(starts, startRates).map { $0.arm(rate: $1.best) }) }
let startedMatrices = exitOnError { try study.results("starts, stage 1", of: starts.map { $0.arm(stages: 1) }) }
chapter.tabulate(
  "starts",
  ["N", "begins with", "rate", "matrices after stage 1", "held-out loss, \(store.unit)", "gain over random numbers"],
  rows: starts.indices.map { index in
    let random = starts.firstIndex { $0.N == starts[index].N }!
    let difference = PairedDifference(zip(started[random], started[index]).map { $0.loss - $1.loss })
    return [
      "\(starts[index].N)", starts[index].title, number(startRates[index].best, digits: 2),
      spread(startedMatrices[index].map { $0.matrixDistance!.reported }), spread(started[index].map(\.loss)),
      random == index ? "–" : "\(number(difference.mean, decimals: 3)) (\(difference.intervalText(decimals: 3)))",
    ]
  }, volatile: chapter.isQuick)

// ## Breaking it on purpose: one rate for all
//
// Suppose we had tuned the last stage for Discrete-Mamba-2 alone, as one does with one's own model, and
// had given that rate to all the others. Stages 1 and 2 keep the rates of each kind. On the first seed,
// with the rate that section 2 chose:

chapter.section("9. Breaking it on purpose: one rate for all")
let ownRate = lastRates[0].best
let oneRate = exitOnError {
  try study.results("one rate for all", of: kinds.map { Study.Job(way($0, rate: ownRate), seed: study.seeds[0]) })
}
chapter.tabulate(
  "one-rate",
  ["student", "loss at the rate \(number(ownRate, digits: 2))", "at its own rate", "lost by the shared rate"],
  rows: kinds.indices.map { index in
    let (shared, own) = (oneRate[index].loss, outcomes[index][0].loss)
    return [kinds[index].name] + [shared, own, shared - own].map { number($0, decimals: 3) }
  })

// ## What we saw
//
// The order of the kinds by loss, at equal memory; the gaps between neighbours can be smaller than
// what seeds make of them, which the claims above decide.

finding(orderByLoss(), volatile: chapter.isQuick)
finding(againstThePaper(), volatile: chapter.isQuick)

// Then whether one can choose a mixer by its matrices.

finding(fitAndQuality(), volatile: chapter.isQuick)

// Beyond the length of training, and where facts have to be carried:

finding(longerTexts(), volatile: chapter.isQuick)
finding(recallByKind(), volatile: chapter.isQuick)

// And where a student should begin:

finding(worthOfStarts(), volatile: chapter.isQuick)

// ## Exercises
//
// 1. How much of a kind's loss is due to its matrix, and how much to its frame? Train the fixed decay
//    with RetNet's own frame, a norm of each head and a gate, in place of Mamba's.
// 2. Give Discrete-Mamba-2 half of its state, and twice as much. At which N is it as good as the delta
//    rule?
// 3. At which length does a longer Toeplitz kernel stop helping? Try kernels between N + 1 numbers and
//    the length of a window.
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 18-heads, which keeps attention in some heads of a layer.

chapter.finish()
