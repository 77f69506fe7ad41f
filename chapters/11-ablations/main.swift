// # 11  Which stages matter?
//
// One run with one seed shows that something can work. This chapter is the experiment: three kinds
// of student, five ways through the stages, several seeds with a teacher each, and a learning rate
// of its own for every arm. All arms see the same number of tokens. It is the paper's table of
// stages on a small scale, and beside it what the paper mentions in passing: frozen MLPs, weight
// transfer, the initial values, heads that share B and C; and one arm that the paper does not have.
//
// You will see the table beside the paper's, a dot plot with error bars, and for each claim its
// paired difference and a verdict. The default run takes half an hour the first time. It may be
// stopped at any moment: what is done is kept in out/study, and the next run continues from there.

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
// Phi-Mamba has state space mixers throughout; the hybrid keeps the teacher's attention in one
// block, here a middle one (which block is best, chapter 13 asks); the control has new attention in
// each block, so that its matrices can be the teacher's exactly. If a stage helps the control as
// much, it is good for any student; whatever more it does for Phi-Mamba is due to the change of
// family.

chapter.section("1. The students and the ways")
let kept = recipe.L / 2
let students: [(name: String, kind: Arm.Student)] = [
  ("Phi-Mamba", .phiMamba), ("hybrid", .hybrid(attention: [kept])), ("control", .attention),
]
let ways: [(name: String, way: Way)] = [
  ("scratch", .scratchHard), ("2", .two), ("3", .three), ("2-3", .twoThree), ("1-2-3", .all),
]
chapter.tabulate(
  "ways", ["way", "stage 1", "stage 2", "transfer", "last"],
  rows: [
    ["scratch", "", "", "no", "\(all) steps on tokens"], ["2", "", "\(all) steps", "yes", ""],
    ["3", "", "", "yes", "\(all) steps of stage 3"], ["2-3", "", "\(early)", "yes", "\(all - early)"],
    ["1-2-3", "\(first)", "\(early - first)", "yes", "\(all - early)"],
  ])
show("the hybrid keeps attention in block", kept)
show("tokens for each student", all * recipe.tokensPerUpdate)
show("seeds", study.seeds.count)

/// The rates of stages 1 and 2, by student.
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
// A stage that gets a bad rate loses against one that gets a good one. Stage 1 is tuned by the
// distance of the matrices it leaves, stage 2 by that of the mixers' outputs, and then the last
// stage of every arm by its loss: on the first seed, on windows that are not reported, each over at
// least three rates a factor of two apart, around the best of earlier runs, and further out while
// the best is at an end.

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
// Every arm at its rate, with every seed. Beside our loss in nats stands the paper's mean accuracy
// over tasks, where more is better: only their order can be compared.

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
// Two arms of one seed share teacher, first weights and windows, so that their difference varies
// less than either. Over seeds it has a mean and, by Student's t, an interval that covers the true
// mean with 95 %. A claim holds if the whole interval is on its side, does not hold if all of it is
// on the other, and is undecided otherwise. Three seeds make wide intervals: t is 4.3 instead of 2.

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
if store.isReference && chapter.options.budget == 1 && seedCount >= 3 {
  for (claim, gain) in claims where claim.hasPrefix("Phi-Mamba") {
    check("\(claim): in the mean", gain.mean, greaterThan: 0.0)
  }
}

// ## What else the paper fixes
//
// One thing changed at a time in Phi-Mamba's way 1-2-3, each variant with a last rate of its own.
// "Mixers alone" freezes all that was copied. "q, k, v, o copied" begins with the best
// approximation of the teacher's projections in the student's family, where the paper begins with
// random ones. "Multi-value" lets all heads share one B and one C, as the usual Mamba-2 does.

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
  "variant-table", ["variant", "held-out loss", "the same without", "loss by it"],
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
// What if we had skipped the sweeps? Below are the ways of Phi-Mamba on the first seed, all with
// the rate that is best for 1-2-3, and each with its own. One rate for all favours the way that it
// was chosen for: what the others lose is due to the rate, and yet would be counted as a gain of the
// stages.

chapter.section("6. Breaking it on purpose: one rate for all")
let shared = lastRates[grid.firstIndex { $0.student.name == pure.name && $0.way == .all }!].best
let sharedResults = exitOnError {
  try study.results(
    "one rate for all", of: ways.map { Study.Job(arm(pure, $0.way, rate: shared), seed: study.seeds[0]) })
}
let own = ways.map { losses(pure.name, $0.way)[0] }
chapter.tabulate(
  "one-rate", ["way", "loss at the rate \(number(shared, digits: 2))", "at its own rate", "unfair by"],
  rows: zip(ways, zip(sharedResults, own)).map { way, pair in
    [
      way.name, number(pair.0.loss, decimals: 3), number(pair.1, decimals: 3),
      number(pair.0.loss - pair.1, decimals: 3),
    ]
  })
let flattered = sharedResults[0].loss - sharedResults[4].loss
report("the gain over scratch looks larger with one rate for all", flattered, greaterThan: own[0] - own[4])
volatile("\(exitOnError { try study.keptCount }) results in out/study")

// ## What we saw
//
// All students saw the same number of tokens, and every arm had a learning rate of its own: what is
// left is what the tokens were spent on, and on which student. First the order of the ways that have
// a teacher, by their mean losses here and by their mean accuracies in the paper. Ways that are close
// to each other may change places with other seeds.

func meanLoss(_ student: String, _ way: Way) -> Double { Estimate(losses(student, way)).mean }
let orders = students.map { student -> String in
  let (compared, accuracies) = (ways.filter { $0.way != .scratchHard }, paper[student.name]!)
  let ours = compared.sorted { meanLoss(student.name, $0.way) > meanLoss(student.name, $1.way) }
  let theirs = compared.sorted { accuracies[$0.way]! < accuracies[$1.way]! }
  let here = list(ours.map { "\($0.name) (\(number(meanLoss(student.name, $0.way), decimals: 3)))" })
  let there = ours.map(\.name) == theirs.map(\.name) ? "as in the paper" : "in the paper \(list(theirs.map(\.name)))"
  return "\(student.name): \(here), \(there)"
}
finding("The ways from the worst to the best. \(orders.joined(separator: "; ")).", volatile: chapter.isQuick)

// Then what the early stages are worth, with 95 % intervals. An interval that contains 0 leaves a
// claim undecided, even where all seeds agree: a few seeds make it wide.

func gains(of a: Way, over b: Way) -> [PairedDifference] {
  students.map { student in
    PairedDifference(zip(losses(student.name, b), losses(student.name, a)).map { $0 - $1 })
  }
}
/// The mean with its interval in brackets; with a single seed the mean alone.
func withInterval(_ gain: PairedDifference) -> String {
  let mean = number(gain.mean, decimals: 3)
  return gain.interval == nil ? mean : "\(mean) (\(gain.intervalText(decimals: 3)))"
}
func byStudent(_ gains: [PairedDifference]) -> String {
  list(zip(students, gains).map { "\($0.name) \(withInterval($1))" })
}
let ofStageOne = gains(of: .all, over: .twoThree)
let pairs: [Double] = ofStageOne.flatMap { $0.samples }
finding(
  """
  Stage 2 before stage 3 gains, in \(store.unit): \(byStudent(gains(of: .twoThree, over: .three))). Stage 1 in place
  of the first \(first) steps of stage 2 gains: \(byStudent(ofStageOne)).
  """)
finding(
  """
  The gain of stage 1 is above 0 in \(pairs.count { $0 > 0 }) of the \(pairs.count) pairs of a student and a seed, and
  its whole interval is above 0 for \(ofStageOne.count { $0.conclusion == .holds }) of the \(students.count) students.
  """, volatile: chapter.isQuick)

// What the early stages gain for the control, whose family of matrices is the teacher's, they may
// gain for any student that begins with new mixers. Only what Phi-Mamba gains beyond the control
// could be due to the change of family.

func beyond(_ other: String) -> PairedDifference {
  PairedDifference(zip(gain(pure.name), gain(other)).map { $0 - $1 })
}
finding(
  """
  Stages 1 and 2 gain, over stage 3 alone: \(byStudent(gains(of: .all, over: .three))). The gain of \(pure.name) less
  that of the hybrid is \(withInterval(beyond("hybrid"))), and less that of the control
  \(withInterval(beyond("control"))).
  """)

// Last, what the paper fixes, each against the same student without it; and a beginning that the
// paper does not have.

func effect(_ variant: String) -> String { withInterval(claims[variants.firstIndex { $0.name == variant }!].gain) }
let ofTrainingAll = list(students.map { "\($0.name) \(effect("\($0.name), mixers alone"))" })
finding(
  """
  Of what the paper fixes, weight transfer is worth \(effect("no weight transfer")), taps that begin as the identity
  \(effect("random taps")), a gate that begins open \(effect("random gate")), and a B and a C for each head
  \(effect("multi-value")). To train more than the mixers in stage 3 is worth: \(ofTrainingAll).
  """)
finding(
  """
  Projections copied from attention gain \(effect("q, k, v, o copied")) after all stages, and
  \(effect("q, k, v, o copied, 3 alone")) when stage 3 is the only one.
  """)

// Exercises. 1: `--seeds 6`: which undecided claims are decided? 2: `--budget 3`: what becomes of
// the gap between 2-3 and 1-2-3? 3: Add the arm 1-3 to `Way`. What is stage 1 worth without stage
// 2?
//
// Next: 12-training-laws, which asks how a budget should be split.

chapter.finish()
