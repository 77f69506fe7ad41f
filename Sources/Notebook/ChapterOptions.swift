// # The command line of a chapter
//
// All chapters share some options. A chapter that needs more declares them as in swift-argument-parser:
//
//     struct Options: ParsableArguments {
//       @Option(help: "Random seeds to average over.") var seeds = 1
//       @Flag(help: "Also run the sweep over budgets.") var sweep = false
//     }
//     let chapter = Chapter("10-knowledge-distillation", …, options: Options.self)
//     for seed in 0..<chapter.options.seeds { … }
//
// Read next: `Chapter.swift`.

import ArgumentParser
import Foundation
import Plots

/// The options that every chapter has.
package struct CommonOptions: ParsableArguments {
  @Flag(help: "A small version that takes seconds, to see that everything works.")
  package var quick = false

  @Flag(help: "Also run the answers to the exercises.")
  package var answers = false

  @Option(parsing: .unconditional, help: ArgumentHelp("The seed of all randomness.", valueName: "n"))
  package var seed: UInt64 = 0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The folder for results; each chapter has a folder of its own in it.", valueName: "dir"),
    transform: path)
  package var out = "out"

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("How figures are drawn; the gnuplot script is always written.", valueName: "format"))
  package var plots = PlotFormat.svg

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("A UTF-8 text to learn from, in place of the chapter's own.", valueName: "file"),
    transform: path)
  package var corpus: String?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Byte-pair encoding with this many tokens in place of characters.", valueName: "tokens"))
  package var bytePairs: Int?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "Cuts each batch into this many parts, which the ranks of mpirun share; 8 suits 1 to 8 ranks.",
      valueName: "parts"))
  package var microBatches: Int?

  package init() {}

  package func validate() throws {
    if let corpus, !FileManager.default.isReadableFile(atPath: corpus) || isFolder(corpus) {
      throw ValidationError("--corpus \(corpus): no such file, or it cannot be read.")
    }
    if let bytePairs, bytePairs <= 256 {
      throw ValidationError("--byte-pairs \(bytePairs): there are 256 bytes to begin with; ask for more tokens.")
    }
    if let microBatches, !(1...4096).contains(microBatches) {
      throw ValidationError(
        "--micro-batches \(microBatches): give a number from 1 to 4096, at most the rows of a batch.")
    }
  }

  private func isFolder(_ path: String) -> Bool {
    var isFolder: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && isFolder.boolValue
  }
}

extension PlotFormat: ExpressibleByArgument {}

/// The value of an option that is a path: the word itself. Throws for the empty word, which the file system would
/// take for the current folder; most often it comes from a shell variable that was not set.
public func path(_ word: String) throws -> String {
  if word.isEmpty { throw ValidationError("it is empty; give the name of a file or folder") }
  return word
}

/// The options of a chapter that has no options of its own.
public struct NoOptions: ParsableArguments {
  /// Made by the parser of the command line.
  public init() {}
}

// ## The command
//
// swift-argument-parser asks the type, not a value, for the command's name and description. A chapter gives its name
// and question at run time; a task-local value hands them to the type during parsing.

/// The command line of a chapter with its own options `Extra`.
package struct ChapterCommand<Extra: ParsableArguments>: ParsableCommand {
  package static var configuration: CommandConfiguration { CommandText.configuration }

  @OptionGroup(title: "Options of every chapter") package var common: CommonOptions
  @OptionGroup(title: "Options of this chapter") package var extra: Extra

  package init() {}
}

private enum CommandText {
  @TaskLocal static var configuration = CommandConfiguration()
}

/// The text of `--help`.
package struct ChapterText: Sendable {
  package let name: String
  package let question: String
  package let duration: String

  package init(name: String, question: String, duration: String) {
    (self.name, self.question, self.duration) = (name, question, duration)
  }

  /// Calls `body` while the command's type has this text.
  package func during<Result>(_ body: () throws -> Result) rethrows -> Result {
    let configuration = CommandConfiguration(
      commandName: name, abstract: question, discussion: "Run time: \(duration).")
    return try CommandText.$configuration.withValue(configuration, operation: body)
  }
}

/// The command that reproduces the results: without the options that only say where to write and how to draw.
package func reproducingCommand(_ name: String, _ arguments: [String]) -> String {
  var kept = [name]
  var rest = arguments[...]
  while let argument = rest.popFirst() {
    if ["--out", "--plots"].contains(argument) {
      _ = rest.popFirst()
    } else if !argument.hasPrefix("--out="), !argument.hasPrefix("--plots=") {
      kept.append(shellQuoted(argument))
    }
  }
  return kept.joined(separator: " ")
}
