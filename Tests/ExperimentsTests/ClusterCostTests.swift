// # What a step takes on many machines
//
// The cut of the layers against all cuts there are, and the limits that the formulas must have.

import Experiments
import Testing

@Suite("cost of many machines") struct ClusterCostTests {
  private static let network = Network(latency: 1e-3, bandwidth: 1e9)
  private static let sources: [TeacherStates] = [.byEachRank, .handedOn(network), .stored(bytesPerSecond: 5e8)]

  /// All ways to cut the layers 0 ..< end into so many stretches.
  private static func cuts(_ end: Int, _ ranks: Int) -> [[Range<Int>]] {
    if ranks == 1 { return [[0..<end]] }
    return (0...end).flatMap { start in cuts(start, ranks - 1).map { $0 + [start..<end] } }
  }

  @Test(arguments: 1...4, 0...2)
  func noCutIsFaster(_ ranks: Int, source: Int) {
    let source = Self.sources[source]
    for (f, g) in [(1.0, 1.0), (1, 3), (3, 1), (0, 1), (1, 0)] {
      let jobs = LayerJobs(L: 6, teacher: f, training: g, states: 4e8)
      let best = Self.cuts(6, ranks).map { cut in cut.map { jobs.seconds(of: $0, source) }.max()! }.min()!
      #expect(jobs.seconds(ranks: ranks, source) == best, "\(source), f \(f), g \(g)")
      let ranges = jobs.ranges(ranks: ranks, source)
      let covered = ranges.flatMap { Array($0) }
      #expect(ranges.count == ranks && covered == Array(0..<6), "\(ranges)")
    }
  }

  @Test func recomputingHasALimit() {
    let jobs = LayerJobs(L: 30, teacher: 2, training: 3, states: 0)
    #expect(jobs.seconds(ranks: 1, .byEachRank) == 150)
    #expect(jobs.seconds(ranks: 1000, .byEachRank) == 30 * 2 + 3)
    #expect(jobs.seconds(ranks: 1000, .handedOn(Network(latency: 0, bandwidth: 1))) == 5)
    let idle = jobs.ranges(ranks: 40, .byEachRank).suffix(10).map(\.count)
    #expect(idle == Array(repeating: 0, count: 10))
  }

  @Test func oneRankSendsNothingAndManySendTheGradientsTwice() {
    let batch = SharedBatch(microBatches: 8, compute: 2, gradients: 1e9, update: 0.5)
    let alone = batch.parts(ranks: 1, Self.network)
    #expect((alone.compute, alone.latency, alone.bytes, alone.update) == (16, 0, 0, 0.5))
    #expect(alone.total == 16.5)
    #expect(batch.bytes(ranks: 4) == 1.5e9)
    // Of three ranks the last two have micro-batches 2 ..< 5 and 5 ..< 8: two subtrees each.
    #expect(batch.sums(ranks: 3) == 2 && batch.bytes(ranks: 3) == 2e9)
    #expect([1, 2, 4, 8, 100].allSatisfy { batch.sums(ranks: $0) == 1 })
    let four = batch.parts(ranks: 4, Self.network, sharded: true)
    #expect((four.compute, four.latency, four.bytes, four.update) == (4, 6e-3, 1.5, 0.125))
    // Beyond the micro-batches no rank has less to do.
    #expect(batch.parts(ranks: 5, Self.network).compute == 4 && batch.parts(ranks: 100, Self.network).compute == 2)
    #expect(batch.efficiency(ranks: 1, Self.network) == 1)
    #expect(batch.efficiency(ranks: 100, Self.network) < 0.05)
  }
}
