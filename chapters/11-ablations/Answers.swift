// # Answers to the exercises
//
// All three are about stage 1 and Phi-Mamba's mixers. New arms go through the study of the chapter,
// so their results are kept, too.

import Book
import Experiments
import Notebook
import Statistics

// ## 1. Seeds for a verdict
//
// Let m be the mean of n differences and s their standard deviation. The interval is m ± t ·
// s / √n, and a claim is decided if |m| is larger than t · s / √n. If m and s stay as they are
// while seeds are added, this bound falls, since √n grows and t falls, and some number of seeds is
// the first that decides.
//
// But m will not stay, since it is itself a mean of random numbers. If the true mean is exactly m,
// a new study of n seeds finds a smaller mean half of the time, and is then undecided. For a
// decision with a chance of 80 % the true mean has to lie above the bound by a margin, the 80 %
// quantile of the normal distribution in units of s / √n:
//
//     |m|  >  (t + 0.84) · s / √n
//
// For large n that is twice the number of seeds, since (1.96 + 0.84)² is twice 1.96². The table has
// both numbers for the gain of stage 1. They inherit the uncertainty of m and s. The check compares
// `studentQuantile`, an integral, with the closed form that t has for two degrees of freedom.

func answer1() throws {
  let (p, two) = (0.975, studentQuantile(0.975, degrees: 2))
  let closedForm = (2 * p - 1) / (2 * p * (1 - p)).squareRoot()
  check("t of three seeds, integral and closed form", two - closedForm, within: 1e-6)
  guard study.seeds.count > 1 else {
    return finding("A single seed has no spread to calculate with; `--seeds 3` has.")
  }
  /// The first number of seeds, up to 1000, at which the mean exceeds the bound with its margin.
  func seeds(_ gain: PairedDifference, margin: Double) -> String {
    let ratio = deviation(gain) / abs(gain.mean)
    let atLeast = (1.96 + margin) * ratio * ((1.96 + margin) * ratio)
    guard atLeast < 1000 else { return "over 1000" }
    let enough = (max(2, Int(atLeast))...1010).first { n in
      (studentQuantile(p, degrees: n - 1) + margin) * ratio < Double(n).squareRoot()
    }
    return enough.map { "\($0)" } ?? "over 1000"
  }
  let columns = ["stage 1, student", "mean gain m", "deviation s", "seeds to decide", "for a chance of 80 %"]
  let rows = zip(students, ofStageOne).map { student, gain in
    [student.name, number(gain.mean, decimals: 4), number(deviation(gain), decimals: 4)]
      + [seeds(gain, margin: 0), seeds(gain, margin: 0.8416)]
  }
  if chapter.isQuick { volatileTable(columns, rows: rows) } else { table(columns, rows: rows) }
  let n = study.seeds.count
  let bounds = ofStageOne.map { studentQuantile(p, degrees: n - 1) * deviation($0) / Double(n).squareRoot() }
  finding(
    """
    With these deviations \(n) seeds decide a gain only if it is above about
    \(list(bounds.map { number($0, decimals: 3) })) \(store.unit), in the order of the table.
    """, volatile: chapter.isQuick)
}

/// The standard deviation of the differences over seeds.
func deviation(_ gain: PairedDifference) -> Double {
  Estimate(gain.samples).standardError * Double(gain.samples.count).squareRoot()
}

// ## 2. Stage 1 without stage 2
//
// Stage 1 trains what the matrix depends on: B, C, the decays and d. It leaves the rest of a mixer
// untrained: the projection to x, which is mixed, and W_o, which joins the heads' outputs. In
// 1-2-3, stage 2 trains these next, in each layer with a target of its own. In 1-3 they are trained
// end to end, while all layers still give wrong outputs, and the same steps may move the matrices
// away from where stage 1 has put them. So we should expect stage 1 to be worth less here.
//
// The rate of the last stage is the better one, on the first seed, of those that were best for the
// ways 3 and 1-2-3.

func answer2() throws {
  func arm13(rate: Double) -> Arm {
    Arm(
      pure.kind,
      [
        StagePlan(.orientation, steps: first, rate: orientationRates[pure.name]!),
        StagePlan(.distillation, steps: all - first, rate: rate),
      ])
  }
  let rates = Set([lastRate(.three), lastRate(.all)]).sorted()
  let swept = try study.sweep("1-3, rates", [RateSweep("1-3", rates: rates, arm: arm13)], extensions: 0)[0]
  let new = arm13(rate: swept.best)
  try requireEqualBudgets([new, arm(pure, .all, rate: lastRate(.all))])
  let mine = try study.results("1-3", of: [new])[0].map(\.loss)
  func old(_ way: Way) -> [Double] { losses(pure.name, way) }
  table(
    ["Phi-Mamba, way", "held-out loss, \(store.unit)"],
    rows: [
      ["3", spread(old(.three))], ["1-3", spread(mine)], ["2-3", spread(old(.twoThree))],
      ["1-2-3", spread(old(.all))],
    ])
  let without = PairedDifference(zip(old(.three), mine).map { $0 - $1 })
  finding(
    """
    Without stage 2, the first \(first) steps for stage 1 instead of stage 3 gain \(withInterval(without)). With
    stage 2, they gain \(withInterval(ofStageOne[0])) over as many steps of stage 2.
    """, volatile: chapter.isQuick)
}

/// The rate of the last stage that was best for a way of Phi-Mamba.
func lastRate(_ way: Way) -> Double {
  lastRates[grid.firstIndex { $0.student.name == pure.name && $0.way == way }!].best
}

// ## 3. Stages 1 and 2 change places
//
// Stage 2 trains all of a mixer: x, the gate and W_o are fitted to the matrices that it has found.
// Stage 1 looks at matrices alone. If it comes second, it moves them towards the teacher's without
// asking what that does to the output, which was right for the old ones. So the order 2-1 should
// end with better matrices and worse outputs than 1-2, and stage 3 has to mend the outputs. In the
// order 1-2, stage 2 can still adjust everything to the matrices of stage 1.
//
// We measure matrices and outputs after the first two stages, on the first seed, and the loss after
// stage 3 with every seed. All rates are those of 1-2-3, so the new order has none of its own.

func answer3() throws {
  let orient = StagePlan(.orientation, steps: first, rate: orientationRates[pure.name]!)
  let align = StagePlan(.alignment, steps: early - first, rate: alignmentRates[pure.name]!)
  let rest = StagePlan(.distillation, steps: all - early, rate: lastRate(.all))
  let begun = try study.results(
    "1-2 and 2-1",
    of: [[orient, align], [align, orient]].map { Study.Job(Arm(pure.kind, $0), seed: study.seeds[0]) })
  let swapped = try study.results("2-1-3", of: [Arm(pure.kind, [align, orient, rest])])[0].map(\.loss)
  let usual = losses(pure.name, .all)
  table(
    ["order", "matrices, distance after two stages", "outputs, distance after two stages", "loss after stage 3"],
    rows: zip(["1-2-3", "2-1-3"], zip(begun, [usual, swapped])).map { order, found in
      [
        order, number(found.0.matrixDistance!.reported, decimals: 2),
        number(found.0.hiddenDistance!.reported, decimals: 2), spread(found.1),
      ]
    })
  let gain = PairedDifference(zip(swapped, usual).map { $0 - $1 })
  finding(
    """
    Stage 1 before stage 2, instead of after it, gains \(withInterval(gain)) \(store.unit) of held-out loss.
    """, volatile: chapter.isQuick)
}
