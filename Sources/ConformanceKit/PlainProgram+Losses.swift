// # The losses, with every reduction spelt out
//
//     stage 1    Σ over layers of the mean over batch and heads of ‖ attention − M ‖_F
//     stage 2    Σ over layers of the mean over batch and time of ‖ attention's output − mixer's output ‖₂
//     stage 3    the mean over batch and time of −Σᵥ p[v] log q[v], p the teacher's, q the student's
//
// Neither norm is squared, and neither is divided by a number of entries.
//
// Read before: `PlainProgram+Mixer.swift`. Read next: `PlainOptimiser.swift`. Source: arXiv 2408.10189, section 4.

import Gradients
import Tensors

extension PlainProgram {
  /// What stages 1 and 2 read of a layer of the teacher.
  struct TeacherLayer {
    var input, mixerInput, matrix, scores, mixed, mixerOutput, output: Variable
  }

  /// The Frobenius norms of the differences between a layer's matrices and the student's, [B, H, T, T] → [B, H].
  ///
  /// - Parameter skip: D, [H], which a mistake takes away
  func matrixNorms(_ teacher: TeacherLayer, _ matrix: Variable, skip: Variable) -> Variable {
    let bare = matrix - skip.reshaped(to: [1, s.H, 1, 1]) * constant(.identity(matrix.shape[3]))
    let difference =
      (has(.stage1BeforeSoftmax) ? teacher.scores : teacher.matrix) - (has(.stage1WithoutSkip) ? bare : matrix)
    let squares = sum(sum(difference * difference, along: 3), along: 2)
    return root(squares, unless: .stage1Squared)
  }

  /// The L2 norms of the differences between a layer's outputs and the mixer's, [B, T, D] → [B, T].
  func outputNorms(_ teacher: TeacherLayer, gated: Variable, output: Variable) -> Variable {
    if !has(.stage2BeforeOutput) { return stateNorms(teacher.mixerOutput, output) }
    return stateNorms(teacher.mixed.reshaped(to: gated.shape.array), gated)
  }

  /// The L2 norms of the differences of states: [B, T, D] twice → [B, T].
  func stateNorms(_ target: Variable, _ state: Variable) -> Variable {
    let difference = target - state
    let squares = sum(difference * difference, along: 2)
    return has(.stage2MeanSquare) ? 1 / Scalar(s.D) * squares : root(squares, unless: .stage2Squared)
  }

  /// The root, unless a mistake forgets it.
  private func root(_ squares: Variable, unless fault: Fault) -> Variable { has(fault) ? squares : sqrt(squares) }

  /// A layer's loss in stage 1 from its norms [B, H].
  func stage1(_ norms: Variable) -> Variable {
    var loss = mean(norms)
    if has(.stage1DividedByT) { loss = 1 / Scalar(s.T) * loss }
    if has(.headsSummed) { loss = Scalar(norms.shape[1]) * loss }
    return has(.batchSummed) ? Scalar(norms.shape[0]) * loss : loss
  }

  /// A layer's loss in stage 2 from its norms [B, T].
  func stage2(_ norms: Variable) -> Variable {
    let loss = has(.timeSummed) ? Scalar(norms.shape[1]) * mean(norms) : mean(norms)
    return has(.batchSummed) ? Scalar(norms.shape[0]) * loss : loss
  }

  /// The loss of all layers together.
  func overLayers(_ losses: [Variable]) -> Variable {
    let total = losses.dropFirst().reduce(losses[0]) { $0 + $1 }
    return has(.layersAveraged) ? 1 / Scalar(losses.count) * total : total
  }

  /// log softmax over the vocabulary: [B, T, V] → [B, T, V].
  func logSoftmax(_ logits: Variable) -> Variable {
    // The largest logit of a token, a constant here: it changes no result, and no exponential overflows.
    let V = logits.shape[2]
    let rows = logits.value.elements
    let largest = (0..<(rows.count / V)).map { row in rows[(row * V)..<((row + 1) * V)].max()! }
    let shifted = logits - constant(Tensor(largest, shape: [logits.shape[0], logits.shape[1], 1]))
    let total = sum(exp(shifted), along: 2).reshaped(to: [logits.shape[0], logits.shape[1], 1])
    return shifted - log(total)
  }

  /// The cross-entropies of stage 3 and the teacher's entropies, both [B, T].
  ///
  /// - Parameters:
  ///   - targets: the actual tokens, which the stage does not look at
  ///   - inputs: the tokens that the student reads
  func stage3(_ student: Variable, teacher: Variable, targets: Tokens, inputs: Tokens) -> (
    losses: Variable, entropies: Variable
  ) {
    let temperature: Scalar = has(.temperatureTwo) ? 0.5 : 1
    let (q, p) = (logSoftmax(temperature * student), logSoftmax(temperature * teacher))
    let entropies = Scalar(-1) * sum(exp(p) * p, along: 2)
    if has(.hardLabels) { return (labelLosses(student, targets), entropies) }
    if has(.labelsNotShifted) { return (labelLosses(student, inputs), entropies) }
    var losses = Scalar(-1) * sum(exp(p) * q, along: 2)
    if has(.divergenceReversed) { losses = sum(exp(q) * (q - p), along: 2) }
    return (losses, entropies)
  }

  /// The loss of stage 3, and KL(teacher ‖ student), from the losses and entropies of the tokens.
  func stage3(_ losses: Variable, _ entropies: Variable) -> (loss: Variable, divergence: Variable) {
    let loss = mean(losses)
    let divergence = has(.divergenceReversed) ? loss : loss - mean(entropies)
    var reported = has(.divergenceAsLoss) ? divergence : loss
    if has(.divergenceOverBatch) { reported = Scalar(s.T) * divergence }
    if has(.divergenceOverEntries) { reported = 1 / Scalar(s.V) * divergence }
    if has(.tokensSummed) { reported = Scalar(losses.value.count) * reported }
    return (reported, divergence)
  }

  /// −log q[target] of each token: [B, T, V] → [B, T].
  func labelLosses(_ logits: Variable, _ targets: Tokens) -> Variable {
    let V = logits.shape[2]
    let hits = Tensor(
      targets.ids.flatMap { id in (0..<V).map { $0 == id ? -1 : 0 } }, shape: logits.shape)
    return sum(logSoftmax(logits) * constant(hits), along: 2)
  }
}
