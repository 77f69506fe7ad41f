// # Sums in one order
//
// A sum of floating-point numbers depends on its order in the last bits. If each rank added up its own gradients and
// the ranks then added up theirs, another number of ranks would give other weights. So the order belongs to the
// micro-batches, of which a recipe has a fixed number, and not to the ranks. It is a binary tree:
//
//     0   1   2   3   4   5   6        micro-batches
//     └─┬─┘   └─┬─┘   └─┬─┘   │
//       └───┬───┘       └──┬──┘        [0, 4)  and  [4, 7)
//           └───────┬──────┘
//                [0, 7)
//
// A node of height h holds 2ʰ neighbours, beginning at a multiple of 2ʰ; at the right edge it holds as many as there
// are. A rank with a stretch of micro-batches sums those subtrees that lie inside it, and these sums are all that it
// sends: with 2 ranks and 8 micro-batches one sum, with 3 ranks two or three. Whoever gets the sums of all ranks adds
// the rest of the tree.
//
// Read before: `TrainingRun.swift`. Read next: `SharedOptimiser.swift`.

import Tensors

/// The order in which values of neighbouring leaves are added.
public struct SummationTree: Equatable, Sendable {
  /// The number of leaves, at least 1.
  public let leaves: Int

  /// A tree over `leaves` leaves.
  public init(leaves: Int) {
    precondition(leaves > 0, "a sum needs at least one summand, not \(leaves)")
    self.leaves = leaves
  }

  /// The largest subtrees that together are `range`, from left to right; one at most for each height up and down.
  public func subtrees(of range: Range<Int>) -> [Range<Int>] {
    var (found, start): ([Range<Int>], Int) = ([], range.lowerBound)
    while start < range.upperBound {
      var size = 1
      while start.isMultiple(of: 2 * size), min(start + 2 * size, leaves) <= range.upperBound, start + size < leaves {
        size *= 2
      }
      let end = min(start + size, leaves)
      found.append(start..<end)
      start = end
    }
    return found
  }

  /// Whether two subtrees are the two children of a node.
  func areSiblings(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
    let size = left.count
    return left.lowerBound.isMultiple(of: 2 * size) && size.nonzeroBitCount == 1
      && right.lowerBound == left.upperBound && right.upperBound == min(left.lowerBound + 2 * size, leaves)
  }
}

/// A sum of which the summands come one after another.
package struct TreeSum<Value> {
  package let tree: SummationTree
  private let add: (inout Value, Value) -> Void
  /// The sums of subtrees that have no sibling yet, from left to right.
  package private(set) var parts: [(leaves: Range<Int>, value: Value)] = []

  /// - Parameter add: adds the right value to the left
  package init(_ tree: SummationTree, add: @escaping (inout Value, Value) -> Void) {
    (self.tree, self.add) = (tree, add)
  }

  /// Takes the next subtree; those before it have all been taken, or belong to others.
  package mutating func append(_ value: Value, of leaves: Range<Int>) {
    parts.append((leaves, value))
    while parts.count > 1, tree.areSiblings(parts[parts.count - 2].leaves, parts[parts.count - 1].leaves) {
      let right = parts.removeLast()
      let left = parts[parts.count - 1].leaves
      add(&parts[parts.count - 1].value, right.value)
      parts[parts.count - 1].leaves = left.lowerBound..<right.leaves.upperBound
    }
  }

  /// The sum of all leaves; stops the program if some are missing.
  package var total: Value {
    precondition(
      parts.count == 1 && parts[0].leaves == 0..<tree.leaves,
      "the sum of \(tree.leaves) summands lacks some: it has \(parts.map(\.leaves))")
    return parts[0].value
  }
}
