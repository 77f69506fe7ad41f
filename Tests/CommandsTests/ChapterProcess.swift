// # Chapters as processes
//
// What a reader meets is a program: its exit status, what it prints, the files it leaves. These tests start the built
// chapters as such, in a folder of their own.

import Foundation

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

  /// Sixty thousand characters that a small model can learn something about.
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

  /// The files below `out` whose names end so, by their paths from there.
  func files(endingIn end: String) -> [String] {
    let paths = FileManager.default.enumerator(atPath: out.path)?.allObjects as? [String] ?? []
    return paths.filter { $0.hasSuffix(end) }.sorted()
  }

  /// Starts a chapter in quick form on the text of this bench.
  func start(
    _ chapter: String, _ arguments: [String]? = nil, environment: [String: String] = [:]
  ) throws -> (Process, Pipe, Pipe) {
    let process = Process()
    process.executableURL = Bench.products.appending(path: chapter)
    process.arguments =
      arguments ?? ["--quick", "--plots", "none", "--corpus", corpus.path, "--out", out.path]
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
    let (process, output, errors) = try start(chapter, arguments, environment: environment)
    // Chapters print a few kilobytes to stderr, far less than a pipe holds, so that reading one after the other is safe.
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    let complaints = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    return Outcome(
      status: process.terminationReason == .exit ? process.terminationStatus : -1, output: text, errors: complaints)
  }

  /// Runs a chapter with the usual arguments and some more.
  func run(_ chapter: String, adding more: [String]) throws -> Outcome {
    try run(chapter, ["--quick", "--plots", "none", "--corpus", corpus.path, "--out", out.path] + more)
  }

  /// The folder of the built programs: the one that the test program lies in.
  private static let products = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
}
