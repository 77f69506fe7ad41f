// # The inputs of a case
//
// Weights are normal with a deviation of 0.4, those of a norm's scale around 1, and all are rounded to multiples of
// 2⁻¹²: a program in Float reads them without rounding, and no machine rounds them otherwise.
//
// Read before: `KitCase.swift`. Read next: `PlainProgram.swift`.

import Foundation
import Gradients
import Models
import Tensors

extension KitCase {
  /// Tokens, targets and weights by name, always the same; without a model, the tensors that the matrix is made of.
  public func inputs() -> [String: Tensor] {
    // Each case has numbers of its own: the seed is the place of the case in the kit.
    var random = SeededGenerator(seed: 2_405_21060 + UInt64(KitCase.all.firstIndex { $0.name == name } ?? 0))
    let s = sizes
    guard block != nil else { return decayInputs(using: &random) }
    var result: [String: Tensor] = [:]
    for (prefix, configuration) in [("teacher", teacher), ("student", student)] {
      var idle = SeededGenerator.idle
      for parameter in LanguageModel(configuration, using: &idle).parameters {
        let mean: Scalar = parameter.name.hasSuffix("norm.weight") ? 1 : 0
        result["\(prefix).\(parameter.name)"] = drawn(parameter.value.shape, around: mean, using: &random)
      }
    }
    // The last token of the vocabulary never comes, so that its row of the embedding has no gradient.
    let window = (0..<(s.B * (s.T + 1))).map { _ in Int.random(in: 0..<(s.V - 1), using: &random) }
    func part(_ offset: Int) -> Tensor {
      let ids = (0..<s.B).flatMap { row in (0..<s.T).map { Scalar(window[row * (s.T + 1) + $0 + offset]) } }
      return Tensor(ids, shape: [s.B, s.T])
    }
    (result["tokens"], result["targets"]) = (part(0), part(1))
    return result
  }

  private func decayInputs(using random: inout SeededGenerator) -> [String: Tensor] {
    let s = sizes
    // Every fourth decay is strong: the sums over a text reach some −2000, and the exponential of that is 0.
    let ordinary = Tensor.uniform([s.B, s.T, s.H], in: -2..<0, using: &random).elements
    let decays = ordinary.enumerated().map { rounded($0 % 4 == 3 ? $1 * 300 - 300 : $1 - 1 / 64) }
    return [
      "log_decay": Tensor(decays, shape: [s.B, s.T, s.H]),
      "b": drawn([s.B, s.T, s.H, s.N], using: &random), "c": drawn([s.B, s.T, s.H, s.N], using: &random),
      "d": drawn([s.H], using: &random), "weights": drawn([s.B, s.H, s.T, s.T], using: &random),
    ]
  }

  private func drawn(_ shape: Shape, around mean: Scalar = 0, using random: inout SeededGenerator) -> Tensor {
    Tensor(Tensor.normal(shape, deviation: 0.4, using: &random).elements.map { rounded(mean + $0) }, shape: shape)
  }

  /// The nearest multiple of 2⁻¹².
  private func rounded(_ x: Scalar) -> Scalar { (x * 4096).rounded() / 4096 }
}

extension Tensor {
  /// The tokens that a tensor [B, T] of whole numbers holds.
  package var tokens: Tokens { Tokens(elements.map { Int($0) }, B: shape[0], T: shape[1]) }
}
