// # The tables of a study
//
// How an interval and a spread are printed.

import Book
import Statistics
import Testing

@Suite struct StudyTablesTests {
  @Test func anIntervalIsItsEndsOrADash() {
    #expect(PairedDifference([1, 2, 3]).intervalText(decimals: 2) == "-0.48 … 4.48")
    #expect(PairedDifference([5]).intervalText(decimals: 2) == "–")
  }

  @Test func aSpreadIsMeanAndStandardErrorOrTheValueAlone() {
    #expect(spread([1, 2, 3]) == "2.000 ± 0.577" && spread([1, 2, 3], decimals: 1) == "2.0 ± 0.6")
    #expect(spread([1.4156]) == "1.416")
  }
}
