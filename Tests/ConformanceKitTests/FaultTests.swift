// # Every mistake, made and found
//
// For each mistake and each case that shows it: the answers of a program that makes it go to the doctor, who has to
// name it and no other.
//
// Read before: `Doctor.swift`. Read next: `CheckTests.swift`.

import ConformanceKit
import TestSupport
import Tensors
import Testing


extension Answered {
  /// All that a program with these mistakes answers to a case, or only the tensors whose names satisfy a condition.
  init(_ kit: KitCase, making faults: Set<Fault>, where isAnswered: (String) -> Bool = { _ in true }) {
    self.init()
    let (right, theirs) = (Computation(kit), Computation(kit, faults: faults))
    let names = Set(theirs.names())
    for name in right.names() where names.contains(name) && isAnswered(name) {
      guard let (answer, expected) = (theirs.tensor(name)!, right.tensor(name)!) as (Tensor, Tensor)?,
        answer.shape == expected.shape
      else { continue }
      (tensors[name], tolerances[name]) = (answer, Kit.tolerance)
      if Difference(of: answer, from: expected).size > Kit.tolerance { wrong.insert(name) }
    }
  }
}

@Suite("mistakes", .talliedByGroup) struct FaultTests {
  /// The cases in which a mistake changes a tensor.
  static func cases(showing fault: Fault) -> [KitCase] {
    KitCase.all.filter { !Answered($0, making: [fault]).wrong.isEmpty }
  }

  @Test(arguments: Fault.allCases) func theDoctorNamesIt(fault: Fault) {
    let cases = FaultTests.cases(showing: fault)
    #expect(!cases.isEmpty, "no case of the kit shows \(fault)")
    for kit in cases {
      let diagnosis = Doctor(kit).diagnose(Answered(kit, making: [fault]))
      #expect(
        diagnosis.causes == [[fault]] && diagnosis.unexplained.isEmpty,
        "\(kit.name), \(fault): \(diagnosis.causes), left \(diagnosis.unexplained.prefix(3))")
    }
  }
}
