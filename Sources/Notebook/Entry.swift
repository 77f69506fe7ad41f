// # What a run prints
//
// A run is a list of entries: headings, prose, values, verdicts, tables, figures. Each entry has two forms, the lines
// on the terminal and the Markdown of report.md, made from the same data so that they cannot drift apart.
//
// Some output is never the same twice. Times and paths are `volatile` lines and begin with `~ `; text that a model
// wrote is a `sample`, whose lines begin with `~| `. The comparison of transcripts ignores the text of both. Volatile
// lines stay out of report.md, so that two runs with equal settings write equal reports. A finding begins with `» `,
// and its further lines with two spaces, so that a longer number may break its lines elsewhere.
//
// Read before: `Table.swift`, `Verdict.swift`. Read next: `Page.swift`.

import Foundation

/// A line of a source file.
public struct SourcePlace: Codable, Equatable, Sendable {
  /// The name of the file, without its folder.
  public let file: String
  /// The line, from 1.
  public let line: Int

  /// A place.
  ///
  /// - Parameter file: what `#fileID` or `#filePath` gives
  public init(_ file: String, _ line: Int) {
    self.file = file.split(separator: "/").last.map(String.init) ?? file
    self.line = line
  }

  /// "line 12", with the file before it unless it is the main one.
  package var text: String { file == "main.swift" ? "line \(line)" : "\(file), line \(line)" }
}

/// One thing that a chapter has printed.
public enum Entry: Codable, Equatable, Sendable {
  /// The name of the chapter and its question.
  case title(String, question: String)
  /// The title of a section.
  case heading(String)
  /// Paragraphs.
  case prose(String)
  /// A named value.
  case value(label: String, text: String)
  /// A check or an observation.
  case verdict(Verdict)
  /// Rows and columns.
  case table(Table)
  /// A sentence about what came out, with the numbers of this run. One about times is volatile.
  case finding(String, isVolatile: Bool)
  /// What differs from run to run: times, paths.
  case volatile(String)
  /// What a model wrote.
  case sample(title: String, text: String)
  /// A figure: its files.
  case figure(title: String, files: FigureFiles)
  /// Numbers for the page alone.
  case exploration(Exploration)
}

/// Where a figure was written.
public struct FigureFiles: Codable, Equatable, Sendable {
  /// The folder, as a path that can be opened from the terminal.
  public var directory: String
  /// The gnuplot script's name.
  public var script: String
  /// The picture's name, if one was made.
  public var picture: String?
  /// The figure in characters, if `--plots ascii` asked for it.
  public var drawing: String?
  /// Why there is no picture, if there is none: gnuplot is not installed, say.
  public var note: String?

  /// The file to open first: the picture, or else the script.
  package var path: String { "\(directory)/\(picture ?? script)" }

  /// The files of a figure in the folder at a path.
  package init(directory: String, script: String, picture: String?, drawing: String? = nil, note: String? = nil) {
    (self.directory, self.script) = (directory, script)
    (self.picture, self.drawing, self.note) = (picture, drawing, note)
  }
}

// ## To the terminal

extension Entry {
  /// The lines of the entry, which was made at a place.
  package func printed(at place: SourcePlace) -> [String] {
    switch self {
    case .title(let name, let question): [name] + wrapped(question)
    case .heading(let title): [title, String(repeating: "─", count: title.count)]
    case .prose(let text): wrapped(text)
    case .value(let label, let text): ["\(label): ".padded(to: 36) + text]
    case .verdict(let verdict): [verdict.text(at: place)]
    case .table(let table): table.printed
    case .finding(let text, true): ["~ » " + text]
    case .finding(let text, false):
      wrapped(text, at: proseWidth - 2).enumerated().map { ($0 == 0 ? "» " : "  ") + $1 }
    case .volatile(let text): text.split(whereSeparator: \.isNewline).map { "~ \($0)" }
    case .sample(let title, let text):
      ["\(title):"] + wrappedLines(of: text).map { "~| \($0)" }
    case .figure(let title, let files):
      (files.drawing?.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) ?? [])
        + [
          "~ figure \"\(title)\": \(files.path)"
            + (files.note.map { " (\($0.split(whereSeparator: \.isNewline).joined(separator: " ")))" } ?? "")
        ]
    case .exploration: []
    }
  }

  /// Whether a blank line separates this entry from the one before it. Values, verdicts and volatile lines form
  /// blocks.
  package func isSeparated(from previous: Entry?) -> Bool {
    guard let previous, !isForPageAlone else { return false }
    return !(isOneLine && previous.isOneLine)
  }

  /// Whether terminal and report leave it out.
  package var isForPageAlone: Bool { if case .exploration = self { true } else { false } }

  private var isOneLine: Bool {
    switch self {
    case .value, .verdict, .volatile: true
    case .figure(_, let files): files.drawing == nil
    default: false
    }
  }

  // A sample keeps its line breaks: the model wrote them.
  private func wrappedLines(of text: String) -> [String] {
    text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline).flatMap { line in
      let lines = wrapped(String(line))
      return lines.isEmpty ? [""] : lines
    }
  }
}

// ## To the report

extension Entry {
  /// The entry in Markdown; nil for what the report leaves out. With its place, a check that holds names its line.
  public func markdown(at place: SourcePlace? = nil) -> String? {
    switch self {
    case .title(let name, let question): return "# \(name)\n\n\(question)"
    case .heading(let title): return "## \(title)"
    case .prose(let text): return text.trimmingCharacters(in: .whitespacesAndNewlines)
    case .value(let label, let text): return "- \(label): \(text)"
    case .verdict(let verdict):
      let line = place.map { verdict.kind == .check && verdict.holds ? " (\($0.text))" : "" } ?? ""
      return "- \(verdict.text(at: place))" + line
    case .table(let table): return table.markdown
    case .finding(let text, let isVolatile): return isVolatile ? nil : text
    case .volatile: return nil
    case .sample(let title, let text): return "\(title):\n\n" + Entry.fenced(text)
    case .figure(let title, let files):
      let image = files.picture.map { "![\(title)](\($0))\n\n" } ?? files.drawing.map { Entry.fenced($0) + "\n\n" }
      return (image ?? "") + "*\(title)*, drawn by [\(files.script)](\(files.script))"
    case .exploration: return nil
    }
  }

  private static func fenced(_ text: String) -> String {
    let fence = fence(around: text, atLeast: 3)
    return "\(fence)text\n\(text)\n\(fence)"
  }

  /// Backquotes, more of them than stand in a row anywhere in the text.
  static func fence(around text: String, atLeast count: Int) -> String {
    var fence = String(repeating: "`", count: count)
    while text.contains(fence) { fence += "`" }
    return fence
  }

  /// Whether report.md separates this entry from the one before it by a blank line. Items of one list are not
  /// separated.
  public func isSeparatedInMarkdown(from previous: Entry?) -> Bool {
    !(isItem && previous?.isItem == true)
  }

  private var isItem: Bool {
    switch self {
    case .value, .verdict: true
    default: false
    }
  }
}
