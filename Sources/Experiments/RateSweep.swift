// # Choosing learning rates
//
// A comparison of arms is a comparison of learning rates as well, unless each arm has its own. So each arm is tried
// with several rates, a factor of two apart, on one seed. The rate that is best on the windows for choosing is used
// for all seeds, and what we report comes from other windows. If the best rate lies at an end of those that were
// tried, a rate beyond it is added, at most three times.
//
// Read before: `Study.swift`.

/// The rates to try for an arm, and the score that decides.
public struct RateSweep {
  /// The name in tables.
  public var name: String
  /// The learning rates to try, in rising order.
  public var rates: [Double]
  /// The arm with a rate.
  public var arm: (Double) -> Arm
  /// The score of a result; the smallest is best.
  public var score: (StudyResult) -> Double

  /// A sweep; the rates are sorted. By default the cross-entropy on the windows for choosing decides.
  public init(
    _ name: String, rates: [Double], arm: @escaping (Double) -> Arm,
    score: @escaping (StudyResult) -> Double = { $0.choosingLoss }
  ) {
    (self.name, self.rates, self.arm, self.score) = (name, rates.sorted(), arm, score)
  }
}

/// What a sweep found.
public struct SweptRates {
  /// The name of the sweep.
  public var name: String
  /// Rates in rising order, each with its score.
  public var tried: [(rate: Double, score: Double)]
  /// The rate with the smallest score.
  public var best: Double { tried.min { $0.score < $1.score }!.rate }
}

extension Study {
  /// Tries rates of several arms on the first seed, all together on all cores.
  ///
  /// - Parameter extensions: how often a rate may be added beyond an end of the range, if that end is the best
  public func sweep(_ title: String, _ sweeps: [RateSweep], extensions: Int = 3) throws -> [SweptRates] {
    var sweeps = sweeps
    var found: [SweptRates] = []
    for round in 0...extensions {
      let jobs = sweeps.flatMap { sweep in sweep.rates.map { Job(sweep.arm($0), seed: seeds[0]) } }
      var results = try results(round == 0 ? title : "\(title), further out", of: jobs)[...]
      found = sweeps.map { sweep in
        let own = results.prefix(sweep.rates.count)
        results = results.dropFirst(sweep.rates.count)
        return SweptRates(name: sweep.name, tried: zip(sweep.rates, own.map(sweep.score)).map { ($0, $1) })
      }
      var isSettled = true
      for (index, swept) in found.enumerated() where swept.tried.count > 1 {
        let (low, high) = (swept.tried.first!.rate, swept.tried.last!.rate)
        if swept.best == low { sweeps[index].rates.insert(low / 2, at: 0) }
        if swept.best == high { sweeps[index].rates.append(2 * high) }
        isSettled = isSettled && swept.best != low && swept.best != high
      }
      if isSettled { break }
    }
    return found
  }

  /// Runs arms with each of some rates and each seed of the study, all together on all cores.
  ///
  /// Here each seed chooses a rate of its own: the choice is then part of what varies from seed to seed.
  ///
  /// - Parameters:
  ///   - sweeps: their arms, rates and the scores that decide
  /// - Returns: for each sweep and each seed the results of all rates, and the index of the one that was chosen
  public func sweepEachSeed(_ title: String, _ sweeps: [RateSweep]) throws -> [[(tried: [StudyResult], best: Int)]] {
    let jobs = sweeps.flatMap { sweep in
      seeds.flatMap { seed in sweep.rates.map { Job(sweep.arm($0), seed: seed) } }
    }
    var results = try results(title, of: jobs)[...]
    return sweeps.map { sweep in
      seeds.map { _ in
        let tried = Array(results.prefix(sweep.rates.count))
        results = results.dropFirst(sweep.rates.count)
        let scores = tried.map(sweep.score)
        return (tried, scores.indices.min { scores[$0] < scores[$1] }!)
      }
    }
  }
}
