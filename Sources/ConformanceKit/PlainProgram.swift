// # The plain program
//
// The kit needs the value of every step on the way, and the doctor needs to know what each usual mistake would have
// given. Fast code can give neither, since it fuses steps and has no place for a mistake. So this module computes the
// whole method once more, as plainly as it can be written: each formula on a line, each intermediate value recorded
// under its name, and beside the right line the wrong ones, chosen by `Fault`.
//
// Nothing here calls the library's layers, mixers, stages or optimiser; the tests compare it with them, and a program
// in PyTorch does too. Gradients come from the tape, through elementary operations only.
//
// ## The same bytes on every machine
//
// BLAS rounds differently from one processor to the next. Products are therefore sums of products here, in an order
// that does not depend on the machine. That is slow and needs much memory, which does not matter for the sizes of the
// kit; chapter 16, which trains with the same formulas, asks for the library's products instead.
//
// Read before: `KitCase.swift`. Read next: `PlainProgram+Teacher.swift`, `Fault.swift`.

import Gradients
import Tensors

/// The method in plain formulas, with or without mistakes.
public struct PlainProgram {
  /// How products of matrices are computed.
  public enum Products: Sendable {
    /// Sums of products in a fixed order: the same bits everywhere.
    case sums
    /// The library's, through BLAS.
    case library
  }

  /// A value for each name of a weight.
  public typealias Weights = (_ name: String) -> Variable

  /// The kind of block, the sizes, the layers.
  public let kit: KitCase
  /// The mistakes that are made.
  public let faults: Set<Fault>
  /// How products are computed.
  public let products: Products

  /// The program for teacher and student of a case.
  public init(_ kit: KitCase, faults: Set<Fault> = [], products: Products = .sums) {
    (self.kit, self.faults, self.products) = (kit, faults, products)
  }

  var s: KitSizes { kit.sizes }

  /// Whether a mistake is made.
  func has(_ fault: Fault) -> Bool { faults.contains(fault) }
}

// ## Values on the way

/// Collects values with their names, axes and meaning.
final class Recorder {
  /// A value of the kit: the letters of its axes, and what it is.
  struct Entry {
    let tensor: Tensor
    let axes: String
    let words: String
  }

  private(set) var entries: [String: Entry] = [:]
  /// The names in the order in which they were computed.
  private(set) var names: [String] = []

  /// Records a value; `axes` are letters of `KitSizes`, separated by spaces.
  func callAsFunction(_ name: String, _ tensor: Tensor, _ axes: String, _ words: String) {
    if entries.updateValue(Entry(tensor: tensor, axes: axes, words: words), forKey: name) == nil {
      names.append(name)
    }
  }

  func callAsFunction(_ name: String, _ variable: Variable, _ axes: String, _ words: String) {
    self(name, variable.value, axes, words)
  }
}

// ## Products

extension PlainProgram {
  /// x Wᵀ + bias: x [B, T, I], W [O, I] → [B, T, O].
  func linear(_ x: Variable, _ weight: Variable, _ bias: Variable? = nil) -> Variable {
    if products == .library { return Gradients.linear(x, weight: weight, bias: bias) }
    let (B, T, I) = (x.shape[0], x.shape[1], x.shape[2])
    let product = sum(x.reshaped(to: [B, T, 1, I]) * weight, along: 3)
    return bias.map { product + $0 } ?? product
  }

  /// q[t] · k[s] for each head: [B, T, H, P] twice → [B, H, T, T].
  func scores(_ q: Variable, _ k: Variable) -> Variable {
    if products == .library { return headScores(q, k) }
    let (B, T, H, P) = (q.shape[0], q.shape[1], q.shape[2], q.shape[3])
    let (rows, columns) = (q.permuted([0, 2, 1, 3]), k.permuted([0, 2, 1, 3]))
    return sum(rows.reshaped(to: [B, H, T, 1, P]) * columns.reshaped(to: [B, H, 1, T, P]), along: 4)
  }

  /// M v for each head: [B, H, T, T] and [B, T, H, P] → [B, T, H, P].
  func mixed(_ matrix: Variable, _ v: Variable) -> Variable {
    if products == .library { return headMix(matrix, v) }
    let (B, T, H, P) = (v.shape[0], v.shape[1], v.shape[2], v.shape[3])
    let columns = v.permuted([0, 2, 1, 3]).reshaped(to: [B, H, 1, T, P])
    return sum(matrix.reshaped(to: [B, H, T, T, 1]) * columns, along: 3).permuted([0, 2, 1, 3])
  }

  /// The running sum over time: [B, T, H] → [B, H, T], entry t the sum over 0 … t.
  func runningSum(_ x: Variable) -> Variable {
    let (B, T, H) = (x.shape[0], x.shape[1], x.shape[2])
    let rows = x.permuted([0, 2, 1])
    if products == .library { return Gradients.linear(rows, weight: constant(lowerTriangle(T))) }
    return sum(rows.reshaped(to: [B, H, 1, T]) * constant(lowerTriangle(T)), along: 3)
  }

  /// [B, T, heads · size] → [B, T, heads, size]
  func cut(_ x: Variable, _ heads: Int) -> Variable {
    let (B, T, size) = (x.shape[0], x.shape[1], x.shape[2] / heads)
    if has(.headsInnermost) { return x.reshaped(to: [B, T, size, heads]).permuted([0, 1, 3, 2]) }
    return x.reshaped(to: [B, T, heads, size])
  }

  /// A head's own part or the one that it shares: [B, T, groups, size] → [B, T, H, size].
  func repeated(_ x: Variable, tiled: Bool) -> Variable {
    let (B, T, groups, size) = (x.shape[0], x.shape[1], x.shape[2], x.shape[3])
    let times = s.H / groups
    if times == 1 { return x }
    let shape: Shape = tiled ? [B, T, times, groups, size] : [B, T, groups, times, size]
    let one = x.reshaped(to: tiled ? [B, T, 1, groups, size] : [B, T, groups, 1, size])
    return one.broadcast(to: shape).reshaped(to: [B, T, s.H, size])
  }
}

// ## Constants

/// A constant.
func constant(_ tensor: Tensor) -> Variable { Variable(constant: tensor) }
/// A constant without axes.
func constant(_ number: Scalar) -> Variable { Variable(constant: Tensor(number)) }

/// Ones where s ≤ t + offset and zeros elsewhere, [T, T].
func lowerTriangle(_ T: Int, offset: Int = 0) -> Tensor {
  Tensor((0..<(T * T)).map { $0 % T <= $0 / T + offset ? 1 : 0 }, shape: [T, T])
}

/// 0 where s ≤ t + offset and −∞ elsewhere, [T, T].
func futureMask(_ T: Int, offset: Int = 0) -> Tensor {
  Tensor((0..<(T * T)).map { $0 % T <= $0 / T + offset ? 0 : -.infinity }, shape: [T, T])
}
