// # What the twins of operators do
//
// A file for each mutated module: an operator for each site, for the types that it is used with. Integers, numbers,
// tensors and lanes share one generic function, so that the compiler has few to choose from; operands of two types,
// such as a number times a tensor, have a function of their own.
//
// Read before: `Schemata.swift`.

private let precedences: [(String, [String])] = [
  ("AdditionPrecedence", ["+", "-"]), ("MultiplicationPrecedence", ["*", "/", "%"]),
  ("AssignmentPrecedence", ["+=", "-=", "*=", "/=", "="]), ("RangeFormationPrecedence", ["..<", "..."]),
  ("ComparisonPrecedence", ["==", "!=", "<", "<=", ">", ">="]), ("LogicalConjunctionPrecedence", ["&&"]),
  ("LogicalDisjunctionPrecedence", ["||"]), ("NilCoalescingPrecedence", ["??"]),
]

/// One function of an operator: its types, and how it makes its operands alike before they meet.
private struct Signature {
  var generics = ""
  let left, right, result: String
  var condition = ""
  var alike = ""
}

private let pointers = ["UnsafePointer<T>", "UnsafeMutablePointer<T>"]

private func signatures(_ token: String) -> [Signature] {
  let number = Signature(generics: "<T: MutantNumber>", left: "T", right: "T", result: "T")
  let lanes = [("T", "T.Scalar", "let b = T(repeating: b)"), ("T.Scalar", "T", "let a = T(repeating: a)")].map {
    Signature(
      generics: "<T: SIMD & MutantNumber>", left: $0.0, right: $0.1, result: "T",
      condition: " where T.Scalar == Scalar", alike: $0.2)
  }
  switch token {
  case "+":
    return [number] + lanes + pointers.map { Signature(generics: "<T>", left: $0, right: "Int", result: $0) }
  case "-", "/": return [number] + lanes
  case "*":
    let tensor = Signature(
      left: "Scalar", right: "Tensor", result: "Tensor", alike: "let a = Tensor(repeating: a, shape: b.shape)")
    return [number, tensor] + lanes
  case "%": return [Signature(left: "Int", right: "Int", result: "Int")]
  case "+=":
    let inPlace = Signature(generics: "<T: MutantNumber>", left: "inout T", right: "T", result: "Void")
    return [inPlace] + pointers.map { Signature(generics: "<T>", left: "inout \($0)", right: "Int", result: "Void") }
  case "-=", "*=", "/=":
    return [Signature(generics: "<T: MutantNumber>", left: "inout T", right: "T", result: "Void")]
  case "=": return [Signature(generics: "<T>", left: "inout T", right: "T", result: "Void")]
  case "??": return [Signature(generics: "<T>", left: "T?", right: "@autoclosure () -> T", result: "T")]
  case "&&", "||": return [Signature(left: "Bool", right: "@autoclosure () -> Bool", result: "Bool")]
  case "..<": return [Signature(left: "Int", right: "Int", result: "Range<Int>")]
  case "...": return [Signature(left: "Int", right: "Int", result: "ClosedRange<Int>")]
  case "==", "!=":
    return [
      Signature(generics: "<T: Equatable>", left: "T", right: "T", result: "Bool"),
      Signature(generics: "<T>", left: "T?", right: "_OptionalNilComparisonType", result: "Bool"),
    ]
  default: return [Signature(generics: "<T: Comparable>", left: "T", right: "T", result: "Bool")]
  }
}

/// The result of a mutant of an operator; nil for the original.
private func result(of kind: String?, _ token: String, _ signature: Signature) -> String {
  let isPointer = signature.left.contains("Pointer")
  switch kind {
  case nil:
    return token == "=" ? "a = b" : ["&&", "||", "??"].contains(token) ? "a \(token) b()" : "a \(token) b"
  case "left of": return "a"
  case "right of": return isPointer ? "a + 2 * b" : token == "??" ? "b()" : "b"
  case "exchanged": return token == "-" ? "b - a" : "b / a"
  case "nothing for": return "()"
  case "lower + 1 of": return "min(a + 1, b)\(token)b"
  case "upper - 1 of": return "a\(token)max(a, b - 1)"
  case "||", "&&": return "a \(kind!) b()"
  case "=" where isPointer: return "a -= b"
  default: return "a \(kind!) b"
  }
}

/// The functions of one operator.
private func twins(_ site: Site, _ token: String) -> String {
  let name = operatorName(site.first)
  let functions = signatures(token).map { signature in
    let cases = infixMutants[token]!.enumerated().map { index, kind in
      "  case \(site.first + index): return \(result(of: kind, token, signature))"
    }
    return """
      @inline(__always) func \(name)\(signature.generics)(a: \(signature.left), b: \(signature.right)) -> \(signature.result)\(signature.condition) {
        \(signature.alike)
        switch Mutants.chosen {
      \(cases.joined(separator: "\n"))
        default: return \(result(of: nil, token, signature))
        }
      }
      """
  }
  let precedence = precedences.first { $0.1.contains(token) }!.0
  return (["infix operator \(name): \(precedence)"] + functions).joined(separator: "\n")
}

private func prefixTwins(_ site: Site, _ token: String) -> String {
  let name = operatorName(site.first)
  let type = token == "!" ? "Bool" : "T"
  return """
    prefix operator \(name)
    @inline(__always) prefix func \(name)\(token == "!" ? "" : "<T: MutantNumber>")(a: \(type)) -> \(type) {
      Mutants.chosen == \(site.first) ? a : \(token)a
    }
    """
}

/// The file that makes the mutated sources of a module compile; the file of Tensors also has what all modules share.
public func support(for sites: [Site], inModule module: String) -> String {
  let operators = sites.compactMap { site -> String? in
    switch site.form {
    case .infix(let token): return twins(site, token)
    case .prefix(let token): return prefixTwins(site, token)
    default: return nil
    }
  }
  return ([module == "Tensors" ? chosen : "import Tensors", numbers] + operators).joined(separator: "\n")
}

private let chosen = """
  import Foundation

  package enum Mutants {
    /// The number of the mutant that is alive; 0 for none.
    package static let chosen = Int(ProcessInfo.processInfo.environment["MUTANT"] ?? "0") ?? -1
    @inline(__always) package static func number(_ site: Int, _ x: Int) -> Int { chosen == site ? x + 1 : x }
    @inline(__always) package static func number(_ site: Int, _ x: Scalar) -> Scalar { chosen == site ? x + 1 : x }
    @inline(__always) package static func flag(_ site: Int, _ x: Bool) -> Bool { chosen == site ? !x : x }
  }

  """

/// Each module has its own: tests that saw more operators would not compile in reasonable time.
private let numbers = """
  /// What integers, numbers, tensors and lanes have in common.
  protocol MutantNumber {
    static func + (a: Self, b: Self) -> Self
    static func - (a: Self, b: Self) -> Self
    static func * (a: Self, b: Self) -> Self
    static func / (a: Self, b: Self) -> Self
    static func += (a: inout Self, b: Self)
    static prefix func - (a: Self) -> Self
  }
  extension MutantNumber {
    static func -= (a: inout Self, b: Self) { a = a - b }
    static func *= (a: inout Self, b: Self) { a = a * b }
    static func /= (a: inout Self, b: Self) { a = a / b }
  }
  extension Int: MutantNumber {}
  extension Scalar: MutantNumber {}
  extension Tensor: MutantNumber {}
  extension SIMD8: MutantNumber where Scalar: FloatingPoint {}
  extension SIMD16: MutantNumber where Scalar: FloatingPoint {}
  """
