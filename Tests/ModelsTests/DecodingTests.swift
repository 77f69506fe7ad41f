// # One text, read in any way
//
// For each kind of model, each length up to 12 and each way to cut it into pieces: the logits of the
// next token are those of the last place of a whole pass, and the state is the one that a single
// piece leaves. The convolution looks back 3 tokens and a chunk has 5, so that the cuts fall at all
// places of both.

import Models
import Tensors
import TestSupport
import Testing

/// The numbers of a state, in an order.
private func numbers(_ state: DecodingState) -> [Tensor] {
  state.mixers.flatMap { $0.tensors.sorted { $0.key < $1.key }.map(\.value) } + [state.logits!]
}

private func expectClose(_ a: DecodingState, _ b: DecodingState, _ name: String) {
  #expect(a.positions == b.positions, "\(name)")
  for (x, y) in zip(numbers(a), numbers(b)) { TestSupport.expectClose(x, y, within: Tolerance.decoding, name) }
}

extension Tolerance {
  /// The state after a text that was read in pieces against the state after the whole.
  static let decoding: Scalar = isDouble ? 1e-10 : 1e-4
}

/// The last place's logits of a whole pass with each text by itself, [B, V].
private func logitsOfWholePass(_ model: FrozenModel, _ texts: [[Int]]) -> Tensor {
  .concatenated(
    texts.map { text in
      model(Tokens(text)).sliced((text.count - 1)..<text.count, along: 1).reshaped(to: [1, 11])
    })
}

@Suite("reading in pieces") struct DecodingTests {
  static let text = [3, 1, 4, 1, 5, 9, 2, 6, 10, 3, 5, 8, 0, 7, 7, 2, 4]

  @Test(arguments: Kind.allCases) func everySplitOfEveryLengthGivesTheSame(kind: Kind) {
    let model = kind.model().frozen
    for T in 1...12 {
      let text = Array(Self.text.prefix(T))
      let whole = model.read(texts: [text])
      expectClose(whole.logits!, logitsOfWholePass(model, [text]), within: Tolerance.decoding, "\(kind), T = \(T)")
      // Bit t of a pattern: a new piece begins after token t.
      for pattern in 0..<(1 << (T - 1)) {
        var state = model.emptyState()
        var piece: [Int] = []
        for (t, token) in text.enumerated() {
          piece.append(token)
          if t == T - 1 || (pattern >> t) & 1 == 1 {
            model.read(Tokens(piece), &state)
            piece = []
          }
        }
        expectClose(state, whole, "\(kind), T = \(T), cuts \(String(pattern, radix: 2))")
      }
    }
  }

  @Test(arguments: Kind.allCases) func aStateGoesOnBeyondTheLengthOfTraining(kind: Kind) {
    let model = kind.model().frozen
    let text = (0..<40).map { ($0 * $0 + 3) % 11 }  // T is 17
    var state = model.emptyState()
    model.read(Tokens(text), &state, inPiecesOf: 7)
    #expect(state.positions == [40])
    expectClose(state.logits!, logitsOfWholePass(model, [text]), within: Tolerance.decoding, "\(kind)")
  }

  @Test(arguments: Kind.allCases) func textsOfDifferentLengthsAreReadAsEachAlone(kind: Kind) {
    let model = kind.model().frozen
    let texts = [[5], Array(Self.text.prefix(7)), [2, 2], Array(Self.text.suffix(12))]
    var state = model.read(texts: texts)
    expectClose(state.logits!, logitsOfWholePass(model, texts), within: Tolerance.decoding, "\(kind), prompts")
    // And read on together, a token and a piece; each row is at a position of its own.
    let more = [[1], [2], [3], [4]]
    model.read(Tokens(more.flatMap { $0 }, B: 4, T: 1), &state)
    model.read(Tokens([6, 7, 8, 6, 6, 6, 0, 1, 0, 9, 8, 7], B: 4, T: 3), &state)
    let longer = zip(texts, [[1, 6, 7, 8], [2, 6, 6, 6], [3, 0, 1, 0], [4, 9, 8, 7]]).map { $0 + $1 }
    expectClose(state.logits!, logitsOfWholePass(model, longer), within: Tolerance.decoding, "\(kind), read on")
    // Some rows, in another order.
    let some = state.keeping([3, 1])
    #expect(some.positions == [longer[3].count, longer[1].count])
    expectClose(some, .joined([state.keeping([3]), state.keeping([1])]), "\(kind), rows")
    expectClose(
      some.logits!, logitsOfWholePass(model, [longer[3], longer[1]]), within: Tolerance.decoding, "\(kind), rows")
  }

  @Test func headsMayShareBAndC() {
    var mamba = Kind.mamba
    mamba.G = 1
    var random = SeededGenerator(seed: 3)
    let model = LanguageModel(Kind.teacher.configuration.student(mamba), using: &random).frozen
    var state = model.emptyState()
    for token in Self.text { model.read(Tokens([token]), &state) }
    expectClose(state.logits!, logitsOfWholePass(model, [Self.text]), within: Tolerance.decoding, "one B and one C")
  }

  @Test func aCopyOfAStateIsAStateOfItsOwn() {
    for kind in Kind.allCases {
      let model = kind.model().frozen
      let first = model.read(texts: [[1, 2, 3]])
      var (a, b) = (first, first)
      model.read(Tokens([4]), &a)
      model.read(Tokens([5]), &b)
      model.read(Tokens([4]), &b)
      expectClose(first, model.read(texts: [[1, 2, 3]]), "\(kind), the first")
      expectClose(a, model.read(texts: [[1, 2, 3, 4]]), "\(kind), one copy")
      expectClose(b, model.read(texts: [[1, 2, 3, 5, 4]]), "\(kind), the other")
    }
  }

  // The student's state has one size; the teacher's grows by 2 · L · D numbers a token.
  @Test func bytesOfAState() {
    let size = MemoryLayout<Scalar>.size
    func bytes(_ kind: Kind, _ T: Int) -> Int { kind.model().frozen.read(texts: [Array(Self.text.prefix(T))]).bytes }
    for T in [1, 2, 5, 17] {
      #expect(bytes(.teacher, T) == size * 2 * 3 * 10 * T)
      // A mamba: 3 inputs of D + 2 H N channels, and H N P = D N numbers.
      let mamba = size * (3 * (10 + 2 * 2 * 3) + 10 * 3)
      #expect(bytes(.student, T) == 3 * mamba)
      #expect(bytes(.hybrid, T) == 2 * mamba + size * 2 * 10 * T)
    }
  }
}
