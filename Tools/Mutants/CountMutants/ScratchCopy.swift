// # The scratch copy
//
// A second copy of the package, in `.build-mutants/package`, with its sources made switchable, fresh memory filled
// with NaN, and without what the chosen tests do not need. Every file is made switchable, even those that are not
// asked for: the copy is the same for all runs. Files are written only where they changed, so that the second run
// builds little.
//
// A site may be of a type that its twin does not know. The copy then does not compile at that line; the sites of the
// line are taken out and named, and the run goes on without them. It ends with an error.
//
// Read before: `../MutationSites/Schemata.swift`. Read next: `Runs.swift`.

import Foundation
import MutationSites

/// The suites that are run first, and those that are run on the survivors.
let firstTests = ["GradientsTests"]
let furtherTests = ["TensorsTests", "LayersTests", "DistillationTests"]

/// A suite that tests the pool of memory and nothing that is mutated: it would take ten seconds for each survivor.
let skippedTests = "StorageTests"

struct ScratchCopy {
  let folder = ".build-mutants/package"
  let build = ".build-mutants/build"
  let flags: [String]
  let suites: [String]
  private var written: Set<String> = []

  init(flags: [String], suites: [String]) { (self.flags, self.suites) = (flags, suites) }

  /// Writes and builds the copy; returns the mutants that had to be taken out, after naming them.
  mutating func make(of sources: [Source], _ sites: Sites) throws -> Set<Int> {
    var out: Set<Int> = []
    while true {
      var contents: [String: String] = [:]
      var ofModule: [String: [Site]] = [:]
      for (source, findings) in sites.findings {
        let switched = findings.sites.filter { !out.contains($0.first) }
        contents[source.path] = source.rendered(with: switched)
        ofModule[source.module, default: []] += switched
      }
      for (module, sites) in ofModule {
        contents["Sources/\(module)/MutantSwitches.swift"] = support(for: sites, inModule: module)
      }
      try fillFreshMemory(of: sources, in: &contents)
      try write(replacing: contents)
      let errors = try compile()
      if errors.isEmpty { break }
      let failing = sites.findings.flatMap { source, findings in
        findings.sites.filter { site in
          !out.contains(site.first)
            && errors.contains { source.path.hasSuffix($0.path) && source.line(of: site) == $0.line }
        }.map(\.first)
      }
      if failing.isEmpty { throw CommandError("the scratch copy does not compile; see above") }
      out.formUnion(failing)
    }
    let mutants = sites.mutants.filter { out.contains($0.site) }
    for mutant in mutants { say("can not be switched: \(mutant.file):\(mutant.line) \(mutant.text)") }
    return Set(mutants.map(\.number))
  }

  private func fillFreshMemory(of sources: [Source], in contents: inout [String: String]) throws {
    var isFilled = false
    for source in sources {
      guard let text = Source(path: source.path, text: contents[source.path] ?? source.text).fillingFreshMemory()
      else {
        continue
      }
      (contents[source.path], isFilled) = (text, true)
    }
    if !isFilled {
      throw CommandError("no source of Tensors takes memory by a call of `take`: nothing to fill with NaN")
    }
  }

  /// Copies Package.swift, Sources and Tests, with other contents for some files.
  private mutating func write(replacing contents: [String: String]) throws {
    let manager = FileManager.default
    var contents = contents
    written = []
    contents["Package.swift"] = try String(contentsOfFile: "Package.swift", encoding: .utf8) + pruning

    for (path, text) in contents { try write(Data(text.utf8), to: path) }
    for root in ["Sources", "Tests"] {
      guard let files = manager.enumerator(atPath: root) else { throw CommandError("no folder \(root)") }
      for case let name as String in files {
        let path = root + "/" + name
        if isFolder(path) || contents[path] != nil { continue }
        try write(Data(contentsOf: URL(fileURLWithPath: path)), to: path)
      }
    }
    // What is no longer in the package is removed here too.
    for root in ["Sources", "Tests"] {
      for case let name as String in manager.enumerator(atPath: folder + "/" + root)! {
        let path = root + "/" + name
        if isFolder(folder + "/" + path) || written.contains(path) { continue }
        try manager.removeItem(atPath: folder + "/" + path)
      }
    }
  }

  private func isFolder(_ path: String) -> Bool {
    var result: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &result) && result.boolValue
  }

  private mutating func write(_ data: Data, to path: String) throws {
    written.insert(path)
    let target = folder + "/" + path
    if FileManager.default.contents(atPath: target) == data { return }
    let parent = URL(fileURLWithPath: target).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
    try data.write(to: URL(fileURLWithPath: target))
  }

  /// Builds the tests of the copy; returns the places of the compiler's errors.
  private func compile() throws -> [(path: String, line: Int)] {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments =
      ["swift", "build"] + flags + ["--package-path", folder, "--scratch-path", build, "--build-tests"]
    let pipe = Pipe()
    (process.standardOutput, process.standardError) = (pipe, pipe)
    let start = Date()
    try process.run()
    let output = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    if process.terminationStatus == 0 {
      say("built in \(minutes(Date().timeIntervalSince(start)))")
      return []
    }
    let errors = output.matches(of: /(?m)^\/.*?\/package\/(Sources\/.*?):(\d+):\d+: error: (.*)$/)
    for line in Set(errors.map { String($0.output.0) }).sorted().prefix(40) { say(line) }
    if errors.isEmpty { say(output) }
    return errors.isEmpty ? [("", 0)] : errors.map { (String($0.output.1), Int($0.output.2)!) }
  }

  /// The program that holds all tests.
  func testProgram() throws -> String {
    let products = build + "/release"
    let names = try FileManager.default.contentsOfDirectory(atPath: products)
    guard let name = names.first(where: { $0.hasSuffix("PackageTests.xctest") }) else {
      throw CommandError("there is no test program in \(products)")
    }
    return products + "/" + name
  }

  /// Appended to the manifest: only what the tests need, so that nothing is fetched and no chapter is built.
  private var pruning: String {
    """

    var needed: Set<String> = []
    var waiting = \(suites)
    while let name = waiting.popLast() {
      guard needed.insert(name).inserted else { continue }
      for dependency in package.targets.first(where: { $0.name == name })?.dependencies ?? [] {
        switch dependency {
        case .byNameItem(let name, _), .targetItem(let name, _): waiting.append(name)
        default: break
        }
      }
    }
    package.targets.removeAll { !needed.contains($0.name) }
    package.products = []
    package.dependencies = []

    """
  }
}
