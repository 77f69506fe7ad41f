// # What a step consists of
//
// Every kernel of a step: its sizes, how often it is called, and how many operations and bytes it takes at least.
// Each can be run alone.
//
// Operations: a product counts two for each multiplication with its addition; a triangle counts only what is below
// the diagonal, where the kernel leaves out the rest. In elementwise work a function of one number counts as ten,
// which matters little: such kernels are bound by memory.
//
// Read before: `../exercise/Exercise.swift`. Read next: `../cost/main.swift`.

import Experiments
import Gradients
import Tensors
import Training

/// A kernel at one size.
struct Part {
  enum Family: String, CaseIterable {
    case product = "products"
    case attention = "causal attention"
    case stateSpace = "state space model in chunks"
    case rows = "softmax, norms, losses"
    case elements = "elementwise, convolution, rotation"
    case optimiser = "AdamW"
  }

  let name: String
  let family: Family
  let count: Int
  /// The least that one call must do.
  let operations: Int
  /// The least that one call must move.
  let bytes: Int
  let run: () -> Void
}

/// The kernels of the steps of a recipe.
struct Parts {
  let D, H, L, N, Q, T, B, V, P, R, K: Int
  private let bytesOfNumber = MemoryLayout<Scalar>.stride

  init(_ recipe: Recipe, V: Int) {
    (D, H, L, N, Q, T, B) = (recipe.D, recipe.H, recipe.L, recipe.N, recipe.Q, recipe.T, recipe.B)
    (self.V, P, R, K) = (V, recipe.D / recipe.H, recipe.B * recipe.T, 4)
  }

  private func some(_ sizes: Int...) -> Tensor {
    var random = SeededGenerator(seed: 7)
    return Tensor.normal(Shape(sizes), deviation: 0.5, using: &random)
  }

  private func part(
    _ name: String, _ family: Part.Family, _ count: Int, operations: Int, numbers: Int, _ run: @escaping () -> Void
  ) -> Part {
    Part(
      name: name, family: family, count: count, operations: operations, bytes: numbers * bytesOfNumber, run: run)
  }

  /// A linear layer of a sequence, `count` times, and its pullbacks into input and weight, `toInput` and `toWeight`
  /// times.
  private func linears(_ inputs: Int, _ outputs: Int, _ count: Int, toInput: Int = 0, toWeight: Int = 0) -> [Part] {
    let (x, w, y) = (some(B, T, inputs), some(outputs, inputs), some(B, T, outputs))
    let (operations, numbers) = (2 * R * inputs * outputs, R * (inputs + outputs) + inputs * outputs)
    let size = "\(inputs) → \(outputs)"
    return [
      part("linear \(size)", .product, count, operations: operations, numbers: numbers) {
        _ = linear(x, weight: w, bias: nil)
      },
      part("linear \(size), into its input", .product, toInput, operations: operations, numbers: numbers) {
        _ = matmul(y.asRows, w)
      },
      part("linear \(size), into its weight", .product, toWeight, operations: operations, numbers: numbers) {
        _ = linearWeightPullback(y, x: x)
      },
    ].filter { $0.count > 0 }
  }

  /// Attention's matrix and mix, `count` times forward and `backward` times backward.
  private func attention(_ count: Int, backward: Int) -> [Part] {
    let x = some(B, T, H, P)
    let value = causalAttention(x, x, x, scale: 0.2, keepsMatrix: true)
    let table = RotaryTable(T: T, width: P / 2 * 2, base: 10_000)
    // Half of the scores and of the mix; ten operations for an exponential.
    let (product, triangle) = (R * T * D, B * H * T * T / 2)
    return [
      part("rotation", .elements, 2 * count + 2 * backward, operations: 3 * R * D, numbers: 2 * R * D) {
        _ = rotary(x, table)
      },
      part(
        "causal attention", .attention, count, operations: 2 * product + 10 * triangle,
        numbers: 4 * R * D + 2 * triangle
      ) {
        _ = causalAttention(x, x, x, scale: 0.2, keepsMatrix: true)
      },
      part(
        "causal attention, back", .attention, backward, operations: 4 * product + 4 * triangle,
        numbers: 8 * R * D + 2 * triangle
      ) {
        _ = causalAttentionPullback(x, matrix: value.matrix!, q: x, k: x, v: x, scale: 0.2)
      },
    ].filter { $0.count > 0 }
  }

  private func elementwise(
    _ name: String, _ count: Int, width: Int, operations: Int, arrays: Int, _ run: @escaping (Tensor) -> Void
  ) -> Part {
    let x = some(B, T, width)
    return part(name, .elements, count, operations: operations * R * width, numbers: arrays * R * width) { run(x) }
  }

  private func norm(_ count: Int, backward: Int) -> [Part] {
    let (x, w) = (some(B, T, D), some(D))
    let value = layerNorm(x, weight: w, bias: w, epsilon: 1e-5)
    return [
      part("layer norm", .rows, count, operations: 8 * R * D, numbers: 3 * R * D) {
        _ = layerNorm(x, weight: w, bias: w, epsilon: 1e-5)
      },
      part("layer norm, back", .rows, backward, operations: 14 * R * D, numbers: 3 * R * D) {
        _ = layerNormPullback(x, value: value, weight: w)
      },
    ].filter { $0.count > 0 }
  }

  /// The MLPs, biases and residual sums of all blocks; the head if a loss follows.
  private func rest(backward: Bool) -> [Part] {
    let once = backward ? L : 0
    var parts =
      linears(D, 4 * D, L, toInput: once, toWeight: once) + linears(4 * D, D, L, toInput: once, toWeight: once)
    parts += linears(D, V, 1, toInput: backward ? 1 : 0, toWeight: backward ? 1 : 0)
    parts.append(elementwise("GELU", L, width: 4 * D, operations: 10, arrays: 2) { _ = gelu($0) })
    parts.append(
      elementwise("sum of two", (backward ? 3 : 2) * L, width: D, operations: 1, arrays: 3) { _ = $0 + $0 })
    parts += norm(L + 1, backward: backward ? L + 1 : 0)
    if backward {
      parts.append(
        elementwise("GELU, back", L, width: 4 * D, operations: 14, arrays: 3) { _ = geluPullback($0, at: $0) })
      parts.append(elementwise("bias, back", L, width: 4 * D, operations: 1, arrays: 1) { _ = sumOfRows($0) })
      parts.append(elementwise("bias, back", L + 1, width: D, operations: 1, arrays: 1) { _ = sumOfRows($0) })
    }
    return parts
  }

  /// A teacher's forward pass, or all of its step but the optimiser.
  func teacher(backward: Bool) -> [Part] {
    let once = backward ? L : 0
    var parts = rest(backward: backward) + linears(D, D, 4 * L, toInput: 4 * once, toWeight: 4 * once)
    parts += attention(L, backward: once)
    if backward {
      parts.append(elementwise("bias, back", 4 * L, width: D, operations: 1, arrays: 1) { _ = sumOfRows($0) })
    }
    return parts
  }

  /// A student's forward and backward pass.
  func student() -> [Part] {
    let (x, b, log) = (some(B, T, H, P), some(B, T, H, N), -1 * sigmoid(some(B, T, H)))
    let (d, wide, narrow) = (some(H), some(B, T, D), some(B, T, H * N))
    let (taps, fewTaps, bias, fewBias) = (some(D, 1, K), some(H * N, 1, K), some(D), some(H * N))
    let Q = self.Q
    let value = ssdSequence(x, logDecay: log, b: b, c: b, d: d, Q: Q)
    let q = min(Q, T)
    let (chunked, states) = (B * H * T * ((q + 1) * (N + P) + 4 * N * P), B * H * (T / q) * N * P)
    let inAndOut = R * (2 * D + 2 * H * N + H)
    var parts = rest(backward: true)
    parts += linears(D, D, 3 * L, toInput: 3 * L, toWeight: 3 * L)
    parts += linears(D, H * N, 2 * L, toInput: 2 * L, toWeight: 2 * L) + linears(D, H, L, toInput: L, toWeight: L)
    parts += [
      part("state space model", .stateSpace, L, operations: chunked, numbers: inAndOut + states) {
        _ = ssdSequence(x, logDecay: log, b: b, c: b, d: d, Q: Q)
      },
      part(
        "state space model, back", .stateSpace, L,
        operations: B * H * T * ((q + 1) * (3 * N + 2 * P) + 8 * N * P), numbers: 2 * inAndOut + states
      ) {
        _ = ssdSequencePullback(x, value: value, x, logDecay: log, b: b, c: b, d: d, Q: Q)
      },
      part("convolution of x", .elements, L, operations: 2 * K * R * D, numbers: 2 * R * D) {
        _ = causalConvolution(wide, weight: taps, bias: bias)
      },
      part("convolution of x, back", .elements, L, operations: 4 * K * R * D, numbers: 3 * R * D) {
        _ = causalConvolutionPullback(wide, x: wide, weight: taps)
      },
      part("convolution of B, C", .elements, 2 * L, operations: 2 * K * R * H * N, numbers: 2 * R * H * N) {
        _ = causalConvolution(narrow, weight: fewTaps, bias: fewBias)
      },
      part("convolution of B, C, back", .elements, 2 * L, operations: 4 * K * R * H * N, numbers: 3 * R * H * N) {
        _ = causalConvolutionPullback(narrow, x: narrow, weight: fewTaps)
      },
      part("softplus and its pullback", .elements, L, operations: 30 * R * H, numbers: 5 * R * H) {
        _ = softplus(log)
        _ = softplusPullback(log, at: log)
      },
      elementwise("gate", L, width: D, operations: 12, arrays: 8) {
        _ = silu($0 + bias) * $0
      },
      elementwise("gate, back", L, width: D, operations: 16, arrays: 9) {
        _ = ($0 * $0, siluPullback($0 * $0, at: $0))
        _ = sumOfRows($0)
      },
    ]
    return parts
  }

  /// The update of the trained numbers.
  func optimiser(_ trained: [ParameterRows]) -> Part {
    let step = AdamWStep(
      learningRate: 1e-3, beta1: 0.9, beta2: 0.95, step: 10, epsilon: 1e-8, weightDecay: 0.1, gradientScale: 1)
    let gradients = trained.map { $0.parameter.value }
    var (values, first, second) = (gradients, gradients, gradients.map { $0 * $0 })
    let count = trained.reduce(0) { $0 + $1.count }
    return part("AdamW", .optimiser, 1, operations: 14 * count, numbers: 7 * count) {
      for (i, part) in trained.enumerated() {
        for rows in part.rows {
          step.apply(
            to: &values[i], gradient: gradients[i], firstMoment: &first[i], secondMoment: &second[i], rows: rows)
        }
      }
    }
  }

  /// The loss of logits against tokens, or against a teacher's distributions, with its pullback.
  func loss(againstTeacher: Bool) -> Part {
    let logits = some(B, T, V)
    let distributions = softmax(logits)
    let targets = Tokens((0..<R).map { $0 % V }, B: B, T: T)
    let weight = Tensor(repeating: 1 / Scalar(R), shape: [B, T])
    return part(
      "loss", .rows, 1, operations: (againstTeacher ? 40 : 15) * R * V, numbers: (againstTeacher ? 12 : 4) * R * V
    ) {
      if againstTeacher {
        _ = crossEntropy(logits, distributions: softmax(logits))
        let value = crossEntropy(logits, distributions: distributions)
        _ = crossEntropyPullback(weight, value: value, distributions: distributions)
      } else {
        let value = crossEntropy(logits, targets: targets)
        _ = crossEntropyPullback(weight, value: value, targets: targets)
      }
    }
  }
}
