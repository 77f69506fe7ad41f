// # Stage 1: matrix orientation
//
// Turn the student's matrix toward the teacher's, layer by layer and head by head:
//
//     loss  =  Σₗ mean over batch and heads of  ‖ Attention[l](LN u[l]) − M[l](LN u[l]) ‖_F
//
// The norm is not squared and not divided by T. M has D on its diagonal.
//
// What the matrix does not depend on stays: in a Discrete-Mamba-2 mixer the rows of x and z in the
// in-projection, the convolution of x, z_bias, W_o. They get no gradient here, and the mixer's list
// of what makes its matrix keeps weight decay away from them as well.
//
// For a student that is attention itself (the paper's control) the same loss trains queries and
// keys.
//
// Read before: `DistillationStage.swift`, `Tensors/StateSpace/SSDMatrix.swift`. Chapter: 08-matrix-orientation.
// Source: arXiv 2408.10189, section 4.1.

import Corpora
import Gradients
import Layers
import Models
import Tensors
import Training

/// Stage 1: the distance between attention matrices and SSD matrices.
public struct MatrixOrientation: DistillationStage {
  /// The paper's name.
  public let title = "matrix orientation"
  /// The model whose matrices are the target.
  public let teacher: FrozenModel
  /// The model that is trained; only the matrices of its replaced layers are computed.
  public let student: LanguageModel
  /// The layers whose matrices are turned.
  public let replaced: [Int]
  /// What the distance of each layer is divided by.
  public let scale: DistanceScale

  /// - Parameters:
  ///   - layers: whose mixers are the student's own; nil for those that are unlike the teacher's
  ///   - scale: what the distance of each layer is divided by
  public init(
    from teacher: FrozenModel, to student: LanguageModel, replacing layers: [Int]? = nil,
    scale: DistanceScale = .absolute
  ) {
    (self.teacher, self.student, self.scale) = (teacher, student, scale)
    replaced = layers ?? student.configuration.layersUnlike(teacher.configuration)
  }

  /// Of each replaced mixer, what its matrix depends on; each layer is a group.
  public var trained: [ParameterRows] { replacedMixers.flatMap { $0.mixer.matrixRows.ofLayer($0.layer) } }

  /// The sum over layers of mean Frobenius distances, with one part for each layer; one teacher pass per batch.
  public func loss(_ batch: Batch) -> StageLoss {
    let traces = teacher.trace(batch.inputs)
    return total(
      replacedMixers.map { layer, mixer in
        guard let target = traces[layer].matrix else { preconditionFailure("the trace kept no matrix") }
        let matrix = mixer.matrix(Variable(constant: traces[layer].mixerInput))
        return (layer, scale.loss(of: matrix, from: target, over: 2))
      })
  }
}
