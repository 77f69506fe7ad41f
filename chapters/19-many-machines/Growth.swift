// # The law at other sizes
//
// A model, a batch and a node become the numbers that the law takes. Operations are counted as in
// `Experiments/DistillationCost.swift`, for each token:
//
//     a number of the teacher       2      forwards
//     a number that is trained      6      forwards, back to the input, back to the weight
//
// What does not come from a matrix of weights is left out: the T² of attention, the recurrence, norms, the update. So
// these are estimates from below, of the compute of a node that never waits for its memory.
//
// Read before: `Sizes.swift`, `Options.swift`, `Experiments/ClusterCost.swift`. Read next: `Waiting.swift`.

import Experiments
import Foundation
import Notebook

/// A model on nodes of some speed, with a batch of some size.
struct Plan {
  let sizes: ModelSizes
  let windows, length: Int
  /// Operations per second of a node, and the bytes per second of its disk.
  let speed, disk: Double

  init(_ sizes: ModelSizes, _ options: Options) {
    (self.sizes, windows, length) = (sizes, options.windows, options.length)
    (speed, disk) = (options.speed * 1e12, options.disk * 1e9)
  }

  /// The tokens of a step.
  var tokens: Int { windows * length }

  /// Stage 2, a layer as a job. Stage 1 trains less of each mixer.
  var layers: LayerJobs {
    let teacher = 2 * Double(sizes.attentionNumbers + sizes.besideMixer)
    return LayerJobs(
      L: sizes.L, teacher: teacher * Double(tokens) / speed,
      training: 6 * Double(sizes.mixerNumbers) * Double(tokens) / speed, states: Double(tokens * sizes.state))
  }

  /// The numbers of an embedding that is looked up, and not the head's as well: they cost no products.
  var lookedUp: Int { sizes.hasTiedHead ? 0 : sizes.V * sizes.D }

  /// Stage 3, in which all of the student is trained; a window is a micro-batch.
  var batch: SharedBatch {
    let operations = 2 * Double(sizes.teacherNumbers - lookedUp) + 6 * Double(sizes.studentNumbers - lookedUp)
    return SharedBatch(
      microBatches: windows, compute: operations * Double(length) / speed, gradients: Double(sizes.gradients),
      update: 0)
  }
}

// ## Growth

/// The most nodes that are looked at.
let mostNodes = 4096

/// A way to share the work, and the seconds that a step of it takes on so many nodes.
struct Growth {
  let name: String
  /// The seconds of one node that does the same step by itself.
  let alone: Double
  let seconds: (Int) -> Double

  /// The part of all nodes' time that one node would need for the same step.
  func efficiency(_ nodes: Int) -> Double { alone / (Double(nodes) * seconds(nodes)) }

  /// The fewest nodes on which a step is as fast as on any number up to `mostNodes`.
  func end() -> Int {
    let all = (1...mostNodes).map(seconds)
    return 1 + all.firstIndex(of: all.min()!)!
  }

  /// The most nodes, up to `mostNodes`, of which at least half are used; 0 if a single one already loses more.
  func halfUsed() -> Int { (1...mostNodes).last { efficiency($0) >= 0.5 } ?? 0 }

  /// The most nodes of which at least half are used, but none beyond which a step gets no faster.
  func worthwhile() -> Int { min(halfUsed(), end()) }

  /// The name, the seconds and the efficiency at some numbers of nodes, and where growth ends.
  func row(_ nodes: [Int]) -> [String] {
    [name]
      + nodes.flatMap { nodes -> [String] in
        let shown = number(seconds(nodes), digits: 3)
        return nodes == 1 ? [shown] : [shown, number(100 * efficiency(nodes), decimals: 1)]
      } + ["\(halfUsed())", "\(end())"]
  }
}

extension Plan {
  /// Stages 1 and 2 with each source of the teacher's states.
  func growthOfLayers(_ networks: [(name: String, network: Network)]) -> [Growth] {
    let layers = layers
    func growth(_ name: String, _ source: TeacherStates) -> Growth {
      // Further nodes have nothing to do.
      let known = (1...layers.L).map { layers.seconds(ranks: $0, source) }
      let alone = layers.seconds(ranks: 1, .byEachRank)
      return Growth(name: name, alone: alone) { known[min($0, layers.L) - 1] }
    }
    return [growth("by each rank", .byEachRank)]
      + networks.map { growth("handed on, \($0.name)", .handedOn($0.network)) }
      + [growth("stored", .stored(bytesPerSecond: disk))]
  }

  /// Stage 3 on each network.
  func growthOfBatches(_ networks: [(name: String, network: Network)]) -> [Growth] {
    let batch = batch
    return networks.map { name, network in
      let alone = batch.parts(ranks: 1, network).total
      return Growth(name: name, alone: alone) { batch.parts(ranks: $0, network).total }
    }
  }
}

// ## What breaks first
//
// On n nodes the work itself takes M c / n. Each cause of loss is compared with that: it breaks growth at the n from which
// on it always costs as much as the work.

/// A cause for which stage 3 stops growing.
enum Cause: CaseIterable {
  case microBatches, bytes, messages, delays

  var name: String {
    switch self {
    case .microBatches: "micro-batches run out"
    case .bytes: "bytes"
    case .messages: "messages"
    case .delays: "delays"
    }
  }
}

extension SharedBatch {
  /// The seconds that a cause costs on so many ranks, and those of the work itself.
  ///
  /// - Parameter delay: the mean delay of a rank in a step, as a part of its work
  func loss(_ cause: Cause, ranks: Int, _ network: Network, delay: Double) -> (loss: Double, work: Double) {
    let (parts, work) = (parts(ranks: ranks, network), Double(microBatches) * compute / Double(ranks))
    return switch cause {
    case .microBatches: (parts.compute - work, work)
    case .bytes: (parts.bytes, work)
    case .messages: (parts.latency, work)
    case .delays: (delay * parts.compute * harmonic(ranks), work)
    }
  }

  /// The number of ranks from which on a cause costs as much as the work; nil if there is none up to a million.
  func breakingPoint(_ cause: Cause, _ network: Network, delay: Double) -> Int? {
    var (ranks, last) = (1, 0)
    while ranks <= 1_000_000 {
      let (loss, work) = loss(cause, ranks: ranks, network, delay: delay)
      if loss < work { last = ranks }
      ranks += max(1, ranks / 1000)
    }
    return last < 999_000 ? last + 1 : nil
  }
}

extension SharedBatch {
  /// The breaking points of all causes, in their order.
  func breakingPoints(_ network: Network, delay: Double) -> [Int?] {
    Cause.allCases.map { breakingPoint($0, network, delay: delay) }
  }
}

/// The cause that breaks growth first.
func firstCause(_ points: [Int?]) -> Cause {
  let first = points.indices.min { (points[$0] ?? .max) < (points[$1] ?? .max) }!
  return Cause.allCases[first]
}

extension Plan {
  /// What handing on a state costs, as a part of the work of a layer.
  func stateOverWork(_ network: Network) -> Double {
    network.seconds(bytes: layers.states) / (layers.teacher + layers.training)
  }
}
