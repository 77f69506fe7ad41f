// # 10  Stage 3: weight transfer and knowledge distillation
//
// So far each mixer has read the teacher's states. Now the student has to live on its own: it gets
// the teacher's embedding, norms, MLPs and head, and is trained end to end on the teacher's
// distribution of the next character. This is the stage that makes a language model, and the one
// that needs most tokens.
//
// The chapter puts five ways of spending one budget side by side, from a student that never saw a
// teacher to one that went through all three stages, and measures them on the same held-out
// windows. The default run takes a minute or two once the teacher is there. With `--seeds 3
// --sweep` it runs every arm with several learning rates for each seed, which takes most of an hour
// and is how the last rates of the default run were chosen.

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
// The teacher's distribution p at each position is the target; the loss is the cross-entropy −Σ p
// log q. It is the KL divergence plus the teacher's own entropy, which no student can change. So
// the two losses have the same gradient, and only one of them has a floor that is not zero.

chapter.section("1. The loss, and what it cannot change")
let newcomer = store.newStudent()
let stage = KnowledgeDistillation(from: teacher, to: newcomer)
exitOnError { try stage.begin() }
let batch = heldOut[0]
let loss = stage.loss(batch).total
let teacherLogits = teacher(batch.inputs)
let p = softmax(teacherLogits)
let entropy = Double(mean(crossEntropy(teacherLogits, distributions: p).losses).scalar)
show("cross-entropy of a new student against the teacher", Double(loss.value.scalar), unit: "nats")
show("of which the teacher's own entropy", entropy, unit: "nats")
show("of which KL divergence", Double(loss.value.scalar) - entropy, unit: "nats")

// KL written out with primitives of its own, Σ p (log p − log q), and both gradients.

let q = softmax(newcomer(batch.inputs))
let pointwise = Variable(constant: p) * (Variable(constant: log(p)) - log(q))
let divergence = mean(sum(pointwise, along: -1))
let (ofLoss, ofDivergence) = (
  gradients(of: loss, withRespectTo: newcomer.parameters),
  gradients(of: divergence, withRespectTo: newcomer.parameters)
)
let gap = gradientNorm(zip(ofLoss, ofDivergence).map { $0 - $1 }) / gradientNorm(ofLoss)
check("cross-entropy and KL have one gradient, relative", gap, within: 1e-3)

// ## The arms
//
// An arm is a way to spend the budget. All students of a seed begin with the same mixers, all see
// the same number of tokens, all are measured on the same windows. The two arms from scratch get
// nothing from the teacher but labels, or not even those.

chapter.section("2. The arms")
table(
  ["arm", "stage 1", "stage 2", "last stage", "tokens", "last rate"],
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
// Each arm is trained, or taken from the results folder if it is there, and measured: cross-entropy
// on the text, KL from the teacher, and how often both rank the same character first.

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
  ["arm", "CE / nats", "± s.e.", "KL / nats", "agreement"],
  rows: results.map { entry in
    let e = entry.evaluation
    return [entry.way.rawValue]
      + [e.crossEntropy.mean, e.crossEntropy.standardError, e.divergence.mean, e.agreement.mean]
      .map { number($0, decimals: 3) }
  } + [["teacher", number(teacherLoss.mean, decimals: 3), number(teacherLoss.standardError, decimals: 3), "0", "1"]])
show("windows, the same for all", results[0].evaluation.windows)
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

// The last stage of each arm that learns from the teacher: the KL part of its loss over the tokens
// of all its stages. The arms that went through earlier stages start later; the height at which
// their curves begin is what those stages have left to do.

chapter.plot(
  Figure(
    "Stage 3: what is left of the teacher's distribution to learn",
    panels: [
      LineChart(
        "mean of 5 steps", x: Axis("tokens seen, all stages"),
        y: Axis("KL divergence", unit: store.unit, logarithmic: true),
        series: results.filter { $0.way != .scratchHard }.map {
          lossCurve(
            $0.way.rawValue, $0.made.history.detail("KL"), tokensPerUpdate: recipe.tokensPerUpdate,
            from: recipe.arm($0.way).stepsBeforeTheLast * recipe.tokensPerUpdate, smoothing: 5)
        })
    ]), "loss")

// ## The order
//
// The windows are the same for all arms, so that arms can be compared window by window: what makes
// a window hard for all of them cancels in the difference, and does not add to its standard error.
// This error covers the choice of windows; what another seed would do is a question for `--seeds`.

chapter.section("4. The order")
func difference(_ a: Way, _ b: Way) -> Estimate {
  Estimate(zip(evaluation(b).losses, evaluation(a).losses).map { $0 - $1 })
}
let claims: [(String, Way, Way)] = [
  ("1-2-3 beats 2-3", .all, .twoThree), ("2-3 beats transfer + 3", .twoThree, .three),
  ("1-2-3 beats transfer + 3", .all, .three),
  ("1-2-3 beats scratch with soft labels", .all, .scratchSoft),
  ("1-2-3 beats scratch with hard labels", .all, .scratchHard),
]
table(
  ["better by, in \(store.unit)", "mean", "± s.e. over windows"],
  rows: claims.map { claim, a, b in
    let gain = difference(a, b)
    return [claim, number(gain.mean, decimals: 4), number(gain.standardError, decimals: 4)]
  })
for (claim, a, b) in claims { report(claim, heldOutLoss(a), lessThan: heldOutLoss(b)) }
let closed =
  (heldOutLoss(.scratchHard) - heldOutLoss(.all)) / (heldOutLoss(.scratchHard) - teacherLoss.mean)
show("part of the way from scratch (hard labels) to the teacher", closed, digits: 3)
if store.isReference { check("1-2-3 goes at least 60 % of that way", closed, atLeast: 0.6, digits: 3) }

// ## Layer by layer, at the end
//
// End-to-end training is free to leave what the stages built. How far are matrices and outputs from
// the teacher's now, on the teacher's states? Beside this student stands that of transfer + 3.
// Nothing ever asked it for the teacher's matrices, so it may predict with other matrices
// altogether. For comparison, chapter 08 has the distances of an untrained mixer (column "before").

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
  In the mean over layers the matrices are at a distance of \(matrices[0]) from the teacher's after stages 1 and 2, of
  \(matrices[1]) after stage 3 as well, and of \(matrices[2]) after transfer and stage 3 alone. The outputs are at
  \(list(outputs)).
  """)

// ## What they write
//
// The same prompt and the same random numbers for each.

chapter.section("6. What they write")
let prompt = Array(store.corpus.heldOut.prefix(24))
for (name, model) in [("teacher", teacher)] + results.map({ ($0.way.rawValue, $0.made.frozen) }) {
  var dice = SeededGenerator(seed: chapter.seed)
  let text = exitOnError {
    try model.continuation(of: prompt, count: chapter.isQuick ? 40 : 160, Sampler(temperature: 0.7), using: &dice)
  }
  sample(name, store.corpus.tokenizer.decode(prompt + text))
}

// ## Breaking it on purpose: a teacher that learns
//
// If teacher and student are trained together, the loss can fall because the teacher becomes easier
// to imitate, and nothing in the curve shows it. Here that cannot happen by accident: the stage
// takes a `FrozenModel`, whose logits are tensors without a tape. We have to go around it on
// purpose, and write the same loss with the teacher's logits as a variable. Its value is the same;
// now its gradient reaches the teacher.

chapter.section("7. Breaking it on purpose: a teacher that learns")
func reached(_ loss: Variable) -> Int {
  let tape = TapeSummary(of: loss)
  return teacher.model.parameters.count { tape.reaches($0) }
}
let learning = softmax(teacher.model(batch.inputs))
let wrong = -mean(sum(learning * log(q), along: -1))
show("the stage's loss", Double(loss.value.scalar), unit: "nats")
show("the same with a teacher that learns", Double(wrong.value.scalar), unit: "nats")
check("the stage's loss reaches none of the teacher's parameters", reached(loss), within: 0)
check("the other one reaches them", reached(wrong), greaterThan: 0)

// ## Over seeds and learning rates
//
// One seed with rates chosen beforehand is a demonstration. Here is the experiment: for each seed a
// teacher and every arm with each of several rates in its last stage. The rate of an arm is chosen
// on one half of the held-out windows, and its loss is reported on the other, so that the choice
// does not flatter the result.

if chapter.options.sweep || chapter.options.seeds > 1 {
  chapter.section("8. Over seeds and learning rates")
  exitOnError { try runSweep() }
}

func runSweep() throws {
  let study = try Study(in: store, seeds: chapter.options.seeds)
  let ways = Way.ofMainJob
  let found = try study.sweepEachSeed(
    "rates",
    ways.map { way in
      let rates = chapter.options.sweep ? Way.sweptRates : [way.lastRate(recipe)]
      return RateSweep(way.rawValue, rates: rates) { recipe.arm(way, lastRate: $0) }
    })
  func rates(_ way: Way) -> [Double] { chapter.options.sweep ? Way.sweptRates : [way.lastRate(recipe)] }
  let rateNames = chapter.options.sweep ? Way.sweptRates.map { "CE at \(number($0, digits: 2))" } : ["CE"]
  table(
    ["seed", "arm"] + rateNames + ["chosen"],
    rows: study.seeds.enumerated().flatMap { i, seed in
      zip(ways, found).map { way, ofSeeds in
        ["\(seed)", way.rawValue] + ofSeeds[i].tried.map { number($0.loss, decimals: 3) }
          + [number(rates(way)[ofSeeds[i].best], digits: 2)]
      }
    })
  let best = Dictionary(
    uniqueKeysWithValues: zip(ways, found).map { way, ofSeeds in (way, ofSeeds.map { $0.tried[$0.best].loss }) })
  let teachers = study.teacherLosses
  func spreadAlone(_ samples: [Double], decimals: Int = 3) -> String {
    samples.count > 1 ? number(Estimate(samples).standardError, decimals: decimals) : "–"
  }
  table(
    ["arm, at its chosen rate", "CE, mean over seeds", "± s.e.", "way to the teacher"],
    rows: ways.map { way in
      let part = study.seeds.indices.map { i in
        (best[.scratchHard]![i] - best[way]![i]) / (best[.scratchHard]![i] - teachers[i])
      }
      return [
        way.rawValue, number(Estimate(best[way]!).mean, decimals: 3), spreadAlone(best[way]!),
        number(Estimate(part).mean, decimals: 2),
      ]
    } + [
      [
        "teacher", number(Estimate(teachers).mean, decimals: 3),
        number(Estimate(teachers).standardError, decimals: 3), "1",
      ]
    ])
  for (claim, a, b) in claims {
    let gains = zip(best[b]!, best[a]!).map { $0 - $1 }
    let mean = Estimate(gains).mean
    let gained = "\(number(mean, decimals: 4)) ± \(spreadAlone(gains, decimals: 4)) nats"
    report(claim, mean > 0, "\(gained), in \(gains.count { $0 > 0 }) of \(gains.count) seeds")
  }
}

// ## What we saw
//
// All five students saw the same number of tokens, and differ in what the tokens were spent on: the
// text, the teacher's predictions, or first the teacher's layers and then its predictions. The
// numbers are of one seed, and ± covers the choice of windows alone. In a quick run teacher and
// students are trained for a few steps only, and the order need not hold.

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
  Of the way from the student that never saw a teacher to the teacher, 1-2-3 goes
  \(number(100 * closed, decimals: 1)) %.
  """)

// What a stage is worth is a difference of two students, taken window by window.

finding(
  """
  In \(store.unit), the gain of stage 2 before stage 3 is \(gainText(.twoThree, over: .three)), and that of stage 1 in
  place of the first \(recipe.orientationSteps) steps of stage 2 is \(gainText(.all, over: .twoThree)).
  """)

// Exercises. 1: Raise `studentSteps` in the recipe. Which gaps close, which remain? 2: Give stage 3
// hard labels instead of soft ones after stages 1 and 2. 3: Distil at temperature 2. What has to
// change in the loss so that its gradient keeps its size?
//
// This is the last chapter of the method itself. What remains open at this point is how firm the
// order is: try `--seeds 3 --sweep`.

chapter.finish()
