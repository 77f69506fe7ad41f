// # The losses of a case
//
// Read before: `Computation+Forward.swift`, `PlainProgram+Losses.swift`. Read next: `Computation+Training.swift`.

import Gradients
import Tensors

extension Computation {
  func computeLosses() {
    for group in [Group.teacher, .mixers, .own] { compute(group) }
    var totals: [String: [Variable]] = [:]
    for l in kit.replaced {
      let (target, mixer) = (teacherLayers[l], mixers[l]!)
      let skip = weights(studentWeights)("\(PlainProgram.Names(kit, isStudent: true).layer(l)).mixer.D")
      let norms = program.matrixNorms(target, mixer.matrix, skip: skip)
      record("loss.stage1.\(l).norms", norms, "B H", "the Frobenius norm of each head's difference")
      totals["stage1", default: []].append(program.stage1(norms))

      let distances = program.outputNorms(target, gated: mixer.gated, output: mixer.output)
      record("loss.stage2.\(l).norms", distances, "B T", "the L2 norm of each token's difference")
      totals["stage2", default: []].append(program.stage2(distances))

      let mine = program.studentBlock(
        l, has(.studentOnOwnStates) ? ownStates[l].detached : target.input, weights(studentWeights))
      let ofBlocks = program.stateNorms(target.output, mine)
      record("loss.stage2_blocks.\(l).norms", ofBlocks, "B T", "the same for the outputs of the blocks")
      totals["stage2_blocks", default: []].append(program.stage2(ofBlocks))
    }
    let what = [
      "stage1": "the mean over batch and heads", "stage2": "the mean over batch and time",
      "stage2_blocks": "the mean over batch and time for the outputs of the blocks",
    ]
    for (stage, words) in what.sorted(by: { $0.key < $1.key }) {
      for (l, loss) in zip(kit.replaced, totals[stage]!) {
        record("loss.\(stage).\(l)", loss, "", "layer \(l): \(words)")
      }
      losses[stage] = program.overLayers(totals[stage]!)
      record("loss.\(stage)", losses[stage]!, "", "the sum over layers")
    }
    let stage3 = stage3(studentLogits, recording: true)
    losses["stage3"] = stage3
    for (name, logits) in [("teacher", teacherLogits), ("student", studentLogits)] {
      losses["labels.\(name)"] = mean(program.labelLosses(logits, has(.labelsNotShifted) ? tokens : targets))
      record(
        "loss.labels.\(name)", losses["labels.\(name)"]!, "", "the mean cross-entropy of the \(name) with the targets"
      )
    }
  }

  /// The loss of stage 3 for logits of the student, [].
  func stage3(_ logits: Variable, recording: Bool = false) -> Variable {
    let (tokenLosses, entropies) = program.stage3(
      logits, teacher: teacherLogits.detached, targets: targets, inputs: tokens)
    let (reported, divergence) = program.stage3(tokenLosses, entropies)
    if recording {
      record("loss.stage3.tokens", tokenLosses, "B T", "−Σ p log q of each token")
      record("loss.stage3.entropy", mean(entropies), "", "the mean entropy of the teacher's distribution")
      record("loss.stage3.divergence", divergence, "", "KL(teacher ‖ student), the loss less the entropy")
      record("loss.stage3", reported, "", "the mean over batch and time")
    }
    return reported
  }
}
