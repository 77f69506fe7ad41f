// # Absolute positions
//
// A vector for each place, which is added to the token that stands there. The features form pairs
// (2i, 2i + 1) that turn with the position t, each at a pace of its own, from one radian a place
// down to about 1/base:
//
//     angle(t, i)       =  t · base^(−2i/D)
//     position[2i]      =  sin angle(t, i)
//     position[2i + 1]  =  cos angle(t, i)
//
// The inner product of two of them is Σᵢ cos(angle(t, i) − angle(s, i)), a function of t − s; what
// learned matrices make of it is not. Source: Vaswani et al., arXiv 1706.03762, section 3.5.
//
// Read next: `Rotary.swift`, the other way.

import Foundation

/// The sines and cosines of T positions.
///
/// - Parameters:
///   - D: the number of features, even
///   - base: the base of the angles' geometric series
///   - offset: the position of the first row
/// - Returns: [T, D]
public func absolutePositions(T: Int, D: Int, base: Double = 10_000, offset: Int = 0) -> Tensor {
  precondition(D.isMultiple(of: 2), "absolute positions are pairs of a sine and a cosine, so that \(D) is no width")
  let numbers = (0..<T).flatMap { t in
    (0..<D).map { d in
      let angle = Double(t + offset) * pow(base, -Double(d / 2 * 2) / Double(D))
      return Scalar(d.isMultiple(of: 2) ? sin(angle) : cos(angle))
    }
  }
  return Tensor(numbers, shape: [T, D])
}
