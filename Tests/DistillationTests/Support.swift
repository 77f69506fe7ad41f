// # Help for tests of the method
//
// A teacher and its three kinds of students, tiny, with sizes that are all different and random
// numbers in every parameter. And what each stage trains, row by row, written out once more from
// the paper's facts instead of taken from the stages.

import Corpora
import Distillation
import Gradients
import Layers
import Models
import Tensors
import TestSupport
import Training

extension Tolerance {
  /// A loss against the same loss computed in another way.
  static let loss: Scalar = isDouble ? 1e-12 : 1e-4
}

/// A kind of student.
enum Student: String, CaseIterable, Sendable {
  /// State space mixers throughout.
  case mamba
  /// Attention kept in block 1.
  case hybrid
  /// The teacher's own architecture with new mixers: the paper's control.
  case control

  /// The blocks whose mixers the student replaces.
  var replaced: [Int] { self == .hybrid ? [0, 2] : [0, 1, 2] }
}

/// One of the stages, with stage 2 in both its forms.
enum StageForm: String, CaseIterable, Sendable {
  case matrices, mixerOutputs, blockOutputs, distributions

  static let layerwise: [StageForm] = [.matrices, .mixerOutputs, .blockOutputs]

  func between(_ pair: Pair) -> any DistillationStage {
    let (teacher, student, layers) = (pair.teacher.frozen, pair.student, pair.replaced)
    return switch self {
    case .matrices: MatrixOrientation(from: teacher, to: student, replacing: layers)
    case .mixerOutputs: HiddenStateAlignment(from: teacher, to: student, replacing: layers)
    case .blockOutputs: HiddenStateAlignment(from: teacher, to: student, comparing: .blockOutput, replacing: layers)
    case .distributions: KnowledgeDistillation(from: teacher, to: student, replacing: layers)
    }
  }
}

/// A teacher and a student.
struct Pair {
  static let configuration = ModelConfiguration(
    V: 11, D: 10, T: 7, block: ParallelBlockSizes(feedForward: 13),
    mixers: Array(repeating: CausalAttentionSizes(D: 10, H: 2), count: 3), layout: .phi)
  /// The student's mixer.
  static let mamba = DiscreteMamba2Sizes(D: 10, H: 2, N: 3, Q: 5)

  let teacher, student: LanguageModel
  /// The layers whose mixers are the student's own; nil where the kinds of mixers say it.
  let replaced: [Int]?

  init(
    _ kind: Student, _ c: ModelConfiguration = Pair.configuration, mixer: any MixerSizes = Pair.mamba,
    seed: UInt64 = 1
  ) {
    teacher = Pair.model(c, seed: seed)
    student = Pair.model(
      kind == .control ? c : c.student(mixer, keeping: kind == .hybrid ? [1] : []), seed: seed + 100)
    replaced = kind == .control ? Array(0..<c.L) : nil
  }

  init(teacher: LanguageModel, student: LanguageModel) {
    (self.teacher, self.student, replaced) = (teacher, student, nil)
  }

  /// The teacher of a pair with another student.
  init(_ kind: Student, student: LanguageModel) { self.init(teacher: Pair(kind).teacher, student: student) }

  /// A model with random numbers in every parameter; those of a norm's scale are near 1.
  static func model(_ configuration: ModelConfiguration, seed: UInt64) -> LanguageModel {
    var random = SeededGenerator(seed: seed)
    let model = LanguageModel(configuration, using: &random)
    randomise(model.parameters, using: &random)
    return model
  }

  /// Gives the student every weight of the teacher; for the control alone, since the others have
  /// other mixers.
  func makeEqual() {
    for (mine, theirs) in zip(student.parameters, teacher.parameters) { mine.value = theirs.value }
  }
}

extension Stage {
  /// The loss of a text, for a stage that does not ask which tokens come next.
  func loss(_ tokens: Tokens) -> StageLoss { loss(Batch(inputs: tokens, targets: tokens)) }
}

/// Two rows of seven tokens, among which all eleven occur.
let tokens = Tokens([3, 7, 0, 10, 5, 1, 8, 9, 2, 6, 4, 3, 0, 7], B: 2, T: 7)

/// The settings of a short run, with weight decay.
func settings(steps: Int) -> TrainingSettings {
  TrainingSettings(steps: steps, learningRate: 0.01, tokensPerUpdate: tokens.ids.count, seed: 9)
}

/// What the method trains: the rows of each parameter, by the parameter's name.
func trainedRows(_ student: Student, _ stage: StageForm) -> [String: Set<Int>] {
  let (V, D, H, F, N) = (11, 10, 2, 13, 3)
  let (state, mixer) = (H * N, student == .control ? "self_attn" : "mixer")
  let prefix = student == .control ? "model" : "backbone"
  var rows: [String: Set<Int>] = [:]
  func add(_ name: String, _ range: Range<Int>) { rows[name, default: []].formUnion(range) }
  func addAttention(_ name: String, _ projections: [String]) {
    for projection in projections {
      add("\(name).\(projection).weight", 0..<D)
      add("\(name).\(projection).bias", 0..<D)
    }
  }
  for layer in student.replaced {
    let name = "\(prefix).layers.\(layer).\(mixer)"
    switch (student, stage) {
    case (.control, .matrices): addAttention(name, ["q_proj", "k_proj"])
    case (.control, _): addAttention(name, ["q_proj", "k_proj", "v_proj", "dense"])
    case (_, .matrices):
      // The rows of B, C and a; the convolution of B and C; D.
      add("\(name).in_proj.weight", D..<(D + 2 * state))
      add("\(name).in_proj.weight", (2 * D + 2 * state)..<(2 * D + 2 * state + H))
      add("\(name).conv1d.weight", D..<(D + 2 * state))
      add("\(name).conv1d.bias", D..<(D + 2 * state))
      add("\(name).D", 0..<H)
    default:
      add("\(name).in_proj.weight", 0..<(2 * D + 2 * state + H))
      add("\(name).z_bias", 0..<D)
      add("\(name).conv1d.weight", 0..<(D + 2 * state))
      add("\(name).conv1d.bias", 0..<(D + 2 * state))
      add("\(name).D", 0..<H)
      add("\(name).out_proj.weight", 0..<D)
    }
  }
  if student == .hybrid && stage == .distributions {
    addAttention("backbone.layers.1.mixer.self_attn", ["q_proj", "k_proj", "v_proj", "dense"])
  }
  // The MLPs beside replaced mixers, in the second form of stage 2; in stage 3 all of them, and the norms.
  for layer in stage == .distributions ? [0, 1, 2] : stage == .blockOutputs ? student.replaced : [] {
    let name = "\(prefix).layers.\(layer)"
    add("\(name).mlp.fc1.weight", 0..<F)
    add("\(name).mlp.fc1.bias", 0..<F)
    add("\(name).mlp.fc2.weight", 0..<D)
    add("\(name).mlp.fc2.bias", 0..<D)
    if stage == .distributions {
      add("\(name).input_layernorm.weight", 0..<D)
      add("\(name).input_layernorm.bias", 0..<D)
    }
  }
  if stage == .distributions {
    add(student == .control ? "model.embed_tokens.weight" : "backbone.embedding.weight", 0..<V)
    add("\(prefix).final_layernorm.weight", 0..<D)
    add("\(prefix).final_layernorm.bias", 0..<D)
    add("lm_head.weight", 0..<V)
    add("lm_head.bias", 0..<V)
  }
  return rows
}

/// Whether a row has a gradient only by rounding: a key's bias adds the same to all scores of a row, and softmax
/// cancels it, except in the two features of a head of five that are rotated by position.
func isIdle(_ name: String, row: Int) -> Bool { name.hasSuffix("k_proj.bias") && row % 5 >= 2 }
