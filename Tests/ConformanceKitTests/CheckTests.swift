// # Answers, right, wrong and broken
//
// Read before: `FaultTests.swift`, `ConformanceKit/Check.swift`.

import Checkpoints
import ConformanceKit
import Foundation
import TestSupport
import Tensors
import Testing

/// The committed kit.
private let committed = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent().appending(path: "data/conformance")

/// What a program with these mistakes answers to all cases.
private func answers(making faults: Set<Fault> = []) -> [String: Tensor] {
  var result: [String: Tensor] = [:]
  for kit in KitCase.all {
    let computation = Computation(kit, faults: faults)
    for name in computation.names() { result["\(kit.name)/\(name)"] = computation.tensor(name)! }
  }
  return result
}

/// Writes answers into a file and checks them.
private func checked(_ tensors: [String: Tensor], metadata: [String: String] = [:]) throws -> Check {
  var check: Check?
  try withTemporaryFolder { folder in
    let file = folder.appending(path: "answers.safetensors")
    try Checkpoint(tensors: tensors, metadata: metadata).write(to: file)
    check = try Check(file, against: committed)
  }
  return try #require(check)
}

@Suite("checking answers", .talliedByGroup, .enabled(if: Tolerance.isDouble)) struct CheckTests {
  @Test func theCommittedKitIsTheOneThatIsComputed() throws {
    try withTemporaryFolder { folder in
      try Kit.write(to: folder)
      var count = 0
      for place in ["", "float32/"] {
        for name in try FileManager.default.contentsOfDirectory(atPath: folder.appending(path: place).path)
        where name.hasSuffix(".safetensors") || name.hasSuffix(".json") {
          let (mine, theirs) = (folder.appending(path: place + name), committed.appending(path: place + name))
          #expect(try Data(contentsOf: mine) == Data(contentsOf: theirs), "\(place)\(name) is not what emit writes")
          count += 1
        }
      }
      #expect(count == 3 * KitCase.all.count + 1)
    }
  }

  @Test func theKitIsSmall() throws {
    let files = try #require(
      FileManager.default.enumerator(at: committed, includingPropertiesForKeys: [.fileSizeKey]))
    let ofKit = files.compactMap { $0 as? URL }
      .filter { $0.pathExtension == "safetensors" || $0.lastPathComponent == "manifest.json" }
    let bytes = try ofKit.compactMap { try $0.resourceValues(forKeys: [.fileSizeKey]).fileSize }.reduce(0, +)
    #expect(ofKit.count > 10 && bytes < 2_000_000, "the kit in data/conformance has \(bytes) bytes")
  }

  @Test func rightAnswersAreRight() throws {
    let check = try checked(answers(), metadata: ["kit": Kit.version])
    #expect(check.isRight && check.findings.count == check.count && check.diagnoses.isEmpty)
  }

  @Test func aWrongAnswerIsNamedAndNothingElse() throws {
    let mine = answers()
    func part(_ name: String) -> Tensor { mine[name]! }
    let matrix = "phi/student.0.matrix"
    let norms = part("phi/loss.stage1.0.norms")
    let nan = Tensor([.nan] + norms.elements.dropFirst(), shape: norms.shape)
    let bad: [(name: String, tensor: Tensor, verdict: Verdict, remark: String)] = [
      (matrix, part(matrix).sliced(0..<1), .shape, "its shape is [1, 2, 9, 9], and should be [3, 2, 9, 9]"),
      (
        "phi/student.1.y", part("phi/student.1.y").permuted([0, 2, 1, 3]), .shape,
        "the axes are in the order B H T P"
      ),
      ("phi/student.0.matricks", part(matrix), .unknown, "the nearest name is phi/student.0.matrix"),
      ("student.logits", part(matrix), .unknown, "a name begins with a case and a slash: one of phi, llama"),
      ("phi/foo", part(matrix), .unknown, "the manifest lists the names of phi"),
      ("phi/loss.stage1", part("phi/loss.stage1").reshaped(to: [1]), .shape, "the numbers are right"),
      ("phi/loss.stage1.0.norms", nan, .notFinite, "1 of 6 entries are not finite"),
    ]
    for (name, tensor, verdict, remark) in bad {
      let check = try checked([name: tensor, "llama/student.logits": part("llama/student.logits")])
      let finding = try #require(check.findings.first { $0.name == name })
      #expect(finding.verdict == verdict && finding.remark.contains(remark), "\(name): \(finding)")
      #expect(check.findings.contains { $0.name == "llama/student.logits" && $0.verdict == .agrees })
      #expect(!check.isRight && check.findings.count == 2)
    }
  }

  @Test func aFileThatIsNoAnswerIsRefusedInASentence() throws {
    func problem(_ metadata: [String: String], _ tensors: [String: Tensor]) throws -> String {
      do {
        _ = try checked(tensors, metadata: metadata)
        return "nothing was thrown"
      } catch let error as CheckpointError { return "\(error)" }
    }
    #expect(try problem(["kit": "0"], ["phi/student.logits": Tensor(1)]).contains("it answers version 0 of the kit"))
    #expect(try problem([:], [:]).contains("there is no tensor in it"))
    #expect(try problem(["kit": "1"], ["student.logits": Tensor(1)]).contains("a file of the kit itself"))
    for (place, part) in [
      (committed, "this is a folder"), (committed.appending(path: "answers.py"), "an answer is one safetensors file"),
    ] { #expect { try Check(place, against: committed) } throws: { "\($0)".contains(part) } }
    let answer = committed.appending(path: "phi.expected.safetensors")
    for (place, part) in [
      (committed.appending(path: "float32"), "give the folder above"),
      (committed.appending(path: "../results"), "give the folder of the kit first"),
    ] { #expect { try Check(answer, against: place) } throws: { "\($0)".contains(part) } }
  }

  // 64 bits on paper, 32 in a softmax: that is said, and the one real mistake is not lost among the small differences.
  @Test func theSmallDifferencesOf32BitsAreForgiven() throws {
    var mine = answers(making: [.gateIsSigmoid])
    for (name, tensor) in mine where name.hasPrefix("phi/") {
      mine[name] = Tensor(tensor.elements.map { Scalar(Float($0)) }, shape: tensor.shape)
    }
    let check = try checked(mine)
    let phi = try #require(check.diagnoses.first { $0.kit == "phi" })
    #expect(phi.causes == [[.gateIsSigmoid]] && phi.coarse != nil && phi.unexplained.isEmpty)
    let finding = try #require(check.findings.first { $0.name == "phi/teacher.0.matrix" })
    #expect(finding.verdict == .coarse)
  }

  // What is not known is described: where it differs, and by what.
  static let changes: [(String, @Sendable (Tensor) -> Tensor)] = [
    ("it is 2 times what it should be", { 2 * $0 }), ("it has the other sign", { -1 * $0 }),
    ("all of it is 0", { 0 * $0 }),
    ("axis B runs the other way", { x in .concatenated((0..<3).reversed().map { x.row($0) }) }),
    ("along B only place 1 of 3 is wrong", { .concatenated([$0.row(0), 2 * $0.row(1), $0.row(2)]) }),
    ("two axes are exchanged", { $0.transposed() }),
  ]

  @Test(arguments: changes)
  func whatIsNotKnownIsDescribed(clause: String, change: @Sendable (Tensor) -> Tensor) throws {
    let name = clause.hasPrefix("two") ? "phi/student.0.segment_sums" : "phi/student.0.projected_z"
    let mine = answers()
    let check = try checked([
      name: change(mine[name]!), "phi/student.0.projected_x": mine["phi/student.0.projected_x"]!,
    ])
    let diagnosis = try #require(check.diagnoses.first)
    #expect(diagnosis.causes.isEmpty && diagnosis.looks == [clause], "\(diagnosis)")
  }

  // A mistake that nobody knows hides no other.
  @Test func anUnknownMistakeIsPassedOver() throws {
    var answered = Answered(.phi, making: [.gateBiasDropped, .paddingKept])
    for name in ["teacher.0.queries", "teacher.0.scores"] {
      answered.tensors[name] = 1.5 * answered.tensors[name]!
      answered.wrong.insert(name)
    }
    let diagnosis = Doctor(.phi).diagnose(answered)
    #expect(diagnosis.causes == [[.gateBiasDropped], [.paddingKept]])
    #expect(diagnosis.unexplained == ["teacher.0.queries", "teacher.0.scores"])
  }

  // Only a loss, only a matrix: enough for some mistakes, and the doctor says what would settle the others.
  @Test func partialAnswers() throws {
    func diagnose(_ fault: Fault, _ names: String...) -> Diagnosis {
      Doctor(.phi).diagnose(Answered(.phi, making: [fault]) { names.contains($0) })
    }
    #expect(diagnose(.decayEarly, "student.0.matrix").causes == [[.decayEarly]])
    #expect(diagnose(.headsSummed, "loss.stage1").causes == [[.headsSummed]])
    let open = diagnose(.skipMissing, "loss.stage1")
    #expect(open.causes == [[.skipMissing, .stage1WithoutSkip]] && open.decisive == "student.0.matrix")
  }

  @Test(arguments: [
    [Fault.decayEarly, .hardLabels], [.geluExact, .matrixTransposed, .clippingMissing],
    [.rotaryFloatAngles, .convolutionReversed, .stage2Squared, .decayOnVectors],
  ]) func severalMistakes(faults: [Fault]) {
    let diagnosis = Doctor(.phi).diagnose(Answered(.phi, making: Set(faults)))
    #expect(diagnosis.causes == faults.map { [$0] } && diagnosis.unexplained.isEmpty)
  }

  // Two mistakes in one tensor, which neither gives alone.
  @Test func twoMistakesAtOnePlace() {
    let diagnosis = Doctor(.phi).diagnose(
      Answered(.phi, making: [.convolutionReversed, .convolutionBiasDropped]) { $0.hasPrefix("student.0") })
    #expect(Set(diagnosis.causes.joined()) == [.convolutionReversed, .convolutionBiasDropped])
    #expect(diagnosis.unexplained.isEmpty)
  }

  // What 32 bits can show, they show.
  @Test(arguments: Fault.allCases) func answersIn32Bits(fault: Fault) throws {
    let manifest = try Kit.manifest(in: committed)
    for (kit, exact) in (FaultTests.shown[fault] ?? []).prefix(1) {
      let right = Computation(kit)
      var answered = exact
      answered.wrong = []
      for (name, tensor) in answered.tensors {
        answered.tensors[name] = Tensor(tensor.elements.map { Scalar(Float($0)) }, shape: tensor.shape)
        let tolerance = try #require(manifest.cases[kit.name]?.tensors[name]?.float32)
        answered.tolerances[name] = tolerance
        if Difference(of: answered.tensors[name]!, from: right.tensor(name)!).size > tolerance {
          answered.wrong.insert(name)
        }
      }
      if answered.wrong.isEmpty { continue }
      let diagnosis = Doctor(kit).diagnose(answered)
      #expect(diagnosis.causes.first?.contains(fault) == true, "\(kit.name), \(fault): \(diagnosis.causes)")
    }
  }
}

extension Tensor {
  /// One place of the first axis, which is kept.
  fileprivate func row(_ place: Int) -> Tensor { sliced(place..<(place + 1)) }
}
