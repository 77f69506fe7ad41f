// # Shares and launches

import Communication
import TestSupport
import Testing

@Suite("shares", .tallied) struct ShareTests {
  @Test(arguments: 0...13, 1...8) func equalItemsAreSharedAlike(items: Int, ranks: Int) {
    let all = shares(of: items, among: ranks)
    #expect(all.count == ranks && all.flatMap(Array.init) == Array(0..<items))
    #expect(all.map(\.count).max()! - all.map(\.count).min()! <= 1)
  }

  // Against every way to cut the row.
  @Test(arguments: [[], [5], [1, 1, 1, 1, 9], [3, 1, 4, 1, 5, 9, 2], [7, 1, 1, 1, 1, 1, 1]] as [[Double]], 1...4)
  func theHeaviestShareIsAsLightAsItCanBe(weights: [Double], ranks: Int) {
    // A later end costs more, as the teacher's pass does.
    func cost(_ range: Range<Int>) -> Double {
      range.isEmpty ? 0 : 2 * Double(range.upperBound) + weights[range].reduce(0, +)
    }
    func best(_ start: Int, _ ranks: Int) -> Double {
      if ranks == 1 { return cost(start..<weights.count) }
      return (start...weights.count).map { max(cost(start..<$0), best($0, ranks - 1)) }.min()!
    }
    let all = shares(of: weights.count, among: ranks, cost: cost)
    #expect(all.count == ranks && all.flatMap(Array.init) == Array(weights.indices))
    #expect(all.map(cost).max() == best(0, ranks), "\(weights) among \(ranks): \(all)")
  }

  @Test func launchersAreRecognised() {
    func seen(_ environment: [String: String]) -> [Int] {
      let launch = Launch(environment)
      return [launch.count, launch.rank]
    }
    #expect(seen(["PATH": "/bin"]) == [1, 0])
    #expect(seen(["OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3"]) == [4, 3])
    #expect(seen(["PMI_SIZE": "2", "PMI_RANK": "1"]) == [2, 1])
    #expect(seen(["PMI_SIZE": "2", "PMI_RANK": "2"]) == [1, 0])
    #expect(seen(["OMPI_COMM_WORLD_SIZE": "many", "OMPI_COMM_WORLD_RANK": "0"]) == [1, 0])
  }
}
