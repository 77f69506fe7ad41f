// # Answers to the exercises

import Book
import Corpora
import Distillation
import Experiments
import Gradients
import Layers
import Models
import Notebook
import Tensors

// ## 1. What could be copied
//
// The value projection and the part of in_proj that makes x both have D × D numbers, and so has
// W_o in both mixers: these two can be copied as they are. The biases of the values go into the
// bias of the convolution, which begins as the identity and so hands them on. C could take over
// the queries and B the keys, but the shapes differ: a head has P rows of queries and N rows of
// C. Their scores suggest a way. Let r[t] be what a mixer reads of token t, its row of LN u[l].
// Without rotation and biases
//
//     q[t] · k[s]  =  r[t]ᵀ W_qᵀ W_k r[s]        and        C[t] · B[s]  =  r[t]ᵀ W_Cᵀ W_B r[s]
//
// and the matrix of rank N that is nearest to W_qᵀ W_k keeps its N largest singular values. What
// cannot be copied is the rotation of queries and keys by their positions, and the softmax. The
// gate z and the decay a have no counterpart in attention.
//
// With x and W_o copied and the gate open, the mixer differs from attention in its matrix alone.
// So with the teacher's matrix in place of M it must give the teacher's output. (The teacher's
// output projection may have a bias, for which the mixer has no place; we add it.) The equality
// rests on the choices of section 3: a silu after the convolution would change x, and a norm
// before W_o would change the sizes of the mixtures.

func answer1() throws {
  let copying = store.newStudent()
  guard let mixer = copying.blocks[0].mixer as? DiscreteMamba2, let attention = teacher.blocks[0].mixer.projections,
    mixer.begin(with: attention, taking: .valuesAndOutput)
  else {
    finding("This teacher's projections have other shapes than the student's, so that none of them can be copied.")
    return
  }

  let trace = teacher.trace(heldOut[0].inputs)[0]
  let (target, matrix) = (trace.mixerOutput, trace.matrix!)
  func ofInput(_ part: MambaPart) -> Tensor {
    linear(trace.mixerInput, weight: mixer.inProjection.value.sliced(part.rows(mixer.sizes)))
  }
  let x = causalConvolution(
    ofInput(.x), weight: mixer.convolutionWeight.value.sliced(0..<D), bias: mixer.convolutionBias.value.sliced(0..<D))
  let openGate = silu(ofInput(.z) + mixer.zBias.value)
  /// How far the mixer with the teacher's matrix is from the teacher's output, in parts of its largest number.
  func gap(_ x: Tensor, norm: Bool = false) -> Double {
    var y = headMix(matrix, x.reshaped(to: [B, T, H, D / H])).reshaped(to: [B, T, D])
    if norm { y = rmsNorm(y, weight: .ones([D]), epsilon: 1e-5).output }
    let output = linear(y * openGate, weight: mixer.output.weight.value, bias: attention.output.bias?.value)
    return Double(largestMagnitude(output - target) / largestMagnitude(target))
  }
  check("values and W_o copied, the teacher's matrix: the teacher's output, relative", gap(x), within: 2e-5)
  check("with a silu after the convolution it is off by", gap(silu(x)), greaterThan: 0.01, digits: 2)
  check("with a norm before W_o it is off by", gap(x, norm: true), greaterThan: 0.01, digits: 2)

  // How much of queries and keys fits into N rows.
  let (N, P) = (mixer.sizes.N, mixer.sizes.P)
  let kept = (0..<H).map { h -> Double in
    let group = h * attention.G / attention.H
    let q = attention.queries.weight.value.sliced((h * P)..<((h + 1) * P))
    let k = attention.keys.weight.value.sliced((group * P)..<((group + 1) * P))
    let squares = singularValues(matmul(q, k, transposingA: true)).elements.map { Double($0 * $0) }
    return squares.prefix(N).reduce(0, +) / squares.reduce(0, +)
  }
  finding(
    """
    In layer 0 the matrix W_qᵀ W_k of a head has a rank of \(P) at most. The best matrix of rank \(N) keeps a fraction
    of \(number(kept.reduce(0, +) / Double(H), decimals: 3)) of its squared norm, mean over heads.
    """)
}

// ## 2. d = 0
//
// An M of random numbers has nothing to do with the teacher's matrix, so the squared distance is
// about the sum of their two squared norms. Whatever makes M smaller brings it nearer: d = 1 adds
// about T to the squared norm of M, d = 0 nothing. By this measure a matrix of zeros, which mixes
// no tokens at all, is better than both. At the start a small distance only means that the matrix
// says little.
//
// So a start has to be judged by what comes of it. Stage 1 compares matrices, and has less to
// undo when d begins at 0. Stage 2 compares outputs. There d = 1 has the advantage that it hands
// the x of each token to W_o whatever B, C and the decay are, so that the rows of x and W_o can
// learn from the first step. We take both students through the same stages on the same batches.
// If they end close together, one seed does not decide between them.

func answer2() throws {
  let start = StudentStart("d = 0") { model in
    for block in model.blocks {
      if let mixer = block.mixer as? DiscreteMamba2 { mixer.skip.value = .zeros(mixer.skip.value.shape) }
    }
  }
  let beginner = store.newStudent()
  try start.prepare(beginner)
  let arm = recipe.arm(.all).with { $0.stages = Array($0.stages.prefix(2)) }
  func withoutSkip(after stages: Int) throws -> FrozenModel {
    try store.student(of: arm, in: chapter.name, as: "student-without-skip", after: stages, from: start).frozen
  }
  let ways = [
    ("d = 1", [student.frozen, try store.student(.all, after: 1).frozen, try store.student(.all, after: 2).frozen]),
    ("d = 0", [beginner.frozen, try withoutSkip(after: 1), try withoutSkip(after: 2)]),
  ]
  let distances = ways.map { name, models in
    (name: name, steps: models.map { layerDistances(of: $0, from: teacher, on: heldOut) })
  }
  func mean(_ layers: [LayerDistance], _ value: (LayerDistance) -> Double) -> Double {
    layers.reduce(0) { $0 + value($1) } / Double(layers.count)
  }
  func cells(_ steps: [[LayerDistance]], _ value: (LayerDistance) -> Double) -> [String] {
    steps.map { number(mean($0, value), decimals: 2) }
  }
  let untrained = [distances[0].steps[0]]
  var lines: [[String]] = []
  for (name, steps) in distances {
    lines.append(["\(name): matrices"] + cells(steps, \.matrix))
    lines.append(["\(name): outputs"] + cells(steps, \.hidden))
  }
  lines.append(["zeros: matrices"] + cells(untrained, \.teacherMatrixNorm) + ["", ""])
  lines.append(["zeros: outputs"] + cells(untrained, \.teacherNorm) + ["", ""])
  table(["distance, mean over layers", "at the start", "after stage 1", "after stages 1 and 2"], rows: lines)
  func change(_ step: Int, _ value: (LayerDistance) -> Double) -> String {
    number(mean(distances[1].steps[step], value) / mean(distances[0].steps[step], value), decimals: 2)
  }
  finding(
    """
    With d = 0 in place of 1 the distance of the matrices is \(change(0, \.matrix)) times as large at the start and
    \(change(1, \.matrix)) times after stage 1; the distance of the outputs is \(change(2, \.hidden)) times as large
    after both stages.
    """)
}

// ## 3. A state of one row
//
// With N = 1 the state of a head is a single row of P numbers. Beside it the mixer remembers only
// the last K − 1 inputs of its convolution. Neither grows with the text.
//
// What the tokens of the second half learn about the first has to pass through the state at the
// border. (The convolution reaches over it as well, but only by K − 1 tokens.) With N = 1 all of
// them read the same P numbers, each times a factor of its own. In the matrix M this is a rank:
// the block with rows in the second half and columns in the first is a column times a row, and
// has rank 1. In general its rank is at most N. We check both with singular values.

func answer3() throws {
  guard let mamba = student.blocks[0].mixer as? DiscreteMamba2 else { return }
  var sizes = mamba.sizes
  sizes.N = 1
  var random = SeededGenerator(seed: chapter.seed)
  let narrow = DiscreteMamba2("narrow", sizes: sizes, using: &random)

  func remembered(_ mixer: any MatrixMixer, after tokens: Int) -> String {
    "\(mixer.memoryShapes(lengths: [tokens]).values.reduce(0) { $0 + $1.count })"
  }
  let mixers: [(String, any MatrixMixer)] = [
    ("attention", teacher.blocks[0].mixer), ("state space, N = \(mamba.sizes.N)", mamba),
    ("state space, N = 1", narrow),
  ]
  table(
    ["numbers that a layer remembers", "after \(T) tokens", "after \(10 * T)"],
    rows: mixers.map { [$0.0, remembered($0.1, after: T), remembered($0.1, after: 10 * T)] })
  show("of these, in the state of one head with N = 1", sizes.N * sizes.P)

  /// The singular values of the block from the first half of the text to the second, in parts of the largest.
  func values(_ mixer: DiscreteMamba2) -> [Double] {
    let block = head(0, of: mixer.matrix(u)).sliced((T / 2)..<T).sliced(0..<(T / 2), along: 1)
    let values = singularValues(block).elements.map { Double($0) }
    return values.map { $0 / values[0] }
  }
  check("N = 1: the second singular value of the block, in parts of the first", values(narrow)[1], within: 1e-5)
  check(
    "N = \(mamba.sizes.N): singular values of the block above 1e-5 of the first",
    values(mamba).count { $0 > 1e-5 }, atMost: mamba.sizes.N)
}
