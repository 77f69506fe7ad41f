// # Every tensor of a case, on demand
//
// A computation is a case with a set of mistakes, usually empty. It computes its tensors in groups, and a group only
// when one of its tensors is asked for: the doctor rules most mistakes out by the first tensors, long before anything
// is trained.
//
//     group       names                                                 needs
//     teacher     teacher.…                                             inputs
//     mixers      student.0.…, read from the teacher's states           teacher
//     own         student.own.…, student.logits                         inputs
//     losses      loss.…                                                teacher, mixers, own
//     gradients   gradient.…, step.…                                    losses
//     run         run.…                                                 losses
//     transfer    transfer….…                                           inputs
//     decoding    decoding.…                                            inputs
//     decays      all of the case without a model                       inputs
//
// Read before: `PlainProgram+Losses.swift`, `Fault.swift`. Read next: `Computation+Training.swift`, `Kit.swift`.

import Gradients
import Tensors

/// A case computed with some mistakes.
public final class Computation {
  /// Tensors that are computed together.
  enum Group: String, CaseIterable { case teacher, mixers, own, losses, gradients, run, transfer, decoding, decays }

  let program: PlainProgram
  /// Tokens and weights by name.
  public let inputs: [String: Tensor]
  let record = Recorder()
  private var computed: Set<Group> = []

  // What later groups need of earlier ones.
  var teacherWeights: [String: Variable] = [:]
  var studentWeights: [String: Variable] = [:]
  var teacherLayers: [TeacherLayer] = []
  var teacherLogits = constant(0)
  var mixers: [Int: (matrix: Variable, gated: Variable, output: Variable)] = [:]
  /// What enters each block of the student, and what enters its mixer, when it reads its own states.
  var ownStates: [Variable] = []
  var ownInputs: [Variable] = []
  var studentLogits = constant(0)
  var losses: [String: Variable] = [:]

  /// What stages 1 and 2 read of a layer of the teacher.
  struct TeacherLayer {
    var input, mixerInput, matrix, scores, mixed, mixerOutput, output: Variable
  }

  /// A computation of the inputs of a case.
  ///
  /// - Parameter inputs: tokens and weights by name; those of the kit unless others are given
  public init(_ kit: KitCase, faults: Set<Fault> = [], inputs: [String: Tensor]? = nil) {
    program = PlainProgram(kit, faults: faults)
    self.inputs = inputs ?? kit.inputs()
    func leaves(_ prefix: String) -> [String: Variable] {
      Dictionary(
        uniqueKeysWithValues: self.inputs.filter { $0.key.hasPrefix(prefix) }
          .map { (String($0.key.dropFirst(prefix.count)), Variable(leaf: $0.value)) })
    }
    (teacherWeights, studentWeights) = (leaves("teacher."), leaves("student."))
  }

  var kit: KitCase { program.kit }
  var s: KitSizes { program.s }
  func has(_ fault: Fault) -> Bool { program.has(fault) }

  /// The tensor of this name; nil if the case has none.
  public func tensor(_ name: String) -> Tensor? {
    guard let group = group(of: name) else { return nil }
    compute(group)
    return record.entries[name]?.tensor
  }

  /// All names, in the order in which they are computed.
  public func names() -> [String] {
    for group in Group.allCases where (group == .decays) == (kit.block == nil) { compute(group) }
    return record.names
  }

  /// The letters of a tensor's axes and what it is; nil if it has not been computed.
  func entry(_ name: String) -> Recorder.Entry? { record.entries[name] }

  private func group(of name: String) -> Group? {
    if kit.block == nil { return .decays }
    let parts = name.split(separator: ".", maxSplits: 2)
    switch parts.first {
    case "teacher": return .teacher
    case "student": return parts.count > 1 && Int(parts[1]) != nil ? .mixers : .own
    case "loss": return .losses
    case "gradient", "step": return .gradients
    case "run": return .run
    case "transfer", "transfer_values_and_output": return .transfer
    case "decoding": return .decoding
    default: return nil
    }
  }

  func compute(_ group: Group) {
    guard computed.insert(group).inserted else { return }
    switch group {
    case .teacher: computeTeacher()
    case .mixers: computeMixers()
    case .own: computeOwn()
    case .losses: computeLosses()
    case .gradients: computeGradients()
    case .run: computeRun()
    case .transfer: computeTransfer()
    case .decoding: computeDecoding()
    case .decays: computeDecays()
    }
  }
}

// ## Forward

extension Computation {
  var tokens: Tokens { inputs["tokens"]!.tokens }
  var targets: Tokens { inputs["targets"]!.tokens }
  private var ofTeacher: PlainProgram.Weights { weights(teacherWeights) }
  private var ofStudent: PlainProgram.Weights { weights(studentWeights) }

  /// Looks weights up by name; a name that the model lacks is a mistake in this module.
  func weights(_ variables: [String: Variable]) -> PlainProgram.Weights {
    { name in
      guard let weight = variables[name] else { preconditionFailure("the model has no weight \(name)") }
      return weight
    }
  }

  private func computeTeacher() {
    let (w, names) = (ofTeacher, PlainProgram.Names(kit, isStudent: false))
    var x = program.embedded(tokens, w, names)
    record("teacher.embedded", x, "B T D", "the embedding of the tokens")
    for l in 0..<s.L {
      let at = "teacher.\(l)"
      record("\(at).input", x, "B T D", "the state that enters block \(l)")
      var (u, scores, mixed) = (x, x, x)
      var parts: PlainProgram.AttentionParts?
      let input = x
      x = program.block(x, w, names.layer(l), record: { record("\(at).\($0)", $1, "B T D", $2) }) {
        u = $0
        parts = program.attention(u, w, "\(names.layer(l)).self_attn") { name, value, axes, words in
          if name == "scores" { scores = value }
          if name == "mixed" { mixed = value }
          record("\(at).\(name)", value, axes, words)
        }
        record("\(at).mixer_output", parts!.output, "B T D", "the output of attention, after its output projection")
        return parts!.output
      }
      let (normed, logits) = program.head(x, w, names)
      let isLast = l == s.L - 1
      let output = isLast && has(.targetAfterFinalNorm) ? normed : x
      record("\(at).output", output, "B T D", "the state that leaves block \(l)")
      teacherLayers.append(
        TeacherLayer(
          input: input.detached, mixerInput: u.detached, matrix: parts!.matrix.detached, scores: scores.detached,
          mixed: mixed.detached, mixerOutput: parts!.output.detached, output: output.detached))
      if isLast {
        record("teacher.final_norm", normed, "B T D", "the last state after the final norm")
        record("teacher.logits", logits, "B T V", "the teacher's logits")
        teacherLogits = logits
      }
    }
  }

  private func computeMixers() {
    compute(.teacher)
    if has(.studentOnOwnStates) { compute(.own) }
    for l in kit.replaced {
      let u = has(.studentOnOwnStates) ? ownInputs[l].detached : teacherLayers[l].mixerInput
      let name = "\(PlainProgram.Names(kit, isStudent: true).layer(l)).mixer"
      mixers[l] = program.mixer(u, ofStudent, name) { [record] in record("student.\(l).\($0)", $1, $2, $3) }
    }
  }

  private func computeOwn() {
    let names = PlainProgram.Names(kit, isStudent: true)
    var x = program.embedded(tokens, ofStudent, names)
    for l in 0..<s.L {
      ownStates.append(x)
      x = studentBlock(l, x, ofStudent) { ownInputs.append($0) }
      record("student.own.\(l).output", x, "B T D", "the student's state after block \(l), from its own states")
    }
    studentLogits = program.head(x, ofStudent, names).logits
    record("student.logits", studentLogits, "B T V", "the student's logits")
  }

  /// A block of the student: x [B, T, D] → [B, T, D].
  func studentBlock(
    _ l: Int, _ x: Variable, _ w: PlainProgram.Weights, seeing: (Variable) -> Void = { _ in }
  ) -> Variable {
    let layer = PlainProgram.Names(kit, isStudent: true).layer(l)
    return program.block(x, w, layer) { u in
      seeing(u)
      if kit.replaced.contains(l) { return program.mixer(u, w, "\(layer).mixer").output }
      return program.attention(u, w, "\(layer).mixer.self_attn").output
    }
  }

  private func computeDecoding() {
    let logits = program.decode(tokens, ofStudent) { record("decoding.\($0)", $1, $2, $3) }
    record("decoding.logits", logits, "B V", "the logits after the token that follows the prefix")
  }

  private func computeDecays() {
    let leaves = ["log_decay", "b", "c", "d"].map { Variable(leaf: inputs[$0]!) }
    let matrix = program.matrix(logDecay: leaves[0], b: leaves[1], c: leaves[2], d: leaves[3]) { [record] in
      if $0 != "matrix_without_skip" { record($0, $1, $2, $3) }
    }
    let slopes = gradients(of: sum(constant(inputs["weights"]!) * matrix), withRespectTo: leaves)
    for (name, axes, slope) in [
      ("log_decay", "B T H", slopes[0]), ("b", "B T H N", slopes[1]), ("c", "B T H N", slopes[2]), ("d", "H", slopes[3]),
    ] {
      record("gradient.\(name)", slope, axes, "the gradient of Σ weights · matrix with respect to \(name)")
    }
  }
}

// ## Losses

extension Computation {
  private func computeLosses() {
    compute(.mixers)
    compute(.own)
    var totals: [String: [Variable]] = [:]
    for l in kit.replaced {
      let (target, mixer) = (teacherLayers[l], mixers[l]!)
      let skip = weights(studentWeights)("\(PlainProgram.Names(kit, isStudent: true).layer(l)).mixer.D")
      let bare = mixer.matrix - skip.reshaped(to: [1, s.H, 1, 1]) * constant(.identity(s.T))
      let norms = program.matrixNorms(
        has(.stage1BeforeSoftmax) ? target.scores : target.matrix, has(.stage1WithoutSkip) ? bare : mixer.matrix)
      record("loss.stage1.\(l).norms", norms, "B H", "the Frobenius norm of each head's difference")
      totals["stage1", default: []].append(program.stage1(norms))

      let distances =
        has(.stage2BeforeOutput)
        ? program.stateNorms(target.mixed.reshaped(to: [s.B, s.T, s.D]), mixer.gated)
        : program.stateNorms(target.mixerOutput, mixer.output)
      record("loss.stage2.\(l).norms", distances, "B T", "the L2 norm of each token's difference")
      totals["stage2", default: []].append(program.stage2(distances))

      let mine = studentBlock(l, has(.studentOnOwnStates) ? ownStates[l].detached : target.input, weights(studentWeights))
      let ofBlocks = program.stateNorms(target.output, mine)
      record("loss.stage2_blocks.\(l).norms", ofBlocks, "B T", "the same for the outputs of the blocks")
      totals["stage2_blocks", default: []].append(program.stage2(ofBlocks))
    }
    let what = [
      "stage1": "the mean over batch and heads", "stage2": "the mean over batch and time",
      "stage2_blocks": "the mean over batch and time for the outputs of the blocks",
    ]
    for (stage, words) in what.sorted(by: { $0.key < $1.key }) {
      for (l, loss) in zip(kit.replaced, totals[stage]!) { record("loss.\(stage).\(l)", loss, "", "layer \(l): \(words)") }
      losses[stage] = program.overLayers(totals[stage]!)
      record("loss.\(stage)", losses[stage]!, "", "the sum over layers")
    }
    let stage3 = stage3(studentLogits, recording: true)
    losses["stage3"] = stage3
    for (name, logits) in [("teacher", teacherLogits), ("student", studentLogits)] {
      losses["labels.\(name)"] = mean(program.labelLosses(logits, has(.labelsNotShifted) ? tokens : targets))
      record("loss.labels.\(name)", losses["labels.\(name)"]!, "", "the mean cross-entropy of the \(name) with the targets")
    }
  }

  /// The loss of stage 3 for logits of the student, [].
  func stage3(_ logits: Variable, recording: Bool = false) -> Variable {
    let (tokenLosses, entropies) = program.stage3(
      logits, teacher: teacherLogits.detached, targets: targets, inputs: tokens)
    let (loss, entropy) = (mean(tokenLosses), mean(entropies))
    let isDivergence = has(.divergenceReversed)
    let divergence = isDivergence ? loss : loss - entropy
    var reported = has(.divergenceAsLoss) ? divergence : loss
    if has(.tokensSummed) { reported = Scalar(tokenLosses.value.count) * reported }
    if recording {
      record("loss.stage3.tokens", tokenLosses, "B T", "−Σ p log q of each token")
      record("loss.stage3.entropy", entropy, "", "the mean entropy of the teacher's distribution")
      record("loss.stage3.divergence", divergence, "", "KL(teacher ‖ student), the loss less the entropy")
      record("loss.stage3", reported, "", "the mean over batch and time")
    }
    return reported
  }
}
