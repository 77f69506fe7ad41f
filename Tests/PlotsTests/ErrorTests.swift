// # Errors that say what to do
//
// A table of figures that cannot be drawn, each with what its error must mention: the place, the problem. And files
// that cannot be written. Read before: Support.swift.

import Foundation
import Plots
import Testing

@Suite struct ErrorTests {
  static let cases: [(figure: Figure, mentions: [String])] = [
    (Figure("F", panels: []), ["figure 'F'", "no panels"]),
    (Figure("F", panels: [lines([simple])], columns: 0), ["columns is 0"]),
    (Figure("F", panels: [lines([simple])], width: -5), ["-5 × 0 pixels"]),
    (Figure("F", panels: [lines([simple])], width: 60), ["do not fit"]),
    (Figure("F", panels: [lines([simple]), lines([])]), ["panel 2 'Loss'", "no series"]),
    (Figure("F", panels: [lines([Series("s", x: [], y: [])])]), ["series 's'", "no points"]),
    (Figure("F", panels: [lines([Series("s", x: [1, 2], y: [1])])]), ["series 's'", "x has 2 values and y has 1"]),
    (
      Figure("F", panels: [lines([Series("s", x: [1, 2], y: [1, 2], band: ([1], [1, 2]))])]),
      ["series 's'", "1 lower and 2 upper limits for 2 points"]
    ),
    (Figure("F", panels: [lines([simple], references: [Reference("r", y: .nan)])]), ["reference 'r'", "nan"]),
    (Figure("F", panels: [lines([simple], y: Axis("v", range: 1...1))]), ["axis 'v'", "empty"]),
    (Figure("F", panels: [lines([simple], y: Axis("v", range: 0 ... .infinity))]), ["axis 'v'", "not finite"]),
    (
      Figure("F", panels: [lines([simple], x: Axis("v", logarithmic: true, range: 0...1))]),
      ["axis 'v'", "contains 0 or less"]
    ),
    (Figure("F", panels: [map([])]), ["panel 1 'Map'", "no cells"]),
    (Figure("F", panels: [map([[]])]), ["no cells"]),
    (Figure("F", panels: [map([[1, 2, 3], [1, 2]])]), ["row 1 has 2 cells and row 0 has 3"]),
    (Figure("F", panels: [map([[1]], x: Axis("v", logarithmic: true))]), ["axis 'v'", "logarithmic"]),
    (
      Figure("F", panels: [map([[1, 2, 3], [4, 5, 6]], x: Axis("v", labels: ["a", "b"]))]),
      ["panel 1 'Map'", "axis 'v'", "2 labels for 3 cells", "one label for each cell"]
    ),
    (
      Figure("F", panels: [map([[1, 2, 3], [4, 5, 6]], y: Axis("v", labels: ["a", "b", "c"]))]),
      ["axis 'v'", "3 labels for 2 cells"]
    ),
    (Figure("F", panels: [map([[1]], x: Axis("v", labels: []))]), ["axis 'v'", "0 labels for 1 cells"]),
    (Figure("F", panels: [lines([simple], x: Axis("v", ticks: [1, .nan]))]), ["axis 'v'", "a tick at nan"]),
    (
      Figure("F", panels: [lines([simple], y: Axis("v", logarithmic: true, ticks: [0]))]),
      ["axis 'v'", "a tick at 0", "above 0"]
    ),
    (Figure("F", panels: [lines([simple], x: Axis("v", labels: ["a"]))]), ["axis 'v'", "no cells to name"]),
    (Figure("F", panels: [lines([simple], y: Axis("v", labels: []))]), ["axis 'v'", "no cells to name"]),
    (Figure("F", panels: [dots([], value: Axis("v", labels: ["a"]))]), ["axis 'v'", "no cells to name"]),
    (Figure("F", panels: [map([[1]], scale: .logarithmic(floor: 0))]), ["floor", "0.0"]),
    (Figure("F", panels: [map([[0]], scale: .categories(["alone"]))]), ["1 categories", "2 to 8"]),
    (Figure("F", panels: [map([[0, 2]], scale: .categories(["a", "b"]))]), ["not a category", "from 0 to 1"]),
    (Figure("F", panels: [map([[0, 0.5]], scale: .categories(["a", "b"]))]), ["not a category", "from 0 to 1"]),
    (Figure("F", panels: [map([[0, .infinity]], scale: .categories(["a", "b"]))]), ["not a category"]),
    (Figure("F", panels: [map([[1]], range: 2...2)]), ["colour range", "empty"]),
    (Figure("F", panels: [dots([])]), ["panel 1 'Arms'", "no rows"]),
    (
      Figure(
        "F", panels: [dots([.init(name: "a", value: 1, error: nil)], references: [Reference("r", y: .infinity)])]),
      ["reference 'r'"]
    ),
  ]

  @Test(arguments: cases)
  func inconsistentFigures(figure: Figure, mentions: [String]) throws {
    let folder = try Folder()
    let error = try #require(throws: PlotError.self) {
      try figure.write(to: folder.url, named: "f", as: .svg)
    }
    for part in mentions { #expect(error.description.contains(part), "\(error)") }
    #expect(!error.remedy.isEmpty && error.localizedDescription == error.description)
    #expect(folder.names == [], "nothing is written")
  }

  @Test(arguments: ["", "a/b", "../a", ".hidden", "a\nb"])
  func namesThatAreNoFileNames(name: String) throws {
    let folder = try Folder()
    #expect(throws: PlotError.self) { try everything.write(to: folder.url, named: name, as: .none) }
    #expect(folder.names == [])
  }

  @Test func missingDirectoriesAreMade() throws {
    let folder = try Folder()
    let deep = folder.url.appendingPathComponent("out/05 teacher")
    let written = try everything.write(to: deep, named: "f", as: .none)
    #expect(FileManager.default.fileExists(atPath: written.script.path))
  }

  /// A file in the way, and a file system that even root cannot write to.
  @Test func unwritableDirectoriesAreNamed() throws {
    let folder = try Folder()
    let file = folder.url.appendingPathComponent("file")
    try "x".write(to: file, atomically: true, encoding: .utf8)
    for directory in [file, file.appendingPathComponent("sub"), URL(fileURLWithPath: "/proc/self/task")] {
      let error = try #require(throws: PlotError.self) {
        try everything.write(to: directory, named: "f", as: .svg)
      }
      #expect(error.description.contains(directory.path))
    }
    #expect(folder.names == ["file"])
  }

  @Test func nothingIsLeftWhenTheNameIsTaken() throws {
    let folder = try Folder()
    let obstacle = folder.url.appendingPathComponent("f.gp/inside")
    try FileManager.default.createDirectory(at: obstacle, withIntermediateDirectories: true)
    let error = try #require(throws: PlotError.self) {
      try everything.write(to: folder.url, named: "f", as: .none)
    }
    #expect(error.place.hasSuffix("f.gp"))
    #expect(folder.names == ["f.gp"])
  }

  @Test func anOldScriptIsReplacedAsAWhole() throws {
    let folder = try Folder()
    try String(repeating: "old\n", count: 10_000)
      .write(to: folder.url.appendingPathComponent("f.gp"), atomically: true, encoding: .utf8)
    _ = try Figure("F", panels: [lines([simple])]).write(to: folder.url, named: "f", as: .none)
    #expect(try !folder.text("f.gp").contains("old") && folder.text("f.gp").hasSuffix("unset output\n"))
  }

  @Test func manyFiguresAtOnce() async throws {
    let folder = try Folder()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<12 {
        group.addTask { _ = try everything.write(to: folder.url, named: "f\(index % 3)", as: .svg) }
      }
      try await group.waitForAll()
    }
    #expect(folder.names.filter { $0.hasSuffix(".gp") }.count == 3)
    #expect(folder.names.allSatisfy { !$0.hasSuffix(".partial") })
  }
}
