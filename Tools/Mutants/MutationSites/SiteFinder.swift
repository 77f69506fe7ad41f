// # Finding the sites
//
// One walk over the syntax of each region. What is known to have no mutant is counted with its reason, so that the
// report can say how much of a pullback no mutant touches.
//
// Read before: `Sites.swift`.

import SwiftSyntax

private let stops = "decides only when the program stops"
private let cuts = "decides only how a loop is cut"
private let memory = "decides only how long or how much memory is taken"
private let leftOutCalls = [
  "precondition": stops, "preconditionFailure": stops, "assert": stops, "fatalError": stops, "expecting": stops,
  "message": stops, "withExtendedLifetime": memory, "Storage": memory,
]
private let leftOutLabels: Set = ["grain", "workPerItem", "work", "atLeast", "cost"]

/// Functions that give the same whichever argument comes first.
private let symmetric: Set<String> = ["dot", "squaredDistance"]

final class SiteFinder: SyntaxVisitor {
  private let source: Source
  private let functions: Functions
  private(set) var next: Int
  private(set) var findings = Findings()
  private var region: Region!
  private var known: Set<Range<Int>> = []
  /// The nodes in which nothing is mutated, and why.
  private var muted: [(SyntaxIdentifier, String)] = []

  init(_ source: Source, functions: Functions, next: Int) {
    (self.source, self.functions, self.next) = (source, functions, next)
    super.init(viewMode: .sourceAccurate)
  }

  func scan(_ region: Region) {
    self.region = region
    walk(region.node)
  }

  private func leaveOut(_ reason: String, _ count: Int = 1) { findings.leftOut[reason, default: 0] += count }

  /// A site with a mutant for each of some kinds; `shown` is what a report puts in brackets.
  private func add(_ form: Site.Form, _ range: Range<Int>, _ kinds: [String], shown: Range<Int>? = nil) {
    if let (_, reason) = muted.last { return leaveOut(reason, kinds.count) }
    // Regions may contain one another.
    var key = range
    if case .exchange = form { key = range.lowerBound..<(range.upperBound + 1) }
    if case .statement = form { key = range.lowerBound..<(range.upperBound + 2) }
    if kinds.isEmpty || !known.insert(key).inserted { return }
    findings.sites.append(Site(form: form, range: range, first: next))
    let line = source.line(of: (shown ?? range).lowerBound)
    let place = source.range(ofLine: line)
    let (shown, first) = ((shown ?? range).clamped(to: place), next)
    for kind in kinds {
      let changed =
        source.string(place.lowerBound..<shown.lowerBound) + "⟦\(kind) \(source.string(shown))⟧"
        + source.string(shown.upperBound..<place.upperBound)
      findings.mutants.append(
        Mutant(
          number: next, site: first, file: source.name, function: region.function, line: line + 1,
          text: changed.trimmed,
          original: source.string(place).trimmed))
      next += 1
    }
  }

  // ## Operators

  override func visit(_ node: BinaryOperatorExprSyntax) -> SyntaxVisitorContinueKind {
    let token = node.operator.text
    if let kinds = infixMutants[token] {
      add(.infix(token), node.place, kinds)
    } else {
      leaveOut("not switched: the operator \(token)")
    }
    return .skipChildren
  }

  override func visit(_ node: AssignmentExprSyntax) -> SyntaxVisitorContinueKind {
    let elements = node.parent?.as(ExprListSyntax.self).map(Array.init) ?? []
    guard elements.count > 2, elements[1].id == ExprSyntax(node).id else {
      leaveOut("not switched: an assignment")
      return .skipChildren
    }
    let left = elements[0]
    if left.is(DiscardAssignmentExprSyntax.self) { return .skipChildren }
    if left.is(TupleExprSyntax.self) {
      leaveOut("not switched: an assignment to several names")
    } else if isInInitialiser(Syntax(node)),
      left.is(DeclReferenceExprSyntax.self) || left.trimmedDescription.hasPrefix("self.")
    {
      leaveOut("would not compile: a constant without a value")
    } else {
      add(.infix("="), node.place, infixMutants["="]!)
    }
    return .skipChildren
  }

  private func isInInitialiser(_ node: Syntax) -> Bool {
    var node = node.parent
    while let current = node {
      if current.is(InitializerDeclSyntax.self) { return true }
      if current.is(FunctionDeclSyntax.self) || current.is(ClosureExprSyntax.self) { return false }
      node = current.parent
    }
    return false
  }

  override func visit(_ node: PrefixOperatorExprSyntax) -> SyntaxVisitorContinueKind {
    let token = node.operator.text
    if token == "-" || token == "!" {
      add(.prefix(token), node.operator.trimmed.place(in: node), ["without"])
    } else {
      leaveOut("not switched: the operator \(token)")
    }
    return .visitChildren
  }

  // ## Numbers and truth values

  private func number(_ node: some ExprSyntaxProtocol) -> SyntaxVisitorContinueKind {
    add(.number, node.place, ["1 +"])
    return .skipChildren
  }

  override func visit(_ node: IntegerLiteralExprSyntax) -> SyntaxVisitorContinueKind { number(node) }
  override func visit(_ node: FloatLiteralExprSyntax) -> SyntaxVisitorContinueKind { number(node) }

  override func visit(_ node: BooleanLiteralExprSyntax) -> SyntaxVisitorContinueKind {
    add(.flag, node.place, ["not"])
    return .skipChildren
  }

  /// A condition without an operator of its own.
  private func condition(_ node: ExprSyntax?) {
    guard let node, node.is(DeclReferenceExprSyntax.self) || node.is(MemberAccessExprSyntax.self) else { return }
    add(.flag, node.place, ["not"])
  }

  override func visit(_ node: ConditionElementSyntax) -> SyntaxVisitorContinueKind {
    condition(node.condition.as(ExprSyntax.self))
    if node.condition.is(MatchingPatternConditionSyntax.self) { leaveOut("not switched: a pattern") }
    return .visitChildren
  }

  override func visit(_ node: UnresolvedTernaryExprSyntax) -> SyntaxVisitorContinueKind {
    let elements = node.parent?.as(ExprListSyntax.self).map(Array.init) ?? []
    guard let place = elements.firstIndex(where: { $0.id == ExprSyntax(node).id }), place > 0 else {
      return .visitChildren
    }
    let isWhole =
      place == 1 || elements[place - 2].is(AssignmentExprSyntax.self)
      || elements[place - 2].is(UnresolvedTernaryExprSyntax.self)
    if isWhole { condition(elements[place - 1]) }
    return .visitChildren
  }

  // ## Calls

  override func visit(_ node: FunctionCallExprSyntax) -> SyntaxVisitorContinueKind {
    let call = Call(node)
    if let call, let reason = leftOutCalls[call.name] {
      muted.append((node.id, reason))
      return .visitChildren
    }
    if let call { exchange(call, node) }
    if let callee = node.calledExpression.as(MemberAccessExprSyntax.self),
      callee.declName.baseName.text == "transposed",
      node.arguments.isEmpty, let base = callee.base
    {
      add(.member(base: base.place), node.place, ["not"], shown: callee.declName.place)
    }
    return .visitChildren
  }

  override func visitPost(_ node: FunctionCallExprSyntax) { if muted.last?.0 == node.id { muted.removeLast() } }

  override func visit(_ node: LabeledExprSyntax) -> SyntaxVisitorContinueKind {
    let label = node.label?.text ?? ""
    if leftOutLabels.contains(label) || node.expression.mentionsGrain { muted.append((node.id, cuts)) }
    if label.lowercased().contains("transpos") || label == "backward" { condition(node.expression) }
    return .visitChildren
  }

  /// A binding that computes a number of pieces: nothing in it is mutated.
  override func visit(_ node: PatternBindingSyntax) -> SyntaxVisitorContinueKind {
    let calls = node.initializer.map { References(of: [Syntax($0.value)]).calls } ?? []
    if calls.contains(where: { $0.name == "pieces" && $0.isCalled }) { muted.append((node.id, cuts)) }
    return .visitChildren
  }

  override func visitPost(_ node: PatternBindingSyntax) { if muted.last?.0 == node.id { muted.removeLast() } }

  override func visitPost(_ node: LabeledExprSyntax) { if muted.last?.0 == node.id { muted.removeLast() } }

  override func visit(_ node: MemberAccessExprSyntax) -> SyntaxVisitorContinueKind {
    let isCallee = node.parent?.as(FunctionCallExprSyntax.self)?.calledExpression.id == node.id
    if node.declName.baseName.text == "transposed", !isCallee, let base = node.base {
      add(.member(base: base.place), node.place, ["not"], shown: node.declName.place)
    }
    return .visitChildren
  }

  /// Neighbouring arguments of one type, which could be passed the other way round.
  private func exchange(_ call: Call, _ node: FunctionCallExprSyntax) {
    let rivals = functions.answering([call], from: nil)
    let arguments = Array(node.arguments)
    if rivals.isEmpty || symmetric.contains(call.name) { return }
    var pairs: [(Int, Int)] = []
    for place in arguments.indices.dropLast() {
      let (a, b) = (arguments[place].expression, arguments[place + 1].expression)
      let areOfOneType = rivals.allSatisfy { function in
        guard let first = function.type(ofArgument: place, in: call) else { return false }
        // Sizes and numbers are mutated themselves; a product of elements is symmetric.
        if ["Int", "Scalar", "Bool"].contains(first) { return false }
        if call.labels[place + 1] == "times", !first.contains("Tensor") { return false }
        return first == function.type(ofArgument: place + 1, in: call)
      }
      if areOfOneType, a.canMove, b.canMove, a.trimmedDescription != b.trimmedDescription {
        pairs.append((place, place + 1))
      }
    }
    guard let last = arguments.last else { return }
    let range = arguments[0].expression.place.lowerBound..<last.expression.place.upperBound
    let name =
      node.calledExpression.as(MemberAccessExprSyntax.self)?.declName.place ?? node.calledExpression.place
    add(
      .exchange(arguments.map(\.expression.place), pairs), range,
      pairs.map { "\($0.0 + 1) and \($0.1 + 1) exchanged in" }, shown: name)
  }

  /// Neighbouring elements of a list, which are of one type.
  override func visit(_ node: ArrayExprSyntax) -> SyntaxVisitorContinueKind {
    elements(node.elements.map(\.expression), of: node.place)
    return .visitChildren
  }

  /// The elements of a tuple that a function returns, where their types are the same.
  override func visit(_ node: ReturnStmtSyntax) -> SyntaxVisitorContinueKind {
    if let tuple = node.expression?.as(TupleExprSyntax.self), tuple.elements.count > 1 {
      var parent = node.parent
      while let current = parent, !current.is(FunctionDeclSyntax.self), !current.is(ClosureExprSyntax.self) {
        parent = current.parent
      }
      let result = parent?.as(FunctionDeclSyntax.self)?.signature.returnClause?.type.as(TupleTypeSyntax.self)
      let types = result?.elements.map(\.type.trimmedDescription) ?? []
      elements(tuple.elements.map(\.expression), of: tuple.place) { place in
        types.indices.contains(place + 1) && types[place] == types[place + 1]
      }
    }
    return .visitChildren
  }

  private func elements(_ list: [ExprSyntax], of place: Range<Int>, where areOfOneType: (Int) -> Bool = { _ in true })
  {
    let pairs = list.indices.dropLast().filter { index in
      areOfOneType(index) && list[index].canMove && list[index + 1].canMove
        && list[index].trimmedDescription != list[index + 1].trimmedDescription
    }.map { ($0, $0 + 1) }
    add(
      .exchange(list.map(\.place), pairs), place, pairs.map { "\($0.0 + 1) and \($0.1 + 1) exchanged in" })
  }

  /// A call that is a statement of its own.
  override func visit(_ node: CodeBlockItemSyntax) -> SyntaxVisitorContinueKind {
    guard let call = node.item.as(FunctionCallExprSyntax.self), let name = Call(call)?.name,
      leftOutCalls[name] == nil
    else { return .visitChildren }
    if call.trailingClosure != nil {
      leaveOut("not left out as a whole: a loop, each statement of which is mutated")
    } else if name == "init" {
      leaveOut("would not compile: an initialiser that makes nothing")
    } else if isValue(node) {
      leaveOut("not left out: a call that may be the value of its block")
    } else {
      add(.statement, call.place, ["left out:"], shown: call.calledExpression.place)
    }
    return .visitChildren
  }

  /// Whether what stands alone in its block may be the value of a closure, a function or a branch.
  private func isValue(_ node: CodeBlockItemSyntax) -> Bool {
    guard let list = node.parent?.as(CodeBlockItemListSyntax.self), list.count == 1, let block = list.parent else {
      return false
    }
    if block.is(ClosureExprSyntax.self) || block.is(AccessorBlockSyntax.self) || block.is(SwitchCaseSyntax.self) {
      return true
    }
    guard let owner = block.parent else { return false }
    if owner.is(AccessorDeclSyntax.self) { return true }
    if let function = owner.as(FunctionDeclSyntax.self) { return function.signature.returnClause != nil }
    if owner.is(IfExprSyntax.self) {
      // An `if` is a value where it stands alone itself.
      var outer = owner
      while let parent = outer.parent, parent.is(IfExprSyntax.self) { outer = parent }
      guard let statement = outer.parent?.as(ExpressionStmtSyntax.self) ?? nil,
        let item = statement.parent?.as(CodeBlockItemSyntax.self)
      else { return true }
      return isValue(item)
    }
    return false
  }

  // ## What has no sites

  override func visit(_ node: StringLiteralExprSyntax) -> SyntaxVisitorContinueKind { .skipChildren }
  override func visit(_ node: AttributeSyntax) -> SyntaxVisitorContinueKind { .skipChildren }
  override func visit(_ node: GenericArgumentClauseSyntax) -> SyntaxVisitorContinueKind { .skipChildren }
  override func visit(_ node: TypeAnnotationSyntax) -> SyntaxVisitorContinueKind { .skipChildren }
  override func visit(_ node: SwitchCaseItemSyntax) -> SyntaxVisitorContinueKind {
    leaveOut("not switched: a pattern")
    return .skipChildren
  }
  override func visit(_ node: SubscriptCallExprSyntax) -> SyntaxVisitorContinueKind {
    if let index = node.arguments.first?.expression,
      index.is(DeclReferenceExprSyntax.self) || index.is(MemberAccessExprSyntax.self)
    {
      leaveOut("not switched: an index without an operator")
    }
    return .visitChildren
  }
}

extension Function {
  /// The type of the argument at a place among a call's arguments.
  fileprivate func type(ofArgument place: Int, in call: Call) -> String? {
    var next = 0
    for parameter in parameters {
      guard next < call.labels.count else { break }
      if call.labels[next] == parameter.label {
        if next == place { return parameter.isVariadic ? nil : parameter.type }
        next += 1
      }
    }
    return nil
  }
}

extension ExprSyntax {
  /// Whether the size of a piece of a loop is computed here: `Parallel.grain / width`.
  fileprivate var mentionsGrain: Bool {
    let isSmall = !tokens(viewMode: .sourceAccurate).contains { $0.tokenKind == .leftBrace }
    return isSmall && tokens(viewMode: .sourceAccurate).contains { $0.text == "grain" }
  }

  /// Whether an expression can stand in another place: no closure, nothing that is changed.
  fileprivate var canMove: Bool {
    if self.is(InOutExprSyntax.self) { return false }
    return !tokens(viewMode: .sourceAccurate).contains { $0.tokenKind == .leftBrace }
  }
}

extension TokenSyntax {
  fileprivate func place(in node: PrefixOperatorExprSyntax) -> Range<Int> {
    let start = node.positionAfterSkippingLeadingTrivia.utf8Offset
    return start..<(start + text.utf8.count)
  }
}
