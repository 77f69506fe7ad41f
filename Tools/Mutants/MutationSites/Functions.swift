// # Functions and who calls them
//
// Every function, operator, initialiser and computed property in some sources, with the calls in its body. There are
// no types here: a call counts for every function with its name and labels. That is enough to know what a pullback is
// made of; where it errs, it finds too much rather than too little.
//
// Read before: `Source.swift`. Read next: `Regions.swift`.

import SwiftSyntax

/// Something with a body.
final class Function {
  enum Kind { case function, initialiser, property }
  struct Parameter {
    /// nil for `_`
    let label: String?
    let type: String
    let standard: ExprSyntax?
    let isVariadic: Bool
    var hasDefault: Bool { standard != nil }
  }

  let source: Source
  let kind: Kind
  let name: String
  /// The types around it, the outermost first.
  let types: [String]
  let parameters: [Parameter]
  let result: String?
  let isMutating: Bool
  let node: Syntax
  let body: Syntax
  /// What a report calls it: "Tensor.padded(into:at:along:)".
  let title: String
  private(set) lazy var references = References(of: [body])

  init?(
    _ source: Source, _ kind: Kind, _ name: String, types: [String], signature: FunctionSignatureSyntax?,
    result: TypeSyntax?, modifiers: DeclModifierListSyntax, node: some SyntaxProtocol, body: (some SyntaxProtocol)?
  ) {
    guard let body else { return nil }
    (self.source, self.kind, self.name, self.types) = (source, kind, name, types)
    (self.node, self.body) = (Syntax(node), Syntax(body))
    parameters = (signature?.parameterClause.parameters ?? []).map {
      Parameter(
        label: $0.firstName.text == "_" ? nil : $0.firstName.text, type: $0.type.trimmedDescription,
        standard: $0.defaultValue?.value, isVariadic: $0.ellipsis != nil)
    }
    self.result = (result ?? signature?.returnClause?.type)?.trimmedDescription
    isMutating =
      modifiers.contains { $0.name.text == "mutating" } || parameters.contains { $0.type.hasPrefix("inout ") }
    let labels = signature == nil ? "" : "(\(parameters.map { ($0.label ?? "_") + ":" }.joined()))"
    title = (types + [name]).joined(separator: ".") + labels
  }

  /// Whether a call can mean this function; `caller` is the innermost type around the call.
  func answers(_ call: Call, from caller: String?) -> Bool {
    switch kind {
    case .property: return !call.isCalled && call.name == name && call.isMember
    case .initialiser:
      return call.isCalled && (call.name == types.last || (call.name == "init" && caller == types.last))
        && takes(call)
    case .function:
      if call.isCalled, name == "callAsFunction" { return call.name == types.last }
      guard call.isCalled, call.name == name, takes(call) else { return false }
      if call.isOperator { return true }
      if let type = call.type { return types.last == type }
      return call.isMember ? !types.isEmpty : types.isEmpty || types.last == caller
    }
  }

  /// Whether the labels of a call fit the parameters.
  private func takes(_ call: Call) -> Bool {
    if call.isOperator { return parameters.count == call.labels.count }
    var (next, closures) = (0, call.trailingClosures)
    for parameter in parameters {
      if next < call.labels.count, call.labels[next] == parameter.label {
        next += 1
        while parameter.isVariadic, next < call.labels.count, call.labels[next] == nil { next += 1 }
      } else if parameter.type.contains("->"), closures > 0 {
        closures -= 1
      } else if !parameter.hasDefault, !parameter.isVariadic {
        return false
      }
    }
    return next == call.labels.count && closures == 0
  }
}

/// A name that a body uses.
struct Call: Hashable {
  let name: String
  /// What stands before the dot, if it looks like a type.
  var type: String?
  var labels: [String?] = []
  var trailingClosures = 0
  var isMember = false
  var isCalled = true
  var isOperator = false
}

/// All calls in some nodes, and all plain names.
final class References: SyntaxVisitor {
  private(set) var calls: Set<Call> = []
  private(set) var names: Set<String> = []

  init(of nodes: [Syntax]) {
    super.init(viewMode: .sourceAccurate)
    for node in nodes { walk(node) }
  }

  override func visit(_ node: FunctionCallExprSyntax) -> SyntaxVisitorContinueKind {
    if let call = Call(node) { calls.insert(call) }
    return .visitChildren
  }

  override func visit(_ node: MemberAccessExprSyntax) -> SyntaxVisitorContinueKind {
    if node.parent?.as(FunctionCallExprSyntax.self)?.calledExpression.id != node.id {
      calls.insert(Call(name: node.declName.baseName.text, isMember: true, isCalled: false))
    }
    // The name after the dot is not a plain name.
    if let base = node.base { walk(base) }
    return .skipChildren
  }

  override func visit(_ node: DeclReferenceExprSyntax) -> SyntaxVisitorContinueKind {
    names.insert(node.baseName.text)
    return .skipChildren
  }

  override func visit(_ node: BinaryOperatorExprSyntax) -> SyntaxVisitorContinueKind {
    calls.insert(Call(name: node.operator.text, labels: [nil, nil], isOperator: true))
    return .skipChildren
  }

  override func visit(_ node: PrefixOperatorExprSyntax) -> SyntaxVisitorContinueKind {
    calls.insert(Call(name: node.operator.text, labels: [nil], isOperator: true))
    return .visitChildren
  }
}

extension Call {
  /// A call of something with a name.
  init?(_ node: FunctionCallExprSyntax) {
    let labels = node.arguments.map { $0.label?.text }
    let closures = (node.trailingClosure == nil ? 0 : 1) + node.additionalTrailingClosures.count
    if let callee = node.calledExpression.as(DeclReferenceExprSyntax.self) {
      self.init(name: callee.baseName.text, labels: labels, trailingClosures: closures)
    } else if let callee = node.calledExpression.as(MemberAccessExprSyntax.self) {
      let base = callee.base?.as(DeclReferenceExprSyntax.self)?.baseName.text
      self.init(
        name: callee.declName.baseName.text, type: base.flatMap { $0.first!.isUppercase ? $0 : nil }, labels: labels,
        trailingClosures: closures, isMember: true)
    } else {
      return nil
    }
  }
}

/// All functions of some sources, by name.
final class Functions {
  private(set) var all: [Function] = []
  private var byName: [String: [Function]] = [:]

  init(of sources: [Source]) {
    for source in sources {
      let finder = FunctionFinder(source)
      finder.walk(source.tree)
      all += finder.found
    }
    for function in all {
      let isType = function.kind == .initialiser || function.name == "callAsFunction"
      byName[isType ? function.types.last ?? "" : function.name, default: []].append(function)
    }
  }

  /// The functions that some calls can mean.
  func answering(_ calls: Set<Call>, from caller: String?) -> [Function] {
    calls.flatMap { call in
      (byName[call.name == "init" ? caller ?? "" : call.name] ?? []).filter { $0.answers(call, from: caller) }
    }
  }
}

private final class FunctionFinder: SyntaxVisitor {
  let source: Source
  var found: [Function] = []
  private var types: [String] = []

  init(_ source: Source) {
    self.source = source
    super.init(viewMode: .sourceAccurate)
  }

  private func enter(_ name: String) -> SyntaxVisitorContinueKind {
    types.append(name)
    return .visitChildren
  }

  override func visit(_ node: StructDeclSyntax) -> SyntaxVisitorContinueKind { enter(node.name.text) }
  override func visitPost(_ node: StructDeclSyntax) { types.removeLast() }
  override func visit(_ node: ClassDeclSyntax) -> SyntaxVisitorContinueKind { enter(node.name.text) }
  override func visitPost(_ node: ClassDeclSyntax) { types.removeLast() }
  override func visit(_ node: EnumDeclSyntax) -> SyntaxVisitorContinueKind { enter(node.name.text) }
  override func visitPost(_ node: EnumDeclSyntax) { types.removeLast() }
  override func visit(_ node: ProtocolDeclSyntax) -> SyntaxVisitorContinueKind { enter(node.name.text) }
  override func visitPost(_ node: ProtocolDeclSyntax) { types.removeLast() }
  override func visit(_ node: ExtensionDeclSyntax) -> SyntaxVisitorContinueKind {
    enter(node.extendedType.trimmedDescription)
  }
  override func visitPost(_ node: ExtensionDeclSyntax) { types.removeLast() }

  override func visit(_ node: FunctionDeclSyntax) -> SyntaxVisitorContinueKind {
    found += [
      Function(
        source, .function, node.name.text, types: types, signature: node.signature, result: nil,
        modifiers: node.modifiers, node: node, body: node.body)
    ].compactMap { $0 }
    return .skipChildren
  }

  override func visit(_ node: InitializerDeclSyntax) -> SyntaxVisitorContinueKind {
    found += [
      Function(
        source, .initialiser, "init", types: types, signature: node.signature, result: nil, modifiers: node.modifiers,
        node: node, body: node.body)
    ].compactMap { $0 }
    return .skipChildren
  }

  override func visit(_ node: VariableDeclSyntax) -> SyntaxVisitorContinueKind {
    for binding in node.bindings {
      guard let name = binding.pattern.as(IdentifierPatternSyntax.self)?.identifier.text else { continue }
      found += [
        Function(
          source, .property, name, types: types, signature: nil, result: binding.typeAnnotation?.type,
          modifiers: node.modifiers, node: node, body: binding.initializer == nil ? binding.accessorBlock : nil)
      ].compactMap { $0 }
    }
    return .skipChildren
  }
}
