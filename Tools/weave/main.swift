// # weave ROOT RUNS INDEX BOOK
//
// Weaves the book of the project in ROOT from the runs in RUNS, with links by the compiler's index, into BOOK.

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
    (file: "NOTATION.md", page: "notation.html", title: "Notation"),
    (file: "RESULTS.md", page: "results.html", title: "Results"),
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
