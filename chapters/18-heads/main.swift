// # 18  Which heads should stay?
//
// Chapter 13 kept whole layers of attention. Recent work keeps single heads: a layer is a bundle of
// heads, and perhaps only one of them does what a state cannot do. Then the question is which, and
// there are many answers. Some rank heads by what the teacher loses without them, some by what the
// student gains, some by how badly they are imitated. Each has been shown to be better than chance,
// or than another, on a large model. What nobody has there is the truth: a model with a thousand
// heads has half a million pairs of them, and no one trains a student for each.
//
// Our teachers are so small that we can. They have at most sixteen heads, and we make every student
// that keeps one or two of them. So for each way to choose we know what the best choice was, and what
// it costs to follow the advice.
//
// You will see the value of every pair of heads, how eight selectors order them, what their choices
// cost, and whether the answer depends on what is measured. We ask twice: on the text of this book,
// and in the language of chapter 13, in which recall can be counted. The default run takes half an
// hour the first time. It may be stopped at any moment and goes on where it stopped. A quick run, with
// fewer heads and hardly any training, shows only how the numbers come about.

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

struct Options: ParsableArguments {
  @OptionGroup var study: StudyOptions

  static let standardGrammar = "data/world.grammar"
  @Option(parsing: .unconditional, help: "The file of the language in which recall is measured.")
  var grammar = Options.standardGrammar
}

let chapter = Chapter(
  "18-heads", question: "Which heads should stay?",
  duration: "25 minutes the first time, seconds from then on; 20 seconds with --quick", options: Options.self)

let options = chapter.options.study
let grammarFile = URL(filePath: chapter.options.grammar)
let grammar = exitOnError { try Grammar(contentsOf: grammarFile) }
let stores = exitOnError { try openStores() }
let isReference =
  !chapter.isQuick && chapter.corpus == nil && chapter.bytePairs == nil && options.budget == 1
  && chapter.options.grammar == Options.standardGrammar

// ## The teachers and their heads
//
// A head can stay alone because heads are independent until they meet: each has its own queries, keys
// and values, and only the output projection mixes them. So in one layer some heads can be attention
// and the others state space, under one output projection (`Layers/Mixers/HeadHybrid.swift`). A head
// that stays takes its weights from the teacher; a new one is trained.
//
// The teachers have many narrow layers, so that "which layer" and "which head" are different
// questions with a number of answers each. Some read the text, the others the documents of the
// language; the tables call them "text" and "recall". A name such as 3.1 is head 1 of layer 3; both
// are counted from 0.

chapter.section("1. The teachers and their heads")
let seeds = (0..<UInt64(options.seedCount(isQuick: chapter.isQuick))).map { chapter.seed &+ $0 }
let contests = exitOnError {
  try stores.map { name, store in
    try seeds.map { seed in
      let store = store.with(seed: seed)
      return try Contest(name, store, store.recipe.scaled(options.scaled), in: chapter.name)
    }
  }
}
chapter.tabulate(
  "sizes", ["", "layers", "heads", "pairs of heads", "of which layers", "students"],
  rows: contests.map { contests in
    let contest = contests[0]
    return [contest.name]
      + [contest.recipe.L, contest.heads.count, contest.pairs.count, contest.recipe.L, contest.subsets.count]
      .map(String.init)
  })
show("seeds, each with a teacher of its own", seeds.count)
let ofTeachers = exitOnError { try contests.map { try $0.map { try $0.score(of: $0.teacher) } } }
chapter.tabulate(
  "teachers", ["teacher", "seed", "held-out loss", "answers right, its own kept"],
  rows: zip(contests, ofTeachers).flatMap { contests, scores in
    zip(contests, scores).map { contest, score in
      [
        contest.name, "\(contest.store.seed)", number(score.loss, decimals: 3),
        contest.name == "recall" ? number(score.written, decimals: 3) : "–",
      ]
    }
  }, volatile: chapter.isQuick)
show("the loss of guessing the places", grammar.lossOfGuessing, unit: "nats per token")
if isReference {
  check(
    "the teachers of the language recall", ofTeachers[1].map(\.written).min()!, atLeast: 0.9, digits: 3)
}

// ## The truth
//
// How can one afford hundreds of students? By training layers and not students. In stages 1 and 2
// every layer reads the teacher's states, and so knows nothing of what other layers keep. A layer of
// two heads has only four versions: none of its heads stays, the first, the second, or both. The
// last is the teacher's own layer. Three students have all the others, and each student of the
// contest is put together from their layers (`Contest.swift`). It is the same student that one would
// have got by training it, to the last bit; we try it with one.

chapter.section("2. The truth")
let one = contests[0][0]
let tried = [one.heads[1], one.heads[one.heads.count - one.recipe.H]]
let trained = exitOnError {
  try one.store.student(of: one.arm(keeping: tried), in: chapter.name, as: "\(one.name)-trained-as-such", after: 2)
}
let assembled = one.student(keeping: tried)
check(
  "a student put together has the mixers of one trained as such, bit for bit",
  zip(assembled.blocks, trained.model.blocks).allSatisfy { mine, theirs in
    zip(mine.mixer.parameters, theirs.mixer.parameters).allSatisfy { $0.value.elements == $1.value.elements }
  }, "heads \(list(tried.map(\.description))) kept")

// Each student is measured as it is put together, and once more after a short stage 3, in which all
// of it is trained. That last stage is what makes the contest fair: it is how students are used, and a
// head that seemed indispensable may turn out to be easily replaced. We measure in two ways.
// By likelihood: what a token of held-out text costs. By what is written: in the language, the
// fraction of the answers that are right when the student's own answers stay in the document; in the
// text, how much of the teacher's continuation of a prompt the student writes before it departs
// from it.

let outcomes = exitOnError { try contests.map { try $0.map { try Outcome(of: $0, in: chapter.name) } } }
let names = stores.map(\.name)
record(outcomes)
chapter.tabulate(
  "truth", ["after stage 3", "kept", "loss: best", "mean", "worst", "written, %: best", "mean", "worst"],
  rows: zip(outcomes, ofTeachers).flatMap { outcomes, teachers in
    let rows = [("no head", 0), ("1 head", 1), ("2 heads", 2)].map { name, count in
      [outcomes[0].contest.name, name] + ranges(of: outcomes, count)
    }
    let (loss, written) = (Estimate(teachers.map(\.loss)).mean, Estimate(teachers.map(\.written)).mean)
    let teacher = [number(loss, decimals: 3), "", "", number(100 * written, decimals: 1)]
    return rows + [[outcomes[0].contest.name, "all: the teacher"] + teacher]
  }, volatile: chapter.isQuick)
chapter.plot(pairMaps(outcomes.map { $0[0] }), "pairs")
chapter.plot(singleHeads(outcomes.map { $0[0] }), "heads")

// The first figure has all pairs of the first seed, and on its diagonal the single heads. If heads were
// interchangeable it would be of one colour. A bright row and column belong to a head that is good
// whatever it is paired with; a bright spot where two dark lines cross, to two heads that only work
// together.

// ## The selectors
//
// A selector sees the teacher, the layers after stages 1 and 2, and windows that are not those of the
// truth. It gives each head a score, and the heads with the highest scores stay. Some of them were
// proposed for layers; then we take the same question to heads. "Blind" has no opinion: it stands
// for the mean over all choices. "By layer" is what keeping layers amounts to: it knows no difference
// between the heads of a layer, and so its pair is a layer. "KL saved" is greedy: its second head is
// chosen with the first in place.

chapter.section("3. The selectors")
chapter.tabulate(
  "selectors", ["selector", "the score of a head", "source"],
  rows: Selector.allCases.map { [$0.rawValue, $0.score, $0.source] })
chapter.tabulate(
  "choices", ["chosen, seed \(seeds[0])"] + names.flatMap { ["\($0): 1 head", "2 heads"] },
  rows: Selector.allCases.map { selector in
    [selector.rawValue] + outcomes.flatMap { outcomes in [1, 2].map { chosen(selector, $0, outcomes[0]) } }
  }
    + Measure.allCases.map { measure in
      ["the best, by \(measure.rawValue)"]
        + outcomes.flatMap { outcomes in [1, 2].map { best($0, measure, outcomes[0]) } }
    },
  volatile: chapter.isQuick)

// ## Order and regret
//
// Two numbers for each selector, both against the truth after stage 3. The rank correlation is 1 if
// it orders the single heads, or the pairs, as the truth does, and 0 if it has nothing to do with it.
// Regret is what following it costs: the value of the best choice minus the value of its own, at the
// same memory. The two can disagree. A selector may order the useless heads well and miss the one
// that matters, or find that one and know nothing of the rest.
//
// The last row is not a selector but the truth itself, before stage 3, about the students as they are
// put together. It is a yardstick, not a bound: a selector that looks at the teacher can agree better
// with what is left after stage 3.

chapter.section("4. Order and regret")
for (name, outcomes) in zip(names, outcomes) {
  for measure in Measure.allCases {
    chapter.tabulate(
      "standing-\(name)-\(measure == .likelihood ? "likelihood" : "written")",
      [
        "\(name), by \(measure.rawValue)", "rank correlation: heads", "pairs",
        "regret, \(measure.unit): 1 head", "2 heads",
      ],
      rows: Selector.allCases.map { standing($0, measure, outcomes) } + [standingOfStageTwo(measure, outcomes)],
      volatile: chapter.isQuick)
  }
}
chapter.plot(regrets(outcomes), "regret")

// A selector is worth its name if it does better than blind choice. Each claim below is about two
// heads after stage 3, with a difference for each seed: by likelihood in the text, by what is written
// in the language with recall.

let claims = zip(outcomes, [Measure.likelihood, .written]).map { outcomes, measure in
  Selector.allCases.dropFirst().map { selector in
    (
      claim: "\(outcomes[0].contest.name): \(selector.rawValue) beats blind choice",
      gain: PairedDifference(
        outcomes.map {
          ($0.regret(.blind, 2, measure, .distilled) - $0.regret(selector, 2, measure, .distilled))
            * (measure == .written ? 100 : 1)
        })
    )
  }
}
chapter.tabulate("claims-text", claims: claims[0])
chapter.tabulate("claims-recall", claims: claims[1], gain: "gain, points")

// ## Likelihood against what is written
//
// A loss is a mean over all tokens, and most tokens do not need the head in question. So two students
// can be close in likelihood and far apart in what they write: one published pair of models differs by
// 0.2 points when answers are ranked by likelihood, and by 20.8 when they are generated
// (arXiv 2603.26556). Do our two measures order the pairs alike? And if the best pair is chosen by one
// of them, what does it lose by the other?

chapter.section("5. Likelihood against what is written")
chapter.tabulate(
  "measures",
  [
    "after stage 3", "rank correlation, heads", "pairs", "points lost, chosen by likelihood",
    "nats lost, chosen by what is written",
  ],
  rows: zip(names, outcomes).map { name, outcomes in
    [name] + [1, 2].map { count in correlationText(outcomes.map { agreement(of: $0, count) }) }
      + [
        spread(outcomes.map { 100 * $0.lost(.written, choosingBy: .likelihood, .distilled) }, decimals: 1),
        spread(outcomes.map { $0.lost(.likelihood, choosingBy: .written, .distilled) }),
      ]
  }, volatile: chapter.isQuick)
chapter.plot(scatter(outcomes), "likelihood-and-written")
for outcomes in outcomes { finding(farthestApart(outcomes), volatile: chapter.isQuick) }

// ## Heads against layers
//
// Two heads of one layer and two heads of two layers have caches of the same size. So a hybrid of
// heads can only gain by its freedom to choose, and loses nothing by it if the choice is right. If it
// is wrong, whole layers may be the safer choice. Here is what the freedom is worth to one who
// knows the truth, and to one who follows the same selector with and without it.

chapter.section("6. Heads against layers, at equal memory")
chapter.tabulate(
  "layers", ["after stage 3", "best pair", "best layer", "mean pair", "mean layer"],
  rows: zip(names, outcomes).flatMap { name, outcomes in
    Measure.allCases.map { measure in ["\(name), \(measure.rawValue)"] + headsAndLayers(outcomes, measure) }
  }, volatile: chapter.isQuick)
let freedom = zip(names, outcomes).flatMap { name, outcomes in
  Measure.allCases.flatMap { measure in
    let factor = measure == .written ? 100.0 : 1
    return [
      (
        claim: "\(name), \(measure.rawValue), \(measure.unit): the best pair beats the best layer",
        gain: PairedDifference(outcomes.map { factor * $0.beyondLayers(measure, .distilled) })
      ),
      (
        claim: "\(name), \(measure.rawValue), \(measure.unit): KL saved chooses better among heads than among layers",
        gain: PairedDifference(
          outcomes.map {
            factor * ($0.regret(.layer, 2, measure, .distilled) - $0.regret(.restored, 2, measure, .distilled))
          })
      ),
    ]
  }
}
chapter.tabulate("claims-layers", claims: freedom, gain: "gain")

// That the best pair is at least as good as the best layer is no discovery: the layers are among the
// pairs. What the first claim of each kind tells is by how much.

// ## Breaking it on purpose: the wrong text
//
// A selector needs a text, and it is easy to give it one that does not ask for what the heads do. The
// extreme is a text without order. We compute "KL saved" once more, on the same windows with their
// tokens shuffled. Letters and words are as frequent as before, so a mean over tokens looks
// normal. But nothing that was said can be asked for, and a head that recalls has nothing to do.

chapter.section("7. Breaking it on purpose: the wrong text")
let shuffled = exitOnError { try contests.map { try $0.map { try $0.savedOnShuffledText(in: chapter.name) } } }
chapter.tabulate(
  "shuffled", ["rank correlation of KL saved with the truth, heads", "on the text", "on shuffled text"],
  rows: zip(outcomes, shuffled).flatMap { outcomes, shuffled in
    Measure.allCases.map { shuffledRow($0, outcomes, shuffled) }
  }, volatile: chapter.isQuick)

// ## What we saw
//
// The numbers of this run. What holds here holds for teachers with so few heads; that is the price
// of knowing the truth.

for (name, outcomes) in zip(names, outcomes) {
  finding(worthOfChoosing(name, outcomes), volatile: chapter.isQuick)
  finding(winners(name, outcomes), volatile: chapter.isQuick)
}
finding(worthOfKnowing(), volatile: chapter.isQuick)
finding(verdicts(claims.flatMap { $0 }), volatile: chapter.isQuick)
finding(worthOfFreedom(), volatile: chapter.isQuick)

// ## Exercises
//
// 1. Predict the value of each pair from the values of its two heads. Where is the sum too large, and
//    where too small? Do any two heads only work together?
// 2. Go on: give a third and a fourth head to the greedy choice, and compare with the heads that have
//    the highest scores by themselves. When does being greedy begin to pay?
// 3. Are the heads of two seeds alike? Compare the values of heads, and then the values of layers,
//    between teachers of different seeds. What could a selector learn from one model for another?
//
// The answers are in `Answers.swift`; the option `--answers` runs them.

chapter.answers(answer1, answer2, answer3)

// Next: 19-many-machines, which asks how many machines can work on one student.

chapter.finish()
