// # The slow twins
//
// Nearly every routine of this module that is written for speed has a twin here, as close to its formula as a loop
// can be. A twin is never fast and never changes for speed: it is what the fast version is compared with, in tests
// and in chapters. To learn what a kernel computes, read the twin; to learn how, read the kernel.
//
// Read next: `Naive+SSD.swift`.

import Foundation

/// The slow twins of the kernels: plain loops, one number at a time.
public enum Naive {
  /// A tensor whose element at each position is `element(position)`.
  public static func tabulate(_ shape: Shape, _ element: ([Int]) -> Scalar) -> Tensor {
    var elements: [Scalar] = []
    var position = [Int](repeating: 0, count: shape.rank)
    for _ in 0..<shape.count {
      elements.append(element(position))
      for axis in stride(from: shape.rank - 1, through: 0, by: -1) {
        position[axis] += 1
        if position[axis] < shape[axis] { break }
        position[axis] = 0
      }
    }
    return Tensor(elements, shape: shape)
  }

  /// The element of x at a position, without the overhead of variadic arguments.
  static func at(_ x: [Scalar], _ shape: Shape, _ position: [Int]) -> Scalar {
    var offset = 0
    for axis in 0..<shape.rank { offset = offset * shape[axis] + position[axis] }
    return x[offset]
  }

  /// f(x, y) under broadcasting.
  public static func elementwise(_ x: Tensor, _ y: Tensor, _ f: (Scalar, Scalar) -> Scalar) -> Tensor {
    guard let shape = x.shape.broadcast(with: y.shape) else {
      preconditionFailure("the shapes \(x.shape) and \(y.shape) cannot be broadcast to one another")
    }
    let (left, right) = (x.elements, y.elements)
    func own(_ position: [Int], _ inner: Shape) -> [Int] {
      (0..<inner.rank).map { axis in inner[axis] == 1 ? 0 : position[axis + shape.rank - inner.rank] }
    }
    return tabulate(shape) { f(at(left, x.shape, own($0, x.shape)), at(right, y.shape, own($0, y.shape))) }
  }

  /// The product of two matrices: three loops.
  ///
  /// - Parameters:
  ///   - a: [m, k]
  ///   - b: [k, n]
  /// - Returns: [m, n]
  public static func matmul(_ a: Tensor, _ b: Tensor) -> Tensor {
    tabulate([a.shape[0], b.shape[1]]) { position in
      (0..<a.shape[1]).reduce(0) { $0 + a[position[0], $1] * b[$1, position[1]] }
    }
  }

  /// q [B, T, H, P], k [B, S, H, P] → [B, H, T, S]
  public static func headScores(_ q: Tensor, _ k: Tensor) -> Tensor {
    tabulate([q.shape[0], q.shape[2], q.shape[1], k.shape[1]]) { i in
      (0..<q.shape[3]).reduce(0) { $0 + q[i[0], i[2], i[1], $1] * k[i[0], i[3], i[1], $1] }
    }
  }

  /// m [B, H, T, S], v [B, S, H, P] → [B, T, H, P]
  public static func headMix(_ m: Tensor, _ v: Tensor) -> Tensor {
    tabulate([m.shape[0], m.shape[2], m.shape[1], v.shape[3]]) { i in
      (0..<v.shape[1]).reduce(0) { $0 + m[i[0], i[2], i[1], $1] * v[i[0], $1, i[2], i[3]] }
    }
  }

  /// Softmax along the innermost axis; with `causal`, row t of [..., T, S] sees its first S − T + t + 1 places.
  public static func softmax(_ x: Tensor, scale: Scalar = 1, causal: Bool = false) -> Tensor {
    let S = x.shape[-1]
    let elements = x.elements
    return tabulate(x.shape) { position in
      let visible = causal ? max(0, S - x.shape[-2] + position[x.rank - 2] + 1) : S
      guard position[x.rank - 1] < visible else { return 0 }
      var row = position
      let scores = (0..<visible).map { s in
        row[x.rank - 1] = s
        return scale * at(elements, x.shape, row)
      }
      let largest = scores.max() ?? 0
      let total = scores.reduce(0) { $0 + Foundation.exp($1 - largest) }
      return Foundation.exp(scores[position[x.rank - 1]] - largest) / total
    }
  }

  /// Layer normalisation over the innermost axis.
  public static func layerNorm(_ x: Tensor, weight: Tensor, bias: Tensor, epsilon: Scalar) -> Tensor {
    let D = x.shape[-1]
    let elements = x.elements
    return tabulate(x.shape) { position in
      var place = position
      let row = (0..<D).map { i in
        place[x.rank - 1] = i
        return at(elements, x.shape, place)
      }
      let mean = row.reduce(0, +) / Scalar(D)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Scalar(D)
      let i = position[x.rank - 1]
      return (row[i] - mean) / (variance + epsilon).squareRoot() * weight[i] + bias[i]
    }
  }

  /// Root-mean-square normalisation over the innermost axis.
  public static func rmsNorm(_ x: Tensor, weight: Tensor, epsilon: Scalar) -> Tensor {
    let D = x.shape[-1]
    let elements = x.elements
    return tabulate(x.shape) { position in
      var place = position
      let row = (0..<D).map { i in
        place[x.rank - 1] = i
        return at(elements, x.shape, place)
      }
      let meanSquare = row.reduce(0) { $0 + $1 * $1 } / Scalar(D)
      let i = position[x.rank - 1]
      return row[i] / (meanSquare + epsilon).squareRoot() * weight[i]
    }
  }

  /// Rotary positions on the first `width` features of each head: x [B, T, H, P].
  public static func rotary(_ x: Tensor, width: Int, base: Double = 10_000, offset: Int = 0) -> Tensor {
    tabulate(x.shape) { i in
      let (b, t, h, p) = (i[0], i[1], i[2], i[3])
      guard p < width else { return x[b, t, h, p] }
      let half = width / 2
      let angle = Double(t + offset) * pow(base, -2 * Double(p % half) / Double(width))
      let (c, s) = (Scalar(cos(angle)), Scalar(sin(angle)))
      return p < half
        ? x[b, t, h, p] * c - x[b, t, h, p + half] * s
        : x[b, t, h, p - half] * s + x[b, t, h, p] * c
    }
  }

  /// Causal depthwise convolution: x [B, T, C], weight [C, 1, K], bias [C].
  public static func causalConvolution(_ x: Tensor, weight: Tensor, bias: Tensor) -> Tensor {
    let K = weight.shape[2]
    return tabulate(x.shape) { i in
      (0..<K).reduce(bias[i[2]]) { total, k in
        let t = i[1] - (K - 1) + k
        return t < 0 ? total : total + weight[i[2], 0, k] * x[i[0], t, i[2]]
      }
    }
  }

  /// The cross-entropy of each token in nats: logits [B, T, V] → [B, T].
  public static func crossEntropy(_ logits: Tensor, targets: Tokens) -> Tensor {
    let probabilities = softmax(logits)
    return tabulate([targets.B, targets.T]) {
      -Foundation.log(probabilities[$0[0], $0[1], targets.ids[$0[0] * targets.T + $0[1]]])
    }
  }

  /// The cross-entropy of each row against a distribution, in nats: both [B, T, V] → [B, T].
  public static func crossEntropy(_ logits: Tensor, distributions: Tensor) -> Tensor {
    let probabilities = softmax(logits)
    return tabulate(logits.shape.prefix(2)) { i in
      (0..<logits.shape[2]).reduce(0) {
        $0 - distributions[i[0], i[1], $1] * Foundation.log(probabilities[i[0], i[1], $1])
      }
    }
  }

  /// The Euclidean distance over the innermost `axes` axes.
  public static func distance(_ x: Tensor, _ y: Tensor, over axes: Int) -> Tensor {
    let size = x.shape.suffix(axes).count
    let (left, right) = (x.elements, y.elements)
    let outer = x.shape.prefix(x.rank - axes)
    let distances = (0..<outer.count).map { row in
      ((row * size)..<((row + 1) * size)).reduce(0) {
        $0 + (left[$1] - right[$1]) * (left[$1] - right[$1])
      }.squareRoot()
    }
    return Tensor(distances, shape: outer)
  }

  /// Rows of a table by number, as a product with one-hot rows: table [V, D] → [B, T, D].
  public static func gathered(_ table: Tensor, _ tokens: Tokens) -> Tensor {
    let oneHot = tabulate([tokens.ids.count, table.shape[0]]) { tokens.ids[$0[0]] == $0[1] ? 1 : 0 }
    return matmul(oneHot, table).reshaped(to: [tokens.B, tokens.T, table.shape[1]])
  }
}
