// # What does a single head carry?
//
// The heads of an attention layer meet in its output projection: the output is W_o times the heads side by side, so
// head h reaches the model through P columns of W_o and through nothing else. With zeros in these columns the head is
// silent, and everything else is as it was, biases included. The result is a model like any other: it can be
// measured, and it can write.
//
// As with whole layers, the layers behind a silent head meet states that they do not know, so what is lost is an
// upper bound of what the head carries.
//
// Read before: `KnockOut.swift`, `Layers/Mixers/MatrixMixer.swift`.

import Gradients
import Layers
import Models
import Tensors

/// A head of a model's mixers.
public struct HeadPlace: Codable, Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The layer, from 0.
  public let layer: Int
  /// The head of that layer, from 0.
  public let head: Int

  /// Head `head` of layer `layer`.
  public init(layer: Int, head: Int) { (self.layer, self.head) = (layer, head) }

  /// Layer by layer, head by head.
  public static func < (a: HeadPlace, b: HeadPlace) -> Bool { (a.layer, a.head) < (b.layer, b.head) }

  /// "3.1" for head 1 of layer 3.
  public var description: String { "\(layer).\(head)" }
}

extension FrozenModel {
  /// This model with some heads of attention silent: a new model that shares all weights but the output projections
  /// of their layers.
  ///
  /// Stops the program if a head does not exist, or if its mixer has no queries, keys and values.
  public func silencing(_ heads: some Sequence<HeadPlace>) -> FrozenModel {
    var random = SeededGenerator(seed: 0)
    let copy = LanguageModel(student: configuration, of: self, replacing: [], using: &random)
    for place in heads {
      guard copy.blocks.indices.contains(place.layer), let maps = copy.blocks[place.layer].mixer.projections,
        (0..<maps.H).contains(place.head)
      else { preconditionFailure("there is no head \(place) of attention to silence") }
      let weight = maps.output.weight
      let (D, P) = (weight.value.shape[0], weight.value.shape[1] / maps.H)
      weight.update { $0.assign(.zeros([D, P]), at: place.head * P, along: 1) }
    }
    return copy.frozen
  }
}
