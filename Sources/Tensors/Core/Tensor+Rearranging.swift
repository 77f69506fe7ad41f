// # Rearrangements
//
// The same numbers in another order or under another shape. Reshaping is free; everything else copies. The pullback
// of each rearrangement is itself one of them, so none needs a kernel of its own.
//
// Read before: `Tensor.swift`.

extension Tensor {
  /// The same numbers under another shape with as many elements; one size may be −1, to be computed.
  public func reshaped(to shape: [Int]) -> Tensor {
    guard let unknown = shape.firstIndex(of: -1) else { return reshaped(to: Shape(shape)) }
    var sizes = shape
    sizes[unknown] = 1
    let known = Shape(sizes).count
    precondition(
      known > 0 && count % known == 0, "a tensor of shape \(self.shape) cannot be reshaped to \(shape)")
    sizes[unknown] = count / known
    return reshaped(to: Shape(sizes))
  }

  /// The same numbers under another shape with as many elements.
  public func reshaped(to shape: Shape) -> Tensor {
    precondition(shape.count == count, "a tensor of shape \(self.shape) cannot be reshaped to \(shape)")
    return viewed(as: shape)
  }

  /// The same numbers seen as the rows of one matrix: all axes but the innermost become one.
  public var asRows: Tensor { viewed(as: [shape.prefix(rank - 1).count, shape[-1]]) }

  /// Two axes exchanged.
  public func transposed(_ first: Int = -2, _ second: Int = -1) -> Tensor {
    let (a, b) = (shape.resolved(first), shape.resolved(second))
    if a == b { return self }
    var order = Array(0..<rank)
    order.swapAt(a, b)
    return permuted(order)
  }

  /// The axes in another order: axis i of the result is axis `order[i]` of this tensor.
  public func permuted(_ order: [Int]) -> Tensor {
    precondition(
      order.sorted() == Array(0..<rank), "\(order) does not name each axis of the shape \(shape) once")
    let sizes = order.map { shape[$0] }
    if count == 0 { return Tensor(uninitialised: Shape(sizes)) }
    let strides = order.map { shape.stride(of: $0) }
    let (width, step) = (sizes.last ?? 1, strides.last ?? 1)
    return reading(self) { source in
      Tensor(writing: Shape(sizes), rows: count / width, .inOrder) { row, target in
        var (rest, offset) = (row, 0)
        for axis in stride(from: rank - 2, through: 0, by: -1) {
          offset += rest % sizes[axis] * strides[axis]
          rest /= sizes[axis]
        }
        let from = source.extracting(offset..<(offset + (width - 1) * step + 1))
        for i in 0..<width { target[i] = from[i * step] }
      }
    }
  }

  /// The part of an axis that lies in a range.
  public func sliced(_ range: Range<Int>, along axis: Int = 0) -> Tensor {
    let axis = shape.resolved(axis)
    precondition(
      range.lowerBound >= 0 && range.upperBound <= shape[axis],
      "the range \(range) is outside axis \(axis) of the shape \(shape)")
    var cut = shape
    cut[axis] = range.count
    if cut.count == 0 { return Tensor(uninitialised: cut) }
    let inner = shape.stride(of: axis)
    let (length, step) = (range.count * inner, shape[axis] * inner)
    return reading(self) { source in
      Tensor(writing: cut, rows: cut.count / length, .runs(atLeast: Parallel.grain / length)) { block, target in
        let first = block * step + range.lowerBound * inner
        copy(source.extracting(first..<(first + length)), to: &target)
      }
    }
  }

  /// A tensor of zeros of the given shape, with this one written into a range of one axis: the pullback of `sliced`.
  public func padded(into shape: Shape, at start: Int, along axis: Int) -> Tensor {
    var result = Tensor.zeros(shape)
    result.assign(self, at: start, along: axis)
    return result
  }

  /// Overwrites the places of an axis from `start` on with `part`.
  public mutating func assign(_ part: Tensor, at start: Int, along axis: Int = 0) {
    combine(part, at: start, along: axis) { target, start, part in copy(part, to: &target, at: start) }
  }

  /// Adds `part` to the places of an axis from `start` on.
  public mutating func add(_ part: Tensor, at start: Int, along axis: Int = 0) {
    combine(part, at: start, along: axis) { target, start, part in
      Tensors.add(1, times: part, to: &target, at: start)
    }
  }

  /// Calls `body` for each contiguous block of `part`: with all elements of this tensor, the place where the block
  /// goes, and the block.
  @inline(__always)
  private mutating func combine(
    _ part: Tensor, at start: Int, along axis: Int,
    _ body: (inout MutableSpan<Scalar>, Int, Span<Scalar>) -> Void
  ) {
    let axis = shape.resolved(axis)
    var fitting = shape
    fitting[axis] = part.shape[axis]
    precondition(
      part.shape == fitting && start >= 0 && start + part.shape[axis] <= shape[axis],
      "a part of shape \(part.shape) does not fit at \(start) of axis \(axis) into \(shape)")
    let inner = shape.stride(of: axis)
    let (length, step) = (part.shape[axis] * inner, shape[axis] * inner)
    let blocks = length == 0 ? 0 : part.count / length
    reading(part) { source in
      withMutableElements { target in
        for block in 0..<blocks {
          body(&target, block * step + start * inner, source.extracting(places(block, length)))
        }
      }
    }
  }

  /// Tensors one after another along an axis; their other sizes must agree.
  public static func concatenated(_ parts: [Tensor], along axis: Int = 0) -> Tensor {
    precondition(!parts.isEmpty, "there is nothing to concatenate")
    var shape = parts[0].shape
    let axis = shape.resolved(axis)
    shape[axis] = parts.reduce(0) { $0 + $1.shape[axis] }
    var result = Tensor(uninitialised: shape)
    var start = 0
    for part in parts {
      result.assign(part, at: start, along: axis)
      start += part.shape[axis]
    }
    return result
  }
}
