// # weave ROOT RUNS INDEX BOOK
//
// Weaves the book of the project in ROOT from the runs in RUNS, with links from the compiler's index in INDEX, into
// BOOK.

import Foundation
import Weaving

let words = CommandLine.arguments.dropFirst().map { URL(filePath: $0) }
guard words.count == 4 else {
  FileHandle.standardError.write(Data("usage: weave ROOT RUNS INDEX BOOK\n".utf8))
  exit(64)
}
do {
  let library = URL(
    filePath: ProcessInfo.processInfo.environment["INDEX_STORE"] ?? "/opt/swift/usr/lib/libIndexStore.so")
  let declarations = try Declarations(in: words[2], by: library, root: words[0])
  let documents = [
    (file: "RESULTS.md", page: "results.html", title: "Results of full runs"),
    (file: "docs/using.md", page: "using.html", title: "Using models and texts of your own"),
    (file: "chapters/15-real-model/YOUR-MODEL.md", page: "your-model.html", title: "Distil your own model"),
    (file: "docs/correctness.md", page: "correctness.html", title: "Correctness"),
    (file: "Tools/Mutants/equivalents.md", page: "equivalents.html", title: "Mutants that change nothing"),
    (file: "docs/speed.md", page: "speed.html", title: "Speed"),
    (file: "docs/ranks.md", page: "ranks.html", title: "Many ranks"),
    (file: "docs/source.md", page: "source.html", title: "How to read the source"),
    (file: "NOTATION.md", page: "notation.html", title: "Notation"),
    (file: "data/README.md", page: "data.html", title: "The data"),
    (file: "CONTRIBUTING.md", page: "contributing.html", title: "Contributing"),
    (file: "SECURITY.md", page: "security.html", title: "What comes from outside"),
    (file: "CHANGELOG.md", page: "changelog.html", title: "What has changed"),
  ]
  let source = BookSource(root: words[0], runs: words[1], declarations: declarations, documents: documents)
  try Site(source).write(to: words[3], assets: words[0].appending(path: "Tools/assets"))
  let faults = try faults(ofPagesIn: words[3])
  if !faults.isEmpty { throw WeavingError(faults.prefix(20).joined(separator: "\n")) }
  print("\(declarations.count) names; the book is \(words[3].appending(path: "index.html").relativePath)")
} catch {
  FileHandle.standardError.write(Data("error: \(error)\n".utf8))
  exit(1)
}
