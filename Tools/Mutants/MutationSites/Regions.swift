// # What is mutated
//
// Everything that a gradient passes through on its way back, found by what it is and not by where it stands, so that
// a source can be moved or renamed:
//
//     the rules     the pullbacks that `Rules.swift` finds in Gradients
//     the sweep     `cotangents(of:…)`, and what it calls in Gradients
//     by name       functions and types of Tensors that are named …Pullback or …Slope
//     called        what rules and sweep call in Tensors to get a tensor, such as products
//     helpers       functions of Tensors that these call, and that otherwise only forward functions of
//                   primitives or their own folder call: `softmaxRows`, the layout of chunks
//
// A function whose callers come from all over Tensors (`dot`, the sharing of loops) knows nothing of derivatives, and
// neither do the others in its file. It is listed and not mutated. Shapes are not mutated either: a wrong shape stops
// the program.
//
// If one of these groups is empty, something was renamed that this file knows by name. That is an error, as is a
// primitive without a rule, a rule without a pullback, and a pullback in which nothing can be mutated.
//
// Read before: `Rules.swift`. Read next: `Sites.swift`.

import SwiftSyntax

/// A part of a source that is mutated.
struct Region {
  let source: Source
  let node: Syntax
  let function: String
}

/// All that is mutated, and what was found missing.
struct Regions {
  var all: [Region] = []
  var problems: [String] = []
  /// Functions of Tensors that pullbacks call and that are not mutated.
  var general: Set<String> = []
  /// Functions that must have a site, in their own body or in what they call; with all these places.
  var expectations: [(title: String, places: [(path: String, place: Range<Int>)])] = []

  init(of sources: [Source]) {
    let sources = sources.filter { !$0.isTwin }
    let gradients = Functions(of: sources.filter { $0.module == "Gradients" })
    let tensors = Functions(of: sources.filter { $0.module == "Tensors" })

    // The rules.
    var backward: Set<Call> = []
    var forward: Set<Call> = []
    var primitives: Set<String> = []
    for function in gradients.all {
      guard let rule = Rule(function) else { continue }
      if !rule.hasClosure { problems.append("\(function.source.path): \(function.title) gives no pullback") }
      primitives.formUnion(rule.primitives)
      all += rule.pullback.map { Region(source: function.source, node: $0, function: function.title) }
      backward.formUnion(References(of: rule.pullback).calls)
      forward.formUnion(function.references.calls)
    }
    let declared = DeclaredPrimitives(in: sources.filter { $0.module == "Gradients" })
    if declared.names.isEmpty { problems.append("Sources/Gradients: no primitive is declared") }
    for name in declared.names.subtracting(primitives).subtracting(declared.withoutRule).sorted() {
      problems.append("Sources/Gradients: the primitive \(name) has no rule with a pullback (by: .\(name))")
    }

    // The sweep.
    var sweep = gradients.all.filter { $0.name == "cotangents" && $0.kind == .function }
    if sweep.isEmpty { problems.append("Sources/Gradients: there is no function named cotangents, the sweep") }
    var next = 0
    while next < sweep.count {
      let function = sweep[next]
      let called = gradients.answering(function.references.calls, from: function.types.last).filter {
        $0.kind == .function && !$0.isPublic
      }
      for new in called where !sweep.contains(where: { $0 === new }) { sweep.append(new) }
      next += 1
    }
    for function in sweep {
      all.append(Region(source: function.source, node: function.body, function: function.title))
      backward.formUnion(function.references.calls)
    }

    // Tensors: by name, and called.
    let named = tensors.all.filter(\.hasNameOfPullback)
    if named.isEmpty { problems.append("Sources/Tensors: there is no function named …Pullback") }
    var chosen = Chosen(named)
    chosen.add(tensors.answering(backward, from: nil).filter(\.givesTensor))
    let ofPrimitives = Chosen(tensors.answering(forward, from: nil))

    // Helpers, until no more are found.
    var callers: [ObjectIdentifier: [Function]] = [:]
    var called: [ObjectIdentifier: [Function]] = [:]
    for function in tensors.all {
      let answering = tensors.answering(function.references.calls, from: function.types.last)
      called[ObjectIdentifier(function)] = answering
      for callee in answering where callee !== function {
        callers[ObjectIdentifier(callee), default: []].append(function)
      }
    }
    // A file with a function that several folders call is a toolbox.
    let toolboxes = Set(
      tensors.all.filter { Set(callers[ObjectIdentifier($0), default: []].map(\.source.folder)).count > 1 }
        .map(\.source.path))
    var isGrowing = true
    while isGrowing {
      isGrowing = false
      let files = Set(chosen.list.map(\.source.path))
      for function in tensors.all where !chosen.has(function) && function.types.last != "Shape" {
        let by = callers[ObjectIdentifier(function)] ?? []
        let isAtHome =
          !toolboxes.contains(function.source.path) && by.allSatisfy { $0.source.folder == function.source.folder }
        let servesPrimitives = by.allSatisfy { chosen.has($0) || ofPrimitives.has($0) }
        let isHelper =
          by.contains(where: chosen.has) && (isAtHome || servesPrimitives && files.contains(function.source.path))
        if isHelper {
          chosen.add([function])
          isGrowing = true
        }
      }
    }
    all += chosen.list.map { Region(source: $0.source, node: $0.body, function: $0.title) }
    general = Set(
      chosen.list.flatMap { called[ObjectIdentifier($0)]! }
        .filter { !chosen.has($0) && $0.kind == .function && $0.types.last != "Shape" }.map(\.title))

    for function in named
    where function.kind == .function && !function.types.contains(where: { $0.hasSuffix("Pullback") }) {
      let own = [function] + called[ObjectIdentifier(function)]!.filter(chosen.has)
      expectations.append(("\(function.source.path): \(function.title)", own.map { ($0.source.path, $0.body.place) }))
    }
    for function in sweep.prefix(1) {
      expectations.append(
        ("\(function.source.path): \(function.title)", [(function.source.path, function.body.place)]))
    }
  }
}

/// Some functions, each once.
private struct Chosen {
  private(set) var list: [Function] = []
  private var known: Set<ObjectIdentifier> = []

  init(_ functions: [Function]) { add(functions) }

  mutating func add(_ functions: [Function]) {
    for function in functions where known.insert(ObjectIdentifier(function)).inserted { list.append(function) }
  }

  func has(_ function: Function) -> Bool { known.contains(ObjectIdentifier(function)) }
}

extension Function {
  fileprivate var hasNameOfPullback: Bool {
    (types + [name]).contains { $0.hasSuffix("Pullback") || $0.hasSuffix("Slope") }
  }

  /// Whether a tensor comes out of it, or is changed by it.
  fileprivate var givesTensor: Bool {
    kind != .initialiser
      && (result?.contains("Tensor") == true || (isMutating && title.contains("Tensor")) || isInPlace)
  }

  private var isInPlace: Bool { parameters.first?.type == "inout Tensor" }

  fileprivate var isPublic: Bool {
    node.as(FunctionDeclSyntax.self)?.modifiers.contains { $0.name.text == "public" } == true
  }
}
