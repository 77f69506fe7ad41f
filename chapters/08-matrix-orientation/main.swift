// # 08  Stage 1: matrix orientation
//
// A head of attention computes y = M v. Queries, keys and a softmax make the matrix M, and M
// mixes the values v of the tokens. A head of the student computes y = M x. B, C, the decay and d
// make a matrix of the same shape, and it mixes x. So two things can be compared: how the tokens
// are mixed, M with M, and what is mixed, v with x. Stage 1 compares the matrices alone. In each
// layer both mixers read the same input u, which is the teacher's LN u[l] (chapter 07), and the
// student's matrix is turned toward the teacher's:
//
//     loss  =  Σ over layers of the mean over windows and heads of  ‖ M_teacher(u) − M_student(u) ‖
//
// x, the gate and W_o do not appear in this loss. They wait for stage 2, which compares outputs.
//
// You will see which weights this loss reaches, how it falls in each layer, and every head of one
// layer before and after: the teacher's matrix, the student's, and their difference. The run
// takes about ten seconds once the teacher is there.

import ArgumentParser
import Book
import Corpora
import Distillation
import Experiments
import Foundation
import Gradients
import Layers
import Models
import Notebook
import Plots
import Statistics
import Tensors
import Training

struct Options: ParsableArguments, TakesModel {
  @OptionGroup var given: ModelOptions
  var model: String? { given.model }

  @Option(
    parsing: .unconditional,
    help: "The layer whose heads are drawn, counted from 0. (default: 1, or 0 if there is one layer)")
  var layer: Int?
}

let chapter = Chapter(
  "08-matrix-orientation", question: "Can the student's matrix be turned toward the teacher's?",
  duration: "10 seconds with a teacher from chapter 05; 5 seconds with --quick", options: Options.self)

let store = chapter.openModelStore()
let recipe = store.recipe
let (H, L, T) = (recipe.H, recipe.L, recipe.T)
let layer = chapter.options.layer ?? min(1, L - 1)
if !(0..<L).contains(layer) {
  stop(because: CommandError("--layer \(layer): the model has the layers 0 to \(L - 1)"))
}
let teacher = exitOnError { try store.teacher().frozen }
let heldOut = store.heldOut.reported

// ## Two matrices and their distance
//
// The teacher runs on its own hidden states. At each block we keep what its mixer reads, LN u[l],
// and the matrix that it makes of it. The student's mixer reads the same. So no layer depends on
// what the student's other layers do, and each has a loss of its own. ‖·‖ is the Frobenius norm,
// the root of the sum of the squared entries; it is not squared, and not divided by T. Beside the
// distances stands the norm of the identity, √T: that is what d = 1 adds to a student's matrix at
// the start.

chapter.section("1. Two matrices and their distance")
let student = store.newStudent()
let stage = MatrixOrientation(from: teacher, to: student)
exitOnError { try stage.begin() }

let batch = heldOut[0]
do {
  let loss = stage.loss(batch)
  table(
    ["layer", "distance before, mean over heads"],
    rows: loss.parts.map { [$0.0, number($0.1, decimals: 3)] })
  show("loss: their sum", Double(loss.total.value.scalar), unit: "Frobenius")
}
show("norm of the identity, √T", Double(T).squareRoot())

// In a program of your own the loss may begin too high, or stay too high. These mistakes are the
// first to look for:
//
// - The norm is squared. It is a plain root, for each head of each window.
// - Heads or windows are summed. Only layers are; over heads and windows the loss is a mean.
// - The teacher's scores are compared. Its matrix is what the softmax makes of them.
// - The student's mixer reads the student's states. In this stage it reads the teacher's.
// - It reads the state without its norm, u[l]. A mixer reads LN u[l].
// - The logarithms of the decays are summed from s. The sum begins at s + 1. B can learn to make up
//   for this, so the loss need not show it; M x against the recurrence does (chapter 02, section 8).
// - d is missing from the matrix. Then C[t] · B[t] has to make the diagonal alone, and d does not
//   learn.
// - d is counted twice, once inside the function that makes the matrix and once after it.
// - One matrix is transposed. In both, t is the row and s ≤ t the column. Otherwise the loss of a
//   head cannot fall below the norm of what the teacher's matrix has off its diagonal.

// ## What the loss can reach
//
// The matrix is made of B, C, the decay and d. So the gradient should reach the rows of in_proj
// that make B, C and a, the convolution of B and C, and d, and nothing else. `begin` has frozen
// everything that the stage does not train. Here we unfreeze the whole first mixer, so that a
// zero comes from the loss and not from the freezing, and look at the gradient part by part.

chapter.section("2. What the loss can reach")
guard let mixer = student.blocks[0].mixer as? DiscreteMamba2 else { fatalError("the student has another mixer") }
for parameter in mixer.parameters { parameter.isFrozen = false }
let all = gradients(of: stage.loss(batch).total, withRespectTo: mixer.parameters)
let slopes = Dictionary(uniqueKeysWithValues: zip(mixer.parameters.map(\.name), all))

var reached: [(name: String, norm: Double, expected: Bool)] = []
for part in MambaPart.allCases {
  let expected = part == .b || part == .c || part == .a
  let rows = slopes[mixer.inProjection.name]!.sliced(part.rows(mixer.sizes))
  reached.append(("in_proj, rows of \(part)", gradientNorm([rows]), expected))
}
for part in [MambaPart.x, .b, .c] {
  let taps = slopes[mixer.convolutionWeight.name]!.sliced(part.rows(mixer.sizes))
  let biases = slopes[mixer.convolutionBias.name]!.sliced(part.rows(mixer.sizes))
  reached.append(("conv1d.weight, channels of \(part)", gradientNorm([taps]), part != .x))
  reached.append(("conv1d.bias, channels of \(part)", gradientNorm([biases]), part != .x))
}
for (name, parameter, expected) in [
  ("d", mixer.skip, true), ("z_bias", mixer.zBias, false), ("out_proj", mixer.output.weight, false),
] {
  reached.append((name, gradientNorm([slopes[parameter.name]!]), expected))
}
table(
  ["parameter of layer 0", "gradient norm"],
  rows: reached.map { [$0.name, $0.norm == 0 ? "0" : number($0.norm, digits: 3)] })
check(
  "the gradient reaches B, C, a, their convolution and d, and nothing else",
  reached.allSatisfy { ($0.norm > 0) == $0.expected }, "\(reached.count) parts")
let tape = TapeSummary(of: stage.loss(batch).total)
check("the teacher gets none", !teacher.model.parameters.contains(where: tape.reaches))

// ## The run
//
// The stage lists what it trains, row by row, and the optimiser touches nothing else. In each
// step we draw a batch, compute the loss, and update all layers at once. The layers do not
// influence one another, but for one thing: clipping limits the norm of all gradients together.

chapter.section("3. The run")
show("steps", recipe.orientationSteps)
show("tokens per update", recipe.tokensPerUpdate)
show("peak learning rate", recipe.orientationRate, digits: 2)
let oriented = exitOnError { try store.student(.all, after: 1) }
let history = oriented.history

chapter.record(history)

// The figure shows the distance of each layer, step by step. So that the layers can be compared,
// each is divided by the norm of the teacher's matrix in that layer, taken from the held-out
// batch of section 1. Two heights then have a meaning: 0 is the teacher's own matrix, and 1 is a
// matrix of zeros, which mixes nothing.

let traces = teacher.trace(batch.inputs)
let norms = traces.map { trace in
  let matrix = trace.matrix!.expecting(batch.inputs.B, H, T, T, as: "the teacher's matrices")
  return Double(mean(distance(matrix, .zeros(matrix.shape), over: 2)).scalar)
}
chapter.plot(
  Figure(
    "Stage 1: how far the student's matrices are from the teacher's",
    panels: [
      LineChart(
        "mean over heads, a value for each step", x: Axis("tokens seen"),
        y: Axis("distance, in norms of the teacher's matrix"),
        series: zip(history.detailNames, norms).map { name, norm in
          lossCurve(
            name, history.detail(name).map { $0 / norm }, tokensPerUpdate: recipe.tokensPerUpdate, smoothing: 1)
        },
        references: [Reference("a matrix of zeros", y: 1), Reference("the teacher's own matrix", y: 0)])
    ]), "loss")

// ## Before and after, on held-out text
//
// For the student before stage 1 we take a new one, which has the same initial weights. Beside
// the distances stands the norm of the teacher's matrix, the distance of a matrix of zeros.

chapter.section("4. Before and after, on held-out text")
let beginner = store.newStudent()
let before = layerDistances(of: beginner.frozen, from: teacher, on: heldOut)
let after = layerDistances(of: oriented.frozen, from: teacher, on: heldOut)
table(
  ["layer", "before", "after", "norm of the teacher's matrix"],
  rows: (0..<L).map { l in
    ["\(l)"] + [before[l].matrix, after[l].matrix, after[l].teacherMatrixNorm].map { number($0, decimals: 3) }
  })
for l in 0..<L {
  check("layer \(l): the distance falls", after[l].matrix, lessThan: before[l].matrix)
}
if store.isReference {
  check("every layer ends nearer than a matrix of zeros", after.allSatisfy { $0.matrix < $0.teacherMatrixNorm })
}

// ## Every head of a layer
//
// Each row of the figure is a head: the teacher's matrix; the student's before stage 1, and the
// residual, which is the teacher's minus the student's; and both again after stage 1. Only a part
// of the window is drawn, so that single tokens can be seen near the diagonal. The colours end at
// ±0.5.

chapter.section("5. Every head of layer \(layer)")
let input = traces[layer].mixerInput
let (target, first, last) = (
  traces[layer].matrix!, beginner.blocks[layer].mixer.matrix(input),
  oriented.model.blocks[layer].mixer.matrix(input)
)
let columns: [(String, Tensor)] = [
  ("teacher", target), ("student before", first), ("residual before", target - first), ("student after", last),
  ("residual after", target - last),
]
let zoom = (T / 2)..<min(T, T / 2 + 32)
let seen = Double(zoom.lowerBound)...Double(zoom.upperBound - 1)
chapter.plot(
  Figure(
    "Attention, SSD matrix and residual in layer \(layer), before and after stage 1",
    panels: (0..<H).flatMap { h in
      columns.enumerated().map { column, entry in
        HeatMap(
          "head \(h): \(entry.0)", values: rows(of: head(h, of: entry.1).sliced(zoom).sliced(zoom, along: 1)),
          x: Axis("source s", unit: "token", range: seen), y: Axis("target t", unit: "token", range: seen),
          colourLabel: "weight", scale: .diverging, range: -0.5...0.5, showsColourBar: column == columns.count - 1)
      }
    }, columns: columns.count), "heads")
func heads(_ matrices: Tensor) -> [Exploration.NamedMatrix] {
  (0..<H).map { h in
    Exploration.NamedMatrix("head \(h)", rows: rows(of: head(h, of: matrices).sliced(zoom).sliced(zoom, along: 1)))
  }
}
chapter.explore(
  .training(
    title: "The same on the page: before and after stage 1",
    tokens: batch.inputs.row(0)[zoom].map { store.corpus.tokenizer.decode([$0]) }, target: heads(target),
    before: heads(first), after: heads(last)))

let (distanceBefore, distanceAfter) = (distance(first, target, over: 2), distance(last, target, over: 2))
table(
  ["head", "distance before", "distance after"],
  rows: (0..<H).map { h in
    func ofHead(_ x: Tensor) -> String { number(Double(mean(x.sliced(h..<(h + 1), along: 1)).scalar), decimals: 3) }
    return ["\(h)", ofHead(distanceBefore), ofHead(distanceAfter)]
  })

// Where does the residual after stage 1 lie? We add up its squared entries by how far back they
// look, t − s, as fractions of their sum. Beside them stand the teacher's own fractions, which are
// what a matrix of zeros would leave. So only the difference between the two says where the student
// has learned more, or less. All are of the window that is drawn.

let (near, far) = (3, 20)
func shares(of matrices: Tensor, _ h: Int) -> [Double] {
  let matrix = rows(of: head(h, of: matrices))
  var parts = [0.0, 0.0, 0.0]
  for t in 0..<T {
    for s in 0...t { parts[t - s <= near ? 0 : t - s <= far ? 1 : 2] += matrix[t][s] * matrix[t][s] }
  }
  let all = parts.reduce(0, +)
  return parts.map { $0 / all }
}
let ofResidual = (0..<H).map { shares(of: target - last, $0) }
let ofTeacher = (0..<H).map { shares(of: target, $0) }
table(
  ["fraction of the squared entries", "0 to \(near) tokens back", "\(near + 1) to \(far)", "more than \(far)"],
  rows: (0..<H).flatMap { h in
    [("residual", ofResidual[h]), ("teacher", ofTeacher[h])].map { name, parts in
      ["head \(h), \(name)"] + parts.map { number($0, decimals: 3) }
    }
  })

// ## What it is not
//
// The student's matrices are now nearer to the teacher's. Is it a better language model? We copy
// the teacher's other weights around its mixers, and ask. There is reason for doubt: x and W_o
// still have their random initial weights. The student now mixes roughly the right tokens, but
// what it takes from them, and what it adds to the hidden state, is still noise.

chapter.section("6. What it is not")
transferWeights(from: teacher, to: beginner)
transferWeights(from: teacher, to: oriented.model)
let (worthBefore, worthAfter) = (
  crossEntropy(of: beginner.frozen, on: heldOut), crossEntropy(of: oriented.frozen, on: heldOut)
)
show("held-out loss with the mixers before stage 1", worthBefore.mean, unit: store.unit)
show("held-out loss with the mixers after stage 1", worthAfter.mean, unit: store.unit)
let worthOfTeacher = crossEntropy(of: teacher, on: heldOut)
show("held-out loss of the teacher", worthOfTeacher.mean, unit: store.unit)
report("stage 1 alone makes a better language model", worthAfter.mean, lessThan: worthBefore.mean)

// ## Breaking it on purpose: weight decay in rows without a gradient
//
// The rows of x in in_proj get no gradient in this stage, so surely they stay as they are? Not
// with AdamW: its weight decay shrinks everything that it is given, whatever the gradient. If we
// list the whole of in_proj as trained, and not only its rows of B, C and a, the rows of x
// shrink, though stage 2 will need them.

chapter.section("7. Breaking it on purpose: decay in rows without a gradient")
func changeOfX(listingWholeMatrix whole: Bool) -> Double {
  let fresh = store.newStudent()
  let stage = MatrixOrientation(from: teacher, to: fresh)
  exitOnError { try stage.begin() }
  guard let mixer = fresh.blocks[0].mixer as? DiscreteMamba2 else { return .nan }
  var optimiser = AdamW(
    whole ? [ParameterRows(mixer.inProjection)] : stage.trained.filter { $0.parameter === mixer.inProjection })
  let x = MambaPart.x.rows(mixer.sizes)
  let start = mixer.inProjection.value.sliced(x)
  for _ in 0..<10 {
    let slope = gradients(of: stage.loss(batch).total, withRespectTo: [mixer.inProjection])
    optimiser.step(slope, learningRate: recipe.orientationRate, norm: gradientNorm(slope))
  }
  return gradientNorm([mixer.inProjection.value.sliced(x) - start]) / gradientNorm([start])
}
let (listed, wilted) = (changeOfX(listingWholeMatrix: false), changeOfX(listingWholeMatrix: true))
check("rows of B, C and a listed: x keeps every bit", listed, within: 0.0)
check("the whole matrix listed: x changes, relative", wilted, greaterThan: 1e-3, digits: 2)

// ## What we saw
//
// Stage 1 trains the weights that make the matrix and nothing else, and each layer has its own
// loss.

func meanOverLayers(_ layers: [LayerDistance], _ value: (LayerDistance) -> Double) -> Double {
  layers.reduce(0) { $0 + value($1) } / Double(layers.count)
}
let (farBefore, farAfter) = (meanOverLayers(before) { $0.matrix }, meanOverLayers(after) { $0.matrix })
let norm = meanOverLayers(after) { $0.teacherMatrixNorm }
finding(
  """
  In \(history.records.count) steps the distance of the matrices, mean over layers, goes from
  \(number(farBefore, digits: 3)) to \(number(farAfter, digits: 3)). A matrix of zeros would be at
  \(number(norm, digits: 3)); what is left is a fraction of \(number(farAfter / norm, decimals: 2)) of that.
  """)

// Where the residual has a larger fraction than the teacher, the student has learned less of the
// teacher's weight than elsewhere. Is what is left the limit of a state of N rows, or would more
// steps help? Exercise 2 tries both.

func meanShare(_ shares: [[Double]], _ part: Int) -> String {
  number(shares.reduce(0) { $0 + $1[part] } / Double(H), decimals: 2)
}
finding(
  """
  In layer \(layer) a fraction of \(meanShare(ofResidual, 0)) of the residual's squared norm lies at most \(near) tokens
  back, and one of \(meanShare(ofResidual, 2)) more than \(far) tokens back, mean over heads; of the teacher's,
  \(meanShare(ofTeacher, 0)) and \(meanShare(ofTeacher, 2)).
  """)

// A matrix is not yet a model.

finding(
  """
  With the teacher's other weights around them, the student's mixers give a held-out loss of
  \(number(worthBefore.mean, decimals: 3)) \(store.unit) before stage 1 and of \(number(worthAfter.mean, decimals: 3))
  after it; the teacher's own mixers give \(number(worthOfTeacher.mean, decimals: 3)).
  """)

// ## Exercises
//
// 1. Which heads are still far from the teacher after stage 1, and what does the teacher do in
//    them? (`--layer` draws the heads of another layer.)
// 2. What would bring the matrices nearer: four times the state, or four times the steps?
// 3. Square the norm in the loss. Which heads should gain by it, which should lose, and do they?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 09-hidden-state-alignment, which asks what this start is worth.

chapter.finish()
