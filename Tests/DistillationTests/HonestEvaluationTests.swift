// # What likelihood does not tell
//
// Continuations are compared with those that are written token by token through full passes; what is silenced, with
// blocks whose output projection is zero.

import Corpora
import Distillation
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite("continuations and knock-outs", .tallied) struct HonestEvaluationTests {
  private let prompts = [[1, 2, 3], [4, 5, 6], [7, 8, 9], [2, 2, 2], [9, 0, 1]]

  /// What a model writes if each token is found by a full pass over all before it.
  private func written(_ model: LanguageModel, after prompt: [Int], count: Int) -> [Int] {
    var text = prompt
    for _ in 0..<count {
      let logits = model(Tokens(text)).value
      text.append(indicesOfLargest(logits.sliced((text.count - 1)..<text.count, along: 1))[0])
    }
    return Array(text.dropFirst(prompt.count))
  }

  @Test(arguments: Student.allCases) func continuationsAreThoseOfFullPasses(student: Student) throws {
    let pair = Pair(student)
    let match = try continuationMatch(
      of: pair.student.frozen, with: pair.teacher.frozen, after: prompts, count: 6, sideBySide: 2)
    let expected = prompts.map { prompt in
      zip(written(pair.student, after: prompt, count: 6), written(pair.teacher, after: prompt, count: 6))
        .prefix { $0 == $1 }.count
    }
    #expect(match.agreeing == expected && match.lengths == [1, 2, 4, 6])
    for n in match.lengths {
      #expect(match.exactMatch(n).mean == Double(expected.count { $0 >= n }) / Double(prompts.count))
    }
  }

  @Test func aTeacherContinuesLikeItself() throws {
    let pair = Pair(.mamba)
    let match = try continuationMatch(of: pair.teacher.frozen, with: pair.teacher.frozen, after: prompts, count: 5)
    #expect(match.agreeing == [5, 5, 5, 5, 5])
  }

  @Test(arguments: Student.allCases) func aSilencedMixerGivesZeros(student: Student) throws {
    let pair = Pair(student)
    let batches = try EvaluationTests.batches()
    let found = knockOuts(of: pair.student.frozen, on: batches)
    let names =
      ["layer 0", "layer 1", "layer 2"] + (student == .hybrid ? ["all of attention", "all but attention"] : [])
    #expect(found.map(\.name) == names)
    #expect(found.suffix(names.count - 3).map(\.layers) == (student == .hybrid ? [[1], [0, 2]] : []))
    for path in found {
      let changed = Pair(student).student
      for layer in path.layers {
        // The last parameters of a mixer are those of its output projection.
        let parameters = changed.blocks[layer].mixer.parameters
        for parameter in parameters.suffix(changed.blocks[layer].mixer is CausalAttention ? 2 : 1) {
          parameter.value = .zeros(parameter.value.shape)
        }
      }
      for batch in batches {
        let silent = logits(of: pair.student.frozen, batch.inputs, silencing: Set(path.layers))
        expectClose(silent, changed(batch.inputs).value, within: Tolerance.loss, "silenced: \(path.name)")
      }
      let loss = crossEntropy(of: changed.frozen, on: batches).mean
      let before = crossEntropy(of: pair.student.frozen, on: batches).mean
      #expect(abs(path.cost.mean - (loss - before)) < Double(Tolerance.loss))
    }
  }
}
