// # What counts as the same transcript
//
// Read before: `Sources/Notebook/Transcript.swift`.

import Notebook
import Testing

@Suite struct TranscriptTests {
  static let equal: [(String, String)] = [
    ("loss:   1.234 nats", "loss: 1.250 nats"),  // within 3 %
    ("loss 100.0", "loss 97.1"),
    ("difference 0.001", "difference 0.002"),  // one unit of the last digit
    ("difference 0.000", "difference 3.0e-17"),
    ("-1.50 and 1e-3", "-1.52 and 0.00101"),
    ("✓ a = b: ~3.1e-16 ≤ 1e-12", "✓ a = b: ~0.0 ≤ 1e-12"),
    ("a ─────── b", "a ─── b"),
    ("x\n~ out/a.svg 1.2 s", "x\n~ 7 min"),
    ("sample:\n~| In the\n~|\n~| beginning\nend", "sample:\n~| God\nend"),
    ("x86 v3-1.5", "x86   v3-1.5"),
    ("a\n\n", "a"),
    ("", "\n"),
    ("9.9e-5", "1.0e-4"),
    ("9.999e-4", "0.001000"),
    ("NaN 5", "NaN 5"),
    ("step 1.2.3", "step 1.2.3"),
    ("» it is 9.99\n  and more", "» it is\n  10.0 and\n  more"),
    ("~ » it takes 9 s", "~ » it takes 10 s"),
  ]
  static let different: [(String, String)] = [
    ("loss 1.234", "loss 1.284"),  // 4 %
    ("loss 1.234", "loss NaN"),
    ("loss 1.234", "loss -1.234"),
    ("step 100", "step 101"),  // integers are exact
    ("step 100", "step 100.0"),
    ("nats", "bits"),
    ("✓ a: ~1.0 ≤ 2.0", "✗ a: ~1.0 ≤ 2.0"),
    ("a: ~1.0", "a: 1.0"),
    ("a\nb", "a"),
    ("a", "a\nb"),
    ("a\n\nb", "a\nb"),
    ("~ one\n~ two", "~ one"),  // as many volatile lines
    ("~ one", "one"),
    ("x86", "x87"),
    ("1e-12", "1e-11"),
    ("", "a"),
    ("» it is 1.0\n  and more", "» it is 1.0\n  and less"),
    ("» it is\n  so", "» it is\nso"),
  ]

  @Test(arguments: equal) func agree(expected: String, actual: String) {
    #expect(Transcript(actual).differences(fromExpected: Transcript(expected)) == [])
    #expect(Transcript(expected).differences(fromExpected: Transcript(actual)) == [])
  }

  @Test(arguments: different) func differ(expected: String, actual: String) {
    #expect(!Transcript(actual).differences(fromExpected: Transcript(expected)).isEmpty)
    #expect(!Transcript(expected).differences(fromExpected: Transcript(actual)).isEmpty)
  }

  @Test func theDifferenceNamesTheLines() {
    let expected = Transcript("title\n~| text\nloss 1.0\nend")
    let actual = Transcript("title\n~| text\n~| more\nloss 2.0\nend")
    #expect(
      actual.differences(fromExpected: expected) == ["expected, line 3: loss 1.0", "  actual, line 4: loss 2.0"])
  }

  @Test func lineEndsOfAnotherSystemAreNoDifference() {
    let lines = ["# Title", "loss: 1.25", "~| a sample", "last"]
    let (here, there) = (Transcript(lines.joined(separator: "\n")), Transcript(lines.joined(separator: "\r\n")))
    #expect(here.differences(fromExpected: there) == [] && there.differences(fromExpected: here) == [])
    #expect(Transcript("loss: 2.5\r\n").differences(fromExpected: Transcript("loss: 1.5\n")).count == 2)
  }

  @Test func aLongDifferenceIsCut() {
    let actual = Transcript((1...20).map { "line \($0)" }.joined(separator: "\n"))
    let lines = actual.differences(fromExpected: Transcript("line 1"), limit: 3)
    #expect(lines.count == 4 && lines.last == "and 16 more")
  }
}
