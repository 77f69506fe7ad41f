// # Checks fail when they should
//
// Read before: `Sources/Notebook/Verdict.swift`.

import Notebook
import Testing

@Suite struct VerdictTests {
  private let place = SourcePlace("main.swift", 7)

  @Test(arguments: [
    (1e-13, 1e-12, true), (-1e-13, 1e-12, true), (1e-12, 1e-12, true), (2e-12, 1e-12, false), (-2e-12, 1e-12, false),
    (.nan, 1e-12, false), (0, .nan, false), (.infinity, 1e-12, false),
  ])
  func withinABound(value: Double, bound: Double, holds: Bool) {
    #expect(Verdict("claim", value, within: bound).holds == holds)
  }

  @Test func theRelationsAtEqualityAndAtNaN() {
    let relations: [(Relation, less: Bool, equal: Bool, greater: Bool)] = [
      (.less, true, false, false), (.atMost, true, true, false),
      (.greater, false, false, true), (.atLeast, false, true, true),
    ]
    for (relation, less, equal, greater) in relations {
      #expect(relation.holds(2, 3) == less)
      #expect(relation.holds(2, 2) == equal)
      #expect(relation.holds(3, 2) == greater)
      #expect(!relation.holds(.nan, 2) && !relation.holds(2, .nan) && !relation.holds(.nan, .nan))
    }
  }

  @Test func howAVerdictReads() {
    let gap = Verdict("a = b", 3.14e-16, within: 1e-12)
    #expect(gap.text(at: place) == "✓ a = b: ~3.1e-16 ≤ 1e-12")
    let lost = Verdict("a = b", Float.nan, within: Float(1e-5))
    #expect(lost.text(at: place) == "✗ a = b: ~NaN ≤ 1e-05, does not hold (line 7)")
    let order = Verdict(.observation, "first helps", 1.25, .less, 1.5, digits: 3)
    #expect(order.text(at: place) == "· first helps: 1.25 < 1.50, so here")
    let count = Verdict(.check, "heads", 4, .atLeast, 5, digits: 3)
    #expect(count.text(at: place) == "✗ heads: 4 ≥ 5, does not hold (line 7)")
    let bare = Verdict(.observation, "interior", evidence: "", holds: false)
    #expect(bare.text(at: place) == "· interior, not so here")
  }

  @Test @MainActor func onlyChecksAreCounted() {
    let page = Page { _ in }
    for (kind, holds) in [(Verdict.Kind.check, true), (.check, true), (.check, false), (.observation, false)] {
      page.add(.verdict(Verdict(kind, "", evidence: "", holds: holds)), at: place)
    }
    #expect(page.summary == "2 checks passed, 1 failed")
  }

  @Test @MainActor func theFunctionsRecordTheirLine() {
    let line = #line + 1
    let holds = check("one is less than two", 1, lessThan: 2)
    #expect(holds)
    #expect(!report("and more", 1.0, greaterThan: 2.0))
    guard let entry = Page.current.entries.dropLast().last, case .verdict(let verdict) = entry.entry else {
      Issue.record("no verdict on the page")
      return
    }
    #expect(verdict.evidence == "1 < 2" && entry.place == SourcePlace("VerdictTests.swift", line))
  }
}
