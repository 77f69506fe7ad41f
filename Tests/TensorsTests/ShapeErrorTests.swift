// # Shapes that do not go together
//
// A mistake in a shape stops the program, with a sentence that names what came and what was expected. Each case runs
// in a process of its own, and we read its last words. It is `Sources/Tensors/Core/Preconditions.swift` that lets it
// have any in an optimised build.

import Tensors
import TestSupport
import Testing

/// A mistake, and what the message must mention.
struct ShapeError: Sendable, CustomTestStringConvertible {
  let name: String
  let mentions: [String]
  let mistake: @Sendable () -> Void
  var testDescription: String { name }

  init(_ name: String, _ mentions: String..., mistake: @escaping @Sendable () -> Void) {
    (self.name, self.mentions, self.mistake) = (name, mentions, mistake)
  }

  private static func zeros(_ sizes: Int...) -> Tensor { .zeros(Shape(sizes)) }

  static let all: [ShapeError] = [
    ShapeError("adding", "[2, 3]", "[3, 2]") { _ = zeros(2, 3) + zeros(3, 2) },
    ShapeError("adding in place", "[3]", "[2, 3]") {
      var x = zeros(2, 3)
      x += zeros(3)
    },
    ShapeError("adding a product in place", "[2, 5]", "[5, 3]", "[2, 7]") {
      var x = zeros(2, 7)
      x.add(zeros(2, 5), times: zeros(5, 3))
    },
    ShapeError("adding a part that does not fit", "[2, 2]", "[2, 3]", "at 2", "axis 1") {
      var x = zeros(2, 3)
      x.add(zeros(2, 2), at: 2, along: 1)
    },
    ShapeError("stretching", "[2]", "[3]") { _ = zeros(2).broadcast(to: [3]) },
    ShapeError("summing to another shape", "[2, 3]", "[5, 1, 3]") { _ = sum(zeros(2, 3), to: [5, 1, 3]) },
    ShapeError("summing to a larger size", "[2, 3]", "[2, 5]") { _ = sum(zeros(2, 3), to: [2, 5]) },
    ShapeError("the mean of nothing", "[0, 3]", "mean") { _ = mean(zeros(0, 3)) },
    ShapeError("an axis that does not exist", "axis 2", "[2, 3]") { _ = sum(zeros(2, 3), along: 2) },
    ShapeError("too few elements", "3 elements", "[2, 2]", "4") {
      _ = Tensor([1, 2, 3] as [Scalar], shape: [2, 2])
    },
    ShapeError("rows of two lengths", "[2, 1]") { _ = Tensor(rows: [[1, 2], [3]]) },
    ShapeError("a negative size", "[2, -3]") { _ = Shape([2, -3]) },
    ShapeError("seven axes", "at most 6", "[1, 1, 1, 1, 1, 1, 1]") { _ = Shape([1, 1, 1, 1, 1, 1, 1]) },
    ShapeError("a position outside", "[2, 0]", "[2, 3]") { _ = zeros(2, 3)[2, 0] },
    ShapeError("a position of another rank", "[1]", "[2, 3]") { _ = zeros(2, 3)[1] },
    ShapeError("many numbers as one", "[2]", "single number") { _ = zeros(2).scalar },
    ShapeError("reshaping", "[2, 3]", "[5]") { _ = zeros(2, 3).reshaped(to: [5] as Shape) },
    ShapeError("reshaping with a computed size", "[2, 3]", "[4, -1]") { _ = zeros(2, 3).reshaped(to: [4, -1]) },
    ShapeError("an axis twice", "[0, 0]", "[2, 3]") { _ = zeros(2, 3).permuted([0, 0]) },
    ShapeError("a part outside", "1..<4", "[2, 3]", "axis 1") { _ = zeros(2, 3).sliced(1..<4, along: 1) },
    ShapeError("a part that does not fit", "[2, 2]", "[2, 3]", "at 2", "axis 1") {
      var x = zeros(2, 3)
      x.assign(zeros(2, 2), at: 2, along: 1)
    },
    ShapeError("joining nothing", "nothing to concatenate") { _ = Tensor.concatenated([]) },
    ShapeError("matmul, inner sizes", "[2, 3]", "[5, 7]", "3 and 5") { _ = matmul(zeros(2, 3), zeros(5, 7)) },
    ShapeError("matmul, transposed", "[2, 3]ᵀ", "[3, 7]", "2 and 3") {
      _ = matmul(zeros(2, 3), zeros(3, 7), transposingA: true)
    },
    ShapeError("matmul, outer axes", "[2, 3, 5]", "[3, 5, 7]", "outer") {
      _ = matmul(zeros(2, 3, 5), zeros(3, 5, 7))
    },
    ShapeError("matmul of a vector", "[3]", "two axes") { _ = matmul(zeros(3), zeros(3, 2)) },
    ShapeError("linear", "[5, 3]", "[2, 7]") { _ = linear(zeros(2, 7), weight: zeros(5, 3), bias: nil) },
    ShapeError("the bias of linear", "[5]", "[3]", "[5, 7]") {
      _ = linear(zeros(2, 7), weight: zeros(5, 7), bias: zeros(3))
    },
    ShapeError("attentionMatrix", "[2, 5, 3, 5]", "[2, 7, 3, 5]") {
      _ = attentionMatrix(zeros(2, 5, 3, 5), zeros(2, 7, 3, 5))
    },
    ShapeError("causalAttention", "[2, 5, 3, 5]", "[2, 7, 3, 5]") {
      _ = causalAttention(zeros(2, 5, 3, 5), zeros(2, 5, 3, 5), zeros(2, 7, 3, 5))
    },
    ShapeError("attentionMatrix's pullback", "[1, 4, 1, 2]", "[1, 8, 1, 2]", "keys") {
      let matrix = zeros(1, 1, 4, 4)
      _ = attentionMatrixPullback(matrix, value: matrix, q: zeros(1, 4, 1, 2), k: zeros(1, 8, 1, 2))
    },
    ShapeError("causalAttention's pullback", "[1, 4, 1, 2]", "[1, 4, 2, 1]", "values") {
      let rows = zeros(1, 4, 1, 2)
      _ = causalAttentionPullback(rows, matrix: zeros(1, 1, 4, 4), q: rows, k: rows, v: zeros(1, 4, 2, 1))
    },
    ShapeError("causalMix's pullback", "[1, 1, 4, 4]", "[1, 1, 4, 8]", "matrix") {
      _ = causalMixPullback(zeros(1, 4, 1, 2), m: zeros(1, 1, 4, 8), v: zeros(1, 4, 1, 2))
    },
    ShapeError("causalMix", "[2, 3, 5, 5]", "[2, 3, 5, 7]") { _ = causalMix(zeros(2, 3, 5, 7), zeros(2, 5, 3, 5)) },
    ShapeError("headScores", "[2, 7, 3, 5]", "[2, 7, 3, 4]") { _ = headScores(zeros(2, 5, 3, 5), zeros(2, 7, 3, 4)) },
    ShapeError("headMix", "[2, 3, 5, 7]", "[2, 3, 5, 6]") { _ = headMix(zeros(2, 3, 5, 6), zeros(2, 7, 3, 5)) },
    ShapeError("the keys of blocked attention", "[2, 7, 3, 5]", "[2, 7, 3, 4]", "keys") {
      _ = blockedAttention(zeros(2, 5, 3, 5), zeros(2, 7, 3, 4), zeros(2, 7, 3, 5))
    },
    ShapeError("the values of blocked attention", "[2, 7, 3, 5]", "[2, 6, 3, 5]", "values") {
      _ = blockedAttention(zeros(2, 5, 3, 5), zeros(2, 7, 3, 5), zeros(2, 6, 3, 5))
    },
    ShapeError("an empty block of attention", "block", "0") {
      _ = blockedAttention(zeros(2, 5, 3, 1), zeros(2, 5, 3, 1), zeros(2, 5, 3, 1), Q: 0)
    },
    ShapeError("the weight of a layer norm", "[3]", "[5]", "weight") {
      _ = layerNorm(zeros(2, 3), weight: zeros(5), bias: zeros(3), epsilon: 1)
    },
    ShapeError("an odd rotary width", "3") { _ = RotaryTable(T: 2, width: 3) },
    ShapeError("a rotary table for other times", "[2, 3, 5, 7]", "4 positions") {
      _ = rotary(zeros(2, 3, 5, 7), RotaryTable(T: 4, width: 2))
    },
    ShapeError("the taps of a convolution", "[5, 1, any]", "[7, 1, 3]") {
      _ = causalConvolution(zeros(2, 3, 5), weight: zeros(7, 1, 3), bias: zeros(5))
    },
    ShapeError("the past of a convolution", "past", "[2, 2, 5]", "[2, 3, 5]") {
      _ = causalConvolution(zeros(2, 3, 5), weight: zeros(5, 1, 3), bias: zeros(5), past: zeros(2, 3, 5))
    },
    ShapeError("a past of other channels", "past", "[2, any, 5]", "[2, 2, 4]") {
      _ = convolutionPast(zeros(2, 2, 4), then: zeros(2, 3, 5))
    },
    ShapeError("keys for a cache", "the keys for a cache", "[2, 7, 3, 5]", "[2, 6, 3, 5]") {
      var cache = KeyValueCache(B: 2, G: 3, P: 5)
      _ = cache.attend(zeros(2, 7, 3, 5), zeros(2, 6, 3, 5), zeros(2, 7, 3, 5), scale: 1)
    },
    ShapeError("a cache that is asked nothing", "at least one token") {
      var cache = KeyValueCache(B: 2, G: 3, P: 5)
      _ = cache.attend(zeros(2, 0, 3, 5), zeros(2, 0, 3, 5), zeros(2, 0, 3, 5), scale: 1)
    },
    ShapeError("the contents of a cache", "the keys of a cache", "[2, any, 4, any]", "[2, 3, 5, 7]") {
      _ = KeyValueCache(counts: [4, 1], keys: zeros(2, 3, 5, 7), values: zeros(2, 3, 5, 7))
    },
    ShapeError("no cache", "no cache to join") { _ = KeyValueCache.joined([]) },
    ShapeError("a token above the vocabulary", "token 5", "size 5") { _ = gatherRows(zeros(5, 2), Tokens([4, 5])) },
    ShapeError("a target above the vocabulary", "token -1", "size 5") {
      _ = crossEntropy(zeros(1, 2, 5), targets: Tokens([4, -1]))
    },
    ShapeError("a grid of tokens", "5", "2 rows of 3") { _ = Tokens([1, 2, 3, 4, 5], B: 2, T: 3) },
    ShapeError("logits of another shape", "[2, 3, 5]", "[2, 4, 5]", "logits") {
      _ = crossEntropy(zeros(2, 4, 5), targets: Tokens([0, 0, 0, 0, 0, 0], B: 2, T: 3))
    },
    ShapeError("distributions of another shape", "[2, 3]", "[2, 5]") {
      _ = crossEntropy(zeros(2, 3), distributions: zeros(2, 5))
    },
    ShapeError("a distance between shapes", "[2, 3]", "[3]") { _ = distance(zeros(2, 3), zeros(3), over: 1) },
    ShapeError("the decays of an SSD", "log α", "[2, 5, 3]", "[2, 3, 5]") {
      _ = ssdMatrix(logDecay: zeros(2, 3, 5), b: zeros(2, 5, 3, 7), c: zeros(2, 5, 3, 7), d: zeros(3))
    },
    ShapeError("a state of another shape", "initial state", "[2, 3, 7, 1]", "[2, 3, 7, 2]") {
      _ = ssdSequence(
        zeros(2, 5, 3, 1), logDecay: zeros(2, 5, 3), b: zeros(2, 5, 3, 7), c: zeros(2, 5, 3, 7), d: zeros(3), Q: 2,
        initialState: zeros(2, 3, 7, 2))
    },
    ShapeError("x of a recurrence", "x of an SSD", "[2, 5, 3, any]", "[2, 5, 2, 1]") {
      _ = ssdRecurrence(
        zeros(2, 5, 2, 1), logDecay: zeros(2, 5, 3), b: zeros(2, 5, 3, 7), c: zeros(2, 5, 3, 7), d: zeros(3))
    },
    ShapeError("the state of a recurrence", "initial state", "[2, 3, 7, 1]", "[2, 3, 7, 2]") {
      _ = ssdRecurrence(
        zeros(2, 5, 3, 1), logDecay: zeros(2, 5, 3), b: zeros(2, 5, 3, 7), c: zeros(2, 5, 3, 7), d: zeros(3),
        initialState: zeros(2, 3, 7, 2))
    },
    ShapeError("an empty chunk", "chunk", "0") {
      _ = ssdSequence(
        zeros(2, 5, 3, 1), logDecay: zeros(2, 5, 3), b: zeros(2, 5, 3, 7), c: zeros(2, 5, 3, 7), d: zeros(3), Q: 0)
    },
    ShapeError("a pullback of states that were not kept", "states that entered", "[2, 3, 3, 7, 1]", "[2, 3, 0, 7, 1]")
    {
      let (x, log, b) = (zeros(2, 5, 3, 1), zeros(2, 5, 3), zeros(2, 5, 3, 7))
      let value = ssdSequence(x, logDecay: log, b: b, c: b, d: zeros(3), Q: 2, keepsStates: false)
      _ = ssdSequencePullback(x, value: value, x, logDecay: log, b: b, c: b, d: zeros(3), Q: 2)
    },
    ShapeError("an expected shape", "the keys", "[2, any, 7]", "[2, 3, 5]") {
      zeros(2, 3, 5).expecting(2, nil, 7, as: "the keys")
    },
  ]
}

@Suite("shape errors", .tallied) struct ShapeErrorTests {
  @Test(arguments: 0..<ShapeError.all.count)
  func theProgramStopsAndNamesTheShapes(_ number: Int) async throws {
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [number] in
      ShapeError.all[number].mistake()
    }
    let error = ShapeError.all[number]
    let message = String(decoding: try #require(result).standardErrorContent, as: UTF8.self)
    let sentence = message.split(separator: "\n").first { $0.contains("Fatal error") } ?? ""
    for mention in error.mentions {
      #expect(sentence.contains(mention), "\(error.name) says “\(sentence)”, not \(mention)")
    }
    Tally.count(error.mentions.count, error.name)
  }
}
