// # A bound has the type of its value
//
// `check("…", x, atMost: 1 / 3)` once compared a Double with the integer 1 / 3, which is 0. The functions of a
// chapter take value and bound of one type, so that the compiler reads the literal as a Double, and refuses an
// integer. We test this with overloads of our own for a Double and an Int: they are disfavoured, so that they are
// chosen only where the library has no match.
//
// Read before: `Sources/Notebook/Notebook.swift`.

import Notebook
import Testing

private struct Refused: Equatable {}

@_disfavoredOverload private func check(_: String, _: Double, within: Int) -> Refused { Refused() }
@_disfavoredOverload private func check(_: String, _: Double, lessThan: Int) -> Refused { Refused() }
@_disfavoredOverload private func check(_: String, _: Double, greaterThan: Int) -> Refused { Refused() }
@_disfavoredOverload private func check(_: String, _: Double, atMost: Int) -> Refused { Refused() }
@_disfavoredOverload private func check(_: String, _: Double, atLeast: Int) -> Refused { Refused() }
@_disfavoredOverload private func report(_: String, _: Double, lessThan: Int) -> Refused { Refused() }
@_disfavoredOverload private func report(_: String, _: Double, greaterThan: Int) -> Refused { Refused() }
@_disfavoredOverload private func report(_: String, _: Double, atMost: Int) -> Refused { Refused() }
@_disfavoredOverload private func report(_: String, _: Double, atLeast: Int) -> Refused { Refused() }

@Suite @MainActor struct BoundTests {
  @Test func anIntegerBoundOfADoubleIsRefused() {
    let (x, n) = (0.5, 1)
    let answers: [Any] = [
      check("", x, within: n), check("", x, lessThan: n), check("", x, greaterThan: n), check("", x, atMost: n),
      check("", x, atLeast: n), report("", x, lessThan: n), report("", x, greaterThan: n), report("", x, atMost: n),
      report("", x, atLeast: n),
    ]
    for answer in answers { #expect(answer is Refused) }
  }

  @Test func aLiteralBoundOfADoubleIsADouble() {
    #expect(Verdict(.check, "", 0.25, .atMost, 1 / 3, digits: 3).evidence == "0.250 ≤ 0.333")
    #expect(Verdict(.check, "", 0.25, .atMost, 1 / 3, digits: 3).holds)
    #expect(!Verdict(.check, "", 0.5, .atMost, 1 / 3, digits: 3).holds)
    #expect(Verdict("", 0.25, within: 1 / 3).holds && !Verdict("", 0.5, within: 1 / 3).holds)
    #expect(check("a quarter is less than a third", 0.25, lessThan: 1 / 3))
    #expect(report("a half is more than a third", 0.5, greaterThan: 1 / 3))
  }

  @Test func countsAreCompared() {
    #expect(check("two of three", 2, atMost: 3))
    #expect(Verdict(.check, "", 2, .atMost, 3, digits: 4).evidence == "2 ≤ 3")
  }
}
