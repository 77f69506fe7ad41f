// # The command line as text
//
// What a user types reaches a program as bytes. Swift repairs those that are no UTF-8, and a folder with
// such a name would become another folder; so they are refused. And swift-argument-parser prints its help
// itself, unchecked; so here it only gives the text. It also takes the word `--` for the end of all options,
// even where a value belongs; no command here has anything after its options, so there it is the value.
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
        "the word “\(String(cString: start))” of the command line is not UTF-8, so that no file of this name can be"
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
  /// The command of this process's command line; `--help` and mistakes end the program, after what there is to say.
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

/// A word in the form in which a shell reads it as this word: as it is, or in quotation marks.
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
