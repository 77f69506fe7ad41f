// # The reverse sweep
//
// The chain rule from the loss to the leaves. A node may pass its cotangent on only after all its uses have added
// theirs, so the sweep first counts the uses of each node that can be reached, then visits a node when its count has
// dropped to zero. Both passes keep a list of their own instead of recursing, so a chain of a hundred thousand
// operations needs no deeper stack than one of ten.
//
// Read before: `Variable.swift`.

import Tensors

/// The gradient of a loss with respect to some variables.
///
/// - Parameters:
///   - loss: a variable with one element
///   - leaves: leaves or intermediate results
/// - Returns: a tensor for each of `leaves`, with its shape; zeros where the loss does not depend on it
public func gradients(of loss: Variable, withRespectTo leaves: [Variable]) -> [Tensor] {
  precondition(
    loss.value.count == 1, "only a single number has a gradient; a variable of shape \(loss.shape) needs a cotangent")
  return cotangents(of: loss, seed: Tensor.ones(loss.shape), withRespectTo: leaves)
}

/// The vector–Jacobian product: what a cotangent of a result becomes at some variables.
///
/// - Parameters:
///   - output: any variable
///   - seed: its cotangent, of its shape
///   - leaves: leaves or intermediate results
/// - Returns: a tensor for each of `leaves`, with its shape; zeros where the output does not depend on it
public func cotangents(of output: Variable, seed: Tensor, withRespectTo leaves: [Variable]) -> [Tensor] {
  precondition(
    seed.shape == output.shape, "the cotangent has the shape \(seed.shape), but the variable \(output.shape)")
  guard let root = output.node else { return leaves.map { Tensor.zeros($0.shape) } }
  let wanted = Set(leaves.compactMap { $0.node.map(ObjectIdentifier.init) })
  var found: [ObjectIdentifier: Tensor] = [:]

  // Count the uses of each node.
  visit(from: root) { _ in }
  // Carry the cotangents back.
  root.cotangent = seed
  var ready = [root]
  while let node = ready.popLast() {
    guard let cotangent = node.cotangent else { preconditionFailure("a node was reached without a cotangent") }
    node.cotangent = nil
    if wanted.contains(ObjectIdentifier(node)) { found[ObjectIdentifier(node)] = cotangent }
    guard let pullback = node.pullback else { continue }
    for (parent, contribution) in zip(node.parents, pullback(cotangent)) {
      contribution.add(to: &parent.cotangent)
      if let found = parent.cotangent?.shape, found != parent.shape { stop(node.primitive, parent.shape, found) }
      parent.pendingUses -= 1
      if parent.pendingUses == 0 { ready.append(parent) }
    }
  }
  return leaves.map { leaf in
    leaf.node.flatMap { found[ObjectIdentifier($0)] } ?? Tensor.zeros(leaf.shape)
  }
}

/// Stops the program after a pullback that has returned a cotangent of another shape than its input.
private func stop(_ primitive: Primitive, _ expected: Shape, _ found: Shape) -> Never {
  preconditionFailure(
    "the pullback of \(primitive.name) into an input of shape \(expected) returned a cotangent of shape \(found)")
}

/// What a pullback adds to the cotangent of an input.
///
/// The cotangent of a variable that is used several times is a sum. Where a use contributes a product or only some
/// rows, these go straight into the sum, without a tensor of the input's shape for each use.
enum Contribution {
  /// A tensor of the input's shape.
  case whole(Tensor)
  /// The product of rows [..., k] and a matrix [k, n], for an input of shape [..., n].
  indirect case product(rows: Tensor, matrix: Tensor)
  /// Zeros of the input's shape, with this tensor in the places of an axis from `start` on.
  indirect case part(Tensor, start: Int, axis: Int, shape: Shape)

  /// Adds it to a sum; nil stands for zeros.
  func add(to sum: inout Tensor?) {
    switch self {
    case .whole(let tensor):
      if sum == nil { sum = tensor } else { sum! += tensor }
    case .product(let rows, let matrix):
      if sum == nil {
        let outer = rows.shape.prefix(rows.shape.rank - 1)
        sum = matmul(rows.asRows, matrix).reshaped(to: outer.appending(matrix.shape[1]))
      } else {
        sum!.add(rows, times: matrix)
      }
    case .part(let tensor, let start, let axis, let shape):
      if sum == nil {
        sum = tensor.padded(into: shape, at: start, along: axis)
      } else {
        sum!.add(tensor, at: start, along: axis)
      }
    }
  }
}

/// Calls `body` once with each node below `root`, and leaves in each the number of its uses.
private func visit(from root: Node, _ body: (Node) -> Void) {
  var stack = [root]
  while let node = stack.popLast() {
    for parent in node.parents {
      parent.pendingUses += 1
      if parent.pendingUses == 1 {
        body(parent)
        stack.append(parent)
      }
    }
  }
}

/// What a tape holds: for tests and for the curious.
public struct TapeSummary {
  /// The number of nodes of each primitive.
  public private(set) var counts: [Primitive: Int] = [:]
  private var leaves: Set<ObjectIdentifier> = []

  /// The tape behind a variable.
  public init(of variable: Variable) {
    guard let root = variable.node else { return }
    var nodes = [root]
    visit(from: root) { nodes.append($0) }
    for node in nodes {
      node.pendingUses = 0
      counts[node.primitive, default: 0] += 1
      if node.primitive == .leaf { leaves.insert(ObjectIdentifier(node)) }
    }
  }

  /// The number of leaves.
  public var leafCount: Int { leaves.count }

  /// Whether a gradient can flow to this parameter.
  public func reaches(_ parameter: Parameter) -> Bool { leaves.contains(ObjectIdentifier(parameter.leaf)) }
}
