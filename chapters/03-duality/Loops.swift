// # Loops that count
//
// The recurrent and the quadratic form as plain loops over one head, always in `Double`, and a
// multiplication that counts itself. The chunked form is in main.swift, beside its story.

import Foundation
import Tensors

typealias Rows = [[Double]]

infix operator × : MultiplicationPrecedence

/// How often `×` was called.
var multiplications = 0

/// Multiplies, and counts that it did.
func × (a: Double, b: Double) -> Double {
  multiplications += 1
  return a * b
}

/// The inner product.
func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 × $1.1 } }

func zeros(_ rows: Int, _ columns: Int) -> Rows { Rows(repeating: Array(repeating: 0, count: columns), count: rows) }

func product(_ a: Rows, _ b: Rows) -> Rows { a.map { row in b[0].indices.map { j in dot(row, b.map { $0[j] }) } } }

/// The largest difference of two numbers in the same place.
func gap(_ a: Rows, _ b: Rows) -> Double { zip(a.joined(), b.joined()).map { abs($0 - $1) }.max() ?? .nan }

/// The first column in print.
func printed(_ rows: Rows) -> String { rows.map { String(format: "%.2f", $0[0]) }.joined(separator: "   ") }

/// One head: x [T, P], b and c [T, N], log α [T].
struct Head {
  let x, b, c: Rows
  let log: [Double]
  var T: Int { x.count }
  var N: Int { b[0].count }
  var P: Int { x[0].count }

  /// α[s + 1] ⋯ α[t]: 1 for s = t, 0 for s > t.
  func decay(_ s: Int, _ t: Int) -> Double { s > t ? 0 : exp(log[(s + 1)..<(t + 1)].reduce(0, +)) }

  /// Normal numbers, and decays between 0.74 and 1.
  static func random(T: Int, N: Int, P: Int, using random: inout SeededGenerator) -> Head {
    func normal(_ columns: Int) -> Rows {
      let numbers = Tensor.normal([T, columns], using: &random).elements.map { Double($0) }
      return (0..<T).map { Array(numbers[($0 * columns)..<(($0 + 1) * columns)]) }
    }
    return Head(
      x: normal(P), b: normal(N), c: normal(N), log: (0..<T).map { _ in Double.random(in: -0.3..<0, using: &random) })
  }
}

// ## The factors of the chunked form
//
// For T a multiple of Q. A row or column of a state is (chunk, n), and `border` is the last step
// before the chunk:
//
//     C̃[t, (chunk, n)]            =  decay(border, t) · c[t, n]             t in the chunk
//     B̃[(chunk, n), s]            =  decay(s, last) · b[s, n]               s in the chunk, last its last step
//     A[(chunk, n), (earlier, n)]  =  decay(last of the earlier, border)     1 for neighbours

extension Head {
  struct Factors {
    var blocks, left, centre, right: Rows
  }

  /// The diagonal blocks of M, and C̃, A, B̃, whose product is the rest.
  func factors(Q: Int) -> Factors {
    let states = T / Q * N
    var f = Factors(
      blocks: zeros(T, T), left: zeros(T, states), centre: zeros(states, states), right: zeros(states, T))
    for t in 0..<T {
      let (chunk, border) = (t / Q, t / Q * Q - 1)
      for s in (border + 1)...t { f.blocks[t][s] = decay(s, t) * dot(c[t], b[s]) }
      for n in 0..<N {
        f.left[t][chunk * N + n] = decay(border, t) * c[t][n]
        f.right[chunk * N + n][t] = decay(t, border + Q) * b[t][n]
        for earlier in 0..<chunk {
          f.centre[chunk * N + n][earlier * N + n] = decay(earlier * Q + Q - 1, border)
        }
      }
    }
    return f
  }
}

// ## Two forms

/// h[t] = α[t] h[t − 1] + b[t] x[t]ᵀ, y[t] = c[t]ᵀ h[t].
func recurrent(_ head: Head) -> Rows {
  var (h, y) = (zeros(head.N, head.P), zeros(head.T, head.P))
  for t in 0..<head.T {
    for n in 0..<head.N {
      for p in 0..<head.P {
        h[n][p] = head.decay(t - 1, t) × h[n][p] + head.b[t][n] × head.x[t][p]
        y[t][p] += head.c[t][n] × h[n][p]
      }
    }
  }
  return y
}

/// y = M x, M[t, s] = (c[t] · b[s]) · α[s + 1] ⋯ α[t].
func quadratic(_ head: Head) -> Rows {
  var y = zeros(head.T, head.P)
  for t in 0..<head.T {
    for s in 0..<head.T {
      let m = head.decay(s, t) × dot(head.c[t], head.b[s])
      for p in 0..<head.P { y[t][p] += m × head.x[s][p] }
    }
  }
  return y
}
