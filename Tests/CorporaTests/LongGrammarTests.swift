// # A grammar with long lines
//
// A line of a hundred thousand words is read in time proportional to its length, not to its square.

import Corpora
import Testing

@Suite struct LongGrammarTests {
  @Test(.timeLimit(.minutes(1))) func aLongLineIsReadInTime() throws {
    let words = (0..<100_000).map { "w\($0)" }.joined(separator: " ")
    let text = """
      tokens 128
      OBJECT = \(words)
      PLACE = here there
      statement 0.5 = the OBJECT is PLACE .
      question 0.5 = the OBJECT PLACE .
      OBJECT = again
      """
    let error = #expect(throws: CorpusError.self) { try Grammar(text) }
    #expect(error?.description.contains("was given before, on line 2") == true, "\(String(describing: error))")
    let second = #expect(throws: CorpusError.self) {
      try Grammar(text.replacing("\nOBJECT = again", with: "").replacing("w99999", with: "w1"))
    }
    #expect(second?.description.contains("line 2, column") == true, "\(String(describing: second))")
  }
}
