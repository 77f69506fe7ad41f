// # Answers to the exercises
//
// The first uses results that the chapter has kept; the other two train one model each.

import Book
import Corpora
import Distillation
import Experiments
import Foundation
import Layers
import Models
import Notebook
import Statistics
import Tensors
import Training

// ## 1. Do the gains add up?
//
// If each layer did work of its own, the gain of a placement would be the sum of its single gains:
// the gains of keeping each of its layers alone. A sum that is too large says that layers do the
// same work, so that a second one has less left to do. A sum that is too small says that layers
// need each other: one of them prepares what another uses.
//
// Averaged over all placements with the same number of kept layers, the sum has a short form. Each
// layer is in the same fraction of these placements, the number of kept layers over L. So the mean
// sum is the number of kept layers times the mean of the L single gains. The last row of the table
// is the teacher, whose gain is the whole gap.

func answer1() throws {
  let none = losses([])
  /// The gain of a placement over none, for each seed.
  func gains(_ kept: [Int]) -> [Double] { zip(none, losses(kept)).map { $0 - $1 } }
  func sums(_ kept: [Int]) -> [Double] {
    study.seeds.indices.map { seed in kept.reduce(0) { $0 + gains([$1])[seed] } }
  }
  func mean(_ those: [[Int]], _ of: ([Int]) -> [Double]) -> Double { Estimate(those.flatMap(of)).mean }
  table(
    ["layers kept", "mean gain, nats", "sum of single gains", "ratio"],
    rows: (1...recipe.L).map { count in
      let those = placements.filter { $0.count == count }
      let (gain, sum) = (mean(those, gains), mean(those, sums))
      return ["\(count)"] + [gain, sum].map { number($0, decimals: 3) } + [number(gain / sum, decimals: 2)]
    })
  let all = Array(0..<recipe.L)
  let beyond = PairedDifference(zip(gains(all), sums(all)).map { $0 - $1 })
  finding(
    """
    All \(recipe.L) layers together gain \(number(Estimate(gains(all)).mean, decimals: 3)) nats, and their single
    gains add up to \(number(Estimate(sums(all)).mean, decimals: 3)). The difference is
    \(number(beyond.mean, decimals: 3)) nats, with a 95 % interval of \(beyond.intervalText(decimals: 3)).
    """)
}

// ## 2. A quarter of the state
//
// A mixer can store a fact as B[s] x[s]ᵀ, with B[s] made from the object and x[s] from the place. A
// question then reads with a C[t] made from the same object, and gets
//
//     y[t]  =  Σ over facts s of  (C[t] · B[s]) · decay · x[s]
//
// which is the right x[s] alone if the B of different objects are orthogonal. At most N vectors of
// N numbers are orthogonal to each other. So a head can keep N facts apart; when a document places
// more objects than that, some of their B overlap, and the answers about these are mixed with other
// places. Facts that are old have faded,
// and more facts have been added on top of them. So we expect a smaller state to lose recall, and
// most of it at long distances.
//
// We train one student with N / 4 from the teacher of the chapter's first seed, with the steps and
// learning rates of the student with N.

func answer2() throws {
  let documents = language.heldOutDocuments!.reported
  let placed = documents.flatMap { batch in
    (0..<batch.batch.inputs.B).map { row in
      Double(Set(batch.batch.inputs.row(row).filter { grammar.objects.contains($0) }).count)
    }
  }
  show("objects that a document places, on average", Estimate(placed).mean, digits: 3)

  let teacher = recall.teachers[recall.seeds[0]]!
  var mixer = small.studentMixer
  mixer.N = max(1, small.N / 4)
  var random = SeededGenerator(seed: chapter.seed)
  let student = LanguageModel(teacher.configuration.student(mixer), using: &random)
  let plan = kinds[0].arm(rates[0].best)
  for (index, stage) in plan.stages.enumerated() {
    if stage.kind.isEndToEnd { transferWeights(from: teacher, to: student) }
    let bar = ProgressBar("N = \(mixer.N), \(stage.kind.name)", total: stage.steps)
    let settings = TrainingSettings(
      steps: stage.steps, learningRate: stage.rate, tokensPerUpdate: small.tokensPerUpdate,
      seed: chapter.seed &+ UInt64(index))
    _ = try train(
      stage.kind.make(teacher, student, plan), as: stage.kind.name, settings,
      on: { grammar.randomBatch(B: small.B, using: &$0).batch }
    ) { run in
      run.onStep = { bar.update($0.step + 1) }
    }
    bar.finish()
  }
  var tally = RecallTally(upTo: ofTeachers[0].map(\.distances.upperBound))
  for batch in documents { tally.add(student.frozen(batch.batch.inputs), batch) }

  let before = students[0][0].recall!
  let after = tally.bins.map { (hits: $0.hits, count: $0.count) }
  // A quick student recalls next to nothing: a few hits decide.
  func cell(_ hits: Int, _ count: Int) -> String {
    count == 0 ? "–" : (chapter.isQuick ? "~" : "") + number(Double(hits) / Double(count), decimals: 3)
  }
  func row(_ name: String, _ bins: [(hits: Int, count: Int)]) -> [String] {
    [name] + bins.map { cell($0.hits, $0.count) }
      + [cell(bins.reduce(0) { $0 + $1.hits }, bins.reduce(0) { $0 + $1.count })]
  }
  table(
    ["recall at distance"] + distances + ["all"],
    rows: [row("N = \(small.N)", before.map { ($0.hits, $0.count) }), row("N = \(mixer.N)", after)])
  let losses = before.indices.filter { before[$0].count >= 100 }.map { bin in
    (bin: bin, loss: before[bin].accuracy - Double(after[bin].hits) / Double(after[bin].count))
  }
  if let worst = losses.max(by: { $0.loss < $1.loss }) {
    finding(
      """
      Among the classes with at least 100 answers, recall falls most at a distance of \(distances[worst.bin]) tokens, by
      \(number(worst.loss, decimals: 3)). In the nearest of these classes it falls by
      \(number(losses[0].loss, decimals: 3)).
      """, volatile: chapter.isQuick)
  }
}

// ## 3. More questions
//
// A model that guesses one of r places pays log r for each answer. So the two lines of the chart
// are s · log r apart, where s is the fraction of the predicted tokens that are answers; this is
// all that recall can gain. More questions mean a larger s. They also bring each answer nearer to
// the last mention of its object, since fewer objects share more questions. And they lower the
// entropy, because a question makes fewer random choices than a statement.
//
// Both entropies can be checked without the formulas: a reader who knows the language and remembers
// everything reads documents and states its probabilities, and its mean loss must agree with the
// entropy up to the draw of the documents.
//
// Then we train a teacher on the new language until the mean loss of 20 steps is halfway between
// the two lines, the moment that the chapter prints for its own teachers.

func answer3() throws {
  let more = try withHalfTheStatements()
  let languages = [grammar, more].map { language in
    var random = SeededGenerator(seed: chapter.seed)
    return (grammar: language, documents: (0..<200).map { _ in language.document(using: &random) })
  }
  table(
    ["probability of a statement", "entropy", "places guessed", "difference", "answers", "mean distance"],
    rows: languages.map { language, documents in
      let (floor, guessing) = (language.lossFloor, language.lossOfGuessing)
      let distances = documents.flatMap(\.recalls).map { Double($0.sinceMention) }
      return [number(language.statement.probability, digits: 2)]
        + [floor, guessing, guessing - floor, language.answerShare].map { number($0, decimals: 3) }
        + [number(Estimate(distances).mean, decimals: 1)]
    })
  let deviations = languages.map { language, documents in
    let ideal = Estimate(
      documents.map { document in
        IdealReader.losses(of: document.tokens, in: language).dropFirst().reduce(0, +) / Double(language.T)
      })
    return abs(ideal.mean - language.lossFloor) / ideal.standardError
  }
  check("a reader who remembers everything pays the entropy: standard errors away", deviations.max()!, lessThan: 5)

  var random = SeededGenerator(seed: chapter.seed)
  let teacher = TokenPrediction(of: LanguageModel(small.teacher(V: more.V), using: &random))
  try teacher.begin()
  let run = try TrainingRun(
    "more questions", of: teacher.trained,
    settings: TrainingSettings(
      steps: small.teacherSteps, learningRate: small.teacherRate, tokensPerUpdate: small.tokensPerUpdate,
      seed: chapter.seed))
  let bar = ProgressBar("a teacher with more questions", total: small.teacherSteps)
  let halfway = (more.lossFloor + more.lossOfGuessing) / 2
  var arrival: Int?
  for step in run {
    try run.step(teacher, on: more.randomBatch(B: small.B, using: &run.random).batch)
    bar.update(step + 1)
    if Estimate(run.records.suffix(20).map(\.loss)).mean < halfway {
      arrival = step + 1
      break
    }
  }
  bar.finish()
  let ofChapter = arrivals.isEmpty ? "none of them arrives" : "after \(list(arrivals.map { "\($0 + 1)" })) steps"
  finding(
    """
    With half the statements the teacher comes halfway from guessing to the entropy
    \(arrival.map { "after \($0) steps" } ?? "in none of its \(small.teacherSteps) steps"). The chapter's teachers, each
    on its own scale of guessing and entropy: \(ofChapter).
    """)
}

/// The chapter's language with half the probability of a statement; all else as it is in the file.
private func withHalfTheStatements() throws -> Grammar {
  let told = grammar.statement.probability / 2
  let lines = try Corpus.text(contentsOf: grammarFile).split(whereSeparator: \.isNewline).map { line in
    var words = line.split(whereSeparator: \.isWhitespace).map(String.init)
    if words.first == "statement" { words[1] = "\(told)" }
    if words.first == "question" { words[1] = "\(1 - told)" }
    return words.joined(separator: " ")
  }
  return try Grammar(lines.joined(separator: "\n"), file: grammarFile.lastPathComponent)
}
