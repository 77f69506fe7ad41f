// # Running gnuplot
//
// We look for gnuplot in the search path and run it on the finished script, so what we see is what a reader sees who
// runs the script by hand. There is no pipe to it that could break: its messages go to a file. It has a minute, and
// we always wait for it to end. Read before: Script/ScriptWriter.swift. Read after: Figure.swift.

import Foundation

/// The program gnuplot, if it is installed.
public struct Gnuplot: Sendable {
  /// The program's file; nil when there is none in the search path.
  public let executable: URL?

  /// How many seconds a picture may take before gnuplot is stopped.
  public let timeLimit: Double

  /// Looks for `gnuplot` in directories separated by colons; nil takes those of the environment's PATH.
  public init(searchPath: String? = nil, timeLimit: Double = 60) {
    let path = searchPath ?? ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
    executable = path.split(separator: ":")
      .map { URL(fileURLWithPath: String($0), isDirectory: true).appendingPathComponent("gnuplot") }
      .first { Self.isProgram($0) }
    self.timeLimit = timeLimit
  }

  private static func isProgram(_ file: URL) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: file.path, isDirectory: &isDirectory) && !isDirectory.boolValue
      && FileManager.default.isExecutableFile(atPath: file.path)
  }

  /// What to tell the reader when there is no gnuplot; `done` is what was done without it.
  static func absence(_ done: String) -> String {
    "gnuplot is not installed: \(done); sudo apt-get install gnuplot-nox"
  }

  /// Draws a script in `directory`.
  ///
  /// - Parameters:
  ///   - output: the name of the file to draw, in the same directory; it must not contain quotes.
  /// - Returns: nil when gnuplot succeeded, otherwise the problem and what gnuplot said.
  func draw(_ script: String, in directory: URL, format: PlotFormat, to output: String) -> String? {
    guard let executable else { return Self.absence("only the script was written") }
    let messages = FileManager.default.temporaryDirectory.appendingPathComponent("gnuplot-\(UUID().uuidString)")
    guard FileManager.default.createFile(atPath: messages.path, contents: nil),
      let log = FileHandle(forWritingAtPath: messages.path)
    else { return "no file for gnuplot's messages can be made in \(messages.deletingLastPathComponent().path)" }
    defer {
      try? log.close()
      unlink(messages.path)
    }

    let child = ChildProcess(
      executable: executable,
      // -d: without the reader's ~/.gnuplot, so that the picture is the same everywhere.
      arguments: ["-d", "-e", "format='\(format.rawValue)'; file='\(output)'", "./" + script],
      // GNUTERM and others like it would choose another terminal, and LC_ variables another format for numbers.
      environment: ProcessInfo.processInfo.environment.filter { name, _ in
        !["GNUTERM", "GNUPLOT_LIB", "GNUPLOT_PS_DIR", "GDFONTPATH", "GNUPLOT_DEFAULT_GDFONT"].contains(name)
          && !name.hasPrefix("LC_") && name != "LANGUAGE"
      },
      directory: directory, output: log.fileDescriptor)
    let problem: String? =
      switch child.run(atMost: timeLimit) {
      case .status(0): nil
      case .status(let status): "gnuplot failed with status \(status)"
      case .signal(let signal): "gnuplot was ended by signal \(signal)"
      case .timedOut: "gnuplot took longer than \(number(timeLimit)) seconds and was stopped"
      case .notStarted(let reason): "gnuplot cannot be started: \(reason)"
      }
    let said = (try? String(decoding: Data(contentsOf: messages), as: UTF8.self)) ?? ""
    return problem.map { problem in
      let said = said.split(whereSeparator: \.isNewline).map { $0.trimmingCharacters(in: .whitespaces) }
        .filter { !$0.isEmpty }.prefix(5)
      return ([problem] + said.map { String($0.prefix(300)) }).joined(separator: ": ")
    }
  }
}
