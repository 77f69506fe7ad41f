// # Models as others write them
//
// Tiny models in folders that Hugging Face's transformers has written, and in GGUF files, with logits from
// an independent program: numpy in float64, from the formulas (`Published/make_published.py` says what
// each is for, and how transformers itself compares). We read the folders and compute the same.
//
// Then what is refused: settings that transformers honours and that are not computed here, each of which
// was seen to change its logits (refusals.json); and what is passed over, because it was seen not to
// (passed_over.json).

import Checkpoints
import Foundation
import Models
import Tensors
import TestSupport
import Testing

@Suite("published models", .tallied) struct PublishedTests {
  static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Published")

  static let variants = [
    "phi", "phi-4x", "phi-tied", "phi-gqa", "llama", "llama-4x", "llama-tied", "llama-shards", "llama-bf16",
    "llama-f16", "llama-padded", "llama-heads", "gguf-f32", "gguf-f16", "gguf-q8_0", "gguf-q4_1",
  ]

  /// What `LanguageModel` reads of a variant.
  static func place(_ variant: String) -> URL {
    let place = folder.appending(path: variant)
    return variant.hasPrefix("gguf") ? place.appending(path: "llama.gguf") : place
  }

  static func expected(_ variant: String) throws -> Checkpoint {
    try Checkpoint(contentsOf: folder.appending(path: variant).appending(path: "expected.safetensors"))
  }

  static func tokens(_ tensor: Tensor) -> Tokens {
    Tokens(tensor.elements.map { Int($0) }, B: tensor.shape[0], T: tensor.shape[1])
  }

  /// The largest difference of two tensors relative to the largest magnitude.
  static func difference(_ a: Tensor, _ b: Tensor) -> Double { Double(largestMagnitude(a - b) / largestMagnitude(b)) }

  @Test func everyVariantIsInTheList() throws {
    let there = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
      .filter { FileManager.default.fileExists(atPath: Self.folder.path + "/\($0)/expected.safetensors") }
    #expect(Set(there) == Set(Self.variants))
  }

  @Test(arguments: variants) func itsLogitsAreThoseOfTheIndependentProgram(variant: String) throws {
    let model = try LanguageModel(contentsOf: Self.place(variant)).frozen
    let expected = try Self.expected(variant)
    let logits = model(Self.tokens(expected.tensors["tokens"]!))
    let (exact, theirs) = (expected.tensors["logits"]!, expected.tensors["transformers_logits"]!)
    let (toExact, toTheirs) = (Self.difference(logits, exact), Self.difference(logits, theirs))
    #expect(toExact <= (Tolerance.isDouble ? 1e-12 : 3e-6), "\(variant): \(toExact) from the formulas")
    #expect(toTheirs <= (Tolerance.isDouble ? 3e-6 : 6e-6), "\(variant): \(toTheirs) from transformers")
    Tally.count(exact.count, variant, worst: toExact)
  }

  @Test(arguments: ["phi", "llama"]) func itsStatesAndMatricesAreTheirs(variant: String) throws {
    let model = try LanguageModel(contentsOf: Self.place(variant)).frozen
    let expected = try Self.expected(variant)
    let traces = model.trace(Self.tokens(expected.tensors["tokens"]!))
    func compare(_ mine: Tensor, _ name: String) throws {
      let theirs = try #require(expected.tensors[name])
      #expect(Self.difference(mine, theirs) <= (Tolerance.isDouble ? 1e-12 : 3e-6), "\(variant), \(name)")
    }
    for (layer, trace) in traces.enumerated() {
      try compare(trace.input, "hidden.\(layer)")
      try compare(trace.mixerInput, "u.\(layer)")
      try compare(trace.matrix!, "attention.\(layer)")
    }
    try compare(traces.last!.output, "hidden.\(traces.count)")
  }

  @Test(arguments: variants) func itWritesTheTokensThatTheyWrite(variant: String) throws {
    let model = try LanguageModel(contentsOf: Self.place(variant)).frozen
    let expected = try Self.expected(variant)
    let prompt = Array(Self.tokens(expected.tensors["tokens"]!).row(0))
    // Padding of the vocabulary is never drawn: in llama-padded it would always be.
    var sampler = Sampler.greedy
    sampler.vocabulary = Int(expected.metadata["real_tokens"]!)
    let text = try model.generate([prompt], count: 8, sampler)[0]
    #expect(text == expected.tensors["greedy"]!.elements.map { Int($0) }, "\(variant)")
    if variant == "llama-padded" { #expect(try model.generate([prompt], count: 8, .greedy)[0] != text) }
    sampler = Sampler(temperature: 3)
    sampler.vocabulary = Int(expected.metadata["real_tokens"]!)
    #expect(try model.generate([prompt], count: 30, sampler)[0].allSatisfy { $0 < sampler.vocabulary! }, "\(variant)")
  }

  // Read, written, read again: our own files say the same, in the same layout.
  @Test(arguments: variants) func itComesBackFromAFolderOfOurs(variant: String) throws {
    try withTemporaryFolder { directory in
      let model = try LanguageModel(contentsOf: Self.place(variant))
      try model.write(to: directory)
      let read = try LanguageModel(contentsOf: directory)
      #expect(read.configuration == model.configuration)
      let tokens = Self.tokens(try Self.expected(variant).tensors["tokens"]!)
      expectIdentical(read.frozen(tokens), model.frozen(tokens), variant)
    }
  }
}

// ## Settings

/// A setting that transformers honours, and that is not computed here.
private struct Refusal: Decodable {
  var base: String
  var change: [String: JSONText]
  var mentions: [String]
}

/// A key that changes nothing, and a value that was tried.
private struct PassedOver: Decodable {
  var key: String
  var tried: JSONText?
}

/// Any JSON value, kept as text.
private struct JSONText: Decodable {
  let object: Any

  init(from decoder: any Decoder) throws {
    if let values = try? decoder.container(keyedBy: Key.self) {
      object = try Dictionary(
        uniqueKeysWithValues: values.allKeys.map {
          ($0.stringValue, try values.decode(JSONText.self, forKey: $0).object)
        })
      return
    }
    if var list = try? decoder.unkeyedContainer() {
      var elements: [Any] = []
      while !list.isAtEnd { elements.append(try list.decode(JSONText.self).object) }
      object = elements
      return
    }
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      object = NSNull()
    } else if let flag = try? value.decode(Bool.self) {
      object = flag
    } else if let whole = try? value.decode(Int.self) {
      object = whole
    } else if let number = try? value.decode(Double.self) {
      object = number
    } else {
      object = try value.decode(String.self)
    }
  }

  private struct Key: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init?(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}

@Suite("settings of published models", .tallied) struct PublishedSettingsTests {
  private static func list<Row: Decodable>(_ name: String) -> [Row] {
    let file = PublishedTests.folder.appending(path: name)
    return (try? JSONDecoder().decode([Row].self, from: Data(contentsOf: file))) ?? []
  }

  /// A copy of a variant with some words of its config.json changed.
  private func changed(_ variant: String, _ change: [String: JSONText], in directory: URL) throws -> URL {
    let folder = directory.appending(path: "model")
    try FileManager.default.copyItem(at: PublishedTests.place(variant), to: folder)
    let file = folder.appending(path: "config.json")
    var words = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    for (key, value) in change { words[key] = value.object }
    try JSONSerialization.data(withJSONObject: words).write(to: file)
    return folder
  }

  @Test func whatIsNotComputedIsRefusedByKeyAndValue() throws {
    let refusals: [Refusal] = Self.list("refusals.json")
    #expect(refusals.count > 50)
    for refusal in refusals {
      try withTemporaryFolder { directory in
        let folder = try changed(refusal.base, refusal.change, in: directory)
        let error = try #require(throws: CheckpointError.self, "\(refusal.base), \(refusal.change)") {
          try LanguageModel(contentsOf: folder)
        }
        for mention in refusal.mentions {
          #expect(error.description.contains(mention), "\(refusal.change): \(error)")
        }
        #expect(!error.description.contains("\n"), "\(error)")
      }
    }
    Tally.count(refusals.count, "refusals")
  }

  @Test(arguments: ["phi", "llama"]) func whatChangesNothingIsPassedOver(base: String) throws {
    let rows: [PassedOver] = Self.list("passed_over.json")
    #expect(rows.count > 50)
    let expected = try PublishedTests.expected(base)
    let tokens = PublishedTests.tokens(expected.tensors["tokens"]!)
    let logits = try LanguageModel(contentsOf: PublishedTests.place(base)).frozen(tokens)
    try withTemporaryFolder { directory in
      var change: [String: JSONText] = [:]
      for row in rows { if let tried = row.tried { change[row.key] = tried } }
      let folder = try changed(base, change, in: directory)
      expectIdentical(try LanguageModel(contentsOf: folder).frozen(tokens), logits, base)
    }
  }

  // Two names of one function.
  @Test func otherNamesOfTheSameActivation() throws {
    for (base, names) in [("phi", ["gelu_pytorch_tanh", "gelu_fast"]), ("llama", ["swish"])] {
      for name in names {
        try withTemporaryFolder { directory in
          let json = try JSONDecoder().decode([String: JSONText].self, from: Data(#"{"hidden_act":"\#(name)"}"#.utf8))
          #expect(throws: Never.self) { try LanguageModel(contentsOf: try changed(base, json, in: directory)) }
        }
      }
    }
  }
}
