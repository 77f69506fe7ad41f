// # Where something can go wrong
//
// A site is a token, and its mutants are what may stand there by mistake:
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
//     f(a, b)      f(b, a)                    a call       left out
//
// Left out by rule, counted by reason: what only chooses how a loop is cut, how much memory is
// taken or when the program stops, since no result depends on it; and what does not compile.
//
// Read before: `Places.swift`. Read next: `Schemata.swift`.

/// A change to one place of the source.
struct Mutant: Sendable {
  let number: Int
  let file: String
  let line: Int
  /// The line with what was done to it in ⟦brackets⟧ instead of the token.
  let text: String
  let original: String
}

/// What stands in place of a token, or around it, when the scratch copy is written.
struct Site {
  enum Form {
    /// An operator between two operands, or before one.
    case infix(String), prefix(String)
    /// A number, a truth value, a name before a question mark: handed to a function.
    case value(String)
    case transposed
    /// A statement that can be left out.
    case statement
    /// Two arguments that change places.
    case exchange(Range<Int>, Range<Int>)
    /// A list of which two neighbours change places.
    case list
  }
  let form: Form
  let range: Range<Int>
  /// The number of its first mutant; the others follow.
  let first: Int
}

/// The sites of a file, and the tokens that were left out, by reason.
struct Findings {
  var sites: [Site] = []
  var mutants: [Mutant] = []
  var leftOut: [String: Int] = [:]
}

let infixMutants: [String: [String]] = [
  "+": ["-", "left of", "right of"], "-": ["+", "left of", "exchanged"], "*": ["/", "left of", "right of"],
  "/": ["*", "left of", "exchanged"], "%": ["/", "left of"],
  "+=": ["-=", "=", "nothing for"], "-=": ["+=", "=", "nothing for"], "*=": ["=", "nothing for"],
  "/=": ["=", "nothing for"], "=": ["nothing for"],
  "==": ["!="], "!=": ["=="], "<": ["<=", ">="], "<=": ["<", ">"], ">": [">=", "<="], ">=": [">", "<"],
  "&&": ["||"], "||": ["&&"], "??": ["right of"], "..<": ["lower + 1 of", "upper - 1 of"],
]

/// Calls of products, and which two arguments change places. An inner product is symmetric and not among them.
private let products: [String: (Int, Int)] = [
  "matmul": (0, 1), "headScores": (0, 1), "headMix": (0, 1), "gemmInPiece": (0, 1), "gemm": (0, 1), "zip": (0, 1),
  "distancePullback": (2, 3),
]

private let stops = "decides only when the program stops"
private let cuts = "decides only how a loop is cut"
private let leftOutCalls = [
  "precondition": stops, "preconditionFailure": stops, "expecting": stops, "message": stops,
  "withExtendedLifetime": "keeps memory alive", "withScratch": "decides only how much memory is taken",
]
private let leftOutLabels = ["grain": cuts, "atLeast": cuts, "workPerItem": cuts, "work": cuts, "cost": cuts]

extension Source {
  /// All sites in the regions of this file, numbered from `first` on.
  func findings(from first: Int) throws -> Findings {
    var finder = Finder(source: self, next: first)
    for region in try regions() { finder.scan(region) }
    return finder.findings
  }
}

private struct Finder {
  let source: Source
  var next: Int
  var findings = Findings()
  /// Until where nothing is mutated, and why.
  private var (end, reason) = (0, "")

  init(source: Source, next: Int) { (self.source, self.next) = (source, next) }

  private var text: [Character] { source.text }

  private mutating func add(_ form: Site.Form, _ range: Range<Int>, _ kinds: [String], shown: Range<Int>? = nil) {
    if range.lowerBound < end {
      findings.leftOut[reason, default: 0] += kinds.count
      return
    }
    if findings.sites.contains(where: { $0.range.lowerBound == range.lowerBound && $0.range == range }) { return }
    findings.sites.append(Site(form: form, range: range, first: next))
    let shown = shown ?? range
    let line = source.line(of: shown.lowerBound)
    let place = source.range(ofLine: line)
    let token = source.string(shown)
    for kind in kinds {
      let changed =
        source.string(place.lowerBound..<shown.lowerBound) + "⟦\(kind) \(token)⟧"
        + source.string(min(shown.upperBound, place.upperBound)..<place.upperBound)
      findings.mutants.append(
        Mutant(
          number: next, file: source.name, line: line + 1, text: changed.trimmed,
          original: source.string(place).trimmed))
      next += 1
    }
  }

  mutating func scan(_ region: Range<Int>) {
    var i = region.lowerBound
    while i < region.upperBound {
      i += source.isCode[i] ? step(at: i) : 1
    }
  }

  /// Looks at one token; gives its length.
  private mutating func step(at i: Int) -> Int {
    let c = text[i]
    if c.isLetter || c == "_" { return word(at: i) }
    if c == "$" { return text[i...].dropFirst().prefix { $0.isNumber }.count + 1 }
    if c.isNumber { return number(at: i) }
    if source.has("..<", at: i) {
      add(.infix("..<"), i..<(i + 3), infixMutants["..<"]!)
      return 3
    }
    if c == "[", source.has("return [all.", at: i - 7) {
      let count = source.arguments(i).count
      add(.list, i..<(source.closing(i) + 1), (1..<count).map { "\($0) and \($0 + 1) exchanged in" })
      return 1
    }
    let length = text[i...].prefix { "+-*/%=!<>&|?".contains($0) }.count
    if length == 0 { return 1 }
    let token = source.string(i..<(i + length))
    let (before, after) = (text[i - 1], text[i + length])
    if before.isWhitespace && after.isWhitespace {
      if token == "=" {
        assignment(at: i)
      } else if let kinds = infixMutants[token] {
        add(.infix(token), i..<(i + length), kinds)
      }
    } else if token == "-" || token == "!", before.isWhitespace || "([{".contains(before), !after.isWhitespace {
      add(.prefix(token), i..<(i + 1), ["without"])
    }
    return length
  }

  private mutating func number(at i: Int) -> Int {
    let length = text[i...].prefix { $0.isNumber || $0 == "_" }.count
    var end = i + length
    if text[end] == ".", text[end + 1].isNumber { end += 1 + text[(end + 1)...].prefix { $0.isNumber }.count }
    if text[i - 1] != "." { add(.value("number"), i..<end, ["1 +"]) }
    return end - i
  }

  /// An assignment that is no declaration.
  private mutating func assignment(at i: Int) {
    var start = i
    while start > 0, !"{}\n;".contains(text[start - 1]) { start -= 1 }
    let left = source.string(start..<i).trimmed
    let isDeclaration = left.contains(/\b(let|var|case|for)\b/) || left.hasSuffix(")") || left.isEmpty
    if isDeclaration { return }
    if left.contains(/^(self\.)?\w+$/), isInInitializer(i) {
      findings.leftOut["would not compile: a constant without a value", default: 0] += 1
      return
    }
    add(.infix("="), i..<(i + 1), infixMutants["="]!)
  }

  private func isInInitializer(_ place: Int) -> Bool {
    let before = source.string(0..<place)
    guard let start = before.ranges(of: /\n *(init|func) ?[^\n]*\(/).last else { return false }
    return before[start].contains("init(")
  }

  private mutating func word(at i: Int) -> Int {
    let length = text[i...].prefix { $0.isLetter || $0.isNumber || $0 == "_" }.count
    let (name, end) = (source.string(i..<(i + length)), i + length)
    let next = text[end]
    let line = source.range(ofLine: source.line(of: i))
    if next == "(", let why = leftOutCalls[name] { skip(to: source.closing(end), why) }
    if next == ":", let why = leftOutLabels[name] {
      let rest = text.indices[end...].first { place in
        source.isCode[place] && ",)".contains(text[place]) && depth(from: end, to: place) <= 0
      }
      skip(to: rest ?? end, why)
    }
    if name == "true" || name == "false" { add(.value("flag"), i..<end, ["not"]) }
    if name == "transposed", text[i - 1] == ".", next != "(" || text[end + 1] == ")" {
      add(.transposed, i..<(next == "(" ? end + 2 : end), ["not"], shown: i..<end)
    }
    if source.has(" ? ", at: end), isWholeCondition(before: i) { add(.value("flag"), i..<end, ["not"]) }
    if next == "(", let (a, b) = products[name] {
      let arguments = source.arguments(end)
      // The `zip` of two tensors takes a function as well.
      if arguments.count > (name == "zip" ? 2 : b) {
        let range = arguments[a].lowerBound..<arguments[b].upperBound
        add(.exchange(arguments[a], arguments[b]), range, ["\(a + 1) and \(b + 1) exchanged in"], shown: i..<end)
      }
    }
    // A call that is a statement of its own.
    if source.string(line.lowerBound..<i).allSatisfy(\.isWhitespace) {
      var open = end
      while text[open] == "." || text[open].isLetter || text[open].isNumber { open += 1 }
      let close = text[open] == "(" ? source.closing(open) : 0
      let isAlone = close > 0 && (text[close + 1] == "\n" || source.has("  //", at: close + 1))
      let isCall = !["return", "if", "for", "while", "guard", "switch", "init"].contains(name)
      let isStatement = source.string(line).contains(
        /^ *(gemm|scaleRows|add|exponential|body|stack\.|ready\.|visit|.*\.(update|scaled|fillDecays|assign)\()/)
      if isAlone && isCall && isStatement { add(.statement, i..<(close + 1), ["left out:"], shown: i..<open) }
    }
    return length
  }

  private mutating func skip(to place: Int, _ why: String) {
    if place > end { (end, reason) = (place, why) }
  }

  private func depth(from start: Int, to place: Int) -> Int {
    text[start..<place].reduce(0) { $0 + ("([{".contains($1) ? 1 : ")]}".contains($1) ? -1 : 0) }
  }

  /// Whether the name at a place, followed by a question mark, is the condition and not an operand of it.
  private func isWholeCondition(before place: Int) -> Bool {
    guard let last = text[..<place].lastIndex(where: { !$0.isWhitespace }) else { return false }
    if last == place - 1 { return "([{".contains(text[last]) }
    if text[last] == "=" { return text[last - 1] == " " }
    return ",:".contains(text[last]) || source.has("return", at: last - 5)
  }
}

extension String {
  var trimmed: String { String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed()) }
}
