// # What these tests share
//
// Whole numbers, whose sums and products are exact in both builds, a look-up by position, and what
// it takes to measure an error in ulp: a wider number, and the neighbours of a number.

import Foundation
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

/// The sizes of `rank` axes of size 1.
func ones(_ rank: Int) -> [Int] { [Int](repeating: 1, count: rank) }

// ## Errors in ulp

#if Float32
/// A precision in which the C library's functions are exact to us.
typealias Wide = Double
#elseif arch(x86_64) && !os(Windows) && !os(Android)
/// A precision in which the C library's functions are exact to us.
typealias Wide = Float80
#else
/// There is nothing wider than Double here: the reference has an error of its own, `referenceError`.
typealias Wide = Double
#endif

/// How far a reference in `Wide` may itself be off, in ulp of a Scalar.
let referenceError = Wide.self == Scalar.self ? 2.0 : 0

/// The distance of a result from the truth, in ulp of the truth or of another number.
func error(of actual: Scalar, truth: Wide, inUlpOf scale: Wide? = nil) -> Double {
  let unit = Scalar(abs(scale ?? truth)).ulp
  return Double(abs(Wide(actual) - truth) / Wide(unit))
}

/// `count` neighbouring numbers around `middle`.
func neighbours(of middle: Scalar, _ count: Int) -> [Scalar] {
  var x = middle
  for _ in 0..<(count / 2) { x = x.nextDown }
  return (0..<count).map { _ in
    defer { x = x.nextUp }
    return x
  }
}
