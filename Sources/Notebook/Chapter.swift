// # A chapter
//
// A chapter is top-level code in chapters/NN-name/main.swift:
//
//     let chapter = Chapter(
//       "08-matrix-orientation", question: "Can the student's matrix be turned toward the teacher's?",
//       duration: "2 minutes; 10 seconds with --quick")
//     chapter.section("1. The teacher's matrices")
//     chapter.say("Each head of the teacher is a lower triangular matrix …")
//     …
//     chapter.finish()
//
// The first statement reads the command line, answers `--help`, rejects unknown options, and makes sure that the
// folder for the results can be written before any work is done. The last one writes report.md, run.json and the CSV
// files, prints how many checks have passed, and ends the program with status 1 if one has failed.
//
// Read before: `Notebook.swift`, `ChapterOptions.swift`.

import ArgumentParser
import Foundation
import Plots

/// A run of one chapter with its own options `Extra`.
@MainActor
public final class Chapter<Extra: ParsableArguments> {
  /// The chapter's name: "08-matrix-orientation".
  public let name: String
  /// The question that the chapter answers.
  public let question: String
  /// The chapter's own options, beside those that every chapter has.
  public let options: Extra
  /// Whether `--quick` asked for the small version.
  public let isQuick: Bool
  /// The seed of all randomness, 0 unless `--seed` gave one.
  public let seed: UInt64
  /// The text to train on, if `--corpus` gave one.
  public let corpus: URL?
  /// The number of tokens of a byte-pair encoding, if `--byte-pairs` asked for one in place of characters.
  public let bytePairs: Int?
  /// The number of parts into which each batch is cut, for ranks to share, if `--micro-batches` asked for it.
  public let microBatches: Int?
  /// The folder of all results, "out" unless `--out` gave one; other chapters' checkpoints are below it.
  public let out: URL
  /// The folder of this chapter's results: out/NN-name.
  public let directory: URL

  private let runsAnswers: Bool
  private let plots: PlotFormat
  private let command: String
  private let page: Page
  private let start = ContinuousClock.now
  private var metrics: [Metrics] = []

  /// A chapter with options of its own, for the command line of this process. `--help`, an invalid command line and a
  /// folder that cannot be written end the program.
  ///
  /// - Parameter duration: how long a run takes, for `--help`: "2 minutes; 10 seconds with --quick".
  public convenience init(_ name: String, question: String, duration: String, options: Extra.Type) {
    let text = ChapterText(name: name, question: question, duration: duration)
    let words = exitOnError { try commandLineWords() }
    Ranks.silenceOthers()
    do {
      try self.init(text, arguments: words, page: .current)
      Ranks.begin()
    } catch let error as CommandError {
      stop(because: error)
    } catch {
      // All ranks have the same command line; one says what is wrong with it.
      if !Ranks.isFirst { leave(1) }
      text.during { ChapterCommand<Extra>.end(because: error) }
    }
  }

  /// A chapter for a given command line and page.
  package init(_ text: ChapterText, arguments: [String], page: Page) throws {
    let line = try text.during { try ChapterCommand<Extra>.parse(withDashesAsValues(arguments)) }
    (name, question, options) = (text.name, text.question, line.extra)
    (isQuick, seed, plots) = (line.common.quick, line.common.seed, line.common.plots)
    runsAnswers = line.common.answers
    (corpus, bytePairs) = (line.common.corpus.map { URL(filePath: $0) }, line.common.bytePairs)
    out = URL(filePath: line.common.out, directoryHint: .isDirectory)
    microBatches = line.common.microBatches
    directory = Ranks.folder(out.appending(path: text.name, directoryHint: .isDirectory))
    command = reproducingCommand(text.name, arguments)
    self.page = page
    try OutputFolder.prepare(directory)
    page.add(.title(name, question: question), at: SourcePlace("main.swift", 1))
  }
}

extension Chapter where Extra == NoOptions {
  /// A chapter without options of its own, for the command line of this process, which ends the program if it is
  /// invalid or asks for `--help`.
  public convenience init(_ name: String, question: String, duration: String) {
    self.init(name, question: question, duration: duration, options: NoOptions.self)
  }
}

// ## What a chapter says

extension Chapter {
  /// Begins a section: a heading in the transcript and in the report.
  public func section(_ title: String, file: String = #fileID, line: Int = #line) {
    page.add(.heading(title), at: SourcePlace(file, line))
  }

  /// Prints prose, wrapped; a blank line separates paragraphs. Measured numbers belong in `show` or `check`, not
  /// here: a longer number would wrap the paragraph elsewhere, and the transcripts would differ.
  public func say(_ text: String, file: String = #fileID, line: Int = #line) {
    page.add(.prose(text), at: SourcePlace(file, line))
  }

  /// Writes a figure as out/NN-name/`name`.gp, with the picture or the drawing that `--plots` asks for. An invalid
  /// figure ends the program with its error.
  public func plot(_ figure: Figure, _ name: String, file: String = #fileID, line: Int = #line) {
    let written = exitOnError { try figure.write(to: directory, named: name, as: plots) }
    page.add(
      .figure(
        title: figure.title,
        files: FigureFiles(
          directory: directory.relativePath, script: written.script.lastPathComponent,
          picture: written.picture?.lastPathComponent, drawing: written.ascii, note: written.note)),
      at: SourcePlace(file, line))
  }

  /// Gives the chapter's page in the book something to explore; the terminal and the report leave it out.
  public func explore(_ exploration: Exploration, file: String = #fileID, line: Int = #line) {
    page.add(.exploration(exploration), at: SourcePlace(file, line))
  }

  /// Runs the answers to the exercises, in their order and each under its own heading, if `--answers` asks for them.
  /// An error ends the program.
  public func answers(
    _ answers: (@MainActor () throws -> Void)..., file: String = #fileID, line: Int = #line
  ) {
    guard runsAnswers else { return }
    for (index, answer) in answers.enumerated() {
      page.add(.heading("Answer \(index + 1)"), at: SourcePlace(file, line))
      exitOnError { try answer() }
    }
  }

  /// Checks a claim about times; a quick run is too short to decide it, and prints it as a volatile line.
  ///
  /// - Parameter value: what was measured, for the reader
  public func timed(_ claim: String, _ holds: Bool, _ value: Double, file: String = #fileID, line: Int = #line) {
    let evidence = "~\(number(value, digits: 3))"
    let verdict = Verdict(.check, claim, evidence: evidence, holds: holds)
    page.add(
      isQuick ? .volatile("\(claim): \(evidence) (checked in full runs)") : .verdict(verdict),
      at: SourcePlace(file, line))
  }

  /// A CSV file out/NN-name/`file`.csv, to which the chapter adds rows while it runs. `finish` completes it.
  public func metrics(_ file: String, columns: [String]) -> Metrics {
    let new = Metrics(url: directory.appending(path: "\(file).csv"), columns: columns)
    metrics.append(new)
    return new
  }
}

// ## How it ends

extension Chapter {
  /// Writes the report and the CSV files, prints the closing line, and ends the program: with status 0, or with 1 if
  /// a check has failed.
  public func finish(file: String = #fileID, line: Int = #line) -> Never {
    let status = exitOnError { try close(at: SourcePlace(file, line)) }
    Ranks.finish()
    leave(Ranks.isFirst ? status : 0)
  }

  /// Everything that `finish` does before it ends the program; returns the exit status.
  package func close(at place: SourcePlace) throws -> Int32 {
    for file in metrics { try file.flush() }
    let report = directory.appending(path: "report.md")
    let files = metrics.map(\.url.lastPathComponent)
    try OutputFolder.write(page.report(command: command, files: files), to: report)
    let memory = peakMemory().map(bytes) ?? "unknown"
    let entries: [Entry] = [
      .heading("What came out"), .volatile("report \(report.relativePath)"),
      .volatile("\(duration(ContinuousClock.now - start)), peak memory \(memory)"), .prose(page.summary),
    ]
    for entry in entries { page.add(entry, at: place) }
    try OutputFolder.write(record(), to: directory.appending(path: "run.json"))
    return page.failed == 0 ? 0 : 1
  }
}

extension Chapter {
  /// The record of the run so far, as JSON.
  private func record() throws -> String {
    let record = RunRecord(
      chapter: name, question: question, command: command, isQuick: isQuick, seed: seed, numbers: RunRecord.numbers,
      date: RunRecord.today, machine: .current, seconds: (ContinuousClock.now - start).seconds,
      lines: page.entries.map { RunRecord.Line(entry: $0.entry, place: $0.place) })
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(record), as: UTF8.self) + "\n"
  }
}

/// The most memory that this process has held, in bytes; nil if the system does not tell (Linux: VmHWM).
package func peakMemory() -> Int? {
  guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8) else { return nil }
  let line = status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
  return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
}
