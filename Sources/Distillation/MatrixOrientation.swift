// # Stage 1: matrix orientation
//
// Turn the student's matrix toward the teacher's, layer by layer and head by head:
//
//     loss  =  Σₗ mean over batch and heads of  ‖ Attention[l](LN u[l]) − M[l](LN u[l]) ‖_F
//
// The norm is not squared and not divided by T. M has D on its diagonal.
//
// What the matrix does not depend on stays: the rows of x and z in the in-projection, the
// convolution of x, z_bias, W_o. They get no gradient here, and the list below keeps weight decay
// away from them as well.
//
// For a student that is attention itself (the paper's control) the same loss trains queries and
// keys.
//
// Read before: `Stages.swift`, `Tensors/StateSpace/SSDMatrix.swift`. Chapter: 08-matrix-orientation. Source:
// arXiv 2408.10189, section 4.1.

import Gradients
import Layers
import Models
import Tensors
import Training

/// Stage 1: the distance between attention matrices and SSD matrices.
public struct MatrixOrientation: DistillationStage {
  public static let title = "matrix orientation"
  public let teacher: LanguageModel
  public let student: LanguageModel

  public init(from teacher: LanguageModel, to student: LanguageModel) {
    self.teacher = teacher
    self.student = student
  }

  /// Of each replaced mixer: the rows of B, C and a, the convolution of B and C, and D.
  public var trained: [ParameterRows] {
    replaced.flatMap { _, mixer in
      switch mixer {
      case let mamba as DiscreteMamba2:
        let (b, c, a) = (
          MambaPart.b.rows(mamba.sizes), MambaPart.c.rows(mamba.sizes), MambaPart.a.rows(mamba.sizes)
        )
        return [
          ParameterRows(mamba.inProjection, rows: [b.lowerBound..<c.upperBound, a]),
          ParameterRows(mamba.convolutionWeight, rows: [b.lowerBound..<c.upperBound]),
          ParameterRows(mamba.convolutionBias, rows: [b.lowerBound..<c.upperBound]),
          ParameterRows(mamba.skip),
        ]
      case let attention as CausalAttention:
        return (attention.queries.parameters + attention.keys.parameters).map { ParameterRows($0) }
      default: return []
      }
    }
  }

  public func loss(_ tokens: Tokens) -> StageLoss {
    let traces = teacher.trace(tokens)
    return total(
      replaced.map { layer, mixer in
        guard let target = traces[layer].matrix else { preconditionFailure("the trace kept no matrix") }
        return (layer, mean(distance(mixer.matrix(traces[layer].mixerInput), target, over: 2)))
      })
  }
}
