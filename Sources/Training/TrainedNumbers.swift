// # All that is trained, as one row of numbers
//
// To be shared among ranks, parameters of all shapes are seen as one row: the trained rows of the first, those of the
// second, and so on. The row is cut into pieces that never contain numbers of two parameters and have 65536 numbers at
// most. A rank's share is a run of whole pieces, so shares differ by a few pieces, whatever the sizes of the
// parameters are: the embedding of a large model is shared like everything else.
//
// Each piece has a sum of squares. The norm of the gradient is made of these, in their order, so it does not depend on
// which rank has which piece.
//
// Read before: `SummationTree.swift`. Read next: `SharedOptimiser.swift`.

import Communication
import Gradients
import Tensors

/// Where the numbers of a list of parameters are in one row.
struct TrainedNumbers {
  /// Neighbouring numbers of one parameter.
  struct Piece {
    /// The index of the parameter in the list.
    var entry: Int
    /// Where the numbers are among those of the parameter.
    var elements: Range<Int>
    /// Where they begin in the row.
    var start: Int
  }

  let pieces: [Piece]
  /// The length of the row.
  let count: Int
  /// The runs of pieces that the ranks have, in order; as equal as whole pieces allow.
  let shares: [Range<Int>]

  /// - Parameter length: the most numbers that a piece has
  init(_ trained: [ParameterRows], pieces length: Int = 1 << 16, ranks: Int) {
    var (pieces, count): ([Piece], Int) = ([], 0)
    for (entry, item) in trained.enumerated() {
      let value = item.parameter.value
      let width = value.rank == 0 ? 1 : value.shape.stride(of: 0)
      for rows in item.rows {
        let end = rows.upperBound * width
        for start in stride(from: rows.lowerBound * width, to: end, by: length) {
          let elements = start..<min(start + length, end)
          pieces.append(Piece(entry: entry, elements: elements, start: count))
          count += elements.count
        }
      }
    }
    (self.pieces, self.count) = (pieces, count)
    // A share ends before the first piece that begins at or after its part of the row.
    let ends = (1...ranks).map { rank in
      rank == ranks ? pieces.count : pieces.firstIndex { $0.start * ranks >= count * rank } ?? pieces.count
    }
    shares = zip([0] + ends, ends).map { $0..<$1 }
  }

  /// The numbers of a rank's share, as a range of the row.
  func numbers(of rank: Int) -> Range<Int> {
    let share = shares[rank]
    func start(_ piece: Int) -> Int { piece < pieces.count ? pieces[piece].start : count }
    return start(share.lowerBound)..<start(share.upperBound)
  }

  /// How many numbers each rank has.
  var sizes: [Int] { shares.indices.map { numbers(of: $0).count } }

  /// How many pieces each rank has.
  var pieceCounts: [Int] { shares.map(\.count) }
}

// ## Between tensors and the row

extension TrainedNumbers {
  /// The numbers of some pieces, taken from tensors with the parameters' shapes, in a row.
  func row(_ share: Range<Int>, of tensors: [Tensor]) -> Tensor {
    let parts = stretches(share).map { stretch -> Tensor in
      let tensor = tensors[stretch.entry]
      return tensor.reshaped(to: [tensor.count]).sliced(stretch.elements)
    }
    return parts.isEmpty ? Tensor.zeros([0]) : .concatenated(parts)
  }

  /// Puts the whole row back into tensors with the parameters' shapes; what is not trained keeps every bit.
  ///
  /// - Parameter change: calls its second argument with the tensor of a parameter, to be changed
  func put(_ row: Tensor, into change: (_ entry: Int, _ body: (inout Tensor) -> Void) -> Void) {
    precondition(row.count == count, "\(row.count) numbers are not the \(count) that are trained")
    row.withElements { row in
      for stretch in stretches(pieces.indices) {
        change(stretch.entry) { tensor in
          tensor.withMutableElements { target in
            target.withUnsafeMutableBytes { target in
              row.withUnsafeBytes { row in
                let size = MemoryLayout<Scalar>.stride
                let start = stretch.start * size
                target[(stretch.elements.lowerBound * size)..<(stretch.elements.upperBound * size)]
                  .copyBytes(from: row[start..<(start + stretch.elements.count * size)])
              }
            }
          }
        }
      }
    }
  }

  /// Some pieces with those neighbours put together that are neighbours in their parameter too.
  private func stretches(_ share: Range<Int>) -> [Piece] {
    pieces[share].reduce(into: []) { found, piece in
      if let last = found.last, last.entry == piece.entry, last.elements.upperBound == piece.elements.lowerBound {
        found[found.count - 1].elements = last.elements.lowerBound..<piece.elements.upperBound
      } else {
        found.append(piece)
      }
    }
  }
}
