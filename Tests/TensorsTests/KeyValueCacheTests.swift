// # A text that is read in pieces
//
// A cache that is asked piece by piece answers what attention over the whole text answers, for each way to cut it,
// for rows of different lengths, after rows were joined, dropped or written down. And a convolution that gets the
// past of the previous piece goes on as if there were no cut.

import Tensors
import TestSupport
import Testing

@Suite("key-value cache", .tallied) struct KeyValueCacheTests {
  static let (H, P) = (3, 5)
  static let scale: Scalar = 0.4

  /// Queries, keys and values of one text.
  struct Text {
    let q, k, v: Tensor
    init(_ T: Int, _ name: String) {
      let shape: Shape = [1, T, KeyValueCacheTests.H, KeyValueCacheTests.P]
      (q, k, v) = (
        .random(shape, for: "queries " + name), .random(shape, for: "keys " + name),
        .random(shape, for: "values " + name)
      )
    }
    private init(_ q: Tensor, _ k: Tensor, _ v: Tensor) { (self.q, self.k, self.v) = (q, k, v) }
    var T: Int { q.shape[1] }
    func part(_ times: Range<Int>) -> Text {
      Text(q.sliced(times, along: 1), k.sliced(times, along: 1), v.sliced(times, along: 1))
    }
    /// What attention answers when it has the whole text.
    var answer: Tensor { Naive.attention(q, k, v, scale: KeyValueCacheTests.scale, causal: true) }

    static func sideBySide(_ texts: [Text]) -> Text {
      Text(.concatenated(texts.map(\.q)), .concatenated(texts.map(\.k)), .concatenated(texts.map(\.v)))
    }
  }

  private func attend(_ cache: inout KeyValueCache, _ text: Text) -> Tensor {
    cache.attend(text.q, text.k, text.v, scale: Self.scale)
  }

  @Test func everyCut() {
    let text = Text(7, "of seven")
    for pattern in 0..<(1 << 6) {
      var cache = KeyValueCache(B: 1, G: Self.H, P: Self.P)
      var (answers, first): ([Tensor], Int) = ([], 0)
      for t in 0..<7 where t == 6 || (pattern >> t) & 1 == 1 {
        answers.append(attend(&cache, text.part(first..<(t + 1))))
        first = t + 1
      }
      expectClose(.concatenated(answers, along: 1), text.answer, "cuts \(String(pattern, radix: 2))")
      #expect(cache.counts == [7])
      #expect(cache.bytes == 2 * 7 * Self.H * Self.P * MemoryLayout<Scalar>.size)
      expectIdentical(cache.contents.keys, text.k.permuted([0, 2, 1, 3]), "keys")
      expectIdentical(cache.contents.values, text.v.permuted([0, 2, 1, 3]), "values")
    }
  }

  // The cache doubles its room several times, and two cores share the work.
  @Test func aLongText() {
    let text = Text(700, "long")
    var cache = KeyValueCache(B: 1, G: Self.H, P: Self.P)
    _ = attend(&cache, text.part(0..<300))
    let answers = (300..<700).map { attend(&cache, text.part($0..<($0 + 1))) }
    expectClose(.concatenated(answers, along: 1), text.answer.sliced(300..<700, along: 1), "token by token")
  }

  @Test func rowsOfDifferentLengths() {
    let texts = [4, 1, 9].map { (Text($0 + 6, "row of \($0)"), read: $0) }
    var cache = KeyValueCache.joined(
      texts.map { text, read in
        var cache = KeyValueCache(B: 1, G: Self.H, P: Self.P)
        _ = attend(&cache, text.part(0..<read))
        return cache
      })
    #expect(cache.counts == [4, 1, 9])
    func readOn(_ cache: inout KeyValueCache, _ rows: [Int], from done: Int, _ count: Int, _ name: String) {
      let parts = rows.map { texts[$0].0.part((texts[$0].read + done)..<(texts[$0].read + done + count)) }
      let answer = attend(&cache, .sideBySide(parts))
      let expected = rows.map {
        let (text, read) = texts[$0]
        return text.answer.sliced((read + done)..<(read + done + count), along: 1)
      }
      expectClose(answer, .concatenated(expected), name)
    }
    readOn(&cache, [0, 1, 2], from: 0, 1, "a token")
    readOn(&cache, [0, 1, 2], from: 1, 2, "a piece")
    // Written down and read again; what is beyond a text's end is zero.
    let contents = cache.contents
    for (row, count) in cache.counts.enumerated() {
      expectZero(contents.keys.sliced(row..<(row + 1)).sliced(count..<12, along: 2), "keys beyond the end")
      expectZero(contents.values.sliced(row..<(row + 1)).sliced(count..<12, along: 2), "values beyond the end")
    }
    var again = KeyValueCache(counts: cache.counts, keys: contents.keys, values: contents.values)
    readOn(&again, [0, 1, 2], from: 3, 1, "read again")
    // Two rows, in another order; the cache that they came from is as it was.
    var some = cache.keeping([2, 0])
    readOn(&some, [2, 0], from: 3, 3, "some rows")
    #expect(cache.counts == [7, 4, 12])
    var none = cache.keeping([])
    let nothing = Tensor.zeros([0, 1, Self.H, Self.P])
    #expect(none.attend(nothing, nothing, nothing, scale: 1).shape == nothing.shape, "no rows")
    readOn(&cache, [0, 1, 2], from: 3, 1, "the cache that they came from")
  }
}

@Suite("a convolution in pieces", .tallied) struct ConvolutionPieceTests {
  @Test(arguments: 1...5) func anyCutGivesTheWhole(K: Int) {
    let (B, T, C) = (2, 9, 3)
    let x = Tensor.random([B, T, C], for: "x of \(K)")
    let (weight, bias) = (Tensor.random([C, 1, K], for: "taps \(K)"), Tensor.random([C], for: "bias \(K)"))
    let whole = Naive.causalConvolution(x, weight: weight, bias: bias)
    for first in 0...T {
      for second in first...T {
        var past = Tensor.zeros([B, K - 1, C])
        let pieces = [0..<first, first..<second, second..<T].filter { !$0.isEmpty }.map { times in
          let piece = x.sliced(times, along: 1)
          defer { past = convolutionPast(past, then: piece) }
          return causalConvolution(piece, weight: weight, bias: bias, past: past)
        }
        expectClose(.concatenated(pieces, along: 1), whole, "width \(K), cuts at \(first) and \(second)")
        expectIdentical(past, x.sliced((T - K + 1)..<T, along: 1), "the past that is left, width \(K)")
      }
    }
  }
}
