// # The tables of a study
//
// Several chapters print the same kinds of table: means over seeds, learning rates that were tried, claims with their
// verdicts. Each table is also a CSV file with the same cells. Beside it the chapters write the values behind the
// table, for each seed and with all digits.
//
// A quick run has two seeds and a few steps. Its intervals, and so its verdicts, may be others on another processor,
// which rounds sums in another order. So the table of claims is volatile there: it is printed, and not compared.
//
// Read before: `Statistics/PairedDifference.swift`, `Experiments/RateSweep.swift`, `Notebook/Metrics.swift`.

import Experiments
import Notebook
import Statistics

/// What the bars of a figure are: "bars: standard error over 3 seeds".
public func barsOverSeeds(_ count: Int) -> String {
  count == 1 ? "one seed, so there are no bars" : "bars: standard error over \(count) seeds"
}

/// "1.416 ± 0.001": mean and standard error over seeds; for a single seed the value alone.
public func spread(_ samples: [Double], decimals: Int = 3) -> String {
  let estimate = Estimate(samples)
  let error = samples.count > 1 ? " ± \(number(estimate.standardError, decimals: decimals))" : ""
  return number(estimate.mean, decimals: decimals) + error
}

/// "0.941": the fraction of a class's answers that were recalled, or a dash if there are none.
public func shareText(_ recalled: StudyResult.Recalled) -> String {
  recalled.count == 0 ? "–" : number(recalled.accuracy, decimals: 3)
}

/// The fraction of all answers that were recalled, whatever their distance.
public func shareOfAll(_ classes: [StudyResult.Recalled]) -> String {
  number(Double(classes.reduce(0) { $0 + $1.hits }) / Double(classes.reduce(0) { $0 + $1.count }), decimals: 3)
}

/// The answers of several seeds together, for each class of distances; at least one seed.
public func pooled(_ seeds: [[StudyResult.Recalled]]) -> [StudyResult.Recalled] {
  seeds[0].indices.map { place in
    var all = seeds[0][place]
    (all.hits, all.count) = seeds.reduce((0, 0)) { ($0.0 + $1[place].hits, $0.1 + $1[place].count) }
    return all
  }
}

extension PairedDifference {
  /// "0.0041 … 0.0130", or a dash.
  public func intervalText(decimals: Int) -> String {
    guard let interval else { return "–" }
    return "\(number(interval.lowerBound, decimals: decimals)) … \(number(interval.upperBound, decimals: decimals))"
  }

  /// "0.0086 (0.0041 … 0.0130)", the mean with its interval; with a single seed the mean alone.
  public func text(decimals: Int) -> String {
    let mean = number(mean, decimals: decimals)
    return interval == nil ? mean : "\(mean) (\(intervalText(decimals: decimals)))"
  }
}

extension Chapter {
  /// Prints a table and writes its cells to out/NN-name/`name`.csv. With `volatile` its cells may differ from run to
  /// run, and the report leaves it out.
  public func tabulate(
    _ name: String, _ columns: [String], rows: [[String]], volatile isVolatile: Bool = false, file: String = #fileID,
    line: Int = #line
  ) {
    if isVolatile {
      volatileTable(columns, rows: rows, file: file, line: line)
    } else {
      table(columns, rows: rows, file: file, line: line)
    }
    let csv = metrics(name, columns: columns)
    for row in Table(columns, rows: rows).rows { csv.add(row: row) }
  }

  /// Prints claims, each with its mean gain over seeds, the interval, the seeds in favour and the verdict. In a quick
  /// run the table is volatile.
  ///
  /// - Parameters:
  ///   - title: the title of the claims' column
  ///   - gain: the title of the gains' column, with their unit
  ///   - count: the title of the column that counts the differences in favour
  public func tabulate(
    _ name: String, claims: [(claim: String, gain: PairedDifference)], as title: String = "claim",
    gain: String = "gain, nats", count: String = "seeds for it", file: String = #fileID, line: Int = #line
  ) {
    tabulate(
      name, [title, gain, "95 % interval", count, "verdict"],
      rows: claims.map { claim, gain in
        [
          claim, number(gain.mean, decimals: 4), gain.intervalText(decimals: 4),
          "\(gain.samples.count { $0 > 0 }) of \(gain.samples.count)", gain.conclusion.rawValue,
        ]
      }, volatile: isQuick, file: file, line: line)
  }

  /// Prints the learning rates that were tried, with their scores, and the one that was chosen in each sweep.
  public func tabulate(_ name: String, sweeps: [SweptRates], file: String = #fileID, line: Int = #line) {
    tabulate(
      name, ["sweep", "tried: rate (score)", "chosen"],
      rows: sweeps.map { sweep in
        let tried = sweep.tried.map { "\(number($0.rate, digits: 2)) (\(number($0.score, digits: 4)))" }
        return [sweep.name, tried.joined(separator: "  "), number(sweep.best, digits: 2)]
      }, file: file, line: line)
  }

  /// Writes the results of arms to out/NN-name/`name`.csv, one row for each seed, with all digits.
  ///
  /// - Parameters:
  ///   - labels: the titles of the columns that say which arm it is
  ///   - results: for each arm its labels, and its results in the order of the seeds
  public func record(
    _ name: String, _ labels: [String], results: [(labels: [String], results: [StudyResult])], seeds: [UInt64]
  ) {
    let csv = metrics(name, columns: labels + ["seed", "loss", "kl", "agreement"])
    for (labels, results) in results {
      for (seed, result) in zip(seeds, results) {
        csv.add(row: labels + ["\(seed)", "\(result.loss)", "\(result.divergence)", "\(result.agreement)"])
      }
    }
  }
}
