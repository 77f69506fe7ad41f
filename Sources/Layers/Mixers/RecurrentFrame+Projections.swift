// # From attention to a recurrent mixer
//
// What a frame takes over from an attention layer, in the way of Discrete-Mamba-2: values become x, the output
// projection is copied, and where asked, B and C get the rows whose products are nearest to the scores of each head.
// `DiscreteMamba2+Projections.swift` derives them, and says what is lost.
//
// Read before: `RecurrentFrame.swift`, `MixerProjections+Heads.swift`.

import Gradients
import Tensors

extension RecurrentFrame {
  /// Takes over values and output projection of an attention layer, and where asked the best B and C for its queries
  /// and keys.
  ///
  /// Takes nothing if widths or heads differ, or the numbers of rows that are taken as they are. Expects the convolution to be the identity.
  func begin(with attention: MixerProjections, taking part: MixerProjections.Part) -> Bool {
    guard attention.H == H, attention.queries.weight.value.shape == [D, D], attention.fits(part, N: N) else {
      return false
    }
    for head in 0..<H {
      let (values, place) = (attention.values(of: head), head * P)
      inProjection.update { $0.assign(values.weight, at: place) }
      if let bias = values.bias { convolutionBias.update { $0.assign(bias, at: place) } }
      if let (b, c) = attention.placesAndQuestions(of: head, N: N, taking: part) {
        inProjection.update {
          $0.assign(b, at: rows(of: .b).lowerBound + head * N)
          $0.assign(c, at: rows(of: .c).lowerBound + head * N)
        }
      }
    }
    output.weight.value = attention.output.weight.value
    return true
  }
}
