// # What a token costs, counted
//
// We count the multiplications of products, convolution and recurrence. What takes only D of them for
// a token, such as norms and gates, is left out. The formulas for a token are in main.swift, those
// for a prompt below.

import Layers
import Models
import Notebook

extension ModelConfiguration {
  /// The numbers that are kept of a text: in attention 2 · D for each token, in a state space mixer the last inputs of
  /// the convolution and the state.
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

/// A way in which the heads of a mixer read T tokens at once, with its multiplications.
typealias Form = (name: String, count: (Int) -> Int)

/// Multiplications of a mixer's H heads that read T tokens at once.
struct Reading {
  let H, N, P, Q: Int

  /// P for the score and P for the mix of each pair of tokens; scale and factor of the softmax for each visible pair.
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
