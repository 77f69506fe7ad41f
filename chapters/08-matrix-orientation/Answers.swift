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
import Training

// ## 1. The heads that resist
//
// We measure what is left of a head: its distance after stage 1, as a fraction of the norm of the
// teacher's matrix. 1 is no better than zeros. What the teacher does in a head shows in where its
// weights are. A head whose weights lie on the last few tokens mixes by position. That is the
// easier case, since the convolution can shift B by a few tokens, and the decay can hide the
// rest. A head whose weights lie further back picks tokens by their content, such as the first
// letter of a word. There the product C[t] · B[s] must be large for one token and small for its
// neighbours.
//
// So beside what is left of each head we put the fraction of the teacher's squared weights that
// lie more than three tokens back. If the explanation is right, the two go together, and their
// correlation is near 1.

func answer1() throws {
  let layers = L * H <= 32 ? Array(0..<L) : [layer]
  var heads: [(name: String, left: Double, further: Double)] = []
  for l in layers {
    let target = traces[l].matrix!
    let left = distance(oriented.model.blocks[l].mixer.matrix(traces[l].mixerInput), target, over: 2)
    let size = distance(target, .zeros(target.shape), over: 2)
    for h in 0..<H {
      func ofHead(_ x: Tensor) -> Double { Double(mean(x.sliced(h..<(h + 1), along: 1)).scalar) }
      let parts = squares(of: target, head: h)
      heads.append(("layer \(l), head \(h)", ofHead(left) / ofHead(size), (parts[1] + parts[2]) / parts.reduce(0, +)))
    }
  }
  table(
    ["head", "distance left, in norms of the teacher's", "squared weights more than \(near) tokens back"],
    rows: heads.map { [$0.name, number($0.left, decimals: 2), number($0.further, decimals: 2)] })
  finding(
    """
    Over \(heads.count) heads, what is left and how much of the teacher's squared weight lies further back have a
    correlation of \(number(correlation(heads.map(\.left), heads.map(\.further)), decimals: 1)).
    """)
}

/// The squared entries of a head's matrices [B, H, T, T], summed by how far back they look and averaged over windows:
/// up to `near` tokens, up to `far`, and more.
func squares(of matrices: Tensor, head h: Int) -> [Double] {
  var parts = [0.0, 0.0, 0.0]
  let windows = matrices.shape[0]
  for window in 0..<windows {
    let matrix = rows(of: head(h, of: matrices, window: window))
    for t in 0..<T {
      for s in 0...t { parts[t - s <= near ? 0 : t - s <= far ? 1 : 2] += matrix[t][s] * matrix[t][s] }
    }
  }
  return parts.map { $0 / Double(windows) }
}

/// Pearson's correlation of two lists of equal length, −1 … 1.
func correlation(_ x: [Double], _ y: [Double]) -> Double {
  let (a, b) = (x.reduce(0, +) / Double(x.count), y.reduce(0, +) / Double(y.count))
  func product(_ x: [Double], _ y: [Double], _ a: Double, _ b: Double) -> Double {
    zip(x, y).reduce(0) { $0 + ($1.0 - a) * ($1.1 - b) }
  }
  return product(x, y, a, b) / (product(x, x, a, a) * product(y, y, b, b)).squareRoot()
}

// ## 2. The state or the steps
//
// N limits the rank of every block of M below the diagonal. With a larger N there are better
// matrices to be found, but they have to be found in the steps that there are. We train three
// students: one with the state and the steps of the chapter, one with four times the state, and
// one with four times the steps, all with the same peak of the learning rate. All three see the
// same batches in the same order. But these batches, and the students' initial weights, are drawn
// anew for this exercise, so the first student need not end at the distance that the chapter prints.
//
// The distance is a mean over layers. The last three columns say where the residual of the drawn
// layer lies. They are sums of its squared entries, as means over heads and windows, and not
// fractions as in section 5. So a column shows what has become less.
//
// A small gain from a larger state does not mean that N never matters. It means that this student
// is limited by its training first. Chapter 06 asks what each family can reach without such a
// limit.

func answer2() throws {
  let (N, steps) = (recipe.N, recipe.orientationSteps)
  let students = [
    (N, steps, plainStudent), (4 * N, steps, try orientedStudent(N: 4 * N, steps: steps)),
    (N, 4 * steps, try orientedStudent(N: N, steps: 4 * steps)),
  ]
  let distances = students.map { _, _, student in
    meanOverLayers(layerDistances(of: student.frozen, from: teacher, on: heldOut)) { $0.matrix }
  }
  table(
    [
      "N", "steps", "distance", "squared residual, 0 to \(near) tokens back", "\(near + 1) to \(far)",
      "more than \(far)",
    ],
    rows: zip(students, distances).map { student, distance in
      let residual = target - student.2.blocks[layer].mixer.matrix(input)
      let ofHeads = (0..<H).map { squares(of: residual, head: $0) }
      let parts = (0..<3).map { part in ofHeads.reduce(0) { $0 + $1[part] } / Double(H) }
      return ["\(student.0)", "\(student.1)", number(distance, decimals: 2)] + parts.map { number($0, decimals: 2) }
    })
  finding(
    """
    Four times the state changes the distance from \(number(distances[0], decimals: 2)) to
    \(number(distances[1], decimals: 2)), four times the steps change it to \(number(distances[2], decimals: 2)). A
    matrix of zeros is at \(number(norm, decimals: 2)).
    """)
}

/// A student with the state and the steps of the chapter, which two exercises use; made when it is first asked for.
let plainStudent = exitOnError { try orientedStudent(N: recipe.N, steps: recipe.orientationSteps) }

/// A student after stage 1. Those with the same N begin with the same weights, and all see the same batches in order.
func orientedStudent(N: Int, steps: Int, squaring: Bool = false) throws -> LanguageModel {
  var sizes = recipe.studentMixer
  sizes.N = N
  var random = SeededGenerator(seed: chapter.seed)
  // Stage 1 needs the mixers alone; the other weights stay unset.
  let student = LanguageModel(mixersOf: teacher.configuration.student(sizes), using: &random)
  let settings = TrainingSettings(
    steps: steps, learningRate: recipe.orientationRate, tokensPerUpdate: recipe.tokensPerUpdate, seed: chapter.seed)
  func draw(_ random: inout SeededGenerator) -> Batch {
    store.corpus.randomBatch(B: recipe.B, T: recipe.T, using: &random)
  }
  if squaring {
    _ = try train(SquaredOrientation(from: teacher, to: student), as: "squared distances", settings, on: draw)
  } else {
    _ = try train(MatrixOrientation(from: teacher, to: student), as: "distances", settings, on: draw)
  }
  return student
}

// ## 3. The squared norm
//
// Let R be the residual of a head in one window. The gradient of ‖R‖ with respect to the
// student's matrix is R / ‖R‖. Its length is 1 however large R is, so all heads pull equally
// hard. The gradient of ‖R‖² is 2 R: a head pulls in proportion to its distance. So heads that
// are far from the teacher should gain by the square, and heads that are near should lose. The
// first two lines check the lengths of the gradients.
//
// But pulling harder helps only if the heads compete for something. In stage 1 they share no
// weights: each has its own rows of B, C and a, its own channels of the convolution, and its own
// d. And AdamW divides the gradient of each weight by a running mean of its size, so that a
// factor common to all gradients of a head drops out. What the square still does is to give more
// weight to those windows of a batch in which a head is far off. So the difference should be
// small. We train a student with each loss, from the same weights and on the same batches.

func answer3() throws {
  let matrices = Variable(leaf: first)
  let distances = distance(matrices, Variable(constant: target), over: 2)
  let count = Double(distances.value.count)
  /// The norm of the gradient of each head's matrix, in parts of what is expected; 1 is right.
  func norms(_ loss: Variable, expecting expected: Tensor) -> [Double] {
    let gradient = gradients(of: loss, withRespectTo: [matrices])[0]
    let norms = distance(gradient, .zeros(gradient.shape), over: 2)
    return zip(norms.elements, expected.elements).map { Double($0 / $1) * count }
  }
  let plain = norms(mean(distances), expecting: .ones(distances.shape))
  let squared = norms(mean(distances * distances), expecting: distances.value + distances.value)
  func worst(_ norms: [Double]) -> Double { norms.map { abs($0 - 1) }.max()! }
  check("norm: every head's gradient is as long as any other's", worst(plain), within: 1e-4)
  check("square: it is 2‖R‖ times as long", worst(squared), within: 1e-4)

  let students = [
    plainStudent, try orientedStudent(N: recipe.N, steps: recipe.orientationSteps, squaring: true),
  ]
  let layers = L * H <= 32 ? Array(0..<L) : [layer]
  let ofHeads = students.map { headDistances(of: $0.frozen, in: layers) }
  table(
    ["distance after stage 1", "trained with the norm", "with the square"],
    rows: layers.indices.flatMap { i in
      (0..<H).map { h in
        ["layer \(layers[i]), head \(h)"] + ofHeads.map { number($0[i * H + h], decimals: 2) }
      }
    })
  func summary(_ value: ([Double]) -> Double) -> String {
    list(ofHeads.map { number(value($0), decimals: 2) })
  }
  finding(
    """
    With the norm and with the square, the distance of the farthest head ends at \(summary { $0.max()! }), that of the
    nearest at \(summary { $0.min()! }), and the mean over heads at \(summary { $0.reduce(0, +) / Double($0.count) }).
    """)
}

/// The distance of each head's matrix on held-out text, layer by layer.
func headDistances(of student: FrozenModel, in layers: [Int]) -> [Double] {
  var sums = [Double](repeating: 0, count: layers.count * H)
  var windows = 0
  for batch in heldOut {
    let traces = teacher.trace(batch.inputs)
    windows += batch.inputs.B
    for (i, l) in layers.enumerated() {
      let ofLayer = distance(student.blocks[l].mixer.matrix(traces[l].mixerInput), traces[l].matrix!, over: 2)
      for h in 0..<H { sums[i * H + h] += Double(sum(ofLayer.sliced(h..<(h + 1), along: 1)).scalar) }
    }
  }
  return sums.map { $0 / Double(windows) }
}

/// Stage 1 with squared distances.
nonisolated struct SquaredOrientation: LayerwiseStage {
  let title = "matrix orientation, squared"
  let teacher: FrozenModel
  let student: LanguageModel
  let replaced: [Int]
  let comparesMatrices = true

  init(from teacher: FrozenModel, to student: LanguageModel) {
    (self.teacher, self.student) = (teacher, student)
    replaced = Array(student.blocks.indices)
  }

  func trained(in layer: Int) -> [ParameterRows] { student.blocks[layer].mixer.matrixRows }

  func loss(of layer: Int, _ trace: BlockTrace<Tensor>) -> Variable {
    let matrix = student.blocks[layer].mixer.matrix(Variable(constant: trace.mixerInput))
    let distances = distance(matrix, Variable(constant: trace.matrix!), over: 2)
    return mean(distances * distances)
  }
}
