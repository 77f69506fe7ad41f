// # 13  What do a few attention layers buy?
//
// A state of fixed size has to forget; attention does not. The paper's hybrid keeps four of the
// teacher's twenty-four attention layers and comes close to the teacher. How many attention layers
// are needed, and where? First we try every possible placement, on the text of this book. Then we
// turn to a synthetic language, in which we know what has to be remembered, and ask what the kept
// layers do there. A layer of attention that forgets nothing can still be in a place where it does
// not help a model to recall; section 4 says why.
//
// You will see the held-out loss of every placement, what each layer is worth, a language with an
// entropy that we can compute, and recall against distance for teachers, students and hybrids. The
// default run takes twelve minutes the first time. It can be stopped at any moment: finished
// results are kept in out/study, and the next run continues from there.

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
  @Option(parsing: .unconditional, help: "The file of the language in which recall is measured.")
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
// A hybrid keeps the teacher's attention in some of its L layers and has state space mixers in the
// others. Each of the 2^L subsets of the layers is a placement, and we train a student for each but
// one: a student that keeps all L layers is the teacher itself. All students go through the three
// stages with the same steps and learning rates. Kept attention is copied from the teacher and needs
// neither stage 1 nor stage 2.
//
// The rates are those of the recipe, the same for every placement, so that placements differ in
// nothing else. Chapter 10 uses them too, with the first seed alone. Chapter 11 tunes its own:
// those of stages 1 and 2 for each kind of student, that of the last stage for each arm. So the
// student without attention, 1-2-3 in those chapters, can have a slightly different loss in each of
// the three.
//
// In the table and in the figure a placement is a row of marks, one for each layer, the first on the
// left: A where attention is kept, · where a state space mixer takes its place.

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
        "a mark for each layer, the first on the left; A: attention kept; \(barsOverSeeds(study.seeds.count))",
        value: Axis("held-out cross-entropy", unit: store.unit),
        rows: placements.map { kept in
          let estimate = Estimate(losses(kept))
          return DotPlot.Row(
            name: drawn(kept, L: recipe.L), value: estimate.mean, error: estimate.standardError)
        })
    ]), "placements")

// ## Number and place
//
// The gap to close is the loss of the student without attention minus that of the teacher. How much
// of it does a given number of kept layers close: on average over all placements with that number,
// at the best of them, and at the worst? And what is a single layer worth? For each layer we average
// the gain of adding it over all placements that lack it.

chapter.section("2. Number and place")
let gap = Estimate(losses([])).mean - Estimate(teachers).mean
func closed(_ kept: [Int]) -> Double { (Estimate(losses([])).mean - Estimate(losses(kept)).mean) / gap }
/// The fraction of the gap that `count` kept layers close, on average over their placements.
func meanClosed(_ count: Int) -> Double {
  let those = placements.filter { $0.count == count }.map(closed)
  return those.reduce(0, +) / Double(those.count)
}
chapter.tabulate(
  "number", ["layers kept", "placements", "gap closed, mean", "best", "placement", "worst", "placement"],
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
// The language of `data/world.grammar` has a few names, objects and places, and a document in it is
// a sequence of two kinds of sentences. A statement begins with a name: "david took the map barn ."
// says who took which object, and where. A question begins with the object: "the map barn ." asks
// where the map is, and its last word is the answer. A document begins with a statement. Each
// object is placed once, and only objects that have been placed are asked for; while there is one
// such object, all questions are about it:

chapter.section("3. A language in which recall can be measured")
let language = exitOnError { try store.speaking(grammar, from: grammarFile) }
var dice = SeededGenerator(seed: chapter.seed)
let example = grammar.document(using: &dice)
show("the beginning of a document", grammar.tokenizer.decode(Array(example.tokens.prefix(22))))

// The place at the end of a question is its answer. It is determined by the text before it, and by
// nothing else: a model that predicts it has recalled it. Everything else is drawn with
// probabilities that we know. So the entropy of the language is known as well, and no model can
// have a smaller expected loss (`Corpora/Grammar/Grammar+Entropy.swift` derives it). Known too is
// the loss of a model that has learned the language but guesses the places. The chart below has a
// line for either.

show("entropy, the floor of any loss", grammar.lossFloor, unit: "nats per token")
show("the loss of guessing the places", grammar.lossOfGuessing, unit: "nats per token")
show("fraction of the tokens that are answers", grammar.answerShare, digits: 3)
show("fraction of the answers that a guess gets right", 1 / Double(grammar.places.count), digits: 3)
let recall = exitOnError { try Study(in: language, seeds: seedCount) }
let histories = exitOnError { try recall.seeds.map { try language.with(seed: $0).teacher().history } }
chapter.plot(
  Figure(
    "The teacher's loss beside the loss of guessing the places and the entropy",
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
        ], legend: .outside)
    ]), "teacher")

let halfway = (grammar.lossFloor + grammar.lossOfGuessing) / 2
let arrivals = histories.compactMap { movingAverage($0.losses, over: 20).firstIndex { $0 < halfway } }
finding(
  """
  \(arrivals.count) of \(histories.count) teachers come halfway from guessing the places to the entropy within
  \(language.recipe.teacherSteps) steps\(arrivals.isEmpty ? "" : ": after \(list(arrivals.map { "\($0 + 1)" }))").
  """)

// A curve that ends well above the line of guessing belongs to a teacher that is still learning the
// language. One that stays near the line belongs to a teacher that has learned the language but
// does not recall the places. Where the curve falls below the line, the teacher has begun to
// recall. In larger models such a fall is sudden, because two kinds of heads are of use only
// together: one looks at the previous word, the other, called an induction head, finds an earlier
// occurrence of the current word (arXiv 2209.11895).
//
// A study of forgetting needs a teacher that does not forget. So we test the teacher of every seed
// on documents that none of them was trained on. The distance of an answer is counted in tokens
// from the last sentence that named the object and its place. The full run checks that every teacher
// recalls at every distance. A quick run gives its teachers so few steps that they may not even have
// learned the language. Where they recall no better than a guess, there is nothing to be forgotten:
// the tables of this section and the next two then show that everything runs, and nothing about
// memory.

let ofTeachers = recall.seeds.map { recall.teachersRecall(seed: $0)! }
let distances = ofTeachers[0].map { "\($0.distances.lowerBound)–\($0.distances.upperBound)" }
chapter.tabulate(
  "teachers-recall", ["teacher's recall at distance"] + distances,
  rows: zip(recall.seeds, ofTeachers).map { ["seed \($0)"] + $1.map(shareText) })
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
// The students are distilled as before, except that stage 3 has a learning rate of its own for each
// kind of student, chosen by a sweep on the first seed; a score is the held-out loss in nats per
// token. Beside them we train a state space model that never sees a teacher. All answers of all
// seeds are counted together. The models of this language have two layers, 0 and 1, and a hybrid is
// named after the layer that it keeps: "attention kept in 0" is what section 1 would draw as A·.

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

let tallies = [("teacher", ofTeachers)] + zip(kinds, students).map { ($0.name, $1.map { $0.recall! }) }
let lines = tallies.map { (name: $0, recall: pooled($1), bySeed: $1.map(shareOfAll).joined(separator: ", ")) }
let lossesOfLines = [recall.teacherLosses] + students.map { $0.map(\.loss) }
chapter.tabulate(
  "recall-table", ["recall at distance"] + distances + ["all", "all, seed by seed", "loss"],
  rows: zip(lines, lossesOfLines).map { line, losses in
    [line.name] + line.recall.map(shareText)
      + [shareOfAll(line.recall), line.bySeed, number(Estimate(losses).mean, decimals: 3)]
  } + [
    ["answers counted"] + lines[0].recall.map { "\($0.count)" } + ["\(lines[0].recall.reduce(0) { $0 + $1.count })"]
  ])
chapter.plot(
  Figure(
    "Recall against the distance to the last mention",
    panels: [
      LineChart(
        "all seeds together", x: Axis("distance, at most", unit: "tokens", logarithmic: true),
        y: Axis("fraction of answers that are right", range: 0...1.02),
        series: lines.map { line in
          let bins = line.recall.filter { $0.count > 0 }
          return Series(
            line.name, x: bins.map { Double($0.distances.upperBound) }, y: bins.map(\.accuracy), style: .linePoints)
        }, references: [Reference("guessing", y: 1 / Double(grammar.places.count))], legend: .outside)
    ]), "recall")

// In the full run of [RESULTS.md](../../RESULTS.md) the hybrid with attention in layer 0 recalls much
// less than the student with no attention at all. How can attention that forgets nothing be worse
// than none? An answer takes two steps, and they must be made in this order:
//
// 1. Where something is said about an object, its place has to be joined with it. The place is the
//    next token after the object, so a layer has to bring in the previous token. Attention can do
//    that, and so can the convolution of a mixer.
// 2. When the object is asked for, the place that was joined with it has to be found.
//
// In layer 1 attention can make the second step, after layer 0 has made the first. In layer 0 it
// cannot: it compares tokens that have been joined with nothing yet. It can find the earlier mention
// of the object, but that token does not know its place; and the token of the place does not know its
// object. All that attention in layer 0 can do for recall is the first step. The second is left to
// the state of the one mixer, in layer 1. The student without attention has two mixers, each with a
// convolution that joins neighbours and a state that can hold what was joined: both can make both
// steps.
//
// So much follows from how the models are built, and it says that this hybrid can lose recall. It
// does not say that the one mixer must fail. That mixer has a convolution and a state as well, and
// could recall by itself. Our conjecture is that stages 1 and 2 teach each mixer the part that
// attention had in the teacher, and that stage 3 can then spread the memory over two states where
// there are two. The hybrid has one. No run of this chapter tests that.

let near = lines.map { $0.recall[0].accuracy }
/// The farthest class of distances with at least 100 answers, the same for all lines.
let farthest = lines.map { line in line.recall.last { $0.count >= 100 } ?? line.recall[0] }
let least = lossesOfLines.joined().min()!
check(
  "no loss lies below the entropy by more than the draw of the documents explains", least,
  greaterThan: grammar.lossFloor - 0.02)
if isReference {
  let (far, last) = (farthest.map(\.accuracy), small.L - 1)
  report("without attention, recall falls with distance", far[1], lessThan: near[1], digits: 3)
  report("attention in the last layer keeps it", far[1 + (1 << last)], atLeast: 0.95, digits: 3)
  report("attention in the first does not", far[2], lessThan: far[1], digits: 3)
}

// ## Breaking it on purpose: distance from the wrong place
//
// Why do we count the distance from the last mention, and not from the statement? Because a
// question repeats the answer. When an object is asked for a second time, its place may stand a few
// words back, in the first question. Then no long memory is needed, however far back the statement
// is. Counted from the statement, this easy answer falls into a class of distant ones. If the
// student recalls, the same answers then give a flatter curve, and we may conclude that it forgets
// less than it does. A student that guesses gives two level curves, which differ only by chance.

chapter.section("5. Breaking it on purpose: distance from the wrong place")
let (byMention, byFact) = (pooled(students[0].map { $0.recall! }), pooled(students[0].map { $0.recallSinceFact! }))
chapter.tabulate(
  "from-the-statement",
  ["\(kinds[0].name), distance from"] + distances,
  rows: [["the last mention"] + byMention.map(shareText), ["the statement"] + byFact.map(shareText)])
func fall(_ bins: [StudyResult.Recalled]) -> Double {
  let counted = bins.filter { $0.count >= 100 }
  return (counted.first?.accuracy ?? .nan) - (counted.last?.accuracy ?? .nan)
}
if isReference {
  check("counted from the statement, less seems to be forgotten", fall(byFact), lessThan: fall(byMention))
}
finding(
  """
  From the nearest class of distances to the farthest with at least 100 answers, recall falls by
  \(number(fall(byMention), decimals: 3)) if distances are counted from the last mention, and by
  \(number(fall(byFact), decimals: 3)) if they are counted from the statement.
  """, volatile: chapter.isQuick)

// ## What we saw
//
// Kept attention layers can buy two things, a smaller loss and recall, and the two need not go
// together. For the loss we tried every placement, so the effect of the number of layers can be
// told apart from the effect of their place.

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

// Recall is something that a mean over all tokens hides. There are two ways to it. A layer of
// attention looks an earlier token up; it has to stand behind layers that prepare what it compares
// (section 4). In front of them it cannot do that, and takes the place of a mixer. A state of fixed
// size cannot look back: it has to carry every fact until it is asked for, and what it carries fades.
// Here the facts are the places of the objects of one document. The numbers below say something about this only where the teacher itself
// recalls far more than a guess would, which a full run checks and a quick run hardly reaches.
// [RESULTS.md](../../RESULTS.md) has the table of a full run.

let ends = [lines[0].recall[0], farthest[0]].map { "\($0.distances.lowerBound)–\($0.distances.upperBound)" }
let recalled = zip(lines, farthest).map { "\($0.name): \(shareText($0.recall[0])) and \(shareText($1))" }
finding(
  """
  Recall at a distance of \(ends[0]) tokens and of \(ends[1]) tokens: \(recalled.joined(separator: "; ")).
  """, volatile: chapter.isQuick)

// A model without a teacher has to discover by itself that recall lowers the loss, as the teachers
// had to, and when it does depends on the seed. If its teacher recalls, a distilled student sees
// that from the first step on. So we look at the seeds one by one.

finding(
  """
  Of all answers, seed by seed, the state space student recalls \(lines[1].bySeed), and the same model without a
  teacher \(lines.last!.bySeed).
  """, volatile: chapter.isQuick)

// ## Exercises
//
// 1. Do the gains of layers add up? For each number of kept layers, compare the mean gain with the
//    sum of the single gains. What would it mean if the sum were too large, or too small?
// 2. Give the state space student of the language a quarter of its state: N / 4 in place of N. How
//    many objects does a document place, and at which distances does recall suffer most?
// 3. Halve the probability of a statement in `data/world.grammar`, so that questions are more
//    frequent. What happens to the entropy, to the loss of guessing, and to the distance between an
//    answer and the last mention? When does a teacher begin to recall now?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 14-generation, what all this buys when text is written.

chapter.finish()
