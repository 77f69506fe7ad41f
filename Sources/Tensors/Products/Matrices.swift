// # Matrices in memory
//
// BLAS is given an address, sizes, and the distance between two rows, and trusts all of it. Products therefore take
// the views below, so that a wrong size stops the program instead of reading a neighbour's numbers. A view is checked
// when it is made: its last row has to end inside the span it lies in. Parts of a view are checked against the view.
//
// A view holds a raw pointer, not a span. BLAS needs one; and in a tensor [B, T, H, P] the rows of different heads
// are interleaved, so that several cores write to one stretch of memory. A view must not outlive the `reading` in
// which it was made.
//
// Read before: `Tensor+Writing.swift`. Read next: `Gemm.swift`.

/// A matrix to be read: its sizes as read, the distance between two stored rows, and whether the stored rows are its
/// columns.
struct MatrixOperand {
  let start: UnsafePointer<Scalar>
  let rows, columns: Int
  let stride: Int
  var isTransposed = false

  /// The matrix whose first row begins at a place of `numbers`; rows are `stride` apart, by default side by side.
  ///
  /// Stops the program if it is not inside `numbers`.
  @inline(__always)
  init(_ numbers: Span<Scalar>, at place: Int = 0, rows: Int, columns: Int, stride: Int? = nil) {
    let stride = stride ?? columns
    check(rows, columns, stride: stride, at: place, in: numbers.count)
    self.init(start: address(numbers) + place, rows: rows, columns: columns, stride: stride)
  }

  @inline(__always)
  fileprivate init(start: UnsafePointer<Scalar>, rows: Int, columns: Int, stride: Int, isTransposed: Bool = false) {
    (self.start, self.rows, self.columns, self.stride) = (start, rows, columns, stride)
    self.isTransposed = isTransposed
  }

  /// The same numbers, rows read as columns.
  @inline(__always)
  var transposed: MatrixOperand {
    MatrixOperand(start: start, rows: columns, columns: rows, stride: stride, isTransposed: !isTransposed)
  }

  @inline(__always)
  func transposed(_ condition: Bool) -> MatrixOperand { condition ? transposed : self }

  /// Some rows, and of these some columns.
  @inline(__always)
  func part(rows: Range<Int>, columns: Range<Int>) -> MatrixOperand {
    check(rows, columns, in: self.rows, self.columns)
    let (row, column) = isTransposed ? (columns.lowerBound, rows.lowerBound) : (rows.lowerBound, columns.lowerBound)
    return MatrixOperand(
      start: start + row * stride + column, rows: rows.count, columns: columns.count, stride: stride,
      isTransposed: isTransposed)
  }

  /// Some rows.
  @inline(__always)
  func rows(_ range: Range<Int>) -> MatrixOperand { part(rows: range, columns: 0..<columns) }

  /// Some columns.
  @inline(__always)
  func columns(_ range: Range<Int>) -> MatrixOperand { part(rows: 0..<rows, columns: range) }

  /// The `columns` numbers of a row; stops the program if the matrix is transposed.
  @inline(__always)
  func row(_ index: Int) -> UnsafePointer<Scalar> {
    precondition(index >= 0 && index < rows && !isTransposed)
    return start + index * stride
  }
}

extension MatrixOperand {
  /// Writes the rows of the matrix as columns, eight rows at a time. The raw pointers stay inside the two matrices,
  /// whose sizes are checked first.
  func transpose(into target: MatrixTarget) {
    precondition(target.rows == columns && target.columns == rows && !isTransposed)
    var row = 0
    while row + 8 <= rows {
      let from = start + row * stride
      for i in 0..<columns {
        let eight = Lanes(
          from[i], from[stride + i], from[2 * stride + i], from[3 * stride + i], from[4 * stride + i],
          from[5 * stride + i], from[6 * stride + i], from[7 * stride + i])
        store(eight, target.start, i * target.stride + row)
      }
      row += 8
    }
    while row < rows {
      for i in 0..<columns { target.start[i * target.stride + row] = start[row * stride + i] }
      row += 1
    }
  }
}

/// A matrix to be written: where it lies, its sizes, and the distance between two rows.
struct MatrixTarget {
  let start: UnsafeMutablePointer<Scalar>
  let rows, columns: Int
  let stride: Int

  /// The matrix whose first row begins at a place of `numbers`; rows are `stride` apart, by default side by side.
  ///
  /// Stops the program if it is not inside `numbers`.
  @inline(__always)
  init(
    _ numbers: UnsafeMutableBufferPointer<Scalar>, at place: Int = 0, rows: Int, columns: Int, stride: Int? = nil
  ) {
    let stride = stride ?? columns
    check(rows, columns, stride: stride, at: place, in: numbers.count)
    self.init(
      start: numbers.baseAddress! + place, rows: rows, columns: columns,
      stride: stride)
  }

  /// The matrix whose rows begin at a place of a span, side by side.
  @inline(__always)
  init(_ numbers: inout MutableSpan<Scalar>, at place: Int = 0, rows: Int, columns: Int) {
    check(rows, columns, stride: columns, at: place, in: numbers.count)
    self.init(start: address(&numbers) + place, rows: rows, columns: columns, stride: columns)
  }

  @inline(__always)
  private init(start: UnsafeMutablePointer<Scalar>, rows: Int, columns: Int, stride: Int) {
    (self.start, self.rows, self.columns, self.stride) = (start, rows, columns, stride)
  }

  /// The same matrix, to be read.
  @inline(__always)
  var operand: MatrixOperand {
    MatrixOperand(start: UnsafePointer(start), rows: rows, columns: columns, stride: stride)
  }

  /// Some rows, and of these some columns.
  @inline(__always)
  func part(rows: Range<Int>, columns: Range<Int>) -> MatrixTarget {
    check(rows, columns, in: self.rows, self.columns)
    return MatrixTarget(
      start: start + rows.lowerBound * stride + columns.lowerBound, rows: rows.count, columns: columns.count,
      stride: stride)
  }

  /// Some rows.
  @inline(__always)
  func rows(_ range: Range<Int>) -> MatrixTarget { part(rows: range, columns: 0..<columns) }

  /// Some columns.
  @inline(__always)
  func columns(_ range: Range<Int>) -> MatrixTarget { part(rows: 0..<rows, columns: range) }

  /// The `columns` numbers of a row.
  @inline(__always)
  func row(_ index: Int) -> UnsafeMutablePointer<Scalar> {
    precondition(index >= 0 && index < rows)
    return start + index * stride
  }
}

/// Stops the program unless a matrix lies inside `count` numbers.
@inline(__always)
private func check(_ rows: Int, _ columns: Int, stride: Int, at place: Int, in count: Int) {
  precondition(rows >= 0 && columns >= 0 && stride >= columns && place >= 0)
  precondition(rows == 0 || columns == 0 || place + (rows - 1) * stride + columns <= count)
}

/// Stops the program unless a part lies inside a matrix.
@inline(__always)
private func check(_ rows: Range<Int>, _ columns: Range<Int>, in height: Int, _ width: Int) {
  precondition(rows.lowerBound >= 0 && rows.upperBound <= height)
  precondition(columns.lowerBound >= 0 && columns.upperBound <= width)
}
