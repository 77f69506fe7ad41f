// # The command `conformance`
//
// What a user of the kit meets: a table, a diagnosis, an exit status, and a sentence for whatever cannot be done.

import Checkpoints
import ConformanceKit
import Foundation
import TestSupport
import Tensors
import Testing

@Suite struct ConformanceTests {
  private let kit = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "data/conformance").path

  private func run(_ arguments: String...) throws -> Outcome { try Bench().run("conformance", arguments) }

  @Test(.enabled(if: Tolerance.isDouble)) func `right answers end with 0, wrong ones with 1 and a name`() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "answers.safetensors")
      func write(_ faults: Set<Fault>) throws {
        let computation = Computation(.phi, faults: faults)
        let names = ["student.0.matrix", "loss.stage1"]
        try Checkpoint(
          tensors: Dictionary(uniqueKeysWithValues: names.map { ("phi/\($0)", computation.tensor($0)!) }),
          metadata: ["kit": Kit.version]
        ).write(to: file)
      }
      try write([])
      let right = try run("check", kit, file.path, "--all")
      #expect(right.status == 0 && right.output.contains("2 of 2 answered tensors agree"), "\(right)")
      try write([.decayOwnStep])
      let wrong = try run("check", kit, file.path)
      #expect(wrong.status == 1 && wrong.output.contains("This is: decay at its own step too."), "\(wrong)")
      let json = try run("check", kit, file.path, "--json")
      let object = try #require(try JSONSerialization.jsonObject(with: Data(json.output.utf8)) as? [String: Any])
      #expect(json.status == 1 && object["right"] as? Bool == false && (object["tensors"] as? [Any])?.count == 2)
    }
  }

  @Test func `a run is held against its corridor`() throws {
    try withTemporaryFolder { folder in
      let file = folder.appending(path: "run.csv")
      func write(_ losses: [Double]) throws {
        let lines = losses.enumerated().map { "\($0),\($1)" }
        try (["step,loss"] + lines).joined(separator: "\n").write(to: file, atomically: true, encoding: .utf8)
      }
      let corridor = try #require(
        try Corridor.all(in: URL(filePath: kit)).first { $0.model == "book" && $0.stage == 1 })
      try write(corridor.mean.flatMap { Array(repeating: $0, count: corridor.window) })
      let inside = try run("corridor", file.path, "--stage", "1", "--kit", kit)
      #expect(inside.status == 0 && inside.output.contains("Inside over"), "\(inside)")
      try write(Array(repeating: 1000, count: corridor.steps))
      let outside = try run("corridor", file.path, "--stage", "1", "--kit", kit)
      #expect(outside.status == 1 && outside.output.contains("Outside from step 0 on: above"), "\(outside)")
      try write([1, 2])
      #expect(try run("corridor", file.path, "--stage", "1", "--kit", kit).errors.contains("it has 2 steps"))
      #expect(
        try run("corridor", file.path, "--stage", "9", "--kit", kit).errors.contains("there is no such corridor"))
    }
  }

  @Test func `help is that of the subcommand`() throws {
    for name in ["emit", "check", "faults", "corridor"] {
      let help = try run(name, "--help")
      #expect(help.status == 0 && help.output.contains("USAGE: conformance \(name)"), "\(help)")
    }
  }

  @Test(arguments: [
    (["check", "/nowhere", "x"], "there is no kit here"), (["emit", "/dev/null/kit"], "cannot be made"),
    (["corridor", "/nowhere.csv", "--stage", "1", "--kit", "/nowhere"], "corridors.json"),
  ]) func `what cannot be done is said in a line`(_ words: [String], _ part: String) throws {
    let outcome = try Bench().run("conformance", words)
    #expect(
      outcome.status == 1 && outcome.errors.contains(Tolerance.isDouble || words[0] != "emit" ? part : "64 bits"))
    #expect(outcome.errors.hasPrefix("error: ") && outcome.errors.split(separator: "\n").count == 1)
  }
}
