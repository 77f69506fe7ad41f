// # One order of additions
//
// The summands are texts and adding puts brackets around two, so that the result shows its order: it must be the same
// however the summands are shared, and be the tree of the formula.

import Communication
import Tensors
import TestSupport
import Testing
import Training

@Suite("the order of sums", .tallied) struct SummationTreeTests {
  /// The tree as it is described: a node's children are its halves, of which the left is a power of two.
  static func naive(_ range: Range<Int>) -> String {
    if range.count == 1 { return "\(range.lowerBound)" }
    var left = 1
    while 2 * left < range.count { left *= 2 }
    let middle = range.lowerBound + left
    return "(\(naive(range.lowerBound..<middle))\(naive(middle..<range.upperBound)))"
  }

  private static func add(_ left: inout String, _ right: String) { left = "(\(left)\(right))" }

  @Test(arguments: 1...17, 1...9) func howSummandsAreSharedDoesNotShow(leaves: Int, ranks: Int) {
    let tree = SummationTree(leaves: leaves)
    var whole = TreeSum<String>(tree, add: Self.add)
    for share in shares(of: leaves, among: ranks) {
      var mine = TreeSum<String>(tree, add: Self.add)
      for leaf in share { mine.append("\(leaf)", of: leaf..<(leaf + 1)) }
      // What a rank sends is what the others expect.
      #expect(mine.parts.map(\.leaves) == tree.subtrees(of: share), "\(share) of \(leaves)")
      for part in mine.parts { whole.append(part.value, of: part.leaves) }
    }
    #expect(whole.total == Self.naive(0..<leaves))
    if ranks == 1 { #expect(tree.subtrees(of: 0..<leaves) == [0..<leaves]) }
  }

  @Test func aSumThatLacksSummandsIsNone() async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      var sum = TreeSum<Double>(SummationTree(leaves: 5)) { $0 += $1 }
      for leaf in 0..<4 { sum.append(1, of: leaf..<(leaf + 1)) }
      _ = sum.total
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.contains("the sum of 5 summands lacks some"), "\(message)")
  }
}
