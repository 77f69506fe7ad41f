// # Layers of very different size
//
// The losses of the layers are added up as they are: so the paper has it, and in a small model that is
// trained on one text it does no harm. In a real one the norms of what attention puts out differ 67-fold
// from layer to layer, and a sum is about the largest. Three options let each layer count alike:
//
//     `DistanceScale.relative`          divides a layer's loss by the norm of what it should become
//     `DistanceScale.relativeEach`      divides the distance of each token, or of each head's matrix, by its own
//     `AdamWSettings.clipsGroups`       limits the gradient of each layer by itself; AdamW's own scale does the rest
//
// The last leaves the losses what the paper says they are.
//
// Read before: `DistillationStage.swift`. Read next: `LayerwiseStage.swift`. Chapter: 15-real-model.

import Gradients
import Tensors

/// What the distance between a layer and its target is divided by.
public enum DistanceScale: String, Codable, Sendable, CaseIterable {
  /// Nothing: the paper's losses.
  case absolute
  /// The target's own norm, averaged as the distance is: 1 is what a layer that gives nothing has.
  case relative
  /// The norm of its own target for each token, or for each head's matrix, before the mean is taken.
  case relativeEach

  /// A layer's loss: the mean distance between the innermost `axes` axes of two activations.
  ///
  /// - Parameter weights: of the distances in the mean, with their shape; nil for equal ones
  public func loss(of mine: Variable, from target: Tensor, over axes: Int, weights: Tensor? = nil) -> Variable {
    let distances = distance(mine, Variable(constant: target), over: axes)
    let weights = weights.map { $0 * Tensor(Scalar($0.count) / sum($0).scalar) }
    func average(_ x: Variable) -> Variable { mean(weights.map { x * Variable(constant: $0) } ?? x) }
    if self == .absolute { return average(distances) }
    let norms = distance(target, .zeros(target.shape), over: axes)
    // A target of zeros has no scale of its own.
    if self == .relativeEach {
      let inverse = norms.elements.map { $0 > 0 ? 1 / $0 : 1 }
      return average(distances * Variable(constant: Tensor(inverse, shape: norms.shape)))
    }
    let norm = average(Variable(constant: norms)).value.scalar
    return norm > 0 ? average(distances) * Variable(constant: Tensor(1 / norm)) : average(distances)
  }
}
