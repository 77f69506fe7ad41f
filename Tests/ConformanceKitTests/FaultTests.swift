// # Every mistake, made and found
//
// For each mistake and each case that shows it: the answers of a program that makes it go to the doctor, who has to
// name it and no other.
//
// Read before: `ConformanceKit/Doctor.swift`. Read next: `CheckTests.swift`.

import ConformanceKit
import TestSupport
import Tensors
import Testing

extension Answered {
  /// All that a program with these mistakes answers to a case, or only the tensors whose names satisfy a condition.
  init(_ kit: KitCase, making faults: Set<Fault>, where isAnswered: (String) -> Bool = { _ in true }) {
    self.init(Computation(kit, faults: faults), against: Computation(kit), where: isAnswered)
  }

  init(_ theirs: Computation, against right: Computation, where isAnswered: (String) -> Bool = { _ in true }) {
    self.init()
    let names = Set(theirs.names())
    for name in right.names() where names.contains(name) && isAnswered(name) {
      guard let (answer, expected) = (theirs.tensor(name)!, right.tensor(name)!) as (Tensor, Tensor)?,
        answer.shape == expected.shape
      else { continue }
      (tensors[name], tolerances[name], wideTolerances[name]) = (answer, Kit.tolerance, Kit.tolerance)
      if Difference(of: answer, from: expected).size > Kit.tolerance { wrong.insert(name) }
    }
  }
}

@Suite("mistakes", .talliedByGroup, .enabled(if: Tolerance.isDouble)) struct FaultTests {
  /// For each mistake the cases in which it changes a tensor, with all that is then answered.
  static let shown: [Fault: [(kit: KitCase, answered: Answered)]] = {
    var result: [Fault: [(KitCase, Answered)]] = [:]
    for kit in KitCase.all {
      let right = Computation(kit)
      for fault in Fault.allCases {
        let answered = Answered(right.making(fault), against: right)
        if !answered.wrong.isEmpty { result[fault, default: []].append((kit, answered)) }
      }
    }
    return result
  }()

  @Test(arguments: Fault.allCases) func theDoctorNamesIt(fault: Fault) {
    let shown = FaultTests.shown[fault] ?? []
    #expect(!shown.isEmpty, "no case of the kit shows \(fault)")
    for (kit, answered) in shown {
      let diagnosis = Doctor(kit).diagnose(answered)
      #expect(
        diagnosis.causes == [[fault]] && diagnosis.unexplained.isEmpty,
        "\(kit.name), \(fault): \(diagnosis.causes), left \(diagnosis.unexplained.prefix(3))")
    }
  }

  // The doctor computes only what a mistake can change, as `reach` says.
  @Test(arguments: Fault.allCases) func whatItDoesNotReachIsAsBefore(fault: Fault) {
    for kit in KitCase.all {
      let (right, wrong) = (Computation(kit), Computation(kit, faults: [fault]))
      for group in Computation.Group.allCases
      where (group == .decays) == (kit.block == nil) && !fault.reach.contains(group) {
        for name in right.names(in: group) {
          expectIdentical(wrong.tensor(name)!, right.tensor(name)!, "\(kit.name), \(fault): \(name)")
        }
      }
    }
  }
}
