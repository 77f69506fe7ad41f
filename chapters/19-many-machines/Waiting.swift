// # Who waits for whom
//
// A rank does not always need the same time: the system interrupts it, another program wants the memory, a message is
// lost and sent again. We give each rank in each step the work 1 and a delay ε X, where X is random with mean 1, and ask
// how long n ranks take for S steps.
//
// *One sum a step.* All wait for the slowest. If X is exponential, the first of n ranks is ready after 1/n on average,
// the next after another 1/(n − 1), and so on, so that the mean of the largest is the harmonic number:
//
//     time a step  =  1 + ε Hₙ             Hₙ  =  1 + 1/2 + … + 1/n  ≈  ln n + 0.577
//
// *A relay.* Rank r begins with step s when it has done step s − 1, and when rank r − 1 has handed it the states:
//
//     done[r, s]  =  max( done[r, s − 1], done[r − 1, s] )  +  1 + ε X[r, s]
//
// So done[n, S] is the largest sum along a path through the table of all ranks and steps that only goes to the next rank
// or to the next step. Every such path has S + n − 1 places, which settles the part without delays; for exponential X
// the rest is known from the theory of queues and of growing crystals:
//
//     time of all  ≤  S + n − 1  +  ε (√S + √n)²            and nearly equal if S and n are large
//
// For a step that is 1 + ε if S is much larger than n, whatever n is: a rank that was late in one step is early in
// another, and what was handed on meanwhile lies ready. Messages that lie ready need memory. MPI's ranks here hold at
// most eight; a rank that is further ahead waits.
//
// *No messages.* Each rank sums its own delays, and the last of n ranks to end decides.
//
// Read before: `Growth.swift`. Source of the limit: Rost, "Non-equilibrium behaviour of a many particle process", 1981;
// Johansson, "Shape fluctuations and random matrices", arXiv math/9903134.

import Foundation
import Notebook
import Tensors

/// The distribution of X; its mean is 1.
nonisolated enum Delays: Sendable {
  case exponential
  /// exp of a normal number with this deviation: mostly small and seldom very large.
  case logNormal(Double)

  func draw(using random: inout SeededGenerator) -> Double {
    func uniform() -> Double { 1 - Double.random(in: 0..<1, using: &random) }
    switch self {
    case .exponential: return -log(uniform())
    case .logNormal(let deviation):
      let normal = (-2 * log(uniform())).squareRoot() * cos(2 * .pi * uniform())
      return exp(deviation * normal - deviation * deviation / 2)
    }
  }
}

/// Ranks with delays, over some steps.
nonisolated struct Waiting: Sendable {
  let ranks, steps: Int
  /// ε, the mean delay as a part of the work.
  let delay: Double
  let seed: UInt64

  private func work(_ random: inout SeededGenerator, _ delays: Delays = .exponential) -> Double {
    1 + delay * delays.draw(using: &random)
  }

  /// The mean time of a step in which all wait for the slowest, and its standard error.
  func together(_ delays: Delays) -> (mean: Double, error: Double) {
    var random = SeededGenerator(seed: seed)
    let times = (0..<steps).map { _ in (0..<ranks).map { _ in work(&random, delays) }.max()! }
    let mean = times.reduce(0, +) / Double(steps)
    let variance = times.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(max(1, steps - 1))
    return (mean, (variance / Double(steps)).squareRoot())
  }

  /// The time of a relay with exponential delays, over its steps.
  ///
  /// - Parameter held: how many messages to a rank can lie ready; nil for any number
  func relay(holding held: Int? = nil) -> Double {
    var random = SeededGenerator(seed: seed)
    var done = [Double](repeating: 0, count: ranks)
    // When each rank took up the states of a step: of the last `held` steps, in a ring.
    let ring = held ?? 1
    var taken = [[Double]](repeating: Array(repeating: 0, count: ranks), count: ring)
    for step in 0..<steps {
      let place = step % ring
      for rank in 0..<ranks {
        let start = max(done[rank], rank > 0 ? done[rank - 1] : 0)
        var end = start + work(&random)
        // The message can go when the one `held` steps before has been taken up.
        if held != nil, rank + 1 < ranks { end = max(end, taken[place][rank + 1]) }
        taken[place][rank] = start
        done[rank] = end
      }
    }
    return done[ranks - 1] / Double(steps)
  }

  /// The time until the last rank has done its steps if none waits for another, over the steps; delays are exponential.
  func apart() -> Double {
    var random = SeededGenerator(seed: seed)
    let all = (0..<ranks).map { _ in (0..<steps).reduce(0.0) { sum, _ in sum + work(&random) } }
    return all.max()! / Double(steps)
  }

  /// What exponential delays make of a step in which all wait for the slowest.
  var togetherByFormula: Double { 1 + delay * harmonic(ranks) }

  /// The bound of a relay with exponential delays, over its steps.
  var relayByFormula: Double {
    let (S, n) = (Double(steps), Double(ranks))
    return (S + n - 1 + delay * (S.squareRoot() + n.squareRoot()) * (S.squareRoot() + n.squareRoot())) / S
  }
}

/// The time of a step against the number of ranks.
struct WaitingCurve {
  let name: String
  let y: [Double]
  /// Whether it is computed and not simulated.
  let isFormula: Bool

  init(_ name: String, _ y: [Double], isFormula: Bool = false) {
    (self.name, self.y, self.isFormula) = (name, y, isFormula)
  }
}

/// Hₙ, the harmonic number.
nonisolated func harmonic(_ n: Int) -> Double {
  if n <= 1000 { return (1...max(1, n)).reduce(0) { $0 + 1 / Double($1) } }
  return log(Double(n)) + 0.577_215_664_901_532_9 + 1 / (2 * Double(n))
}
