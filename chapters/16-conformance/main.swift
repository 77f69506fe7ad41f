// # 16  Is mine right?
//
// You have written the method yourself, in another language or another framework. It runs, the loss
// falls, and you do not know whether it is right. Nothing will tell you: a model learns around many
// mistakes, and what comes out is only a little worse, or only wrong elsewhere.
//
// This chapter has two instruments. The first is a kit: a few models so small that every number on
// the way can be kept, from the queries of the first layer to the weights after ten steps. Your
// program computes the same numbers, and they are compared. If one differs, a doctor makes the
// mistakes that people make, one after the other, and names the one that gives your numbers. The second is a
// corridor: what the loss of each stage does when all is right, over several seeds. It tells sooner
// that something is wrong, and less about what.
//
// You will see both at work on three runs with a mistake planted in them. Then we plant more, and
// ask which of them the loss hides, and what these cost. The full run trains more than a hundred
// students; like that of chapter 11 it may be stopped at any moment and goes on where it stopped.

import Book
import Checkpoints
import ConformanceKit
import Experiments
import Foundation
import Models
import Notebook
import Plots
import Statistics
import Tensors

let chapter = Chapter(
  "16-conformance", question: "Is my implementation right, and if not, what is wrong with it?",
  duration: "40 minutes the first time, seconds from then on; 25 seconds with --quick", options: Options.self)

let store = chapter.openModelStore()
let recipe = store.recipe
let folder = URL(filePath: "data/conformance", directoryHint: .isDirectory)
let manifest = exitOnError { try Kit.manifest(in: folder) }

// ## The kit
//
// A case of the kit is a teacher, a student and a text, all tiny. The inputs are their weights and
// tokens; everything else follows from them. The sizes that meet in one tensor differ, so that an
// exchanged axis cannot pass unnoticed. An answer is one safetensors file with tensors named
// CASE/NAME, and any part of them will do. `data/conformance/README.md` has the first lines of such a
// program for PyTorch, JAX, MLX and Rust.

chapter.section("1. The kit")
table(
  ["case", "tensors", "B", "T", "D", "H", "P", "N", "L", "what it is"],
  rows: KitCase.all.map { kit in
    let s = kit.sizes
    func size(_ value: Int) -> String { value == 0 ? "–" : "\(value)" }
    return [kit.name, "\(manifest.cases[kit.name]!.tensors.count)"]
      + [s.B, s.T, s.D, s.H, s.P, s.N, s.L].map(size) + [kit.words]
  })

// Our own library is such another program: it works in chunks, with fused kernels and BLAS, and the
// kit was made by plain sums of products. These are its answers. `Library.swift` has the program; most
// of it is names.

var mine: [String: Tensor] = [:]
for kit in KitCase.all where kit.block != nil {
  mine.merge(exitOnError { try answers(to: kit, in: folder) }) { one, _ in one }
}

/// Writes answers into a file of this chapter and has them compared with the kit.
func checked(_ answers: [String: Tensor], as name: String) -> Check {
  let file = chapter.directory.appending(path: "\(name).safetensors")
  return exitOnError {
    try Checkpoint(tensors: answers, metadata: ["kit": Kit.version]).write(to: file)
    return try Check(file, against: folder)
  }
}
let ours = checked(mine, as: "library")
check("all answers of the library agree with the kit", ours.isRight, "\(ours.findings.count) tensors")
let worst = ours.findings.max { ($0.difference ?? 0) < ($1.difference ?? 0) }!
show("largest difference, relative to the tensor's largest entry", worst.difference!, digits: 1)

// ## The doctor
//
// Now a program that is wrong. Its author has multiplied the decays from s to t − 1 where s + 1 to
// t are due, one step too early. He computes the matrix of one layer, and nothing else.

chapter.section("2. The doctor")
let theirs = Computation(.phi, faults: [.decayEarly])
let one = checked(["phi/student.0.matrix": theirs.tensor("student.0.matrix")!], as: "one-matrix")
for line in one.diagnoses.flatMap(\.sentences) { chapter.say(line) }
check("one tensor is enough", one.diagnoses.map(\.causes) == [[[.decayEarly]]], "one matrix")

// How can it know? It has the right program in plain formulas, and beside the right lines the wrong
// ones (`ConformanceKit/PlainProgram+Mixer.swift`). It makes each mistake in turn and looks for one
// that gives the same numbers. So it never guesses; and of a mistake that it has never seen it says
// that, and describes the difference.

show("mistakes that it knows", Fault.allCases.count)

// Two mistakes can give the same number. With nothing but the loss of stage 1, a matrix without D and
// a loss that leaves D out cannot be told apart, and the doctor says which tensor would decide.

let two = checked(
  ["phi/loss.stage1": Computation(.phi, faults: [.skipMissing]).tensor("loss.stage1")!], as: "one-loss")
for line in two.diagnoses.flatMap(\.sentences) { chapter.say(line) }
check(
  "it says what would decide", two.diagnoses.first?.decisive == "student.0.matrix",
  two.diagnoses.first?.decisive ?? "nothing")

// ## The corridor
//
// Most people see their loss first. For each stage alone, from a new student on, we train with the
// standard recipe and several seeds, each with a teacher, a student and batches of its own. The losses
// are averaged over five steps. A run by another seed should be inside
//
//     mean ± t · s √(1 + 1/n)
//
// in 99 of 100 such averages, s the deviation of the n runs and t the quantile of Student's
// distribution. Neighbouring averages leave it together, so a run counts as outside if three in a row
// are. Is that fair? Each run is held against the corridor of all the others.

chapter.section("3. The corridor")
let seedCount = chapter.options.study.seeds ?? (chapter.isQuick ? 3 : 8)
let steps = chapter.isQuick ? 60 : 300
let study = exitOnError {
  try Study(in: store, seeds: seedCount, keepingCurves: true, alsoMeasuring: lossByOwnCode)
}
let kinds = FaultyStage.Kind.allCases
let right = exitOnError {
  try study.results("right runs", of: kinds.map { alone($0, steps: steps, of: recipe) })
    .map { $0.map { $0.curves![0] } }
}
var corridors = exitOnError { try bookCorridors(of: study, around: right, steps: steps) }
if let model = chapter.options.model {
  corridors += exitOnError { try publishedCorridors(URL(filePath: model), seeds: min(3, seedCount), steps: steps) }
}
exitOnError { try writeJSON(corridors, to: chapter.directory.appending(path: "corridors.json")) }
let published = corridors.filter { $0.model != corridors[0].model }
if !published.isEmpty {
  chapter.plot(
    Figure("Corridors of \(published[0].model)", panels: published.map { panel($0) }), "published-corridors")
}

let leftOut = right.map(insideTheOthers)
chapter.tabulate(
  "corridor",
  [
    "model", "stage", "loss at the start", "after \(steps / 3) steps", "at the end", "band at the end", "runs inside",
  ],
  rows: corridors.enumerated().map { index, corridor in
    let inside = index < leftOut.count ? leftOut[index] : []
    let places = [0, corridor.mean.count / 3, corridor.mean.count - 1]
    return [corridor.model, "\(corridor.stage)"] + places.map { number(corridor.mean[$0], decimals: 3) }
      + [
        "± \(number(corridor.halfWidths.last!, decimals: 3))",
        inside.isEmpty ? "–" : "\(inside.count { $0 }) of \(inside.count)",
      ]
  })
report(
  "each right run is inside the corridor of the others", leftOut.allSatisfy { $0.allSatisfy(\.self) },
  "\(leftOut.joined().count { $0 }) of \(leftOut.joined().count)")

// The same corridors are in data/conformance/corridors.json, made by a full run of this chapter, and
// `conformance corridor` holds a CSV file of yours against them.

// ## Three patients
//
// Three runs, each with one mistake. All three fall smoothly; without the corridor nobody would look
// at them twice. The verdict of the corridor says when the run leaves it, and which planted mistake has a
// loss like this. Patients and planted runs have different seeds.

chapter.section("4. Three patients")
let patients: [(name: String, kind: FaultyStage.Kind, fault: Fault)] = [
  ("A", .orientation, .decayDetached), ("B", .alignment, .studentOnOwnStates), ("C", .distillation, .hardLabels),
]
let patientSeed = study.seeds[2]
let runs = exitOnError {
  try study.results(
    "patients",
    of: patients.map { Study.Job(alone($0.kind, steps: steps, of: recipe, making: $0.fault), seed: patientSeed) })
}
let verdicts = zip(patients, runs).map { patient, run in
  corridors[patient.kind.number - 1].verdict(on: run.curves![0])
}
chapter.tabulate(
  "patients", ["patient", "stage", "outside from step", "where", "like the run with"],
  rows: zip(patients, verdicts).map { patient, verdict in
    [
      patient.name, "\(patient.kind.number)", verdict.outsideFrom.map { "\($0)" } ?? "inside",
      verdict.outsideFrom == nil ? "" : verdict.isAbove ? "above" : "below",
      verdict.resembles.first?.fault.words.title ?? "none of the planted",
    ]
  }, volatile: chapter.isQuick)

chapter.plot(
  Figure(
    "Corridors, and three patients",
    panels: zip(corridors, zip(patients, runs)).map { corridor, patient in
      let y = Corridor.windows(patient.1.curves![0], of: corridor.window)
      return panel(
        corridor, beside: [Series("patient \(patient.0.name)", x: corridor.steps, y: y, style: .dashed)])
    }), "corridors")

// A loss says that something is wrong. For what it is, each of them answers the kit: three tensors of one
// case. The doctor has no need of the curve.

for patient in patients {
  let names: [String] =
    switch patient.kind {
    case .orientation:
      ["student.0.matrix", "loss.stage1", "gradient.stage1.backbone.layers.0.mixer.in_proj.weight"]
    case .alignment: ["student.1.matrix", "student.1.mixer_output", "loss.stage2"]
    case .distillation: ["student.logits", "loss.stage3", "loss.stage3.tokens"]
    }
  let computation = Computation(.phi, faults: [patient.fault])
  let answer = Dictionary(uniqueKeysWithValues: names.map { ("phi/\($0)", computation.tensor($0)!) })
  let found = checked(answer, as: "patient-\(patient.name)")
  chapter.say("Patient \(patient.name). " + found.diagnoses.flatMap(\.sentences).joined(separator: " "))
  check(
    "the doctor names what was planted in \(patient.name)", found.diagnoses.map(\.causes) == [[[patient.fault]]],
    patient.fault.words.title)
}

// ## What the loss hides
//
// Now each mistake goes through all three stages, as it would in a program that has it. Its curves are
// held against the corridors of right runs of the same length. Then we ask what it costs, twice: once
// the student is run by the code that trained it, mistake and all, and once by right code, as when
// somebody else loads the weights.

chapter.section("5. What the loss hides")
let hidden: [Fault] =
  chapter.isQuick
  ? [.convolutionActivated, .decayOnIdleRows, .hardLabels]
  : [
    .matrixTransposed, .decayEarly, .decayOwnStep, .decayDetached, .skipMissing, .skipTwice, .bScaledByStep,
    .convolutionReversed, .convolutionActivated, .gateBiasDropped, .normBeforeOutput, .stage1Squared, .stage2Squared,
    .studentOnOwnStates, .hardLabels, .temperatureTwo, .divergenceReversed, .decayOnIdleRows,
  ]
let wholeRight = exitOnError { try study.results("1-2-3, right", of: [throughAll(recipe, making: nil)])[0] }
let seeds = Array(study.seeds.prefix(3))
let wholePlanted = exitOnError {
  let jobs = hidden.flatMap { fault in seeds.map { Study.Job(throughAll(recipe, making: fault), seed: $0) } }
  let results = try study.results("1-2-3, planted", of: jobs)
  return hidden.indices.map { Array(results[($0 * seeds.count)..<(($0 + 1) * seeds.count)]) }
}
let wholeCorridors = kinds.indices.map { stage in
  Corridor(model: "book", stage: stage + 1, words: "", window: 3, curves: wholeRight.map { $0.curves![stage] })
}
/// What a mistake does to the loss curves, and what it costs.
struct Cost {
  let fault: Fault
  /// For each stage, how many of the runs are inside the corridor.
  let inside: [Int]
  /// The loss above that of the right student, seed by seed, by the code that trained it and by right code.
  let byOwn, byRight: PairedDifference
  /// Whether no curve leaves its corridor.
  let isHidden: Bool

  init(_ fault: Fault, _ runs: [StudyResult]) {
    self.fault = fault
    inside = kinds.indices.map { stage in
      runs.count { wholeCorridors[stage].verdict(on: $0.curves![stage]).outsideFrom == nil }
    }
    isHidden = inside.allSatisfy { $0 == runs.count }
    byRight = PairedDifference(zip(runs, wholeRight).map { $0.loss - $1.loss })
    byOwn = PairedDifference(
      zip(runs, wholeRight).map { Estimate($0.alsoMeasured!).mean - Estimate($1.alsoMeasured!).mean })
  }
}
let costs = zip(hidden, wholePlanted).map { Cost($0, $1) }.sorted { $0.byRight.mean > $1.byRight.mean }
chapter.tabulate(
  "costs",
  [
    "mistake", "inside: stage 1", "2", "3", "costs, run by its own code", "costs, run by right code", "95 % interval",
  ],
  rows: costs.map { cost in
    [cost.fault.words.title] + cost.inside.map { "\($0) of \(seeds.count)" }
      + [
        number(cost.byOwn.mean, decimals: 3), number(cost.byRight.mean, decimals: 3),
        cost.byRight.intervalText(decimals: 3),
      ]
  }, volatile: chapter.isQuick)
show("loss of the right student", spread(wholeRight.prefix(seeds.count).map(\.loss)))
let hiding = costs.filter { $0.isHidden && $0.byRight.conclusion == .holds }
finding(
  """
  Of the \(costs.count) mistakes planted here, \(hiding.count) leave no trace in any of the three losses and still cost
  something when the weights are run by right code: \(list(hiding.map(\.fault.words.title))).
  """, volatile: chapter.isQuick)

// Why does the loss at the end not show them? Because it is computed by the code that has the mistake. A
// mixer whose decays act at their own step too, or whose convolution has an activation, makes matrices of
// another family. Stage 1 compares matrices and can show that. Stages 2 and 3 need not: that family
// imitates attention about as well as the right one, and the student learns around the mistake. What acts
// after the matrix, such as a norm before the output projection or a gate without its bias, stage 1 cannot
// see at all. In each case the student is good as long as the same code runs it. Its weights mean something
// only together with the mistake; loaded by right code, they are the weights of another model.
//
// Hard labels are of another kind: they cost something by any code. The target is wrong, but the teacher
// predicts the text well, so the loss against the actual tokens is nearly that against its distribution.
// A stage 3 that begins with a new student shows the difference (patient C). After two good stages it is
// within what seeds do.
//
// And a matrix that is transposed has a loss below that of the right student, if its own code runs it: it
// reads the tokens that it should predict.
//
// So losses show a wrong input and most wrong targets. A wrong family shows in stage 1 at best, what acts
// after the matrix need not show anywhere, and a loss can be too good. To find these takes tensors, and
// another program to compare them with.

// ## What we saw
//
// The kit needs one tensor to name a mistake, where the corridor needs a run. The corridor sees what
// is wrong with a training as a whole.

finding(
  """
  The library agrees with the kit in \(ours.findings.count) tensors. Of \(leftOut.joined().count) right runs,
  \(leftOut.joined().count { $0 }) are inside the corridor of the others. Of the three patients the corridor sees
  \(verdicts.count { $0.outsideFrom != nil }), and the doctor names all three.
  """, volatile: chapter.isQuick)

// ## Exercises
//
// 1. Which mistakes can each case of the kit not show, and why?
// 2. A program drops the bias of the convolution and has a sigmoid for its gate. Does the doctor find both?
//    What if the convolution is reversed as well, in place of the sigmoid?
// 3. Change a single weight by a part ε of itself. From which tensors can that be seen, and how small may
//    ε be?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// `conformance check` and `conformance corridor` do for a program of yours what this chapter did for ours;
// `data/conformance/README.md` says how to begin.

chapter.finish()
