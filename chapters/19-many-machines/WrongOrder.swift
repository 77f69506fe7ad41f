// # The wrong order
//
// What most programs do: each rank adds up the gradients of its own micro-batches, and then the sums of the ranks are
// added, in order of rank or as they arrive. Every such sum is as good as any other, and no two of them are equal.
//
// Everything else here is as it should be: the same micro-batches, weights and optimiser. The ranks are those of a loop,
// since only the order of additions matters.
//
// Read before: `main.swift`, `Training/SummationTree.swift`.

import Communication
import Corpora
import Distillation
import Experiments
import Foundation
import Gradients
import Models
import Tensors
import Training

/// The order in which the gradients of micro-batches are added.
nonisolated enum AdditionOrder: Sendable {
  /// By the tree over micro-batches, of which each rank adds what it can.
  case tree(ranks: Int)
  /// Each rank its own, then the ranks by their number.
  case byRank(ranks: Int)
  /// Each rank its own, then the ranks as they arrive, which is drawn in each step.
  case byArrival(ranks: Int, seed: UInt64)

  var name: String {
    switch self {
    case .tree(let ranks): "by the tree, \(ranks) rank\(ranks == 1 ? "" : "s")"
    case .byRank(let ranks): "by rank, \(ranks) rank\(ranks == 1 ? "" : "s")"
    case .byArrival(let ranks, let seed): "by arrival, \(ranks) ranks, run \(seed)"
    }
  }

  /// The sum of all gradients.
  func sum(_ gradients: [[Tensor]], using random: inout SeededGenerator) -> [Tensor] {
    func add(_ left: inout [Tensor], _ right: [Tensor]) { for index in left.indices { left[index] += right[index] } }
    func total(_ parts: [[Tensor]]) -> [Tensor] { parts.dropFirst().reduce(into: parts[0], add) }
    switch self {
    case .tree(let ranks):
      let tree = SummationTree(leaves: gradients.count)
      var whole = TreeSum<[Tensor]>(tree, add: add)
      for share in shares(of: gradients.count, among: ranks) {
        var own = TreeSum<[Tensor]>(tree, add: add)
        for index in share { own.append(gradients[index], of: index..<(index + 1)) }
        for part in own.parts { whole.append(part.value, of: part.leaves) }
      }
      return whole.total
    case .byRank(let ranks), .byArrival(let ranks, _):
      let stretches = shares(of: gradients.count, among: ranks).filter { !$0.isEmpty }
      let sums = stretches.map { total(Array(gradients[$0])) }
      if case .byRank = self { return total(sums) }
      return total(sums.shuffled(using: &random))
    }
  }
}

extension Setting {
  /// Trains the teacher for some steps, its gradients added in this order, and shows its weights after each step.
  nonisolated func train(_ order: AdditionOrder, steps: Int, _ show: (_ step: Int, [Tensor]) -> Void) {
    let teacher = models().teacher
    let stage = TokenPrediction(of: teacher)
    let settings = self.settings(.teacher, steps: steps)
    var optimiser = AdamW(stage.trained, settings: settings.optimiser)
    var random = SeededGenerator(seed: settings.seed)
    var arrivals = SeededGenerator(seed: 1)
    if case .byArrival(_, let seed) = order { arrivals = SeededGenerator(seed: seed) }
    for step in 0..<steps {
      let batch = draw(&random)
      let gradients = batch.microBatches(microBatches).map { part in
        let weight = Scalar(part.inputs.B) / Scalar(recipe.B)
        return Gradients.gradients(of: weight * stage.loss(part).total, withRespectTo: teacher.parameters)
      }
      let sum = order.sum(gradients, using: &arrivals)
      optimiser.step(sum, learningRate: settings.schedule.rate(at: step), norm: gradientNorm(sum))
      show(step, teacher.parameters.map(\.value))
    }
  }
}

/// How two lists of weights differ: the fraction that is not equal, the largest difference, and the length of the
/// difference over that of the weights.
nonisolated func difference(_ a: [Tensor], _ b: [Tensor]) -> (unequal: Double, largest: Double, relative: Double) {
  var (unequal, count, largest, squares, norm) = (0, 0, 0.0, 0.0, 0.0)
  for (mine, theirs) in zip(a, b) {
    for (x, y) in zip(mine.elements, theirs.elements) {
      let gap = abs(Double(x) - Double(y))
      unequal += gap == 0 ? 0 : 1
      (count, largest) = (count + 1, max(largest, gap))
      (squares, norm) = (squares + gap * gap, norm + Double(y) * Double(y))
    }
  }
  return (Double(unequal) / Double(count), largest, (squares / norm).squareRoot())
}
