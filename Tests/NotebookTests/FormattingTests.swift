// # Numbers, times, lines
//
// Read before: `Sources/Notebook/Formatting.swift`.

import Notebook
import Testing

@Suite struct FormattingTests {
  @Test(arguments: [
    (1.2345, 4, "1.234"), (1.2355, 4, "1.236"), (-1.2345, 2, "-1.2"), (12345.678, 4, "12345.7"), (123.4, 3, "123.4"),
    (0.001234, 4, "0.001234"), (0.0009, 2, "9.0e-4"), (3e-17, 2, "3.0e-17"), (-2.5e-8, 1, "-2e-8"),
    (1.5e6, 3, "1.50e6"), (1e300, 2, "1.0e300"), (0, 4, "0.000"), (-0.0, 1, "0.0"), (.nan, 4, "NaN"),
    (.infinity, 4, "inf"), (-.infinity, 4, "-inf"), (.leastNonzeroMagnitude, 3, "4.94e-324"),
  ])
  func significantDigits(value: Double, digits: Int, text: String) {
    #expect(number(value, digits: digits) == text)
  }

  @Test(arguments: [
    (43.2, 2, "43.20"), (-0.0004, 2, "0.00"), (-0.4, 0, "0"), (-0.6, 0, "-1"), (Double.nan, 2, "NaN"),
  ])
  func fixedDecimals(value: Double, decimals: Int, text: String) {
    #expect(number(value, decimals: decimals) == text)
  }

  @Test func aFloatIsPrintedLikeADouble() {
    #expect(number(Float(0.1), digits: 4) == "0.1000")
    #expect(number(Float.nan) == "NaN")
  }

  @Test(arguments: [
    (0.0003, "0.3 ms"), (0.35, "350 ms"), (0.9999, "1.0 s"), (12.34, "12.3 s"), (59.96, "1 min 00 s"),
    (65, "1 min 05 s"), (3599.4, "59 min 59 s"), (3599.6, "1 h 00 min"), (7500, "2 h 05 min"),
    (-1, "unknown"), (.nan, "unknown"), (.infinity, "unknown"),
  ])
  func times(seconds: Double, text: String) {
    #expect(duration(seconds: seconds) == text)
  }

  @Test(arguments: [(917, "917 B"), (4_404_412, "4.40 MB"), (999_900, "1.00 MB"), (312_000_000, "312 MB")])
  func sizes(count: Int, text: String) {
    #expect(bytes(count) == text)
  }

  @Test func proseIsWrappedAndKeepsItsParagraphs() {
    let text = "\n\none two three\nfour\n\n\nfive  sixteencharacter\n"
    #expect(wrapped(text, at: 9) == ["one two", "three", "four", "", "five", "sixteencharacter"])
    #expect(wrapped("", at: 9) == [])
    #expect(wrapped("123 567 9", at: 9) == ["123 567 9"])
    #expect(wrapped("one two 51.7 %.", at: 12) == ["one two", "51.7 %."])
  }
}

@Suite struct TableTests {
  let table = Table(
    ["arm", "CE / nats", "T"],
    rows: [["teacher", "1.25", "8"], ["a | b", "~12.50", "—"], ["control"]])

  @Test func numbersAreFlushRight() {
    #expect(
      table.printed == [
        "arm       CE / nats     T",
        "───────   ─────────   ───",
        "teacher        1.25     8",
        "a | b        ~12.50     —",
        "control",
      ])
  }

  @Test func markdownEscapesTheBar() {
    #expect(
      table.markdown == """
        | arm | CE / nats | T |
        |---|---:|---:|
        | teacher | 1.25 | 8 |
        | a \\| b | ~12.50 | — |
        | control |  |  |
        """)
  }

  @Test func aColumnOfWordsIsFlushLeft() {
    #expect(Table(["a", "b"], rows: [["1", "x"], ["2", "3"]]).isNumeric == [true, false])
    #expect(Table(["a"], rows: [["NaN"], ["-1e-5"], [""]]).isNumeric == [true])
    #expect(Table(["a"], rows: [[""], ["—"]]).isNumeric == [false])
  }
}
