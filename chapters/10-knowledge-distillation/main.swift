// # 10  Stage 3: weight transfer and knowledge distillation
//
// So far each mixer has read the teacher's states. Now the student has to run on its own states: it
// gets the teacher's embedding, norms, MLPs and head (weight transfer), and is then trained end to
// end on the teacher's distribution of the next character (knowledge distillation). This stage
// trains all weights, those of the mixers and those that were copied; section 2 of chapter 07 has a
// table of what each stage trains. (Chapter 11 also tries the mixers alone, and chapter 15 trains
// nothing else.) Only this stage turns the parts into a language model. It also takes the largest
// share of the tokens: 92 % in the paper, half of them here.
//
// What is each stage worth? The chapter compares five ways to spend one budget of tokens, from a
// student that never saw a teacher to one that went through all three stages, and measures all five
// on the same held-out windows. It measures one student of each kind, so it shows what came out
// once. What would come out again is the question of chapter 11, which repeats the comparison over
// seeds; the tables of its full run, with intervals and verdicts, are in
// [RESULTS.md](../../RESULTS.md). The default run takes a minute or two once the teacher is there.
// With `--seeds 3 --sweep` each of the five runs with three seeds and with five learning rates in
// its last stage, fifteen students in place of each one. The rates of the default run come from such a
// sweep; another may choose a neighbouring rate where two are almost equally good.

import ArgumentParser
import Book
import Corpora
import Distillation
import Experiments
import Foundation
import Gradients
import Models
import Notebook
import Plots
import Statistics
import Tensors
import Training

struct Options: ParsableArguments, TakesModel {
  @OptionGroup var given: ModelOptions
  var model: String? { given.model }

  @Option(parsing: .unconditional, help: "How many seeds to run, each with a teacher of its own.")
  var seeds = 1

  @Flag(help: "Try several learning rates in the last stage of each arm, and report all.")
  var sweep = false

  func validate() throws {
    try StudyOptions.validate(seeds: seeds)
    if seeds > 1, model != nil {
      throw ValidationError(
        "--seeds \(seeds) trains a teacher for each seed; with --model there is one, so leave it out")
    }
  }
}

let chapter = Chapter(
  "10-knowledge-distillation", question: "What is each stage worth, for the same number of tokens?",
  duration: "2 minutes with a teacher from chapter 05; 5 seconds with --quick", options: Options.self)

let store = chapter.openModelStore()
let recipe = store.recipe
let teacher = exitOnError { try store.teacher().frozen }
let heldOut = store.heldOut.reported

// ## The loss, and what it cannot change
//
// At each position the teacher's distribution p is the target, and the loss is the cross-entropy of
// the student's distribution q. It is the sum of two parts, the teacher's own entropy and the KL
// divergence:
//
//     −Σ p log q  =  −Σ p log p  +  Σ p (log p − log q)
//
// No student can change the first part. So cross-entropy and KL have the same gradient; they differ
// in their minimum, which is the teacher's entropy for the one and zero for the other.

chapter.section("1. The loss, and what it cannot change")
let newcomer = store.newStudent()
let stage = KnowledgeDistillation(from: teacher, to: newcomer)
exitOnError { try stage.begin() }
let batch = heldOut[0]
let wholeLoss = Double(stage.loss(batch).total.value.scalar)
let teacherLogits = teacher(batch.inputs)
let p = softmax(teacherLogits)
let entropy = Double(mean(crossEntropy(teacherLogits, distributions: p).losses).scalar)
show("cross-entropy of a new student against the teacher", wholeLoss, unit: "nats")
show("its first part, the teacher's own entropy", entropy, unit: "nats")
show("its second part, the KL divergence", wholeLoss - entropy, unit: "nats")

// As a check we write KL out, term by term, and compare its gradient with that of the loss.

func divergence() -> Variable {
  let pointwise = Variable(constant: p) * (Variable(constant: log(p)) - log(softmax(newcomer(batch.inputs))))
  return mean(sum(pointwise, along: -1))
}
let (ofLoss, ofDivergence) = (
  gradients(of: stage.loss(batch).total, withRespectTo: newcomer.parameters),
  gradients(of: divergence(), withRespectTo: newcomer.parameters)
)
let gap = gradientNorm(zip(ofLoss, ofDivergence).map { $0 - $1 }) / gradientNorm(ofLoss)
check("cross-entropy and KL have the same gradient, relative difference", gap, within: 1e-3)

// ## The arms
//
// An arm is one way to spend the budget. All students of a seed begin with the same mixers, see the
// same number of tokens, and are measured on the same windows. The first two arms are from scratch:
// they copy no weights. With hard labels the student learns from the actual characters and needs no
// teacher; with soft labels it learns from the teacher's distributions. The other three arms copy
// the teacher's weights before their last stage: "transfer + 3" spends the whole budget on stage 3,
// while 2-3 and 1-2-3 are named after the stages they go through. (Chapter 11, where all but scratch
// copy the weights, calls "transfer + 3" by its stage alone, 3.)

chapter.section("2. The arms")
table(
  ["arm", "steps of stage 1", "of stage 2", "of the last stage", "tokens in all", "last stage's learning rate"],
  rows: Way.ofMainJob.map { way in
    let arm = recipe.arm(way)
    func steps(_ kinds: StageKind...) -> String {
      "\(arm.stages.filter { kinds.contains($0.kind) }.reduce(0) { $0 + $1.steps })"
    }
    return [
      way.rawValue, steps(.orientation), steps(.alignment), steps(.distillation, .tokens),
      "\(arm.steps * recipe.tokensPerUpdate)", number(arm.stages.last!.rate, digits: 2),
    ]
  })

// ## The runs
//
// Each arm is trained, or read from the results folder if it is there. We measure its cross-entropy
// on held-out text (the held-out loss), its KL divergence from the teacher, and the agreement: how
// often student and teacher rank the same character first.

chapter.section("3. The runs")
let results = exitOnError {
  try Way.ofMainJob.map { way in
    let made = try store.student(way)
    return (way: way, made: made, evaluation: evaluate(made.frozen, against: teacher, on: heldOut))
  }
}
func evaluation(_ way: Way) -> Evaluation { results.first { $0.way == way }!.evaluation }
func heldOutLoss(_ way: Way) -> Double { evaluation(way).crossEntropy.mean }
let teacherLoss = results[0].evaluation.teacherCrossEntropy

table(
  ["arm", "held-out loss, nats", "± s.e.", "KL, nats", "agreement"],
  rows: results.map { entry in
    let e = entry.evaluation
    return [entry.way.rawValue]
      + [e.crossEntropy.mean, e.crossEntropy.standardError, e.divergence.mean, e.agreement.mean]
      .map { number($0, decimals: 3) }
  } + [["teacher", number(teacherLoss.mean, decimals: 3), number(teacherLoss.standardError, decimals: 3), "0", "1"]])
show("held-out windows, the same for all arms", results[0].evaluation.windows)
for entry in results { chapter.record(entry.made.history, in: "metrics-\(entry.way.slug)") }

chapter.plot(
  Figure(
    "Held-out loss of five ways to spend one budget",
    panels: [
      DotPlot(
        "bars: standard error over windows", value: Axis("held-out cross-entropy", unit: store.unit),
        rows: results.map {
          DotPlot.Row(
            name: $0.way.rawValue, value: $0.evaluation.crossEntropy.mean,
            error: $0.evaluation.crossEntropy.standardError)
        } + [DotPlot.Row(name: "teacher", value: teacherLoss.mean, error: teacherLoss.standardError)])
    ]), "arms")

// The next figure shows the last stage of each arm that learns from the teacher: the KL part of its
// loss over the tokens of all its stages. An arm that went through earlier stages starts further to
// the right, and its curve begins at the height that those stages have left for stage 3.

chapter.plot(
  Figure(
    "KL divergence from the teacher during the last stage",
    panels: [
      LineChart(
        "mean of 5 steps", x: Axis("tokens seen in all stages"),
        y: Axis("KL divergence", unit: store.unit, logarithmic: true),
        series: results.filter { $0.way != .scratchHard }.map {
          lossCurve(
            $0.way.rawValue, $0.made.history.detail("KL"), tokensPerUpdate: recipe.tokensPerUpdate,
            from: recipe.arm($0.way).stepsBeforeTheLast * recipe.tokensPerUpdate, smoothing: 5)
        })
    ]), "loss")

// ## The order
//
// All arms are measured on the same windows, so two of them can be compared window by window. What
// makes a window hard makes it hard for both, and cancels in the difference. The standard error of
// the mean difference covers the choice of windows and nothing else: all students here have one
// seed, and another seed could put close arms in another order. So these numbers say how much
// better one student is than another, and not yet what a stage is worth. For that, chapter 11 has
// such differences over seeds, with intervals and verdicts. They are worth reading from a full run,
// as in [RESULTS.md](../../RESULTS.md): in a quick run every arm has a few steps only.

chapter.section("4. The order")
func difference(_ a: Way, _ b: Way) -> Estimate {
  Estimate(zip(evaluation(b).losses, evaluation(a).losses).map { $0 - $1 })
}
let claims: [(String, Way, Way)] = [
  ("1-2-3 ends below 2-3", .all, .twoThree), ("2-3 ends below transfer + 3", .twoThree, .three),
  ("1-2-3 ends below transfer + 3", .all, .three),
  ("1-2-3 ends below scratch with soft labels", .all, .scratchSoft),
  ("1-2-3 ends below scratch with hard labels", .all, .scratchHard),
]
table(
  ["claim, for this seed", "difference, \(store.unit)", "± s.e. over windows"],
  rows: claims.map { claim, a, b in
    let gain = difference(a, b)
    return [claim, number(gain.mean, decimals: 4), number(gain.standardError, decimals: 4)]
  })
for (claim, a, b) in claims { report(claim, heldOutLoss(a), lessThan: heldOutLoss(b)) }
let closed =
  (heldOutLoss(.scratchHard) - heldOutLoss(.all)) / (heldOutLoss(.scratchHard) - teacherLoss.mean)
show("part of the gap from scratch (hard labels) to the teacher that 1-2-3 closes", closed, digits: 3)
if store.isReference { check("1-2-3 closes at least 60 % of that gap", closed, atLeast: 0.6, digits: 3) }

// ## Layer by layer, at the end
//
// End-to-end training is free to undo what stages 1 and 2 have built. How far are matrices and
// outputs from the teacher's at the end, when both read the teacher's states? We measure the
// student of 1-2-3 before and after stage 3, and beside it that of transfer + 3. No loss ever asked
// the latter for the teacher's matrices, so it may make its predictions with quite different ones.
// For comparison, chapter 08 prints the distances of an untrained mixer's matrices (column
// "before").

chapter.section("5. Layer by layer, at the end")
let students: [(String, FrozenModel)] = [
  ("after 1-2", exitOnError { try store.student(.all, after: 2).frozen }),
  ("after 1-2-3", results.last!.made.frozen),
  ("transfer + 3", results.first { $0.way == .three }!.made.frozen),
]
let distances = students.map { (name: $0.0, layers: layerDistances(of: $0.1, from: teacher, on: heldOut)) }
table(
  ["student, distance"] + (0..<recipe.L).map { "layer \($0)" },
  rows: distances.flatMap { name, layers -> [[String]] in
    [
      ["\(name): matrices"] + layers.map { number($0.matrix, decimals: 2) },
      ["\(name): outputs"] + layers.map { number($0.hidden, decimals: 2) },
    ]
  })
func meansOverLayers(_ distance: (LayerDistance) -> Double) -> [String] {
  distances.map { number(Estimate($0.layers.map(distance)).mean, decimals: 2) }
}
let (matrices, outputs) = (meansOverLayers(\.matrix), meansOverLayers(\.hidden))
finding(
  """
  Averaged over layers, the matrices are at a distance of \(matrices[0]) from the teacher's after stages 1 and 2, of
  \(matrices[1]) after all three stages, and of \(matrices[2]) after transfer and stage 3 alone. The distances of the
  outputs are \(list(outputs)).
  """)

// ## What they write
//
// The teacher and the five students continue the same prompt with the same random numbers. (Chapter
// 14 begins with the same prompt and the same temperature. But it writes with `Generation`, which
// makes a random generator for each text, so its random numbers and its texts are others.)

chapter.section("6. What they write")
let prompt = Array(store.corpus.heldOut.prefix(24))
for (name, model) in [("teacher", teacher)] + results.map({ ($0.way.rawValue, $0.made.frozen) }) {
  var dice = SeededGenerator(seed: chapter.seed)
  let text = exitOnError {
    try model.continuation(of: prompt, count: chapter.isQuick ? 40 : 160, Sampler(temperature: 0.7), using: &dice)
  }
  sample(name, store.corpus.tokenizer.decode(prompt + text))
}

// A sample can be read, but it is one text. How alike two models write can be counted: both continue
// the same beginnings of held-out windows, always with the character that they rank first (greedy
// decoding), and we ask after how many of them the first n characters are the teacher's. Agreement in section 3 asks
// about single characters after the true text. Here the first difference changes all that follows,
// so that a small gap in agreement can become a wide one. A quick run has few windows and may not
// show it.

let beginnings = prompts(from: heldOut, length: recipe.T / 4)
let ofTeacher = exitOnError { try continuations(of: teacher, after: beginnings, count: recipe.T / 4, sideBySide: 64) }
let matches = exitOnError {
  try results.map { entry in
    try continuationMatch(
      of: entry.made.frozen, against: ofTeacher, after: beginnings, count: recipe.T / 4, sideBySide: 64)
  }
}
chapter.tabulate(
  "continuations", ["arm", "agreement"] + matches[0].lengths.map { "first \($0) the same" },
  rows: zip(results, matches).map { entry, match in
    [entry.way.rawValue, number(entry.evaluation.agreement.mean, decimals: 3)]
      + match.lengths.map { number(match.exactMatch($0).mean, decimals: 2) }
  })

// ## Breaking it on purpose: a teacher that learns
//
// If teacher and student were trained together, the loss could also fall because the teacher
// becomes easier to imitate, and nothing in the loss curve would show it. Here that cannot happen
// by accident: the stage takes a `FrozenModel`, whose logits are tensors without a tape. So we have
// to write the loss ourselves, with the teacher's logits as a variable. Its value is the same, but
// now its gradient reaches the teacher.

chapter.section("7. Breaking it on purpose: a teacher that learns")
func lossOfBothLearning() -> Variable {
  let (p, q) = (softmax(teacher.model(batch.inputs)), softmax(newcomer(batch.inputs)))
  return -mean(sum(p * log(q), along: -1))
}
/// The value of a loss, and how many of the teacher's parameters its gradient reaches.
func examined(_ loss: Variable) -> (value: Double, reached: Int) {
  let tape = TapeSummary(of: loss)
  return (Double(loss.value.scalar), teacher.model.parameters.count(where: tape.reaches))
}
let (right, wrong) = (examined(stage.loss(batch).total), examined(lossOfBothLearning()))
show("the stage's loss", right.value, unit: "nats")
show("the same loss with a teacher that learns", wrong.value, unit: "nats")
check("the stage's loss reaches none of the teacher's parameters", right.reached, within: 0)
check("the other loss reaches them", wrong.reached, greaterThan: 0)

// ## Over seeds and learning rates
//
// One seed with learning rates chosen beforehand is a demonstration. With `--seeds` the chapter is
// an experiment: it makes a teacher for each seed and runs every arm. With `--sweep` each arm is
// also tried with several rates in its last stage. Its rate is chosen on one half of the held-out
// windows and its loss reported on the other half, so that the choice does not flatter the result.
// Each claim then has a mean gain over seeds with its 95 % interval, and a verdict that follows
// from the interval. Chapter 11 judges in the same way, though with one rate of an arm for all
// seeds, and says what such a verdict is worth. It has four of these five arms, so the tables of
// its full run in [RESULTS.md](../../RESULTS.md) answer the question of this section too. What the
// options print is in `Seeds.swift`; without them this section is one line.

chapter.section("8. Over seeds and learning rates")
if chapter.options.sweep || chapter.options.seeds > 1 {
  exitOnError { try runSweep() }
} else {
  show("run in this section", "nothing; give --seeds 3, --sweep or both")
}

// ## What we saw
//
// All five students saw the same number of tokens. They differ in what the tokens were spent on:
// the text, the teacher's predictions, or first the teacher's layers and then its predictions; and in
// whether the teacher's weights were copied. In a quick run teacher and students are trained for a few steps only, and the order of the arms need
// not be the paper's.

func lossText(_ way: Way) -> String { number(heldOutLoss(way), decimals: 3) }
func gainText(_ a: Way, over b: Way) -> String {
  let gain = difference(a, b)
  return "\(number(gain.mean, decimals: 3)) ± \(number(gain.standardError, decimals: 3))"
}
finding(
  """
  From scratch, a student ends at \(lossText(.scratchHard)) \(store.unit) if it learns from the text, and at
  \(lossText(.scratchSoft)) if it learns from the teacher's predictions. With the teacher's other weights it ends at
  \(lossText(.three)), and if the first \(recipe.alignmentEnd) of \(recipe.studentSteps) steps are spent on the
  teacher's layers, at \(lossText(.twoThree)) without stage 1 and at \(lossText(.all)) with it. The teacher is at
  \(number(teacherLoss.mean, decimals: 3)).
  """)
finding(
  """
  Of the gap between the student that never saw a teacher and the teacher, 1-2-3 closes
  \(number(100 * closed, decimals: 1)) %.
  """)

// What a stage gained with this seed is the difference between two students, taken window by
// window. Here ± covers the choice of windows alone, so it cannot tell whether a stage helps with
// other seeds too. Chapter 11 gives that verdict.

finding(
  """
  With this seed, stage 2 before stage 3 gains \(gainText(.twoThree, over: .three)) \(store.unit), and stage 1 in
  place of the first \(recipe.orientationSteps) steps of stage 2 gains \(gainText(.all, over: .twoThree)).
  """)

// ## Exercises
//
// 1. Train the five arms with a half and with a quarter of the steps. Which gaps between them close
//    as the budget grows, and which would you expect to remain with any budget?
// 2. After stages 1 and 2, train on hard labels instead of the teacher's distributions. How much
//    noise does a hard label add to the gradient, compared with what the student still has to
//    learn?
// 3. Distil at temperature 2: divide the logits of teacher and student by 2 before the softmax. By
//    which factor must the loss be multiplied so that its gradient keeps its size? Does AdamW
//    notice?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// This is the last chapter about the method itself. How firm is the order of its arms?
//
// Next: 11-ablations, which runs the arms over several seeds, and with other students.

chapter.finish()
