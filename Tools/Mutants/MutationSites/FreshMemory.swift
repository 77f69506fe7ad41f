// # Fresh memory filled with NaN
//
// In the scratch copy fresh memory is filled with NaN, so that an element that a mutant forgets to write cannot hold
// the right value by chance, left behind by another test. Fresh memory is what the pool's `take` gives:
//
//     pointer = BlockPool.shared.take(sizeClass)
//
// Read before: `Source.swift`.

import SwiftSyntax

extension Source {
  /// This text with every block of memory filled with NaN when it is taken; nil if none is taken here.
  public func fillingFreshMemory() -> String? {
    let finder = TakeFinder(viewMode: .sourceAccurate)
    finder.walk(tree)
    if finder.found.isEmpty { return nil }
    var (result, place) = ("", 0)
    for (end, target, sizeClass) in finder.found {
      result +=
        string(place..<end) + "; \(target).update(repeating: .nan, count: BlockPool.capacity(of: \(sizeClass)))"
      place = end
    }
    return result + string(place..<bytes.count)
  }
}

private final class TakeFinder: SyntaxVisitor {
  var found: [(end: Int, target: String, sizeClass: String)] = []

  override func visit(_ node: SequenceExprSyntax) -> SyntaxVisitorContinueKind {
    let parts = Array(node.elements)
    if parts.count == 3, parts[1].is(AssignmentExprSyntax.self), let call = parts[2].as(FunctionCallExprSyntax.self),
      Call(call)?.name == "take", let argument = call.arguments.first
    {
      found.append((node.place.upperBound, parts[0].trimmedDescription, argument.expression.trimmedDescription))
    }
    return .visitChildren
  }
}
