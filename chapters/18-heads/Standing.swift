// # How well did a selector choose?
//
// Two numbers for each selector. The rank correlation says whether it orders the sets of heads as the truth does. The
// regret says what it costs to follow it: the value of the best set minus the value of the chosen one, both with as
// many heads, and so with as much memory. A selector that cannot tell some sets apart is charged the mean over them;
// one that chooses blindly is charged the mean over all.

import Distillation
import Experiments
import Models
import Statistics

/// A contest with its truth and its selectors.
nonisolated struct Outcome {
  let contest: Contest
  /// The scores of each student, at both moments.
  let truth: [[HeadPlace]: [Score]]
  let selectors: HeadScores

  /// The truth and the selectors of a contest: read from the chapter's folder, or made.
  init(of contest: Contest, in chapter: String) throws {
    self.contest = contest
    truth = try contest.scores(keeping: contest.subsets, in: chapter)
    selectors = try contest.selectorScores(in: chapter)
  }

  /// The value of keeping the heads with these numbers; more is better.
  func value(_ set: [Int], _ measure: Measure, _ moment: Moment) -> Double {
    measure.value(truth[set.map { contest.heads[$0] }]![moment.rawValue])
  }

  /// The score of a student.
  func score(_ set: [Int], _ moment: Moment) -> Score { truth[set.map { contest.heads[$0] }]![moment.rawValue] }

  /// All sets of one or two heads, by their numbers.
  func sets(_ count: Int) -> [[Int]] { headSets(of: contest.heads.count, count: count) }

  /// The values of all sets of one or two heads.
  func values(_ count: Int, _ measure: Measure, _ moment: Moment) -> [Double] {
    sets(count).map { value($0, measure, moment) }
  }

  /// Spearman's correlation of a selector's scores with the truth; the score of a pair is the sum over its heads.
  func correlation(_ selector: Selector, _ count: Int, _ measure: Measure, _ moment: Moment) -> Double {
    correlation(selectors[selector], count, measure, moment)
  }

  /// The same for any scores of the heads.
  func correlation(_ scores: [Double], _ count: Int, _ measure: Measure, _ moment: Moment) -> Double {
    let sums = sets(count).map { set in set.reduce(0) { $0 + scores[$1] } }
    return rankCorrelation(sums, values(count, measure, moment))
  }

  /// What it costs to keep the heads that a selector chooses, and not the best ones.
  func regret(_ selector: Selector, _ count: Int, _ measure: Measure, _ moment: Moment) -> Double {
    let chosen = selectors.choices(of: selector, count: count).map { value($0, measure, moment) }
    return best(count, measure, moment).value - Estimate(chosen).mean
  }

  /// The best set of so many heads, and its value.
  func best(_ count: Int, _ measure: Measure, _ moment: Moment) -> (set: [Int], value: Double) {
    let sets = sets(count)
    let values = values(count, measure, moment)
    let place = values.indices.max { values[$0] < values[$1] }!
    return (sets[place], values[place])
  }

  /// The pairs that are whole layers.
  var layers: [[Int]] { sets(2).filter { contest.heads[$0[0]].layer == contest.heads[$0[1]].layer } }

  /// What the best pair of heads is worth beyond the best whole layer, which has a cache of the same size.
  func beyondLayers(_ measure: Measure, _ moment: Moment) -> Double {
    best(2, measure, moment).value - layers.map { value($0, measure, moment) }.max()!
  }

  /// What a measure loses if the best pair is chosen by the other one.
  func lost(_ measure: Measure, choosingBy other: Measure, _ moment: Moment) -> Double {
    best(2, measure, moment).value - value(best(2, other, moment).set, measure, moment)
  }
}
