// # The arms over seeds and learning rates
//
// What the chapter does with `--seeds` and `--sweep`: every arm with every seed, and with several rates
// of its last stage if they are to be tried.

import Book
import Experiments
import Foundation
import Notebook
import Statistics

/// Prints the losses at all rates, the means over seeds at the chosen ones, and the claims with their verdicts.
func runSweep() throws {
  let study = try Study(in: store, seeds: chapter.options.seeds)
  let ways = Way.ofMainJob
  let found = try study.sweepEachSeed(
    "rates",
    ways.map { way in
      let rates = chapter.options.sweep ? Way.sweptRates : [way.lastRate(recipe)]
      return RateSweep(way.rawValue, rates: rates) { recipe.arm(way, lastRate: $0) }
    })
  func rates(_ way: Way) -> [Double] { chapter.options.sweep ? Way.sweptRates : [way.lastRate(recipe)] }
  let rateNames = chapter.options.sweep ? Way.sweptRates.map { "loss at \(number($0, digits: 2))" } : ["loss"]
  table(
    ["seed", "arm"] + rateNames + ["chosen rate"],
    rows: study.seeds.enumerated().flatMap { i, seed in
      zip(ways, found).map { way, ofSeeds in
        ["\(seed)", way.rawValue] + ofSeeds[i].tried.map { number($0.loss, decimals: 3) }
          + [number(rates(way)[ofSeeds[i].best], digits: 2)]
      }
    })
  let best = Dictionary(
    uniqueKeysWithValues: zip(ways, found).map { way, ofSeeds in (way, ofSeeds.map { $0.tried[$0.best].loss }) })
  let teachers = study.teacherLosses
  func spreadAlone(_ samples: [Double]) -> String {
    samples.count > 1 ? number(Estimate(samples).standardError, decimals: 3) : "–"
  }
  table(
    ["arm, at its chosen rate", "held-out loss, mean over seeds", "± s.e.", "part of the gap closed"],
    rows: ways.map { way in
      let part = study.seeds.indices.map { i in
        (best[.scratchHard]![i] - best[way]![i]) / (best[.scratchHard]![i] - teachers[i])
      }
      return [
        way.rawValue, number(Estimate(best[way]!).mean, decimals: 3), spreadAlone(best[way]!),
        number(Estimate(part).mean, decimals: 2),
      ]
    } + [
      [
        "teacher", number(Estimate(teachers).mean, decimals: 3), spreadAlone(teachers), "1",
      ]
    ])
  chapter.tabulate(
    "seeds-claims",
    claims: claims.map { claim, a, b in (claim, PairedDifference(zip(best[b]!, best[a]!).map { $0 - $1 })) })
}
