// # The record of a run
//
// Beside the report, which is for readers, a run writes run.json, from which the book is woven: everything that it
// printed, with the source line that printed it, and when and on what machine it ran. Two equal runs write equal
// reports; their records differ in the times.
//
// Read before: `Entry.swift`, `Page.swift`. Read next: `Chapter.swift`.

import Foundation

/// A run and all that it printed.
public struct RunRecord: Codable, Sendable {
  /// The chapter: "08-matrix-orientation".
  public var chapter: String
  /// The question that it answers.
  public var question: String
  /// The command that reproduces it.
  public var command: String
  /// Whether it was the small version.
  public var isQuick: Bool
  /// The seed of all randomness.
  public var seed: UInt64
  /// The type of the numbers: "Float" or "Double".
  public var numbers: String
  /// The day on which it ended, in ISO 8601: "2026-11-26".
  public var date: String
  /// What it ran on.
  public var machine: Machine
  /// How long it took.
  public var seconds: Double
  /// All that it printed, in order.
  public var lines: [Line]

  /// An entry, and the line of the source that printed it.
  public struct Line: Codable, Sendable {
    /// What was printed.
    public var entry: Entry
    /// Where it was printed.
    public var place: SourcePlace
  }

  /// A machine, described for a reader.
  public struct Machine: Codable, Sendable {
    /// The processor's name, as the system gives it; "unknown" if it does not.
    public var processor: String
    /// The number of cores that the system shows to a program.
    public var cores: Int
    /// The operating system: "Debian GNU/Linux 12 (bookworm)".
    public var system: String

    /// This machine.
    static var current: Machine {
      func value(_ key: String, in file: String, after separator: Character) -> String? {
        let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix(key) }
        return line?.split(separator: separator, maxSplits: 1).last.map {
          $0.trimmingCharacters(in: CharacterSet(charactersIn: "\" \t"))
        }
      }
      return Machine(
        processor: value("model name", in: "/proc/cpuinfo", after: ":") ?? "unknown",
        cores: ProcessInfo.processInfo.activeProcessorCount,
        system: value("PRETTY_NAME", in: "/etc/os-release", after: "=")
          ?? ProcessInfo.processInfo.operatingSystemVersionString)
    }
  }

  #if Float32
  static let numbers = "Float"
  #else
  static let numbers = "Double"
  #endif

  /// Today's date.
  static var today: String { Date.now.formatted(.iso8601.year().month().day()) }
}
