// # The tool finds what it should, and says so when it does not
//
// Small sources in place of Sources/Gradients and Sources/Tensors, complete enough for `Regions.swift`.
//
// Read before: `../MutationSites/Regions.swift`.

import Testing

@testable import MutationSites

/// A module of rules with one primitive, and its kernels.
private let rules = """
  enum Primitive { case leaf, half }
  let leaf = Node(.leaf)
  func half(_ x: Variable) -> Variable {
    let y = 2 * half(x.value)
    let factor = 1 - 0.5
    let shift = y + y
    return Variable(shift, by: .half, from: (x, { halfPullback($0, y, factor: factor) }))
  }
  public func cotangents(of output: Variable) -> [Tensor] {
    visit(output)
    return output.count == 0 ? [] : [output]
  }
  private func visit(_ x: Variable) { x.uses += 1 }
  """
private let kernels = """
  public func half(_ x: Tensor) -> Tensor { scaled(x, 0.5) }
  public func halfPullback(_ cotangent: Tensor, _ value: Tensor, factor: Scalar) -> Tensor {
    precondition(factor > 0, "no")
    Parallel.each(cotangent.count, grain: 2 * 8) { index in
      cotangent.swap(index)
    }
    return scaled(cotangent - value, factor)
  }
  private func scaled(_ x: Tensor, _ factor: Scalar) -> Tensor { factor * x }
  func unrelated(_ x: Tensor) -> Tensor { x + x }
  """

private func sites(_ rules: String = rules, _ kernels: String = kernels) -> Sites {
  Sites(of: [
    Source(path: "Sources/Gradients/Half.swift", text: rules),
    Source(path: "Sources/Tensors/Half.swift", text: kernels),
  ])
}

@Suite struct RegionTests {
  @Test func whatIsMutated() {
    let found = sites()
    #expect(found.problems == [])
    let functions = Set(found.mutants.map(\.function))
    #expect(
      functions == [
        "half(_:)", "cotangents(of:)", "visit(_:)", "halfPullback(_:_:factor:)", "scaled(_:_:)",
      ])
    // In the rule: the factor that only the pullback uses and the arguments of the kernel, but not the value.
    let texts = found.mutants.filter { $0.function == "half(_:)" }.map(\.text)
    #expect(
      Set(texts) == [
        "let factor = 1 ⟦+ -⟧ 0.5", "let factor = 1 ⟦left of -⟧ 0.5", "let factor = 1 ⟦exchanged -⟧ 0.5",
        "let factor = ⟦1 + 1⟧ - 0.5", "let factor = 1 - ⟦1 + 0.5⟧",
        "return Variable(shift, by: .half, from: (x, { ⟦1 and 2 exchanged in halfPullback⟧($0, y, factor: factor) }))",
      ])
  }

  @Test func aHelperBelongsToThePullbackUnlessAllUseIt() {
    func functions(_ other: String) -> Set<String> {
      let kernels = """
        public func halfPullback(_ cotangent: Tensor, _ value: Tensor, factor: Scalar) -> Tensor { tool(cotangent) }
        func tool(_ x: Tensor) -> Tensor { -x }
        """
      let sources = [
        Source(path: "Sources/Gradients/Half.swift", text: rules),
        Source(path: "Sources/Tensors/One/Half.swift", text: kernels),
        Source(path: other, text: "func f() { tool(x) }"),
      ]
      let found = Sites(of: sources)
      #expect(found.general.contains("tool(_:)") != Set(found.mutants.map(\.function)).contains("tool(_:)"))
      return Set(found.mutants.map(\.function))
    }
    #expect(functions("Sources/Tensors/One/Other.swift").contains("tool(_:)"))
    #expect(!functions("Sources/Tensors/Two/Other.swift").contains("tool(_:)"))
    #expect(functions("Sources/Tensors/Naive/Other.swift").contains("tool(_:)"))
  }

  @Test func whatIsLeftOutIsCounted() {
    let (_, findings) = sites().findings[1]
    // 2, * and 8 of the grain; 0 and two of > in the precondition.
    #expect(findings.leftOut["decides only how a loop is cut"] == 5)
    #expect(findings.leftOut["decides only when the program stops"] == 3)
    #expect(findings.mutants.allSatisfy { !$0.text.contains("grain") })
  }

  @Test(arguments: [
    ("by: .half", "made: .half", "the primitive half has no rule with a pullback (by: .half)"),
    (
      "case leaf, half", "case leaf, half, quarter",
      "the primitive quarter has no rule with a pullback (by: .quarter)"
    ),
    ("enum Primitive", "enum Operation", "no primitive is declared"),
    ("cotangents", "sweep", "there is no function named cotangents, the sweep"),
    ("from: (x, { halfPullback($0, y, factor: factor) })", "from: x", "half(_:) gives no pullback"),
  ])
  func aRuleThatIsLostIsNamed(old: String, new: String, problem: String) {
    let changed = rules.replacing(old, with: new)
    #expect(changed != rules)
    #expect(sites(changed).problems.contains { $0.contains(problem) }, "\(sites(changed).problems)")
  }

  @Test func aPrimitiveMayBeAConstantOrAStandardValue() {
    let changed = rules.replacing(
      "enum Primitive { case leaf, half }",
      with: """
        extension Primitive {
          public static let leaf = Primitive("leaf")
          static let half: Primitive = .init("half")
          static let other = Primitive("other")
        }
        """)
    #expect(
      sites(changed).problems == ["Sources/Gradients: the primitive other has no rule with a pullback (by: .other)"])
    let taken = changed + "\nextension Variable { init(_ x: Tensor, by primitive: Primitive = .other) { y = -x } }"
    #expect(sites(taken).problems == [])
  }

  @Test func aKernelThatIsLostIsNamed() {
    let empty = """
      public func half(_ x: Tensor) -> Tensor { x }
      public func halfPullback(_ cotangent: Tensor, _ value: Tensor, factor: Scalar) -> Tensor { cotangent }
      """
    #expect(sites(rules, empty).problems.contains { $0.contains("halfPullback(_:_:factor:): nothing to mutate") })
    #expect(
      sites(rules, kernels.replacing("halfPullback", with: "halfBackward")).problems.contains {
        $0.contains("no function named …Pullback")
      })
  }

  @Test func aRenamedKernelIsStillMutated() {
    let renamed = sites(
      rules.replacing("halfPullback", with: "backward"),
      kernels.replacing("halfPullback", with: "backward") + "\nfunc otherPullback(_ x: Tensor) -> Tensor { -x }")
    #expect(renamed.problems == [])
    #expect(renamed.mutants.contains { $0.function == "backward(_:_:factor:)" })
  }
}

@Suite struct SwitchTests {
  /// The text of a pullback with these statements, made switchable.
  private func rendered(_ statements: String) -> String {
    let kernels = "func aPullback(_ x: Tensor, _ y: Tensor) -> (Tensor, Tensor) {\n\(statements)\n}"
    let source = Source(path: "Sources/Tensors/A.swift", text: kernels)
    let finder = SiteFinder(source, functions: Functions(of: [source]), next: 1)
    let function = Functions(of: [source]).all[0]
    finder.scan(Region(source: source, node: function.body, function: function.title))
    let text = source.rendered(with: finder.findings.sites)
    return text.split(separator: "\n", omittingEmptySubsequences: false).dropFirst().dropLast().joined(
      separator: "\n")
  }
  private func name(_ number: Int) -> String { operatorName(number) }

  @Test func operatorsAndNumbers() {
    #expect(rendered("a = b - 2") == "a \(name(1)) b \(name(2)) Mutants.number(5, 2)")
    #expect(rendered("_ = !a") == "_ = \(name(1))a")
    #expect(
      rendered("for i in 0..<n { s += x[i] }") == "for i in Mutants.number(1, 0)\(name(2))n { s \(name(4)) x[i] }")
  }

  @Test func conditions() {
    #expect(rendered("_ = c ? a : b") == "_ = Mutants.flag(1, c) ? a : b")
    #expect(rendered("if c { g(x) }\nh") == "if Mutants.flag(1, c) { if Mutants.chosen != 2 { g(x) } }\nh")
    // Alone, it may be the value of the function.
    #expect(rendered("if c { g(x) }") == "if Mutants.flag(1, c) { g(x) }")
    #expect(rendered("_ = f(transposing: c)") == "_ = f(transposing: Mutants.flag(1, c))")
  }

  @Test func exchanges() {
    #expect(
      rendered("_ = aPullback(u, v)")
        == "_ = aPullback((Mutants.chosen == 1 ? v : u), (Mutants.chosen == 1 ? u : v))")
    #expect(
      rendered("return [a, b, c]")
        == "return [(Mutants.chosen == 1 ? b : a), (Mutants.chosen == 2 ? c : (Mutants.chosen == 1 ? a : b)), "
        + "(Mutants.chosen == 2 ? b : c)]")
    #expect(rendered("return (x, y)") == "return ((Mutants.chosen == 1 ? y : x), (Mutants.chosen == 1 ? x : y))")
    #expect(rendered("return [a, { b }]") == "return [a, { b }]")
  }

  @Test func membersInsideOthers() {
    #expect(
      rendered("_ = f(a.transposed, -b)")
        == "_ = f((Mutants.chosen == 1 ? a : a.transposed), \(name(2))b)")
  }

  @Test func memoryIsFilled() {
    let source = Source(path: "Sources/Tensors/S.swift", text: "init() {\n  pointer = pool.take(size)\n}\n")
    #expect(
      source.fillingFreshMemory()
        == "init() {\n  pointer = pool.take(size); pointer.update(repeating: .nan, count: BlockPool.capacity(of: size))\n}\n"
    )
    #expect(Source(path: "Sources/Tensors/S.swift", text: "init() {}").fillingFreshMemory() == nil)
  }
}
