// # Answers to the exercises
//
// They use the student that stage 2 has left, and keep what they measure, as the chapter does.

import Book
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

// ## 1. Where to keep attention
//
// When all layers but two are replaced, a kept layer reads states that come from the mixers before it. The
// first layers have none before them, or few: what they read is what they were trained on, and they are the
// layers that start the state of token 0. The last layers are those that use a sink, and they read a token 0
// whose state should have grown massive on the way. If it has not, the weight of their heads falls on tokens
// that carry meaning, and a kept layer does harm: a mixer in its place need not rely on a sink. So in a model
// with sinks we expect the first layers to be the best place, and the others to be no better than none.
//
// After stage 2 a hybrid needs no training: we put the student's mixers into all layers but the kept ones,
// and measure on windows that the chapter does not report.

func answer1() throws {
  let count = min(2, L / 2)
  let starts = [("first", 0), ("middle", (L - count) / 2), ("last", L - count)]
  let hybrids =
    [Hybrid(name: "none", kept: [])] + starts.map { Hybrid(name: $0, kept: Array($1..<($1 + count))) }
  let batches = Array(store.heldOut.choosing.prefix(job.windows.single))
  struct Key: Encodable {
    var arm: Arm
    var kept: [[Int]]
    var windows: Int
  }
  let key = Key(arm: arm, kept: hybrids.map(\.kept), windows: batches.count)
  let results = try store.result("answer-1", in: chapter.name, of: key) {
    let models = hybrids.map { $0.model(teacher, aligned.model, nil) }
    let bar = ProgressBar("hybrids of answer 1", total: batches.count, unit: "window")
    defer { bar.finish() }
    let evaluations = evaluate(models, against: teacher, on: batches) { bar.update($0) }
    return hybrids.indices.map { HybridResult(hybrids[$0], models[$0], evaluations[$0], on: batches) }
  }
  table(
    ["attention kept", "in layers", "loss", "KL", "state of token 0 / others"],
    rows: results.map { result in
      let kept = result.hybrid.kept.map(String.init).joined(separator: ", ")
      return [result.hybrid.name, kept.isEmpty ? "–" : kept]
        + [result.loss, result.divergence].map { number($0, decimals: 3) } + [number(result.firstState, digits: 3)]
    })
  let divergences = results.dropFirst().map { "\($0.hybrid.name) \(number($0.divergence, decimals: 3))" }
  finding(
    """
    KL with attention in \(count) layer\(count == 1 ? "" : "s"), by their place: \(list(divergences)). Without any
    attention it is \(number(results[0].divergence, decimals: 3)).
    """)
}

// ## 2. A smaller state
//
// A fit has parameters for each matrix, and more of them with a larger N: its distance falls with N until the
// matrix is exact. A mixer has one map from u to B and C for all windows. A larger N gives this map more
// outputs, but no softmax: if it is the map that limits the mixer, a quarter of N should cost a mixer much
// less than it costs a fit, in proportion to their distances. Then a smaller state is nearly free, and with
// it the memory and the time of a token.
//
// We take one layer, fit an SSD to the matrices of its heads on one window, and train two mixers with stage 1
// on many windows.

func answer2() throws {
  let layer = L / 6
  let (count, steps) = chapter.isQuick ? (6, 40) : (100, 400)
  let full = min(store.recipe.N, store.recipe.T / 2)
  let orders = [full, max(1, full / 4)]
  struct Key: Encodable {
    var model: String
    var orders, sizes: [Int]
  }
  struct Found: Codable {
    var fitted: [Double]
    var trained: [Oriented]
  }
  let key = Key(model: job.modelName, orders: orders, sizes: [layer, count, steps])
  let found = try store.result("answer-2", in: chapter.name, of: key) {
    var random = SeededGenerator(seed: 7)
    let training = (0..<count).map { _ in store.corpus.randomBatch(B: 1, T: store.recipe.T, using: &random) }
    let heldOut = Array(store.heldOut.choosing.prefix(job.windows.single))
    let study = LayerStudy(layer, of: teacher, training: training, heldOut: heldOut)
    let heads = (0..<teacher.configuration.mixers[layer].H).map { Head(layer: layer, number: $0) }
    let fits = try Fits(
      of: teacher, heads: heads, on: heldOut[0].inputs, orders: orders,
      steps: chapter.isQuick ? (descent: 20, solving: 5) : (descent: 100, solving: 30)
    ) { _ in }
    let bar = ProgressBar("mixers of answer 2", total: orders.count * steps)
    defer { bar.finish() }
    var done = 0
    let trained = try orders.map { N in
      var sizes = store.recipe.studentMixer
      sizes.N = N
      return try study.orient(sizes, windows: count, steps: steps, rate: job.plan.rates[0]) {
        done += 1
        bar.update(done)
      }
    }
    return Found(
      fitted: orders.indices.map { fits.relative("SSD, rows solved", $0).mean }, trained: trained)
  }
  let heldOut = found.trained.map { Estimate($0.heldOut).mean }
  let rows = [
    ("an SSD fitted to each matrix", found.fitted),
    ("a mixer, on the windows of its training", found.trained.map { Estimate($0.training).mean }),
    ("the mixer, on other windows", heldOut),
  ]
  table(
    ["layer \(layer), distance over norm"] + orders.map { "N = \($0)" },
    rows: rows.map { name, values in [name] + values.map { number($0, digits: 3) } })
  finding(
    """
    With a quarter of N the distance of the fit is \(number(found.fitted[1] / found.fitted[0], digits: 2)) times as
    large, and that of the mixer on other windows \(number(heldOut[1] / heldOut[0], digits: 2)) times.
    """)
}

// ## 3. What a sink gives
//
// Let w be the weight of a query on token 0, and v the value of token 0. The head's output is
//
//     w v  +  Σ over other tokens s of  A[t, s] v[s]          the weights in the sum have the total 1 − w
//
// so a sink gives two things: the vector v, scaled by w, and small weights for all other tokens. If we remove
// w v and leave the rest, only the first is missing. If we also scale the rest up by 1 / (1 − w), the sum is
// no longer small: where w is 0.9, it is ten times as large, and what the head has found to be of no use
// becomes its output. The first variant shows what the value of token 0 is worth, the second what it costs to
// have no place to put the weight.
//
// We change the matrices of all layers, but for the row of token 0 itself, which has no other token to attend
// to. In a model without sinks w is small, and so are both effects.

func answer3() throws {
  let batches = Array(store.heldOut.choosing.prefix(job.windows.single))
  let variants: [(name: String, change: (Tensor) -> Tensor)] = [
    ("as it is", { $0 }), ("without what comes from token 0", { withoutFirst($0, scaled: false) }),
    ("the same, other weights scaled up", { withoutFirst($0, scaled: true) }),
  ]
  struct Found: Codable {
    var losses, divergences: [Double]
  }
  let key = "\(job.modelName), \(batches.count)"
  let found = try store.result("answer-3", in: chapter.name, of: key) {
    let bar = ProgressBar("windows of answer 3", total: batches.count, unit: "window")
    defer { bar.finish() }
    var found = Found(losses: variants.map { _ in 0 }, divergences: variants.map { _ in 0 })
    for (done, batch) in batches.enumerated() {
      let p = teacher(batch.inputs)
      let ofTeacher = softmax(p)
      let entropy = crossEntropy(p, distributions: ofTeacher).losses
      for (i, variant) in variants.enumerated() {
        let q = logits(of: teacher, batch.inputs, changing: variant.change)
        let divergence = mean(crossEntropy(q, distributions: ofTeacher).losses - entropy)
        found.losses[i] +=
          Double(mean(crossEntropy(q, targets: batch.targets).losses).scalar) / Double(batches.count)
        found.divergences[i] += Double(divergence.scalar) / Double(batches.count)
      }
      bar.update(done + 1)
    }
    return found
  }
  table(
    ["the teacher's attention", "loss, \(store.unit)", "KL from the teacher"],
    rows: variants.indices.map { i in
      [variants[i].name] + [found.losses[i], found.divergences[i]].map { number($0, decimals: 3) }
    })
  check("matrices that are not changed give the teacher: KL", found.divergences[0], within: 1e-3)
  finding(
    """
    Without what comes from token 0 the teacher loses \(number(found.losses[1] - found.losses[0], decimals: 3))
    \(store.unit); with the other weights scaled up it loses
    \(number(found.losses[2] - found.losses[0], decimals: 3)).
    """)
}

/// Causal matrices [B, H, T, T] without column 0, but for the first row; optionally scaled so that rows sum to 1 again.
private func withoutFirst(_ matrix: Tensor, scaled: Bool) -> Tensor {
  let T = matrix.shape[3]
  let kept = matrix * Tensor((0..<(T * T)).map { $0 % T == 0 && $0 > 0 ? 0 : 1 }, shape: [T, T])
  if !scaled { return kept }
  // A row of which nothing is left stays empty.
  let sums = sum(kept, along: 3).reshaped(to: Array(matrix.shape.array.dropLast()) + [1])
  return kept / (sums + Tensor(Scalar.leastNormalMagnitude))
}
