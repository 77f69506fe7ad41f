// # What a step consists of
//
// Every kernel of a step: its sizes, how many operations and bytes it takes at least, and a closure that runs it
// alone. `Steps.swift` says how often each kind of step calls it.
//
// Operations: a product counts two for each multiplication with its addition; a triangle counts only what is below
// the diagonal, where the kernel leaves out the rest. In elementwise work a function of one number counts as ten,
// which matters little: such kernels are bound by memory.
//
// Each function below takes the number of calls forward, `toInput` for the pullback into the input, and `toWeight` for
// that into the weights: a stage that trains few weights, or none below a layer, makes fewer of those.
//
// Read before: `../exercise/Exercise.swift`. Read next: `Steps.swift`.

import Exercise
import Experiments
import Gradients
import Layers
import Models
import Tensors
import Training

/// A kernel at one size.
struct Part {
  enum Family: String, CaseIterable {
    case product = "products"
    case attention = "causal attention"
    case stateSpace = "state space model"
    case rows = "softmax, norms, losses"
    case elements = "elementwise, convolution, rotation"
    case optimiser = "AdamW"
  }

  let name: String
  let family: Family
  var count: Int
  /// The least that one call must do.
  let operations: Int
  /// The least that one call must move.
  let bytes: Int
  let run: () -> Void
}

/// What the sizes of all kernels follow from.
struct Sizes {
  /// Texts of a batch, tokens of a text, width, blocks.
  let B, T, D, L: Int
  /// Heads of queries and of the student, and heads of keys and values.
  let H, G: Int
  /// The student's states, taps and chunks.
  let N, K, Q: Int
  /// Hidden width of the feed-forwards, and the tokens that are predicted.
  let hidden, V: Int
  /// Whether blocks are sequential, with RMS norms, gated feed-forwards and no biases, as in Llama.
  let isLlama: Bool
  /// Whether the last stage trains the mixers alone, and predicts some tokens of a larger vocabulary.
  let trainsMixersAlone: Bool

  /// The sizes of the book's models.
  init(_ recipe: Recipe, V: Int) {
    (B, T, D, L) = (recipe.B, recipe.T, recipe.D, recipe.L)
    (H, G) = (recipe.H, recipe.H)
    (N, K, Q) = (recipe.N, recipe.studentMixer.K, recipe.Q)
    (hidden, self.V) = (4 * recipe.D, V)
    (isLlama, trainsMixersAlone) = (false, false)
  }

  /// The sizes of a published model and its student.
  init(_ exercise: RealExercise) {
    let (attention, block, mixer) = exercise.sizes
    (B, T, D, L) = (1, exercise.T, attention.D, exercise.teacher.blocks.count)
    (H, G) = (attention.H, attention.G)
    (N, K, Q) = (mixer.N, mixer.K, mixer.Q)
    (hidden, V) = (block.feedForward, exercise.predicted)
    (isLlama, trainsMixersAlone) = (true, true)
  }
}

/// The kernels of steps of some sizes.
struct Parts {
  let sizes: Sizes
  private let bytesOfNumber = MemoryLayout<Scalar>.stride

  init(_ sizes: Sizes) { self.sizes = sizes }

  var B: Int { sizes.B }
  var T: Int { sizes.T }
  var D: Int { sizes.D }
  var H: Int { sizes.H }
  var G: Int { sizes.G }
  var N: Int { sizes.N }
  /// Features of a head.
  var P: Int { D / H }
  /// Tokens of a batch.
  var R: Int { B * T }

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

  /// A function of each of `width` numbers of a token, which reads and writes so many `arrays`.
  private func elementwise(
    _ name: String, _ count: Int, width: Int, operations: Int, arrays: Int, _ run: @escaping (Tensor) -> Void
  ) -> Part {
    let x = some(B, T, width)
    return part(name, .elements, count, operations: operations * R * width, numbers: arrays * R * width) { run(x) }
  }

  // MARK: Layers

  /// A linear layer.
  func linears(_ inputs: Int, _ outputs: Int, _ count: Int, toInput: Int = 0, toWeight: Int = 0) -> [Part] {
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
    ]
  }

  /// The pullback into a bias of a layer.
  func biases(_ width: Int, _ count: Int) -> Part {
    elementwise("bias of \(width), back", count, width: width, operations: 1, arrays: 1) { _ = sumOfRows($0) }
  }

  /// The sum of two states, or of two cotangents.
  func sums(_ count: Int) -> Part {
    elementwise("sum of two", count, width: D, operations: 1, arrays: 3) { _ = $0 + $0 }
  }

  /// The norm before a branch or before the head.
  func norms(_ count: Int, back: Int = 0) -> [Part] {
    let (x, w) = (some(B, T, D), some(D))
    func both(_ name: String, _ forward: @escaping () -> Void, _ backward: @escaping () -> Void) -> [Part] {
      [
        part(name, .rows, count, operations: 8 * R * D, numbers: 3 * R * D, forward),
        part("\(name), back", .rows, back, operations: 14 * R * D, numbers: 3 * R * D, backward),
      ]
    }
    if sizes.isLlama {
      let value = rmsNorm(x, weight: w, epsilon: 1e-5)
      return both("RMS norm", { _ = rmsNorm(x, weight: w, epsilon: 1e-5) }) {
        _ = rmsNormPullback(x, value: value, weight: w)
      }
    }
    let value = layerNorm(x, weight: w, bias: w, epsilon: 1e-5)
    return both("layer norm", { _ = layerNorm(x, weight: w, bias: w, epsilon: 1e-5) }) {
      _ = layerNormPullback(x, value: value, weight: w)
    }
  }

  /// The feed-forwards: an MLP with GELU and biases, or a gated one with SiLU and without biases.
  func feedForwards(_ count: Int, toInput: Int = 0, toWeight: Int = 0) -> [Part] {
    let hidden = sizes.hidden
    let maps = sizes.isLlama ? 2 : 1
    var parts = linears(D, hidden, maps * count, toInput: maps * toInput, toWeight: maps * toWeight)
    parts += linears(hidden, D, count, toInput: toInput, toWeight: toWeight)
    if sizes.isLlama {
      return parts + [
        elementwise("SiLU", count, width: hidden, operations: 10, arrays: 2) { _ = silu($0) },
        elementwise("product of two", count + 2 * toInput, width: hidden, operations: 1, arrays: 3) { _ = $0 * $0 },
        elementwise("SiLU, back", toInput, width: hidden, operations: 14, arrays: 3) { _ = siluPullback($0, at: $0) },
      ]
    }
    return parts + [
      elementwise("GELU", count, width: hidden, operations: 10, arrays: 2) { _ = gelu($0) },
      elementwise("GELU, back", toInput, width: hidden, operations: 14, arrays: 3) { _ = geluPullback($0, at: $0) },
      biases(hidden, toWeight), biases(D, toWeight),
    ]
  }

  // MARK: Attention

  /// Everything before the scores: the rotated queries and keys, and what is repeated for the heads that share it.
  func rotations(_ count: Int, back: Int = 0) -> [Part] {
    let table = RotaryTable(T: T, width: P / 2 * 2, base: 10_000)
    func rotation(_ heads: Int) -> Part {
      let x = some(B, T, heads, P)
      return part(
        "rotation of \(heads) heads", .elements, count + back, operations: 3 * x.count, numbers: 2 * x.count
      ) { _ = rotary(x, table) }
    }
    if G == H { return [rotation(H), rotation(G)] }
    let shared = some(B, T, G, 1, P)
    let repeated = part(
      "\(G) heads for \(H)", .elements, 2 * count, operations: 0, numbers: R * (D + G * P)
    ) { _ = shared.broadcast(to: [B, T, G, H / G, P]) }
    return [rotation(H), rotation(G), repeated]
  }

  /// Half of the scores of a matrix, or of the mix with it, in multiplications with their additions; the numbers of a
  /// triangle.
  private var halves: (product: Int, triangle: Int) { (R * T * D, B * H * T * T / 2) }

  /// Attention in one pass, with its matrix only where a pullback needs it.
  func attentions(_ count: Int, back: Int = 0) -> [Part] {
    let x = some(B, T, H, P)
    let value = causalAttention(x, x, x, scale: 0.2, keepsMatrix: true)
    let (product, triangle) = halves
    // Ten operations for an exponential.
    return [
      part(
        "causal attention", .attention, count, operations: 2 * product + 10 * triangle,
        numbers: 4 * R * D + (back > 0 ? 2 * triangle : 0)
      ) { _ = causalAttention(x, x, x, scale: 0.2, keepsMatrix: back > 0) },
      part(
        "causal attention, back", .attention, back, operations: 4 * product + 4 * triangle,
        numbers: 8 * R * D + 2 * triangle
      ) { _ = causalAttentionPullback(x, matrix: value.matrix!, q: x, k: x, v: x, scale: 0.2) },
    ]
  }

  /// Attention whose matrix is what a stage asks for, and the mix that follows it in all blocks but the last.
  func attentionMatrices(_ count: Int, mixes: Int) -> [Part] {
    let x = some(B, T, H, P)
    let matrix = attentionMatrix(x, x, scale: 0.2)
    let (product, triangle) = halves
    return [
      part(
        "matrix of attention", .attention, count, operations: product + 10 * triangle,
        numbers: 2 * R * D + 2 * triangle
      ) { _ = attentionMatrix(x, x, scale: 0.2) },
      part("causal mix", .attention, mixes, operations: product, numbers: 2 * R * D + triangle) {
        _ = causalMix(matrix, x)
      },
    ]
  }

  // MARK: The student's mixer

  private func decays() -> Tensor { -1 * sigmoid(some(B, T, H)) }

  /// The convolutions of `width` channels.
  private func convolutions(_ name: String, _ width: Int, _ count: Int) -> [Part] {
    let K = sizes.K
    let (x, taps, bias) = (some(B, T, width), some(width, 1, K), some(width))
    return [
      part("convolution of \(name)", .elements, count, operations: 2 * K * R * width, numbers: 2 * R * width) {
        _ = causalConvolution(x, weight: taps, bias: bias)
      },
      part("convolution of \(name), back", .elements, count, operations: 4 * K * R * width, numbers: 3 * R * width) {
        _ = causalConvolutionPullback(x, x: x, weight: taps)
      },
    ]
  }

  /// B, C and the decays, forward and backward; `toInput` counts the layers whose input needs a gradient.
  func keysAndDecays(_ count: Int, toInput: Int) -> [Part] {
    let log = decays()
    return linears(D, H * N, 2 * count, toInput: 2 * toInput, toWeight: 2 * count)
      + linears(D, H, count, toInput: toInput, toWeight: count) + convolutions("B, C", H * N, 2 * count) + [
        part("softplus and its pullback", .elements, count, operations: 30 * R * H, numbers: 5 * R * H) {
          _ = softplus(log)
          _ = softplusPullback(log, at: log)
        }
      ]
  }

  /// The student's matrices, forward and backward.
  func stateSpaceMatrices(_ count: Int) -> [Part] {
    let (log, b, d) = (decays(), some(B, T, H, N), some(H))
    let matrix = ssdMatrix(logDecay: log, b: b, c: b, d: d)
    let triangle = B * H * T * T / 2
    let (scores, inputs) = (2 * N * triangle, R * (2 * H * N + H))
    return [
      part(
        "matrix of the state space model", .stateSpace, count, operations: scores + 12 * triangle,
        numbers: inputs + 2 * triangle
      ) { _ = ssdMatrix(logDecay: log, b: b, c: b, d: d) },
      part(
        "matrix of the state space model, back", .stateSpace, count, operations: 3 * scores + 16 * triangle,
        numbers: 2 * inputs + triangle
      ) { _ = ssdMatrixPullback(matrix, logDecay: log, b: b, c: b, d: d) },
    ]
  }

  /// All of the mixer but B, C and the decays, forward and backward.
  func sequences(_ count: Int, toInput: Int) -> [Part] {
    let (x, b, log) = (some(B, T, H, P), some(B, T, H, N), decays())
    let (d, bias, Q) = (some(H), some(D), sizes.Q)
    let value = ssdSequence(x, logDecay: log, b: b, c: b, d: d, Q: Q)
    let q = min(Q, T)
    let (chunked, states) = (B * H * T * ((q + 1) * (N + P) + 4 * N * P), B * H * (T / q) * N * P)
    let inAndOut = R * (2 * D + 2 * H * N + H)
    // The in-projections of x and z read the layer's input, the output projection what the gate has let through.
    return linears(D, D, 3 * count, toInput: 2 * toInput + count, toWeight: 3 * count)
      + convolutions("x", D, count) + [
        part("state space model", .stateSpace, count, operations: chunked, numbers: inAndOut + states) {
          _ = ssdSequence(x, logDecay: log, b: b, c: b, d: d, Q: Q)
        },
        part(
          "state space model, back", .stateSpace, count,
          operations: B * H * T * ((q + 1) * (3 * N + 2 * P) + 8 * N * P), numbers: 2 * inAndOut + states
        ) { _ = ssdSequencePullback(x, value: value, x, logDecay: log, b: b, c: b, d: d, Q: Q) },
        elementwise("gate", count, width: D, operations: 12, arrays: 8) { _ = silu($0 + bias) * $0 },
        elementwise("gate, back", count, width: D, operations: 16, arrays: 9) {
          _ = ($0 * $0, siluPullback($0 * $0, at: $0))
          _ = sumOfRows($0)
        },
      ]
  }

  // MARK: Losses and update

  /// The distances of matrices [T, T], or of the outputs for each token, with their pullbacks. A distance relative to
  /// its target needs the target's norm too.
  func distances(_ count: Int, ofMatrices: Bool) -> [Part] {
    let (x, axes) = ofMatrices ? (some(B, H, T, T), 2) : (some(B, T, D), 1)
    let y = 0.5 * x
    let value = distance(x, y, over: axes)
    return [
      part("distance", .rows, (sizes.isLlama ? 2 : 1) * count, operations: 3 * x.count, numbers: 2 * x.count) {
        _ = distance(x, y, over: axes)
      },
      part("distance, back", .rows, count, operations: 2 * x.count, numbers: 3 * x.count) {
        _ = distancePullback(value, value: value, x, y)
      },
    ]
  }

  /// The rows of a head that a text needs.
  func rowsOfHead(_ count: Int) -> Part {
    let (table, wanted) = (some(sizes.V, D), Tokens(Array(0..<sizes.V)))
    return part("rows of the head", .elements, count, operations: 0, numbers: 2 * sizes.V * D) {
      _ = gatherRows(table, wanted)
    }
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
    let V = sizes.V
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
