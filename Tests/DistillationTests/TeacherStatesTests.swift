// # Whose states a student's layer reads
//
// In stages 1 and 2 the student's layer l reads what the teacher's layer l read, and nothing of the
// student's other layers. So the layers are independent problems; in stage 3 they are one.

import Distillation
import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing
import Training

@Suite("whose states", .tallied) struct TeacherStatesTests {
  /// Gives parameters other random numbers.
  private func change(_ parameters: [Parameter]) {
    var random = SeededGenerator(seed: 77)
    randomise(parameters, using: &random)
  }

  @Test(arguments: Student.allCases, StageForm.layerwise)
  func aLayersLossDoesNotDependOnOtherLayers(student: Student, stage: StageForm) {
    let pair = Pair(student)
    for changed in student.replaced {
      let before = stage.between(pair).loss(tokens).parts
      let slopes = gradients(of: stage.between(pair).loss(tokens).total, withRespectTo: pair.student.parameters)
      change(pair.student.blocks[changed].parameters)
      let after = stage.between(pair).loss(tokens).parts
      for (old, new) in zip(before, after) {
        #expect(
          (old.1 == new.1) == (old.0 != "layer \(changed)"),
          "\(student), \(stage): \(old.0), layer \(changed) changed")
      }
      // Nor do the gradients of other layers.
      let later = gradients(of: stage.between(pair).loss(tokens).total, withRespectTo: pair.student.parameters)
      for (index, parameter) in pair.student.parameters.enumerated()
      where !parameter.name.contains("layers.\(changed).") {
        expectIdentical(later[index], slopes[index], "\(student), \(stage), \(parameter.name)")
      }
    }
  }

  @Test(arguments: Student.allCases) func theLastStageDependsOnAllLayers(student: Student) {
    let pair = Pair(student)
    let stage = KnowledgeDistillation(from: pair.teacher.frozen, to: pair.student)
    for block in pair.student.blocks {
      let before = stage.loss(tokens).total.value
      change(block.parameters)
      #expect(stage.loss(tokens).total.value != before)
    }
  }

  // What surrounds the mixers in the student does not matter: its embedding, norms, MLPs and head.
  @Test(arguments: Student.allCases, [StageForm.matrices, .mixerOutputs])
  func theMixersReadTheTeachersStates(student: Student, stage: StageForm) {
    let pair = Pair(student)
    let before = stage.between(pair).loss(tokens).parts.map(\.1)
    let mixers = Set(pair.student.blocks.flatMap { $0.mixer.parameters.map(\.name) })
    change(pair.student.parameters.filter { !mixers.contains($0.name) })
    #expect(stage.between(pair).loss(tokens).parts.map(\.1) == before)
    // On the student's own states the mixers would give another loss.
    let traces = pair.teacher.trace(tokens)
    for (place, layer) in student.replaced.enumerated() {
      let own = pair.student.trace(tokens)[layer]
      let (mine, theirs) =
        stage == .matrices
        ? (own.matrix!, traces[layer].matrix!) : (own.mixerOutput, traces[layer].mixerOutput)
      let elsewhere = mean(distance(mine, theirs, over: stage == .matrices ? 2 : 1)).value.scalar
      #expect(abs(Double(elsewhere) - before[place]) > 1e-3, "layer \(layer)")
    }
  }

  // A block reads u[l] of the teacher through its own norm.
  @Test(arguments: Student.allCases) func theBlocksReadTheTeachersStates(student: Student) {
    let pair = Pair(student)
    let stage = StageForm.blockOutputs.between(pair)
    let before = stage.loss(tokens).parts.map(\.1)
    let s = pair.student
    change(s.embedding.parameters + s.finalNorm.parameters + s.head.parameters)
    #expect(stage.loss(tokens).parts.map(\.1) == before)
    for layer in student.replaced {
      let old = stage.loss(tokens).parts.map(\.1)
      change(s.blocks[layer].parameters(of: .norm))
      #expect(stage.loss(tokens).parts.map(\.1) != old, "layer \(layer)")
    }
  }

  @Test("trap: the last state is that before the final norm", arguments: [StageForm.mixerOutputs, .blockOutputs])
  func theTeachersFinalNormIsOfNoAccount(stage: StageForm) {
    let pair = Pair(.mamba)
    let before = stage.between(pair).loss(tokens).parts.map(\.1)
    change(pair.teacher.finalNorm.parameters + pair.teacher.head.parameters)
    #expect(stage.between(pair).loss(tokens).parts.map(\.1) == before)
  }
}
