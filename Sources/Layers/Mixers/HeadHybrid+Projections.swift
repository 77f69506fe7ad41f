// # From attention to heads of two kinds
//
// A kept head is the teacher's: it takes its queries, keys and values with their biases, to the bit and whatever else
// is asked for, so that its matrix is the teacher's before any training. A recurrent head takes what Discrete-Mamba-2
// takes: values as x, and where asked B and C for its queries and keys. The output projection is copied with its bias.
//
// The matrices are equal to the bit where all heads are kept, and where texts are long. A short product of fewer rows
// may be rounded another way, and then the last digits differ. Stage 1 has nothing to teach a kept head: where its
// matrix is the teacher's to the bit, so is its gradient 0. But the distance of stage 1 is not squared, so a difference
// in the last digit has a gradient as long as any other, of no meaning; and weight decay moves every parameter that is
// trained. If kept heads are to remain the teacher's, let the layer begin again after stage 1, with `.valuesAndOutput`,
// which leaves the recurrent heads' B and C as they are.
//
// Read before: `DiscreteMamba2+Projections.swift`, `HeadHybrid+Heads.swift`.

import Gradients
import Tensors

extension HeadHybrid {
  /// Takes over an attention layer's heads: the kept ones as they are, whatever `part` says, of the others as much as
  /// recurrent heads can hold; and the output projection with its bias.
  ///
  /// Takes nothing if widths or heads differ, or if recurrent heads have another number of rows for B and C than are
  /// taken as they are; where heads are kept, nor if the heads of keys and values differ, or one of the two layers has
  /// biases and the other none. Expects the convolution to be the identity. Rotary angles are those of this mixer's
  /// own sizes.
  public func begin(with attention: MixerProjections, taking part: MixerProjections.Part) -> Bool {
    let fits = attention.H == sizes.H && attention.queries.weight.value.shape == [sizes.D, sizes.D]
    guard fits, recurrent == nil || attention.fits(part, N: sizes.recurrent.N) else { return false }
    if let kept {
      let hasBias = attention.queries.bias != nil
      guard attention.G == sizes.attention.G, hasBias == (kept.queries.bias != nil) else { return false }
      kept.take(attention)
    }
    recurrent?.take(part, of: attention, heads: sizes.recurrentHeads)
    output.weight.value = attention.output.weight.value
    output.bias?.value = attention.output.bias?.value ?? .zeros([sizes.D])
    return true
  }
}

extension HeadHybrid.KeptHeads {
  /// The rows of the kept heads, and those of the keys and values that they read.
  fileprivate func take(_ attention: MixerProjections) {
    func copy(_ theirs: Linear, _ heads: [Int], to own: Linear) {
      for (mine, theirs) in zip(own.parameters, theirs.parameters) {
        mine.value = .concatenated(heads.map { theirs.value.sliced(($0 * sizes.P)..<(($0 + 1) * sizes.P)) })
      }
    }
    copy(attention.queries, sizes.kept, to: queries)
    copy(attention.keys, sizes.groups, to: keys)
    copy(attention.values, sizes.groups, to: values)
  }
}

extension HeadHybrid.RecurrentHeads {
  /// The values of the teacher's `heads` as x, and where asked C and B for their queries and keys.
  fileprivate func take(_ part: MixerProjections.Part, of attention: MixerProjections, heads: [Int]) {
    let (x, b, c) = (MambaPart.x.rows(sizes), MambaPart.b.rows(sizes), MambaPart.c.rows(sizes))
    for (index, head) in heads.enumerated() {
      let (values, place) = (attention.values(of: head), x.lowerBound + index * sizes.P)
      inProjection.update { $0.assign(values.weight, at: place) }
      if let bias = values.bias { convolutionBias.update { $0.assign(bias, at: place) } }
      if let factors = attention.placesAndQuestions(of: head, N: sizes.N, taking: part) {
        inProjection.update {
          $0.assign(factors.b, at: b.lowerBound + index * sizes.N)
          $0.assign(factors.c, at: c.lowerBound + index * sizes.N)
        }
      }
    }
  }
}
