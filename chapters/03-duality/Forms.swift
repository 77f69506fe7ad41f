// # What the chapter counts and times
//
// The forms of a layer with their multiplications and their memory, and a layer of random numbers
// for them to run on. The formulas are derived in main.swift; the three forms of the state space
// model are the library's, attention is composed of its matrix products.

import Notebook
import Plots
import Tensors

// ## Multiplications for one head

func recurrentCount(_ T: Int, _ N: Int, _ P: Int) -> Int { T * 3 * N * P }
func quadraticCount(_ T: Int, _ N: Int, _ P: Int) -> Int { T * T * (N + P + 1) }
func attentionCount(_ T: Int, _ P: Int) -> Int { T * T * 2 * P + T * (T + 1) }
func chunkedCount(_ T: Int, _ N: Int, _ P: Int, Q: Int) -> Int {
  func chunk(_ Q: Int) -> Int { Q == 0 ? 0 : Q * Q * (N + P + 1) + Q * (2 * N * P + 2 * N) + N * P }
  return T / Q * chunk(Q) + chunk(T % Q)
}

// ## A layer and its forms

/// Random arguments of a state space layer without skip: d is 0.
struct Layer {
  let x, logDecay, b, c, d: Tensor

  init(B: Int, T: Int, H: Int, N: Int, P: Int, using random: inout SeededGenerator) {
    x = .normal([B, T, H, P], using: &random)
    b = .normal([B, T, H, N], using: &random)
    c = .normal([B, T, H, N], using: &random)
    d = .zeros([H])
    logDecay = -softplus(.normal([B, T, H], using: &random))
  }

  func recurrent() -> Tensor { ssdRecurrence(x, logDecay: logDecay, b: b, c: c, d: d).output }
  func quadratic() -> Tensor { headMix(ssdMatrix(logDecay: logDecay, b: b, c: c, d: d), x) }
  func chunked(Q: Int) -> Tensor { ssdSequence(x, logDecay: logDecay, b: b, c: c, d: d, Q: Q).output }

  /// x stands for queries, keys and values alike: only the shapes matter to the clock.
  func attention() -> Tensor {
    let scores = headScores(x, x)
    return headMix(softmax(scores, scale: 1 / Scalar(x.shape[3]).squareRoot(), causal: true), x)
  }
}

/// A way to compute a layer, for one size of state and head.
struct Form {
  let name: String
  /// Whether it makes matrices [T, T].
  var hasMatrix = false
  /// Multiplications of one head at a length.
  let count: (Int) -> Int
  /// Numbers that one head keeps or works on besides input and output, at a length.
  let memory: (Int) -> Int
  let run: (Layer) -> Tensor

  static func recurrent(N: Int, P: Int) -> Form {
    Form(name: "recurrent", count: { recurrentCount($0, N, P) }, memory: { _ in N * P }) { $0.recurrent() }
  }

  /// What the derivatives would need: the state after each step.
  static func recurrentKeepingStates(N: Int, P: Int) -> Form {
    Form(name: "recurrent, all states kept", count: { recurrentCount($0, N, P) }, memory: { $0 * N * P }) {
      $0.recurrent()
    }
  }

  /// M and, while it is made, L.
  static func quadratic(N: Int, P: Int) -> Form {
    Form(name: "quadratic", hasMatrix: true, count: { quadraticCount($0, N, P) }, memory: { 2 * $0 * $0 }) {
      $0.quadratic()
    }
  }

  /// The scores and their softmax.
  static func attention(P: Int) -> Form {
    Form(name: "attention", hasMatrix: true, count: { attentionCount($0, P) }, memory: { 2 * $0 * $0 }) {
      $0.attention()
    }
  }

  /// The state that enters each chunk and the last one; for the chunk at work L, W, the scaled rows and e.
  static func chunked(Q: Int, N: Int, P: Int) -> Form {
    Form(
      name: "chunked, Q = \(Q)", count: { chunkedCount($0, N, P, Q: min(Q, $0)) },
      memory: { ($0 + Q - 1) / Q * N * P + N * P + 2 * min(Q, $0) * min(Q, $0) + Q * N + Q }
    ) { $0.chunked(Q: Q) }
  }
}

/// The least seconds that one core needs for each form on a layer, in turns.
func seconds(_ forms: [Form], on layer: Layer, atLeast: Double) -> [Double] {
  onOneCore {
    time(repetitions: 3, atLeast: atLeast, on: .processor, forms.map { form in { _ = form.run(layer) } }).minima
  }
}

// ## Two forms, and one form over lengths

/// Two forms compared on the same layer.
struct Comparison {
  /// Multiplications and time of the one over those of the other.
  let inCount, inTime: Double
  /// The sizes of a head, the seconds of the other and of the one, and the ratios.
  let row: [String]

  init(of form: Form, with other: Form, on layer: Layer, atLeast: Double) {
    let (T, N, P) = (layer.x.shape[1], layer.b.shape[3], layer.x.shape[3])
    let least = seconds([other, form], on: layer, atLeast: atLeast)
    inCount = Double(form.count(T)) / Double(other.count(T))
    inTime = least[1] / least[0]
    row =
      ["N = \(N), P = \(P)"] + least.map { "~\(duration(seconds: $0))" }
      + [number(inCount, decimals: 2), "~\(number(inTime, decimals: 2))"]
  }
}

/// The times of a form at several lengths.
struct Curve {
  let form: Form
  private var (T, counts, seconds): ([Double], [Double], [Double]) = ([], [], [])

  init(form: Form) { self.form = form }

  mutating func add(_ length: Int, heads: Int, seconds least: Double) {
    T.append(Double(length))
    counts.append(Double(heads * form.count(length)))
    seconds.append(least)
  }

  /// The law of the last four lengths.
  var ofTime: PowerLaw { PowerLaw(x: Array(T.suffix(4)), y: Array(seconds.suffix(4))) }

  /// The last length, and the time there in seconds.
  var last: (T: Int, seconds: Double) { (Int(T.last ?? 0), seconds.last ?? .nan) }

  /// In milliseconds.
  var series: Series { Series(form.name, x: T, y: seconds.map { $0 * 1e3 }, style: .linePoints) }

  /// Name, last length, exponents of count and time, and at the last length time and rate.
  var row: [String] {
    let ofCount = PowerLaw(x: Array(T.suffix(4)), y: Array(counts.suffix(4)))
    let (count, time) = (counts.last ?? .nan, seconds.last ?? .nan)
    return [
      form.name, "\(Int(T.last ?? 0))", number(ofCount.exponent, decimals: 2),
      "~\(number(ofTime.exponent, decimals: 2)) ± ~\(number(ofTime.exponentError, decimals: 2))",
      "~\(duration(seconds: time))", "~\(number(count / time * 1e-9, decimals: 1))",
    ]
  }
}
