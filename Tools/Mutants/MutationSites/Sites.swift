// # Where something can go wrong
//
// A site is a piece of syntax, and its mutants are what could stand there by mistake:
//
//     a + b        a − b,  a,  b              a += b       a −= b,  a = b,  nothing
//     a − b        a + b,  a,  b − a          a −= b       a += b,  a = b,  nothing
//     a * b        a / b,  a,  b              a *= b       a = b,  nothing
//     a / b        a * b,  a,  b / a          a % b        a / b,  a
//     −a, !a       a                          a = b        nothing
//     a < b        a <= b,  a >= b            a == b       a != b
//     a..<b        (a + 1)..<b,  a..<(b − 1)  n            n + 1
//     true         false                      .transposed  as it is
//     c ? a : b    !c ? a : b                 p && q       p || q
//     if c, transposing: c    !c              p ?? q       q
//     f(a, b)      f(b, a), where both are of one type; so in [a, b] and in a tuple that is returned
//     f(a, b)      left out, where it is a statement
//
// Left out by rule, and counted by reason: what only chooses how a loop is cut, how much memory is
// taken or when the program stops, since no result depends on it; and what cannot be switched.
// Read before: `Regions.swift`. Read next: `SiteFinder.swift`, `Schemata.swift`.

import SwiftSyntax

/// A change to one place of the source.
public struct Mutant: Sendable {
  public let number: Int
  /// The number of the first mutant of its site.
  public let site: Int
  /// The path without "Sources/".
  public let file: String
  /// The function that the change is in.
  public let function: String
  public let line: Int
  /// The line, with the change in ⟦brackets⟧ in place of the token.
  public let text: String
  public let original: String
}

/// A piece of syntax that the scratch copy replaces.
public struct Site {
  enum Form {
    /// An operator between two operands, or before one.
    case infix(String), prefix(String)
    /// A number, or a truth value: passed through a function.
    case number, flag
    /// A statement that can be left out.
    case statement
    /// Expressions, of which each mutant exchanges another pair.
    case exchange([Range<Int>], [(Int, Int)])
    /// An expression that can be taken without its last member.
    case member(base: Range<Int>)
  }
  let form: Form
  let range: Range<Int>
  /// The number of its first mutant; the others follow.
  public let first: Int
}

extension Source {
  /// The number of the line of a site, from 1.
  public func line(of site: Site) -> Int { line(of: site.range.lowerBound) + 1 }
}

/// The sites of a file, and what was left out, by reason.
public struct Findings {
  public var sites: [Site] = []
  public var mutants: [Mutant] = []
  public var leftOut: [String: Int] = [:]
  /// The number of functions with a site.
  public var functions: Int { Set(mutants.map(\.function)).count }
}

let infixMutants: [String: [String]] = [
  "+": ["-", "left of", "right of"], "-": ["+", "left of", "exchanged"], "*": ["/", "left of", "right of"],
  "/": ["*", "left of", "exchanged"], "%": ["/", "left of"],
  "+=": ["-=", "=", "nothing for"], "-=": ["+=", "=", "nothing for"], "*=": ["=", "nothing for"],
  "/=": ["=", "nothing for"], "=": ["nothing for"],
  "==": ["!="], "!=": ["=="], "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"],
  "&&": ["||"], "||": ["&&"], "??": ["right of"],
  "..<": ["lower + 1 of", "upper - 1 of"], "...": ["lower + 1 of", "upper - 1 of"],
]

/// All sites of some sources.
public struct Sites {
  /// By path.
  public private(set) var findings: [(source: Source, findings: Findings)] = []
  public private(set) var problems: [String]
  /// Functions that pullbacks call and that are not mutated.
  public let general: [String]

  public init(of sources: [Source]) {
    let regions = Regions(of: sources)
    problems = regions.problems
    general = regions.general.sorted()
    let functions = Functions(of: sources.filter { !$0.isTwin })
    var next = 1
    for source in sources {
      let finder = SiteFinder(source, functions: functions, next: next)
      let own = regions.all.filter { $0.source.path == source.path }
      for region in own.sorted(by: { $0.node.place.lowerBound < $1.node.place.lowerBound }) { finder.scan(region) }
      next = finder.next
      if !own.isEmpty { findings.append((source, finder.findings)) }
    }
    for (title, places) in regions.expectations {
      let hasSite = places.contains { path, place in
        findings.contains { entry in
          entry.source.path == path && entry.findings.sites.contains { place.contains($0.range.lowerBound) }
        }
      }
      if !hasSite { problems.append("\(title): nothing to mutate") }
    }
    if problems.isEmpty, findings.isEmpty { problems.append("there is nothing to mutate") }
  }

  public var mutants: [Mutant] { findings.flatMap(\.findings.mutants) }
}
