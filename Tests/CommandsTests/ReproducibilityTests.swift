// # The same numbers again
//
// Same seed, same machine, same numbers to the last bit; and a run that was killed ends with the weights of a run
// that was not.

import Foundation
import Testing

@Suite struct ReproducibilityTests {
  private let teacher = "05-teacher/teacher-quick-seed0/model.safetensors"

  @Test func `two runs of the whole method give the same bits`() throws {
    let (first, second) = (try Bench(), try Bench())
    for bench in [first, second] { #expect(try bench.run("10-knowledge-distillation").status == 0) }
    let models = first.files(endingIn: "model.safetensors")
    #expect(models.count == 9, "a teacher, three students on the way, five arms: \(models)")
    #expect(models == second.files(endingIn: "model.safetensors"))
    for model in models {
      let (a, b) = (first.out.appending(path: model), second.out.appending(path: model))
      #expect(try Data(contentsOf: a) == Data(contentsOf: b), "\(model) differs")
    }
  }

  @Test func `another seed gives other bits`() throws {
    let bench = try Bench()
    #expect(try bench.run("05-teacher").status == 0)
    #expect(try bench.run("05-teacher", adding: ["--seed", "1"]).status == 0)
    let models = bench.files(endingIn: "model.safetensors")
    #expect(models.count == 2)
    let bytes = try models.map { try Data(contentsOf: bench.out.appending(path: $0)) }
    #expect(bytes[0] != bytes[1])
  }

  @Test func `killed again and again, the run ends with the same weights`() throws {
    let (whole, broken) = (try Bench(), try Bench())
    #expect(try whole.run("05-teacher").status == 0)
    var kills = 0
    // Each attempt may live a little longer than the one before, so that the run comes to an end.
    for attempt in 1...200 {
      let (process, _, _) = try broken.start("05-teacher")
      let patience = Double.random(in: 0.02...0.1) * Double(attempt)
      let deadline = Date().addingTimeInterval(patience)
      while process.isRunning && Date() < deadline { usleep(2000) }
      if process.isRunning {
        kill(process.processIdentifier, SIGKILL)
        kills += 1
        process.waitUntilExit()
        continue
      }
      #expect(process.terminationStatus == 0)
      break
    }
    print("killed \(kills) times before the run came to its end")
    #expect(kills >= 1)
    let (a, b) = (whole.out.appending(path: teacher), broken.out.appending(path: teacher))
    #expect(try Data(contentsOf: a) == Data(contentsOf: b))
    #expect(broken.files(endingIn: "history.json").count == 1)
    let leftovers = broken.files(endingIn: "").filter { $0.contains(".tmp-") }
    #expect(leftovers.isEmpty, "what a killed run left is cleared away: \(leftovers)")
  }
}
