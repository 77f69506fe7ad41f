// # All mutants in one program
//
// To build the package once for each mutant would take hours. Instead the scratch copy holds all
// of them at once, and the environment variable MUTANT chooses one when the program starts (mutant
// schemata: Untch, Offutt and Harrold, 1993). With 0 it is the original.
//
// Each operator gets a twin of its own, of the same precedence, with a name that no one else uses:
//
//     g * y * (1 - y)     becomes     g ─╀ y ─╁ (1 ─╂ y)
//
// so that no expression has to be taken apart. What the twins do is written into one more file of
// the module Tensors, for each type that such an operator is used with.
//
// Read before: `Sites.swift`. Read next: `ScratchCopy.swift`.

/// The name of the operator that stands for a site: two digits of box-drawing characters.
private func operatorName(_ number: Int) -> String {
  String([0x2500 + number / 64, 0x2540 + number % 64].map { Character(Unicode.Scalar(UInt32($0))!) })
}

extension Source {
  /// This file with each site made switchable.
  func rendered(with sites: [Site]) -> String {
    var leaves: [Int: (length: Int, text: String)] = [:]
    var (opening, closing): ([Int: String], [Int: String]) = ([:], [:])
    var exchanges: [Int: (Range<Int>, Range<Int>, Int)] = [:]
    for site in sites {
      let (start, token) = (site.range.lowerBound, string(site.range))
      switch site.form {
      case .infix, .prefix: leaves[start] = (token.count, operatorName(site.first))
      case .value(let kind): leaves[start] = (token.count, "Mutants.\(kind)(\(site.first), \(token))")
      case .transposed: leaves[start] = (token.count, "transposed(unless: \(site.first))")
      case .statement:
        opening[start, default: ""] += "if Mutants.chosen != \(site.first) { "
        closing[site.range.upperBound, default: ""] += " }"
      case .list:
        opening[start, default: ""] += "Mutants.exchanged(\(site.first), "
        closing[site.range.upperBound, default: ""] += ")"
      case .exchange(let a, let b): exchanges[a.lowerBound] = (a, b, site.first)
      }
    }
    func render(_ range: Range<Int>, isArgument: Bool) -> String {
      var (result, i) = ("", range.lowerBound)
      while i < range.upperBound {
        let isFirst = isArgument && i == range.lowerBound
        if !isFirst { result += (closing[i] ?? "") + (opening[i] ?? "") }
        if !isFirst, let (a, b, number) = exchanges[i] {
          let (left, right) = (render(a, isArgument: true), render(b, isArgument: true))
          result += "Mutants.either(\(number), \(left), \(right))"
          result += render(a.upperBound..<b.lowerBound, isArgument: false)
          result += "Mutants.either(\(number), \(right), \(left))"
          i = b.upperBound
        } else if let leaf = leaves[i] {
          result += leaf.text
          i += leaf.length
        } else {
          result.append(text[i])
          i += 1
        }
      }
      return result
    }
    return render(0..<text.count, isArgument: false)
  }
}

// ## What the twins do

private let precedences: [(String, [String])] = [
  ("AdditionPrecedence", ["+", "-"]), ("MultiplicationPrecedence", ["*", "/", "%"]),
  ("AssignmentPrecedence", ["+=", "-=", "*=", "/=", "="]), ("RangeFormationPrecedence", ["..<"]),
  ("ComparisonPrecedence", ["==", "!=", "<", "<=", ">", ">="]), ("LogicalConjunctionPrecedence", ["&&"]),
  ("LogicalDisjunctionPrecedence", ["||"]), ("NilCoalescingPrecedence", ["??"]),
]

/// The types that an operator is used with: of its left side, its right side and its result.
private let types: [String: [(String, String, String)]] = {
  let numbers = [("Int", "Int", "Int"), ("Scalar", "Scalar", "Scalar"), ("Tensor", "Tensor", "Tensor")]
  let pointers = ["UnsafePointer<Scalar>", "UnsafeMutablePointer<Scalar>"].map { ($0, "Int", $0) }
  let inPlace = ["Int", "Scalar", "Tensor"].map { ("inout \($0)", $0, "Void") }
  let order = ["Int", "Scalar"].map { ($0, $0, "Bool") }
  return [
    "+": numbers + pointers, "-": numbers, "*": numbers + [("Scalar", "Tensor", "Tensor")], "/": numbers,
    "%": [("Int", "Int", "Int")],
    "+=": inPlace + pointers.map { ("inout \($0.0)", "Int", "Void") }, "-=": inPlace, "*=": inPlace, "/=": inPlace,
    "..<": [("Int", "Int", "Range<Int>")], "<": order, "<=": order, ">": order, ">=": order,
  ]
}()

/// The result of a mutant of an operator; nil for the original.
private func result(of kind: String?, _ token: String, _ left: String, _ right: String) -> String {
  let isTensorLeft = left.contains("Tensor")
  switch kind {
  case nil: return token == "=" ? "a = b" : token == "&&" || token == "||" ? "a \(token) b()" : "a \(token) b"
  case "left of": return left == "Scalar" && right == "Tensor" ? "Tensor(repeating: a, shape: b.shape)" : "a"
  case "right of":
    if left.hasSuffix("Pointer<Scalar>") { return "a + 2 * b" }
    return token == "??" ? "b()" : "b"
  case "exchanged": return token == "-" ? "b - a" : "b / a"
  case "nothing for": return "()"
  case "lower + 1 of": return "min(a + 1, b)..<b"
  case "upper - 1 of": return "a..<max(a, b - 1)"
  case "||", "&&": return "a \(kind!) b()"
  case "-" where left.hasSuffix("Pointer<Scalar>"): return "a - b"
  case "/" where left == "Scalar" && right == "Tensor": return "(1 / a) * b"
  case "-=" where isTensorLeft: return "a += -b"
  case "*=", "/=": return isTensorLeft ? "a = a \(kind!.first!) b" : "a \(kind!) b"
  case "=" where left.hasSuffix("Pointer<Scalar>"): return "a -= b"
  default: return "a \(kind!) b"
  }
}

/// The functions of one operator.
private func twins(_ site: Site, _ token: String) -> String {
  let name = operatorName(site.first)
  let kinds = infixMutants[token]!
  let precedence = precedences.first { $0.1.contains(token) }!.0
  func function(_ generics: String, _ left: String, _ right: String, _ value: String) -> String {
    let cases = kinds.enumerated().map { index, kind in
      "  case \(site.first + index): return \(result(of: kind, token, left, right))"
    }
    var original = result(of: nil, token, left, right)
    if left.hasPrefix("inout Tensor"), token != "+=", token != "=" { original = "a = a \(token.first!) b" }
    return """
      @inline(__always) package func \(name)\(generics)(a: \(left), b: \(right)) -> \(value) {
        switch Mutants.chosen {
      \(cases.joined(separator: "\n"))
        default: return \(original)
        }
      }
      """
  }
  let functions: [String]
  switch token {
  case "=": functions = [function("<T>", "inout T", "T", "Void")]
  case "??": functions = [function("<T>", "T?", "@autoclosure () -> T", "T").replacing("a ?? b", with: "a ?? b()")]
  case "&&", "||": functions = [function("", "Bool", "@autoclosure () -> Bool", "Bool")]
  case "==", "!=":
    functions = [
      function("<T: Equatable>", "T", "T", "Bool"),
      function("<T>", "T?", "_OptionalNilComparisonType", "Bool"),
    ]
  default: functions = types[token]!.map { function("", $0.0, $0.1, $0.2) }
  }
  return (["infix operator \(name): \(precedence)"] + functions).joined(separator: "\n")
}

private func prefixTwins(_ site: Site, _ token: String) -> String {
  let name = operatorName(site.first)
  let functions = (token == "!" ? ["Bool"] : ["Int", "Scalar", "Tensor"]).map { type in
    """
    @inline(__always) package prefix func \(name)(a: \(type)) -> \(type) {
      Mutants.chosen == \(site.first) ? a : \(token)a
    }
    """
  }
  return (["prefix operator \(name)"] + functions).joined(separator: "\n")
}

/// The file that makes the mutated sources compile: what all sites share, and the twins of the operators.
func support(for sites: [Site]) -> String {
  let operators = sites.compactMap { site -> String? in
    switch site.form {
    case .infix(let token): return twins(site, token)
    case .prefix(let token): return prefixTwins(site, token)
    default: return nil
    }
  }
  return ([common] + operators).joined(separator: "\n")
}

private let common = """
  import Foundation

  package enum Mutants {
    /// The number of the mutant that is alive; 0 for none.
    package static let chosen = Int(ProcessInfo.processInfo.environment["MUTANT"] ?? "0") ?? -1
    package static func number(_ site: Int, _ x: Int) -> Int { chosen == site ? x + 1 : x }
    package static func number(_ site: Int, _ x: Scalar) -> Scalar { chosen == site ? x + 1 : x }
    package static func flag(_ site: Int, _ x: Bool) -> Bool { chosen == site ? !x : x }
    package static func either<T>(_ site: Int, _ a: T, _ b: T) -> T { chosen == site ? b : a }
    package static func exchanged<T>(_ first: Int, _ list: [T]) -> [T] {
      let place = chosen - first
      guard place >= 0, place + 1 < list.count else { return list }
      var result = list
      result.swapAt(place, place + 1)
      return result
    }
  }

  extension MatrixOperand {
    func transposed(unless site: Int) -> MatrixOperand { Mutants.chosen == site ? self : transposed }
  }

  extension Tensor {
    package func transposed(unless site: Int) -> Tensor { Mutants.chosen == site ? self : transposed() }
  }
  """
