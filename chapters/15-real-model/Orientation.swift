// # From the best matrix to the one that descent finds
//
// A fit of chapter 06 may choose its parameters anew for each matrix. A mixer may not: its B and C are linear
// in the last K inputs u, its decay depends on the current one, and these maps are the same for all texts.
// Stage 1 trains these maps. Between the fit and what stage 1 finds lie restrictions that we can add one at a
// time, on one layer:
//
//     any recurrence for this matrix          balanced truncation
//     any SSD for this matrix                 one decay for each token; rows solved in turns
//     a mixer for this one window             B, C and decay must be computed from u
//     a mixer for many windows                and serve texts that it has not seen
//
// Read before: `Fits.swift`, `Layers/Mixers/DiscreteMamba2.swift`.

import Book
import Corpora
import Distillation
import Experiments
import Gradients
import Layers
import Models
import Notebook
import Statistics
import Tensors
import Training

/// The distances of a mixer's matrices from those of an attention, relative to their norm.
nonisolated struct Oriented: Codable {
  /// On windows of the training, and on others.
  var training, heldOut: [Double]
  /// On the others, without column 0 in either.
  var beyondFirst: [Double]
}

/// What a layer of the teacher reads on some windows, and the attention that reads it.
nonisolated struct LayerStudy {
  let attention: any MatrixMixer
  let training, heldOut: [Tensor]

  nonisolated init(_ layer: Int, of teacher: FrozenModel, training: [Batch], heldOut: [Batch]) {
    attention = teacher.blocks[layer].mixer
    func inputs(_ batches: [Batch]) -> [Tensor] {
      batches.map { batch in
        for (l, trace) in teacher.traces(batch.inputs, keepingMatrices: false).enumerated() where l == layer {
          return trace.mixerInput
        }
        preconditionFailure("the teacher has no layer \(layer)")
      }
    }
    (self.training, self.heldOut) = (inputs(training), inputs(heldOut))
  }

  /// Trains a new mixer's matrix on some of the windows, as stage 1 does, and measures it.
  ///
  /// - Parameter count: how many windows it sees, in turns
  nonisolated func orient(
    _ sizes: DiscreteMamba2Sizes, windows count: Int, steps: Int, rate: Double, ignoringFirstColumn: Bool = false,
    onStep: @escaping () -> Void
  ) throws -> Oriented {
    var random = SeededGenerator(seed: 1)
    let mixer = DiscreteMamba2("mixer", sizes: sizes, using: &random)
    freeze(mixer.parameters, allBut: mixer.matrixRows)
    let run = try TrainingRun(
      "one layer", of: mixer.matrixRows,
      settings: TrainingSettings(steps: steps, learningRate: rate, tokensPerUpdate: 0, seed: 0))
    let T = training[0].shape[1]
    let columns = Tensor((0..<T).map { $0 == 0 ? 0 : 1 }, shape: [T])
    for step in run {
      let u = training[step % count]
      let (target, mine): (Tensor, Variable) = (attention.matrix(u), mixer.matrix(Variable(constant: u)))
      try run.descend(
        ignoringFirstColumn
          ? DistanceScale.relative.loss(of: mine * Variable(constant: columns), from: target * columns, over: 2)
          : DistanceScale.relative.loss(of: mine, from: target, over: 2))
      onStep()
    }
    func relative(_ u: Tensor, _ mask: Tensor) -> Double {
      let (target, mine): (Tensor, Tensor) = (attention.matrix(u) * mask, mixer.matrix(u) * mask)
      return Double(sum(distance(mine, target, over: 2)).scalar)
        / Double(sum(distance(target, .zeros(target.shape), over: 2)).scalar)
    }
    let all = Tensor.ones([T])
    return Oriented(
      training: training.prefix(min(count, heldOut.count)).map { relative($0, all) },
      heldOut: heldOut.map { relative($0, all) }, beyondFirst: heldOut.map { relative($0, columns) })
  }
}

// ## In the chapter

/// What was measured on one layer.
nonisolated struct LayerOrientations: Codable {
  var layer: Int
  /// The mean relative distance of the best recurrence, and of an SSD with numbers of its own for each matrix.
  var recurrence, freeSSD: Double
  var oneWindow, manyWindows, longer, withoutFirst: Oriented
}

extension Job {
  /// Two layers: one before the state of the first token is massive in SmolLM2, and one after.
  func orientations() throws -> [LayerOrientations] {
    let L = teacher.configuration.L
    let layers = [L / 6, 3 * L / 5]
    let (count, steps) = chapter.isQuick ? (6, 20) : (200, 600)
    struct Key: Encodable {
      var model: String
      var layers, sizes: [Int]
    }
    let key = Key(model: modelName, layers: layers, sizes: [count, steps])
    return try store.result("one-layer", in: chapter.name, of: key) {
      let total = layers.count * 7 * steps
      let bar = work.bar("one layer", total: total)
      defer { bar.finish() }
      var random = SeededGenerator(seed: 7)
      let training = (0..<count).map { _ in store.corpus.randomBatch(B: 1, T: store.recipe.T, using: &random) }
      let heldOut = Array(store.heldOut.reported.prefix(windows.single))
      var done = 0
      func step() {
        done += 1
        bar.update(done, .none, tokens: nil)
      }
      return try layers.map { layer in
        let study = LayerStudy(layer, of: teacher, training: training, heldOut: heldOut)
        let (sizes, rate) = (store.recipe.studentMixer, plan.rates[0])
        func orient(_ windows: Int, _ steps: Int, ignoringFirstColumn: Bool = false) throws -> Oriented {
          try study.orient(
            sizes, windows: windows, steps: steps, rate: rate, ignoringFirstColumn: ignoringFirstColumn, onStep: step)
        }
        let H = teacher.configuration.mixers[layer].H
        let free = try Fits(
          of: teacher, heads: (0..<H).map { Head(layer: layer, number: $0) }, on: heldOut[0].inputs,
          orders: [min(sizes.N, store.recipe.T / 2)], steps: (chapter.isQuick ? 20 : 300, chapter.isQuick ? 5 : 30)
        ) { _ in }
        return LayerOrientations(
          layer: layer, recurrence: free.relative("semiseparable", 0).mean,
          freeSSD: free.relative("SSD, rows solved", 0).mean, oneWindow: try orient(1, steps),
          manyWindows: try orient(count, steps), longer: try orient(count, 4 * steps),
          withoutFirst: try orient(count, steps, ignoringFirstColumn: true))
      }
    }
  }

  func report(_ all: [LayerOrientations]) {
    func mean(_ values: [Double]) -> String { number(Estimate(values).mean, decimals: 3) }
    chapter.tabulate(
      "one-layer", ["distance over norm, N = \(store.recipe.N)"] + all.map { "layer \($0.layer)" },
      rows: [
        ("any recurrence for this matrix", { number($0.recurrence, digits: 2) }),
        ("any SSD for this matrix", { number($0.freeSSD, digits: 2) }),
        ("a mixer for one window, on that window", { mean($0.oneWindow.training) }),
        ("the same on other windows", { mean($0.oneWindow.heldOut) }),
        ("a mixer for many windows, on these", { mean($0.manyWindows.training) }),
        ("on other windows", { mean($0.manyWindows.heldOut) }), ("four times as long", { mean($0.longer.heldOut) }),
        ("on other windows, without column 0", { mean($0.manyWindows.beyondFirst) }),
        ("trained without column 0, without column 0", { mean($0.withoutFirst.beyondFirst) }),
      ].map { (row: (String, (LayerOrientations) -> String)) in [row.0] + all.map(row.1) })
    for one in all {
      expect(
        "layer \(one.layer): a mixer for many windows is farther than any SSD's best",
        Estimate(one.manyWindows.heldOut).mean, greaterThan: one.freeSSD)
    }
  }
}
