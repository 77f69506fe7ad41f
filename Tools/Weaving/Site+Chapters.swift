// # The page of a chapter
//
// Story, code and output in the order of `Weave`, with the run at the head, a list of the sections, and the answers to
// the exercises folded away. Files beside the main one follow at the end.
//
// Read before: `Site.swift`, `ChapterPage.swift`.

import Foundation
import Notebook

extension Site {
  func layout(_ chapter: Chapter) throws -> Layout {
    var layout = Layout(
      page: chapter.page, title: "\(chapter.number) \(chapter.title)", path: chapter.main.path, kind: "chapter")
    let index = chapters.firstIndex { $0.name == chapter.name }!
    if index > 0 { layout.previous = (chapters[index - 1].page, chapters[index - 1].title) }
    if index + 1 < chapters.count { layout.next = (chapters[index + 1].page, chapters[index + 1].title) }
    layout.add("<h1><small>\(chapter.number)</small> \(chapter.title.escaped)</h1>")
    if let question = chapter.question { layout.add("<p class=\"question\">\(question.escaped)</p>") }
    layout.add(run(chapter.record))
    let place = layout.parts.count
    var sections: [(title: String, anchor: String)] = []
    let output = RunOutput(folder: source.runs.appending(path: chapter.name), page: chapter.page)
    let blocks = Weave(main: chapter.main, record: chapter.record).blocks()
    var followsHeading = false
    var anchors: Set<String> = []
    func head(_ title: String, _ level: Int) {
      var anchor = title.anchor
      while !anchors.insert(anchor).inserted { anchor += "-again" }
      if level == 2 { sections.append((title, anchor)) }
      layout.add("<h\(level) id=\"\(anchor)\">\(title.escaped)</h\(level)>")
    }
    for block in blocks {
      switch block {
      case .heading(let title, let level):
        head(title, level)
        followsHeading = true
      case .story(let part):
        // The title of the page stands there, and that of a section if the run has printed it.
        if !followsHeading, let title = chapter.main.story(part).firstMatch(of: #/^## ([^\n]+)/#)?.1 {
          head(String(title), 2)
        }
        layout.parts.append(.prose(prose.add(chapter.main.story(part, withoutHeading: "# ", "## "))))
        followsHeading = false
      case .code(let lines, let fold):
        let html = code.html(chapter.main, lines, on: chapter.page)
        let summary: String? =
          switch fold {
          case .open: nil
          case .imports: "what it imports"
          case .sentences: "the code of this"
          }
        layout.add(summary.map { "<details class=\"source\"><summary>\($0)</summary>\(html)</details>" } ?? html)
        followsHeading = false
      case .output(let entries):
        layout.add(output.html(entries))
      case .answers(let printed):
        add(answersOf: chapter, printed, output, to: &layout)
      }
    }
    let list = sections.map { "<li><a href=\"#\($0.anchor)\">\($0.title.escaped)</a></li>" }.joined()
    layout.parts.insert(
      .html(
        "<details class=\"sections\"><summary>the sections of this page</summary><nav aria-label=\"sections\"><ol>\(list)</ol></nav></details>"
      ), at: place)
    for file in chapter.beside where file.path.fileName != Site.answers {
      layout.add("<section class=\"beside\"><h2 id=\"\(file.path.fileName.anchor)\">\(file.title.escaped)</h2>")
      layout.add("<p class=\"file\">\(file.path.escaped)</p>")
      add(file, to: &layout)
      layout.add("</section>")
    }
    return layout
  }

  /// The file with the answers to a chapter's exercises.
  static let answers = "Answers.swift"

  /// The answers to the exercises, which fold out: of each its story, its code, and what it printed.
  func add(
    answersOf chapter: Chapter, _ printed: [Int: [Entry]], _ output: RunOutput, to layout: inout Layout
  ) {
    guard let file = chapter.beside.first(where: { $0.path.fileName == Site.answers }) else { return }
    layout.add("<div class=\"answers\" id=\"\(Site.answers.anchor)\">")
    var number = 0
    for (story, code) in zip(file.parts, file.parts.dropFirst()) where story.isStory && !code.isStory {
      let heading = file.story(story).prefix { $0 != "\n" }
      guard heading.hasPrefix("## ") else { continue }
      number += 1
      layout.add(
        "<details class=\"answer\"><summary>Answer \(heading.dropFirst(3).description.escaped)</summary>")
      layout.parts.append(.prose(prose.add(file.story(story, withoutHeading: "## "))))
      layout.add(self.code.html(file, code.lines, on: layout.page))
      layout.add(
        printed[number].map(output.html)
          ?? "<p class=\"pale\">Run the chapter with --answers to see what it prints.</p>")
      layout.add("</details>")
    }
    layout.add("</div>")
  }

  /// Where the numbers of full runs of a chapter are, in a sentence; empty if RESULTS.md has none.
  func resultsOfFullRuns(of chapter: String) -> String {
    guard let results = source.documents.first(where: { $0.file == "RESULTS.md" }),
      let text = try? String(contentsOf: source.root.appending(path: results.file), encoding: .utf8)
    else { return "" }
    let own = text.matches(of: #/\n## (Chapter (\d\d)[^\n]*)/#).first { $0.2 == chapter.prefix(2) }
    return own.map {
      "What full runs gave is under <a href=\"../\(results.page)#\(String($0.1).anchor)\">\(String($0.1).escaped)</a>."
    } ?? ""
  }

  /// The run that the page shows.
  func run(_ record: RunRecord) -> String {
    let fullRuns = resultsOfFullRuns(of: record.chapter)
    let size =
      record.isQuick ? "the quick version, with sizes that show that all works and little more" : "the full version"
    let time = duration(seconds: record.seconds)
    return """
      <aside class="run" aria-label="the run on this page"><p>Printed by <code>\(record.command.escaped)</code>, \(size),
      seed \(record.seed), numbers \(record.numbers), on \(record.date) in \(time.escaped) on \
      \(record.machine.cores) cores of \(record.machine.processor.escaped), \(record.machine.system.escaped).
      A line with ✓ is a check, which has to hold; one with · says whether something is so in this run. What is grey with
      a dotted line differs from run to run.\(record.isQuick && !fullRuns.isEmpty ? " \(fullRuns)" : "")</p></aside>
      """
  }
}
