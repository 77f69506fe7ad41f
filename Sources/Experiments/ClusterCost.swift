// # What a step takes on many machines
//
// Three things limit a step on n ranks: what the busiest rank computes, what it sends, and how often it has to wait for
// a message. Each is a formula in a few numbers that can be measured on one machine.
//
// Stages 1 and 2, layers apart. The teacher takes f seconds for a layer and a batch, the training of a layer g, and the
// states of a batch between two layers are S bytes. A message of s bytes takes λ + s / β seconds. A rank that has the
// layers a to b − 1 needs
//
//     by each rank    b · f + (b − a) · g                 the teacher up to its last layer; no message at all
//     handed on       (b − a) · (f + g) + λ + S / β       each rank runs the teacher's layers that it trains, and hands
//                                                         the states to the next: a chain, each rank a batch behind
//     stored          (b − a) · (g + 2 S / δ)             states from a disk of δ bytes per second, input and output
//
// and the step takes what the slowest rank takes. If each rank runs the teacher, the last runs all of it, however many
// ranks there are: the speed-up has the limit (f + g) L / (f L + g). With states handed on it ends at one layer a rank.
// Layers can be cut at any place, and `ranges(ranks:)` finds the cut with the fastest slowest rank. The first two ways
// are those of `TeacherPass` in `Distillation/LayerShares.swift`. The third takes from the disk what a layer reads and what
// its mixer gave; a study that keeps its teacher's passes there (`Models/RememberedPasses.swift`) stores the first alone.
//
// Stage 3 and teachers, data together. The batch has M micro-batches of c seconds each, the gradients are G bytes, the
// update takes u seconds on one rank. Each rank sums its share of the gradients over all ranks and gathers the sums:
//
//     ⌈M / n⌉ · c  +  2 · (n − 1) · λ  +  (m + 1) · (n − 1) / n · G / β  +  u, or u / n if each rank updates its share
//
// m is the number of sums that a rank sends. In the usual sum it is 1. Here gradients are added in the order of a tree
// over micro-batches, and a rank adds up only what is a subtree (`Training/SummationTree.swift`): if n is a power of 2
// and divides M, m is 1 too, and otherwise it can be a few.
//
// The bytes hardly depend on n, but the messages grow with it. And the work runs out: a batch of M micro-batches has
// none for an (M + 1)-th rank.
//
// Read before: `DistillationCost.swift`. Chapter: 19-many-machines. Source of the second formula: Thakur, Rabenseifner
// and Gropp, Optimization of Collective Communication Operations in MPICH, 2005 (pairwise exchange).

import Communication
import Tensors
import Training

/// How long a message takes: λ + bytes / β.
public struct Network: Sendable, Codable, Equatable {
  /// λ, the seconds that a message takes whatever its size.
  public var latency: Double
  /// β, the bytes per second that a rank can send while it receives as many.
  public var bandwidth: Double

  /// A network.
  public init(latency: Double, bandwidth: Double) { (self.latency, self.bandwidth) = (latency, bandwidth) }

  /// The seconds of one message.
  public func seconds(bytes: Double) -> Double { latency + bytes / bandwidth }
}

/// Where the ranks of stages 1 and 2 get the teacher's states.
public enum TeacherStates: Sendable, Equatable {
  /// Each rank runs the teacher up to its last layer.
  case byEachRank
  /// Each rank runs the teacher through its own layers, and hands the states to the next rank.
  case handedOn(Network)
  /// They are read from a disk of so many bytes per second.
  case stored(bytesPerSecond: Double)
}

/// The layers of stage 1 or 2 as jobs of many ranks.
public struct LayerJobs: Sendable {
  /// The layers that are trained.
  public var L: Int
  /// The seconds of the teacher for a layer and a batch.
  public var teacher: Double
  /// The seconds of training one layer on a batch.
  public var training: Double
  /// The bytes of the states of a batch between two layers.
  public var states: Double

  /// Jobs of equal layers.
  public init(L: Int, teacher: Double, training: Double, states: Double) {
    (self.L, self.teacher, self.training, self.states) = (L, teacher, training, states)
  }

  /// The seconds of a rank with some of the layers.
  public func seconds(of layers: Range<Int>, _ source: TeacherStates) -> Double {
    if layers.isEmpty { return 0 }
    let count = Double(layers.count)
    switch source {
    case .byEachRank: return Double(layers.upperBound) * teacher + count * training
    case .handedOn(let network):
      return count * (teacher + training) + (layers.upperBound < L ? network.seconds(bytes: states) : 0)
    case .stored(let speed): return count * (training + 2 * states / speed)
    }
  }

  /// The layers of each rank, in order: of all ways to cut them the one whose slowest rank is fastest. Ranks beyond the
  /// layers have none.
  public func ranges(ranks: Int, _ source: TeacherStates) -> [Range<Int>] {
    precondition(ranks > 0, "layers need at least one rank, not \(ranks)")
    let busy = min(ranks, max(L, 1))
    return shares(of: L, among: busy) { seconds(of: $0, source) } + Array(repeating: L..<L, count: ranks - busy)
  }

  /// The seconds of a step on so many ranks.
  public func seconds(ranks: Int, _ source: TeacherStates) -> Double {
    // One rank hands nothing on: it runs the teacher once.
    ranges(ranks: ranks, source).map { seconds(of: $0, source) }.max() ?? 0
  }
}

/// A step of stage 3 or of a teacher, its batch shared by many ranks.
public struct SharedBatch: Sendable {
  /// M, the micro-batches of a step.
  public var microBatches: Int
  /// c, the seconds of one micro-batch, forwards and backwards.
  public var compute: Double
  /// G, the bytes of the gradients.
  public var gradients: Double
  /// u, the seconds of clipping and the update on one rank.
  public var update: Double

  /// A step.
  public init(microBatches: Int, compute: Double, gradients: Double, update: Double) {
    (self.microBatches, self.compute, self.gradients, self.update) = (microBatches, compute, gradients, update)
  }

  /// What a step takes, part by part, in seconds.
  public struct Parts: Sendable, Equatable {
    /// The busiest rank's micro-batches.
    public var compute: Double
    /// The waiting for messages, whatever their size.
    public var latency: Double
    /// The bytes on their way.
    public var bytes: Double
    /// The update.
    public var update: Double

    /// All parts together: nothing overlaps.
    public var total: Double { compute + latency + bytes + update }
  }

  /// The step on so many ranks.
  ///
  /// - Parameter sharded: whether each rank updates its share of the weights
  public func parts(ranks: Int, _ network: Network, sharded: Bool = false) -> Parts {
    precondition(ranks > 0, "a batch needs at least one rank, not \(ranks)")
    let n = Double(ranks)
    return Parts(
      compute: Double((microBatches + ranks - 1) / ranks) * compute, latency: 2 * (n - 1) * network.latency,
      bytes: bytes(ranks: ranks) / network.bandwidth, update: sharded ? update / n : update)
  }

  /// The sums of gradients that the rank with the most of them sends: the largest subtrees within its micro-batches.
  public func sums(ranks: Int) -> Int {
    if ranks >= microBatches { return 1 }
    let tree = SummationTree(leaves: microBatches)
    return shares(of: microBatches, among: ranks).map { tree.subtrees(of: $0).count }.max()!
  }

  /// The bytes that this rank sends in a step: its sums to their shares, and its share of the new weights to all.
  public func bytes(ranks: Int) -> Double {
    Double(sums(ranks: ranks) + 1) * Double(ranks - 1) / Double(ranks) * gradients
  }

  /// The part of the ranks' time that a single rank would need for the same step.
  public func efficiency(ranks: Int, _ network: Network, sharded: Bool = false) -> Double {
    parts(ranks: 1, network).total / (Double(ranks) * parts(ranks: ranks, network, sharded: sharded).total)
  }
}
