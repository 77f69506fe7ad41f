// # The search for mistakes
//
// The state of the doctor's search: the mistakes that were found, a computation that makes them all, and which of the
// answered tensors it gives.
//
// Read before: `Doctor.swift`, `Computation.swift`.

import Tensors

/// A search for the mistakes behind the answers of a case.
struct Search {
  /// The most mistakes that are looked for in one answer.
  private static let mostCauses = 6
  /// At how many tensors two mistakes together are tried, and of how many mistakes at most: all pairs of them cost as
  /// many computations as there are pairs.
  private var (pairsLeft, mostPaired) = (2, 16)

  private let answered: Answered
  /// The answered tensors in the order of computation.
  let order: [String]
  /// The mistakes that were found; for each of them all that give the same.
  private(set) var causes: [[Fault]] = []
  /// The computation that makes the first of each.
  private(set) var base: Computation
  /// The answered tensors that it gives.
  private(set) var agreeing: Set<String> = []
  /// Wrong tensors that nothing explains.
  private var passed: Set<String> = []
  /// Each mistake on top of those that were found.
  private var tried: [Fault: Computation] = [:]

  init(_ right: Computation, _ answered: Answered) {
    (base, self.answered) = (right, answered)
    order = right.names().filter { answered.tensors[$0] != nil }
    agreeing = Set(order.filter { agrees(base, $0) })
  }

  /// Looks until all is explained or passed over.
  mutating func run() {
    while causes.count < Self.mostCauses,
      let now = order.first(where: { !agreeing.contains($0) && !passed.contains($0) })
    {
      let group = base.group(of: now)!
      let isTrained = [.gradients, .run].contains(group)
      // Gradients and weights after steps cannot come out as answered if a loss before them does not.
      if isTrained, passed.contains(where: { base.group(of: $0) == .losses }) {
        passed.insert(now)
      } else if !explain(now, group), isTrained || pairsLeft == 0 || !explainByTwo(now, group) {
        passed.insert(now)
      }
    }
  }

  private func agrees(_ computation: Computation, _ name: String) -> Bool {
    let answer = answered.tensors[name]!
    guard let tensor = computation.tensor(name), tensor.shape == answer.shape else { return false }
    return Difference(of: answer, from: tensor).size <= answered.tolerances[name]!
  }

  /// How many tensors come out as answered before the first that does not; nil if `now` or one before it does not.
  ///
  /// - Parameter reach: what the computation changes; all else is as it was, and what was passed over need not agree
  private func reached(_ computation: Computation, _ reach: Set<Computation.Group>, _ now: String) -> Int? {
    guard agrees(computation, now) else { return nil }
    let wrong = order.firstIndex { name in
      if passed.contains(name) { return false }
      return reach.contains(base.group(of: name)!) ? !agrees(computation, name) : !agreeing.contains(name)
    }
    guard let wrong else { return order.count }
    return wrong < order.firstIndex(of: now)! ? nil : wrong
  }

  /// Finds the mistakes that explain a tensor, all before it, and most after it; returns whether there are any.
  private mutating func explain(_ now: String, _ group: Computation.Group) -> Bool {
    var found: [(fault: Fault, reached: Int)] = []
    for fault in candidates(group) {
      let computation = tried[fault] ?? base.making(fault)
      tried[fault] = computation
      if let count = reached(computation, fault.reach, now) { found.append((fault, count)) }
    }
    guard let best = found.map(\.reached).max() else { return false }
    let equal = found.filter { $0.reached == best }.map(\.fault)
    keep([equal], tried[equal[0]]!)
    return true
  }

  /// The same for two mistakes, each of which changes the tensor.
  private mutating func explainByTwo(_ now: String, _ group: Computation.Group) -> Bool {
    pairsLeft -= 1
    let touching = candidates(group).filter { fault in
      guard let mine = tried[fault]?.tensor(now), let own = base.tensor(now), mine.shape == own.shape else {
        return false
      }
      return Difference(of: mine, from: own).size > Kit.tolerance
    }
    guard touching.count <= mostPaired else { return false }
    var best: (pair: [Fault], computation: Computation, reached: Int)?
    for (place, first) in touching.enumerated() {
      for second in touching[(place + 1)...] {
        let both = tried[first]!.making(second)
        if let count = reached(both, first.reach.union(second.reach), now), count > best?.reached ?? -1 {
          best = ([first, second], both, count)
        }
      }
    }
    guard let best else { return false }
    keep(best.pair.map { [$0] }, best.computation)
    return true
  }

  private func candidates(_ group: Computation.Group) -> [Fault] {
    let made = causes.map { $0[0] }
    return Fault.allCases.filter { !made.contains($0) && $0.reach.contains(group) }
  }

  private mutating func keep(_ found: [[Fault]], _ computation: Computation) {
    causes += found
    base = computation
    tried = [:]
    agreeing = Set(order.filter { agrees(computation, $0) })
  }
}
