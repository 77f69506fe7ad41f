// # Passes that are remembered
//
// A model that remembers gives the same bits as one that does not: logits, states, matrices and outputs of mixers, on the
// first pass and on those that find it. That it did remember is seen by changing its weights, which one must not do: what
// was kept stays as it was. Room is never exceeded, files serve another run, and a damaged file is as good as none.

import Foundation
import Models
import Tensors
import TestSupport
import Testing

@Suite struct RememberedPassesTests {
  private let texts = [
    Tokens([1, 2, 3, 4, 5, 6], B: 2, T: 3), Tokens([1, 2, 3, 4, 5, 6], B: 1, T: 6), Tokens([7, 8, 9]),
  ]

  /// All that stages and evaluations ask of a model, on each text.
  private func answers(_ model: FrozenModel) -> [Tensor] {
    texts.flatMap { text in
      model.trace(text).flatMap { [$0.input, $0.mixerInput, $0.matrix!, $0.mixerOutput, $0.output] }
        + model.trace(text, keepingMatrices: false).map(\.mixerOutput)
        + [model(text), model.logits(text, among: TokenSubset(of: [2, 5])), model.lastState(text)]
    }
  }

  private func change(_ model: LanguageModel) {
    var random = SeededGenerator(seed: 3)
    randomise(model.parameters, deviation: 0.3, using: &random)
  }

  @Test(arguments: Kind.allCases) func bitsAreTheSame(kind: Kind) {
    let model = kind.model()
    let memory = RememberedPasses(room: 1_000_000)
    let remembering = model.frozen.remembering(memory)
    let expected = answers(model.frozen)
    #expect(answers(remembering) == expected)
    let kept = memory.bytes
    // A state of each block and the last, for 6 + 6 + 3 tokens of 10 numbers.
    #expect(kept == (model.blocks.count + 1) * 15 * 10 * MemoryLayout<Scalar>.stride)
    #expect(answers(remembering) == expected)
    #expect(memory.bytes == kept)
  }

  @Test func whatIsKnownIsNotComputed() {
    let model = Kind.llama.model()
    let remembering = model.frozen.remembering(RememberedPasses(room: 1_000_000))
    let (state, traces) = (remembering.lastState(texts[0]), remembering.trace(texts[0]))
    let inputs = traces.map(\.input)
    change(model)
    #expect(remembering.lastState(texts[0]) == state)
    #expect(remembering.trace(texts[0]).map(\.input) == inputs)
    #expect(model.frozen.lastState(texts[0]) != state)
    // A text of the same tokens in other rows is another text.
    #expect(remembering.lastState(texts[1]) == model.frozen.lastState(texts[1]))
  }

  // A pass that stops before the last block leaves nothing, and the next one is whole.
  @Test func aPassThatStopsIsNotKept() {
    let model = Kind.teacher.model()
    let memory = RememberedPasses(room: 1_000_000)
    var traces = model.frozen.remembering(memory).traces(texts[0])
    _ = traces.next()
    _ = traces.next()
    #expect(memory.bytes == 0)
    #expect(
      model.frozen.remembering(memory).trace(texts[0]).map(\.output) == model.frozen.trace(texts[0]).map(\.output))
    #expect(memory.bytes > 0)
  }

  @Test func roomIsNeverExceeded() {
    let model = Kind.student.model()
    for room in [0, 1, 239, 240, 500, 1000] {
      let memory = RememberedPasses(room: room * MemoryLayout<Scalar>.stride)
      let remembering = model.frozen.remembering(memory)
      for _ in 0..<2 { #expect(answers(remembering) == answers(model.frozen)) }
      #expect(memory.bytes <= room * MemoryLayout<Scalar>.stride)
    }
  }

  @Test func filesServeAnotherRun() throws {
    try withTemporaryFolder { folder in
      let model = Kind.hybrid.model()
      let expected = answers(model.frozen)
      func run() -> [Tensor] { answers(model.frozen.remembering(RememberedPasses(room: 1_000_000, in: folder))) }
      #expect(run() == expected)
      let files = try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
      #expect(files.count == 2 * texts.count)
      change(model)
      #expect(run() != answers(model.frozen), "the files were not read")
      // Of damaged files nothing is taken, nor of one that holds another text's states.
      for file in files { try Data("no tensors".utf8).write(to: file) }
      #expect(run() == answers(model.frozen))
      try FileManager.default.removeItem(at: files[0])
      try FileManager.default.copyItem(at: files[1], to: files[0])
      #expect(run() == answers(model.frozen))
    }
  }

  // Where nothing can be written, everything is computed.
  @Test func aFolderThatCannotBeMadeDoesNoHarm() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "file")
      try Data().write(to: file)
      let model = Kind.teacher.model()
      let remembering = model.frozen.remembering(RememberedPasses(room: 1_000_000, in: file))
      for _ in 0..<2 { #expect(answers(remembering) == answers(model.frozen)) }
    }
  }
}
