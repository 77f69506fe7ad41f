// # Whole files
//
// What a killed run, a full or forbidden directory, and two writers at once leave behind.

import Checkpoints
import Foundation
import TestSupport
import Testing

@Suite struct AtomicFileTests {
  @Test func writesAndReplaces() throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("new/directories/notes with spaces.txt")
      for text in ["first, and long", "second", ""] {
        try AtomicFile.write(text, to: url)
        #expect(try String(contentsOf: url, encoding: .utf8) == text)
        #expect(try entries(url.deletingLastPathComponent()) == [url.lastPathComponent])
      }
      let large = Data((0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 2_654_435_761 >> 7) })
      try AtomicFile.write(large, to: url)
      #expect(try Data(contentsOf: url) == large)
    }
  }

  @Test func piecesOfAllSizesStayInOrder() throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("x")
      let pieces = [3, 0, 1_500_000, 7, 1 << 20, 600_000, 600_000, 1 << 20, 1].enumerated().map { number, count in
        [UInt8](repeating: UInt8(number), count: count)
      }
      try AtomicFile.write(to: url) { output in
        for piece in pieces { try output.write(piece) }
      }
      #expect(try Data(contentsOf: url) == Data(pieces.joined()))
    }
  }

  @Test func linksStayAndDevicesAreRefused() throws {
    try withTemporaryFolder { directory in
      func place(_ name: String) -> URL { directory.appendingPathComponent(name) }
      for (link, target) in [("a", "x"), ("b", "a"), ("loop", "loop")] {
        try FileManager.default.createSymbolicLink(atPath: place(link).path, withDestinationPath: target)
      }
      try AtomicFile.write("through a link to a link that leads nowhere", to: place("b"))
      #expect(try String(contentsOf: place("x"), encoding: .utf8).hasPrefix("through"))
      #expect(try FileManager.default.destinationOfSymbolicLink(atPath: place("b").path) == "a")
      #expect(throws: CheckpointError.self) { try AtomicFile.write("round and round", to: place("loop")) }
      mkfifo(place("pipe").path, 0o600)
      let error = #expect(throws: CheckpointError.self) { try AtomicFile.write("away", to: place("pipe")) }
      #expect(error?.problem.contains("only files are written") == true)
    }
  }

  @Test func onlyOneIsTheFirst() throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("x")
      let written = try ["first", "second"].map { try AtomicFile.writeNew(Data($0.utf8), to: url) }
      #expect(written == [true, false])
      #expect(try String(contentsOf: url, encoding: .utf8) == "first")
      #expect(try entries(directory) == ["x"])
    }
  }

  @Test func aFolderThatVanishesIsMadeAgain() throws {
    try withTemporaryFolder { directory in
      let folder = directory.appendingPathComponent("running")
      var isFirst = true
      try AtomicFile.write(to: folder.appendingPathComponent("x")) { output in
        if isFirst { try FileManager.default.removeItem(at: folder) }
        isFirst = false
        try output.write(Array("whole".utf8))
      }
      #expect(try String(contentsOf: folder.appendingPathComponent("x"), encoding: .utf8) == "whole")
    }
  }

  @Test func aFailureChangesNothing() throws {
    struct Interruption: Error {}
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("x")
      try AtomicFile.write("old", to: url)
      #expect(throws: Interruption.self) {
        try AtomicFile.write(to: url) { output in
          try output.write(Array("half of the ne".utf8))
          throw Interruption()
        }
      }
      #expect(try String(contentsOf: url, encoding: .utf8) == "old")
      #expect(try entries(directory) == ["x"])
    }
  }

  @Test func leftoversAreRemoved() throws {
    try withTemporaryFolder { directory in
      let left = [".x.tmp-0123456789abcdef", ".x.tmp-fedcba9876543210"]
      let others = [".x.tmp-notes", ".xx.tmp-0123456789abcdef", "x.tmp-0123456789abcdef", ".x.tmp-0123456789abcdef0"]
      for name in left + others { try Data("?".utf8).write(to: directory.appendingPathComponent(name)) }
      try AtomicFile.write("whole", to: directory.appendingPathComponent("x"))
      #expect(try entries(directory) == (others + ["x"]).sorted())
    }
  }

  @Test func theFileOfALivingWriterStays() throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("x")
      try AtomicFile.write(to: url) { output in
        try output.write(Array("outer".utf8))
        try AtomicFile.write("inner", to: url)
        #expect(try String(contentsOf: url, encoding: .utf8) == "inner")
      }
      #expect(try String(contentsOf: url, encoding: .utf8) == "outer")
      #expect(try entries(directory) == ["x"])
    }
  }

  @Test func manyWritersLeaveOneWholeFile() throws {
    try withTemporaryFolder { directory in
      let url = directory.appendingPathComponent("x")
      try AtomicFile.write(String(repeating: "0", count: 10_000), to: url)
      DispatchQueue.concurrentPerform(iterations: 200) { index in
        do {
          try AtomicFile.write(String(repeating: "\(index % 10)", count: 10_000), to: url)
          let seen = try Data(contentsOf: url)
          if seen.count != 10_000 || Set(seen).count != 1 { Issue.record("half a file of \(seen.count) bytes") }
        } catch {
          Issue.record("\(error)")
        }
      }
      #expect(try entries(directory) == ["x"])
    }
  }

  // The tests may run as root, whom permissions do not stop: so we use obstacles of other kinds.
  @Test func obstaclesAreNamed() throws {
    try withTemporaryFolder { directory in
      let file = directory.appendingPathComponent("file")
      try AtomicFile.write("text", to: file)
      try FileManager.default.createDirectory(
        at: directory.appendingPathComponent("taken/inside"), withIntermediateDirectories: true)
      let cases: [(URL, [String])] = [
        (file.appendingPathComponent("x"), ["directory \(file.path)"]),
        (file.appendingPathComponent("deeper/x"), ["directory \(file.path)/deeper"]),
        (directory.appendingPathComponent("taken"), ["a directory has the name"]),
        (directory.appendingPathComponent(String(repeating: "n", count: 300)), ["shorter name"]),
        (URL(fileURLWithPath: "/"), ["directory"]),
        (URL(string: "https://example.org/x")!, ["address"]),
      ]
      for (url, mentions) in cases {
        let error = try #require(throws: CheckpointError.self) { try AtomicFile.write("text", to: url) }
        for mention in mentions + [url.isFileURL ? url.path : url.absoluteString] {
          #expect(error.description.contains(mention), "\(error) should mention \(mention)")
        }
      }
      #expect(try String(contentsOf: file, encoding: .utf8) == "text")
      #expect(try entries(directory) == ["file", "taken"])
    }
  }

  #if os(Linux)
  @Test func aForbiddenDirectoryIsNamed() throws {
    let error = try #require(throws: CheckpointError.self) {
      try AtomicFile.write("text", to: URL(fileURLWithPath: "/proc/x.txt"))
    }
    #expect(error.description.contains("directory /proc"), "\(error)")
  }
  #endif
}
