// # Models in files
//
// What was written comes back to the last bit of the logits. What does not fit is refused by name,
// before any parameter has changed.

import Checkpoints
import Foundation
import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Testing

@Suite("models in files", .tallied) struct FilesTests {
  @Test(arguments: Kind.allCases) func aModelComesBackToTheLastBit(kind: Kind) throws {
    try withTemporaryFolder { directory in
      var random = SeededGenerator(seed: 4)
      let folder = directory.appendingPathComponent("made/on the way")
      let model = kind.model()
      try model.write(to: folder)
      #expect(
        try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
          "config.json", "model.safetensors",
        ])
      let read = try LanguageModel(contentsOf: folder)
      #expect(read.configuration == model.configuration)
      let tokens = randomTokens(using: &random)
      expectIdentical(read(tokens).value, model(tokens).value, "\(kind), logits")
      for (mine, theirs) in zip(read.parameters, model.parameters) {
        #expect(mine.name == theirs.name)
        expectIdentical(mine.value, theirs.value, mine.name)
      }
    }
  }

  @Test(arguments: Kind.allCases) func aCheckpointHoldsTheParametersByName(kind: Kind) {
    let model = kind.model()
    let checkpoint = model.checkpoint
    #expect(Set(checkpoint.tensors.keys) == Set(model.parameters.map(\.name)))
    for parameter in model.parameters { expectIdentical(checkpoint.tensors[parameter.name]!, parameter.value) }
    #expect(checkpoint.metadata["format"] == "pt")
  }

  @Test(arguments: Kind.allCases) func aCheckpointThatDoesNotFitChangesNothing(kind: Kind) throws {
    let source = kind.model(seed: 5)
    let names = source.parameters.map(\.name)
    let (first, last) = (names[0], names[names.count - 1])
    let cases: [(String, (inout Checkpoint) -> Void, [String])] = [
      ("first missing", { $0.tensors[first] = nil }, [first, "1 of \(names.count) tensors are missing"]),
      ("last missing", { $0.tensors[last] = nil }, [last, "missing"]),
      ("unknown", { $0.tensors["lm_head.scale"] = Tensor(1) }, ["lm_head.scale", "1 are not expected"]),
      (
        "missing and unknown",
        {
          $0.tensors["renamed"] = $0.tensors[first]
          $0.tensors[first] = nil
        }, [first, "renamed"]
      ),
      ("transposed", { $0.tensors[first] = $0.tensors[first]!.transposed() }, [first, "[11, 10]", "[10, 11]"]),
      (
        "last misshapen", { $0.tensors[last] = .zeros([1, 11]) },
        [last, "\(source.parameters.last!.value.shape)", "[1, 11]"]
      ),
      ("nothing at all", { $0.tensors = [:] }, ["\(names.count) of \(names.count) tensors are missing"]),
    ]
    for (what, change, mentions) in cases {
      var checkpoint = source.checkpoint
      change(&checkpoint)
      let (model, untouched) = (kind.model(), kind.model())
      let error = try #require(throws: CheckpointError.self, "\(what)") { try model.load(checkpoint) }
      for mention in mentions { #expect(error.description.contains(mention), "\(what): \(error)") }
      for (mine, theirs) in zip(model.parameters, untouched.parameters) {
        expectIdentical(mine.value, theirs.value, "\(what): \(mine.name)")
      }
    }
  }

  @Test func oneKindsCheckpointDoesNotFitAnother() throws {
    for (mine, theirs) in [(Kind.teacher, Kind.student), (.student, .hybrid), (.hybrid, .teacher)] {
      #expect(throws: CheckpointError.self) { try mine.model().load(theirs.model().checkpoint) }
    }
  }

  @Test func aFolderWithoutAModelIsRefused() throws {
    try withTemporaryFolder { directory in
      #expect(throws: CheckpointError.self) { try LanguageModel(contentsOf: directory) }
      try Kind.student.configuration.write(to: directory.appendingPathComponent("config.json"))
      let error = try #require(throws: CheckpointError.self) { try LanguageModel(contentsOf: directory) }
      #expect(error.description.contains("model.safetensors"), "\(error)")
      // Weights beside a config.json of other sizes.
      try Kind.student.model().write(to: directory)
      var other = Kind.student.configuration
      other.V = 12
      try other.write(to: directory.appendingPathComponent("config.json"))
      let second = try #require(throws: CheckpointError.self) { try LanguageModel(contentsOf: directory) }
      #expect(second.description.contains("[12, 10]") && second.description.contains("[11, 10]"), "\(second)")
    }
  }
}

// ## What others leave in their folders

@Suite("files of others") struct FilesOfOthersTests {
  /// A copy of a published variant, for changing.
  private func copy(_ variant: String, in directory: URL) throws -> URL {
    let folder = directory.appendingPathComponent("model")
    try FileManager.default.copyItem(at: PublishedTests.place(variant), to: folder)
    return folder
  }

  @Test func aWeightThatIsNotFiniteIsNamed() throws {
    for (number, word) in [(Scalar.nan, "NaN"), (.infinity, "∞"), (-.infinity, "−∞")] {
      try withTemporaryFolder { directory in
        let model = Kind.llama.model()
        try model.write(to: directory)
        let file = directory.appendingPathComponent("model.safetensors")
        var checkpoint = try Checkpoint(contentsOf: file)
        checkpoint.tensors["model.layers.1.mlp.up_proj.weight"]!.withMutableElements { $0[23] = number }
        try checkpoint.write(to: file)
        let error = try #require(throws: CheckpointError.self) { try LanguageModel(contentsOf: directory) }
        for mention in ["up_proj", "row 2", "column 3", word] {
          #expect(error.description.contains(mention), "\(error)")
        }
      }
    }
  }

  // No memory is taken for numbers that are not there.
  @Test func aConfigurationThatAsksForFarMoreThanIsThereIsRefusedFirst() throws {
    try withTemporaryFolder { directory in
      let folder = try copy("llama", in: directory)
      let file = folder.appendingPathComponent("config.json")
      let text = try String(contentsOf: file, encoding: .utf8)
      for (old, new, word) in [
        ("\"vocab_size\": 37", "\"vocab_size\": 1000000", "vocabulary 1000000"),
        ("\"vocab_size\": 37", "\"vocab_size\": 1000000000000", "at most"),
        ("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 1000000", "layers 1000000"),
        ("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 1000000000", "cannot have 1000000000 layers"),
        ("\"intermediate_size\": 28", "\"intermediate_size\": 1000000", "hidden width 1000000"),
        ("\"num_hidden_layers\": 3", "\"num_hidden_layers\": 1000", "layers 1000"),
        ("\"vocab_size\": 37", "\"vocab_size\": 37.5", "“vocab_size”"),
        ("\"num_key_value_heads\": 2", "\"num_key_value_heads\": 1e40", "“num_key_value_heads”"),
      ] {
        #expect(text.contains(old))
        try text.replacing(old, with: new).write(to: file, atomically: true, encoding: .utf8)
        // What other tests take meanwhile counts too, but not in each try.
        let tries = (0..<3).map { _ in
          MemoryStatistics.peak {
            #expect(throws: CheckpointError.self) { try LanguageModel(contentsOf: folder) }
          }
        }
        let (bytes, error) = (tries.map(\.0).min()!, tries[0].1)
        #expect(bytes < 10_000_000, "\(new) took \(bytes) bytes")
        #expect(error?.description.contains(word) == true, "\(new): \(error.map(\.description) ?? "none")")
      }
    }
  }

  @Test func aTiedHeadThatIsInTheFileHasToBeTheEmbedding() throws {
    try withTemporaryFolder { directory in
      let folder = try copy("llama-tied", in: directory)
      let file = folder.appendingPathComponent("model.safetensors")
      var checkpoint = try Checkpoint(contentsOf: file)
      let table = checkpoint.tensors["model.embed_tokens.weight"]!
      checkpoint.tensors["lm_head.weight"] = table
      try checkpoint.write(to: file)
      let tokens = Tokens([1, 2, 3])
      let expected = try LanguageModel(contentsOf: PublishedTests.place("llama-tied")).frozen(tokens)
      expectClose(try LanguageModel(contentsOf: folder).frozen(tokens), expected, "equal head")
      checkpoint.tensors["lm_head.weight"] = Tensor(2) * table
      try checkpoint.write(to: file)
      let error = try #require(throws: CheckpointError.self) { try LanguageModel(contentsOf: folder) }
      #expect(
        error.description.contains("lm_head.weight") && error.description.contains("tie_word_embeddings"), "\(error)")
    }
  }

  @Test func theWordsOfTheLaterFramework() throws {
    try withTemporaryFolder { directory in
      let file = directory.appendingPathComponent("config.json")
      let hybrid = Kind.llamaHybrid.configuration
      try hybrid.write(to: file)
      let words = try #require(try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
      let input = try #require(words["input"] as? [String: Any])
      #expect(input["vocab_size"] as? Int == 11 && input["tie_embeddings"] as? Bool == true)
      let model = try #require(words["MixerModel"] as? [String: Any])
      #expect(model["name"] as? String == "LlamaModel")
      let backbone = try #require(model["input"] as? [String: Any])
      #expect(
        backbone["d_model"] as? Int == 10 && backbone["n_layer"] as? Int == 3 && backbone["rope_theta"] as? Int == 500
      )
      let blocks = try #require(model["Blocks"] as? [[String: Any]])
      #expect(blocks.map { $0["name"] as? String } == ["LlamaBlock", "LlamaBlock", "LlamaBlock"])
      #expect(
        blocks.map { ($0["Layer"] as? [String: Any])?["name"] as? String } == [
          "DiscreteMamba2", "LlamaAttention", "DiscreteMamba2",
        ])
      #expect(try ModelConfiguration(contentsOf: file) == hybrid)

      let text = try String(contentsOf: file, encoding: .utf8)
      for (old, new, word) in [
        ("\"LlamaBlock\"", "\"DoubleBlock\"", "DoubleBlock"), ("\"DiscreteMamba2\"", "\"Toeplitz\"", "Toeplitz"),
        ("\"n_layer\" : 3", "\"n_layer\" : 4", "n_layer 4"), ("\"silu\"", "\"gelu\"", "gelu"),
        ("\"norm_cls\" : \"none\"", "\"norm_cls\" : \"rms\"", "norm_cls"), ("norm_cls", "norm", "norm_cls"),
        ("\"lm_head_prenorm\" : \"rms\"", "\"lm_head_prenorm\" : \"layer\"", "lm_head_prenorm"),
        ("\"d_model\" : 10", "\"d_model\" : 10, \"rope_scaling\" : {\"rope_type\" : \"llama3\"}", "llama3"),
        (
          "\"n_layer\" : 3,\n      \"norm_epsilon\" : 1e-06", "\"n_layer\" : 3,\n      \"norm_epsilon\" : 0.01",
          "0.01"
        ),
        ("\"LlamaModel\"", "\"Qwen2Model\"", "Qwen2Model"), ("\"expand\" : 1", "\"expand\" : 2", "expand"),
      ] {
        #expect(text.contains(old), "\(old)")
        try text.replacing(old, with: new).write(to: file, atomically: true, encoding: .utf8)
        let error = try #require(throws: CheckpointError.self, "\(new)") { try ModelConfiguration(contentsOf: file) }
        #expect(error.description.contains(word), "\(error)")
      }
    }
  }

  // The authors' own sample says neither the hidden width nor the length, and pads its vocabulary.
  @Test func theAuthorsKeysAreEnough() throws {
    try withTemporaryFolder { directory in
      let file = directory.appendingPathComponent("config.json")
      func read(_ change: (inout [String: Any]) -> Void = { _ in }) throws -> ModelConfiguration {
        var words: [String: Any] = [
          "LanguageModel": ["input": ["vocab_size": 51195, "pad_vocab_size_multiple": 8]],
          "MixerModel": ["input": ["d_model": 64, "n_layer": 3, "lm_head_prenorm": "layer"]],
          "Block1": [
            "n_layers": 3, "BlockType": "modules.phi_block", "block_input": ["resid_dropout": 0.0],
            "CoreType": "modules.mixers.discrete_mamba2", "core_input": ["n_v_heads": 4, "n_qk_heads": 4],
          ],
        ]
        change(&words)
        try JSONSerialization.data(withJSONObject: words).write(to: file)
        return try ModelConfiguration(contentsOf: file)
      }
      let sample = try read()
      #expect(sample.V == 51200 && sample.block.feedForward == 256 && sample.L == 3 && sample.hasHeadBias)
      #expect(sample.mixers[0].isEqual(to: DiscreteMamba2Sizes(D: 64, H: 4, N: 64, K: 4, Q: 128)))
      func refused(_ word: String, _ change: @escaping (inout [String: Any]) -> Void) throws {
        let error = try #require(throws: CheckpointError.self, "\(word)") { try read(change) }
        #expect(error.description.contains(word), "\(error)")
      }
      func core(_ key: String, _ value: Any) -> (inout [String: Any]) -> Void {
        {
          var (block, input) = ($0["Block1"] as! [String: Any], ["n_v_heads": 4] as [String: Any])
          input[key] = value
          block["core_input"] = input
          $0["Block1"] = block
        }
      }
      try refused("activation", core("activation", "silu"))
      try refused("expand", core("expand", 2))
      try refused("bias", core("bias", true))
      try refused("conv_bias", core("conv_bias", false))
      try refused("norm_cls", core("norm_cls", "rms"))
      try refused("n_layer 5") { $0["MixerModel"] = ["input": ["d_model": 64, "n_layer": 5]] }
      try refused("lm_head_prenorm") {
        $0["MixerModel"] = ["input": ["d_model": 64, "n_layer": 3, "lm_head_prenorm": "rms"]]
      }
      try refused("Block3") { $0["Block3"] = $0["Block1"] }
      // Every group is read, not only the first.
      var group = [:] as [String: Any]
      let two = try read {
        group = $0["Block1"] as! [String: Any]
        group["core_input"] = ["n_v_heads": 4, "d_state": 8]
        $0["Block2"] = group
        $0["MixerModel"] = ["input": ["d_model": 64, "n_layer": 6]]
      }
      #expect(two.mixers.map { ($0 as! DiscreteMamba2Sizes).N } == [64, 64, 64, 8, 8, 8])
    }
  }
}
