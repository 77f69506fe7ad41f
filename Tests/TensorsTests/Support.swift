// # What these tests share
//
// Whole numbers, whose sums and products are exact in both builds, and a look-up by position.

import Tensors
import TestSupport

extension Tensor {
  /// Random whole numbers from −5 to 5.
  static func wholeNumbers(_ shape: Shape, for name: String) -> Tensor {
    var random = SeededGenerator(for: name)
    return Tensor((0..<shape.count).map { _ in Scalar(Int.random(in: -5...5, using: &random)) }, shape: shape)
  }

  /// The element at a position that is an array.
  func at(_ position: [Int]) -> Scalar {
    var offset = 0
    for axis in 0..<rank { offset = offset * shape[axis] + position[axis] }
    return withElements { $0[offset] }
  }

  /// One of the matrices of a tensor with three axes.
  func matrix(_ index: Int) -> Tensor {
    sliced(index..<(index + 1)).reshaped(to: [shape[1], shape[2]] as Shape)
  }
}

/// The sizes of so many axes of size 1.
func ones(_ rank: Int) -> [Int] { [Int](repeating: 1, count: rank) }
