// # Chapters as processes
//
// What a reader meets is a program: its exit status, what it prints, the files it leaves. These tests start the built
// chapters as processes, in a folder of their own.

import Foundation
import Tensors

/// What a chapter did.
struct Outcome {
  let status: Int32
  let output: String
  let errors: String
}

/// A folder of its own for one test, with a text to learn from; removed at the end.
final class Bench {
  let folder: URL
  let corpus: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appending(path: "mohawk-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    corpus = folder.appending(path: "text.txt")
    try Bench.text.write(to: corpus, atomically: true, encoding: .utf8)
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  var out: URL { folder.appending(path: "out") }

  /// Sixty thousand characters that a small model can learn something from.
  static let text: String = {
    let (who, what, place) = (["anna", "ben", "clara"], ["took", "lost", "found"], ["barn", "house", "well"])
    var (lines, state) = ([String](), UInt32(1))
    func next(_ words: [String]) -> String {
      state = state &* 1_664_525 &+ 1_013_904_223
      return words[Int(state >> 16) % words.count]
    }
    for _ in 0..<2000 { lines.append("\(next(who)) \(next(what)) the key in the \(next(place)) .") }
    return lines.joined(separator: "\n")
  }()

  /// The files below `out` whose names end in `end`, as paths from `out`.
  func files(endingIn end: String) -> [String] {
    let paths = FileManager.default.enumerator(atPath: out.path)?.allObjects as? [String] ?? []
    return paths.filter { $0.hasSuffix(end) }.sorted()
  }

  /// Starts a chapter in quick form on the text of this bench.
  func start(
    _ chapter: String, _ arguments: [String]? = nil, environment: [String: String] = [:]
  ) throws -> (Process, Pipe, Pipe) {
    try start(
      Bench.products.appending(path: chapter),
      arguments ?? ["--quick", "--plots", "none", "--corpus", corpus.path, "--out", out.path], environment)
  }

  private func start(
    _ program: URL, _ arguments: [String], _ environment: [String: String]
  ) throws -> (Process, Pipe, Pipe) {
    let process = Process()
    process.executableURL = program
    process.arguments = arguments
    process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    process.currentDirectoryURL = folder
    let (output, errors) = (Pipe(), Pipe())
    (process.standardOutput, process.standardError) = (output, errors)
    try process.run()
    return (process, output, errors)
  }

  /// Runs a chapter to its end.
  func run(
    _ chapter: String, _ arguments: [String]? = nil, environment: [String: String] = [:]
  ) throws -> Outcome {
    try outcome(of: start(chapter, arguments, environment: environment))
  }

  /// Runs a script of the shell to its end, in this bench's folder; `$BIN` is the folder of the built programs.
  func shell(_ script: String) throws -> Outcome {
    try outcome(
      of: start(URL(filePath: "/bin/sh"), ["-c", script], ["BIN": Bench.products.path, "TEXT": corpus.path]))
  }

  private func outcome(of started: (process: Process, output: Pipe, errors: Pipe)) -> Outcome {
    // Both pipes are emptied at once: a program that fills one while the other is read would wait for ever.
    let complaints = Lock(Data())
    let group = DispatchGroup()
    DispatchQueue.global().async(group: group) {
      let all = started.errors.fileHandleForReading.readDataToEndOfFile()
      complaints.withLock { $0 = all }
    }
    let text = String(decoding: started.output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    group.wait()
    started.process.waitUntilExit()
    let isExit = started.process.terminationReason == .exit
    return Outcome(
      status: isExit ? started.process.terminationStatus : -1, output: text,
      errors: complaints.withLock { String(decoding: $0, as: UTF8.self) })
  }

  /// Runs a chapter with the usual arguments and some more.
  func run(_ chapter: String, adding more: [String]) throws -> Outcome {
    try run(chapter, ["--quick", "--plots", "none", "--corpus", corpus.path, "--out", out.path] + more)
  }

  /// The folder of the built programs: that of the test program.
  private static let products = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
}
