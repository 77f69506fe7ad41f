// # Elementwise functions
//
// One number in, one number out, at every place. The loops are written once, in `map`, `zip` and `combine`. They
// apply a struct, not a closure: a closure that is handed to another core stays a call for each element, whereas a
// struct's method is known when the loop is compiled, so it is inlined and vectorised (GELU: 0.1 against 1.1 elements
// per nanosecond).
//
// Read before: `Sigmoids.swift`, `Parallel.swift`. Read next: `ElementwiseFunctions.swift`.

/// A function of one number.
protocol Unary: Sendable {
  func callAsFunction(_ x: Scalar) -> Scalar
}

/// A function of two numbers.
protocol Binary: Sendable {
  func callAsFunction(_ x: Scalar, _ y: Scalar) -> Scalar
}

/// The tensor of f(x) for each element; `cost` is what f costs in additions.
func map<F: Unary>(_ x: Tensor, cost: Int = 1, _ f: F) -> Tensor {
  reading(x) { elements in
    Tensor(writing: x.shape, grain: Parallel.grain / cost) { places, target in
      let x = elements.extracting(places)
      for i in 0..<target.count { target[i] = f(x[i]) }
    }
  }
}

/// The tensor of f(x, y) for each pair of elements of two tensors of the same shape.
func zip<F: Binary>(_ x: Tensor, _ y: Tensor, cost: Int = 1, _ f: F) -> Tensor {
  precondition(x.shape == y.shape, "the shapes \(x.shape) and \(y.shape) differ")
  return reading(x, y) { left, right in
    Tensor(writing: x.shape, grain: Parallel.grain / cost) { places, target in
      let (x, y) = (left.extracting(places), right.extracting(places))
      for i in 0..<target.count { target[i] = f(x[i], y[i]) }
    }
  }
}

/// The tensor of f(x, y) under broadcasting.
///
/// Stops the program if the shapes cannot be broadcast to one another, naming both.
func combine<F: Binary>(_ x: Tensor, _ y: Tensor, _ f: F) -> Tensor {
  if x.shape == y.shape { return zip(x, y, f) }
  guard let shape = x.shape.broadcast(with: y.shape) else {
    preconditionFailure("the shapes \(x.shape) and \(y.shape) cannot be broadcast to one another")
  }
  if shape.count == 0 { return Tensor(uninitialised: shape) }
  let (strideX, strideY) = (broadcastStrides(of: x.shape, in: shape), broadcastStrides(of: y.shape, in: shape))
  // The innermost axis has a loop of its own; the others are the digits of a counter.
  let width = shape.rank == 0 ? 1 : shape[-1]
  let (stepX, stepY) = (strideX.last ?? 0, strideY.last ?? 0)
  return reading(x, y) { left, right in
    Tensor(writing: shape, rows: shape.count / width, .runs(atLeast: Parallel.grain / width)) { row, target in
      var (rest, offsetX, offsetY) = (row, 0, 0)
      var axis = shape.rank - 2
      while axis >= 0 {
        let (quotient, digit) = rest.quotientAndRemainder(dividingBy: shape[axis])
        rest = quotient
        offsetX += digit * strideX[axis]
        offsetY += digit * strideY[axis]
        axis -= 1
      }
      let x = left.extracting(offsetX..<(offsetX + (stepX == 0 ? 1 : width)))
      let y = right.extracting(offsetY..<(offsetY + (stepY == 0 ? 1 : width)))
      switch (stepX, stepY) {
      case (0, 0): for i in 0..<width { target[i] = f(x[0], y[0]) }
      case (_, 0): for i in 0..<width { target[i] = f(x[i], y[0]) }
      case (0, _): for i in 0..<width { target[i] = f(x[0], y[i]) }
      default: for i in 0..<width { target[i] = f(x[i], y[i]) }
      }
    }
  }
}

/// For each axis of `shape`, how far a step along it moves in a tensor of shape `inner`: 0 where `inner` is
/// stretched.
func broadcastStrides(of inner: Shape, in shape: Shape) -> [Int] {
  (0..<shape.rank).map { axis in
    let own = axis - (shape.rank - inner.rank)
    return own < 0 || inner[own] == 1 ? 0 : inner.stride(of: own)
  }
}
