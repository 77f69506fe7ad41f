// # What a message takes
//
// Two ranks give each other messages of rising size, and the shortest times are fitted by λ + s / β. Small messages take
// microseconds and large ones milliseconds; so that both count, the squares are those of relative errors. With the
// weights w = 1 / t² the two numbers solve
//
//     Σ w · λ  +  Σ w s · (1 / β)   =  Σ w t
//     Σ w s · λ  +  Σ w s² · (1 / β)  =  Σ w s t
//
// There are two kinds. In an exchange all ranks meet, and each copies what is meant for it: so gradients and weights
// travel. What is handed on is left where the next rank finds it, so that nobody has to meet.
//
// Read before: `Runs.swift`. Read next: `Clock.swift`.

import Communication
import Experiments
import Foundation
import Notebook

/// A kind of message, its sizes and seconds, and the fitted network.
struct MeasuredNetwork: Sendable {
  let name: String
  let bytes, seconds: [Double]
  let network: Network

  /// The largest relative error of the fit.
  var worst: Double { zip(bytes, seconds).map { abs(network.seconds(bytes: $0) / $1 - 1) }.max() ?? .nan }

  nonisolated init(_ name: String, bytes: [Double], seconds: [Double]) {
    (self.name, self.bytes, self.seconds) = (name, bytes, seconds)
    let w = seconds.map { 1 / ($0 * $0) }
    func sum(_ values: [Double]) -> Double { zip(w, values).reduce(0) { $0 + $1.0 * $1.1 } }
    let (a, b, d) = (w.reduce(0, +), sum(bytes), sum(bytes.map { $0 * $0 }))
    let (p, q) = (sum(seconds), sum(zip(bytes, seconds).map { $0 * $1 }))
    let slope = (a * q - b * p) / (a * d - b * b)
    network = Network(latency: max(0, (p - slope * b) / a), bandwidth: 1 / slope)
  }
}

/// How ranks give each other bytes.
nonisolated enum Message: String { case toTheNext = "handed on", exchanged }

/// Measures a kind of message between two ranks.
nonisolated func measuredNetwork(_ kind: Message, repetitions: Int) throws -> MeasuredNetwork {
  let sizes = (6...22).map { 1 << $0 }
  let all = try withRankThreads(2) { ranks in
    try sizes.map { size -> Double in
      var (mine, theirs) = ([UInt8](repeating: 1, count: size), [UInt8](repeating: 0, count: size))
      let (own, other) = (ranks.rank, 1 - ranks.rank)
      func once() throws {
        try mine.withUnsafeMutableBytes { mine in
          try theirs.withUnsafeMutableBytes { theirs in
            switch kind {
            case .exchanged:
              let sizes = own == 0 ? [0, size] : [size, 0]
              try ranks.allToAll(UnsafeRawBufferPointer(mine), sizes: sizes, into: theirs, incoming: sizes)
            case .toTheNext:
              // There and back, one after the other: two messages.
              if own == 0 { try ranks.send(UnsafeRawBufferPointer(mine), to: other) }
              try ranks.receive(theirs, from: other)
              if own == 1 { try ranks.send(UnsafeRawBufferPointer(mine), to: other) }
            }
          }
        }
      }
      try once()
      let seconds = try (0..<repetitions).map { _ in
        let start = ContinuousClock.now
        try once()
        return (ContinuousClock.now - start) / .seconds(1)
      }
      return seconds.min()! / (kind == .toTheNext ? 2 : 1)
    }
  }
  return MeasuredNetwork(kind.rawValue, bytes: sizes.map(Double.init), seconds: all[0])
}

// ## For the tables

extension MeasuredNetwork {
  /// The titles of `row`.
  static let columns = ["message between two ranks", "λ, µs", "β, GB/s", "largest error of the fit"]
  /// The fitted numbers.
  var row: [String] {
    [
      name, number(network.latency * 1e6, digits: 3), number(network.bandwidth / 1e9, digits: 3),
      "\(number(100 * worst, decimals: 0)) %",
    ]
  }
}
