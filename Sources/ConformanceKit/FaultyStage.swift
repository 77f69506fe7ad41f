// # A stage with a mistake
//
// The same plain formulas, trained: a stage whose loss is computed with mistakes, on the parameters of a model of this
// library. So a mistake can be planted in a whole run, to see what its loss looks like and what it costs.
//
// The teacher's states come from the library, since a mistake in the teacher is found before anything is trained.
//
// Read before: `PlainProgram+Losses.swift`, `Distillation/Stage.swift`. Chapter: 16-conformance.

import Corpora
import Distillation
import Gradients
import Layers
import Models
import Tensors
import Training

/// Stage 1, 2 or 3 of a student, with mistakes.
public struct FaultyStage: Stage {
  /// Which of the three.
  public enum Kind: String, CaseIterable, Sendable { case orientation, alignment, distillation }

  /// Which of the three it is.
  public let kind: Kind
  /// The mistakes that are made.
  public let faults: Set<Fault>
  /// The model to be imitated.
  public let teacher: FrozenModel
  /// The model that is trained.
  public let model: LanguageModel
  private let replaced: [Int]

  /// A stage between a teacher and a student with mixers of its own in some layers.
  public init(_ kind: Kind, from teacher: FrozenModel, to student: LanguageModel, making faults: Set<Fault>) {
    (self.kind, self.faults, self.teacher, model) = (kind, faults, teacher, student)
    replaced = student.configuration.layersUnlike(teacher.configuration)
  }

  /// The name with the mistakes.
  public var title: String { "\(right.title), \(faults.map(\.words.title).sorted().joined(separator: ", "))" }

  /// The stage without a mistake.
  private var right: any Stage {
    switch kind {
    case .orientation: MatrixOrientation(from: teacher, to: model, replacing: replaced)
    case .alignment: HiddenStateAlignment(from: teacher, to: model, replacing: replaced)
    case .distillation: KnowledgeDistillation(from: teacher, to: model, replacing: replaced)
    }
  }

  /// What the right stage trains; with weight decay on idle rows, all rows of it.
  public var trained: [ParameterRows] {
    if !faults.contains(.decayOnIdleRows) { return right.trained }
    return right.trained.map { ParameterRows($0.parameter).inGroup($0.group) }
  }

  /// Throws what the right stage throws.
  public func check() throws { try right.check() }

  /// The loss with the mistakes; no parts.
  public func loss(_ batch: Batch) -> StageLoss {
    let program = PlainProgram(of: model.configuration, replaced, batch.inputs, making: faults)
    let w = PlainProgram.weights(of: model)
    if kind == .distillation {
      let (losses, entropies) = program.stage3(
        program.logits(batch.inputs, w), teacher: constant(teacher(batch.inputs)), targets: batch.targets,
        inputs: batch.inputs)
      return StageLoss(program.stage3(losses, entropies).loss)
    }
    var own: [Variable] = []
    if faults.contains(.studentOnOwnStates) { _ = program.logits(batch.inputs, w) { own.append($0.detached) } }
    let losses = teacher.trace(batch.inputs, keepingMatrices: true).enumerated().compactMap { l, trace -> Variable? in
      guard replaced.contains(l), let matrix = trace.matrix else { return nil }
      let name = "\(PlainProgram.Names(program.kit, isStudent: true).layer(l)).mixer"
      // Scores and what stands before the output projection are not traced: mistakes with these are not planted.
      let unknown = constant(.zeros(matrix.shape))
      let target = PlainProgram.TeacherLayer(
        input: constant(trace.input), mixerInput: constant(trace.mixerInput), matrix: constant(matrix),
        scores: unknown, mixed: unknown, mixerOutput: constant(trace.mixerOutput), output: constant(trace.output))
      let u = own.isEmpty ? target.mixerInput : own[l]
      if kind == .orientation {
        let matrix = program.matrix(of: u, w, name)
        return program.stage1(program.matrixNorms(target, matrix, skip: w("\(name).D")))
      }
      let mixer = program.mixer(u, w, name)
      return program.stage2(program.outputNorms(target, gated: mixer.gated, output: mixer.output))
    }
    return StageLoss(program.overLayers(losses))
  }
}

// ## Models of this library in the plain program

extension PlainProgram {
  /// The program for a student and a batch.
  init(of configuration: ModelConfiguration, _ replaced: [Int], _ tokens: Tokens, making faults: Set<Fault>) {
    let attention = configuration.mixers.lazy.compactMap { $0 as? CausalAttentionSizes }.first
    let mamba = replaced.first.flatMap { configuration.mixers[$0] as? DiscreteMamba2Sizes }
    guard let mamba else { preconditionFailure("the student has no Discrete-Mamba-2 mixer") }
    let P = configuration.D / mamba.H
    let R = attention.map { Int(Double(P) * $0.rotaryFraction / 2) * 2 } ?? P
    self.init(
      KitCase(
        name: "a model", words: "", block: configuration.block is ParallelBlockSizes ? .phi : .llama,
        sizes: KitSizes(
          B: tokens.B, T: tokens.T, V: configuration.V, D: configuration.D, H: mamba.H, G: attention?.G ?? mamba.H,
          P: P, R: R, F: configuration.block.feedForward, L: configuration.L, N: mamba.N, K: mamba.K, pairs: mamba.G,
          prefix: 0),
        isTied: configuration.hasTiedHead, replaced: replaced),
      faults: faults, products: .library)
  }

  /// The weights of a model by name, as variables.
  static func weights(of model: LanguageModel) -> Weights {
    let variables = Dictionary(uniqueKeysWithValues: model.parameters.map { ($0.name, $0.variable) })
    return { name in
      guard let variable = variables[name] else { preconditionFailure("the model has no weight \(name)") }
      return variable
    }
  }

  /// The student's logits from its own states: tokens → [B, T, V].
  ///
  /// - Parameter seeing: called with the input of each mixer
  func logits(_ tokens: Tokens, _ w: Weights, seeing: (Variable) -> Void = { _ in }) -> Variable {
    let names = Names(kit, isStudent: true)
    var x = embedded(tokens, w, names)
    for l in 0..<s.L { x = studentBlock(l, x, w, seeing: seeing) }
    return head(x, w, names).logits
  }

  /// The matrix of a mixer alone: u [B, T, D] → [B, H, T, T].
  func matrix(of u: Variable, _ w: Weights, _ name: String) -> Variable {
    let p = parts(u, w, name)
    return matrix(logDecay: p.logDecay, b: p.b, c: p.c, d: w("\(name).D"), step: p.step)
  }
}

/// The cross-entropy with the actual tokens of a student that is run with mistakes, in nats per token, a number for
/// each text.
public func crossEntropy(of student: LanguageModel, making faults: Set<Fault>, on batches: [Batch]) -> [Double] {
  let replaced = student.configuration.mixers.indices.filter {
    student.configuration.mixers[$0] is DiscreteMamba2Sizes
  }
  let trained = student.parameters.filter { !$0.isFrozen }
  trained.forEach { $0.isFrozen = true }
  defer { trained.forEach { $0.isFrozen = false } }
  return batches.flatMap { batch -> [Double] in
    let program = PlainProgram(of: student.configuration, replaced, batch.inputs, making: faults)
    let losses = program.labelLosses(program.logits(batch.inputs, PlainProgram.weights(of: student)), batch.targets)
    return (1 / Scalar(batch.inputs.T) * sum(losses, along: 1)).value.elements.map { Double($0) }
  }
}
