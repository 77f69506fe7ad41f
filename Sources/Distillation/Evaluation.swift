// # How far the student is from its teacher
//
// We measure on held-out text, always on the same windows. Four questions:
//
//     cross-entropy       how many nats a token costs the student, and the teacher
//     KL                  how many more nats a token drawn from the teacher costs if it is coded by the student
//     agreement           how often both rank the same token first
//     per layer           how far apart matrices (Frobenius) and mixer outputs (L2) are, on the teacher's states
//
// Each of the first three is a mean over windows, with the standard error of that mean; windows count as independent
// pieces of text. The last is a mean without an error.
//
// Read before: `DistillationStage.swift`.

import Corpora
import Layers
import Models
import Statistics
import Tensors

/// How a student compares with its teacher.
public struct Evaluation: Codable, Sendable {
  /// The student's cross-entropy, in nats per token.
  public var crossEntropy: Estimate { Estimate(losses) }
  /// The teacher's cross-entropy on the same windows.
  public var teacherCrossEntropy: Estimate { Estimate(teacherLosses) }
  /// KL(teacher ‖ student), in nats per token.
  public var divergence: Estimate { Estimate(divergences) }
  /// The fraction of the tokens for which both rank the same token first.
  public var agreement: Estimate { Estimate(agreements) }
  /// The student's cross-entropy of each window, for comparing two students window by window.
  public fileprivate(set) var losses: [Double]
  /// The teacher's cross-entropy of each window.
  public fileprivate(set) var teacherLosses: [Double]
  /// KL(teacher ‖ student) of each window, in nats per token.
  public fileprivate(set) var divergences: [Double]
  /// The fraction of each window's tokens for which both rank the same token first.
  public fileprivate(set) var agreements: [Double]
  /// The number of windows.
  public var windows: Int { losses.count }
}

/// Measures a student against its teacher on held-out windows.
///
/// - Parameters:
///   - batches: as `Corpus.heldOutBatches` gives them
///   - onBatch: called with the number of batches done so far
public func evaluate(
  _ student: FrozenModel, against teacher: FrozenModel, on batches: [Batch], onBatch: (Int) -> Void = { _ in }
) -> Evaluation {
  evaluate([student], against: teacher, on: batches, onBatch: onBatch)[0]
}

/// Measures several students against one teacher, which runs only once on each batch.
public func evaluate(
  _ students: [FrozenModel], against teacher: FrozenModel, on batches: [Batch], onBatch: (Int) -> Void = { _ in }
) -> [Evaluation] {
  var results = students.map { _ in Evaluation(losses: [], teacherLosses: [], divergences: [], agreements: []) }
  for (index, batch) in batches.enumerated() {
    let p = teacher(batch.inputs)
    let ofTeacher = crossEntropy(p, targets: batch.targets)
    let distributions = ofTeacher.probabilities
    let entropies = crossEntropy(p, distributions: distributions).losses
    for (number, student) in students.enumerated() {
      let q = student(batch.inputs)
      // KL(p ‖ q) = H(p, q) − H(p, p)
      let divergence = crossEntropy(q, distributions: distributions).losses - entropies
      results[number].losses += meansOfWindows(crossEntropy(q, targets: batch.targets).losses)
      results[number].teacherLosses += meansOfWindows(ofTeacher.losses)
      results[number].divergences += meansOfWindows(divergence)
      results[number].agreements += meansOfWindows(agreement(q, p))
    }
    onBatch(index + 1)
  }
  return results
}

/// The cross-entropy of a model on windows of text, in nats per token.
public func crossEntropy(of model: FrozenModel, on batches: [Batch]) -> Estimate {
  Estimate(
    batches.flatMap { batch in
      meansOfWindows(crossEntropy(model(batch.inputs), targets: batch.targets).losses)
    })
}

/// The mean over the tokens of each window: [B, T] → B numbers.
private func meansOfWindows(_ x: Tensor) -> [Double] {
  (0..<x.shape[0]).map { Double(mean(x.sliced($0..<($0 + 1))).scalar) }
}

/// 1 where both have their largest logit at the same token, else 0: two tensors [B, T, V] → [B, T].
private func agreement(_ q: Tensor, _ p: Tensor) -> Tensor {
  let (mine, theirs) = (indicesOfLargest(q), indicesOfLargest(p))
  return Tensor(zip(mine, theirs).map { $0 == $1 ? 1 : 0 }, shape: q.shape.prefix(2))
}

/// How far a student's layer is from its teacher's, on the teacher's states.
public struct LayerDistance: Sendable {
  /// The number of the layer, from 0.
  public let layer: Int
  /// Mean over windows and heads of the Frobenius distance of the matrices.
  public let matrix: Double
  /// Mean over windows and tokens of the L2 distance of the mixers' outputs.
  public let hidden: Double
  /// Mean over windows and tokens of the L2 norm of the teacher's output, for comparison.
  public let teacherNorm: Double
  /// Mean over windows and heads of the Frobenius norm of the teacher's matrices, for comparison.
  public let teacherMatrixNorm: Double
}

/// Measures matrices and mixer outputs of each layer against the teacher's, on the teacher's states.
public func layerDistances(
  of student: FrozenModel, from teacher: FrozenModel, on batches: [Batch]
) -> [LayerDistance] {
  let windows = batches.reduce(0) { $0 + $1.inputs.B }
  let perBatch = batches.map { batch -> [[Double]] in
    zip(teacher.trace(batch.inputs), student.blocks).map { trace, block in
      let mine = block.mixer.outputAndMatrix(trace.mixerInput)
      let (matrix, output) = (trace.matrix!, trace.mixerOutput)
      return [
        Double(mean(distance(mine.matrix, matrix, over: 2)).scalar),
        Double(mean(distance(mine.output, output, over: 1)).scalar),
        Double(mean(distance(output, .zeros(output.shape), over: 1)).scalar),
        Double(mean(distance(matrix, .zeros(matrix.shape), over: 2)).scalar),
      ]
    }
  }
  return student.blocks.indices.map { layer in
    // Batches are weighted by their windows: the last can have fewer.
    func average(_ kind: Int) -> Double {
      zip(batches, perBatch).reduce(0) { $0 + Double($1.0.inputs.B) * $1.1[layer][kind] } / Double(windows)
    }
    return LayerDistance(
      layer: layer, matrix: average(0), hidden: average(1), teacherNorm: average(2),
      teacherMatrixNorm: average(3))
  }
}
