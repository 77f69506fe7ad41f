// # 13  What do a few attention layers buy?
//
// A state of fixed size forgets, and attention does not. The paper's hybrid keeps four of the
// teacher's twenty-four attention layers and closes most of the gap. How many does one need, and
// where? We try every placement there is, on the text of this book. Then we leave the text for a
// language in which it is known what has to be remembered, and ask what the kept layers do.
//
// You will see the loss of all placements, what each layer is worth, a language with an entropy
// that can be computed, and recall against distance for teacher, students and hybrids. The default
// run takes twelve minutes the first time. It may be stopped at any moment: what is done is kept in
// out/study, and the next run continues from there.

import ArgumentParser
import Book
import Corpora
import Experiments
import Foundation
import Notebook
import Plots
import Statistics
import Tensors
import Training

struct Options: ParsableArguments {
  @OptionGroup var study: StudyOptions

  static let standardGrammar = "data/world.grammar"
  @Option(parsing: .unconditional, help: "The language in which recall is measured.")
  var grammar = Options.standardGrammar
}

let chapter = Chapter(
  "13-hybrid", question: "What do a few attention layers buy?",
  duration: "12 minutes the first time, seconds from then on; 6 seconds with --quick", options: Options.self)

let store = chapter.openModelStore()
let (options, seedCount) = (chapter.options.study, chapter.options.study.seedCount(isQuick: chapter.isQuick))
let grammarFile = URL(filePath: chapter.options.grammar)
let grammar = exitOnError { try Grammar(contentsOf: grammarFile) }

// ## Every placement
//
// Each subset of the L layers is one way to keep attention. Each student goes through all three
// stages with the same steps and rates; what is kept is copied from the teacher and needs no stage
// 1 or 2. A student that keeps all is the teacher itself.

chapter.section("1. Every placement")
let recipe = store.recipe
let study = exitOnError { try Study(in: store, seeds: seedCount) }
func arm(keeping kept: [Int], _ recipe: Recipe, rate: Double? = nil) -> Arm {
  recipe.scaled(options.scaled).arm(.all, kept.isEmpty ? .phiMamba : .hybrid(attention: kept), lastRate: rate)
}
func subsets(of L: Int) -> [[Int]] { (0..<(1 << L)).map { bits in (0..<L).filter { (bits >> $0) & 1 == 1 } } }
let placements: [[Int]] = (0...recipe.L).flatMap { count in subsets(of: recipe.L).filter { $0.count == count } }
let mixed = placements.filter { $0.count < recipe.L }
let outcomes = exitOnError {
  try study.results("placements", of: mixed.map { arm(keeping: $0, recipe) })
}
let teachers = study.teacherLosses
func losses(_ kept: [Int]) -> [Double] {
  mixed.firstIndex(of: kept).map { outcomes[$0].map(\.loss) } ?? teachers
}
func divergence(_ kept: [Int]) -> Double {
  mixed.firstIndex(of: kept).map { Estimate(outcomes[$0].map(\.divergence)).mean } ?? 0
}
func drawn(_ kept: [Int], L: Int) -> String { (0..<L).map { kept.contains($0) ? "A" : "·" }.joined() }
chapter.tabulate(
  "placements-table", ["attention in", "layers", "held-out loss, \(store.unit)", "KL"],
  rows: placements.map { kept in
    [
      drawn(kept, L: recipe.L), "\(kept.count)", spread(losses(kept)), number(divergence(kept), decimals: 3),
    ]
  })
show("seeds", study.seeds.count)
chapter.record(
  "placements", ["attention"],
  results: zip(mixed, outcomes).map { ([drawn($0, L: recipe.L)], $1) }, seeds: study.seeds)
chapter.plot(
  Figure(
    "Held-out loss of every placement of attention",
    panels: [
      DotPlot(
        "from the first layer (left) to the last, A: attention kept; \(barsOverSeeds(study.seeds.count))",
        value: Axis("held-out cross-entropy", unit: store.unit),
        rows: placements.map { kept in
          let estimate = Estimate(losses(kept))
          return DotPlot.Row(
            name: drawn(kept, L: recipe.L), value: estimate.mean, error: estimate.standardError,
            group: "\(kept.count) kept")
        })
    ]), "placements")

// ## Number and place
//
// How much of the gap between the pure student and the teacher does a number of layers close, on
// average over placements, at best and at worst? And what is one layer worth? For each layer we
// take the mean gain of adding it, over all placements without it.

chapter.section("2. Number and place")
let gap = Estimate(losses([])).mean - Estimate(teachers).mean
func closed(_ kept: [Int]) -> Double { (Estimate(losses([])).mean - Estimate(losses(kept)).mean) / gap }
/// The part of the gap that so many layers close, on average over their placements.
func meanClosed(_ count: Int) -> Double {
  let those = placements.filter { $0.count == count }.map(closed)
  return those.reduce(0, +) / Double(those.count)
}
chapter.tabulate(
  "number", ["layers kept", "placements", "gap closed, mean", "best", "", "worst", ""],
  rows: (0...recipe.L).map { count in
    let those = placements.filter { $0.count == count }.sorted { closed($0) > closed($1) }
    return ["\(count)", "\(those.count)", number(meanClosed(count), decimals: 2)]
      + [those.first!, those.last!].flatMap { [number(closed($0), decimals: 2), drawn($0, L: recipe.L)] }
  })
let worth = (0..<recipe.L).map { layer in
  PairedDifference(
    study.seeds.indices.map { seed in
      let without = placements.filter { !$0.contains(layer) }
      return without.map { losses($0)[seed] - losses(($0 + [layer]).sorted())[seed] }.reduce(0, +)
        / Double(without.count)
    })
}
chapter.tabulate(
  "layers", claims: worth.enumerated().map { ("\($0)", $1) }, as: "layer", gain: "mean gain of adding it, nats")
if store.isReference {
  report(
    "one layer closes more than its share of the gap", meanClosed(1), greaterThan: 1 / Double(recipe.L), digits: 2)
  check("each layer is worth something, in the mean", worth.map(\.mean).min()!, greaterThan: 0.0, digits: 2)
}

// ## A language in which recall can be measured
//
// A document says who put what where, and asks:

chapter.section("3. A language in which recall can be measured")
let language = exitOnError { try store.speaking(grammar, from: grammarFile) }
var dice = SeededGenerator(seed: chapter.seed)
let example = grammar.document(using: &dice)
show("the beginning of a document", grammar.tokenizer.decode(Array(example.tokens.prefix(22))))

// The last word of each question is determined by what stood before, and by nothing else: a model
// that gives it has recalled it. Everything else is drawn with probabilities that we know. So the
// entropy is known (`Corpora/Grammar/Grammar+Entropy.swift` derives it): no model can have a smaller loss.
// A model that knows the language but guesses the places reaches the other line of the chart.

show("entropy, the floor of any loss", grammar.lossFloor, unit: "nats per token")
show("the loss of guessing the places", grammar.lossOfGuessing, unit: "nats per token")
show("part of the tokens that are answers", grammar.answerShare, digits: 3)
let recall = exitOnError { try Study(in: language, seeds: seedCount) }
let histories = exitOnError { try recall.seeds.map { try language.with(seed: $0).teacher().history } }
chapter.plot(
  Figure(
    "The teacher learns the language, and then to recall",
    panels: [
      LineChart(
        "mean of 20 steps", x: Axis("steps of \(language.recipe.tokensPerUpdate) tokens"),
        y: Axis("loss", unit: "nats per token", range: 0.7...2),
        series: zip(recall.seeds, histories).map { seed, history in
          lossCurve("seed \(seed)", history.records.map(\.loss), tokensPerUpdate: 1, smoothing: 20)
        },
        references: [
          Reference("floor: the entropy", y: grammar.lossFloor),
          Reference("places guessed", y: grammar.lossOfGuessing),
        ])
    ]), "teacher")

let halfway = (grammar.lossFloor + grammar.lossOfGuessing) / 2
let arrivals = histories.compactMap { movingAverage($0.losses, over: 20).firstIndex { $0 < halfway } }
finding(
  """
  \(arrivals.count) of \(histories.count) teachers come halfway from guessing the places to the entropy within
  \(language.recipe.teacherSteps) steps\(arrivals.isEmpty ? "" : ": after \(list(arrivals.map { "\($0 + 1)" }))").
  """)

// A curve that rests near the line of guessing belongs to a teacher that knows the language but not
// the places. Where it falls below, the teacher has begun to recall. In larger models such a fall
// is sudden: a head that looks at the word before and one that finds an equal word are of use only
// together (arXiv 2209.11895). Once the curve has fallen, the teacher should recall from anywhere.
// We ask the teacher of every seed on documents that none was trained on, by the distance from the
// last sentence that named the object and its place. A study of forgetting needs a teacher that
// does not forget.

let ofTeachers = recall.seeds.map { recall.teachersRecall(seed: $0)! }
func text(_ bin: StudyResult.Recalled) -> String { bin.count == 0 ? "–" : number(bin.accuracy, decimals: 3) }
let distances = ofTeachers[0].map { "\($0.distances.lowerBound)–\($0.distances.upperBound)" }
chapter.tabulate(
  "teachers-recall", ["teacher's recall at distance"] + distances,
  rows: zip(recall.seeds, ofTeachers).map { ["seed \($0)"] + $1.map(text) })
let isReference = store.isReference && chapter.options.grammar == Options.standardGrammar
if isReference {
  check(
    "each teacher recalls at the shortest distances", ofTeachers.map { $0[0].accuracy }.min()!, atLeast: 0.95,
    digits: 3)
  check(
    "and at all others", ofTeachers.flatMap { $0.filter { $0.count > 0 }.map(\.accuracy) }.min()!, atLeast: 0.95,
    digits: 3)
}

// ## Recall against distance
//
// The students are distilled as before, each with a rate of its own for stage 3; beside them a
// state space model that never saw a teacher. Every answer is counted, over all seeds.

chapter.section("4. Recall against distance")
let small = language.recipe
typealias Kind = (name: String, arm: (Double) -> Arm)
var kinds: [Kind] = subsets(of: small.L).dropLast().map { kept in
  let name = "attention kept in \(kept.map(String.init).joined(separator: ", "))"
  return (kept.isEmpty ? "state space only" : name, { arm(keeping: kept, small, rate: $0) })
}
let withoutTeacher = small.scaled(options.scaled)
kinds.append(("state space, no teacher", { withoutTeacher.arm(.scratchHard, lastRate: $0) }))
let rates = exitOnError {
  try recall.sweep(
    "recall, rates", kinds.map { RateSweep($0.name, rates: [1.5e-3, 3e-3, 6e-3], arm: $0.arm) }, extensions: 1)
}
let students = exitOnError { try recall.results("recall", of: zip(kinds, rates).map { $0.arm($1.best) }) }
chapter.tabulate("recall-rates", sweeps: rates)

/// The answers of several seeds, class by class.
func pooled(_ tallies: [[StudyResult.Recalled]]) -> [StudyResult.Recalled] {
  tallies[0].indices.map { bin in
    var all = tallies[0][bin]
    (all.hits, all.count) = tallies.reduce((0, 0)) { ($0.0 + $1[bin].hits, $0.1 + $1[bin].count) }
    return all
  }
}
func all(_ bins: [StudyResult.Recalled]) -> String {
  number(Double(bins.reduce(0) { $0 + $1.hits }) / Double(bins.reduce(0) { $0 + $1.count }), decimals: 3)
}
let tallies = [("teacher", ofTeachers)] + zip(kinds, students).map { ($0.name, $1.map { $0.recall! }) }
let lines = tallies.map { (name: $0, recall: pooled($1), bySeed: $1.map(all).joined(separator: ", ")) }
let lossesOfLines = [recall.teacherLosses] + students.map { $0.map(\.loss) }
chapter.tabulate(
  "recall-table", ["recall at distance"] + distances + ["all", "all, seed by seed", "loss"],
  rows: zip(lines, lossesOfLines).map { line, losses in
    [line.name] + line.recall.map(text)
      + [all(line.recall), line.bySeed, number(Estimate(losses).mean, decimals: 3)]
  } + [
    ["answers counted"] + lines[0].recall.map { "\($0.count)" } + ["\(lines[0].recall.reduce(0) { $0 + $1.count })"]
  ])
chapter.plot(
  Figure(
    "Recall against the distance to the last mention",
    panels: [
      LineChart(
        "all seeds together", x: Axis("distance, at most", unit: "tokens", logarithmic: true),
        y: Axis("part of the answers that are right", range: 0...1.02),
        series: lines.map { line in
          let bins = line.recall.filter { $0.count > 0 }
          return Series(
            line.name, x: bins.map { Double($0.distances.upperBound) }, y: bins.map(\.accuracy), style: .linePoints)
        }, references: [Reference("guessing", y: 1 / Double(grammar.places.count))], legend: .outside)
    ]), "recall")
let near = lines.map { $0.recall[0].accuracy }
/// The farthest class with enough answers to be counted on, the same for all lines.
let farthest = lines.map { line in line.recall.last { $0.count >= 100 } ?? line.recall[0] }
let least = lossesOfLines.joined().min()!
check(
  "no loss lies below the entropy, but for the draw of the documents", least, greaterThan: grammar.lossFloor - 0.02)
if isReference {
  let (far, last) = (farthest.map(\.accuracy), small.L - 1)
  report("without attention, recall falls with distance", far[1], lessThan: near[1], digits: 3)
  report("attention in the last layer keeps it", far[1 + (1 << last)], atLeast: 0.95, digits: 3)
  report("attention in the first does not", far[2], lessThan: far[1], digits: 3)
}

// ## Breaking it on purpose: distance from the wrong place
//
// Why from the last mention, and not from the statement? A question repeats the answer. When the
// key is asked for a second time, its place stands a few words back, and no long memory is needed,
// however far back the statement is. Counted from the statement, such an answer stands among those
// that do need a long memory. The same answers of the same student then give another curve, and one
// may conclude that it forgets less than it does.

chapter.section("5. Breaking it on purpose: distance from the wrong place")
let (byMention, byFact) = (pooled(students[0].map { $0.recall! }), pooled(students[0].map { $0.recallSinceFact! }))
chapter.tabulate(
  "from-the-statement",
  ["\(kinds[0].name), distance from"] + distances,
  rows: [["the last mention"] + byMention.map(text), ["the statement"] + byFact.map(text)])
func fall(_ bins: [StudyResult.Recalled]) -> Double {
  let counted = bins.filter { $0.count >= 100 }
  return (counted.first?.accuracy ?? .nan) - (counted.last?.accuracy ?? .nan)
}
if isReference {
  check("counted from the statement, less seems to be forgotten", fall(byFact), lessThan: fall(byMention))
}
finding(
  """
  From the nearest class of distances to the farthest, recall falls by \(number(fall(byMention), decimals: 3)) if
  they are counted from the last mention, and by \(number(fall(byFact), decimals: 3)) from the statement.
  """, volatile: chapter.isQuick)

// ## What we saw
//
// Kept layers of attention can buy two things, a smaller loss and recall, and the two need not go
// together. For the loss every placement was tried, so that the number of layers and their place
// can be told apart.

let singles = placements.filter { $0.count == 1 }.map(closed)
let parts = (1..<recipe.L).map { count in
  "\(count) layer\(count == 1 ? " closes" : "s close") \(number(meanClosed(count), decimals: 2))"
}
finding(
  """
  Of the gap of \(number(gap, decimals: 3)) \(store.unit) between the student without attention and its teacher,
  \(list(parts)), on average over placements. An equal share for each of the \(recipe.L) layers would be
  \(number(1 / Double(recipe.L), decimals: 2)).
  """)
finding(
  """
  At the best place a single layer closes \(number(singles.max()!, decimals: 2)) of the gap, at the worst
  \(number(singles.min()!, decimals: 2)). The gain of adding a layer, averaged over the placements without it, lies
  between \(number(worth.map(\.mean).min()!, decimals: 3)) and \(number(worth.map(\.mean).max()!, decimals: 3)) nats.
  """)

// Recall asks for something that a mean over all tokens hides: a layer that looks up. It has to
// stand where the layers before it have prepared what it compares. A state of fixed size looks
// nothing up; it has to carry every fact until it is asked for, here the places of the objects of
// one document.

let ends = [lines[0].recall[0], farthest[0]].map { "\($0.distances.lowerBound)–\($0.distances.upperBound)" }
let recalled = zip(lines, farthest).map { "\($0.name): \(text($0.recall[0])) and \(text($1))" }
finding(
  """
  Recall at a distance of \(ends[0]) tokens and of \(ends[1]) tokens: \(recalled.joined(separator: "; ")).
  """, volatile: chapter.isQuick)

// A model that has no teacher must find out by itself that recall pays, as the teachers had to, and
// when it does is a matter of the seed. A distilled student is shown from its first step on. So
// look at the seeds one by one.

finding(
  """
  Of all answers, seed by seed, the state space student recalls \(lines[1].bySeed), and the same model without a
  teacher \(lines.last!.bySeed).
  """, volatile: chapter.isQuick)

// Exercises. 1: `--grammar FILE` with a language of your own: half as many places, or longer
// documents. 2: Give the pure student N = 4. Which distances are lost first? 3: Make questions more
// frequent, 0.85 in data/world.grammar. When do the teachers learn to recall now?
//
// Next: 14-generation, what all this buys when text is written.

chapter.finish()
