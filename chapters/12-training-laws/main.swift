// # 12  How should a budget be split?
//
// With a fixed budget, every token spent on stage 1 is missing in stage 2, and every token spent on
// stage 2 is missing in stage 3. How much should the early stage get? The paper answers with two
// training laws, from stage 1 to stage 2 and from stage 2 to stage 3. For each of several amounts
// of the early stage a law shows, over the tokens of both stages, how good the student becomes. At
// a fixed total the paper's best amount is neither none nor the largest. Is that so here?
//
// You will see both laws as curves, for each total the loss against the early stage's share, and by
// how much the best amount beats none and the largest, with its spread over seeds. The default run
// takes twenty minutes the first time. It may be stopped at any moment: finished results are kept
// in out/study, and the next run continues from there. What a full run printed is in
// [RESULTS.md](../../RESULTS.md); a quick run has two seeds and a few steps, and shows only how the
// curves come about.

import Book
import Experiments
import Foundation
import Notebook
import Plots
import Statistics

let chapter = Chapter(
  "12-training-laws", question: "How should a budget be split between an early stage and a late one?",
  duration: "20 minutes the first time, seconds from then on; 5 seconds with --quick", options: StudyOptions.self)

let store = chapter.openModelStore()
let recipe = store.recipe
let study = exitOnError { try Study(in: store, seeds: chapter.options.seedCount(isQuick: chapter.isQuick)) }
func scaled(_ steps: [Int]) -> [Int] { steps.map(chapter.options.scaled) }

// ## From stage 1 to stage 2
//
// A law has an early and a late stage, several totals, and several amounts of the early stage, all
// in steps. Each pair of a total and a smaller amount is an arm: the late stage gets the rest. The
// late stage of every arm has a learning rate of its own, chosen on the first seed and on windows
// that are not reported. With one rate for all, an arm could win because the rate happens to suit
// its length. In the first law stage 1 is early and stage 2 late, and a student is measured by the
// L2 distance of its mixers' outputs from the teacher's, which is what stage 2 makes small. It is a
// mean over tokens and layers; chapter 09 adds the layers up.

chapter.section("1. From stage 1 to stage 2")
show("seeds", study.seeds.count)

struct Law {
  let name: String, early: String, unit: String
  let totals: [Int], amounts: [Int], rates: [Double]
  let stages: (early: StageKind, late: StageKind), earlyRate: Double
  let choosing: (StudyResult) -> Double
  let reported: (StudyResult) -> Double

  func arm(_ amount: Int, _ total: Int, _ rate: Double) -> Arm {
    Arm(
      .phiMamba,
      [
        StagePlan(stages.early, steps: amount, rate: earlyRate),
        StagePlan(stages.late, steps: total - amount, rate: rate),
      ])
  }

  /// The arms with their totals and amounts.
  var places: [(amount: Int, total: Int)] {
    totals.flatMap { total in amounts.filter { $0 < total }.map { ($0, total) } }
  }
}

let orientationLaw = Law(
  name: "1 to 2", early: "stage 1", unit: "mean L2 distance of the mixers' outputs",
  totals: scaled(chapter.isQuick ? [20, 60] : [75, 150, 300]),
  amounts: scaled(chapter.isQuick ? [0, 6, 15, 30] : [0, 8, 20, 40, 80, 160]), rates: [6e-3, 1.2e-2, 2.4e-2],
  stages: (.orientation, .alignment), earlyRate: recipe.orientationRate,
  choosing: { $0.hiddenDistance!.choosing }, reported: { $0.hiddenDistance!.reported })

let alignmentLaw = Law(
  name: "2 to 3", early: "stage 2", unit: "held-out perplexity",
  totals: scaled(chapter.isQuick ? [30, 60] : [100, 200, 400]),
  amounts: scaled(chapter.isQuick ? [0, 6, 15, 30] : [0, 10, 25, 50, 100, 200]), rates: [7.5e-4, 1.5e-3, 3e-3],
  stages: (.alignment, .distillation), earlyRate: recipe.alignmentRate,
  choosing: { exp($0.choosingLoss) }, reported: { exp($0.loss) })

exitOnError {
  for law in [orientationLaw, alignmentLaw] {
    for steps in [law.totals, law.amounts] where Set(steps).count < steps.count {
      throw CommandError(
        "--budget \(chapter.options.budget): two lengths of the law \(law.name) would have the same number of steps,"
          + " \(steps.sorted().map(String.init).joined(separator: ", ")); give a larger budget")
    }
  }
}

/// The results of a law: for each pair of amount and total, those of all seeds.
struct Outcome {
  let law: Law, rates: [Double], results: [[StudyResult]]

  func values(_ amount: Int, _ total: Int, by measure: (StudyResult) -> Double) -> [Double]? {
    law.places.firstIndex { $0 == (amount, total) }.map { results[$0].map(measure) }
  }
  func reported(_ amount: Int, _ total: Int) -> [Double]? { values(amount, total, by: law.reported) }
}

func run(_ law: Law) throws -> Outcome {
  let swept = try study.sweep(
    "\(law.name), rates",
    law.places.map { place in
      RateSweep("", rates: law.rates, arm: { law.arm(place.amount, place.total, $0) }, score: law.choosing)
    }, extensions: 1)
  let arms = zip(law.places, swept).map { law.arm($0.amount, $0.total, $1.best) }
  for total in law.totals { try requireEqualBudgets(zip(law.places, arms).filter { $0.0.total == total }.map(\.1)) }
  return Outcome(law: law, rates: swept.map(\.best), results: try study.results(law.name, of: arms))
}

let orientation = exitOnError { try run(orientationLaw) }

// The table has a row for each total and a column for each amount of the early stage. The first
// chart is the paper's: a curve for each amount, over the tokens of both stages. A curve for a
// larger amount starts further to the right, since only longer totals have room for it; if it ends
// lower, the early stage has paid off. The second chart shows the same numbers with a curve for
// each total, over the early stage's share.

/// Prints the table and the figure of a law, at the line that asks for them.
func present(_ outcome: Outcome, _ file: String, line: Int = #line) {
  let law = outcome.law
  chapter.tabulate(
    "\(file)-table", ["total", "tokens"] + law.amounts.map { "\(law.early): \($0)" },
    rows: law.totals.map { total in
      ["\(total)", "\(total * recipe.tokensPerUpdate)"]
        + law.amounts.map { outcome.reported($0, total).map { spread($0) } ?? "" }
    }, line: line)
  func series(_ name: String, _ points: [(x: Double, y: [Double])]) -> Series {
    let values = points.map { Estimate($0.y) }
    return Series(
      name, x: points.map(\.x), y: values.map(\.mean),
      band: (values.map { $0.mean - $0.standardError }, values.map { $0.mean + $0.standardError }),
      style: .linePoints)
  }
  let overTokens = law.amounts.map { amount in
    let totals = law.totals.filter { $0 > amount }
    return series(
      "\(law.early): \(amount)",
      totals.map { (Double($0 * recipe.tokensPerUpdate) / 1000, outcome.reported(amount, $0)!) })
  }.filter { !$0.x.isEmpty }
  let overShares = law.totals.map { total in
    series(
      "total: \(total)",
      law.amounts.filter { $0 < total }.map { (Double($0) / Double(total), outcome.reported($0, total)!) })
  }
  chapter.plot(
    Figure(
      "From stage \(law.name): bands are standard errors over \(study.seeds.count) seeds",
      panels: [
        LineChart(
          "a curve for each amount of \(law.early), in steps",
          x: Axis("tokens of both stages", unit: "thousand", logarithmic: true),
          y: Axis(law.unit, logarithmic: true), series: overTokens),
        LineChart(
          "a curve for each total, in steps", x: Axis("share of \(law.early)"),
          y: Axis(law.unit, logarithmic: true),
          series: overShares),
      ], columns: 2), file, line: line)
  let csv = chapter.metrics(file, columns: ["total", "early", "rate", "seed", "value"])
  for (index, place) in law.places.enumerated() {
    for (seed, result) in zip(study.seeds, outcome.results[index]) {
      csv.add(place.total, place.amount, outcome.rates[index], seed, law.reported(result))
    }
  }
}

present(orientation, "stage-1-to-2")

// Is there an optimum inside, an amount that is better than none and better than the largest? At
// the largest total we choose the best amount on the windows for choosing. On the reported windows,
// over seeds, we then measure by how much it beats both ends. If we chose and judged on the same
// windows, the best of several amounts would beat the others by luck alone. An optimum "lies
// inside" if it is neither end. That says where the best amount lies, and not that it is better than
// both ends: the verdicts on the two gains say that.
//
// What stage 1 gains in this table is a distance after stage 2. Chapter 11 asks another question:
// whether stage 1 lowers the loss after stage 3. Stage 3 can make up for outputs that are a little
// further away, so a gain in distance may leave a gain in the loss that is too small for a few seeds
// to show.
// [RESULTS.md](../../RESULTS.md) has the verdicts on both; it is no contradiction if they differ.
// Exercise 2 puts stage 1 in front of the second law.

/// The amount of the early stage that the windows for choosing name the best at a total.
func bestAmount(_ outcome: Outcome, at total: Int) -> Int {
  outcome.law.amounts.filter { $0 < total }.min {
    Estimate(outcome.values($0, total, by: outcome.law.choosing)!).mean
      < Estimate(outcome.values($1, total, by: outcome.law.choosing)!).mean
  }!
}

/// The best amount at the largest total, and what it gains over both ends; prints them at the line that asks.
func judge(
  _ outcome: Outcome, _ file: String, line: Int = #line
) -> (best: Int, overNone: PairedDifference, overMost: PairedDifference) {
  let law = outcome.law
  let total = law.totals.last!
  let amounts = law.amounts.filter { $0 < total }
  let best = bestAmount(outcome, at: total)
  func gain(over other: Int) -> PairedDifference {
    PairedDifference(
      zip(outcome.values(other, total, by: law.reported)!, outcome.values(best, total, by: law.reported)!).map {
        $0 - $1
      })
  }
  let (overNone, overMost) = (gain(over: amounts.first!), gain(over: amounts.last!))
  // An end is not compared with itself.
  let claims = [(0, "than none", overNone), (amounts.last!, "than \(amounts.last!) steps", overMost)]
  chapter.tabulate(
    "\(file)-claims", claims: claims.filter { $0.0 != best }.map { ($0.1, $0.2) },
    as: "at a total of \(total): \(law.early) for \(best) steps", gain: "better by", line: line)
  return (best, overNone, overMost)
}

let first = judge(orientation, "stage-1-to-2")

// ## From stage 2 to stage 3
//
// In the second law stage 2 is early and stage 3 late. The students are now language models, so we
// measure them by the perplexity, which is exp of the held-out loss.

chapter.section("2. From stage 2 to stage 3")
let alignment = exitOnError { try run(alignmentLaw) }
present(alignment, "stage-2-to-3")

let second = judge(alignment, "stage-2-to-3")

// ## Beside the paper
//
// The paper's totals are thousands of times as large as ours, and so are its models. What can be
// compared is which share of the total is best for the early stage, and how much it gains over
// none.

chapter.section("3. Beside the paper")
/// arXiv 2408.10189, training laws: the early amount in millions of tokens, and what it led to.
let paper: [(law: Law, total: Double, amounts: [Double], values: [Double])] = [
  (orientationLaw, 640, [0, 10, 20, 40, 80, 160], [4.90, 4.81, 4.84, 4.85, 4.85, 4.94]),
  (
    alignmentLaw, 2560, [0, 10, 20, 40, 80, 160, 320, 640],
    [22.12, 22.13, 22.08, 22.04, 22.00, 21.96, 21.99, 22.05]
  ),
]
/// The best share of the early stage and its gain over none, here and in the paper, all in per cent.
struct Share {
  let law: Law, here: Double, gain: Double, inPaper: Double, gainInPaper: Double
}
let shares = zip(paper, [(orientation, first), (alignment, second)]).map { theirs, ours -> Share in
  let (outcome, verdict) = ours
  let total = outcome.law.totals.last!
  let best = theirs.values.indices.min { theirs.values[$0] < theirs.values[$1] }!
  let none = Estimate(outcome.reported(0, total)!).mean
  return Share(
    law: outcome.law, here: 100 * Double(verdict.best) / Double(total), gain: 100 * verdict.overNone.mean / none,
    inPaper: 100 * theirs.amounts[best] / theirs.total,
    gainInPaper: 100 * (theirs.values[0] - theirs.values[best]) / theirs.values[0])
}
chapter.tabulate(
  "paper",
  ["law", "best share here", "gain over none here", "best share in the paper", "gain over none in the paper"],
  rows: shares.map { share in
    [
      share.law.name, "\(number(share.here, decimals: 0)) %", "\(number(share.gain, decimals: 1)) %",
      "\(number(share.inPaper, decimals: 1)) %", "\(number(share.gainInPaper, decimals: 1)) %",
    ]
  })
report(
  "1 to 2: the amount that was chosen is neither end", first.best > 0 && first.best < orientationLaw.amounts.last!,
  "\(first.best) of \(orientationLaw.totals.last!) steps")
report(
  "2 to 3: the amount that was chosen is neither end", second.best > 0 && second.best < alignmentLaw.amounts.last!,
  "\(second.best) of \(alignmentLaw.totals.last!) steps")
if store.isReference && chapter.options.budget == 1 {
  check("2 to 3: some of stage 2 is better than none, in the mean", second.overNone.mean, greaterThan: 0.0)
}

// ## Breaking it on purpose: an early stage for free
//
// It is tempting to give two students the same stage 3, and only one of them a stage 2 before it.
// But that one has then seen more tokens. What it gains, it may gain from more tokens, and not from
// spending the same tokens better. The student with the early stage is the same in both comparisons,
// so the two gains differ by exactly what the further steps of stage 3 gain alone. `requireEqualBudgets`
// refuses an unequal pair.

chapter.section("4. Breaking it on purpose: an early stage for free")
let (long, short) = (alignmentLaw.totals[1], alignmentLaw.totals[0])
let inFront = long - short
let free = alignmentLaw.arm(inFront, long, alignmentLaw.rates[1])
let without = alignmentLaw.arm(0, short, alignmentLaw.rates[1])
let equal = alignmentLaw.arm(0, long, alignmentLaw.rates[1])
let three = exitOnError {
  try study.results("for free", of: [free, without, equal].map { Study.Job($0, seed: study.seeds[0]) })
}
chapter.tabulate(
  "for-free", ["arm", "steps in all", "perplexity"],
  rows: zip(
    ["\(inFront) of stage 2, \(short) of 3", "\(short) of 3", "\(long) of 3"], zip([free, without, equal], three)
  )
  .map { [$0, "\($1.0.steps)", number(exp($1.1.loss), decimals: 3)] })
let (gainForFree, gainAtEqualBudget) = (
  exp(three[1].loss) - exp(three[0].loss), exp(three[2].loss) - exp(three[0].loss)
)
// With a small part of the steps there may be nothing to gain yet.
let larger = "the gain looks larger when the early stage is free: more steps of stage 3 help"
if chapter.options.budget < 1 {
  report(larger, gainForFree, greaterThan: gainAtEqualBudget)
} else {
  check(larger, gainForFree, greaterThan: gainAtEqualBudget)
}
var refusal: UnequalBudgets?
do { try requireEqualBudgets([free, without]) } catch let error as UnequalBudgets { refusal = error }
check("arms of unequal budgets are refused", refusal != nil, refusal?.description ?? "they were not")

// ## What we saw
//
// At a fixed total the early stage takes its steps from the late one. So we compare the best amount
// with none and with the largest, each with a 95 % interval in brackets. The first gain tells
// whether an early stage pays at all. If the interval of the second contains 0, these seeds cannot
// tell the best amount from the largest.

func withInterval(_ gain: PairedDifference) -> String { gain.text(decimals: 3) }
func numbers(_ counts: [Int]) -> String { list(counts.map { "\($0)" }) }
for (outcome, verdict) in [(orientation, first), (alignment, second)] {
  let law = outcome.law
  let total = law.totals.last!
  let most = law.amounts.last { $0 < total }!
  func reached(_ amount: Int) -> String {
    number(Estimate(outcome.reported(amount, total)!).mean, decimals: 3)
  }
  // An end is not compared with itself.
  let comparison =
    switch verdict.best {
    case 0: "None is the best amount: it is better than the largest by \(withInterval(verdict.overMost))."
    case most: "It is the largest amount that was tried: it is better than none by \(withInterval(verdict.overNone))."
    default:
      "The best amount is better than none by \(withInterval(verdict.overNone)), and than the largest by"
        + " \(withInterval(verdict.overMost))."
    }
  finding(
    """
    With \(total) steps in all, the best amount of \(law.early) is \(verdict.best) steps. The \(law.unit) is then
    \(reached(verdict.best)); it is \(reached(0)) for none, and \(reached(most)) for the largest amount,
    \(most) steps. \(comparison)
    """, volatile: chapter.isQuick)
}

// Does the best amount grow with the total? Where it is the largest that we tried, we have found no
// optimum, but the end of our search.

for outcome in [orientation, alignment] {
  let (law, totals) = (outcome.law, outcome.law.totals)
  let best = totals.map { bestAmount(outcome, at: $0) }
  let most = totals.map { total in law.amounts.last { $0 < total }! }
  finding(
    """
    At totals of \(numbers(totals)) steps the best amounts of \(law.early) are \(numbers(best)) steps; the largest
    amounts that were tried are \(numbers(most)).
    """, volatile: chapter.isQuick)
}

// A short early stage need not be better than none: it takes steps from the late stage, and may be
// too short to achieve anything itself. A change below 0 is for the better.

for outcome in [orientation, alignment] {
  let (law, little) = (outcome.law, outcome.law.amounts[1])
  let totals = law.totals.filter { $0 > little }
  let changes = totals.map { total in
    Estimate(outcome.reported(little, total)!).mean - Estimate(outcome.reported(0, total)!).mean
  }
  finding(
    """
    Instead of none, \(little) steps of \(law.early) change the \(law.unit) by
    \(list(changes.map { number($0, decimals: 2) })) at totals of \(numbers(totals)) steps.
    """)
}

// The paper's best shares belong to much larger budgets. One could expect a larger share and a
// larger gain from a small budget, but that is no more than a guess.

for share in shares {
  finding(
    """
    The best share of \(share.law.early) is \(number(share.here, decimals: 1)) % here and
    \(number(share.inPaper, decimals: 1)) % in the paper; over none it gains \(number(share.gain, decimals: 1)) % here
    and \(number(share.gainInPaper, decimals: 1)) % there.
    """, volatile: chapter.isQuick)
}

// ## Exercises
//
// 1. Give the late stage of all arms the same learning rate. Which amount of stage 2 wins at the
//    largest total, with the smallest of the rates and with the largest?
// 2. Let the students of the second law go through stage 1 first: replace a part of the steps of
//    stage 2 by stage 1. Does the loss fall?
// 3. Suppose that all amounts were equally good. By how much would the best of them beat none, by
//    luck alone? Compare that with the gains of both laws.
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 13-hybrid, which keeps some of the attention.

chapter.finish()
