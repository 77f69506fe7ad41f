// # How far two tensors are apart
//
// The largest distance of two entries, relative to the largest entry of the expected tensor. An entry that should be
// small because others cancel in it is compared on the scale of those others, which is all that rounding allows. A NaN
// equals a NaN, and an infinity itself: that matters only when the doctor compares with a mistake that gives them.
//
// Read next: `Check.swift`.

import Tensors

/// The largest difference of two tensors of one shape.
package struct Difference {
  /// The largest distance relative to the largest finite entry of the expected tensor; infinite if one of the two is
  /// not finite where the other is.
  package var size = 0.0
  /// Where it is, as a flat index.
  package var place = 0

  package init(of actual: Tensor, from expected: Tensor) {
    precondition(actual.shape == expected.shape, "\(actual.shape) and \(expected.shape) cannot be compared")
    let (a, e) = (actual.elements, expected.elements)
    let scale = e.lazy.filter(\.isFinite).map { Double(abs($0)) }.max() ?? 0
    for place in a.indices where !(a[place] == e[place] || (a[place].isNaN && e[place].isNaN)) {
      let distance = abs(Double(a[place]) - Double(e[place])) / (scale > 0 ? scale : 1)
      let size = distance.isNaN ? .infinity : distance
      if size > self.size { (self.size, self.place) = (size, place) }
    }
  }
}
