// # Stage 1: matrix orientation
//
// Turn the student's matrices towards the teacher's, layer by layer and head by head:
//
//     loss  =  Σₗ mean over batch and heads of  ‖ Attention[l](LN u[l]) − M[l](LN u[l]) ‖_F
//
// The norm is not squared and not divided by T. M includes the skip weight d, which is added on its diagonal.
//
// Parameters that the matrix does not depend on stay as they are: in a Discrete-Mamba-2 mixer the rows of the
// in-projection for x and z, the convolution of x, z_bias, and W_o. They get no gradient. The mixer does not list
// them in `matrixRows`, which keeps weight decay away from them as well.
//
// In the paper's control the student is attention itself; there the same loss trains queries and keys.
//
// Read before: `LayerwiseStage.swift`, `Tensors/StateSpace/SSDMatrix.swift`. Chapter: 08-matrix-orientation.
// Source: arXiv 2408.10189, section 4.1.

import Corpora
import Gradients
import Layers
import Models
import Tensors
import Training

/// Stage 1: the distance between attention matrices and SSD matrices.
public struct MatrixOrientation: LayerwiseStage {
  /// The paper's name.
  public let title = "matrix orientation"
  /// The model whose matrices are the target.
  public let teacher: FrozenModel
  /// The model that is trained; only the matrices of its replaced layers are computed.
  public let student: LanguageModel
  /// The layers whose matrices are trained.
  public let replaced: [Int]
  /// What the distance of each layer is divided by.
  public let scale: DistanceScale
  /// Whether the distance leaves out the first column, which is what all tokens take from the first.
  public let ignoresFirstColumn: Bool

  /// - Parameters:
  ///   - layers: the layers whose mixers are the student's own; nil for those whose mixers differ from the teacher's
  ///   - scale: what the distance of each layer is divided by
  ///   - ignoresFirstColumn: whether the distance leaves out the first column
  public init(
    from teacher: FrozenModel, to student: LanguageModel, replacing layers: [Int]? = nil,
    scale: DistanceScale = .absolute, ignoringFirstColumn ignoresFirstColumn: Bool = false
  ) {
    (self.teacher, self.student, self.scale) = (teacher, student, scale)
    self.ignoresFirstColumn = ignoresFirstColumn
    replaced = layers ?? student.configuration.layersUnlike(teacher.configuration)
  }

  /// Matrices are compared.
  public let comparesMatrices = true

  /// The parameters that the matrix of the layer's mixer depends on.
  public func trained(in layer: Int) -> [ParameterRows] { student.blocks[layer].mixer.matrixRows }

  /// The mean Frobenius distance of a layer's matrices.
  public func loss(of layer: Int, _ trace: BlockTrace<Tensor>) -> Variable {
    guard let target = trace.matrix else { preconditionFailure("the trace kept no matrix") }
    let matrix = student.blocks[layer].mixer.matrix(Variable(constant: trace.mixerInput))
    if !ignoresFirstColumn { return scale.loss(of: matrix, from: target, over: 2) }
    let T = target.shape[3]
    let columns = Tensor((0..<T).map { $0 == 0 ? 0 : 1 }, shape: [T])
    return scale.loss(of: matrix * Variable(constant: columns), from: target * columns, over: 2)
  }
}
