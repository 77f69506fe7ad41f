// # Bad input
//
// Whatever a chapter is given, it either does its work, or says in a sentence what was wrong, where, and what to do,
// ends with a status other than 0, and leaves no half-written file.

import Foundation
import Testing

@Suite struct BadInputTests {
  private let teacher = "05-teacher"

  @Test func `help states question, run time and options`() throws {
    let outcome = try Bench().run(teacher, ["--help"])
    #expect(outcome.status == 0)
    for word in ["What does a Transformer learn", "minutes", "--quick", "--seed", "--out", "--plots", "--corpus"] {
      #expect(outcome.output.contains(word), "--help should say \(word)")
    }
  }

  @Test(arguments: [
    ["--fast"], ["--seed", "one"], ["--plots", "crayons"], ["--seeds", "0"], ["--layer"],
  ])
  func `an unknown or malformed option is named`(_ arguments: [String]) throws {
    let bench = try Bench()
    let outcome = try bench.run("10-knowledge-distillation", adding: arguments)
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains(arguments[0]))
    #expect(!FileManager.default.fileExists(atPath: bench.out.path), "nothing was left behind")
  }

  @Test(arguments: [["--speed", "0"], ["--bandwidth", "nan"], ["--windows", "0"], ["--delay", "-1"]])
  func `nodes that can not be are refused`(_ arguments: [String]) throws {
    let bench = try Bench()
    let outcome = try bench.run("19-many-machines", adding: [arguments.joined(separator: "=")])
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains(arguments[0]) && outcome.errors.contains(arguments[1]), "\(outcome.errors)")
    #expect(!FileManager.default.fileExists(atPath: bench.out.path), "nothing was left behind")
  }

  /// A text that cannot be used, and a word that the message must contain.
  struct BadText: Sendable, CustomTestStringConvertible {
    let name: String
    let bytes: [UInt8]?
    let word: String
    var testDescription: String { name }
  }

  @Test(arguments: [
    BadText(name: "missing", bytes: nil, word: "no such file"),
    BadText(name: "empty", bytes: [], word: "empty"),
    BadText(name: "not UTF-8", bytes: Array("And the LORD".utf8) + [0xff, 0xfe], word: "UTF-8"),
    BadText(name: "shorter than a window", bytes: Array("In the beginning".utf8), word: "short"),
  ])
  func `a text that can not be learned from is named`(_ text: BadText) throws {
    let bench = try Bench()
    let file = bench.folder.appending(path: "bad.txt")
    if let bytes = text.bytes { try Data(bytes).write(to: file) }
    let outcome = try bench.run(teacher, ["--quick", "--corpus", file.path, "--out", bench.out.path])
    #expect(outcome.status != 0)
    #expect(outcome.errors.contains("bad.txt") || outcome.errors.contains("text"))
    #expect(outcome.errors.lowercased().contains(text.word.lowercased()), "\(outcome.errors)")
    #expect(bench.files(endingIn: ".safetensors").isEmpty)
    #expect(!outcome.errors.contains("Fatal error"))
  }

  @Test(arguments: ["a file in the way", "below a file"])
  func `a folder that can not be written is named`(_ kind: String) throws {
    let bench = try Bench()
    let inTheWay = bench.folder.appending(path: "occupied")
    try Data("something".utf8).write(to: inTheWay)
    let out = kind == "below a file" ? inTheWay.appending(path: "results") : inTheWay
    let outcome = try bench.run(teacher, ["--quick", "--corpus", bench.corpus.path, "--out", out.path])
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("occupied"))
    #expect(outcome.errors.contains("--out"))
    #expect(try Data(contentsOf: inTheWay) == Data("something".utf8), "what was there is still there")
  }

  /// What can have happened to a checkpoint.
  enum Damage: String, CaseIterable, Sendable { case truncated, garbage, empty, wrongShape, noTensors }

  @Test(arguments: Damage.allCases)
  func `a damaged teacher is named and not overwritten`(_ damage: Damage) throws {
    let bench = try Bench()
    #expect(try bench.run(teacher).status == 0)
    let folder = bench.out.appending(path: "05-teacher/teacher-quick-seed0")
    let (weights, config) = (folder.appending(path: "model.safetensors"), folder.appending(path: "config.json"))
    let whole = try Data(contentsOf: weights)
    switch damage {
    case .truncated: try whole.prefix(whole.count / 2).write(to: weights)
    case .garbage: try Data((0..<whole.count).map { UInt8(truncatingIfNeeded: $0 &* 37) }).write(to: weights)
    case .empty: try Data().write(to: weights)
    case .wrongShape:
      let text = try String(contentsOf: config, encoding: .utf8)
      try text.replacing("\"hidden_size\" : 32", with: "\"hidden_size\" : 64").write(
        to: config, atomically: true, encoding: .utf8)
    case .noTensors: try FileManager.default.removeItem(at: weights)
    }
    let before = try? Data(contentsOf: weights)
    let outcome = try bench.run("10-knowledge-distillation")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("model.safetensors"), "\(outcome.errors)")
    #expect(!outcome.errors.contains("Fatal error"))
    #expect((try? Data(contentsOf: weights)) == before, "the file is as it was")
  }

  @Test func `a teacher of another text is neither used nor overwritten`() throws {
    let bench = try Bench()
    #expect(try bench.run(teacher).status == 0)
    try (Bench.text + " and so on").write(to: bench.corpus, atomically: true, encoding: .utf8)
    let outcome = try bench.run(teacher)
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("the model there was made from another text"))
  }

  @Test func `without gnuplot the scripts are written and one line says so`() throws {
    let bench = try Bench()
    let arguments = ["--quick", "--corpus", bench.corpus.path, "--out", bench.out.path]
    let outcome = try bench.run(teacher, arguments, environment: ["PATH": bench.folder.path])
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.output.contains("gnuplot"))
    #expect(bench.files(endingIn: ".gp") == ["05-teacher/heads.gp", "05-teacher/loss.gp"])
    #expect(bench.files(endingIn: ".svg").isEmpty)
  }
}
