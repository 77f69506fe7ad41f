// # The command `generate`
//
// As its user sees it: text on standard output, one line on standard error, two processes that write what one would
// have written, and a sentence for whatever cannot be done.

import Foundation
import Testing

/// A teacher and a student that quick chapters have made, once for all tests of this file.
private enum Models {
  nonisolated(unsafe) static let bench: Result<Bench, any Error> = Result {  // Read by all, changed by none.
    let bench = try Bench()
    guard try bench.run("10-knowledge-distillation").status == 0 else { throw CocoaError(.executableLoad) }
    return bench
  }
  static func folder(_ name: String) throws -> URL {
    try bench.get().out.appending(
      path: name == "teacher"
        ? "05-teacher/teacher-quick-seed0" : "10-knowledge-distillation/1-2-3-rate-0.0015-quick-seed0")
  }
}

@Suite struct GenerateTests {
  private func generate(_ name: String, _ arguments: [String]) throws -> Outcome {
    try Models.bench.get().run("generate", ["--model", try Models.folder(name).path] + arguments)
  }

  @Test(arguments: ["teacher", "student"])
  func `a text begins with its prompt and is the same for the same seed`(_ name: String) throws {
    let usual = ["--prompt", "anna took", "--tokens", "40"]
    let first = try generate(name, usual)
    #expect(first.status == 0, "\(first.errors)")
    #expect(first.output.hasPrefix("anna took") && first.output.hasSuffix("\n"))
    #expect(first.output.count == "anna took".count + 40 + 1)
    #expect(first.errors.contains("40 tokens") && first.errors.split(separator: "\n").count == 1)
    #expect(try generate(name, usual).output == first.output)
    #expect(try generate(name, usual + ["--seed", "1"]).output != first.output)
    let greedy = try generate(name, usual + ["--temperature", "0"])
    #expect(try generate(name, usual + ["--top-k", "1", "--seed", "1"]).output == greedy.output)
    #expect(try generate(name, usual + ["--top-p", "0.001", "--seed", "2"]).output == greedy.output)
    #expect(try generate(name, ["--prompt", "anna took", "--tokens", "0"]).output == "anna took\n")
  }

  @Test(arguments: ["teacher", "student"])
  func `two processes write what one would have written`(_ name: String) throws {
    let folder = try Models.bench.get().folder
    let (file, next) = (folder.appending(path: "\(name).state").path, folder.appending(path: "\(name).next").path)
    let begun = ["--prompt", "ben lost", "--top-k", "5", "--seed", "3"]
    let whole = try generate(name, begun + ["--tokens", "50"]).output.dropLast()
    let first = try generate(name, begun + ["--tokens", "20", "--save", file]).output.dropLast()
    let second = try generate(name, ["--resume", file, "--tokens", "13", "--save", next]).output.dropLast()
    let third = try generate(name, ["--resume", next, "--tokens", "17"]).output.dropLast()
    #expect(first.count == "ben lost".count + 20)
    #expect(first + second + third == whole)
    // A further prompt appears in the output where it is read.
    let read = try generate(name, ["--resume", file, "--prompt", "\nclara", "--tokens", "9", "--temperature", "0"])
    #expect(read.output.hasPrefix("\nclara") && read.output.count == "\nclara".count + 9 + 1)
  }

  @Test func `several texts are those that are written alone, and go on together`() throws {
    let file = try Models.bench.get().folder.appending(path: "several.state").path
    let one = try generate("student", ["--prompt", "anna", "--tokens", "30"]).output
    let batch = ["--prompt", "anna", "--prompt", "clara found the", "--prompt", "b"]
    let several = try generate("student", batch + ["--tokens", "30"])
    #expect(several.output.hasPrefix("── 1 of 3\n" + one + "\n── 2 of 3\nclara found the"))
    #expect(several.output.contains("── 3 of 3\nb"))
    // They end at different times, and are still kept, in their order.
    let stopped = try generate("student", batch + ["--tokens", "30", "--stop", " ", "--save", file])
    #expect(stopped.output.split(separator: "── ").count == 3)
    #expect(stopped.output.contains("── 2 of 3\nclara found the "))
    let more = try generate("student", ["--resume", file, "--tokens", "5"])
    #expect(more.status == 0 && more.output.contains("3 of 3"), "\(more.errors)")
    let copies = try generate("student", ["--prompt", "anna", "--repeat", "2", "--tokens", "30"])
    #expect(copies.output.hasPrefix("── 1 of 2\n" + one + "\n── 2 of 2\nanna"))
    #expect(!copies.output.hasSuffix(one + "\n"), "each text has dice of its own")
  }

  @Test func `a text ends when the words have been written`() throws {
    let text = try generate("teacher", ["--prompt", "anna", "--tokens", "400", "--stop", "ke"]).output
    #expect(text.hasSuffix("ke\n"), "\(text)")
    #expect(text.dropLast(2).components(separatedBy: "ke").count == 1, "and not before: \(text)")
  }

  /// Arguments, the status, and words of the complaint.
  struct CommandError: Sendable, CustomTestStringConvertible {
    let arguments: [String]
    let status: Int32
    let words: [String]
    var testDescription: String { arguments.joined(separator: " ") }
  }

  @Test(arguments: [
    CommandError(arguments: [], status: 64, words: ["--prompt", "--resume"]),
    CommandError(arguments: ["--prompt", ""], status: 64, words: ["empty"]),
    CommandError(arguments: ["--prompt", "a", "--tokens", "-1"], status: 64, words: ["--tokens -1"]),
    CommandError(arguments: ["--prompt", "a", "--temperature", "-1"], status: 64, words: ["temperature"]),
    CommandError(arguments: ["--prompt", "a", "--temperature", "nan"], status: 64, words: ["temperature"]),
    CommandError(arguments: ["--prompt", "a", "--top-k", "0"], status: 64, words: ["top k"]),
    CommandError(arguments: ["--prompt", "a", "--top-p", "1.5"], status: 64, words: ["top p"]),
    CommandError(arguments: ["--prompt", "a", "--repeat", "0"], status: 64, words: ["--repeat 0"]),
    CommandError(arguments: ["--prompt", "a", "--prompt", "b", "--repeat", "2"], status: 64, words: ["--repeat"]),
    CommandError(arguments: ["--prompt", "a", "--stop", ""], status: 64, words: ["--stop"]),
    CommandError(arguments: ["--resume", "x", "--seed", "1"], status: 64, words: ["--seed"]),
    CommandError(arguments: ["--prompt", "an unknown é"], status: 1, words: ["U+00E9", "offset 11", "abc"]),
    CommandError(arguments: ["--resume", "missing.state"], status: 1, words: ["missing.state", "no such file"]),
    CommandError(arguments: ["--prompt", "a", "--save", "no/such/place"], status: 1, words: ["--save", "place"]),
    CommandError(arguments: ["--prompt", "a", "--save", "."], status: 1, words: ["--save", "folder"]),
  ])
  func `what cannot be meant is named`(_ complaint: CommandError) throws {
    let outcome = try generate("teacher", complaint.arguments)
    #expect(outcome.status == complaint.status)
    #expect(outcome.output.isEmpty)
    for word in complaint.words { #expect(outcome.errors.contains(word), "\(outcome.errors)") }
    if complaint.status == 1 { #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)") }
  }

  @Test func `a state of another model is refused`() throws {
    let file = try Models.bench.get().folder.appending(path: "other.state").path
    #expect(try generate("teacher", ["--prompt", "a", "--tokens", "3", "--save", file]).status == 0)
    let outcome = try generate("student", ["--resume", file])
    #expect(outcome.status == 1 && outcome.errors.contains("another model"), "\(outcome.errors)")
  }

  @Test func `a folder that is no model is named`() throws {
    let bench = try Bench()
    let copy = bench.folder.appending(path: "model")
    func complaint() throws -> String {
      let outcome = try bench.run("generate", ["--model", copy.path, "--prompt", "a"])
      #expect(outcome.status == 1 && outcome.output.isEmpty)
      #expect(outcome.errors.split(separator: "\n").count == 1 && !outcome.errors.contains("Fatal"))
      return outcome.errors
    }
    func changing(_ file: String, _ old: String, _ new: String) throws -> String {
      try? FileManager.default.removeItem(at: copy)
      try FileManager.default.copyItem(at: try Models.folder("teacher"), to: copy)
      let url = copy.appending(path: file)
      if old.isEmpty {
        try FileManager.default.removeItem(at: url)
      } else {
        let text = try String(contentsOf: url, encoding: .utf8)
        #expect(text.contains(old))
        try text.replacing(old, with: new).write(to: url, atomically: true, encoding: .utf8)
      }
      return try complaint()
    }
    #expect(try complaint().contains("no such folder"))
    try Data("x".utf8).write(to: copy)
    #expect(try complaint().contains("not a .gguf file"))
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
      #expect(try changing(file, "", "").contains(file))
    }
    // A tokenizer of two characters in the form of earlier versions; two of unknown kinds; and one that is not JSON.
    for (text, word) in [
      (#"{"kind":"characters","characters":"ab"}"#, "2 tokens"), (#"{"kind":"signs"}"#, "signs"), ("{", "JSON"),
      (#"{"decoder":{"type":"WordPiece"},"model":{"type":"WordPiece"}}"#, "WordPiece"),
    ] {
      try Data(text.utf8).write(to: copy.appending(path: "tokenizer.json"))
      #expect(try complaint().contains(word), "\(text)")
    }
    #expect(try changing("tokenizer.json", "WordLevel", "WordPiece").contains("“model.type” is \"WordPiece\""))
    #expect(try changing("config.json", "\"hidden_size\" : 32", "\"hidden_size\" : 64").contains("shape"))
    #expect(try changing("config.json", "\"hidden_size\" : 32", "\"hidden_size\" : 33").contains("heads"))
    #expect(try changing("config.json", "\"hidden_size\" : 32", "\"hidden_size\" : 0").contains("width"))
    #expect(
      try changing("config.json", "\"num_hidden_layers\" : 2", "\"num_hidden_layers\" : 3").contains("layers.2"))
  }
}
