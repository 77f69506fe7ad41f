// # What a token costs, counted
//
// Multiplications of the products, the convolution and the recurrence; what costs D a token, such as
// norms and gates, is left out. What a token costs is derived in main.swift, what a prompt costs
// below.

import Layers
import Models
import Notebook

extension ModelConfiguration {
  /// The numbers that are kept of a text: 2 · D a token in an attention, the inputs of a convolution and a state in a mamba.
  func numbersKept(of context: Int) -> Int {
    mixers.reduce(0) { sum, mixer in
      guard let m = mixer as? DiscreteMamba2Sizes else { return sum + 2 * D * context }
      return sum + (m.K - 1) * (D + 2 * m.G * m.N) + D * m.N
    }
  }

  /// Multiplications for the next token of a text.
  func multiplications(context: Int) -> Int {
    let mlp = 2 * D * block.feedForward
    return mixers.reduce(D * V) { sum, mixer in
      guard let m = mixer as? DiscreteMamba2Sizes else { return sum + mlp + 4 * D * D + 2 * context * D }
      let (channels, projected) = (D + 2 * m.G * m.N, 2 * D + 2 * m.G * m.N + m.H)
      return sum + mlp + D * projected + m.K * channels + 3 * m.N * D + D * D
    }
  }
}

/// Multiplications of a mixer's H heads that read T tokens at once.
struct Reading {
  let H, N, P, Q: Int

  /// P for a score and P for a row of the mix, for each pair; scale and factor of the softmax for each visible pair.
  func attention(_ T: Int) -> Int { H * (T * T * 2 * P + T * (T + 1)) }
  /// Blocks above the diagonal are left out; those on it are whole.
  func blocks(_ T: Int, of size: Int = 64) -> Int {
    let count = (T + size - 1) / size
    return H * count * (count + 1) / 2 * size * size * (2 * P + 2)
  }
  /// N for C Bᵀ, one for the decay and P for the product with x, for each pair.
  func quadratic(_ T: Int) -> Int { H * T * T * (N + P + 1) }
  /// Inside a chunk its matrix; for each row N · P to read the state, N · P to write it and 2 · N for their decays.
  func chunked(_ T: Int) -> Int {
    func chunk(_ q: Int) -> Int { q == 0 ? 0 : q * q * (N + P + 1) + q * (2 * N * P + 2 * N) + N * P }
    let q = min(Q, T)
    return H * (T / q * chunk(q) + chunk(T % q))
  }
}

extension Chapter {
  /// A claim about the clock: a check in the full run, a line that decides nothing in the quick one.
  func timed(_ claim: String, _ holds: Bool, _ value: Double, file: String = #fileID, line: Int = #line) {
    let evidence = "~\(number(value, digits: 3))"
    if isQuick {
      volatile("\(claim): \(evidence)", file: file, line: line)
    } else {
      check(claim, holds, evidence, file: file, line: line)
    }
  }
}
