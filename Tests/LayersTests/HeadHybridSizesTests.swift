// # Heads of two kinds in a config.json
//
// The words of both kinds and two of its own; what is missing, impossible or not computed is named in a sentence.
//
// Read before: `HeadHybridTests.swift`, `Sources/Layers/Mixers/HeadHybrid+Sizes.swift`.

import Foundation
import Layers
import TestSupport
import Testing

/// Mixer sizes from a JSON object, for a model of width 12.
private struct Read: Decodable {
  let sizes: HeadHybridSizes
  init(from decoder: any Decoder) throws { sizes = try HeadHybridSizes(from: decoder, D: 12) }
}

private func read(_ json: Data) throws -> HeadHybridSizes { try JSONDecoder().decode(Read.self, from: json).sizes }

@Suite("the sizes of heads of two kinds") struct HeadHybridSizesTests {
  @Test(arguments: [
    HeadHybridSizes(D: 12, H: 3, N: 7, keeping: [1]), HeadHybridSizes(D: 12, H: 3, N: 2, K: 3, Q: 5, keeping: []),
    HeadHybridSizes(D: 12, H: 6, G: 2, N: 7, convention: .llama, keeping: [0, 4, 5]),
    HeadHybridSizes(
      attention: CausalAttentionSizes(D: 12, H: 3, G: 1, rotaryFraction: 1, rotaryBase: 500),
      recurrent: DiscreteMamba2Sizes(D: 12, H: 3, N: 4), keeping: [0, 1, 2]),
  ]) func sizesComeBackFromJSON(sizes: HeadHybridSizes) throws {
    #expect(sizes.problem == nil)
    #expect(try read(try JSONEncoder().encode(sizes)) == sizes)
  }

  @Test func theWordsAreThoseOfBothKinds() throws {
    let sizes = HeadHybridSizes(D: 12, H: 6, G: 2, N: 7, K: 3, Q: 5, convention: .llama, keeping: [4, 0])
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = String(decoding: try encoder.encode(sizes), as: UTF8.self)
    #expect(
      text == """
        {"activation":"identity","attention_bias":false,"attention_convention":"llama","attention_heads":[0,4],\
        "bias":false,"chunk_size":5,"conv_bias":true,"d_conv":3,"d_state":7,"expand":1,"n_qk_heads":6,\
        "n_v_heads":6,"num_attention_heads":6,"num_key_value_heads":2,"rope_theta":10000}
        """)
  }

  @Test(arguments: [
    (#""attention_heads": [0]"#, "attention_convention"), (#""attention_convention": "phi""#, "attention_heads"),
    (#""attention_convention": "gpt", "attention_heads": [0]"#, "it is gpt, where phi or llama is needed"),
    (#""attention_convention": "phi", "attention_heads": [0, 1.5]"#, "one of them is 1.5, where a whole number"),
    (#""attention_convention": "phi", "attention_heads": [0, 1e30]"#, "where a whole number"),
    (#""attention_convention": "phi", "attention_heads": [2, 0, 2]"#, "head 2 comes twice"),
    (#""attention_convention": "phi", "attention_heads": 2"#, "attention_heads"),
    (#""attention_convention": "llama", "attention_heads": [], "attention_bias": true"#, "attention_bias"),
    (#""attention_convention": "phi", "attention_heads": [], "conv_bias": false"#, "conv_bias"),
  ]) func whatIsMissingOrNotComputedIsNamed(words: String, said: String) throws {
    let json = #"{"num_attention_heads": 3, "n_v_heads": 3, "d_state": 4, \#(words)}"#
    let error = try #require(throws: DecodingError.self) { try read(Data(json.utf8)) }
    #expect("\(error)".contains(said), "\(error)")
  }

  @Test(arguments: [
    (HeadHybridSizes(D: 15, H: 4, N: 7, keeping: [0]), "cut into 4 heads"),
    (HeadHybridSizes(D: 15, H: 0, N: 7, keeping: []), "heads"),
    (HeadHybridSizes(D: 15, H: 5, G: 2, N: 7, keeping: [0]), "shared evenly"),
    (HeadHybridSizes(D: 15, H: 3, N: 0, keeping: [0]), "state size"),
    (HeadHybridSizes(D: 15, H: 3, N: 4, K: 0, keeping: [0]), "taps"),
    (HeadHybridSizes(D: 15, H: 3, N: 4, keeping: [0, 3]), "include 3, but its heads are 0 to 2"),
    (HeadHybridSizes(D: 15, H: 3, N: 4, keeping: [-1]), "include -1"),
    (
      HeadHybridSizes(
        attention: CausalAttentionSizes(D: 15, H: 3), recurrent: DiscreteMamba2Sizes(D: 15, H: 5, N: 4), keeping: []),
      "3 heads, but its recurrent part has 5"
    ),
    (
      HeadHybridSizes(
        attention: CausalAttentionSizes(D: 15, H: 3), recurrent: DiscreteMamba2Sizes(D: 12, H: 3, N: 4), keeping: []),
      "a width of 15, but its recurrent heads have 12"
    ),
    (
      HeadHybridSizes(
        attention: CausalAttentionSizes(D: 15, H: 3), recurrent: DiscreteMamba2Sizes(D: 15, H: 3, N: 4, G: 1),
        keeping: [1]), "1 pairs of B and C are not one for each of 3 heads"
    ),
  ]) func impossibleSizesAreNamed(sizes: HeadHybridSizes, said: String) {
    #expect(sizes.problem?.contains(said) == true, "\(sizes.problem ?? "none")")
  }
}
