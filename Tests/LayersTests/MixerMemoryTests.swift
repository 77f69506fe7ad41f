// # Reading on, for all mixers
//
// A text that is read in pieces, in every way to cut it, gives what the full pass gives. Memories are joined and
// taken apart, those of texts of different lengths too, and have the shapes that a file is asked for.
//
// Read before: `MixerCase.swift`.

import Gradients
import Layers
import Tensors
import TestSupport
import Testing

/// All ways to cut T tokens into pieces: the lengths of the pieces.
private func splits(of T: Int) -> [[Int]] {
  // Bit t of a pattern: a piece ends after token t.
  (0..<(1 << (T - 1))).map { pattern in
    let ends = (0..<T).filter { $0 == T - 1 || (pattern >> $0) & 1 == 1 }.map { $0 + 1 }
    return zip(ends, [0] + ends).map { $0 - $1 }
  }
}

@Suite("the memory of all mixers", .tallied) struct MixerMemoryTests {
  /// The outputs of texts that are read in pieces; checks the shapes of the memory after each piece.
  private func read<M: MatrixMixer>(_ mixer: M, _ u: Tensor, _ lengths: [Int]) -> Tensor {
    var (memory, start) = (mixer.emptyMemory(B: u.shape[0]), 0)
    let outputs = lengths.map { length in
      defer { start += length }
      let output = mixer.advance(u.sliced(start..<(start + length), along: 1), &memory)
      let shapes = mixer.memoryShapes(lengths: [Int](repeating: start + length, count: u.shape[0]))
      #expect(memory.tensors.mapValues(\.shape) == shapes, "after \(start + length) tokens")
      #expect(memory.bytes == shapes.values.reduce(0) { $0 + $1.count } * MemoryLayout<Scalar>.size)
      return output
    }
    return .concatenated(outputs, along: 1)
  }

  @Test(arguments: MixerCase.all, 1...9) func everySplitGivesTheFullPass(row: MixerCase, T: Int) {
    var random = SeededGenerator(seed: UInt64(T))
    let (mixer, u) = (row.mixer(), Tensor.normal([2, T, 15], using: &random))
    let whole = mixer(u)
    for lengths in splits(of: T) {
      expectClose(read(mixer, u, lengths), whole, within: Tolerance.forms, "\(row), pieces \(lengths)")
    }
  }

  // A longer text, in two pieces at every place, and in pieces of every length.
  @Test(arguments: MixerCase.all) func aLongerTextToo(row: MixerCase) {
    var random = SeededGenerator(seed: 41)
    let (mixer, T) = (row.mixer(), 26)
    let u = Tensor.normal([2, T, 15], using: &random)
    let whole = mixer(u)
    let equal = (1...T).map { length in
      [Int](repeating: length, count: T / length) + (T % length > 0 ? [T % length] : [])
    }
    for lengths in (1..<T).map({ [$0, T - $0] }) + equal {
      expectClose(read(mixer, u, lengths), whole, within: Tolerance.forms, "\(row), pieces \(lengths)")
    }
  }

  @Test(arguments: MixerCase.all) func memoriesAreJoinedAndTakenApart(row: MixerCase) { join(row.mixer(), row) }

  private func join<M: MatrixMixer>(_ mixer: M, _ row: MixerCase) {
    var random = SeededGenerator(seed: 42)
    // Three texts of different lengths, and what follows in each.
    let texts = [5, 1, 9].map { Tensor.normal([1, $0 + 3, 15], using: &random) }
    let memories = texts.map { text in
      var memory = mixer.emptyMemory(B: 1)
      _ = mixer.advance(text.sliced(0..<(text.shape[1] - 3), along: 1), &memory)
      return memory
    }
    let next = texts.map { $0.sliced(($0.shape[1] - 3)..<$0.shape[1], along: 1) }
    let expected = texts.map { mixer($0).sliced(($0.shape[1] - 3)..<$0.shape[1], along: 1) }
    let together = M.Memory.joined(memories)
    #expect(together.tensors.mapValues(\.shape) == mixer.memoryShapes(lengths: [5, 1, 9]))
    // All, and some in another order; in one piece and token by token.
    for rows in [[0, 1, 2], [2, 0], [1], [1, 1, 2]] {
      for pieces in [[3], [1, 1, 1], [1, 2]] {
        var (memory, start) = (together.keeping(rows), 0)
        let outputs = pieces.map { length in
          defer { start += length }
          let u = Tensor.concatenated(rows.map { next[$0].sliced(start..<(start + length), along: 1) })
          return mixer.advance(u, &memory)
        }
        expectClose(
          .concatenated(outputs, along: 1), .concatenated(rows.map { expected[$0] }), within: Tolerance.forms,
          "\(row), rows \(rows), pieces \(pieces)")
      }
    }
    // From its tensors, as a file keeps it.
    var again = M.Memory(together.tensors, lengths: [5, 1, 9])
    expectClose(
      mixer.advance(.concatenated(next), &again), .concatenated(expected), within: Tolerance.forms,
      "\(row), from tensors"
    )
  }

  // A memory is a value: what one copy reads, the other does not know.
  @Test(arguments: MixerCase.all) func aCopyOfAMemoryIsAMemoryOfItsOwn(row: MixerCase) {
    func check<M: MatrixMixer>(_ mixer: M) {
      var random = SeededGenerator(seed: 43)
      let (u, other) = (Tensor.normal([1, 6, 15], using: &random), Tensor.normal([1, 1, 15], using: &random))
      var memory = mixer.emptyMemory(B: 1)
      _ = mixer.advance(u.sliced(0..<5, along: 1), &memory)
      var copy = memory
      _ = mixer.advance(other, &copy)
      expectClose(
        mixer.advance(u.sliced(5..<6, along: 1), &memory), mixer(u).sliced(5..<6, along: 1), within: Tolerance.forms,
        "\(row)")
    }
    check(row.mixer())
  }

  // As much memory for each kind: N numbers of state for each feature, or a kernel of N + 1.
  @Test func statesOfEqualSizeCanBeChosen() {
    var random = SeededGenerator(seed: 44)
    let (D, H, N) = (15, 3, 7)
    let kinds: [any MixerSizes] = [
      CausalToeplitzSizes(D: D, H: H, K: N + 1), CausalLowRankSizes(D: D, H: H, N: N),
      FixedDecaySizes(D: D, H: H, N: N), Mamba2Sizes(D: D, H: H, N: N), DiscreteMamba2Sizes(D: D, H: H, N: N),
      GatedDeltaRuleSizes(D: D, H: H, N: N), TrapezoidalMambaSizes(D: D, H: H, N: N),
    ]
    for sizes in kinds {
      func state<M: MatrixMixer>(_ mixer: M) -> Int { mixer.memoryShapes(lengths: [1])["state"]!.count }
      #expect(state(sizes.make("m", using: &random)) == N * D, "\(type(of: sizes).kind)")
    }
  }
}
