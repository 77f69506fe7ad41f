// # Answers to the exercises
//
// The first and the third use what the chapter has kept; the second makes a few students more.

import Book
import Distillation
import Experiments
import Foundation
import Notebook
import Statistics

// ## 1. Is a pair the sum of its heads?
//
// The gain of a set is its value minus that of keeping none. If heads worked alone, the gain of a pair would be the sum
// of two gains. A sum that is too large says that both heads do the same work; one that is too small, that one
// prepares what the other uses. In recall the second is what we expect: a head that joins a place with its object is
// of use only to a head that finds the object again.

func answer1() throws {
  table(
    ["after stage 3", "correlation of sum and pair", "mean sum", "mean pair", "most beyond its sum", "by"],
    rows: zip(names, outcomes).flatMap { name, outcomes in
      Measure.allCases.map { measure in
        let outcome = outcomes[0]
        let none = outcome.value([], measure, .distilled)
        func gain(_ set: [Int]) -> Double { outcome.value(set, measure, .distilled) - none }
        let pairs = outcome.sets(2)
        let sums = pairs.map { gain([$0[0]]) + gain([$0[1]]) }
        let gains = pairs.map(gain)
        let beyond = zip(gains, sums).map { $0 - $1 }
        let most = beyond.indices.max { beyond[$0] < beyond[$1] }!
        return [
          "\(name), \(measure.rawValue), \(measure.unit)", number(rankCorrelation(sums, gains), decimals: 2),
          measure.text(Estimate(sums).mean), measure.text(Estimate(gains).mean),
          pairs[most].map { outcome.contest.heads[$0].description }.joined(separator: " "),
          measure.text(beyond[most]),
        ]
      }
    })
}

// ## 2. More heads
//
// The greedy choice adds the head that saves most beside those that it has. The other takes the heads that save most
// alone, and so may take two that save the same. We compare KL after stage 2, on the windows for choosing. A layer
// that keeps both of its heads is the teacher's own.

func answer2() throws {
  let most = min(4, contests.map { $0[0].heads.count - 1 }.min()!)
  table(
    ["KL after stage 2, seed \(seeds[0])", "choice"] + (1...most).map { "\($0) head\($0 == 1 ? "" : "s")" },
    rows: contests.map { $0[0] }.enumerated().flatMap { index, contest -> [[String]] in
      let saved = outcomes[index][0].selectors[.restored]
      let alone = contest.heads.indices.sorted { saved[$0] > saved[$1] }
      var greedy: [Int] = []
      var ofGreedy: [Double] = []
      for _ in 0..<most {
        let others = contest.heads.indices.filter { !greedy.contains($0) }
        let divergences = contest.divergences(
          keeping: others.map { (greedy + [$0]).map { contest.heads[$0] }.sorted() })
        let best = divergences.indices.min { divergences[$0] < divergences[$1] }!
        greedy.append(others[best])
        ofGreedy.append(divergences[best])
      }
      let ofAlone = contest.divergences(
        keeping: (1...most).map { count in alone.prefix(count).map { contest.heads[$0] }.sorted() })
      return [("greedy", ofGreedy), ("each by itself", ofAlone)].map { name, values in
        [contest.name, name] + values.map { number($0, decimals: 3) }
      }
    })
}

// ## 3. Other seeds
//
// Head 0 of a layer in one teacher has nothing to do with head 0 in another, which began with other weights. So we
// expect the values of heads to agree between seeds no better than the values of their layers do. What a selector
// can learn from one model for another is in which layers to look.

func answer3() throws {
  guard seeds.count > 1 else {
    finding("There is one seed, so there is nothing to compare.")
    return
  }
  table(
    ["rank correlation of seeds \(seeds[0]) and \(seeds[1])", "heads", "layers: the better head"],
    rows: zip(names, outcomes).flatMap { name, outcomes in
      Measure.allCases.map { measure in
        let values = outcomes.prefix(2).map { $0.values(1, measure, .distilled) }
        let (L, H) = (outcomes[0].contest.recipe.L, outcomes[0].contest.recipe.H)
        let layers = values.map { values in
          (0..<L).map { layer in values[(layer * H)..<((layer + 1) * H)].max()! }
        }
        return [
          "\(name), \(measure.rawValue)", correlationText([rankCorrelation(values[0], values[1])]),
          correlationText([rankCorrelation(layers[0], layers[1])]),
        ]
      }
    })
}
