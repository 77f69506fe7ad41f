// # count-mutants [--only FILE] [-- flags of swift build]
//
// How much does the suite see? Each pullback is made wrong in every way that `Sites.swift` knows,
// one at a time, in a scratch copy, and the tests are run. A mutant that no test notices is either a
// gap in the tests or a change that changes nothing; the latter are explained in `equivalents.md`.
// Run by `make mutants`; the sources themselves are not touched.
//
// Exit status: 0 if each mutant is dead or explained and each explanation is needed, else 1.
//
// Read next: `Places.swift`, `Sites.swift`, `Schemata.swift`.

import Foundation

struct Options {
  var only: String?
  var flags: [String] = ["-c", "release"]

  init(_ arguments: [String]) throws {
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      switch argument {
      case "--only": only = rest.popFirst()
      case "--":
        flags = Array(rest)
        rest = []
      default:
        throw CommandError(description: "count-mutants [--only FILE] [-- flags of swift build], not \(argument)")
      }
    }
  }
}

/// The files that are mutated.
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
  // Every file is made switchable, also those that are not asked for: the copy is the same for all runs.
  var sites: [Site] = []
  var mutants: [Mutant] = []
  var leftOut: [String: Int] = [:]
  var contents: [String: String] = [:]
  for source in try sources() {
    let findings = try source.findings(from: mutants.count + 1)
    if findings.sites.isEmpty { continue }
    sites += findings.sites
    mutants += findings.mutants
    leftOut.merge(findings.leftOut, uniquingKeysWith: +)
    contents[source.path] = source.rendered(with: findings.sites)
  }
  contents["Sources/Tensors/Mutants.swift"] = support(for: sites)
  func isChosen(_ file: String) -> Bool { options.only.map { file == $0 || file.hasSuffix("/" + $0) } ?? true }
  let names = Set(mutants.map(\.file))
  if let only = options.only, !names.contains(where: isChosen) {
    throw CommandError(description: "there is nothing to mutate in \(only); there is in \(names.sorted())")
  }
  say("\(mutants.count) mutants at \(sites.count) places of \(contents.count - 1) files")
  for (reason, count) in leftOut.sorted(by: { $0.key < $1.key }) { say("left out \(count): \(reason)") }

  var copy = ScratchCopy(flags: options.flags)
  try copy.write(replacing: contents)
  try copy.compile()
  let start = Date()
  let program = try copy.testProgram()
  let first = try TestRun(program: program, suites: firstTests).calibrated()
  let further = try TestRun(program: program, suites: furtherTests).calibrated()

  let chosen = mutants.filter { isChosen($0.file) }
  var found = try outcomes(of: chosen, under: first, title: firstTests.joined(separator: ", "))
  let alive = chosen.indices.filter { found[$0] == .survived }
  let again = try outcomes(of: alive.map { chosen[$0] }, under: further, title: "the survivors, other suites")
  for (index, outcome) in zip(alive, again) { found[index] = outcome }
  let explained = try equivalents(inFile: "Tests/Mutants/equivalents.md").filter { isChosen($0.file) }
  let passes = report(chosen, found, killedBySecond: alive.count - again.count { $0 == .survived }, explained)
  say("in \(minutes(Date().timeIntervalSince(start)))")
  return passes
}

do {
  exit(try run() ? 0 : 1)
} catch {
  FileHandle.standardError.write(Data("make mutants: \(error)\n".utf8))
  exit(1)
}
