// # Studies as processes
//
// A study that is killed in the middle and started again ends with the tables of one that was left alone, and a study
// that is finished trains nothing when it is run once more.

import Foundation
import Testing

@Suite struct StudyTests {
  private let study = "13-hybrid"
  private let arguments = [
    "--quick", "--seeds", "1", "--budget", "0.2", "--plots", "none", "--corpus", "text.txt", "--out", "out",
  ]

  /// A bench that has the language's file where the chapter looks for it.
  private func bench() throws -> Bench {
    let bench = try Bench()
    let project = URL(filePath: #filePath).appending(path: "../../..").standardized
    let data = bench.folder.appending(path: "data")
    try FileManager.default.createDirectory(at: data, withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      at: project.appending(path: "data/world.grammar"), to: data.appending(path: "world.grammar"))
    return bench
  }

  /// The report and the tables that a run left, by name.
  private func tables(_ bench: Bench) throws -> [String: Data] {
    let files = bench.files(endingIn: ".csv") + bench.files(endingIn: "report.md")
    return try Dictionary(
      uniqueKeysWithValues: files.map { ($0, try Data(contentsOf: bench.out.appending(path: $0))) })
  }

  /// The kept results, and when each was written.
  private func kept(_ bench: Bench) throws -> [String: Date] {
    let files = bench.files(endingIn: ".json").filter { $0.hasPrefix("study/") }
    return try Dictionary(
      uniqueKeysWithValues: files.map { file in
        let path = bench.out.appending(path: file).path
        return (file, try #require(FileManager.default.attributesOfItem(atPath: path)[.modificationDate] as? Date))
      })
  }

  @Test func `killed again and again, a study ends with the same tables, and then trains nothing`() throws {
    let (whole, broken) = (try bench(), try bench())
    let undisturbed = try whole.run(study, arguments)
    #expect(undisturbed.status == 0, "\(undisturbed.errors)")
    let all = try kept(whole).count
    var (kills, inTheMiddle) = (0, 0)
    for _ in 1...200 {
      // Some time after the start, or as soon as a few more results are kept.
      let (process, _, _) = try broken.start(study, arguments)
      let deadline = Date().addingTimeInterval(kills < 3 ? Double.random(in: 0.1...0.5) : 300)
      let enough = try kept(broken).count + 4
      while try process.isRunning && Date() < deadline && kept(broken).count < enough { usleep(2000) }
      guard process.isRunning else {
        #expect(process.terminationStatus == 0)
        break
      }
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
      kills += 1
      if (1..<all).contains(try kept(broken).count) { inTheMiddle += 1 }
    }
    print("killed \(kills) times, \(inTheMiddle) of them with some of \(all) results kept")
    #expect(inTheMiddle >= 1)
    let expected = try tables(whole)
    #expect(expected.count > 5 && expected.values.allSatisfy { !$0.isEmpty })
    let found = try tables(broken)
    #expect(found.keys.sorted() == expected.keys.sorted())
    for (file, bytes) in expected { #expect(found[file] == bytes, "\(file) differs") }

    let before = try kept(broken)
    #expect(before.count == all)
    let again = try broken.run(study, arguments)
    #expect(again.status == 0)
    #expect(try kept(broken) == before, "no result was written again")
    #expect(!again.errors.contains("step"), "nothing was trained: \(again.errors)")
    #expect(try tables(broken) == expected)
  }

  @Test(
    arguments: [
      ["--seeds", "0"], ["--seeds", "-1"], ["--seeds", "two"], ["--budget", "0"], ["--budget", "nan"],
      ["--budget", "1000"], ["--budget", "much"],
    ], ["11-ablations", "12-training-laws", "13-hybrid"])
  func `seeds and budgets that can not be are refused`(_ arguments: [String], _ chapter: String) throws {
    let bench = try Bench()
    let outcome = try bench.run(chapter, adding: [arguments.joined(separator: "=")])
    #expect(outcome.status == 64)
    #expect(outcome.errors.contains(arguments[0]) && outcome.errors.contains(arguments[1]), "\(outcome.errors)")
    #expect(!FileManager.default.fileExists(atPath: bench.out.path), "nothing was left behind")
  }

  @Test func `a budget that makes two arms equal is refused before any work`() throws {
    let bench = try Bench()
    let outcome = try bench.run("12-training-laws", adding: ["--budget=0.02"])
    #expect(outcome.status == 1 && outcome.errors.contains("give a larger budget"), "\(outcome.errors)")
    #expect(!bench.files(endingIn: ".json").contains { $0.hasPrefix("study/") })
  }
}
