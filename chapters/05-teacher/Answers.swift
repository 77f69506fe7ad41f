// # Answers to the exercises

import Corpora
import Distillation
import Experiments
import Foundation
import Gradients
import Layers
import Models
import Notebook
import Statistics
import Tensors
import Training

// ## 1. Counting instead of training
//
// Where a context is frequent, the share of x among the tokens that followed it is a good estimate
// of the probability of x. Where it is rare the share says little, and where it is new, nothing. So
// each length of context leans on the next shorter one (Witten and Bell, 1991):
//
//     p[c](x)  =  ( count(context, x) + k · p[c − 1](x) ) / ( count(context) + k )
//
// Here k is how many different tokens followed the context, and p[−1] is 1 / V. The run below asks
// this table and the teacher for the token after c others, at the same places of the held-out text.
// (A quick run counts only the last part of the training text.)
//
// As long as c is small, counts from a long text are near the true probabilities, and no model that
// sees the same c tokens can be much better. With c the table grows, and more and more contexts are
// new. The teacher has the same number of weights for every c, and what they learn from one context
// serves others that resemble it. Where its loss stops falling, it gets nothing more from further
// back. Which of the two is lower in the end depends on the text: one that repeats itself suits the
// table.

/// How often each token followed each context of up to `longest` tokens.
struct FollowerCounts {
  private struct Context {
    var total = 0
    var kinds = 0
    mutating func add(isNew: Bool) { (total, kinds) = (total + 1, kinds + (isNew ? 1 : 0)) }
  }
  /// By length of the context and by the key of context and token, or of the context alone.
  private var pairs: [[UInt64: Int]] = []
  private var contexts: [[UInt64: Context]] = []
  private let V: Int

  init(of tokens: [Int], longest: Int, V: Int) {
    self.V = V
    func increment(_ count: inout Int) -> Int {
      count += 1
      return count
    }
    for c in 0...longest {
      var (pairs, contexts) = ([UInt64: Int](), [UInt64: Context]())
      for end in c..<max(c, tokens.count) {
        let context = Self.key(tokens[(end - c)..<end])
        let isNew = increment(&pairs[Self.key(context, tokens[end]), default: 0]) == 1
        contexts[context, default: Context()].add(isNew: isNew)
      }
      self.pairs.append(pairs)
      self.contexts.append(contexts)
    }
  }

  /// How many different pairs of a context of up to c tokens and its follower were counted.
  func numbers(upTo c: Int) -> Int { pairs[...c].reduce(0) { $0 + $1.count } }

  /// The probability of a token after a context.
  func probability(of token: Int, after context: ArraySlice<Int>) -> Double {
    var p = 1 / Double(V)
    for c in 0...context.count {
      let key = Self.key(context.suffix(c))
      guard let seen = contexts[c][key] else { break }
      let count = Double(pairs[c][Self.key(key, token)] ?? 0)
      p = (count + Double(seen.kinds) * p) / Double(seen.total + seen.kinds)
    }
    return p
  }

  /// A number for a sequence of tokens; two sequences have the same one only by a rare accident.
  private static func key(_ tokens: ArraySlice<Int>) -> UInt64 { tokens.reduce(0) { key($0, $1) } }
  private static func key(_ before: UInt64, _ token: Int) -> UInt64 {
    (before ^ UInt64(token + 1)) &* 0x9E37_79B9_7F4A_7C15
  }
}

func answer1() throws {
  let longest = chapter.isQuick ? 4 : 6
  let counted = chapter.isQuick ? Array(corpus.training.suffix(300_000)) : corpus.training
  let followers = FollowerCounts(of: counted, longest: longest, V: V)
  let lengths = (1...longest) + [8, 16, 32].filter { $0 <= T }
  let places = min(chapter.isQuick ? 500 : 2000, corpus.heldOut.count - T)
  var (byCounts, byTeacher) = ([Estimate](), [Estimate]())
  for c in lengths {
    let batches = try corpus.heldOutBatches(count: places, B: 100, T: c)
    byTeacher.append(
      Estimate(
        batches.flatMap { batch in
          let losses = crossEntropy(model(batch.inputs), targets: batch.targets).losses
          return losses.sliced((c - 1)..<c, along: 1).elements.map { Double($0) }
        }))
    if c > longest { continue }
    byCounts.append(
      Estimate(
        batches.flatMap { batch in
          (0..<batch.inputs.B).map { row in
            -Foundation.log(followers.probability(of: batch.targets.row(row).last!, after: batch.inputs.row(row)))
          }
        }))
  }
  func text(_ loss: Estimate) -> String {
    "\(number(loss.mean, decimals: 2)) ± \(number(loss.standardError, decimals: 2))"
  }
  show("tokens counted", counted.count)
  table(
    ["tokens shown", "loss of the counts", "numbers in the table", "loss of the teacher"],
    rows: lengths.enumerated().map { place, c in
      ["\(c)"] + (c <= longest ? [text(byCounts[place]), "\(followers.numbers(upTo: c))"] : ["", ""])
        + [text(byTeacher[place])]
    })
  let context = corpus.heldOut.prefix(longest)
  let total = (0..<V).reduce(0.0) { $0 + followers.probability(of: $1, after: context) }
  check("the probabilities of all tokens after a context sum to 1: the difference", total - 1, within: 1e-9)
  finding(
    """
    With \(longest) tokens shown, a table of \(followers.numbers(upTo: longest)) numbers is at
    \(number(byCounts.last!.mean, decimals: 2)) \(store.unit). The teacher, with \(teacher.model.parameterCount)
    parameters, is at \(number(byTeacher[longest - 1].mean, decimals: 2)), and with \(lengths.last!) tokens shown at
    \(number(byTeacher.last!.mean, decimals: 2)).
    """)
}

// ## 2. The teacher without a head
//
// The heads of a layer stand side by side, and W_o mixes them. With the columns of one head set to
// 0 everything else is as before, and the loss says what the trained model misses. (A model trained
// without the head would miss less, since others would do its work.)
//
// If each head did something that no other does, the rises would add up. They need not. Heads may
// do the same work, so that one can go unnoticed as long as the others are there; then the whole
// layer costs more than the sum. Or two heads are of use only together, or one corrects what the
// other adds, and removing both costs less. This matters for distillation: all heads of a layer are replaced at once, so that what we
// need to know is whether the layer's output is right. Stage 2 (chapter 09) compares just that.

func answer2() throws {
  let (D, P) = (recipe.D, recipe.D / H)
  let windows = Array(heldOut.prefix(chapter.isQuick ? 4 : 8))
  func lossWithout(_ heads: [Int], in layer: Int) -> Double {
    let output = model.blocks[layer].mixer.projections!.output.weight
    let whole = output.value
    defer { output.value = whole }
    output.value = whole * Tensor((0..<D).map { heads.contains($0 / P) ? 0 : 1 }, shape: [1, D])
    return crossEntropy(of: model, on: windows).mean
  }
  let whole = crossEntropy(of: model, on: windows).mean
  let single = (0..<L).map { layer in (0..<H).map { lossWithout([$0], in: layer) } }
  let together = (0..<L).map { lossWithout(Array(0..<H), in: $0) }
  let summed = single.map { whole + $0.reduce(0) { $0 + $1 - whole } }
  show("loss of the whole teacher on these windows", whole, unit: store.unit)
  table(
    ["loss without"] + (0..<H).map { "head \($0)" } + ["all heads", "if the rises added up"],
    rows: (0..<L).map { layer in
      ["layer \(layer)"] + (single[layer] + [together[layer], summed[layer]]).map { number($0, decimals: 3) }
    })
  check("afterwards the teacher is as before", crossEntropy(of: model, on: windows).mean - whole, within: 0.0)
  let costliest = (0..<L).max { together[$0] < together[$1] }!
  finding(
    """
    Without its attention in layer \(costliest), where it costs most, the teacher is at
    \(number(together[costliest], decimals: 3)); the rises of single heads add up to
    \(number(summed[costliest], decimals: 3)). It spends \(number(whole, decimals: 3)) with all heads.
    """)
}

// ## 3. One batch, again and again
//
// A model with more parameters than the batch has tokens can learn the batch by heart. At first
// what it learns is of use elsewhere too (which characters are frequent, which pairs), and both
// losses fall. Then it learns what distinguishes these windows from all others. On any other text
// it is now sure and wrong, and being sure of the wrong character costs more than knowing nothing.
//
// It is a good first test of any training code, by the way: a model that cannot learn one batch by
// heart has a bug. The real run draws new windows at every step. The number of tokens that it
// draws, divided by the length of the text, says how often it sees each of them; where this is not
// much above 1, there is little to learn by heart.

func answer3() throws {
  var random = SeededGenerator(seed: chapter.seed)
  let learner = LanguageModel(recipe.teacher(V: V), using: &random)
  let elsewhere = Array(heldOut.prefix(4))
  var losses: [(steps: Int, training: Double, heldOut: Double)] = []
  func measure(after steps: Int) {
    func loss(_ batches: [Batch]) -> Double { crossEntropy(of: learner.frozen, on: batches).mean }
    losses.append((steps, loss([batch]), loss(elsewhere)))
  }
  measure(after: 0)
  let settings = TrainingSettings(
    steps: 120, learningRate: recipe.teacherRate, tokensPerUpdate: recipe.tokensPerUpdate, seed: chapter.seed)
  _ = try train(TokenPrediction(of: learner), as: "one batch", settings, on: { _ in batch }) { run in
    run.onStep = { record in
      if (record.step + 1).isMultiple(of: 20) { measure(after: record.step + 1) }
    }
  }
  table(
    ["steps", "training loss", "held-out loss"],
    rows: losses.map { ["\($0.steps)"] + [$0.training, $0.heldOut].map { "~\(number($0, digits: 2))" } })
  let last = losses.last!
  report("the training loss is below a tenth of ln V", last.training < knowingNothing / 10)
  report("the held-out loss is above ln V, that of knowing nothing", last.heldOut > knowingNothing)
  let passes = Double(recipe.teacherSteps * recipe.tokensPerUpdate) / Double(corpus.training.count)
  finding(
    """
    This run sees each of its \(recipe.tokensPerUpdate) tokens \(last.steps) times. The teacher's run sees each token
    of the text \(number(passes, digits: 2)) times on average.
    """)
}
