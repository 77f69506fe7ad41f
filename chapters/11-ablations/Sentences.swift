// # What the chapter says about its results
//
// The sentences of main.swift, with the numbers of the run.

import Book
import Experiments
import Notebook
import Statistics

// ## Words for numbers

/// Four decimals, as in the tables.
func withInterval(_ gain: PairedDifference) -> String { gain.text(decimals: 4) }

/// "Phi-Mamba 0.0093 (-0.0021 … 0.0207), hybrid … and control …".
func byStudent(_ gains: [PairedDifference]) -> String {
  list(zip(students, gains).map { "\($0.name) \(withInterval($1))" })
}

/// Where a student keeps the teacher's attention: "block 2 of 0 … 3".
func keptAttention(of student: Arm.Student, L: Int) -> String {
  guard case .hybrid(let kept) = student else { return "no block" }
  return "block \(list(kept.map { "\($0)" })) of 0 … \(L - 1)"
}

// ## Claims and verdicts

/// How far the intervals of claims reach, and how many claims they leave undecided.
func precision(of claims: [(claim: String, gain: PairedDifference)], seeds: Int) -> String {
  let reaches = claims.compactMap { $0.gain.interval }.map { ($0.upperBound - $0.lowerBound) / 2 }.sorted()
  guard !reaches.isEmpty else { return "A single seed has no spread: all \(claims.count) claims are undecided." }
  let undecided = claims.count { $0.gain.conclusion == .undecided }
  return """
    With \(seeds) seeds, t is \(number(studentQuantile(0.975, degrees: seeds - 1), decimals: 1)), and the intervals
    reach \(number(reaches[0], decimals: 3)) to \(number(reaches.last!, decimals: 3)) \(store.unit) to either side of
    the mean gain, half of them at most \(number(reaches[(reaches.count - 1) / 2], decimals: 3)). They leave
    \(undecided) of the \(claims.count) claims undecided.
    """
}

// ## Orders and gains

func meanLoss(_ student: String, _ way: Way) -> Double { Estimate(losses(student, way)).mean }

/// For each student the ways with a teacher, from the worst to the best, beside the paper's order.
func orderOfWays() -> String {
  let orders = students.map { student -> String in
    let (compared, accuracies) = (ways.filter { $0.way != .scratchHard }, paper[student.name]!)
    let ours = compared.sorted { meanLoss(student.name, $0.way) > meanLoss(student.name, $1.way) }
    let theirs = compared.sorted { accuracies[$0.way]! < accuracies[$1.way]! }
    let here = list(ours.map { "\($0.name) (\(number(meanLoss(student.name, $0.way), decimals: 3)))" })
    let there =
      ours.map(\.name) == theirs.map(\.name) ? "as in the paper" : "in the paper \(list(theirs.map(\.name)))"
    return "\(student.name): \(here), \(there)"
  }
  return "The ways from the worst to the best. \(orders.joined(separator: "; "))."
}

/// What one way gains over another, for each student.
func gains(of a: Way, over b: Way) -> [PairedDifference] {
  students.map { student in
    PairedDifference(zip(losses(student.name, b), losses(student.name, a)).map { $0 - $1 })
  }
}

func worthOfStages() -> String {
  """
  Stage 2 before stage 3 gains, in \(store.unit): \(byStudent(gains(of: .twoThree, over: .three))). Stage 1 in place
  of the first \(first) steps of stage 2 gains: \(byStudent(ofStageOne)).
  """
}

func worthOfStageOne(_ gains: [PairedDifference]) -> String {
  let pairs: [Double] = gains.flatMap { $0.samples }
  return """
    The gain of stage 1 is above 0 in \(pairs.count { $0 > 0 }) of the \(pairs.count) pairs of a student and a seed.
    Its whole interval is above 0 for \(gains.count { $0.conclusion == .holds }) of the \(students.count) students.
    """
}

/// What stages 1 and 2 gain for each student, and for Phi-Mamba beyond the others.
func worthBeyondOthers() -> String {
  func beyond(_ other: String) -> PairedDifference {
    PairedDifference(zip(gain(pure.name), gain(other)).map { $0 - $1 })
  }
  return """
    Stages 1 and 2 gain, over stage 3 alone: \(byStudent(gains(of: .all, over: .three))). The gain of \(pure.name)
    minus that of the hybrid is \(withInterval(beyond("hybrid"))), and minus that of the control
    \(withInterval(beyond("control"))).
    """
}

/// What a variant of section 5 costs or gains.
private func effect(_ variant: String) -> String {
  withInterval(claims[variants.firstIndex { $0.name == variant }!].gain)
}

func worthOfChoices() -> String {
  let ofTrainingAll = list(students.map { "\($0.name) \(effect("\($0.name), mixers alone"))" })
  return """
    Weight transfer is worth \(effect("no weight transfer")), taps that begin as the identity
    \(effect("random taps")), a gate that begins open \(effect("random gate")), and a B and a C for each head
    \(effect("multi-value")). Training everything in stage 3, and not the mixers alone, is worth: \(ofTrainingAll).
    """
}

func worthOfCopies() -> String {
  """
  Projections copied from attention gain \(effect("q, k, v, o copied")) after all stages, and
  \(effect("q, k, v, o copied, 3 alone")) when stage 3 is the only one.
  """
}
