// # 11  Which stages matter?
//
// One run with one seed shows that something can work. This chapter is the experiment: three kinds
// of student, five ways through the stages, and several seeds, each with a teacher of its own. As
// in chapter 10, an arm is one way to spend the budget, now with one kind of student. The learning
// rates of stages 1 and 2 are tuned for each kind of student, that of the last stage for each arm,
// and all arms see the same number of tokens. The result is the paper's
// table of stages on a small scale. Then we change, one at a time, choices that the paper mentions
// in passing: what stage 3 trains, weight transfer, the initial values, and whether heads share B
// and C. One more arm starts from attention's own weights, which the paper does not do.
//
// You will see our table beside the paper's, a dot plot with error bars, and for each claim the
// paired difference over seeds with its interval and a verdict. The default run takes half an hour
// the first time. It may be stopped at any moment: a result is one student of one arm and one seed,
// trained and measured, and each is kept in out/study, from where the next run continues. What a
// full run printed is in [RESULTS.md](../../RESULTS.md): the tables of sections 3 to 5, from a run
// with `--seeds 8`, and their verdicts. A quick run, of two seeds and a few steps, shows only how
// they come about.

import Book
import Experiments
import Foundation
import Layers
import Notebook
import Plots
import Statistics

let chapter = Chapter(
  "11-ablations", question: "Which stages matter, and for which student?",
  duration: "28 minutes the first time, seconds from then on; 20 seconds with --quick", options: StudyOptions.self)

let store = chapter.openModelStore()
let recipe = store.recipe
let (options, seedCount) = (chapter.options, chapter.options.seedCount(isQuick: chapter.isQuick))
let budget = recipe.scaled(options.scaled)
let (first, early, all) = (budget.orientationSteps, budget.alignmentEnd, budget.studentSteps)
let study = exitOnError { try Study(in: store, seeds: seedCount) }

// ## The students and the ways
//
// Phi-Mamba has a new state space mixer in every block. The hybrid keeps the teacher's attention in
// one block, here a middle one (chapter 13 tries every place). The hybrid of chapter 14 keeps the
// last, so the two are different models (in a quick run, with two blocks, both keep the last). The
// control has new attention in every block, so its matrices can become exactly the teacher's. If a
// stage helps the control as much as Phi-Mamba, its gain need not have to do with state space models:
// it may help any student that begins with new mixers. Only what it does for Phi-Mamba beyond that
// can be due to the change from attention's family of matrices to another.
//
// Of the five ways, scratch has no teacher and learns from the text alone. The others are named
// after their stages. "3" is what chapter 10 calls transfer + 3: the teacher's weights are copied,
// and the whole budget goes to stage 3.

chapter.section("1. The students and the ways")
let kept = recipe.L / 2
let students: [(name: String, kind: Arm.Student)] = [
  ("Phi-Mamba", .phiMamba), ("hybrid", .hybrid(attention: [kept])), ("control", .attention),
]
let ways: [(name: String, way: Way)] = [
  ("scratch", .scratchHard), ("2", .two), ("3", .three), ("2-3", .twoThree), ("1-2-3", .all),
]
chapter.tabulate(
  "ways", ["way", "stage 1", "stage 2", "weight transfer", "end to end"],
  rows: [
    ["scratch", "", "", "no", "\(all) steps on the text"], ["2", "", "\(all) steps", "yes", ""],
    ["3", "", "", "yes", "\(all) steps of stage 3"],
    ["2-3", "", "\(early) steps", "yes", "\(all - early) steps of stage 3"],
    ["1-2-3", "\(first) steps", "\(early - first) steps", "yes", "\(all - early) steps of stage 3"],
  ])
show("the hybrid keeps the teacher's attention in", keptAttention(of: students[1].kind, L: recipe.L))
show("the hybrid of chapter 14 keeps it in", keptAttention(of: .hybrid(attention: [recipe.L - 1]), L: recipe.L))
show("tokens for each student", all * recipe.tokensPerUpdate)
show("seeds", study.seeds.count)

/// The learning rates of stages 1 and 2, by student.
var orientationRates: [String: Double] = [:]
var alignmentRates: [String: Double] = [:]

func arm(_ student: (name: String, kind: Arm.Student), _ way: Way, rate: Double) -> Arm {
  var own = budget
  own.orientationRate = orientationRates[student.name]!
  own.alignmentRate = alignmentRates[student.name]!
  return own.arm(way, student.kind, lastRate: rate)
}

// ## Learning rates
//
// With a bad learning rate an arm loses, whatever its stages are worth. So every rate is tuned, on
// the first seed and on windows that are not reported. Stage 1 is tuned by the distance between the
// matrices it leaves and the teacher's, stage 2 by the distance between the mixers' outputs and the
// teacher's, and then the last stage of every arm by its held-out loss. These numbers are the
// scores in the tables, in brackets behind each rate; the rate with the smallest score is chosen.
// Scores of stages 1 and 2 are distances, means over layers. Those of a last stage are losses, in
// the unit of section 3. Each sweep tries at least three rates, a factor of two apart, around the
// best of earlier runs. While the best is at an end, it goes further out, up to three times.

chapter.section("2. Learning rates")
func tuned(
  _ stage: String, _ kind: StageKind, steps: Int, rates: [Double],
  by distance: @escaping (StudyResult) -> StudyResult.Pair?
) throws -> [SweptRates] {
  try study.sweep(
    "\(stage), rates",
    students.map { student in
      RateSweep("\(student.name), \(stage)", rates: rates) {
        Arm(student.kind, [StagePlan(kind, steps: steps, rate: $0)])
      } score: {
        distance($0)!.choosing
      }
    })
}
let orientation = exitOnError {
  try tuned("stage 1", .orientation, steps: first, rates: [1e-2, 2e-2, 4e-2], by: \.matrixDistance)
}
let alignment = exitOnError {
  try tuned("stage 2", .alignment, steps: early, rates: [1.2e-2, 2.4e-2, 4.8e-2], by: \.hiddenDistance)
}
for (student, (one, two)) in zip(students, zip(orientation, alignment)) {
  (orientationRates[student.name], alignmentRates[student.name]) = (one.best, two.best)
}
chapter.tabulate("stage-rates", sweeps: orientation + alignment)

func candidates(_ student: String, _ way: Way) -> [Double] {
  switch way {
  case .scratchHard, .scratchSoft: [3e-3, 6e-3, 1.2e-2]
  case .two: [6e-3, 1.2e-2, 2.4e-2]
  case .three: [1.5e-3, 3e-3, 6e-3]
  case .twoThree, .all: student == "control" ? [1.875e-4, 3.75e-4, 7.5e-4] : [7.5e-4, 1.5e-3, 3e-3]
  }
}
let grid = students.flatMap { student in ways.map { (student: student, name: $0.name, way: $0.way) } }
let lastRates = exitOnError {
  try study.sweep(
    "last stages, rates",
    grid.map { cell in
      RateSweep("\(cell.student.name), \(cell.name)", rates: candidates(cell.student.name, cell.way)) {
        arm(cell.student, cell.way, rate: $0)
      }
    })
}
chapter.tabulate("last-rates", sweeps: lastRates)

// ## The table
//
// Now each arm runs with every seed, at the rates found on the first. The table has means over
// seeds with their standard errors. Below it stands the paper's mean accuracy over tasks. There,
// more is better, while a loss should be small: what can be compared is the order of the ways.

chapter.section("3. The table")
let arms = zip(grid, lastRates).map { arm($0.student, $0.way, rate: $1.best) }
check("every arm has the same budget", Set(arms.map(\.steps)) == [all], "\(all) steps")
let outcomes = exitOnError { try study.results("all arms", of: arms) }
func outcome(_ student: String, _ way: Way) -> [StudyResult] {
  outcomes[grid.firstIndex { $0.student.name == student && $0.way == way }!]
}
func losses(_ student: String, _ way: Way) -> [Double] { outcome(student, way).map(\.loss) }
let teachers = study.teacherLosses
/// Table of stages in arXiv 2408.10189: mean accuracy on six tasks, in per cent.
let paper: [String: [Way: Double]] = [
  "Phi-Mamba": [.two: 53.3, .three: 54.5, .twoThree: 62.3, .all: 62.7],
  "hybrid": [.two: 58.1, .three: 60.4, .twoThree: 63.2, .all: 64.0],
  "control": [.two: 63.1, .three: 59.9, .twoThree: 64.3, .all: 64.9],
]
chapter.tabulate(
  "table", ["held-out loss, \(store.unit)"] + ways.map(\.name),
  rows: students.map { student in [student.name] + ways.map { spread(losses(student.name, $0.way)) } })
show("teacher", spread(teachers))
chapter.tabulate(
  "paper", ["the paper's mean accuracy, %"] + ways.map(\.name),
  rows: students.map { student in
    [student.name] + ways.map { paper[student.name]![$0.way].map { number($0, decimals: 1) } ?? "–" }
  })
chapter.record(
  "stages", ["student", "way", "rate"],
  results: grid.indices.map {
    ([grid[$0].student.name, grid[$0].name, "\(lastRates[$0].best)"], outcomes[$0])
  }, seeds: study.seeds)

chapter.plot(
  Figure(
    "Held-out loss by student and way",
    panels: [
      DotPlot(
        barsOverSeeds(study.seeds.count),
        value: Axis("held-out cross-entropy", unit: store.unit),
        rows: grid.map { cell in
          let estimate = Estimate(losses(cell.student.name, cell.way))
          return DotPlot.Row(
            name: cell.name, value: estimate.mean, error: estimate.standardError, group: cell.student.name)
        }, references: [Reference("teacher", y: Estimate(teachers).mean)])
    ]), "stages")

// ## Claims and verdicts
//
// Two arms of one seed share the teacher and the windows, and two of the same kind of student mostly
// the initial weights too, so their difference varies less than the loss of either. Over seeds the differences have a mean and, by Student's t
// distribution, an interval that covers the true mean with a probability of 95 %. A claim holds if
// the whole interval lies above 0, does not hold if all of it lies below 0, and is undecided
// otherwise.
//
// "Stage 2 before 3 helps" compares 2-3 with 3, "stage 1 adds to it" compares 1-2-3 with 2-3, and
// "the teacher helps" compares 1-2-3 with scratch. "2 alone is not enough" compares 2-3 with 2. It
// holds if stage 3 is needed. It does not hold if the student that spent the whole budget on stage
// 2 ends at the lower loss: for that student, stage 2 was enough.
//
// What stages 1 and 2 gain together is the difference between 3 and 1-2-3. The last two claims
// arrange the students by their losses after 1-2-3: the hybrid below Phi-Mamba, and the control
// below the hybrid. So "the control ends nearest" compares the control with the hybrid alone. That
// it ends nearest of all three takes both claims.

chapter.section("4. Claims and verdicts")
var claims: [(claim: String, gain: PairedDifference)] = []
func compare(_ claim: String, better a: [Double], than b: [Double]) {
  claims.append((claim, PairedDifference(zip(b, a).map { $0 - $1 })))
}
for (name, _) in students {
  compare("\(name): stage 2 before 3 helps", better: losses(name, .twoThree), than: losses(name, .three))
  compare("\(name): stage 1 adds to it", better: losses(name, .all), than: losses(name, .twoThree))
  compare("\(name): 2 alone is not enough", better: losses(name, .twoThree), than: losses(name, .two))
  compare("\(name): the teacher helps", better: losses(name, .all), than: losses(name, .scratchHard))
}
func gain(_ student: String) -> [Double] { zip(losses(student, .three), losses(student, .all)).map { $0 - $1 } }
for other in ["hybrid", "control"] {
  compare(
    "stages 1 and 2 gain more for Phi-Mamba than for the \(other)", better: gain(other), than: gain("Phi-Mamba"))
}
compare(
  "the hybrid ends nearer to the teacher than Phi-Mamba", better: losses("hybrid", .all),
  than: losses("Phi-Mamba", .all))
compare("the control ends nearest", better: losses("control", .all), than: losses("hybrid", .all))
chapter.tabulate("claims", claims: claims)

// What is such a verdict worth? The interval reaches t · s / √n to either side of the mean, where n
// is the number of seeds and s the standard deviation of the n differences. With many seeds t is
// close to 2, with three it is 4.3. So three seeds decide a claim only if its mean gain is at least
// about two and a half times s. Moreover, s itself is estimated from three numbers, and may be far
// too small or too large by chance. We ran this study on two kinds of processor, which round sums
// differently. With three seeds some of the verdicts changed: verdicts on claims whose interval has
// an end near 0, which a small change can move to the other side. The table shows which intervals
// end near 0. So read the mean and the interval before the verdict. An undecided claim has not been
// refuted, and one that holds by a narrow margin may be undecided next time. With the two seeds of
// a quick run t is above 12, so that hardly anything is decided. A full run also checks that each
// mean gain of Phi-Mamba is above 0, which is less than a verdict asks: the interval may still
// reach below 0.

finding(precision(of: claims, seeds: study.seeds.count), volatile: chapter.isQuick)
if store.isReference && chapter.options.budget == 1 && seedCount >= 3 {
  for (claim, gain) in claims where claim.hasPrefix("Phi-Mamba") {
    check("\(claim): the mean gain is above 0", gain.mean, greaterThan: 0.0)
  }
}

// ## What else the paper fixes
//
// Each variant below changes one thing in Phi-Mamba's way 1-2-3, and has a learning rate of its own
// in the last stage. "Mixers alone", which we try with all three students, freezes in stage 3
// whatever was copied from the teacher. Without weight transfer nothing is copied. "Random taps"
// and "random gate" replace two initial values of chapter 07. Taps are the K weights that the
// convolution has for each channel; in chapter 07 they begin as the identity, and here at random.
// The gate begins open there, and at random here. "Multi-value" lets all heads share one B and one
// C, as the usual Mamba-2 does. The paper begins with random projections; "q, k, v, o copied"
// begins with the teacher's queries, keys, values and output projection in the places of C, B, x
// and W_o, as closely as the mixer can hold them. We also try that start with stage 3 alone.

chapter.section("5. What else the paper fixes")
typealias Variant = (
  name: String, of: (name: String, kind: Arm.Student), way: Way, rate: Double, change: (inout Arm) -> Void
)
let pure = students[0]
var variants: [Variant] = students.map { student in
  (
    "\(student.name), mixers alone", student, .all, student.name == "control" ? 7.5e-4 : 3e-3,
    { $0.trainsMixersOnly = true }
  )
}
variants += [
  ("no weight transfer", pure, .all, 1.2e-2, { $0.transfersWeights = false }),
  ("random taps", pure, .all, 3e-3, { $0.beginsWithIdentity = false }),
  ("random gate", pure, .all, 1.5e-3, { $0.beginsWithOpenGate = false }),
  ("q, k, v, o copied", pure, .all, 1.5e-3, { $0.copiedProjections = .all }),
  ("q, k, v, o copied, 3 alone", pure, .three, 3e-3, { $0.copiedProjections = .all }),
  ("multi-value", pure, .all, 1.5e-3, { $0.isMultiValue = true }),
]
func arm(_ variant: Variant, rate: Double) -> Arm {
  arm(variant.of, variant.way, rate: rate).with(variant.change)
}
func base(of variant: Variant) -> [Double] { losses(variant.of.name, variant.way) }
let variantRates = exitOnError {
  try study.sweep(
    "variants, rates",
    variants.map { variant in
      RateSweep(variant.name, rates: [0.5, 1, 2].map { $0 * variant.rate }) { arm(variant, rate: $0) }
    })
}
chapter.tabulate("variant-rates", sweeps: variantRates)
let variantOutcomes = exitOnError {
  try study.results("variants", of: zip(variants, variantRates).map { arm($0, rate: $1.best) })
}
chapter.tabulate(
  "variant-table", ["variant", "held-out loss", "without the change", "loss by the change"],
  rows: zip(variants, variantOutcomes).map { variant, results in
    let (mine, base) = (results.map(\.loss), base(of: variant))
    return [variant.name, spread(mine), spread(base), number(Estimate(mine).mean - Estimate(base).mean, decimals: 3)]
  })
claims = []
for (variant, results) in zip(variants, variantOutcomes) {
  let (mine, base) = (results.map(\.loss), base(of: variant))
  if variant.name.contains("copied") {
    compare("\(variant.name): helps", better: mine, than: base)
  } else {
    compare("\(variant.name): costs something", better: base, than: mine)
  }
}
chapter.tabulate("variant-claims", claims: claims)
chapter.record(
  "variants", ["variant", "rate"],
  results: variants.indices.map { ([variants[$0].name, "\(variantRates[$0].best)"], variantOutcomes[$0]) },
  seeds: study.seeds)

// ## Breaking it on purpose: one rate for all
//
// What if we had skipped the sweeps? The table has Phi-Mamba's ways on the first seed, once with
// the rate that is best for 1-2-3 in the last stage of each way, and once with a rate of their own.
// One rate for all favours the way that it was chosen for. What the others lose by it is due to the
// rate, and yet it would be counted as a gain of the stages.

chapter.section("6. Breaking it on purpose: one rate for all")
let shared = lastRates[grid.firstIndex { $0.student.name == pure.name && $0.way == .all }!].best
let sharedResults = exitOnError {
  try study.results(
    "one rate for all", of: ways.map { Study.Job(arm(pure, $0.way, rate: shared), seed: study.seeds[0]) })
}
let own = ways.map { losses(pure.name, $0.way)[0] }
chapter.tabulate(
  "one-rate", ["way", "loss at the rate \(number(shared, digits: 2))", "at its own rate", "lost by the shared rate"],
  rows: zip(ways, zip(sharedResults, own)).map { way, pair in
    [
      way.name, number(pair.0.loss, decimals: 3), number(pair.1, decimals: 3),
      number(pair.0.loss - pair.1, decimals: 3),
    ]
  })
let flattered = sharedResults[0].loss - sharedResults[4].loss
report("the gain over scratch looks larger with one rate for all", flattered, greaterThan: own[0] - own[4])
let keptCount = exitOnError { try study.keptCount }
volatile("\(keptCount) results in \(store.studyFolder.relativePath), each a student of one arm and one seed")

// ## What we saw
//
// All students saw the same number of tokens, with rates that were tuned for them. So the losses
// differ by what the tokens were spent on, by whether the teacher's weights were copied, and by the
// kind of student. First the order
// of the four ways that have a teacher, by mean loss here and by mean accuracy in the paper. Ways
// that are close to each other may change places with other seeds.

finding(orderOfWays(), volatile: chapter.isQuick)

// Then what the early stages are worth: mean gains, with 95 % intervals in brackets. A claim whose
// interval contains 0 stays undecided, even where all seeds have the same sign.

let ofStageOne = gains(of: .all, over: .twoThree)
finding(worthOfStages(), volatile: chapter.isQuick)
finding(worthOfStageOne(ofStageOne), volatile: chapter.isQuick)

// The control's matrices belong to the teacher's family. What the early stages gain for the
// control, they may gain for any student that begins with new mixers. Only what Phi-Mamba gains
// beyond the control could be due to the change of family.

finding(worthBeyondOthers(), volatile: chapter.isQuick)

// Last, each of the paper's choices, compared with the same student without it, and the start from
// attention's own weights.

finding(worthOfChoices(), volatile: chapter.isQuick)
finding(worthOfCopies(), volatile: chapter.isQuick)

// ## Exercises
//
// 1. How many seeds would it take to decide whether stage 1 helps, if more seeds have the mean and
//    the spread of those we have? Would that number make a decision likely?
// 2. Train Phi-Mamba with stage 1 and then stage 3, without stage 2. What is stage 1 worth then?
// 3. Let stages 1 and 2 change places: 2-1-3. What becomes of matrices, outputs and loss?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 12-training-laws, which asks how a budget should be split.

chapter.finish()
