// # Forward: teacher, mixers, student
//
// Read before: `Computation.swift`. Read next: `Computation+Losses.swift`.

import Gradients
import Tensors

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

  func computeTeacher() {
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
        PlainProgram.TeacherLayer(
          input: input.detached, mixerInput: u.detached, matrix: parts!.matrix.detached, scores: scores.detached,
          mixed: mixed.detached, mixerOutput: parts!.output.detached, output: output.detached))
      if isLast {
        record("teacher.final_norm", normed, "B T D", "the last state after the final norm")
        record("teacher.logits", logits, "B T V", "the teacher's logits")
        teacherLogits = logits
      }
    }
  }

  func computeMixers() {
    compute(.teacher)
    if has(.studentOnOwnStates) { compute(.own) }
    for l in kit.replaced {
      let layer = PlainProgram.Names(kit, isStudent: true).layer(l)
      let name = "\(layer).mixer"
      var u = has(.studentOnOwnStates) ? ownInputs[l].detached : teacherLayers[l].mixerInput
      if has(.studentsOwnNorm) {
        u = program.norm(teacherLayers[l].input, ofStudent, "\(layer).input_layernorm").detached
      }
      mixers[l] = program.mixer(u, ofStudent, name) { [record] in record("student.\(l).\($0)", $1, $2, $3) }
    }
  }

  func computeOwn() {
    let names = PlainProgram.Names(kit, isStudent: true)
    var x = program.embedded(tokens, ofStudent, names)
    for l in 0..<s.L {
      ownStates.append(x)
      x = program.studentBlock(l, x, ofStudent) { ownInputs.append($0) }
      record("student.own.\(l).output", x, "B T D", "the student's state after block \(l), from its own states")
    }
    studentLogits = program.head(x, ofStudent, names).logits
    record("student.logits", studentLogits, "B T V", "the student's logits")
  }

  func computeDecoding() {
    let logits = program.decode(tokens, ofStudent) { record("decoding.\($0)", $1, $2, $3) }
    record("decoding.logits", logits, "B V", "the logits after the token that follows the prefix")
  }

  func computeDecays() {
    let leaves = ["log_decay", "b", "c", "d"].map { Variable(leaf: inputs[$0]!) }
    let matrix = program.matrix(logDecay: leaves[0], b: leaves[1], c: leaves[2], d: leaves[3]) { [record] in
      if $0 != "matrix_without_skip" { record($0, $1, $2, $3) }
    }
    let slopes = gradients(of: sum(constant(inputs["weights"]!) * matrix), withRespectTo: leaves)
    for (name, axes, slope) in [
      ("log_decay", "B T H", slopes[0]), ("b", "B T H N", slopes[1]), ("c", "B T H N", slopes[2]),
      ("d", "H", slopes[3]),
    ] {
      record("gradient.\(name)", slope, axes, "the gradient of Σ weights · matrix with respect to \(name)")
    }
  }
}
