// # Rearrangements move numbers and change none
//
// Each against a look-up by position, and each with its inverse: permuted and back, cut and joined,
// padded and cut out. The inverses are what the pullbacks of these operations are made of.

import Tensors
import TestSupport
import Testing

@Suite("rearrangements", .tallied) struct RearrangingTests {
  static let shapes: [Shape] = [
    [7], [5, 7], [1, 7], [3, 5, 1], [2, 3, 5, 7], [1, 2, 1, 3], [2, 0, 3], [2, 3, 1, 5, 7, 1],
  ]

  /// All orders of `rank` axes.
  private static func orders(_ rank: Int) -> [[Int]] {
    if rank == 0 { return [[]] }
    return orders(rank - 1).flatMap { order in
      (0...order.count).map { place in Array(order[..<place]) + [rank - 1] + order[place...] }
    }
  }

  @Test(arguments: shapes + [[]])
  func axesInEveryOrderAndBack(_ shape: Shape) {
    let x = Tensor.random(shape, for: "permute \(shape)")
    let some = [[5, 4, 3, 2, 1, 0], [1, 2, 3, 4, 5, 0], [0, 2, 1, 4, 3, 5]]
    for order in shape.rank > 4 ? some : Self.orders(shape.rank) {
      let name = "\(shape) in order \(order)"
      let moved = x.permuted(order)
      let expected = Naive.tabulate(Shape(order.map { shape[$0] })) { position in
        x.at(shape.array.indices.map { axis in position[order.firstIndex(of: axis)!] })
      }
      expectIdentical(moved, expected, name)
      expectIdentical(moved.permuted(order.indices.map { order.firstIndex(of: $0)! }), x, name + " and back")
    }
  }

  @Test(arguments: shapes)
  func twoAxesExchanged(_ shape: Shape) {
    let x = Tensor.random(shape, for: "transpose \(shape)")
    for first in -shape.rank..<shape.rank {
      for second in -shape.rank..<shape.rank {
        let (a, b) = (shape.resolved(first), shape.resolved(second))
        var sizes = shape
        (sizes[a], sizes[b]) = (shape[b], shape[a])
        let moved = x.transposed(first, second)
        let expected = Naive.tabulate(sizes) { position in
          var place = position
          place.swapAt(a, b)
          return x.at(place)
        }
        expectIdentical(moved, expected, "\(shape): \(first) and \(second)")
        expectIdentical(moved.transposed(second, first), x, "\(shape): \(first) and \(second) and back")
      }
    }
  }

  @Test(arguments: shapes)
  func anotherShape(_ shape: Shape) {
    let x = Tensor.random(shape, for: "reshape \(shape)")
    let flat = x.reshaped(to: [x.count] as Shape)
    #expect(flat.shape == [x.count] && flat.elements == x.elements)
    expectIdentical(flat.reshaped(to: shape), x, "\(shape) and back")
    if x.count > 0 {
      expectIdentical(x.reshaped(to: [1, -1]).reshaped(to: shape.array), x, "\(shape) with a computed size")
      #expect(x.reshaped(to: [-1]).shape == [x.count])
      #expect(x.asRows.shape == [x.count / shape[-1], shape[-1]] && x.asRows.elements == x.elements)
    }
  }

  @Test(arguments: shapes)
  func partsAndTheirPlaces(_ shape: Shape) {
    let x = Tensor.random(shape, for: "slice \(shape)")
    for axis in -shape.rank..<shape.rank {
      let (own, size) = (shape.resolved(axis), shape[axis])
      for start in 0...size {
        for end in start...size {
          let name = "\(start)..<\(end) of axis \(axis) of \(shape)"
          let part = x.sliced(start..<end, along: axis)
          var cut = shape
          cut[axis] = end - start
          let expected = Naive.tabulate(cut) { position in
            var place = position
            place[own] += start
            return x.at(place)
          }
          expectIdentical(part, expected, name)
          // Padding is the transpose of slicing: the part comes back, and all else is 0.
          let padded = part.padded(into: shape, at: start, along: axis)
          expectIdentical(padded.sliced(start..<end, along: axis), part, "padding " + name)
          expectZero(padded.sliced(0..<start, along: axis), "before " + name)
          expectZero(padded.sliced(end..<size, along: axis), "after " + name)
          // Three parts make the whole.
          let parts = [x.sliced(0..<start, along: axis), part, x.sliced(end..<size, along: axis)]
          expectIdentical(Tensor.concatenated(parts, along: axis), x, "joining " + name)
          var overwritten = x
          overwritten.assign(part, at: start, along: axis)
          expectIdentical(overwritten, x, "writing back " + name)
          var raised = x
          raised.add(part, at: start, along: axis)
          expectIdentical(raised, x + padded, "adding " + name)
        }
      }
    }
  }

  @Test func longPartsOnAllCores() {
    let x = Tensor.random([700, 3, 401], for: "long parts")
    for axis in 0..<3 {
      let size = x.shape[axis]
      let parts = [0..<(size / 3), (size / 3)..<size].map { x.sliced($0, along: axis) }
      expectIdentical(Tensor.concatenated(parts, along: axis), x, "axis \(axis)")
    }
    expectIdentical(x.permuted([2, 0, 1]).permuted([1, 2, 0]), x, "permuted and back")
  }

  @Test func tensorsFromNumbers() {
    let matrix = Tensor(rows: [[1, 2, 3], [4, 5, 6]])
    #expect(matrix.shape == [2, 3] && matrix.elements == [1, 2, 3, 4, 5, 6] && matrix[1, 2] == 6)
    #expect(matrix == Tensor([1, 2, 3, 4, 5, 6] as [Scalar], shape: [2, 3]))
    #expect(Tensor([1, 2]).shape == [2] && Tensor(3).shape == [] && Tensor(3).scalar == 3)
    #expect(Tensor(repeating: 7, shape: [1, 1]).scalar == 7 && Tensor(rows: []).shape == [0, 0])
    #expect(Tensor.identity(2) == Tensor(rows: [[1, 0], [0, 1]]) && Tensor.identity(0).count == 0)
    #expect(Tensor.zeros([2, 3]) != Tensor.zeros([3, 2]))
    #expect(Tensor([.nan]) != Tensor([.nan]) && Tensor([-0.0]) == Tensor([0]))
    #expect(Tensor.ones([3]).elements == [1, 1, 1] && Tensor(4 as Scalar).description.hasPrefix("Tensor[]([4.0"))
    let tokens = Tokens([1, 2, 3, 4, 5, 6], B: 2, T: 3)
    #expect(Array(tokens.row(1)) == [4, 5, 6] && Tokens([7, 8]).B == 1 && Tokens([7, 8]).T == 2)
  }
}
