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
// Read before: `PlainProgram+Losses.swift`, `Fault.swift`. Read next: `Computation+Forward.swift`.

import Gradients
import Tensors

/// A case computed with some mistakes.
public final class Computation {
  /// Tensors that are computed together.
  package enum Group: String, CaseIterable, Sendable {
    case teacher, mixers, own, losses, gradients, run, transfer, decoding, decays
  }

  let program: PlainProgram
  /// Tokens and weights by name.
  public let inputs: [String: Tensor]
  let record = Recorder()
  private var computed: Set<Group> = []
  /// A computation whose groups are the same as here, unless a mistake reaches them that is made only here.
  private var base: (computation: Computation, reach: Set<Group>)?

  // What later groups need of earlier ones.
  var teacherWeights: [String: Variable] = [:]
  var studentWeights: [String: Variable] = [:]
  var teacherLayers: [PlainProgram.TeacherLayer] = []
  var teacherLogits = constant(0)
  var mixers: [Int: (matrix: Variable, gated: Variable, output: Variable)] = [:]
  /// What enters each block of the student, and what enters its mixer, when it reads its own states.
  var ownStates: [Variable] = []
  var ownInputs: [Variable] = []
  var studentLogits = constant(0)
  var losses: [String: Variable] = [:]

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

  /// The same with a further mistake; what the mistake does not reach is taken from this computation.
  public func making(_ fault: Fault) -> Computation { Computation(self, making: fault) }

  private init(_ base: Computation, making fault: Fault) {
    program = PlainProgram(base.kit, faults: base.program.faults.union([fault]))
    (inputs, self.base) = (base.inputs, (base, fault.reach))
    (teacherWeights, studentWeights) = (base.teacherWeights, base.studentWeights)
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

  /// The group of a tensor; nil for a name that no case has.
  func group(of name: String) -> Group? {
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
    if let base, !base.reach.contains(group) { return take(group, from: base.computation) }
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

// ## Two computations, one result
//
// A mistake in the optimiser changes no state and no loss. The doctor tries all mistakes, so it computes what they
// have in common once.

extension Computation {
  private func take(_ group: Group, from other: Computation) {
    other.compute(group)
    for name in other.record.names where self.group(of: name) == group {
      let entry = other.record.entries[name]!
      record(name, entry.tensor, entry.axes, entry.words)
    }
    switch group {
    case .teacher: (teacherLayers, teacherLogits) = (other.teacherLayers, other.teacherLogits)
    case .mixers: mixers = other.mixers
    case .own:
      (ownStates, ownInputs, studentLogits) = (other.ownStates, other.ownInputs, other.studentLogits)
    case .losses: losses = other.losses
    case .gradients, .run, .transfer, .decoding, .decays: break
    }
  }

  /// The names of a group, in order.
  package func names(in group: Group) -> [String] {
    compute(group)
    return record.names.filter { self.group(of: $0) == group }
  }
}
