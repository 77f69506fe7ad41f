// # count-mutants
//
//     count-mutants [--only FILE,…] [-- flags of swift build]   every mutant, or those of some files
//     count-mutants --sample [-- flags]                         one mutant of each file
//     count-mutants --check                                     no build: are all sites still found?
//     count-mutants --record                                    writes sites.tsv anew
//     count-mutants --list                                      prints every mutant
//
// How much does the suite see? Each pullback is made wrong in every way that `Sites.swift` knows,
// one at a time, in a scratch copy, and the tests are run. A mutant that no test notices is either a
// gap in the tests or a change that changes nothing; the latter are explained in `equivalents.md`.
// The sources themselves are not touched.
//
// Exit status: 0 if each mutant is dead or explained and each explanation is needed, otherwise 1. With `--check`, 1
// if something that was mutated is no longer found (`SiteTable.swift`).
//
// Run by `make mutants`, `mutants-sample`, `mutants-check` and `mutants-record`. Read next:
// `../MutationSites/Regions.swift`, `Sites.swift` and `Schemata.swift` there, `ScratchCopy.swift`.

import Foundation
import MutationSites

/// A problem that ends the run.
struct CommandError: Error, CustomStringConvertible {
  let description: String
  init(_ description: String) { self.description = description }
}

struct Options {
  enum Job { case all, sample, check, record, list }
  var job = Job.all
  /// Names of files; all if there are none.
  var only: [String] = []
  var flags: [String] = ["-c", "release"]

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--only": only += (rest.popFirst() ?? "").split(separator: ",").map(String.init)
      case "--sample": job = .sample
      case "--check": job = .check
      case "--record": job = .record
      case "--list": job = .list
      case "--":
        flags = Array(rest)
        rest = []
      default:
        throw CommandError(
          "count-mutants [--only FILE,… | --sample | --check | --record | --list] [-- flags of swift build], not \(argument)"
        )
      }
    }
  }
}

let equivalentsFile = "Tools/Mutants/equivalents.md"

/// The files in which sites are looked for.
func sources() throws -> [Source] {
  try ["Sources/Gradients", "Sources/Tensors"].flatMap { folder in
    try FileManager.default.subpathsOfDirectory(atPath: folder).filter { $0.hasSuffix(".swift") }.sorted().map {
      let path = folder + "/" + $0
      return Source(path: path, text: try String(contentsOfFile: path, encoding: .utf8))
    }
  }
}

func run() throws -> Bool {
  let options = try Options(Array(CommandLine.arguments.dropFirst()))
  let sources = try sources()
  let sites = Sites(of: sources)
  let explained = try equivalents(inFile: equivalentsFile)
  let table = try SiteTable(of: sites, without: explained)
  say("\(sites.mutants.count) mutants at \(sites.findings.reduce(0) { $0 + $1.findings.sites.count }) sites")
  switch options.job {
  case .list:
    for mutant in sites.mutants {
      say("\(mutant.number) \(mutant.file):\(mutant.line) \(mutant.function)\n  \(mutant.text)")
    }
    say("not mutated, although a pullback calls them:\n  \(sites.general.joined(separator: "\n  "))")
    return true
  case .record:
    try table.write()
    return true
  case .check, .all, .sample:
    // A tool that does not see everything must not count.
    for problem in sites.problems { say("  \(problem)") }
    if !sites.problems.isEmpty { throw CommandError("\(sites.problems.count) sources or functions have no sites") }
  }
  if options.job == .check { return try table.check() && entriesStand(explained, among: sites.mutants) }

  var copy = ScratchCopy(flags: options.flags, suites: firstTests + (options.job == .sample ? [] : furtherTests))
  let unswitched = try copy.make(of: sources, sites)
  let start = Date()
  let program = try copy.testProgram()
  let first = try TestRun(program: program, suites: firstTests).calibrated()
  let candidates = sites.mutants.filter { !unswitched.contains($0.number) }

  if options.job == .sample {
    let sample = table.sample.filter { !unswitched.contains($0.number) }
    let found = try outcomes(of: sample, under: first, title: "the sample")
    let passes = report(sample, found, killedBySecond: 0, [])
    say("\(found.count { $0 != .survived }) of \(sample.count) died, in \(minutes(Date().timeIntervalSince(start)))")
    return passes && unswitched.isEmpty
  }

  func isChosen(_ file: String) -> Bool {
    options.only.isEmpty || options.only.contains { file == $0 || file.hasSuffix("/" + $0) }
  }
  let chosen = candidates.filter { isChosen($0.file) }
  if chosen.isEmpty {
    throw CommandError(
      "there is nothing to mutate in \(options.only); there is in \(Set(candidates.map(\.file)).sorted())")
  }
  let further = try TestRun(program: program, suites: furtherTests).calibrated()
  var found = try outcomes(of: chosen, under: first, title: firstTests.joined(separator: ", "))
  let alive = chosen.indices.filter { found[$0] == .survived }
  let again = try outcomes(of: alive.map { chosen[$0] }, under: further, title: "the survivors, other suites")
  for (index, outcome) in zip(alive, again) { found[index] = outcome }
  let passes = report(
    chosen, found, killedBySecond: alive.count - again.count { $0 == .survived },
    explained.filter { isChosen($0.file) })
  for (reason, count) in table.leftOut.sorted(by: { $0.value > $1.value }) { say("left out \(count): \(reason)") }
  say("in \(minutes(Date().timeIntervalSince(start)))")
  return passes && unswitched.isEmpty
}

do {
  exit(try run() ? 0 : 1)
} catch {
  FileHandle.standardError.write(Data("make mutants: \(error)\n".utf8))
  exit(1)
}
