// # What a step takes on many machines
//
// Three things limit a step on n ranks: what the busiest rank computes, what it sends, and how often it has to wait for
// a message. Each is a formula in a few numbers that can be measured on one machine.
//
// Stages 1 and 2, layers apart. The teacher takes f seconds for a layer and one micro-batch, the training of a layer g,
// and the states between two layers are S bytes. A message of s bytes takes λ + s / β seconds. A rank that has the layers
// a to b − 1 needs
//
//     recomputed    b · f + (b − a) · g                   the teacher up to its last layer; no message at all
//     passed on     (b − a) · (f + g) + λ + S / β         each rank runs the teacher's layers that it trains, and hands
//                                                         the states to the next: a chain, each rank a batch behind
//     stored        (b − a) · (g + 2 S / δ)               states from a disk of δ bytes per second, input and output
//
// and the step takes what the slowest rank takes. With states recomputed the last rank runs the whole teacher, however
// many ranks there are: the speed-up has the limit (f + g) L / (f L + g). With states passed on it ends at one layer a
// rank. Layers can be cut at any place, and `ranges(ranks:)` finds the cut with the fastest slowest rank.
//
// Stage 3 and teachers, data together. The batch has M micro-batches of c seconds each, the gradients are G bytes, the
// update takes u seconds on one rank. Each rank sums its share of the gradients over all ranks and gathers the sums:
//
//     ⌈M / n⌉ · c  +  2 · (n − 1) · λ  +  2 · (n − 1) / n · G / β  +  u, or u / n if each rank updates its share
//
// The bytes hardly depend on n; the messages grow with it, and so does the micro-batch: a batch of M micro-batches has
// no work for an (M + 1)-th rank.
//
// Read before: `DistillationCost.swift`. Source of the second formula: Thakur, Rabenseifner and Gropp,
// Optimization of Collective Communication Operations in MPICH, 2005 (pairwise exchange).

import Communication
import Tensors

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
  case recomputed
  /// Each rank runs the layers that it trains, and hands the states to the next.
  case passedOn(Network)
  /// They are read from a disk of so many bytes per second.
  case stored(bytesPerSecond: Double)
}

/// The layers of stage 1 or 2 as jobs of many ranks.
public struct LayerJobs: Sendable {
  /// The layers that are trained.
  public var L: Int
  /// The seconds of the teacher for a layer and one micro-batch.
  public var teacher: Double
  /// The seconds of training one layer on one micro-batch.
  public var training: Double
  /// The bytes of the states between two layers for one micro-batch.
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
    case .recomputed: return Double(layers.upperBound) * teacher + count * training
    case .passedOn(let network):
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
    // One rank passes nothing on: it runs the teacher once.
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

  /// The bytes that each rank sends in a step.
  public func bytes(ranks: Int) -> Double { 2 * Double(ranks - 1) / Double(ranks) * gradients }

  /// The part of the ranks' time that a single rank would need for the same step.
  public func efficiency(ranks: Int, _ network: Network, sharded: Bool = false) -> Double {
    parts(ranks: 1, network).total / (Double(ranks) * parts(ranks: ranks, network, sharded: sharded).total)
  }
}
