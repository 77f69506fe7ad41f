// # The options of the command
//
// Read next: `Reporting.swift`.

import ArgumentParser
import ConformanceKit
import Foundation
import Notebook

struct Command: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "conformance", abstract: "Compares an implementation of MOHAWK with reference values.",
    subcommands: [Emit.self, CheckAnswer.self, Faults.self, Compare.self])

  /// Runs the subcommand of this process's command line.
  @MainActor static func run() {
    let words = exitOnError { try commandLineWords() }
    var command: any ParsableCommand
    do { command = try parseAsRoot(withDashesAsValues(words)) } catch { end(because: error) }
    switch command {
    case let command as Emit: exitOnError { try emit(command) }
    case let command as CheckAnswer: leave(exitOnError { try check(command) } ? 0 : 1)
    case let command as Faults: exitOnError { try listFaults(command) }
    case let command as Compare: leave(exitOnError { try compare(command) } ? 0 : 1)
    default:
      // What is left are requests for help, which throw it.
      do { try command.run() } catch { end(because: error) }
    }
  }
}

struct Emit: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "emit", abstract: "Writes the kit into a folder, the same bytes each time.")
  @Argument(help: "The folder.", transform: path) var folder: String
}

struct CheckAnswer: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Compares the answers of another program with the kit.",
    discussion: "The exit status is 0 if every answered tensor agrees, and 1 if one does not.")
  @Argument(help: "The folder of the kit, such as data/conformance.", transform: path) var folder: String
  @Argument(help: "A safetensors file with tensors named CASE/NAME.", transform: path) var answers: String
  @Flag(name: .customLong("float32"), help: "Allow for 32 bits even where 64 are written.") var float32 = false
  @Flag(help: "Print JSON in place of the table.") var json = false
  @Flag(help: "List the tensors that agree as well.") var all = false
}

struct Faults: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "faults", abstract: "Lists the mistakes that check recognises, and where each of them shows first.")
}
