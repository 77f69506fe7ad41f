// # A chapter woven from its source and a run
//
// The story goes on down the page; under each statement stands what it printed. Most of that is simple, as a statement
// knows its lines and so does what was printed. Two things are not.
//
// A statement may print from somewhere else: `job.report(fits)` from a file beside the main one, or from a function above.
// Such output belongs to the last statement that was carried out before the next output of the main file.
//
// And `chapter.section("2. …")` prints a heading where the story has one as well, somewhere above. The two become one.
//
// Read before: `SourceFile.swift`, `RunOutput.swift`. Read next: `Site.swift`.

import Notebook

/// A piece of a woven chapter.
enum Block {
  /// Whether code is folded away, and what it is.
  enum Fold { case open, imports, sentences }

  case heading(String, level: Int)
  case story(SourceFile.Part)
  case code(ClosedRange<Int>, Fold)
  case output([Entry])
  /// What the answers to the exercises printed, by their numbers from 1.
  case answers([Int: [Entry]])
}

/// Puts what a run printed under the statements of the main file.
struct Weave {
  let main: SourceFile
  let record: RunRecord

  /// What each statement printed, by its place among the statements.
  private func outputs() -> [Int: [Entry]] {
    var outputs: [Int: [Entry]] = [:]
    func statement(at line: Int) -> Int? {
      main.statements.firstIndex { $0.lines.contains(line) && $0.runs }
    }
    let places = record.lines.map { $0.place.file == "main.swift" ? statement(at: $0.place.line) : nil }
    var last = 0
    for (index, line) in record.lines.enumerated() {
      if case .title = line.entry { continue }
      if let place = places[index] {
        last = place
        outputs[place, default: []].append(line.entry)
        continue
      }
      let next = places[index...].lazy.compactMap { $0 }.first ?? main.statements.count
      let between = (last + 1..<max(last + 1, next)).filter { main.statements[$0].runs }
      let place = between.last { main.statements[$0].call != nil } ?? between.last ?? last
      last = max(last, place)
      outputs[place, default: []].append(line.entry)
    }
    return outputs
  }

  /// The chapter in its order.
  func blocks() -> [Block] {
    let outputs = outputs()
    var blocks: [Block] = []
    for part in main.parts {
      if part.isStory { blocks.append(.story(part)) } else { blocks += code(part, outputs) }
    }
    return joinHeadings(blocks)
  }

  /// A stretch of code, cut where something was printed.
  private func code(_ part: SourceFile.Part, _ outputs: [Int: [Entry]]) -> [Block] {
    var blocks: [Block] = []
    var first = part.lines.lowerBound
    var waiting: [Entry] = []
    let imports = (first...part.lines.upperBound).prefix { line in
      let text = main.lines[line - 1]
      return text.hasPrefix("import ") || text.allSatisfy(\.isWhitespace)
    }
    if let last = imports.last {
      blocks.append(.code(trimmed(first...last), .imports))
      first = last + 1
    }
    let inside = main.statements.indices.filter { part.lines.contains(main.statements[$0].lines.lowerBound) }
    for (place, index) in inside.enumerated() {
      let statement = main.statements[index]
      var entries = outputs[index] ?? []
      if statement.call == "chapter.answers" {
        if first < statement.lines.lowerBound {
          blocks.append(.code(trimmed(first...statement.lines.lowerBound - 1), .open))
        }
        first = statement.lines.upperBound + 1
        blocks.append(.answers(answers(in: entries)))
        continue
      }
      // The heading of a section stands before its statement, and a call that does nothing else is not shown.
      if case .heading(let title)? = entries.first {
        if first < statement.lines.lowerBound {
          blocks.append(.code(trimmed(first...statement.lines.lowerBound - 1), .open))
        }
        first = statement.lines.lowerBound
        blocks.append(.heading(title, level: 2))
        entries.removeFirst()
        if statement.call == "chapter.section" {
          first = statement.lines.upperBound + 1
          continue
        }
      }
      waiting += entries
      // Lines of values that follow one another stay together, and so do their results.
      let next = place + 1 < inside.count ? main.statements[inside[place + 1]] : nil
      let goesOn =
        next?.lines.lowerBound == statement.lines.upperBound + 1 && waiting.allSatisfy(\.isShort)
        && (outputs[inside[place + 1]] ?? []).allSatisfy(\.isShort)
      if waiting.isEmpty || goesOn && !(outputs[inside[place + 1]] ?? []).isEmpty { continue }
      let isFolded = waiting.allSatisfy(\.isFinding) && statement.call == "finding"
      let code = Block.code(trimmed(first...statement.lines.upperBound), isFolded ? .sentences : .open)
      // Sentences are read before the code that makes them.
      blocks += isFolded ? [.output(waiting), code] : [code, .output(waiting)]
      waiting = []
      first = statement.lines.upperBound + 1
    }
    if first <= part.lines.upperBound, !isBlank(first...part.lines.upperBound) {
      blocks.append(.code(trimmed(first...part.lines.upperBound), .open))
    }
    return blocks.filter { if case .code(let lines, _) = $0 { !isBlank(lines) } else { true } }
  }

  /// What each answer printed, which began with its heading.
  private func answers(in entries: [Entry]) -> [Int: [Entry]] {
    var answers: [Int: [Entry]] = [:]
    var number = 0
    for entry in entries {
      if case .heading(let title) = entry, title.hasPrefix("Answer ") {
        number += 1
        answers[number] = []
      } else {
        answers[number, default: []].append(entry)
      }
    }
    return answers
  }

  private func isBlank(_ lines: ClosedRange<Int>) -> Bool {
    lines.allSatisfy { main.lines[$0 - 1].allSatisfy(\.isWhitespace) }
  }

  /// Without blank lines at its ends.
  private func trimmed(_ lines: ClosedRange<Int>) -> ClosedRange<Int> {
    var (first, last) = (lines.lowerBound, lines.upperBound)
    while first < last, main.lines[first - 1].allSatisfy(\.isWhitespace) { first += 1 }
    while last > first, main.lines[last - 1].allSatisfy(\.isWhitespace) { last -= 1 }
    return first...last
  }

  /// The title of a section, moved up to the story that begins it, whatever stands between.
  private func joinHeadings(_ blocks: [Block]) -> [Block] {
    var joined: [Block] = []
    for block in blocks {
      // What has no number, as the end of the run, is no section of the story.
      if case .heading(let title, _) = block, title.first?.isNumber == true {
        let first = joined.lastIndex { if case .heading = $0 { true } else { false } }.map { $0 + 2 } ?? 0
        let story = joined.indices.dropFirst(first).last { index in
          if case .story(let part) = joined[index] { main.story(part).hasPrefix("## ") } else { false }
        }
        joined.insert(block, at: story ?? joined.count)
      } else {
        joined.append(block)
      }
    }
    return joined
  }
}

extension Entry {
  /// Whether it is a line rather than a block.
  fileprivate var isShort: Bool {
    switch self {
    case .value, .verdict, .volatile, .finding: true
    default: false
    }
  }

  fileprivate var isFinding: Bool { if case .finding = self { true } else { false } }
}
