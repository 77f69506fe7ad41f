// # kept-results keep RUN NAME [with-times] | tally TEXT NAME COMMAND | fill FILE… | check FILE…
//
// `keep` copies the record of a full run into data/results, `tally` makes one of what the tests have counted; `fill` puts the tables of kept runs into documents, and
// `check` says which documents would change. Run from the project's folder.

import Foundation
import Weaving

func stop(_ sentence: String, _ status: Int32) -> Never {
  FileHandle.standardError.write(Data("\(sentence)\n".utf8))
  exit(status)
}

let words = Array(CommandLine.arguments.dropFirst())
let kept = KeptRuns(in: URL(filePath: "data/results"))
do {
  switch words.first {
  case "keep" where words.count == 3 || words.count == 4 && words[3] == "with-times":
    try kept.keep(URL(filePath: words[1]), as: words[2], withTimes: words.count == 4)
  case "tally" where words.count == 4:
    try kept.keep(
      tally: try String(contentsOfFile: words[1], encoding: .utf8), of: words[3], as: words[2])
  case "fill" where words.count > 1, "check" where words.count > 1:
    for file in words.dropFirst() {
      let text = try String(contentsOfFile: file, encoding: .utf8)
      let filled = try kept.filled(text)
      if filled == text { continue }
      if words[0] == "check" { stop("error: \(file) is not what data/results says; run `make results`", 1) }
      try filled.write(toFile: file, atomically: true, encoding: .utf8)
    }
  default:
    stop(
      "usage: kept-results keep RUN.json NAME [with-times] | tally TEXT NAME COMMAND | fill FILE… | check FILE…", 64)
  }
} catch {
  stop("error: \(error)", 1)
}
