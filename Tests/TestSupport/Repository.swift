// # The files of this package
//
// Some tests read the sources: whether a table has a row for every type, whether every declaration
// is described. The package is found from the place of this file, so these tests need the sources
// that they were built from.
//
// Read next: `SourceTypes.swift`, `PublicDeclarations.swift`.

import Foundation

/// The package on disk.
public enum Repository {
  /// The folder with Package.swift.
  public static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  /// The text of a file; the path begins at the root.
  public static func text(of path: String) throws -> String {
    try String(contentsOf: root.appending(path: path), encoding: .utf8)
  }

  /// The paths of the Swift files in a folder and below it, from the root on, sorted. Throws if there is no such folder.
  public static func swiftFiles(in folder: String) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: root.appending(path: folder).path)
      .filter { $0.hasSuffix(".swift") }
      .sorted()
      .map { "\(folder)/\($0)" }
  }

  /// The names of the folders in Sources, each a module, sorted.
  public static func modules() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: root.appending(path: "Sources").path)
      .filter { try !swiftFiles(in: "Sources/\($0)").isEmpty }
      .sorted()
  }
}
