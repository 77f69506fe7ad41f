// # What the chapter measures besides
//
// Of every student: how far each of its matrices is from the teacher's, on two held-out windows, for the comparison
// with the bound of its class. Of a student that has been through stage 3 also what it makes of texts that are longer
// than any in its training, and for how long it writes what the teacher would.
//
// Read before: `Kinds.swift`, `Sources/Experiments/Study+Measuring.swift`.

import Corpora
import Distillation
import Experiments
import Layers
import Models
import Statistics
import Structures
import Tensors

/// The measures that are kept with a result.
struct Measured {
  /// The Frobenius distance of each matrix from the teacher's: windows, layers and heads in the order of `matrices`.
  let distances: [Double]
  /// The loss of a token by how much text stands before it, in nats: one number for each of `stretches`.
  let byLength: [Double]
  /// How many tokens of a greedy continuation are the teacher's before the first that is not, on average.
  let agreeing: Double?

  /// What was kept; of a student that went through stages 1 and 2 alone, only the distances.
  init(_ result: StudyResult, matrices: Int) {
    let all = result.alsoMeasured ?? []
    distances = Array(all.prefix(matrices))
    byLength = Array(all.dropFirst(matrices).prefix(stretches.count))
    agreeing = all.count > matrices ? all.last : nil
  }
}

extension Measured {
  /// Only the loss by length, of a model that has nobody to be compared with.
  init(alone model: FrozenModel, longWindows: [Batch], T: Int) {
    (distances, agreeing) = ([], nil)
    byLength = lossesByLength(of: model, on: longWindows, T: T, stretches)
  }
}

/// Where a token stands in a text, in lengths of a training window: its own length, and two classes beyond it.
let stretches = [0..<1, 1..<2, 2..<4]

/// The windows whose matrices are compared with bounds.
nonisolated let windowsWithBounds = 2

/// A measure for studies of a text, with windows that are longer than those of the training.
func measure(longWindows: [Batch], T: Int) -> Study.Measure {
  let ends = stretches
  return { student, teacher, arm, heldOut in
    let model = student.frozen
    let matrices = matrixDistances(of: model, from: teacher, on: heldOut[0])
    guard arm.stages.last?.kind.isEndToEnd == true else { return matrices }
    let byLength = lossesByLength(of: model, on: longWindows, T: T, ends)
    let beginnings = prompts(from: heldOut.prefix(4), length: T / 2)
    // A model whose numbers are not finite writes nothing that the teacher would.
    let match = try? continuationMatch(of: model, with: teacher, after: beginnings, count: 32)
    return matrices + byLength + [match.map { Estimate($0.agreeing.map { Double($0) }).mean } ?? 0]
  }
}

/// The mean loss of the tokens of each stretch.
nonisolated func lossesByLength(
  of model: FrozenModel, on windows: [Batch], T: Int, _ stretches: [Range<Int>]
) -> [Double] {
  let losses = windows.map { crossEntropy(model($0.inputs), targets: $0.targets).losses }
  return stretches.map { stretch in
    let (first, end) = (stretch.lowerBound * T, stretch.upperBound * T)
    return Estimate(losses.flatMap { $0.sliced(first..<end, along: 1).elements.map { Double($0) } }).mean
  }
}

/// The distance of each matrix of the first windows from the teacher's, on the teacher's states.
nonisolated func matrixDistances(of student: FrozenModel, from teacher: FrozenModel, on batch: Batch) -> [Double] {
  zip(teacher.trace(batch.inputs), student.blocks).flatMap { trace, block in
    let mine = block.mixer.matrix(trace.mixerInput).sliced(0..<windowsWithBounds)
    return distance(mine, trace.matrix!.sliced(0..<windowsWithBounds), over: 2).elements.map { Double($0) }
  }
}

// ## The bounds

/// The teacher's matrices of the first windows, [B, T, T] for all layers and heads, in the order of `matrixDistances`.
func teachersMatrices(_ teacher: FrozenModel, on batch: Batch) -> Tensor {
  let all = teacher.trace(batch.inputs).map { $0.matrix!.sliced(0..<windowsWithBounds) }
  return .concatenated(all.map { $0.reshaped(to: [$0.shape[0] * $0.shape[1], $0.shape[2], $0.shape[3]]) })
}

/// For each of the matrices the distance below which no matrix of a kind can come; nil if nothing is known.
struct Bounds {
  /// The Frobenius norms of the matrices.
  let norms: [Double]
  private let toeplitz: [Double]
  private let semiseparable: [Int: [Double]]

  init(_ matrices: Tensor, orders: [Int]) {
    func each(_ x: Tensor) -> [Double] { x.elements.map { Double($0) } }
    norms = each(distance(matrices, .zeros(matrices.shape), over: 2))
    toeplitz = each(distance(toeplitzProjection(matrices), matrices, over: 2))
    let bounds = semiseparableBounds(matrices, orders: orders, grid: max(4, matrices.shape[1] / 16))
    semiseparable = Dictionary(uniqueKeysWithValues: zip(orders, bounds))
  }

  /// The larger of the bounds that hold for a kind.
  func of(_ kind: Kind) -> [Double]? {
    let byOrder = kind.order.map { semiseparable[$0]! }
    guard kind.isToeplitz else { return byOrder }
    return byOrder.map { zip($0, toeplitz).map(max) } ?? toeplitz
  }
}
