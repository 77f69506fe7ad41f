// # Is every number finite
//
// One NaN among a hundred million weights makes every output NaN, and nothing says where it came from. So when we
// read other people's weights we check each of them, at the speed of memory:
//
//     0 · x  =  0 for every finite x, and NaN for NaN, ∞ and −∞
//
// A sum of such products is therefore 0 or NaN, and `RowSums.swift` adds 32 of them side by side, with no comparison.
// Only a stretch whose sum is NaN is then searched number by number.
//
// Read before: `RowSums.swift`. Used by: `Checkpoints/Checkpoint+Reading.swift`.

import Synchronization

extension Tensor {
  /// The place of the first number that is NaN or infinite, or nil if all are finite.
  package var firstNonFinite: Int? {
    reading(self) { x in
      let stretch = 8192
      // The pieces run at the same time: each notes its first place, and the smallest remains.
      let first = Atomic(Int.max)
      Parallel.ranges((x.count + stretch - 1) / stretch, grain: 4) { stretches in
        for number in stretches {
          let places = (number * stretch)..<min((number + 1) * stretch, x.count)
          let numbers = x.extracting(places)
          let sum = accumulate(numbers, numbers, wide: { x, _ in x * 0 }, narrow: { x, _ in x * 0 })
          guard !(sum == 0), let place = numbers.indices.first(where: { !numbers[$0].isFinite }) else { continue }
          first.min(places.lowerBound + place, ordering: .relaxed)
          return
        }
      }
      let place = first.load(ordering: .relaxed)
      return place == .max ? nil : place
    }
  }
}
