// # What the teacher's attention does
//
// Measures of a trained model at work: which tokens its attention rests on, how large its states are, and
// what its mixers put out. All are means over held-out windows.
//
// A head that finds nothing of use often puts most of its attention on the first token: a sink. That costs
// little if the value of the token is small, and it needs a key to which all queries can give a large score.
// Many Transformers make such a key: after some layers the state of the first token is many times as large
// as any other, and it stays so in the layers that follow.

import Corpora
import Foundation
import Gradients
import Layers
import Models
import Tensors

/// What a layer does: means over windows, and over heads where a measure is about matrices.
nonisolated struct LayerAttention: Codable {
  /// The fraction of attention on the first token, in the second half of the rows.
  var sink = 0.0
  /// The number of heads with more than half of their attention there.
  var sinkHeads = 0.0
  /// The fraction of ‖A‖² in column 0.
  var firstColumn = 0.0
  /// ‖A‖ in Frobenius' norm, and that without column 0.
  var norm = 0.0, normBeyond = 0.0
  /// The L2 norm of the states that enter the layer: that of the first token, and the mean of the others.
  var firstState = 0.0, otherStates = 0.0
  /// The L2 norm of the mixer's outputs: that at the first token, and the mean at the others.
  var firstOutput = 0.0, otherOutputs = 0.0
  /// ‖what the output takes from the first token‖ / ‖output‖, in the second half of the rows.
  var partFromFirst = 0.0

  /// Whether the state of the first token is more than ten times as large as the others'.
  var isFirstStateMassive: Bool { firstState > 10 * otherStates }
}

/// Measures every layer of a model.
nonisolated func measureAttention(of teacher: FrozenModel, on batches: [Batch]) -> [LayerAttention] {
  var layers = Array(repeating: LayerAttention(), count: teacher.configuration.L)
  for batch in batches {
    for (l, trace) in teacher.traces(batch.inputs).enumerated() {
      let one = LayerAttention(of: trace, block: teacher.blocks[l])
      for path in LayerAttention.measures { layers[l][keyPath: path] += one[keyPath: path] / Double(batches.count) }
    }
  }
  return layers
}

extension LayerAttention {
  nonisolated(unsafe) static let measures: [WritableKeyPath<LayerAttention, Double>] = [
    \.sink, \.sinkHeads, \.firstColumn, \.norm, \.normBeyond, \.firstState, \.otherStates, \.firstOutput,
    \.otherOutputs, \.partFromFirst,
  ]

  /// The measures of one window.
  nonisolated init(of trace: BlockTrace<Tensor>, block: any Block) {
    let matrices = trace.matrix!
    let (H, T) = (matrices.shape[1], matrices.shape[2])
    let a = matrices.elements
    for h in 0..<H {
      var (mass, first, all) = (0.0, 0.0, 0.0)
      for t in 0..<T {
        let row = (h * T + t) * T
        if t >= T / 2 { mass += Double(a[row]) / Double(T - T / 2) }
        first += Double(a[row] * a[row])
        for s in 0...t { all += Double(a[row + s] * a[row + s]) }
      }
      sink += mass / Double(H)
      sinkHeads += mass > 0.5 ? 1 : 0
      firstColumn += first / all / Double(H)
      norm += all.squareRoot() / Double(H)
      normBeyond += max(0, all - first).squareRoot() / Double(H)
    }
    (firstState, otherStates) = firstAndRest(trace.input)
    (firstOutput, otherOutputs) = firstAndRest(trace.mixerOutput)
    if let projections = block.mixer.projections {
      partFromFirst = shareOfFirst(projections, trace.mixerInput, matrices, of: trace.mixerOutput)
    }
  }
}

/// The norm of what a mixer's output takes from the first token, over the norm of the output: means over the second
/// half of the rows.
private nonisolated func shareOfFirst(
  _ projections: MixerProjections, _ u: Tensor, _ matrices: Tensor, of output: Tensor
) -> Double {
  let (T, D, H) = (u.shape[1], u.shape[2], projections.H)
  let value = projections.values(u.sliced(0..<1, along: 1)).elements
  let P = value.count / projections.G
  let a = matrices.elements
  var mixed: [Scalar] = []
  for t in 0..<T {
    for h in 0..<H {
      let group = h / (H / projections.G) * P
      for p in 0..<P { mixed.append(a[(h * T + t) * T] * value[group + p]) }
    }
  }
  let part = linear(Tensor(mixed, shape: [1, T, H * P]), weight: projections.output.weight.value, bias: nil)
  precondition(part.shape == [1, T, D], "heads make up the width")
  func norm(_ x: Tensor) -> Double {
    let rows = x.sliced((T / 2)..<T, along: 1)
    return Double(sum(distance(rows, .zeros(rows.shape), over: 1)).scalar)
  }
  return norm(part) / norm(output)
}

/// The norm of the first token's row of [1, T, D], and the mean of the others'.
private nonisolated func firstAndRest(_ x: Tensor) -> (first: Double, rest: Double) {
  let norms = distance(x, .zeros(x.shape), over: 1).elements.map { Double($0) }
  return (norms[0], norms.dropFirst().reduce(0, +) / Double(norms.count - 1))
}

// ## Heads that differ

/// A head by layer and number.
nonisolated struct Head: Hashable, Codable {
  var layer: Int
  var number: Int
}

/// Four heads that attend to a text in different ways.
///
/// - Returns: the head that attends most to the previous token, the one that attends most to the first, the one with
///   the widest spread over tokens, and one in between
nonisolated func tellingHeads(of teacher: FrozenModel, on tokens: Tokens) -> [(
  what: String, head: Head, matrix: Tensor
)] {
  var all: [(head: Head, matrix: Tensor, previous: Double, sink: Double, entropy: Double)] = []
  for (l, trace) in teacher.traces(tokens).enumerated() {
    let matrices = trace.matrix!
    let (H, T) = (matrices.shape[1], matrices.shape[2])
    for h in 0..<H {
      let matrix = matrices.sliced(h..<(h + 1), along: 1).reshaped(to: [T, T])
      let a = matrix.elements.map { Double($0) }
      var (previous, sink, entropy) = (0.0, 0.0, 0.0)
      for t in 2..<T {
        previous += a[t * T + t - 1] / Double(T - 2)
        sink += a[t * T] / Double(T - 2)
        for weight in a[(t * T)...(t * T + t)] where weight > 0 { entropy -= weight * log(weight) }
      }
      all.append((Head(layer: l, number: h), matrix, previous, sink, entropy / Double(T - 2)))
    }
  }
  // One of those that attend neither to the previous nor to the first token, with a rather narrow spread.
  let others = all.filter { $0.previous < 0.3 && $0.sink < 0.5 }.sorted { $0.entropy < $1.entropy }
  let chosen = [
    ("most on the previous token", all.max { $0.previous < $1.previous }!),
    ("most on the first token", all.max { $0.sink < $1.sink }!),
    ("widest spread", all.max { $0.entropy < $1.entropy }!),
    ("narrower spread", others.isEmpty ? all[all.count / 2] : others[others.count / 4]),
  ]
  return chosen.map { ($0, $1.head, $1.matrix) }
}
