// # Streams, options and children at their limits
//
// A full disk, a closed stream, a reader that went away, values that look like options, numbers at their limits: the
// program ends with a status and at most one sentence.

import Foundation
import Models
import Tensors
import Testing

@Suite struct BordersTests {
  /// A folder with a quick teacher in `$T`.
  private func benchWithTeacher() throws -> Bench {
    let bench = try Bench()
    #expect(try bench.run("05-teacher").status == 0)
    return bench
  }

  private let generate = "$BIN/generate --model out/05-teacher/teacher-quick-seed0"

  // ## Output

  @Test func outputThatIsNotTakenIsAFailure() throws {
    let bench = try benchWithTeacher()
    let commands = [
      "\(generate) --prompt anna --tokens 20", "\(generate) --prompt anna --tokens 20 --repeat 2",
      "$BIN/generate --help",
      "$BIN/evaluate --model out/05-teacher/teacher-quick-seed0 --corpus $TEXT --windows 2",
      "$BIN/02-state-space --quick --plots none --out o", "$BIN/02-state-space --help",
    ]
    for command in commands {
      let full = try bench.shell("\(command) > /dev/full")
      #expect(full.status == 1 && full.errors.contains("No space left on device"), "\(command): \(full)")
      let closed = try bench.shell("\(command) >&-")
      #expect(
        closed.status == 1 && closed.errors.contains("standard output cannot be written"), "\(command): \(closed)")
      #expect(full.errors.split(separator: "\n").filter { $0.contains("rror") }.count == 1, "\(full.errors)")
    }
  }

  @Test(arguments: ["", "trap '' PIPE; "]) func aReaderThatLeavesIsNotTold(ignoring: String) throws {
    let bench = try benchWithTeacher()
    for command in ["\(generate) --prompt anna --tokens 100000", "$BIN/02-state-space --quick --plots none --out o"] {
      let outcome = try bench.shell("\(ignoring)(\(command); echo $? > status) 2> errors | head -c 5")
      #expect(outcome.output.count == 5)
      let errors = try String(contentsOf: bench.folder.appending(path: "errors"), encoding: .utf8)
      #expect(!errors.contains("error") && !errors.contains("Fatal"), "\(errors)")
      let status = try String(contentsOf: bench.folder.appending(path: "status"), encoding: .utf8)
      #expect(status == (ignoring.isEmpty ? "141\n" : "1\n"))
    }
  }

  // A saved file that got the free number of standard error would get the messages too.
  @Test func closedStreamsAreNotTakenForFiles() throws {
    let bench = try benchWithTeacher()
    for streams in ["2>&-", "<&- 2>&-", "2> /dev/full"] {
      let first = try bench.shell("\(generate) --prompt anna --tokens 20 --save s \(streams)")
      #expect(first.status == 0 && !first.output.isEmpty, "\(streams): \(first)")
      #expect(try bench.shell("\(generate) --resume s --tokens 3").status == 0)
    }
  }

  // ## Options

  @Test func valuesMayBeginWithADash() throws {
    let bench = try benchWithTeacher()
    // Each has a character that the text does not have, and the message is about it.
    for prompt in ["- anna", "--", "-", "--tokens", "-1"] {
      let outcome = try bench.shell("\(generate) --prompt '\(prompt)' --tokens 3")
      #expect(outcome.status == 1 && outcome.errors.contains("--prompt \"\(prompt)\""), "\(outcome)")
      #expect(try bench.shell("\(generate) --prompt anna --stop '\(prompt)' --tokens 3").status == 0)
    }
    for (option, value) in [
      ("--seed", "-1"), ("--seed", "18446744073709551616"), ("--repeat", "-2"), ("--repeat", "100001"),
      ("--tokens", "-1"),
    ] {
      let outcome = try bench.shell("\(generate) --prompt anna \(option) \(value)")
      #expect(outcome.status == 64 && outcome.errors.contains(option) && outcome.errors.contains(value), "\(outcome)")
    }
  }

  @Test func seedsAtTheirEnds() throws {
    let bench = try Bench()
    for (option, value) in [("--seeds", "-1"), ("--seeds", "0"), ("--seeds", "1001"), ("--byte-pairs", "-5")] {
      let outcome = try bench.run("11-ablations", adding: [option, value])
      #expect(outcome.status == 64 && outcome.errors.contains(option) && outcome.errors.contains(value), "\(outcome)")
    }
    #expect(
      try bench.run("10-knowledge-distillation", adding: ["--seed", "\(UInt64.max)", "--seeds", "2"]).status == 0)
    #expect(bench.files(endingIn: "made-from.json").contains { $0.contains("seed\(UInt64.max)/") })
    #expect(bench.files(endingIn: "made-from.json").contains { $0.contains("seed0/") })
  }

  @Test func wordsThatAreNoTextAreRefused() throws {
    let outcome = try Bench().shell("$BIN/02-state-space --quick --out \"$(printf 'out\\351')\"")
    #expect(outcome.status == 1 && outcome.errors.contains("is not UTF-8"), "\(outcome)")
    // To the system an empty word is a path, that of the current folder.
    for command in [
      "02-state-space --quick --out ''", "05-teacher --corpus ''", "10-knowledge-distillation --model ''",
      "15-real-model --model ''", "evaluate --model x --against ''", "generate --model x --prompt a --save ''",
    ] {
      let empty = try Bench().shell("$BIN/\(command)")
      let option = command.split(separator: " ").last { $0.hasPrefix("--") }!
      #expect(empty.status == 64 && empty.errors.contains("'\(option) <"), "\(empty)")
    }
  }

  @Test func placesThatLeadNowhereAreNamed() throws {
    let bench = try Bench()
    let link = try bench.shell("ln -s nowhere link; $BIN/02-state-space --quick --plots none --out link")
    #expect(link.status == 1 && link.errors.contains("link is a link that leads nowhere"), "\(link)")
    let report = try bench.shell("mkdir -p o/01-attention/report.md; $BIN/01-attention --quick --plots none --out o")
    #expect(report.status == 1 && report.errors.contains("--out DIR"), "\(report)")
    let gone = try bench.shell("mkdir d; cd d; rmdir ../d; exec $BIN/02-state-space --quick --plots none")
    #expect(gone.status == 1 && gone.errors.contains("the current folder cannot be found"), "\(gone)")
  }

  // ## Texts

  @Test func pipesAndDevicesAreNoTexts() throws {
    let bench = try Bench()
    for (file, problem) in [("pipe", "this is a pipe"), ("/dev/null", "this is a device"), (".", "--corpus .")] {
      let outcome = try bench.shell("mkfifo pipe; $BIN/05-teacher --quick --corpus \(file) --out o")
      #expect(outcome.status != 0 && outcome.errors.contains(problem), "\(outcome)")
    }
  }

  @Test func aTextOfOneLetterTeachesNothing() throws {
    let bench = try Bench()
    try String(repeating: "a", count: 40_000).write(to: bench.corpus, atomically: true, encoding: .utf8)
    let outcome = try bench.run("08-matrix-orientation")
    #expect(outcome.status == 1 && outcome.errors.contains("all its characters are the same"), "\(outcome.errors)")
  }

  @Test func aTextThatIsTooShortIsRefusedBeforeTheWork() throws {
    let bench = try Bench()
    try String(Bench.text.prefix(4000)).write(to: bench.corpus, atomically: true, encoding: .utf8)
    let outcome = try bench.run("14-generation")
    #expect(outcome.status == 1 && outcome.errors.contains("its held-out part has 200 tokens"), "\(outcome.errors)")
    #expect(bench.files(endingIn: "made-from.json").isEmpty)
  }

  // ## Weights that are finite, and too large for what is computed with them

  @Test func numbersThatGrowTooLargeEndInASentence() throws {
    let bench = try benchWithTeacher()
    let folder = bench.out.appending(path: "05-teacher/teacher-quick-seed0")
    let model = try LanguageModel(contentsOf: folder)
    model.head.weight.value = Tensor(repeating: .greatestFiniteMagnitude, shape: model.head.weight.value.shape)
    try model.checkpoint.write(to: folder.appending(path: "model.safetensors"))
    let text = try bench.shell("\(generate) --prompt anna --tokens 20 --save s")
    #expect(text.status == 1 && text.errors.contains("numbers too large"), "\(text)")
    #expect(bench.files(endingIn: "/s").isEmpty)
    let loss = try bench.shell("$BIN/evaluate --model out/05-teacher/teacher-quick-seed0 --corpus $TEXT --windows 2")
    #expect(loss.status == 1 && loss.errors.contains("not finite"), "\(loss)")
  }

  // ## Memory under a limit

  // Under the address sanitizer a program reserves terabytes before it begins.
  static let isUnderAddressSanitizer = ProcessInfo.processInfo.environment["ASAN_OPTIONS"] != nil

  // With less memory than OpenBLAS maps, it would ask for ever; with more, tensors are refused.
  @Test(.disabled(if: isUnderAddressSanitizer), arguments: [250_000, 350_000, 500_000])
  func tooLittleMemoryIsOneSentence(limit: Int) throws {
    let bench = try benchWithTeacher()
    let outcome = try bench.shell(
      "ulimit -v \(limit); timeout 60 \(generate) --prompt anna --tokens 20 --repeat 3000")
    #expect(outcome.status == 1 || outcome.status == 0, "\(outcome)")
    #expect(outcome.errors.split(separator: "\n").count == 1, "\(outcome.errors)")
  }

  @Test(.disabled(if: isUnderAddressSanitizer)) func aLengthThatDoesNotFitIsRefused() throws {
    let bench = try benchWithTeacher()
    let evaluate = "$BIN/evaluate --model out/05-teacher/teacher-quick-seed0 --corpus $TEXT --windows 1"
    let outcome = try bench.shell("ulimit -v 2000000; \(evaluate) --length 20000 --held-out 0.9")
    #expect(outcome.status == 1 && outcome.errors.contains("--length 20000"), "\(outcome)")
  }

  // ## Threads

  // All at once, so that the machine is busy too.
  @Test func theNumberOfThreadsChangesNoBit() throws {
    let bench = try Bench()
    let wishes = ["1", "2", "64", "nonsense", ""]
    let runs = try wishes.enumerated().map { number, wish in
      try bench.start(
        "05-teacher",
        ["--quick", "--plots", "none", "--corpus", bench.corpus.path, "--out", "\(bench.out.path)/\(number)"],
        environment: ["OMP_NUM_THREADS": wish, "OPENBLAS_NUM_THREADS": wish])
    }
    for (process, _, _) in runs { process.waitUntilExit() }
    #expect(runs.allSatisfy { $0.0.terminationStatus == 0 })
    let weights = try wishes.indices.map {
      try Data(contentsOf: bench.out.appending(path: "\($0)/05-teacher/teacher-quick-seed0/model.safetensors"))
    }
    #expect(Set(weights).count == 1)
  }

  // ## Killed, and started on another text

  @Test func aKilledRunIsNotTakenForAnotherTexts() throws {
    let bench = try Bench()
    let (process, _, _) = try bench.start("05-teacher")
    let checkpoint = bench.out.appending(path: "05-teacher/teacher-quick-seed0/training.safetensors")
    for _ in 0..<3000 where !FileManager.default.fileExists(atPath: checkpoint.path) { usleep(10_000) }
    kill(process.processIdentifier, SIGKILL)
    process.waitUntilExit()
    let before = try Data(contentsOf: checkpoint)
    // The same letters in another order.
    try String(Bench.text.reversed()).write(to: bench.corpus, atomically: true, encoding: .utf8)
    let outcome = try bench.run("05-teacher")
    #expect(outcome.status == 1 && outcome.errors.contains("was made from another text"), "\(outcome.errors)")
    #expect(try Data(contentsOf: checkpoint) == before)
  }
}
