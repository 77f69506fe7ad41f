// # config.json
//
// Each layout in its own words, read back as what was written; and files that are of neither
// layout, or lack a word, refused with a sentence that names file and word.

import Checkpoints
import Foundation
import Layers
import Models
import Tensors
import TestSupport
import Testing

/// The paths of all keys in a JSON object, with their values as text.
private func flattened(_ file: URL) throws -> [String: String] {
  var found: [String: String] = [:]
  func visit(_ value: Any, _ path: String) {
    guard let object = value as? [String: Any] else {
      found[path] = "\(value)"
      return
    }
    for (key, inner) in object { visit(inner, path.isEmpty ? key : "\(path).\(key)") }
  }
  visit(try JSONSerialization.jsonObject(with: Data(contentsOf: file)), "")
  return found
}

@Suite struct ConfigurationTests {
  static let attention = CausalAttentionSizes(D: 30, H: 5, rotaryFraction: 1, rotaryBase: 500)
  static let teacher = ModelConfiguration(
    V: 73, D: 30, T: 129, block: ParallelBlockSizes(feedForward: 77), mixers: [attention, attention], layout: .phi)

  @Test func aTeachersIsInTheWordsOfPhi() throws {
    try withTemporaryFolder { directory in
      let file = directory.appendingPathComponent("config.json")
      try ConfigurationTests.teacher.write(to: file)
      let expected = [
        "model_type": "phi", "vocab_size": "73", "hidden_size": "30", "intermediate_size": "77",
        "num_hidden_layers": "2", "num_attention_heads": "5", "max_position_embeddings": "129",
        "partial_rotary_factor": "1", "rope_theta": "500", "layer_norm_eps": "1e-05", "hidden_act": "gelu_new",
        "tie_word_embeddings": "0",
      ]
      var found = try flattened(file)
      #expect(found.removeValue(forKey: "architectures")?.contains("PhiForCausalLM") == true)
      for key in Set(expected.keys).union(found.keys) { #expect(found[key] == expected[key], "\(key)") }
      #expect(try ModelConfiguration(contentsOf: file) == ConfigurationTests.teacher)
    }
  }

  /// What the authors' file says of a group of state space blocks.
  static let core = [
    "d_state": "7", "n_v_heads": "5", "n_qk_heads": "5", "d_conv": "3", "conv_bias": "1", "expand": "1",
    "chunk_size": "16", "activation": "identity", "bias": "0",
  ]

  static func group(_ number: Int, layers: Int, core: [String: String], type: String) -> [String: String] {
    var words = [
      "n_layers": "\(layers)", "BlockType": "modules.phi_block", "block_input.resid_dropout": "0", "CoreType": type,
    ]
    for (key, value) in core { words["core_input.\(key)"] = value }
    return Dictionary(uniqueKeysWithValues: words.map { ("Block\(number).\($0)", $1) })
  }

  @Test func aStudentsAndAHybridsAreInTheWordsOfPhiMamba() throws {
    var base = ConfigurationTests.teacher
    base.mixers = Array(repeating: ConfigurationTests.attention, count: 6)
    let student = DiscreteMamba2Sizes(D: 30, H: 5, N: 7, K: 3, Q: 16)
    let (mamba, attention) = ("modules.mixers.discrete_mamba2", "modules.mixers.phi_attention")
    let kept = ["num_attention_heads": "5", "partial_rotary_factor": "1", "rope_theta": "500"]
    let cases: [(Set<Int>, [(Int, Bool)])] = [
      ([], [(6, true)]), ([2], [(2, true), (1, false), (3, true)]),
      ([0, 1, 5], [(2, false), (3, true), (1, false)]),
      ([1, 3, 5], [(1, true), (1, false), (1, true), (1, false), (1, true), (1, false)]),
    ]
    for (layers, groups) in cases {
      try withTemporaryFolder { directory in
        let file = directory.appendingPathComponent("config.json")
        let configuration = base.student(student, keeping: layers)
        try configuration.write(to: file)
        var expected = [
          "LanguageModel.input.vocab_size": "73", "LanguageModel.input.pad_vocab_size_multiple": "1",
          "MixerModel.input.d_model": "30", "MixerModel.input.n_layer": "6",
          "MixerModel.input.lm_head_prenorm": "layer", "MixerModel.input.d_intermediate": "77",
          "MixerModel.input.max_position_embeddings": "129",
        ]
        for (number, (count, isMamba)) in groups.enumerated() {
          let words = ConfigurationTests.group(
            number + 1, layers: count, core: isMamba ? ConfigurationTests.core : kept,
            type: isMamba ? mamba : attention)
          expected.merge(words) { $1 }
        }
        let found = try flattened(file)
        for key in Set(expected.keys).union(found.keys) { #expect(found[key] == expected[key], "\(layers): \(key)") }
        #expect(try ModelConfiguration(contentsOf: file) == configuration, "\(layers)")
      }
    }
  }

  /// A file, and what the message must say besides the file's name.
  static let wrong: [(text: String, mentions: [String])] = [
    ("{", ["top level"]), ("[]", ["top level"]), ("{}", ["LanguageModel"]),
    (#"{"model_type": "llama"}"#, ["hidden_size", "missing"]), (#"{"model_type": 3}"#, ["model_type", "String"]),
    (#"{"model_type": "phi"}"#, ["hidden_size", "missing"]),
    (
      #"{"LanguageModel":{"input":{"vocab_size":7,"pad_vocab_size_multiple":1}}}"#, ["MixerModel"]
    ),
    (
      mambaFile(type: "modules.mixers.hyena", core: #"{"d_state":3}"#),
      ["unknown kind", "CoreType", "discrete_mamba2"]
    ),
    (mambaFile(type: "modules.mixers.phi_attention", core: #"{"rope_theta":2}"#), ["num_attention_heads"]),
    (
      mambaFile(type: "modules.mixers.discrete_mamba2", core: coreJSON, block: "modules.llama_block"),
      ["unknown kind", "BlockType"]
    ),
    (mambaFile(type: "modules.mixers.discrete_mamba2", core: coreJSON, groups: 0), ["layers"]),
    (
      mambaFile(type: "modules.mixers.discrete_mamba2", core: coreJSON, groups: .max),
      ["n_layers", "cannot have 9223372036854775807 layers"]
    ),
    (mambaFile(type: "modules.mixers.discrete_mamba2", core: coreJSON, groups: -1), ["n_layers"]),
    (mambaFile(type: "modules.mixers.discrete_mamba2", core: #"{"d_state":"many"}"#), ["d_state", "Int"]),
    (mambaFile(type: "modules.mixers.discrete_mamba2", core: #"{"n_v_heads":2,"expand":2}"#), ["expand", "2"]),
    (#"{"model_type": "mistral"}"#, ["mistral", "phi or llama"]),
    (#"{"model_type": "llama", "rms_norm_eps": 1e-6, "rms_norm_eps": 0.5}"#, ["rms_norm_eps", "twice"]),
    (#"{"model_type": "phi", "layer_norm_eps": 1e-5, "layer_norm_eps": 0.5}"#, ["layer_norm_eps", "twice"]),
  ]

  private static let coreJSON = #"{"d_state":3,"n_v_heads":2,"d_conv":4,"chunk_size":5}"#

  static func mambaFile(
    type: String, core: String, block: String = "modules.phi_block", groups: Int = 1
  ) -> String {
    #"{"LanguageModel":{"input":{"vocab_size":7,"pad_vocab_size_multiple":1}},"#
      + #""MixerModel":{"input":{"d_model":6,"n_layer":1,"lm_head_prenorm":"layer","d_intermediate":24,"#
      + #""max_position_embeddings":9}},"Block1":{"n_layers":\#(groups),"BlockType":"\#(block)","#
      + "\"block_input\":{\"resid_dropout\":0.0},\"CoreType\":\"\(type)\",\"core_input\":\(core)}}"
  }

  @Test(arguments: wrong.indices) func whatIsOfNeitherLayoutIsRefused(index: Int) throws {
    let (text, mentions) = ConfigurationTests.wrong[index]
    try withTemporaryFolder { directory in
      let file = directory.appendingPathComponent("config.json")
      try Data(text.utf8).write(to: file)
      let error = try #require(throws: CheckpointError.self) { try ModelConfiguration(contentsOf: file) }
      for mention in mentions + [file.path] { #expect(error.description.contains(mention), "\(text): \(error)") }
    }
  }

  @Test func aStudentIsTheTeacherWithOtherMixers() {
    let teacher = Kind.teacher.configuration
    func kinds(_ c: ModelConfiguration) -> [Bool] { c.mixers.map { $0 is DiscreteMamba2Sizes } }
    #expect(teacher.layout == .phi && teacher.L == 3 && kinds(teacher) == [false, false, false])
    let student = teacher.student(Kind.mamba)
    #expect(kinds(student) == [true, true, true] && student.layout == .phiMamba && student != teacher)
    #expect(student.layersUnlike(teacher) == [0, 1, 2] && teacher.layersUnlike(teacher).isEmpty)
    var hybrid = teacher.student(Kind.mamba, keeping: [0, 2, 7])
    #expect(kinds(hybrid) == [false, true, false] && hybrid.layersUnlike(teacher) == [1])
    (hybrid.mixers, hybrid.layout) = (teacher.mixers, .phi)
    #expect(hybrid == teacher)
    #expect(ModelConfiguration(V: 7, D: 6, T: 5, mixers: [], layout: .phi).block.feedForward == 24)
  }

  // The layout is what the model says, whatever its mixers are.
  @Test func attentionThroughoutCanHaveEitherLayout() throws {
    try withTemporaryFolder { directory in
      var configuration = Kind.teacher.configuration
      configuration.layout = .phiMamba
      var random = SeededGenerator(seed: 1)
      let model = LanguageModel(configuration, using: &random)
      #expect(model.parameters.contains { $0.name == "backbone.layers.0.mixer.self_attn.q_proj.weight" })
      try model.write(to: directory)
      #expect(try LanguageModel(contentsOf: directory).configuration == configuration)
    }
  }

  @Test func whatALayoutCannotSayIsNotWritten() throws {
    var configuration = Kind.student.configuration
    configuration.layout = .phi
    try withTemporaryFolder { directory in
      let file = directory.appendingPathComponent("config.json")
      let error = try #require(throws: CheckpointError.self) { try configuration.write(to: file) }
      #expect(error.description.contains("Phi") && !FileManager.default.fileExists(atPath: file.path), "\(error)")
    }
  }

  @Test func sizesThatNoModelHasAreNamed() {
    func problem(_ change: (inout ModelConfiguration) -> Void) -> String {
      var configuration = Kind.student.configuration
      change(&configuration)
      return configuration.problem ?? "none"
    }
    #expect(problem { _ in } == "none")
    #expect(problem { $0.V = 0 }.contains("vocabulary has a size of 0"))
    #expect(problem { $0.mixers = [] }.contains("layers"))
    #expect(problem { $0.V = 1_000_000_000_000 }.contains("vocabulary has a size of 1000000000000, where at most"))
    #expect(problem { $0.block = ParallelBlockSizes(feedForward: .max) }.contains("hidden width"))
    #expect(problem { ($0.V, $0.D) = (1 << 20, 1 << 18) }.contains("numbers, where at most"))
    #expect(problem { $0.D = 12 }.contains("made for width 10"))
    #expect(problem { $0.mixers[1] = DiscreteMamba2Sizes(D: 10, H: 3, N: 3) }.contains("cut into 3 heads"))
    #expect(problem { $0.mixers[1] = DiscreteMamba2Sizes(D: 10, H: 2, N: 0) }.contains("state size"))
    #expect(problem { $0.mixers[1] = DiscreteMamba2Sizes(D: 10, H: 2, N: .max) }.contains("at most"))
    #expect(problem { $0.mixers[1] = DiscreteMamba2Sizes(D: 10, H: 5, N: 3, G: 2) }.contains("shared evenly"))
    #expect(problem { $0.mixers[1] = CausalAttentionSizes(D: 10, H: 2, rotaryFraction: 2) }.contains("rotary part"))
    #expect(problem { $0.mixers[1] = CausalAttentionSizes(D: 10, H: 2, rotaryBase: 0) }.contains("rotary angles"))
  }

  @Test func whatALayoutHasNoKeyForIsNamed() {
    func problem(_ kind: Kind, _ change: (inout ModelConfiguration) -> Void) -> String {
      var configuration = kind.configuration
      change(&configuration)
      return configuration.problem ?? "none"
    }
    #expect(problem(.student) { $0.hasHeadBias = false }.contains("a head with a bias"))
    #expect(problem(.student) { $0.block = SequentialBlockSizes(feedForward: 7) } == "none")
    #expect(
      problem(.student) { $0.block = SequentialBlockSizes(feedForward: 7, epsilon: 1e-6) }.contains(
        "none of its other"))
    func llama(_ configuration: inout ModelConfiguration, isTied: Bool, hasBias: Bool) {
      (configuration.layout, configuration.block) = (.llamaMamba, SequentialBlockSizes(feedForward: 7))
      (configuration.hasTiedHead, configuration.hasHeadBias) = (isTied, hasBias)
    }
    #expect(problem(.student) { llama(&$0, isTied: true, hasBias: false) } == "none")
    #expect(problem(.student) { llama(&$0, isTied: false, hasBias: true) } == "none")
    #expect(problem(.student) { llama(&$0, isTied: true, hasBias: true) }.contains("has no bias"))
  }
}
