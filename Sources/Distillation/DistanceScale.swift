// # Layers of very different scale
//
// The paper adds up the losses of the layers as they are, and in a small model trained on one text this does no harm.
// In a real model the norms of the attention outputs differ 67-fold from layer to layer, and the largest dominate the
// sum. Three options give all layers similar weight:
//
//     `DistanceScale.relative`          divides a layer's loss by the norm of its target
//     `DistanceScale.relativeEach`      divides the distance of each token or head matrix by its own target's norm
//     `AdamWSettings.clipsGroups`       clips the gradient of each layer by itself; AdamW's own scaling does the rest
//
// The last option leaves the losses as they are in the paper.
//
// Read before: `DistillationStage.swift`. Read next: `LayerwiseStage.swift`. Chapter: 15-real-model.

import Gradients
import Tensors

/// What the distance between a layer and its target is divided by.
public enum DistanceScale: String, Codable, Sendable, CaseIterable {
  /// Nothing: the paper's losses.
  case absolute
  /// The norm of the target, averaged as the distance is: a layer that gives zeros then has a loss of 1.
  case relative
  /// For each token, or for each head's matrix, the norm of its own target, before the mean is taken.
  case relativeEach

  /// A layer's loss: the mean distance between two activations, where each distance is taken over their innermost
  /// `axes` axes.
  ///
  /// - Parameter weights: the weight of each distance in the mean, in the shape of the distances; nil for equal
  ///   weights
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
