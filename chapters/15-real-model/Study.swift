// # The arms
//
// Which stages pay on a real model? Arms with the same total of tokens are compared, at two totals, with and
// without the teacher's value and output projections, and with two seeds of weights and batches. As in chapter
// 11 a learning rate is chosen first, on windows that are not reported. Results are kept, so a study that is
// killed continues where it stopped, within an arm as well. All arms of a seed read the same batches, so what the teacher
// made of them is kept on the disk until the study is complete.
//
//     transfer + 3    stage 3 for all tokens
//     2-3             stage 2 for seven tenths, stage 3 for the rest
//     1-2-3           stage 1 for two tenths, stage 2 for five, stage 3 for the rest
//
// Four more arms ask why stage 1 does or does not pay: one with a longer stage 1, one with a stage 1 that
// leaves out column 0, which holds the sink, and 2-3 and 1-2-3 at a third of the smaller total, where finding
// the matrix faster should matter most.
//
// Read before: `Experiments/Study.swift`, chapter 11.

import Book
import Distillation
import Experiments
import Foundation
import Layers
import Models
import Notebook
import Plots
import Statistics

/// A way through the stages with a total of tokens.
struct StudyArm {
  var name: String
  var tokens: Int
  /// The parts of the steps that stages 1, 2 and 3 get.
  var shares: [Double]
  var copied: MixerProjections.Part?
  var ignoresFirstColumn = false

  var label: [String] { [name, copied == nil ? "no" : "yes", "\(tokens)"] }
}

extension Job {
  private static let ways: [(name: String, shares: [Double])] = [
    ("transfer + 3", [0, 0, 1]), ("2-3", [0, 0.7, 0.3]), ("1-2-3", [0.2, 0.5, 0.3]),
  ]

  /// The arms of the study, the reported ones first.
  private static func studyArms(isQuick: Bool) -> (table: [StudyArm], why: [StudyArm]) {
    let totals = isQuick ? [640, 1280] : [100_000, 300_000]
    let table = totals.flatMap { tokens in
      [nil, MixerProjections.Part.valuesAndOutput].flatMap { copied in
        ways.map { StudyArm(name: $0.name, tokens: tokens, shares: $0.shares, copied: copied) }
      }
    }
    let small = totals[0] / 3
    let vo = MixerProjections.Part.valuesAndOutput
    let why = [
      StudyArm(name: "1-2-3, half of it stage 1", tokens: totals[0], shares: [0.5, 0.2, 0.3], copied: vo),
      StudyArm(
        name: "1-2-3, without column 0", tokens: totals[0], shares: [0.2, 0.5, 0.3], copied: vo,
        ignoresFirstColumn: true),
      StudyArm(name: "2-3", tokens: small, shares: [0, 0.7, 0.3], copied: vo),
      StudyArm(name: "1-2-3", tokens: small, shares: [0.2, 0.5, 0.3], copied: vo),
    ]
    return (table, why)
  }

  /// The tokens of each run of a sweep of rates.
  private static func sweptTokens(isQuick: Bool) -> Int { isQuick ? 640 : 32_000 }

  /// The pieces of the study, and about how long each takes.
  static func piecesOfStudy(
    _ cost: DistillationCost, seeds: Int, tokensPerUpdate: Int, among subset: TokenSubset, isQuick: Bool
  ) -> [(name: String, seconds: Double)] {
    let kinds: [StageKind] = [
      .relativeOrientation(.relative), .relativeAlignment(.relative), .distillation(among: subset),
    ]
    func steps(_ tokens: Int, _ share: Double) -> Double { share * Double(tokens / tokensPerUpdate) }
    func seconds(_ tokens: Int, _ shares: [Double]) -> Double {
      zip(kinds, shares).reduce(0) { $0 + steps(tokens, $1.1) * cost.seconds(of: $1.0) }
    }
    let swept = sweptTokens(isQuick: isQuick)
    let (table, why) = studyArms(isQuick: isQuick)
    // In stage 3 the teacher reads a batch for the first arm alone. (In stages 1 and 2 it saves most of a pass too.)
    let distilled = (table + why).map { steps($0.tokens, $0.shares[2]) }
    let saved = (distilled.reduce(0, +) - distilled.max()!) * cost.passSeconds
    return [
      ("rates", sweeps.reduce(0) { $0 + seconds(swept, $1.shares) * Double($1.rates.count) }),
      ("arms", ((table + why).reduce(0) { $0 + seconds($1.tokens, $1.shares) } - saved) * Double(seeds)),
    ]
  }

  /// The arm that the library runs, with equal steps for equal totals.
  private func arm(_ study: StudyArm, rates: StudyRates) -> Arm {
    let steps = study.tokens / store.recipe.tokensPerUpdate
    let one = Int(Double(steps) * study.shares[0])
    let two = Int(Double(steps) * study.shares[1])
    var own = PublishedPlan(
      steps: [one, two, steps - one - two],
      rates: [rates.one, rates.two, study.shares[1] == 0 ? rates.alone : rates.three], copied: study.copied)
    own.ignoresFirstColumn = study.ignoresFirstColumn
    return own.arm(keeping: kept, among: subset)
  }

  /// Runs what is not there yet, and prints tables and verdicts.
  func study() throws {
    let study = try Study(in: store, seeds: chapter.options.seeds, passes: .disk(bytes: roomForPasses))
    work.begin("rates")
    let rates = try sweep(study)
    let (table, why) = Self.studyArms(isQuick: chapter.isQuick)
    let all = table + why
    let arms = all.map { arm($0, rates: rates) }
    work.begin("arms")
    for total in Set(all.map(\.tokens)) {
      try requireEqualBudgets(zip(all, arms).filter { $0.0.tokens == total }.map(\.1))
    }
    let results = try study.results("the arms", of: arms)
    try study.removePasses()
    chapter.tabulate(
      "study", ["way", "V and O copied", "tokens", "loss", "KL", "agreement", "loss on the second text", "minutes"],
      rows: zip(all, results).map { arm, results in
        arm.label + [
          spread(results.map(\.loss)), spread(results.map(\.divergence)), spread(results.map(\.agreement)),
        ]
          + [
            results[0].second == nil ? "–" : spread(results.map { $0.second!.loss }),
            number(Estimate(results.map { $0.seconds / 60 }).mean, decimals: 1),
          ]
      })
    chapter.record(
      "study-seeds", ["way", "copied", "tokens"], results: zip(all, results).map { ($0.label, $1) },
      seeds: study.seeds)
    try judge(all, results, tableCount: table.count)
    chapter.plot(studyFigure(all, results, teacher: study.teacherLosses[0], unit: store.unit), "study")
  }

  /// What is swept: the shares of the stages, and the stage, from 0, whose rate is tried.
  private static let sweeps: [(name: String, shares: [Double], stage: Int, rates: [Double])] = [
    ("stage 1", [1, 0, 0], 0, [2e-3, 4e-3, 8e-3]), ("stage 2", [0, 1, 0], 1, [1e-3, 2e-3, 4e-3]),
    ("stage 3 after 2", [0, 0.7, 0.3], 2, [1.5e-4, 3e-4, 6e-4]),
    ("stage 3 alone", [0, 0, 1], 2, [5e-4, 1e-3, 2e-3]),
  ]

  /// The rates of stages 1 and 2, of stage 3 after them, and of stage 3 alone: one sweep each, on the first seed.
  private func sweep(_ study: Study) throws -> StudyRates {
    let steps = Self.sweptTokens(isQuick: chapter.isQuick) / store.recipe.tokensPerUpdate
    func sweep(_ name: String, _ shares: [Double], _ stage: Int, _ tried: [Double]) -> RateSweep {
      let base = StudyRates(one: plan.rates[0], two: plan.rates[1], three: plan.rates[2], alone: plan.rates[2])
      return RateSweep(name, rates: tried) { rate in
        var rates = base
        rates.set(stage, to: rate, isAlone: shares[1] == 0)
        var own = PublishedPlan(steps: shares.map { Int(Double(steps) * $0) }, copied: .valuesAndOutput)
        own.rates = [rates.one, rates.two, shares[1] == 0 ? rates.alone : rates.three]
        return own.arm(keeping: self.kept, among: self.subset)
      } score: { result in
        stage == 0 ? result.matrixDistance!.choosing : result.choosingLoss
      }
    }
    let found = try study.sweep(
      "rates", Self.sweeps.map { sweep($0.name, $0.shares, $0.stage, $0.rates) }, extensions: 1)
    chapter.tabulate("study-rates", sweeps: found)
    return StudyRates(one: found[0].best, two: found[1].best, three: found[2].best, alone: found[3].best)
  }

  /// The verdicts, with intervals of differences over windows; the loss of a window is its mean over seeds.
  private func judge(_ all: [StudyArm], _ results: [[StudyResult]], tableCount: Int) throws {
    func windows(_ index: Int) -> [Double] {
      let runs = results[index].map(\.losses)
      return runs[0].indices.map { w in runs.reduce(0) { $0 + $1[w] } / Double(runs.count) }
    }
    func index(_ name: String, _ copied: MixerProjections.Part?, _ tokens: Int) -> Int? {
      all.firstIndex { $0.name == name && $0.copied == copied && $0.tokens == tokens }
    }
    var claims: [(claim: String, gain: PairedDifference)] = []
    func compare(_ claim: String, better a: Int?, than b: Int?) {
      guard let a, let b else { return }
      claims.append((claim, PairedDifference(zip(windows(b), windows(a)).map { $0 - $1 })))
    }
    let totals = Set(all.prefix(tableCount).map(\.tokens)).sorted()
    for tokens in totals {
      for copied in [nil, MixerProjections.Part.valuesAndOutput] {
        let of = "\(tokens) tokens, \(copied == nil ? "nothing" : "V and O") copied"
        func arm(_ name: String) -> Int? { index(name, copied, tokens) }
        compare("\(of): stage 2 before 3 helps", better: arm("2-3"), than: arm("transfer + 3"))
        compare("\(of): stage 1 before them helps", better: arm("1-2-3"), than: arm("2-3"))
      }
      for (name, _) in Self.ways {
        compare(
          "\(tokens) tokens, \(name): copying helps", better: index(name, .valuesAndOutput, tokens),
          than: index(name, nil, tokens))
      }
    }
    let (first, vo) = (totals[0], MixerProjections.Part.valuesAndOutput)
    compare(
      "a longer stage 1 helps", better: index("1-2-3, half of it stage 1", vo, first), than: index("1-2-3", vo, first)
    )
    compare(
      "leaving out column 0 helps", better: index("1-2-3, without column 0", vo, first),
      than: index("1-2-3", vo, first))
    compare(
      "\(first / 3) tokens: stage 1 helps", better: index("1-2-3", vo, first / 3), than: index("2-3", vo, first / 3))
    chapter.tabulate("study-claims", claims: claims, count: "windows for it")
    if isReference {
      for (claim, gain) in claims where claim.contains("stage 2 before 3") {
        check("\(claim): nats", gain.mean, atLeast: 0.3, digits: 3)
      }
    }
  }
}

/// The learning rates of the arms.
struct StudyRates {
  var one, two, three, alone: Double

  mutating func set(_ stage: Int, to rate: Double, isAlone: Bool) {
    switch (stage, isAlone) {
    case (0, _): one = rate
    case (1, _): two = rate
    case (_, false): three = rate
    default: alone = rate
    }
  }
}
