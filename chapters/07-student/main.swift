// # 07  The student
//
// The student is the teacher with a state space mixer in place of attention in every block. What
// becomes of each teacher weight? Most of them have a place in the student and can be copied;
// those of attention have none. The new mixer needs initial values of its own, and they have to
// be chosen with care: from a bad start most parts of the mixer get no gradient.
//
// You will see where each weight goes, the parts of the new mixer, its matrix beside the
// teacher's, and what the student is worth before any distillation. The run takes seconds once
// the teacher is there.

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
// Between the blocks each token is a hidden state, a vector of D numbers; u[l] enters block l.
// Teacher and student have the same block, with a layer norm LN in front of two branches:
//
//     u[l + 1]  =  u[l] + mixer(LN u[l]) + MLP(LN u[l])
//
// Neither branch reads the output of the other, so we can exchange the mixer and leave everything
// else as it is. The table counts the weights of each part. The new mixer does not save weights.
// It saves memory: a state of N × P numbers for each head, however long the text, where attention
// keeps a key and a value of P numbers for every token.

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
// The table lists the teacher's parameters and where each goes in the student: those of the first
// block, which stands for all, and those outside the blocks. A dash marks a weight that has no
// place in the student. These are attention's projections. The paper copies none of them, not
// even the value and output projections, although the mixer has matrices of the same shapes
// (exercise 1).

chapter.section("2. The mapping")
let mapping = transferTable(from: teacher, to: student)
table(
  ["teacher", "shape", "student"],
  rows: mapping.filter { !$0.teacher.name.contains(".layers.") || $0.teacher.name.contains(".layers.0.") }
    .map { [$0.teacher.name, "\($0.teacher.value.shape)", $0.student?.name ?? "–"] })

let untouched = student.parameters.map(\.value)
let copied = transferWeights(from: teacher, to: student)
show("numbers copied from the teacher", copied)
show("numbers new in the student", student.parameterCount - copied)
let copies = mapping.compactMap { row in row.student.map { row.teacher.value == $0.value } }
check("copies equal their originals, bit for bit", copies.allSatisfy { $0 }, "\(copies.count) tensors")
let mixerNames = Set(student.blocks.flatMap(\.mixer.parameters).map(\.name))
let unchanged = zip(student.parameters, untouched).filter { mixerNames.contains($0.0.name) }
  .allSatisfy { $0.0.value == $0.1 }
check("the mixers did not change", unchanged, "\(mixerNames.count) tensors")

// The student then goes through three stages (chapters 08 to 10), and each trains more of it than
// the one before. The teacher is frozen in all three:
//
//     stage                      its mixers read       trained                     frozen
//     1 matrix orientation       the teacher's states  what makes their matrices   all else
//     2 hidden-state alignment   the teacher's states  all of the mixers           all outside them
//     3 knowledge distillation   the student's states  everything, copies as well  nothing
//
// Stages 1 and 2 use nothing of the student but its mixers, so the copies are not needed before
// stage 3. Chapter 15 departs from this table, to distil a published model on two cores: it trains
// the mixers alone in both of its stages, 2 and 3, and lets them begin with copies of the teacher's
// value and output projections.

// ## Inside the mixer
//
// In attention a head has a query, a key and a value for every token. Its output is a mixture of
// the values, and one matrix W_o combines the outputs of all heads. The new mixer has a
// counterpart for each of the four:
//
//     attention      new mixer
//     query q[t]     C[t]         what token t looks for
//     key k[s]       B[s]         what token s is found by
//     value v[s]     x[s]         what token s passes on
//     W_o            W_o          combines the heads
//
// What it lacks is a softmax. Instead, each head carries a state h, a matrix of N × P numbers,
// along the text. At token t the state fades, is written to, and is read, which gives the head's
// output y[t], a vector of P numbers.
//
// The mixer of block l reads LN u[l]. In formulas about one mixer, here and in the next chapters, we
// write u for it, without an index. Then the whole mixer is:
//
//     x, B, C  =  convolution( W_xBC u )                short, over time
//     z        =  W_z u                                 for the gate
//     α        =  sigmoid(−a),   a = W_a u              the decay
//     h[t]     =  α[t] h[t − 1] + B[t] x[t]ᵀ            fade, then write
//     y[t]     =  C[t]ᵀ h[t] + d x[t]                   read, and add x without the state
//     output   =  W_o ( y ⊙ silu(z + z_bias) )          all heads: scale each feature, then combine
//
// The three matrices W_xBC, W_z and W_a are rows of one learned matrix, in_proj; the table says
// which of its rows make what. There is one a[t] for each head, and its α[t] is between 0 (forget
// everything) and 1 (keep everything). The convolution is explained below. d is one learned number
// for each head (in code `skip`; the papers call it D, which is the width of the model here). The
// factor silu(z + z_bias) is the gate: where it is 0, a feature of y is shut off.
//
// Unrolled over time, the y of a head is a matrix times its x:
//
//     y        =  M x
//     M[t, s]  =  (C[t] · B[s]) α[s + 1] ⋯ α[t]        below the diagonal
//     M[t, t]  =  C[t] · B[t] + d                      on the diagonal; above it M is zero
//
// That a recurrence and a matrix are two forms of one function is called state space duality, SSD
// for short (chapter 03), and M is the SSD matrix.

chapter.section("3. Inside the mixer")
guard let mamba = student.blocks[0].mixer as? DiscreteMamba2 else { fatalError("the student has another mixer") }
let roles: [(MambaPart, String)] = [
  (.x, "what is written into the state"), (.b, "where it is written"), (.c, "where the state is read"),
  (.z, "the gate on the head's output"), (.a, "how fast the state fades"),
]
table(
  ["part", "rows of in_proj", "rows for each head", "role"],
  rows: roles.map { part, role in
    let rows = part.rows(mamba.sizes)
    return ["\(part)", "\(rows.lowerBound) ..< \(rows.upperBound)", "\(rows.count / H)", role]
  })

// Three choices are left to explain. The convolution is that of Mamba-2; in the other two this
// mixer departs from Mamba-2, so as to be more like attention.
//
// **Why a convolution?** Before the recurrence, x, B and C pass through a short convolution over
// time: each of their numbers becomes a weighted sum of its own last K values, K = 4. It makes up
// for a weakness of the recurrence, which cannot easily look exactly one token back, as attention
// can. If B and C are the same for all tokens, its weights going back are as 1 : α : α² : …, so
// the token before never counts more than the token itself. With the convolution, B[t] can
// describe the token before t while x[t] describes t. A head can then ask "what came after an
// a?", a question that took two layers of attention in chapter 01.
//
// **Why no activation after the convolution?** Mamba-2 has a silu there. Attention has none after
// its projections, and its values are linear in u. Without the silu x is linear in u too, so that
// it can become exactly what the teacher's values are.
//
// **Why no norm before W_o?** Mamba-2 divides the y of each token by its size there. Attention
// does not, and the size carries information: a head's output is a mean of values, long where the
// values agree and short where they do not. A norm would throw that away. It would also divide by
// something that depends on x, so the output would no longer be a matrix times x, and stage 1
// compares matrices.

// ## Where it begins
//
// The convolution begins as the identity, the gate begins open, with silu(z + z_bias) = 1, and d
// begins at 1. All other weights are random. The mixer is then W_o M x and nothing more, and the
// stages start from there. We check the three claims on what the teacher's first mixer reads in a
// batch of held-out text.

chapter.section("4. Where it begins")
let u = teacher.trace(heldOut[0].inputs)[0].mixerInput
let B = heldOut[0].inputs.B
u.expecting(B, T, D, as: "what the first mixer reads")
func projected(_ part: MambaPart) -> Tensor {
  linear(u, weight: mamba.inProjection.value.sliced(part.rows(mamba.sizes)))
}
let gate = silu(projected(.z) + mamba.zBias.value)
check("the gate is open everywhere", Double(largestMagnitude(gate - Tensor.ones(gate.shape))), within: 1e-6)
check("d is 1 in every head", mamba.skip.value == Tensor.ones([H]))
let read = Tensor.concatenated([MambaPart.x, .b, .c].map(projected), along: 2)
let convolved = causalConvolution(read, weight: mamba.convolutionWeight.value, bias: mamba.convolutionBias.value)
check("the convolution is the identity", Double(largestMagnitude(convolved - read)), within: 0.0)

// ## Three forms of it
//
// The same layer can be computed step by step, as a matrix, or in chunks. The first form needs
// the least memory, the second shows the matrix, and the third is the one for long texts (chapter
// 03 says why). They must agree up to roundoff.

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
// Teacher and student mix the tokens of a window with a lower triangular matrix for each head.
// The teacher's rows sum to 1, and put most of their weight on a few chosen tokens. The student's
// entries are random numbers that shrink with the distance t − s, for each token by a factor
// around sigmoid(0) = ½, and d raises the diagonal. Chapter 08 turns the matrix on the right
// toward the one on the left. The distance between the two is the Frobenius norm of their
// difference: the root of the sum of its squared entries. Part of it is d's share: d = 1 adds
// the identity to the student's matrix, and the identity has the norm √T, the second line below.

chapter.section("6. Its matrix beside the teacher's")
let (target, beginning) = (teacher.blocks[0].mixer.matrix(u), mamba.matrix(u))
let apart = Double(mean(distance(beginning, target, over: 2)).scalar)
show("Frobenius distance in layer 0, mean over heads", apart)
show("norm of the identity, √T", Double(T).squareRoot())
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
// We measure three students before any training, and the teacher: one with random weights
// throughout; one with the teacher's weights around random mixers; and the same with silent
// mixers, which put out zeros (W_o = 0). What still separates a silent student from the teacher
// is the work of the teacher's attention.

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
check("silent mixers are worse than the teacher's attention", worth[2].loss.mean, greaterThan: worth[3].loss.mean)
check("the teacher's other weights are better than random ones", worth[2].loss.mean, lessThan: worth[0].loss.mean)
let whole = worth[0].loss.mean - worth[3].loss.mean
func gained(_ index: Int) -> String { number((worth[0].loss.mean - worth[index].loss.mean) / whole, decimals: 2) }
finding(
  """
  A student with random weights is \(number(whole, digits: 3)) \(store.unit) behind the teacher. The teacher's weights
  outside its mixers close a fraction of \(gained(2)) of this gap beside silent mixers, and of \(gained(1)) beside
  random ones.
  """)

// ## Breaking it on purpose: a closed gate
//
// Most biases begin at zero. Here that would close the gate: with z = 0 and z_bias = 0 the factor
// is silu(0) = 0, and the mixer puts out exactly zero. The gradient of everything before the gate
// is then zero as well, and so is that of W_o, which multiplies zeros. Until the gate has opened
// a little, the gradient of stage 2 (chapter 09) moves z and z_bias alone; the rest can only shrink,
// by weight decay. To see it, we ask for the gradient of each part of in_proj, of z_bias and of W_o.

chapter.section("8. Breaking it on purpose: a closed gate")
func gradientNorms(gateBias: Scalar) -> [String: Double] {
  let fresh = store.newStudent()
  let stage = HiddenStateAlignment(from: teacher, to: fresh)
  exitOnError { try stage.begin() }
  guard let mixer = fresh.blocks[0].mixer as? DiscreteMamba2 else { return [:] }
  mixer.zBias.value = Tensor(repeating: gateBias, shape: [D])
  let slopes = gradients(
    of: stage.loss(heldOut[0]).total, withRespectTo: [mixer.inProjection, mixer.zBias, mixer.output.weight])
  let rows = MambaPart.allCases.map { ("\($0)", gradientNorm([slopes[0].sliced($0.rows(mixer.sizes))])) }
  return Dictionary(
    uniqueKeysWithValues: rows + [("z_bias", gradientNorm([slopes[1]])), ("W_o", gradientNorm([slopes[2]]))])
}
let parts = MambaPart.allCases.map { "\($0)" } + ["z_bias", "W_o"]
let (open, closed) = (gradientNorms(gateBias: DiscreteMamba2.openGate), gradientNorms(gateBias: 0))
table(
  ["norm of stage 2's gradient", "gate open", "gate closed"],
  rows: parts.map { [$0, number(open[$0]!, digits: 2), number(closed[$0]!, digits: 2)] })
check("gate open: every part gets a gradient", open.values.min()!, greaterThan: 0.0, digits: 2)
let moved = ["z", "z_bias"]
check("gate closed: z and z_bias get one", moved.map { closed[$0]! }.min()!, greaterThan: 0.0, digits: 2)
check(
  "gate closed: all others get none", parts.filter { !moved.contains($0) }.reduce(0) { $0 + closed[$1]! }, within: 0.0
)

// The student is saved with the tensor names and the config.json of the authors' Phi-Mamba, so
// that their code can read what is distilled here.

exitOnError { try student.write(to: chapter.directory.appending(path: "student-before-distillation")) }

// ## What we saw
//
// Outside its mixers the student is a copy of the teacher. Its mixers begin as fading memories
// with an open gate. The old mixer and the new one both give a matrix for each head, so that they
// can be compared before anything is learned.

finding(
  """
  Of the \(student.parameterCount) numbers in the student, \(copied) are copies of the teacher's: a fraction of
  \(number(Double(copied) / Double(student.parameterCount), decimals: 2)).
  """)
finding(
  """
  Before any distillation the student has a held-out loss of \(number(worth[1].loss.mean, decimals: 3)) \(store.unit),
  and the teacher one of \(number(worth[3].loss.mean, decimals: 3)). Their matrices in layer 0 are
  \(number(apart, digits: 3)) apart, mean over heads.
  """)

// ## Exercises
//
// 1. Which parts of the mixer could take over attention's four projections, and where do the
//    shapes stand in the way? Copy what fits, use the teacher's matrix in place of the student's,
//    and compare the outputs. What do a silu after the convolution and a norm before W_o change?
// 2. Start d at 0. What becomes of the distance in section 6? Is it a better start, once stages 1
//    and 2 are done?
// 3. Give each head a state of N = 1. How many numbers does it remember of a text, and what can
//    the tokens of the second half learn about the first?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 08-matrix-orientation, which turns the student's matrices toward the teacher's.

chapter.finish()
