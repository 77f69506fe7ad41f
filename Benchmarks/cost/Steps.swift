// # The kernels of each kind of step
//
// A teacher's step runs all blocks forward and backward. In the stages the teacher runs forward only, and only as far as
// the stage needs it:
//
//     stage 1    to the matrix of the last block; of the student B, C and the decays, and their matrix
//     stage 2    to the output of the last attention; of the student the mixers, whose input is the teacher's
//     stage 3    to the logits; the whole student forward and backward
//
// Read before: `Parts.swift`. Read next: `main.swift`.

import Exercise
import Gradients
import Training

extension Parts {
  /// The kernels of a kind of step; `trained` is what it changes.
  func step(_ kind: Kind, training trained: [ParameterRows]) -> [Part] {
    let L = sizes.L
    let parts =
      switch kind {
      case .teacher: attentionBlocks(feedForwards: L, back: L) + head(back: true) + [loss(againstTeacher: false)]
      case .stage1:
        attentionBlocks(feedForwards: L - 1, asMatrices: true) + keysAndDecays(L, toInput: 0) + stateSpaceMatrices(L)
          + distances(L, ofMatrices: true)
      case .stage2:
        attentionBlocks(feedForwards: L - 1) + mixers(toInput: 0) + distances(L, ofMatrices: false)
      case .stage3:
        attentionBlocks(feedForwards: L) + head() + student() + head(back: true) + [loss(againstTeacher: true)]
      }
    return merged(parts + [optimiser(trained)])
  }

  /// The teacher's blocks. With `asMatrices` the last is asked for its matrix alone, so that values, mixes and output
  /// projections are needed only where a feed-forward follows.
  private func attentionBlocks(feedForwards count: Int, back: Int = 0, asMatrices: Bool = false) -> [Part] {
    let L = sizes.L
    let mixed = asMatrices ? count : L
    return blocks(feedForwards: count, toInput: back, toWeight: back)
      + linears(D, D, L + mixed, toInput: 2 * back, toWeight: 2 * back)
      + linears(D, G * P, L + mixed, toInput: 2 * back, toWeight: 2 * back)
      + [biases(D, 2 * back), biases(G * P, 2 * back)]
      + rotations(L, back: back) + (asMatrices ? attentionMatrices(L, mixes: mixed) : attentions(L, back: back))
  }

  /// The student's blocks, forward and backward; where only mixers are trained, nothing below the first needs a gradient.
  private func student() -> [Part] {
    let L = sizes.L
    return blocks(feedForwards: L, toInput: L, toWeight: sizes.trainsMixersAlone ? 0 : L)
      + mixers(toInput: sizes.trainsMixersAlone ? L - 1 : L)
  }

  private func mixers(toInput: Int) -> [Part] {
    keysAndDecays(sizes.L, toInput: toInput) + sequences(sizes.L, toInput: toInput)
  }

  /// Norms, feed-forwards and sums. In a sequential block the feed-forward has a norm of its own, and each of the two
  /// norms adds its cotangent to that of the sum.
  private func blocks(feedForwards count: Int, toInput: Int, toWeight: Int) -> [Part] {
    let perBlock = sizes.isLlama ? 2 : 1
    return self.feedForwards(count, toInput: toInput, toWeight: toWeight)
      + norms(sizes.L + (perBlock - 1) * count, back: perBlock * toInput)
      + [sums(2 * count + perBlock * toInput)]
  }

  /// The last norm and the head.
  private func head(back: Bool = false) -> [Part] {
    let toWeight = back && !sizes.trainsMixersAlone ? 1 : 0
    return norms(1, back: back ? 1 : 0) + linears(D, sizes.V, 1, toInput: back ? 1 : 0, toWeight: toWeight)
      + [biases(sizes.V, sizes.isLlama ? 0 : toWeight)] + (sizes.trainsMixersAlone ? [rowsOfHead(1)] : [])
  }

  /// Parts of one name as one, without those that are never called.
  private func merged(_ parts: [Part]) -> [Part] {
    var result: [Part] = []
    for part in parts where part.count > 0 {
      if let index = result.firstIndex(where: { $0.name == part.name }) {
        result[index].count += part.count
      } else {
        result.append(part)
      }
    }
    return result
  }
}
