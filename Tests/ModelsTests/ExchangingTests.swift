// # Models made of two, and blocks that run on demand
//
// Teacher and student with blocks exchanged, for every choice of layers; and traces: a change of the weights between
// two of them shows what has already run.
//
// Read before: `ModelTests.swift`, `Support.swift`.

import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite("exchanged blocks", .tallied) struct ExchangingTests {
  /// A model and one with other blocks, of Phi's parts and of Llama's.
  static let kinds: [(Kind, Kind)] = [
    (.teacher, .student), (.student, .teacher), (.hybrid, .student), (.llama, .llamaStudent), (.llamaStudent, .llama),
  ]
  static let choices: [[Int]] = [[], [0], [1], [2], [0, 1], [0, 2], [2, 1], [0, 1, 2], [1, 1]]

  @Test(arguments: kinds, choices) func aHybridIsMadeOfTheBlocksOfTwo(kinds: (Kind, Kind), layers: [Int]) {
    let (model, other) = (kinds.0.model(seed: 1), kinds.1.model(seed: 2))
    var random = SeededGenerator(seed: 20)
    let tokens = randomTokens(using: &random)
    let before = (model(tokens).value, other(tokens).value)
    let hybrid = model.exchanging(layers, with: other)
    let what = "\(kinds), layers \(layers)"
    // Embedding, norm and head are those of the first, and each block is one of the two.
    var u = model.embedding(tokens) as Variable
    for layer in 0..<3 { u = (layers.contains(layer) ? other : model).blocks[layer](u) }
    expectIdentical(hybrid(tokens).value, model.head(model.finalNorm(u)).value, what)
    expectIdentical(hybrid.frozen(tokens), hybrid(tokens).value, "\(what), frozen")
    for (layer, sizes) in hybrid.configuration.mixers.enumerated() {
      let source = layers.contains(layer) ? other : model
      #expect(sizes.isEqual(to: source.configuration.mixers[layer]), "\(what): layer \(layer)")
      #expect(hybrid.blocks[layer].mixer.sizes.isEqual(to: sizes), "\(what): layer \(layer)")
    }
    #expect(hybrid.configuration.L == 3 && hybrid.configuration.hasTiedHead == model.configuration.hasTiedHead)
    // Both models are as they were.
    expectIdentical(model(tokens).value, before.0, "\(what), the first")
    expectIdentical(other(tokens).value, before.1, "\(what), the other")
  }

  // Nothing is copied: the parameters are those of the two, each once.
  @Test(arguments: kinds, choices) func itHasNoWeightsOfItsOwn(kinds: (Kind, Kind), layers: [Int]) {
    let (model, other) = (kinds.0.model(seed: 1), kinds.1.model(seed: 2))
    let hybrid = model.exchanging(layers, with: other)
    let blocks = (0..<3).flatMap { (layers.contains($0) ? other : model).blocks[$0].parameters }
    let head = model.configuration.hasTiedHead ? model.head.parameters.dropFirst() : model.head.parameters[...]
    let expected = model.embedding.parameters + blocks + model.finalNorm.parameters + head
    #expect(hybrid.parameters.count == expected.count)
    for (mine, theirs) in zip(hybrid.parameters, expected) { #expect(mine === theirs, "\(theirs.name)") }
    #expect(Set(hybrid.parameters.map(ObjectIdentifier.init)).count == expected.count)
    // What trains the other trains it.
    var random = SeededGenerator(seed: 21)
    let tokens = randomTokens(using: &random)
    for layer in 0..<3 {
      let before = hybrid(tokens).value
      randomise(other.blocks[layer].parameters, using: &random)
      #expect((hybrid(tokens).value != before) == layers.contains(layer), "layer \(layer) of \(layers)")
    }
  }

  // It equals a hybrid that is made as one and gets the weights of both.
  @Test(arguments: [(Kind.teacher, Kind.student, Kind.hybrid), (.llama, .llamaStudent, .llamaHybrid)])
  func itIsTheHybridOfItsConfiguration(kinds: (teacher: Kind, student: Kind, hybrid: Kind)) {
    let (teacher, student) = (kinds.teacher.model(seed: 1), kinds.student.model(seed: 2))
    let exchanged = teacher.exchanging([0, 2], with: student)
    let made = kinds.hybrid.model(seed: 3)
    #expect(exchanged.configuration.layersUnlike(made.configuration).isEmpty)
    #expect(exchanged.parameters.count == made.parameters.count)
    for (mine, theirs) in zip(made.parameters, exchanged.parameters) { mine.value = theirs.value }
    var random = SeededGenerator(seed: 22)
    let tokens = randomTokens(using: &random)
    expectIdentical(made(tokens).value, exchanged(tokens).value, "\(kinds.hybrid)")
    // It reads a text token by token as well.
    let text = Array(tokens.row(0))
    expectClose(
      exchanged.frozen.read(texts: [text], inPiecesOf: 1).logits!, made.frozen.read(texts: [text]).logits!,
      within: Tolerance.decoding, "\(kinds.hybrid), piece by piece")
  }

  static let misfits: [(message: String, make: @Sendable () -> Void)] = [
    (
      "the same width and depth",
      { _ = Kind.teacher.model().exchanging([0], with: model { $0.mixers.removeLast() }) }
    ),
    (
      "the same width and depth",
      {
        _ = Kind.teacher.model().exchanging(
          [0],
          with: model {
            $0.D = 14
            $0.mixers = Array(repeating: CausalAttentionSizes(D: 14, H: 2), count: 3)
          })
      }
    ),
    ("no layer 3", { _ = Kind.teacher.model().exchanging([1, 3], with: Kind.student.model()) }),
    ("no layer -1", { _ = Kind.teacher.model().exchanging([-1], with: Kind.student.model()) }),
  ]

  private static func model(_ change: (inout ModelConfiguration) -> Void) -> LanguageModel {
    var configuration = Kind.teacher.configuration
    change(&configuration)
    var random = SeededGenerator(seed: 4)
    return LanguageModel(configuration, using: &random)
  }

  @Test(arguments: misfits.indices) func modelsThatDoNotFitStopTheProgram(number: Int) async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [number] in
      ExchangingTests.misfits[number].make()
    }
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    #expect(message.contains(Self.misfits[number].message), "\(message)")
  }
}

// ## Block by block

@Suite("traces block by block", .tallied) struct BlockTracesTests {
  @Test(arguments: Kind.allCases, [false, true]) func theyAreThoseOfTheWholePass(kind: Kind, keepingMatrices: Bool) {
    var random = SeededGenerator(seed: 23)
    let (model, tokens) = (kind.model().frozen, randomTokens(using: &random))
    var count = 0
    for (mine, theirs) in zip(
      model.traces(tokens, keepingMatrices: keepingMatrices), model.trace(tokens, keepingMatrices: keepingMatrices))
    {
      let what = "\(kind), block \(count)"
      expectIdentical(mine.input, theirs.input, "\(what), input")
      expectIdentical(mine.mixerInput, theirs.mixerInput, "\(what), LN")
      #expect((mine.matrix == nil) == !keepingMatrices && (theirs.matrix == nil) == !keepingMatrices)
      if let matrix = mine.matrix { expectIdentical(matrix, theirs.matrix!, "\(what), matrix") }
      expectIdentical(mine.mixerOutput, theirs.mixerOutput, "\(what), mixer")
      expectIdentical(mine.output, theirs.output, "\(what), output")
      count += 1
    }
    #expect(count == 3)
    var traces = model.traces(tokens, keepingMatrices: keepingMatrices)
    for _ in 0..<3 { #expect(traces.next() != nil) }
    #expect(traces.next() == nil && traces.next() == nil)
  }

  // If a block's weights are changed after the trace before it was given, its own trace shows the new weights:
  // nothing of the block has run. That earlier trace runs no further than it was asked for.
  @Test(arguments: Kind.allCases) func aBlockRunsWhenItIsAskedFor(kind: Kind) {
    var random = SeededGenerator(seed: 24)
    let (model, tokens) = (kind.model(), randomTokens(using: &random))
    var traces = model.frozen.traces(tokens)
    var u: Tensor = model.embedding(tokens)
    for layer in 0..<3 {
      // All of this block and of those after it.
      randomise(model.blocks[layer...].flatMap(\.parameters), deviation: 0.3, using: &random)
      let trace = traces.next()!
      let block = model.blocks[layer]
      expectIdentical(trace.input, u, "\(kind), input of block \(layer)")
      expectIdentical(trace.mixerInput, block.mixerInput(u), "\(kind), LN of block \(layer)")
      // Its mixer has not run yet either: it does when the block after it is asked for.
      randomise(block.mixer.parameters, deviation: 0.3, using: &random)
      u = block(u)
    }
    #expect(traces.next() == nil)
  }

  /// A trace that we look at without keeping it.
  private struct Weak {
    weak var trace: BlockTrace<Tensor>?
  }

  // If no trace is kept, only one is in memory at a time.
  @Test func aTraceThatNobodyKeepsIsGone() {
    var random = SeededGenerator(seed: 25)
    var traces = Kind.hybrid.model().frozen.traces(randomTokens(using: &random))
    let first = Weak(trace: traces.next())
    #expect(first.trace != nil)
    let second = Weak(trace: traces.next())
    #expect(first.trace == nil && second.trace != nil)
    _ = traces.next()
    #expect(second.trace == nil)
  }

  // Each copy begins a pass of its own.
  @Test func twoPassesDoNotDisturbEachOther() {
    var random = SeededGenerator(seed: 26)
    let traces = Kind.llamaHybrid.model().frozen.traces(randomTokens(using: &random))
    var (one, another) = (traces, traces)
    _ = one.next()
    let (second, first) = (one.next()!, another.next()!)
    expectIdentical(second.input, first.output, "the second of one, the first of another")
    #expect(Array(traces).count == 3 && Array(traces).count == 3)
  }
}
