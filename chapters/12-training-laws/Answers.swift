// # Answers to the exercises
//
// The first and the third need no training: they look again at results that the chapter has made.

import Book
import Experiments
import Foundation
import Notebook
import Statistics

// ## 1. One late rate for all
//
// A student that had a long stage 2 begins stage 3 near its teacher: it needs small steps, and
// large ones may undo what it has. A student that had none begins with untrained mixers, and needs
// large steps to get anywhere. So we should expect a small rate for all to favour much of stage 2,
// and a large one to favour little. A law that was measured with one rate for all would then be a
// law for that rate.
//
// The sweeps of the chapter have run all arms with all rates on the first seed. Each row below has
// one of these rates for all amounts, the last row for each amount the rate that the chapter chose.
// The sentence below the table says which amount is best for each row. It is chosen as in the
// chapter, on windows that the table does not report; the gain is that on the reported windows.

func answer1() throws {
  let (law, total) = (alignmentLaw, alignmentLaw.totals.last!)
  let amounts = law.amounts.filter { $0 < total }
  let ownRates = amounts.map { amount in
    alignment.rates[law.places.firstIndex { $0 == (amount, total) }!]
  }
  let choices = law.rates.map { rate in amounts.map { _ in rate } } + [ownRates]
  let names = law.rates.map { number($0, digits: 2) } + ["its own"]
  let jobs = choices.map { rates in
    zip(amounts, rates).map { Study.Job(law.arm($0, total, $1), seed: study.seeds[0]) }
  }
  let found = try jobs.map { try study.results("one late rate for all", of: $0) }
  table(
    ["rate of stage 3"] + amounts.map { "\(law.early): \($0)" },
    rows: zip(names, found).map { name, results in [name] + results.map { number(law.reported($0), decimals: 3) } })
  let verdicts = zip(names, found).map { name, results -> String in
    let best = results.indices.min { law.choosing(results[$0]) < law.choosing(results[$1]) }!
    let gain = law.reported(results[0]) - law.reported(results[best])
    return amounts[best] == 0
      ? "with \(name) none is best"
      : "with \(name) it is \(amounts[best]) steps and gains \(number(gain, decimals: 3)) over none"
  }
  finding(
    """
    At a total of \(total) steps the best amount of \(law.early) is chosen on other windows than those of the table, so
    it need not be the smallest number of its row: \(list(verdicts)).
    """, volatile: chapter.isQuick)
}

// ## 2. Stage 1 before the second law
//
// The first law asks whether some of stage 1 brings the outputs after stage 2 nearer to the
// teacher's. It says nothing about the loss after stage 3, which could make up for the difference.
// So we take the second law's largest total and second largest amount of stage 2, and replace a
// part of these steps by stage 1, the same part as in chapter 10. Stage 3 and its rate stay as they
// are. The gain is the paired difference of held-out losses, the statistic of chapter 11.

func answer2() throws {
  let (law, total) = (alignmentLaw, alignmentLaw.totals.last!)
  let amount = law.amounts[law.amounts.count - 2]
  let place = law.places.firstIndex { $0 == (amount, total) }!
  let orient = max(1, amount * recipe.orientationSteps / recipe.alignmentEnd)
  let usual = law.arm(amount, total, alignment.rates[place])
  let new = usual.with {
    $0.stages = [
      StagePlan(.orientation, steps: orient, rate: recipe.orientationRate),
      StagePlan(.alignment, steps: amount - orient, rate: law.earlyRate), usual.stages.last!,
    ].filter { $0.steps > 0 }
  }
  try requireEqualBudgets([usual, new])
  let (before, after) = (alignment.results[place], try study.results("stage 1 before", of: [new])[0])
  table(
    ["before \(total - amount) steps of stage 3", "held-out loss, \(store.unit)", law.unit],
    rows: [
      ("\(amount) steps of stage 2", before), ("\(orient) of stage 1, \(amount - orient) of stage 2", after),
    ].map { name, results in [name, spread(results.map(\.loss)), spread(results.map(law.reported))] })
  let gain = PairedDifference(zip(before, after).map { $0.loss - $1.loss })
  finding(
    """
    Stage 1 in place of \(orient) of \(amount) steps of stage 2 gains \(withInterval(gain)) \(store.unit). The
    verdict on "stage 1 helps here": \(gain.conclusion.rawValue).
    """, volatile: chapter.isQuick)
}

// ## 3. The luck of the best
//
// If all amounts were equally good, their means over seeds would differ by noise alone. Let σ be
// the standard deviation of that noise. The largest of k normal numbers has the mean
//
//     m[k]  =  k ∫ x φ(x) Φ(x)ᵏ⁻¹ dx
//
// in units of σ: 0 for one number and 1/√π for two, which the check uses. Among k equally good
// amounts, of which none is one, the best therefore beats none by m[k] σ on average, and by more
// than g with the probability
//
//     P(g)  =  1 − ∫ φ(x) (1 − Φ(x − g / σ))ᵏ⁻¹ dx
//
// Here x is the noise of none, and the integral is the probability that none of the others lies
// below it by more than g / σ.
//
// We estimate σ from the values of all seeds and amounts: we subtract from each its seed's mean and
// its amount's mean, and what is left is noise. The table has the gain of the best amount, chosen
// and judged on the same windows, beside the gain that luck alone would give. The last column
// chooses on all seeds but one, judges on that one, and takes the mean over seeds. The chapter
// chooses on other windows of the same students, which removes the luck of the windows alone;
// choosing on other seeds removes that of training as well.

func answer3() throws {
  check("the larger of two normal numbers, times √π", meanOfLargest(2) * Double.pi.squareRoot() - 1, within: 1e-6)
  guard study.seeds.count > 1 else {
    return finding("A single seed has no spread to calculate with; `--seeds 3` has.")
  }
  let columns = [
    "law", "amounts", "noise σ", "luck of the best", "gain of the best", "probability by luck", "gain on other seeds",
  ]
  let rows = [orientation, alignment].map { outcome -> [String] in
    let (law, total) = (outcome.law, outcome.law.totals.last!)
    let amounts = law.amounts.filter { $0 < total }
    let values = amounts.map { outcome.reported($0, total)! }
    let sigma = noise(values)
    let gain = gainOfBest(values, choosing: study.seeds.indices.map { $0 }, judging: study.seeds.indices.map { $0 })
    let crossed = study.seeds.indices.map { seed in
      gainOfBest(values, choosing: study.seeds.indices.filter { $0 != seed }, judging: [seed])
    }
    let byLuck = probabilityByLuck(of: gain / sigma, among: amounts.count)
    return [
      law.name, "\(amounts.count)", number(sigma, decimals: 3),
      number(meanOfLargest(amounts.count) * sigma, decimals: 3), number(gain, decimals: 3),
      byLuck < 0.001 ? "below 0.001" : number(byLuck, decimals: 3), number(Estimate(crossed).mean, decimals: 3),
    ]
  }
  if chapter.isQuick { volatileTable(columns, rows: rows) } else { table(columns, rows: rows) }
}

/// The noise of an amount's mean over seeds: values[amount][seed], without the means of amounts and of seeds.
func noise(_ values: [[Double]]) -> Double {
  let (k, n) = (values.count, values[0].count)
  let ofAmounts = values.map { Estimate($0).mean }
  let ofSeeds = (0..<n).map { seed in Estimate(values.map { $0[seed] }).mean }
  let all = Estimate(ofAmounts).mean
  var squares = 0.0
  for amount in 0..<k {
    for seed in 0..<n {
      let rest = values[amount][seed] - ofAmounts[amount] - ofSeeds[seed] + all
      squares += rest * rest
    }
  }
  return (squares / Double((k - 1) * (n - 1) * n)).squareRoot()
}

/// What the amount that is best on some seeds gains over none, the first, on others.
func gainOfBest(_ values: [[Double]], choosing: [Int], judging: [Int]) -> Double {
  func average(_ amount: Int, _ seeds: [Int]) -> Double { Estimate(seeds.map { values[amount][$0] }).mean }
  let best = values.indices.min { average($0, choosing) < average($1, choosing) }!
  return average(0, judging) - average(best, judging)
}

/// ∫ φ(x) f(x) dx over −12 … 12, by the midpoint rule.
func normalMean(_ f: (Double) -> Double) -> Double {
  let (pieces, width) = (4800, 24.0 / 4800)
  return (0..<pieces).reduce(0) { sum, i in
    let x = -12 + (Double(i) + 0.5) * width
    return sum + exp(-x * x / 2) * f(x) * width
  } / (2 * Double.pi).squareRoot()
}

/// Φ, the part of normal numbers below x.
func normalPart(below x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }

/// The mean of the largest of k normal numbers.
func meanOfLargest(_ k: Int) -> Double {
  normalMean { x in Double(k) * x * pow(normalPart(below: x), Double(k - 1)) }
}

/// How probable it is that the smallest of k normal numbers lies below the first by more than g.
func probabilityByLuck(of g: Double, among k: Int) -> Double {
  normalMean { x in 1 - pow(1 - normalPart(below: x - g), Double(k - 1)) }
}
