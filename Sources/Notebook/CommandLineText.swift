// # The command line as text
//
// What a user types reaches a program as bytes. Swift repairs bytes that are not UTF-8, which would turn the name of
// one folder into that of another, so we refuse them. swift-argument-parser would print its help itself, unchecked,
// so we only take the text from it. It also reads the word `--` as the end of all options, even where an option's
// value belongs; no command here takes anything after its options, so there we read it as the value.
//
// Read before: `Streams.swift`. Read next: `ChapterOptions.swift`.

import ArgumentParser
import Foundation

/// The words of this process's command line, without the program's name.
///
/// Throws `CommandError` if one of them is not UTF-8, or if there is no current folder for paths to begin in.
public func commandLineWords() throws -> [String] {
  StandardOutput.begin()
  guard let here = getcwd(nil, 0) else {
    throw CommandError(
      "the current folder cannot be found (\(String(cString: strerror(errno)))): it was removed, or may not be read;"
        + " change into another with cd")
  }
  free(here)
  return try (1..<max(1, Int(CommandLine.argc))).map { index in
    guard let start = CommandLine.unsafeArgv[index] else { return "" }
    guard let word = String(validatingCString: start) else {
      throw CommandError(
        "the word “\(String(cString: start))” of the command line is not UTF-8, so no file of this name can be"
          + " found or made; rename the file or the folder")
    }
    return word
  }
}

/// The words with each `--` that follows an option as that option's value.
package func withDashesAsValues(_ words: [String]) -> [String] {
  words.reduce(into: []) { result, word in
    if word == "--", let option = result.last, option.hasPrefix("--"), option != "--", !option.contains("=") {
      result[result.count - 1] += "=--"
    } else {
      result.append(word)
    }
  }
}

extension ParsableCommand {
  /// The command of this process's command line; `--help` and mistakes print their message and end the program.
  @MainActor
  public static func ofCommandLine() -> Self {
    let words = exitOnError { try commandLineWords() }
    do {
      return try parse(withDashesAsValues(words))
    } catch {
      end(because: error)
    }
  }

  /// Ends the program because of what parsing has thrown: help on standard output, a mistake on standard error.
  @MainActor
  package static func end(because error: any Error) -> Never {
    let (text, code) = (fullMessage(for: error), exitCode(for: error))
    if code.isSuccess {
      exitOnError { try StandardOutput.write(text + "\n") }
    } else {
      Screen.shared.write(text + "\n")
    }
    leave(code.rawValue)
  }
}

/// A word written so that a shell reads it back unchanged: as it is, or in quotation marks.
package func shellQuoted(_ word: String) -> String {
  let plain = Set("-_=./+,:%@".utf8)
  let isPlain = word.utf8.allSatisfy { byte in
    byte >= 0x80 || plain.contains(byte) || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
      || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }
  let isBlank = word.unicodeScalars.contains { $0.properties.isWhitespace }
  if isPlain && !isBlank && !word.isEmpty { return word }
  return "'" + word.replacing("'", with: #"'\''"#) + "'"
}
