// # 07  The student
//
// The student is the teacher with its attention taken out and a state space mixer put in. What
// becomes of each teacher weight? Most of them have a place in the student and can be copied; those
// of attention have none. What stands in their place begins with values that have to be chosen with
// care: a mixer that starts in the wrong place may get no gradient to leave it.
//
// You will see the mapping table, the parts of the new mixer, its matrix beside the teacher's, and
// what the student is worth before any distillation. It takes seconds once the teacher is there.

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

let chapter = Chapter(
  "07-student", question: "What becomes of each teacher weight?",
  duration: "5 seconds with a teacher from chapter 05; 5 seconds with --quick", options: ModelOptions.self)

let store = chapter.openModelStore()
let recipe = store.recipe
let (D, H, T) = (recipe.D, recipe.H, recipe.T)
let teacher = exitOnError { try store.teacher().frozen }
let student = store.newStudent()
let heldOut = store.heldOut.reported

// ## Two blocks
//
// Teacher and student have the same block, y = x + mixer(LN x) + MLP(LN x). The branches do not see
// each other, so a mixer can be exchanged without touching anything else. The table counts the
// weights. What is small in the new mixer is not these but its memory: N·P numbers for each head,
// however long the text, where attention keeps every key and value.

chapter.section("1. Two blocks")
func count(_ parameters: [Parameter]) -> Int { parameters.reduce(0) { $0 + $1.value.count } }
func part(_ name: String, _ of: (LanguageModel) -> [Parameter]) -> [String] {
  [name, "\(count(of(teacher.model)))", "\(count(of(student)))"]
}
table(
  ["part", "teacher", "student"],
  rows: [
    part("embedding") { $0.embedding.parameters },
    part("mixer, each block") { $0.blocks[0].mixer.parameters },
    part("MLP, each block") { $0.blocks[0].parameters(of: .feedForward) },
    part("norm, each block") { $0.blocks[0].parameters(of: .norm) },
    part("final norm and head") { model in
      // A head that is the embedding has been counted.
      model.finalNorm.parameters + model.head.parameters.filter { $0 !== model.embedding.weight }
    },
    part("all") { $0.parameters },
  ])

// ## The mapping
//
// Every teacher parameter with its place in the student, for the first block and what is around the
// blocks. A dash marks a weight without a successor: attention's projections. The paper copies none
// of them, not even v and o, which could serve as x and the output.

chapter.section("2. The mapping")
let mapping = transferTable(from: teacher, to: student)
table(
  ["teacher", "shape", "student"],
  rows: mapping.filter { !$0.teacher.name.contains(".layers.") || $0.teacher.name.contains(".layers.0.") }
    .map { [$0.teacher.name, "\($0.teacher.value.shape)", $0.student?.name ?? "–"] })

let untouched = student.parameters.map(\.value)
let copied = transferWeights(from: teacher, to: student)
show("copied", copied)
show("new in the student", student.parameterCount - copied)
let copies = mapping.compactMap { row in row.student.map { row.teacher.value == $0.value } }
check("copies equal their originals, bit for bit", copies.allSatisfy { $0 }, "\(copies.count) tensors")
let mixerNames = Set(student.blocks.flatMap(\.mixer.parameters).map(\.name))
let unchanged = zip(student.parameters, untouched).filter { mixerNames.contains($0.0.name) }
  .allSatisfy { $0.0.value == $0.1 }
check("the mixers did not change", unchanged, "\(mixerNames.count) tensors")

// ## Inside the mixer
//
// In attention a head has a query, a key and a value of every token, and a matrix W_o mixes what the
// heads bring. The new mixer has something in each of these places. C[t] asks, B[s] says where token
// s is to be found, x[s] is what it passes on, and there is a W_o as well. Between them, in place of
// the softmax, each head carries a state h of N × P numbers through the text. Every token lets it
// fade, writes into it, and reads from it:
//
//     h[t]    =  α[t] h[t − 1] + B[t] x[t]ᵀ            fade, then write
//     y[t]    =  C[t]ᵀ h[t] + D x[t]                   read, and let x pass by
//     output  =  W_o ( y ⊙ silu(z + z_bias) )          open or close each feature, then mix the heads
//
// All of it comes from u by one projection, row range by row range: x, B, C, the gate z, and a,
// which gives the decay α[t] = sigmoid(−a[t]).
//
// Unrolled over time, y is a matrix times x. Below the diagonal M[t, s] = (C[t] · B[s]) α[s + 1] ⋯
// α[t], on it C[t] · B[t] + D. That a recurrence is a matrix is called state space duality, SSD for
// short.

chapter.section("3. Inside the mixer")
guard let mamba = student.blocks[0].mixer as? DiscreteMamba2 else { fatalError("the student has another mixer") }
let roles: [(MambaPart, String)] = [
  (.x, "what is written into the state"), (.b, "where it is written"), (.c, "what is asked of the state"),
  (.z, "the gate on the output"), (.a, "how fast the state fades"),
]
table(
  ["part", "rows of in_proj", "each head", "role"],
  rows: roles.map { part, role in
    let rows = part.rows(mamba.sizes)
    return ["\(part)", "\(rows.lowerBound) ..< \(rows.upperBound)", "\(rows.count / H)", role]
  })

// Three more things look like details, and are not.
//
// The convolution. Before they are used, x, B and C pass through a short convolution over time: each
// of their numbers becomes a weighted sum of its own last K values. The recurrence alone is bad at
// what is easy for attention, to look exactly one token back: its weight on token t − 1 is fixed by
// what B[t − 1] and C[t] say, and a decay that hides token t − 2 soon hides t − 1 as well. With the
// convolution, B[t] may contain the token before t. So a head can ask for "what came after an a",
// the question of chapter 01, which needed two layers of attention.
//
// No activation after it. Mamba-2 has a silu there. Attention has none on queries, keys and values:
// its output is a matrix times values that are linear in u. Without the silu the mixer is so too, and
// its matrix and its x can be asked to be what attention's are.
//
// No norm before W_o. Mamba-2 divides each token's y by its size there. Attention does not, and its
// sizes mean something: a row of weights is a mean, which is long where the values that it averages
// agree, and short where they do not. A norm would also depend on y itself, so that the output were
// no longer a matrix times x; and what stage 1 compares are matrices.

// ## Where it begins
//
// Convolution: identity. Gate: open, silu(z + z_bias) = 1. D = 1. With these the mixer is W_o M x,
// the plainest matrix mixer there is, and the stages start from there. We check the three claims on
// what the first mixer of the teacher reads.

chapter.section("4. Where it begins")
let u = teacher.trace(heldOut[0].inputs)[0].mixerInput
let B = heldOut[0].inputs.B
u.expecting(B, T, D, as: "what the first mixer reads")
func projected(_ part: MambaPart) -> Tensor {
  linear(u, weight: mamba.inProjection.value.sliced(part.rows(mamba.sizes)))
}
let gate = silu(projected(.z) + mamba.zBias.value)
check("the gate is open everywhere", Double(largestMagnitude(gate - Tensor.ones(gate.shape))), within: 1e-6)
check("D is 1 in every head", mamba.skip.value == Tensor.ones([H]))
let convolved = causalConvolution(
  projected(.x), weight: mamba.convolutionWeight.value.sliced(0..<D),
  bias: mamba.convolutionBias.value.sliced(0..<D))
check("the convolution is the identity", Double(largestMagnitude(convolved - projected(.x))), within: 0.0)

// ## Three forms of it
//
// The same layer can be computed step by step, as a matrix, or in chunks. The first needs the least
// memory, the second shows the matrix, the third is what long texts are computed with (chapter 03
// says why). They agree, in the precision at hand: the differences are roundoff.

chapter.section("5. Three forms of it")
let forms: [(String, MambaForm)] = [
  ("recurrent", .recurrent), ("materialised", .materialised), ("chunks of \(recipe.Q)", .chunked(Q: recipe.Q)),
  ("chunks of 7", .chunked(Q: 7)),
]
let outputs = forms.map { (name: $0.0, value: mamba.output(u, form: $0.1)) }
let largest = largestMagnitude(outputs[0].value)
for form in outputs.dropFirst() {
  let gap = largestMagnitude(form.value - outputs[0].value) / largest
  check("\(form.name) = \(outputs[0].name), relative", Double(gap), within: 2e-5)
}

// ## Its matrix beside the teacher's
//
// Both mix the tokens of one window with a lower triangular matrix for each head. The teacher's
// rows sum to 1 and pick their places. The student's are random numbers that fade with distance, at
// each step by a factor around sigmoid(0) = ½, beside a diagonal raised by D. Chapter 08 turns the
// right picture toward the left.

chapter.section("6. Its matrix beside the teacher's")
let (target, beginning) = (teacher.blocks[0].mixer.matrix(u), mamba.matrix(u))
let apart = Double(mean(distance(beginning, target, over: 2)).scalar)
show("Frobenius distance in layer 0, mean over heads", apart)
show("for comparison, the norm of D·I with D = 1: √T", Double(T).squareRoot())
chapter.plot(
  Figure(
    "One head of layer 0 on held-out text, before any distillation",
    panels: [("teacher: attention", target), ("student: SSD matrix", beginning)].enumerated().map { index, panel in
      HeatMap(
        panel.0, values: rows(of: head(0, of: panel.1)), x: mixerAxes.x, y: mixerAxes.y, colourLabel: "weight",
        scale: .diverging, range: -1...1, showsColourBar: index == 1)
    }), "matrices")

// ## What it is worth
//
// Three students before any training, and the teacher: all random; with the teacher's weights and
// random mixers; the same with mixers that say nothing (W_o = 0). The gap to the teacher is what
// was lost with its mixers.

chapter.section("7. What it is worth before any distillation")
let random = store.newStudent()
let silent = store.newStudent()
transferWeights(from: teacher, to: silent)
for block in silent.blocks {
  if let output = (block.mixer as? DiscreteMamba2)?.output.weight { output.value = .zeros(output.value.shape) }
}
let worth = [
  ("all random", random.frozen), ("teacher's weights, random mixers", student.frozen),
  ("teacher's weights, silent mixers", silent.frozen), ("the teacher", teacher),
].map { (name: $0.0, loss: crossEntropy(of: $0.1, on: heldOut)) }
table(
  ["student", "held-out \(store.unit)", "standard error"],
  rows: worth.map { [$0.name, number($0.loss.mean, decimals: 3), number($0.loss.standardError, decimals: 3)] })
check("without its mixers the teacher's knowledge is lost", worth[2].loss.mean, greaterThan: worth[3].loss.mean)
check("the teacher's other weights are worth something", worth[2].loss.mean, lessThan: worth[0].loss.mean)
let whole = worth[0].loss.mean - worth[3].loss.mean
func gained(_ index: Int) -> String { number((worth[0].loss.mean - worth[index].loss.mean) / whole, decimals: 2) }
finding(
  """
  Random weights are \(number(whole, digits: 3)) \(store.unit) behind the teacher. Of that its other weights gain a
  fraction of \(gained(2)) with silent mixers and of \(gained(1)) with random ones; the rest is lost with its mixers.
  """)

// ## Breaking it on purpose: a closed gate
//
// A bias of zero is what one would start any other bias with. Here it closes the gate: z = 0,
// silu(0) = 0, the mixer's output is exactly zero, and so is the gradient of everything before the
// gate. Stage 2 could then change only z and z_bias. The check is to ask each part for its
// gradient.

chapter.section("8. Breaking it on purpose: a closed gate")
func gradientNorms(gateBias: Scalar) -> [MambaPart: Double] {
  let fresh = store.newStudent()
  let stage = HiddenStateAlignment(from: teacher, to: fresh)
  exitOnError { try stage.begin() }
  guard let mixer = fresh.blocks[0].mixer as? DiscreteMamba2 else { return [:] }
  mixer.zBias.value = Tensor(repeating: gateBias, shape: [D])
  let slope = gradients(of: stage.loss(heldOut[0]).total, withRespectTo: [mixer.inProjection])[0]
  return Dictionary(
    uniqueKeysWithValues: MambaPart.allCases.map { ($0, gradientNorm([slope.sliced($0.rows(mixer.sizes))])) })
}
let (open, closed) = (gradientNorms(gateBias: DiscreteMamba2.openGate), gradientNorms(gateBias: 0))
table(
  ["gradient of stage 2 into", "gate open", "gate closed"],
  rows: MambaPart.allCases.map { ["\($0)", number(open[$0]!, digits: 2), number(closed[$0]!, digits: 2)] })
check("open: every part learns", open.values.min()!, greaterThan: 0.0, digits: 2)
check("closed: x, B, C and a get none", closed[.b]! + closed[.c]! + closed[.x]! + closed[.a]!, within: 0.0)

// The student is saved under the tensor names of the authors' Phi-Mamba, with a config.json in its
// format, so that what is distilled here can be read there.

exitOnError { try student.write(to: chapter.directory.appending(path: "student-before-distillation")) }

// ## What we saw
//
// The student is the teacher but for one mixer in each block, which begins as a plain fading memory
// with an open gate. Both mixers are matrices, and so they can be compared before anything is
// learned.

finding(
  """
  Of the student's \(student.parameterCount) numbers \(copied) are copies of the teacher's, a fraction of
  \(number(Double(copied) / Double(student.parameterCount), decimals: 2)).
  """)
finding(
  """
  Before any distillation the student is at \(number(worth[1].loss.mean, decimals: 3)) \(store.unit), the teacher at
  \(number(worth[3].loss.mean, decimals: 3)). Their matrices in layer 0 are \(number(apart, digits: 3)) apart, mean
  over heads.
  """)

// Exercises. 1: Which of x, B, C, z, a would you copy from q, k, v, o, and which shapes stand in
// the way? 2: Start D at 0. What becomes of the distance in section 6, and why is that not a good
// sign? 3: Set N to 1 in the recipe; how many numbers does a head remember?
//
// Next: 08-matrix-orientation.

chapter.finish()
