// # 08  Stage 1: matrix orientation
//
// A head of attention gives y = M v: its softmax makes a matrix M, which mixes the values v of the
// tokens. A head of the student gives y = M x: its decays, with B and C, make a matrix of the same
// shape, which mixes x. So there are two questions: how are tokens mixed, and what is mixed? Stage 1
// asks the first alone. For the same input it turns the student's matrix toward the teacher's:
//
//     loss  =  Σ over layers of the mean over windows and heads of  ‖ M_teacher(u) − M_student(u) ‖
//
// What is mixed, and what becomes of the mixture, waits for stage 2.
//
// You will see which weights this loss can reach, loss curves for each layer, and every head of one
// layer as target, fit and residual, before and after. The run takes about ten seconds once the
// teacher is there.

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
// The teacher runs on its own states. At each block we keep what its mixer reads, u = LN u[l], and
// the matrix it mixes with. The student's mixer reads the same u, so that no layer waits for another,
// and each has a loss of its own. The norm ‖·‖ is Frobenius': the root of the sum of squares over all
// entries, neither squared nor divided by T.

chapter.section("1. Two matrices and their distance")
let student = store.newStudent()
let stage = MatrixOrientation(from: teacher, to: student)
exitOnError { try stage.begin() }

let batch = heldOut[0]
let loss = stage.loss(batch)
table(
  ["layer", "distance before, mean over heads"],
  rows: loss.parts.map { [$0.0, number($0.1, decimals: 3)] })
show("loss: their sum", Double(loss.total.value.scalar), unit: "Frobenius")
show("for comparison, the norm of D·I with D = 1: √T", Double(T).squareRoot())

// ## What the loss can reach
//
// The matrix is made of B, C, the decay and D. So the gradient should arrive at their rows of the
// in-projection, at their part of the convolution, and at D; and nowhere else. `begin` has frozen
// what the stage does not train. We unfreeze the whole first mixer, so that a zero comes from the
// loss and not from the freezing, and measure part by part.

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
  ("D", mixer.skip, true), ("z_bias", mixer.zBias, false), ("out_proj", mixer.output.weight, false),
] {
  reached.append((name, gradientNorm([slopes[parameter.name]!]), expected))
}
table(
  ["parameter of layer 0", "gradient norm"],
  rows: reached.map { [$0.name, $0.norm == 0 ? "0" : number($0.norm, digits: 3)] })
check(
  "the gradient reaches B, C, a, their convolution and D, and nothing else",
  reached.allSatisfy { ($0.norm > 0) == $0.expected }, "\(reached.count) parts")
check("the teacher gets none", !teacher.model.parameters.contains { TapeSummary(of: loss.total).reaches($0) })

// ## The run
//
// The stage lists what it trains, row by row, and the optimiser touches nothing else. In each step
// a batch is drawn, the loss computed, and all layers descend at once. Their losses are
// independent, since each reads the teacher's states; only the clipping looks at all gradients
// together.

chapter.section("3. The run")
show("steps", recipe.orientationSteps)
show("tokens per update", recipe.tokensPerUpdate)
show("peak learning rate", recipe.orientationRate, digits: 2)
let oriented = exitOnError { try store.student(.all, after: 1) }
let history = oriented.history

chapter.record(history)
chapter.plot(
  Figure(
    "Stage 1: the distance of the matrices falls",
    panels: [
      LineChart(
        "mean of 5 steps", x: Axis("tokens seen"), y: Axis("distance", unit: "Frobenius, mean over heads"),
        series: history.detailNames.map {
          lossCurve($0, history.detail($0), tokensPerUpdate: recipe.tokensPerUpdate, smoothing: 5)
        })
    ]), "loss")

// ## Before and after, on held-out text
//
// The student before stage 1 is a new one with the initial weights of the oriented one. Beside the
// distance stands the norm of the teacher's matrix: the distance of a student whose matrix is zero.

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
// A row for each head: the teacher's matrix; the student's and what is left of the difference,
// before; the same after. Only part of the window is drawn, so that what happens near the diagonal
// can be seen, and colours end at ±0.5.

chapter.section("5. Every head of layer \(layer)")
let traces = teacher.trace(batch.inputs)
let input = traces[layer].mixerInput
let (target, first, last) = (
  traces[layer].matrix!, beginner.blocks[layer].mixer.matrix(input),
  oriented.model.blocks[layer].mixer.matrix(input)
)
target.expecting(batch.inputs.B, H, T, T, as: "the teacher's matrices")
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

let (distanceBefore, distanceAfter) = (distance(first, target, over: 2), distance(last, target, over: 2))
table(
  ["head", "distance before", "distance after"],
  rows: (0..<H).map { h in
    func ofHead(_ x: Tensor) -> String { number(Double(mean(x.sliced(h..<(h + 1), along: 1)).scalar), decimals: 3) }
    return ["\(h)", ofHead(distanceBefore), ofHead(distanceAfter)]
  })

// Where does the residual lie? Its squares are summed by how far back they are, as fractions of the
// whole. If the student lacked the far past, the last column would be large.

let residual = target - last
let (near, far) = (3, 20)
let shares = (0..<H).map { h -> [Double] in
  let matrix = rows(of: head(h, of: residual))
  var parts = [0.0, 0.0, 0.0]
  for t in 0..<T {
    for s in 0...t { parts[t - s <= near ? 0 : t - s <= far ? 1 : 2] += matrix[t][s] * matrix[t][s] }
  }
  let all = parts.reduce(0, +)
  return parts.map { $0 / all }
}
table(
  ["residual after", "0 to \(near) tokens back", "\(near + 1) to \(far)", "more than \(far)"],
  rows: shares.enumerated().map { h, parts in ["head \(h)"] + parts.map { number($0, decimals: 3) } })

// ## What it is not
//
// The student's matrices are now nearer to the teacher's. Is it a better language model? With the
// teacher's weights around its mixers we can ask. There is reason for doubt: x, the gate and W_o
// are still as they began, so what is mixed, and where it goes, is noise.

chapter.section("6. What it is not")
transferWeights(from: teacher, to: beginner)
transferWeights(from: teacher, to: oriented.model)
let (worthBefore, worthAfter) = (
  crossEntropy(of: beginner.frozen, on: heldOut), crossEntropy(of: oriented.frozen, on: heldOut)
)
show("held-out loss with first mixers", worthBefore.mean, unit: store.unit)
show("held-out loss with oriented mixers", worthAfter.mean, unit: store.unit)
let worthOfTeacher = crossEntropy(of: teacher, on: heldOut)
show("held-out loss of the teacher", worthOfTeacher.mean, unit: store.unit)
report("oriented matrices alone make a better model", worthAfter.mean, lessThan: worthBefore.mean)

// ## Breaking it on purpose: weight decay in rows without a gradient
//
// The rows of x in the in-projection get no gradient in this stage, so surely they stay as they
// are? Not with AdamW. Its decay shrinks what it is given, gradient or not. If we list the whole
// in-projection as trained instead of its rows of B, C and a, then x, which stage 2 will need,
// shrinks.

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
check("with rows listed, x keeps every bit", listed, within: 0.0)
check("with the whole matrix listed, the check sees x shrink", wilted, greaterThan: 1e-3, digits: 2)

// ## What we saw
//
// Stage 1 trains what makes the matrix and nothing else, each layer by its own loss.

func meanOverLayers(_ layers: [LayerDistance], _ value: (LayerDistance) -> Double) -> Double {
  layers.reduce(0) { $0 + value($1) } / Double(layers.count)
}
let (farBefore, farAfter) = (meanOverLayers(before) { $0.matrix }, meanOverLayers(after) { $0.matrix })
let norm = meanOverLayers(after) { $0.teacherMatrixNorm }
finding(
  """
  In \(history.records.count) steps the distance of the matrices, mean over layers, goes from
  \(number(farBefore, digits: 3)) to \(number(farAfter, digits: 3)), which is
  \(number(farAfter / norm, decimals: 2)) of the norm of the teacher's own.
  """)

// If most of what is left lies near the diagonal, the student has found the neighbourhood, and
// smears where the teacher picks one token. How much of that is beyond this family of matrices, and
// how much more steps would reach, this chapter cannot tell; exercise 2 makes a start.

func meanShare(_ part: Int) -> String { number(shares.reduce(0) { $0 + $1[part] } / Double(H), decimals: 2) }
finding(
  """
  In layer \(layer) a part of \(meanShare(0)) of the residual's squared norm lies up to \(near) tokens back, and of
  \(meanShare(2)) more than \(far), mean over heads.
  """)

// A matrix is not yet a model.

finding(
  """
  Among the teacher's other weights, first mixers give a held-out loss of \(number(worthBefore.mean, decimals: 3)),
  oriented ones \(number(worthAfter.mean, decimals: 3)), its own mixers \(number(worthOfTeacher.mean, decimals: 3))
  \(store.unit).
  """)

// Exercises. 1: Draw another layer with `--layer 3`. Which heads resist, and what do they look at?
// 2: Give the student N = 64 in the recipe: which residuals shrink? 3: Square the norm in
// `Sources/Distillation/MatrixOrientation.swift`. Which heads gain, which lose?
//
// Next: 09-hidden-state-alignment, which asks what this start is worth.

chapter.finish()
