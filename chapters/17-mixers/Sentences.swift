// # What the chapter says about its results
//
// The sentences of main.swift, with the numbers of the run.
//
// Read before: main.swift.

import Book
import Corpora
import Experiments
import Notebook
import Statistics

private func text(_ value: Double) -> String { number(value, decimals: 3) }

/// The kinds of equal memory from the best to the worst, with their mean losses.
func orderByLoss() -> String {
  let order = (0..<equal).sorted { Estimate(losses($0)).mean < Estimate(losses($1)).mean }
  let parts = order.map { "\(kinds[$0].name) (\(text(Estimate(losses($0)).mean)))" }
  return """
    At equal memory, from the smallest loss to the largest: \(list(parts)); the teacher has
    \(text(Estimate(teachers).mean)) \(store.unit).
    """
}

/// Whether the paper's three kinds are in the paper's order, by outputs and by losses.
func againstThePaper() -> String {
  let names = paper.sorted { $0.value.1 > $1.value.1 }.map(\.key)
  let ours = names.sorted { Estimate(losses(index($0))).mean < Estimate(losses(index($1))).mean }
  let byOutputs = names.sorted { Estimate(hidden(index($0))).mean < Estimate(hidden(index($1))).mean }
  let theirs = paper.sorted { $0.value.0 < $1.value.0 }.map(\.key)
  return """
    The paper's three, from the best to the worst: \(list(ours)) by loss here, \(list(names)) by accuracy in the paper;
    \(list(byOutputs)) by the distance of outputs here, \(list(theirs)) there.
    """
}

/// Which distance goes with the loss.
func fitAndQuality() -> String {
  let parts = correlations.map { name, values in
    let difference = PairedDifference(values)
    let interval = difference.interval == nil ? "" : " (\(difference.intervalText(decimals: 2)))"
    return "\(name) \(number(difference.mean, decimals: 2))\(interval)"
  }
  return """
    Over \(compared.count) kinds, the rank correlation with the loss is, for each distance: \(list(parts)). By chance
    alone such a number is spread around 0 with a standard deviation of
    \(number(1 / Double(compared.count - 1).squareRoot(), decimals: 2)).
    """
}

/// What reading beyond the length of training costs each kind.
func longerTexts() -> String {
  let names = kinds.map(\.name) + ["the teacher"]
  let rises = byLength.map { seeds in Estimate(seeds.map { $0.last! - $0[0] }).mean }
  let order = rises.indices.sorted { rises[$0] < rises[$1] }
  let parts = [order.first!, order.last!].map { "\(names[$0]) (\(text(rises[$0])) nats)" }
  let teacher = order.last! == rises.count - 1 ? "" : "; the teacher's changes by \(text(rises.last!))"
  let beyond = stretchNames.last!
  return """
    From the first \(recipe.T) tokens to tokens \(beyond) the loss rises least for \(parts[0]) and most for
    \(parts[1])\(teacher).
    """
}

/// Which kind recalls most and least of all answers.
func recallByKind() -> String {
  func share(_ seeds: [[StudyResult.Recalled]]) -> Double {
    let all = pooled(seeds)
    return Double(all.reduce(0) { $0 + $1.hits }) / Double(all.reduce(0) { $0 + $1.count })
  }
  let shares = recalled.map { share($0.map { $0.recall! }) }
  let order = shares.indices.sorted { shares[$0] > shares[$1] }
  let parts = order.map { "\(speakers[$0].name) \(text(shares[$0]))" }
  return """
    Of all answers, from the most to the least: \(list(parts)); the teachers recall \(text(share(ofTeachers))), and a guess
    gets \(text(1 / Double(grammar.places.count))) right.
    """
}

/// What each start gains over random numbers.
func worthOfStarts() -> String {
  let parts = starts.indices.compactMap { index -> String? in
    guard starts[index].part != nil else { return nil }
    let random = starts.firstIndex { $0.N == starts[index].N }!
    let difference = PairedDifference(zip(started[random], started[index]).map { $0.loss - $1.loss })
    let interval = difference.interval == nil ? "" : " (\(difference.intervalText(decimals: 3)))"
    return "\(starts[index].name) \(text(difference.mean))\(interval)"
  }
  return "Gains over a start from random numbers with the same N, in \(store.unit): \(list(parts))."
}
