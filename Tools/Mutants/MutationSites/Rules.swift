// # The pullback in a rule
//
// A rule of Gradients computes a value and makes a variable of it, with the primitive and the
// pullback:
//
//     let inverse = order.indices.map { axis in order.firstIndex(of: axis)! }
//     return Variable(value.permuted(order), by: .permute, from: (self, { $0.permuted(inverse) }))
//
// The pullback is what follows the label `by`, every other closure of the rule, and what is computed for these alone,
// as `inverse` is here. The value is forward work.
//
// Read before: `Functions.swift`. Read next: `Regions.swift`.

import SwiftSyntax

/// A function of Gradients that makes a variable of a value and a pullback.
struct Rule {
  /// The parts that belong to the pullback.
  let pullback: [Syntax]
  /// The primitives that it names.
  let primitives: [String]
  let hasClosure: Bool

  /// Nil if the function is no rule.
  init?(_ function: Function) {
    // An initialiser that takes a pullback belongs to it as a whole.
    if function.kind == .initialiser, let parameter = function.parameters.first(where: { $0.label == "by" }) {
      let standard = parameter.standard?.as(MemberAccessExprSyntax.self)?.declName.baseName.text
      (pullback, primitives, hasClosure) = ([function.body], [standard].compactMap { $0 }, true)
      return
    }
    let finder = RuleFinder(viewMode: .sourceAccurate)
    finder.walk(function.body)
    if finder.calls.isEmpty { return nil }
    primitives = finder.calls.compactMap { call in
      call.arguments.first { $0.label?.text == "by" }?.expression.as(MemberAccessExprSyntax.self)?.declName.baseName
        .text
    }
    var parts: [Syntax] = []
    var values: [Range<Int>] = []
    for call in finder.calls {
      let split = call.arguments.firstIndex { $0.label?.text == "by" }!
      values += call.arguments[..<split].map(\.place)
      parts += call.arguments[call.arguments.index(after: split)...].map { Syntax($0) }
      if let closure = call.trailingClosure { parts.append(Syntax(closure)) }
      parts += call.additionalTrailingClosures.map { Syntax($0) }
    }
    hasClosure = !finder.closures.isEmpty
    parts += finder.closures.filter { closure in !values.contains { $0.contains(closure.place.lowerBound) } }
    if let statements = function.body.as(CodeBlockSyntax.self)?.statements {
      parts += Rule.statements(of: statements, usedOnlyBy: parts)
    }
    pullback = parts
  }

  /// The statements whose results only `parts` use.
  private static func statements(of list: CodeBlockItemListSyntax, usedOnlyBy parts: [Syntax]) -> [Syntax] {
    struct Step {
      let node: Syntax
      let targets, uses: Set<String>
    }
    var steps: [Step] = []
    var forward: Set<String> = []
    for item in list {
      let uses = NamesOutside(parts.map(\.place), item).names
      if let declaration = item.item.as(VariableDeclSyntax.self) {
        let targets = declaration.bindings.flatMap { BoundNames(of: $0.pattern).names }
        steps.append(Step(node: Syntax(item), targets: Set(targets), uses: uses))
      } else if let target = item.item.as(SequenceExprSyntax.self)?.target {
        steps.append(Step(node: Syntax(item), targets: [target], uses: uses.subtracting([target])))
      } else {
        forward.formUnion(uses)
      }
    }
    var isGrowing = true
    while isGrowing {
      let before = forward.count
      for step in steps where !step.targets.isDisjoint(with: forward) { forward.formUnion(step.uses) }
      isGrowing = forward.count > before
    }
    return steps.filter { $0.targets.isDisjoint(with: forward) }.map(\.node)
  }
}

extension SequenceExprSyntax {
  /// The variable that this expression assigns to, as a whole or in part.
  fileprivate var target: String? {
    let parts = Array(elements)
    guard parts.count > 2, parts[1].is(AssignmentExprSyntax.self) else { return nil }
    var left = parts[0]
    while true {
      if let subscripted = left.as(SubscriptCallExprSyntax.self) {
        left = subscripted.calledExpression
      } else if let base = left.as(MemberAccessExprSyntax.self)?.base {
        left = base
      } else {
        return left.as(DeclReferenceExprSyntax.self)?.baseName.text
      }
    }
  }
}

/// The calls that make a variable, and all closures.
private final class RuleFinder: SyntaxVisitor {
  var calls: [FunctionCallExprSyntax] = []
  var closures: [Syntax] = []

  override func visit(_ node: FunctionCallExprSyntax) -> SyntaxVisitorContinueKind {
    let name = Call(node)?.name ?? ""
    let makes = name == "Variable" || name == "Self" || name == "init"
    if makes, node.arguments.contains(where: { $0.label?.text == "by" }) { calls.append(node) }
    return .visitChildren
  }

  override func visit(_ node: ClosureExprSyntax) -> SyntaxVisitorContinueKind {
    closures.append(Syntax(node))
    return .visitChildren
  }
}

/// The names that a node uses outside some places.
private final class NamesOutside: SyntaxAnyVisitor {
  let places: [Range<Int>]
  var names: Set<String> = []

  init(_ places: [Range<Int>], _ node: some SyntaxProtocol) {
    self.places = places
    super.init(viewMode: .sourceAccurate)
    walk(node)
  }

  override func visitAny(_ node: Syntax) -> SyntaxVisitorContinueKind {
    if places.contains(node.place) { return .skipChildren }
    if let member = node.as(MemberAccessExprSyntax.self) {
      if let base = member.base { walk(base) }
      return .skipChildren
    }
    if let name = node.as(DeclReferenceExprSyntax.self) { names.insert(name.baseName.text) }
    return .visitChildren
  }
}

private final class BoundNames: SyntaxVisitor {
  var names: [String] = []

  init(of pattern: PatternSyntax) {
    super.init(viewMode: .sourceAccurate)
    walk(pattern)
  }

  override func visit(_ node: IdentifierPatternSyntax) -> SyntaxVisitorContinueKind {
    names.append(node.identifier.text)
    return .skipChildren
  }
}

/// The names of all primitives that some sources declare: cases of an enumeration, or constants of a type `Primitive`.
final class DeclaredPrimitives: SyntaxVisitor {
  private(set) var names: Set<String> = []
  /// The primitives of nodes that no operation made: `Node(.leaf)`.
  private(set) var withoutRule: Set<String> = []
  private var types: [String] = []

  init(in sources: [Source]) {
    super.init(viewMode: .sourceAccurate)
    for source in sources { walk(source.tree) }
  }

  override func visit(_ node: EnumDeclSyntax) -> SyntaxVisitorContinueKind {
    guard node.name.text == "Primitive" else { return .skipChildren }
    for member in node.memberBlock.members {
      names.formUnion(member.decl.as(EnumCaseDeclSyntax.self)?.elements.map(\.name.text) ?? [])
    }
    return .skipChildren
  }

  override func visit(_ node: VariableDeclSyntax) -> SyntaxVisitorContinueKind {
    guard node.modifiers.contains(where: { $0.name.text == "static" }) else { return .visitChildren }
    for binding in node.bindings {
      let isPrimitive =
        binding.typeAnnotation?.type.trimmedDescription == "Primitive"
        || binding.initializer?.value.as(FunctionCallExprSyntax.self).flatMap { Call($0)?.name } == "Primitive"
      guard isPrimitive, let name = binding.pattern.as(IdentifierPatternSyntax.self)?.identifier.text else {
        continue
      }
      names.insert(name)
    }
    return .visitChildren
  }

  override func visit(_ node: FunctionCallExprSyntax) -> SyntaxVisitorContinueKind {
    if Call(node)?.name == "Node", let argument = node.arguments.first?.expression.as(MemberAccessExprSyntax.self) {
      withoutRule.insert(argument.declName.baseName.text)
    }
    return .visitChildren
  }
}
