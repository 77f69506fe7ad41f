// # From attention to the mixer
//
// The paper copies nothing from an attention layer that it replaces. Much could be copied: attention reads with q
// what it stored with k and v, the mixer reads with C what it stored with B and x, and both end in an output
// projection. Per head, before rotation and softmax, the score of t and s is
//
//     q[t] · k[s] / √P  =  u[t]ᵀ A u[s]          A = W_qᵀ W_k / √P,  of rank P at most
//     C[t] · B[s]       =  u[t]ᵀ W_Cᵀ W_B u[s]   of rank N at most
//
// so the best W_C and W_B keep the N largest singular values of A: with A = U diag(σ) Vᵀ their rows are √σᵢ uᵢᵀ and
// √σᵢ vᵢᵀ. The values become x, and their bias becomes the bias of the convolution of x. The output projection is
// copied without its bias, for which the mixer has no place. The softmax, the rotation, and the biases of queries and
// keys are lost as well.
//
// If N is P, queries and keys can also be copied as they are. The scores are the same then, but training goes another
// way: a step of AdamW depends on the rows, and not only on their products (chapter 17).
//
// If only values and output projection are taken over, nothing else is lost but the bias of the output projection,
// where there is one: the student then differs from its teacher only in the matrices. Where keys and values have
// fewer heads than queries, each of them serves several heads of the student, which get copies of their own.
//
// Read before: `DiscreteMamba2.swift`, `MixerProjections+Heads.swift`. Used in chapters 11, 15 and 17.

import Gradients
import Tensors

extension DiscreteMamba2 {
  /// Takes over as much of an attention layer's queries, keys, values and output projection as this mixer can hold.
  ///
  /// Takes nothing if widths or heads differ, or if queries and keys would go to heads that share B and C, or row by
  /// row to heads with another number of rows. Expects the convolution to be the identity.
  public func begin(with attention: MixerProjections, taking part: MixerProjections.Part) -> Bool {
    let (D, H, P) = (sizes.D, sizes.H, sizes.P)
    let fits = attention.H == H && attention.queries.weight.value.shape == [D, D]
    guard fits, attention.fits(part, N: sizes.N), part == .valuesAndOutput || sizes.G == H else { return false }
    let (x, b, c) = (MambaPart.x.rows(sizes), MambaPart.b.rows(sizes), MambaPart.c.rows(sizes))
    for head in 0..<H {
      let (values, place) = (attention.values(of: head), x.lowerBound + head * P)
      inProjection.update { $0.assign(values.weight, at: place) }
      if let bias = values.bias { convolutionBias.update { $0.assign(bias, at: place) } }
      if let factors = attention.placesAndQuestions(of: head, N: sizes.N, taking: part) {
        inProjection.update {
          $0.assign(factors.b, at: b.lowerBound + head * sizes.N)
          $0.assign(factors.c, at: c.lowerBound + head * sizes.N)
        }
      }
    }
    output.weight.value = attention.output.weight.value
    return true
  }
}
