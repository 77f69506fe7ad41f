// # Answers to the exercises
//
// All three ask the law, and train nothing.

import Book
import Communication
import Experiments
import Foundation
import Notebook
import Training

// ## 1. The price of a fixed order
//
// A rank with a stretch of micro-batches sends the largest subtrees that lie in it. With a power of 2 of ranks that is
// one subtree. Otherwise it is usually several, but never more than two for each height of the tree; a few numbers below
// 64, such as 48, are lucky too. At 64 ranks or more nobody has more than one micro-batch, and the price is gone.

func answer1() throws {
  let M = 64
  let batch = SharedBatch(microBatches: M, compute: 0, gradients: 1, update: 0)
  let groups = Dictionary(grouping: 1...M) { batch.sums(ranks: $0) }
  table(
    ["sums of the busiest rank", "ranks", "bytes over those of the usual sum"],
    rows: groups.keys.sorted().map { sums in
      [
        "\(sums)", stretches(groups[sums]!.sorted()),
        number(Double(sums + 1) / 2, decimals: 1),
      ]
    })
  check(
    "powers of 2 send one sum", [1, 2, 4, 8, 16, 32, 64].allSatisfy { batch.sums(ranks: $0) == 1 })
}

/// "1, 2, 5–7": numbers, with those that follow one another put together.
private func stretches(_ numbers: [Int]) -> String {
  var found: [ClosedRange<Int>] = []
  for number in numbers {
    if let last = found.last, last.upperBound == number - 1 {
      found[found.count - 1] = last.lowerBound...number
    } else {
      found.append(number...number)
    }
  }
  return found.map { range -> String in
    let end = range.count == 1 ? "" : (range.count == 2 ? ", " : "–") + "\(range.upperBound)"
    return "\(range.lowerBound)\(end)"
  }.joined(separator: ", ")
}

// ## 2. Layers apart and data together
//
// A group of r nodes has a layer. Each node runs its part of the batch through the teacher's layer and the mixer, sends
// the states of its part to one node of the next group, and sums the mixer's gradients with its group:
//
//     (⌈M / r⌉ / M) · (f + g)  +  λ + S / (r β)  +  2 (r − 1) λ  +  (m + 1) (r − 1) / r · G / β
//
// with G the bytes of one mixer. The sum is small, since the groups are small and so is a mixer: of a thousand nodes
// none needs anything from more than its group and its neighbour.

func answer2() throws {
  let all = plans.flatMap { plan in
    networks.map { (name: "\(plan.sizes.name) on \($0.name)", plan: plan, growth: plan.growthOfGroups($0.network)) }
  }
  table(
    ["groups", "nodes", "s a step", "used, %", "half used up to", "no faster beyond"],
    rows: all.map { name, plan, growth in
      let nodes = 1000 / plan.sizes.L * plan.sizes.L
      return [
        name, "\(nodes)", number(growth.seconds(nodes), digits: 3),
        number(100 * growth.efficiency(nodes), decimals: 1),
        "\(growth.halfUsed())", "\(growth.end())",
      ]
    })
  for (index, one) in all.enumerated() {
    let apart = ofLayers[index / networks.count][1 + index % networks.count]
    check(
      "\(one.name): on 1000 nodes groups are faster than a layer a node", one.growth.seconds(1000),
      lessThan: apart.seconds(1000), digits: 3)
  }
}

extension Plan {
  /// Stages 1 and 2 on groups of nodes, a group for each layer; numbers of nodes between are rounded down.
  fileprivate func growthOfGroups(_ network: Network) -> Growth {
    let (layers, alone) = (layers, layers.seconds(ranks: 1, .byEachRank))
    let batch = SharedBatch(
      microBatches: windows, compute: (layers.teacher + layers.training) / Double(windows),
      gradients: Double(bytesOfNumber * sizes.mixerNumbers), update: 0)
    return Growth(name: "groups", alone: alone) { nodes in
      if nodes == 1 { return alone }
      if nodes < layers.L { return layers.seconds(ranks: nodes, .handedOn(network)) }
      let r = nodes / layers.L
      return batch.parts(ranks: r, network).total + network.seconds(bytes: layers.states / Double(r))
    }
  }
}

// ## 3. Fewer bytes
//
// Half the bytes a number, half the bytes; and a batch of twice the size has twice the work for the same bytes. The
// mixers alone are a small part of the parameters, so that this saves most. But it is another stage 3: chapter 15 takes
// it for a published model because it fits into memory, and the paper trains everything. A batch of twice the size
// changes what is learned from the same tokens too, since there are half as many steps. Numbers of two bytes round each
// gradient, and the sum in a fixed order is then that of rounded numbers: the same bits on any number of ranks still.

func answer3() throws {
  let ethernet = networks[0].network
  func growth(_ batch: SharedBatch) -> Growth {
    Growth(name: "", alone: batch.parts(ranks: 1, ethernet).total) { batch.parts(ranks: $0, ethernet).total }
  }
  func changed(_ batch: SharedBatch, _ change: (inout SharedBatch) -> Void) -> SharedBatch {
    var copy = batch
    change(&copy)
    return copy
  }
  table(
    ["stage 3 on Ethernet: half used up to"] + plans.map(\.sizes.name)
      + plans.map { "\($0.sizes.name): no faster beyond" },
    rows: [
      ("as it is", { _, batch in batch }),
      ("two bytes a number", { _, batch in changed(batch) { $0.gradients /= 2 } }),
      ("twice the batch", { _, batch in changed(batch) { $0.microBatches *= 2 } }),
      (
        "the mixers alone",
        { plan, batch in
          changed(batch) {
            $0.gradients = Double(plan.sizes.mixers)
            // The rest of the student needs no gradients of its own: 2 of 6 operations less.
            let rest = plan.sizes.studentNumbers - plan.sizes.L * plan.sizes.mixerNumbers - plan.lookedUp
            $0.compute -= 2 * Double(rest) * Double(plan.length) / plan.speed
          }
        }
      ),
    ].map { (name: String, change: (Plan, SharedBatch) -> SharedBatch) in
      let growths = plans.map { growth(change($0, $0.batch)) }
      return [name] + growths.map { "\($0.halfUsed())" } + growths.map { "\($0.end())" }
    })
}
