// # Tensors
//
// A shape and its numbers in one stretch of memory, the innermost axis running fastest. Tensors are values: a copy
// shares the numbers until one of the two is changed. There are no strided views. A rearrangement copies, and the
// kernels that would suffer from a copy (the products over heads) take their strides from the layout instead.
//
// Read before: `Storage.swift`. Read next: `Tensor+Rearranging.swift`, `Tensor+Writing.swift`.

/// A row-major array of `Scalar`s with up to six axes.
public struct Tensor: @unchecked Sendable {
  /// The sizes of the axes.
  public private(set) var shape: Shape
  private var storage: Storage

  /// A tensor whose numbers are not yet set: for kernels that write every element.
  init(uninitialised shape: Shape) {
    self.shape = shape
    self.storage = Storage(count: shape.count)
  }

  /// A tensor of the given shape from its elements in row-major order.
  ///
  /// Stops the program if there are more or fewer elements than the shape has.
  public init(_ elements: some Collection<Scalar>, shape: Shape) {
    precondition(
      elements.count == shape.count,
      "\(elements.count) elements do not fill the shape \(shape), which has \(shape.count)")
    self.init(uninitialised: shape)
    var next = storage.pointer
    for element in elements {
      next.initialize(to: element)
      next += 1
    }
  }

  /// A tensor with one axis.
  public init(_ elements: [Scalar]) { self.init(elements, shape: [elements.count]) }

  /// A tensor with two axes from rows of equal length.
  public init(rows: [[Scalar]]) {
    let width = rows.first?.count ?? 0
    precondition(
      rows.allSatisfy { $0.count == width }, "the rows of a matrix have one length, not \(rows.map(\.count))")
    self.init(rows.flatMap { $0 }, shape: [rows.count, width])
  }

  /// A tensor without axes: one number.
  public init(_ number: Scalar) { self.init(repeating: number, shape: []) }

  /// A tensor with the same number everywhere.
  public init(repeating number: Scalar, shape: Shape) {
    self.init(uninitialised: shape)
    storage.pointer.update(repeating: number, count: shape.count)
  }

  /// A tensor of zeros.
  public static func zeros(_ shape: Shape) -> Tensor { Tensor(repeating: 0, shape: shape) }

  /// A tensor of ones.
  public static func ones(_ shape: Shape) -> Tensor { Tensor(repeating: 1, shape: shape) }

  /// The identity matrix.
  /// - Returns: [size, size]
  public static func identity(_ size: Int) -> Tensor {
    var result = zeros([size, size])
    result.withMutableElements { for index in 0..<size { $0[index * size + index] = 1 } }
    return result
  }

  /// The number of elements.
  public var count: Int { storage.count }

  /// The number of axes.
  public var rank: Int { shape.rank }

  /// The elements in row-major order.
  public var elements: [Scalar] { Array(UnsafeBufferPointer(start: storage.pointer, count: count)) }

  /// The only element of a tensor that has just one.
  public var scalar: Scalar {
    precondition(count == 1, "a tensor of shape \(shape) is not a single number")
    return storage.pointer[0]
  }

  /// The element at a position, an index for each axis.
  public subscript(position: Int...) -> Scalar {
    get { storage.pointer[offset(of: position)] }
    set {
      let offset = offset(of: position)
      withMutableElements { $0[offset] = newValue }
    }
  }

  private func offset(of position: [Int]) -> Int {
    precondition(position.count == rank, "the position \(position) does not fit the shape \(shape)")
    var offset = 0
    for axis in 0..<rank {
      precondition(
        position[axis] >= 0 && position[axis] < shape[axis], "the position \(position) is outside \(shape)")
      offset = offset * shape[axis] + position[axis]
    }
    return offset
  }
}

// ## Access to the elements
//
// Other files reach the memory only through these functions. Spans know their length and are checked. How kernels use
// them on several cores, and what `uninitialisedNumbers` is for, is explained in `Tensor+Writing.swift`.

extension Tensor {
  /// Calls `body` with the elements, which it may read during the call.
  @inline(__always)
  public func withElements<R>(_ body: (Span<Scalar>) throws -> R) rethrows -> R {
    defer { withExtendedLifetime(storage) {} }
    let numbers = UnsafeBufferPointer(start: storage.pointer, count: count)
    return try body(numbers.span)
  }

  /// Calls `body` with the elements, which it may change during the call; copies of this tensor keep their values.
  @inline(__always)
  public mutating func withMutableElements<R>(_ body: (inout MutableSpan<Scalar>) throws -> R) rethrows -> R {
    makeUnique()
    defer { withExtendedLifetime(storage) {} }
    let numbers = UnsafeMutableBufferPointer(start: storage.pointer, count: count)
    var span = numbers.mutableSpan
    return try body(&span)
  }

  /// Whether no copy shares the elements.
  @inline(__always)
  var isUnique: Bool {
    mutating get { isKnownUniquelyReferenced(&storage) }
  }

  /// Gives this tensor elements of its own if a copy shares them.
  @inline(__always)
  mutating func makeUnique() {
    if isUnique { return }
    let copy = Storage(count: count)
    copy.pointer.update(from: storage.pointer, count: count)
    storage = copy
  }

  /// The elements of a tensor that nothing else shares, for a kernel that returns it after writing to them.
  @inline(__always)
  var uninitialisedNumbers: UnsafeMutableBufferPointer<Scalar> {
    UnsafeMutableBufferPointer(start: storage.pointer, count: count)
  }

  /// The same numbers under another shape.
  func viewed(as newShape: Shape) -> Tensor {
    var copy = self
    copy.shape = newShape
    return copy
  }
}

// ## Shapes that are checked
//
// A comment that states a shape can lie. `x.expecting(B, T, D)` states the same thing as code, and stops with the
// name of the tensor, the expected shape and the actual one.

extension Tensor {
  /// This tensor, after a check that its axes have these sizes; nil allows any size.
  ///
  /// Stops the program with the tensor's name, the expected sizes and the actual ones if they differ.
  @discardableResult
  public func expecting(_ sizes: Int?..., as name: @autoclosure () -> String = "the tensor") -> Tensor {
    shape.expecting(sizes, as: name())
    return self
  }
}

extension Shape {
  /// Stops the program with `name`, the expected sizes and the actual ones if they differ; nil allows any size.
  public func expecting(_ sizes: [Int?], as name: @autoclosure () -> String) {
    var fits = sizes.count == rank
    if fits { for (axis, size) in sizes.enumerated() where size != nil && size != self[axis] { fits = false } }
    precondition(
      fits,
      "\(name()) should have the shape [\(sizes.map { $0.map(String.init) ?? "any" }.joined(separator: ", "))],"
        + " but has \(self)")
  }
}

extension Tensor: Equatable {
  /// Whether the shapes and all elements are equal (so NaN differs from itself, and −0 equals 0).
  public static func == (a: Tensor, b: Tensor) -> Bool {
    guard a.shape == b.shape else { return false }
    let count = a.count
    return a.withElements { a in b.withElements { b in (0..<count).allSatisfy { a[$0] == b[$0] } } }
  }
}

extension Tensor: CustomStringConvertible {
  /// The shape and the first eight elements.
  public var description: String { "Tensor\(shape)(\(elements.prefix(8))\(count > 8 ? ", …" : ""))" }
}
