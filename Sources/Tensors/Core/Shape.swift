// # Shapes
//
// The sizes of a tensor's axes, outermost first. A shape is created for every operation, so it must not allocate: it
// is a fixed row of six integers and a count, not an array.
//
// Read before: `Scalar.swift`. Read next: `Tensor.swift`.

/// The sizes of a tensor's axes, outermost first; `[]` is the shape of a single number. At most six axes.
public struct Shape: Sendable, Equatable, ExpressibleByArrayLiteral {
  /// The largest number of axes.
  public static let maximalRank = 6

  /// The number of axes.
  public private(set) var rank: Int
  private var sizes: InlineArray<6, Int>

  /// The shape with these sizes. Stops the program if there are more than six, or if one is negative.
  public init(_ sizes: some Collection<Int>) {
    precondition(
      sizes.count <= Shape.maximalRank, "a shape has at most \(Shape.maximalRank) axes, not \(Array(sizes))")
    self.rank = 0
    self.sizes = InlineArray(repeating: 1)
    for size in sizes {
      precondition(size >= 0, "the size of an axis is not negative, but \(Array(sizes)) was asked for")
      self.sizes[rank] = size
      rank += 1
    }
  }

  /// The shape with the sizes of a literal, as in `[B, T, D]`.
  public init(arrayLiteral elements: Int...) { self.init(elements) }

  /// The size of an axis; negative axes count from the end, −1 being the innermost.
  public subscript(axis: Int) -> Int {
    get { sizes[resolved(axis)] }
    set { sizes[resolved(axis)] = newValue }
  }

  /// The index, counted from the front, of an axis that may be counted from the end.
  public func resolved(_ axis: Int) -> Int {
    let index = axis < 0 ? axis + rank : axis
    precondition(index >= 0 && index < rank, "axis \(axis) does not exist in the shape \(self)")
    return index
  }

  /// The number of elements.
  public var count: Int {
    var product = 1
    for axis in 0..<rank { product *= sizes[axis] }
    return product
  }

  /// The number of elements in one step of an axis: the product of the sizes after it.
  public func stride(of axis: Int) -> Int {
    var product = 1
    for inner in (resolved(axis) + 1)..<max(rank, resolved(axis) + 1) { product *= sizes[inner] }
    return product
  }

  /// The sizes as an array.
  public var array: [Int] { (0..<rank).map { sizes[$0] } }

  /// The sizes of the outermost axes, at most `length` of them, as a shape of its own.
  public func prefix(_ length: Int) -> Shape { axes(0..<min(length, rank)) }

  /// The sizes of the innermost axes, at most `length` of them, as a shape of its own.
  public func suffix(_ length: Int) -> Shape { axes(max(0, rank - length)..<rank) }

  private func axes(_ range: Range<Int>) -> Shape {
    var shape: Shape = []
    for axis in range { shape.append(sizes[axis]) }
    return shape
  }

  /// This shape with one axis removed.
  public func removing(_ axis: Int) -> Shape {
    let removed = resolved(axis)
    var shape: Shape = []
    for axis in 0..<rank where axis != removed { shape.append(sizes[axis]) }
    return shape
  }

  /// This shape with further innermost axes.
  public func appending(_ more: Int...) -> Shape {
    var shape = self
    for size in more { shape.append(size) }
    return shape
  }

  private mutating func append(_ size: Int) {
    precondition(
      rank < Shape.maximalRank, "a shape has at most \(Shape.maximalRank) axes: \(self) has no room for more")
    precondition(size >= 0, "the size of an axis is not negative, but \(size) was asked for")
    sizes[rank] = size
    rank += 1
  }

  /// Whether the axes are equal in number and in size.
  public static func == (a: Shape, b: Shape) -> Bool {
    guard a.rank == b.rank else { return false }
    for axis in 0..<a.rank where a.sizes[axis] != b.sizes[axis] { return false }
    return true
  }

  /// The shape of an elementwise result: axes are matched from the innermost, and a size of 1 stretches.
  ///
  /// Returns nil if two sizes differ and neither is 1. The rule is NumPy's ("General broadcasting rules").
  public func broadcast(with other: Shape) -> Shape? {
    if self == other { return self }
    let rank = max(self.rank, other.rank)
    var sizes = [Int](repeating: 1, count: rank)
    for back in 1..<(rank + 1) {
      let mine = back <= self.rank ? self[-back] : 1
      let theirs = back <= other.rank ? other[-back] : 1
      guard mine == theirs || mine == 1 || theirs == 1 else { return nil }
      sizes[rank - back] = mine == 1 ? theirs : mine
    }
    return Shape(sizes)
  }
}

extension Shape: CustomStringConvertible {
  /// The sizes in brackets, as in "[2, 3, 5]".
  public var description: String { "[" + array.map(String.init).joined(separator: ", ") + "]" }
}
