// # Sums of tensors
//
// Sums over all elements, along an axis, or over what a broadcast has repeated; also means, and the largest element.
//
// Read before: `RowSums.swift`, `Elementwise.swift`. Read next: `Products.swift`.

/// The sum of all elements.
/// - Returns: a tensor without axes.
public func sum(_ x: Tensor) -> Tensor { Tensor(reading(x) { x in Parallel.flushing { sum(x) } }) }

/// The mean of all elements; stops the program if there are none.
/// - Returns: a tensor without axes.
public func mean(_ x: Tensor) -> Tensor {
  precondition(x.count > 0, "a tensor of shape \(x.shape) has no mean")
  return Tensor(sum(x).scalar / Scalar(x.count))
}

/// The sum of x ⊙ y over all elements of two tensors of the same shape.
public func dot(_ x: Tensor, _ y: Tensor) -> Scalar {
  precondition(x.shape == y.shape, "the shapes \(x.shape) and \(y.shape) differ")
  return reading(x, y) { x, y in Parallel.flushing { dot(x, y) } }
}

/// The largest absolute value; 0 if there are no elements, NaN if one of them is NaN.
public func largestMagnitude(_ x: Tensor) -> Scalar {
  reading(x) { elements in
    var largest: Scalar = 0
    for index in elements.indices {
      if elements[index].isNaN { return .nan }
      largest = Swift.max(largest, abs(elements[index]))
    }
    return largest
  }
}

/// Whether every element is a finite number.
public func isFinite(_ x: Tensor) -> Bool {
  // x − x is 0 for finite numbers and NaN for all others; NaN survives every sum.
  reading(x) { accumulate($0, $0, wide: { x, _ in x - x }, narrow: { x, _ in x - x }) == 0 }
}

/// The sum along an axis, which is removed.
public func sum(_ x: Tensor, along axis: Int) -> Tensor {
  let axis = x.shape.resolved(axis)
  let (size, inner) = (x.shape[axis], x.shape.stride(of: axis))
  var result = Tensor.zeros(x.shape.removing(axis))
  if x.count == 0 { return result }
  reading(x) { x in
    writing(&result, rows: result.count / inner, .inOrder) { block, target in
      if inner == 1 {
        target[0] = sum(x.extracting(places(block, size)))
      } else {
        for step in 0..<size {
          let row = x.extracting(places(block * size + step, inner))
          for i in 0..<inner { target[i] += row[i] }
        }
      }
    }
  }
  return result
}

/// The mean along an axis, which is removed; stops the program if the axis has size 0.
public func mean(_ x: Tensor, along axis: Int) -> Tensor {
  precondition(x.shape[axis] > 0, "the axis \(axis) of \(x.shape) has no mean")
  return (1 / Scalar(x.shape[axis])) * sum(x, along: axis)
}

/// The sum over everything that broadcasting `shape` to the shape of `x` would repeat: the pullback of a broadcast.
public func sum(_ x: Tensor, to shape: Shape) -> Tensor {
  if x.shape == shape { return x }
  if shape.count == 1 { return sum(x).reshaped(to: shape) }
  if x.shape.suffix(shape.rank) == shape { return columnSums(x, width: shape.count).reshaped(to: shape) }
  // One axis after another: first the axes that `shape` lacks, then those where its size is 1.
  var result = x
  while result.rank > shape.rank { result = sum(result, along: 0) }
  for axis in 0..<shape.rank where shape[axis] == 1 && result.shape[axis] != 1 {
    var kept = result.shape
    kept[axis] = 1
    result = sum(result, along: axis).reshaped(to: kept)
  }
  precondition(result.shape == shape, "a tensor of shape \(x.shape) cannot be summed to \(shape)")
  return result
}

/// The sum over all rows of x, seen as rows of `width` numbers, or of x ⊙ y if y, of the same shape, is given.
/// - Returns: [width]
func columnSums(_ x: Tensor, times y: Tensor? = nil, width: Int) -> Tensor {
  if width == 0 { return Tensor.zeros([0]) }
  let rows = x.count / width
  // Each piece sums its own rows; then the pieces are added in order. They are long, because each costs a row of
  // sums.
  let pieces = Parallel.pieces(x.count, grain: 8 * Parallel.grain)
  // A single piece is cut into strips of columns instead; that leaves every sum as it is.
  let strips = pieces == 1 ? min(Parallel.pieces(x.count, grain: Parallel.grain), (width + 31) / 32) : 1
  let partial = Tensor.zeros([pieces, width])
  let sums = partial.uninitialisedNumbers  // Strips differ in length.
  let hasFactor = y != nil
  reading(x, y ?? x) { x, factor in
    Parallel.each(pieces * strips, workPerItem: x.count / (pieces * strips)) { item in
      let (piece, strip) = (item / strips, item % strips)
      let columns = (width * strip / strips)..<(width * (strip + 1) / strips)
      let own = sums.extracting((piece * width + columns.lowerBound)..<(piece * width + columns.upperBound))
      var target = own.mutableSpan
      // Pointers, into rows that are checked here once: a strip can be short.
      let mine = (rows * piece / pieces)..<(rows * (piece + 1) / pieces)
      let all = (mine.lowerBound * width)..<(mine.upperBound * width)
      let (from, by, to) = (address(x.extracting(all)), address(factor.extracting(all)), address(&target))
      for row in 0..<mine.count {
        let start = row * width + columns.lowerBound
        if hasFactor {
          add(from + start, times: by + start, to: to, columns.count)
        } else {
          add(1, times: from + start, to: to, columns.count)
        }
      }
    }
  }
  return pieces == 1 ? partial.reshaped(to: [width]) : sum(partial, along: 0)
}

/// For each row of the innermost axis, the place of its largest number; of equal ones the first.
public func indicesOfLargest(_ x: Tensor) -> [Int] {
  let V = x.shape[-1]
  return reading(x) { elements in
    (0..<(x.count / max(1, V))).map { number in
      let row = elements.extracting(places(number, V))
      var best = 0
      for index in 1..<max(1, V) where row[index] > row[best] { best = index }
      return best
    }
  }
}
