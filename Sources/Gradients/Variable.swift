// # Variables
//
// A variable is a value that remembers where it came from. Each primitive operation makes a node:
// which primitive it was, the nodes of its inputs, and the pullback that carries a cotangent of the
// result back to the inputs. The nodes form a graph, the tape; a sweep through it in reverse gives
// the gradient (`Sweep.swift`).
//
// A value without a node is a constant. An operation on constants alone makes a constant, so that a
// teacher's forward pass leaves no tape.
//
// Read before: `Tensors/Core/Tensor.swift`. Read next: `Sweep.swift`, then any pullback file,
// `Arithmetic.swift` first.

import Tensors

/// The name of an operation that has a pullback of its own. All other operations are composed of these.
///
/// Each is a `static let` beside its rule. A test reads them from the sources, and fails if one has no row in the
/// table of operations.
public struct Primitive: Hashable, Sendable {
  /// The name, as tests and tapes print it.
  public let name: String

  /// An operation of this name; operations with equal names count as one.
  public init(_ name: String) { self.name = name }

  /// The primitive of a variable that no operation made.
  public static let leaf = Primitive("leaf")
  /// An operation that was defined outside this module, unless it has a name of its own.
  public static let custom = Primitive("custom")
}

/// A tensor and, unless it is a constant, the node that made it.
public struct Variable {
  /// The value.
  public let value: Tensor
  let node: Node?

  /// A constant: no gradient flows into it.
  public init(constant value: Tensor) {
    self.value = value
    self.node = nil
  }

  /// A leaf: a variable that no operation made, with respect to which gradients can be asked for.
  public init(leaf value: Tensor) { self.init(value, node: Node(.leaf, shape: value.shape)) }

  init(_ value: Tensor, node: Node?) {
    self.value = value
    self.node = node
  }

  /// The sizes of the value's axes.
  public var shape: Shape { value.shape }

  /// Whether no gradient flows into this variable.
  public var isConstant: Bool { node == nil }

  /// The primitive that made this variable; nil for a constant.
  public var primitive: Primitive? { node?.primitive }

  /// The same value as a constant: the tape ends here.
  public var detached: Variable { Variable(constant: value) }

  /// This variable, after a check of its shape; see `Tensor.expecting`.
  @discardableResult
  public func expecting(_ sizes: Int?..., as name: @autoclosure () -> String = "the variable") -> Variable {
    shape.expecting(sizes, as: name())
    return self
  }
}

// ## Making a node
//
// Where each input's cotangent is a formula of its own, the pullback is given input by input, and the pullbacks of
// constants are dropped before they are ever called. Where one kernel computes all cotangents together, the pullback
// is given as one closure.
//
// A pullback captures tensors, never variables: a captured variable would hold its node, and the
// tape would be tied together by closures, where the iterative release below cannot follow.

/// An input of a primitive with the pullback into it: from the result's cotangent to the input's.
public typealias Input = (variable: Variable, pullback: (Tensor) -> Tensor)

/// An input with a pullback that says what to add to the input's cotangent.
typealias AddingInput = (variable: Variable, contribution: (Tensor) -> Contribution)

extension Variable {
  /// The result of a primitive whose pullback is given input by input.
  init(_ value: Tensor, by primitive: Primitive, from inputs: Input...) {
    self.init(value, by: primitive, from: inputs)
  }

  private init(_ value: Tensor, by primitive: Primitive, from inputs: [Input]) {
    let tracked = inputs.filter { !$0.variable.isConstant }
    let pullbacks = tracked.map(\.pullback)
    self.init(value, by: primitive, parents: tracked.map(\.variable)) { cotangent in
      pullbacks.map { .whole($0(cotangent)) }
    }
  }

  /// The result of a primitive whose pullbacks need not make a tensor of each input's shape.
  init(_ value: Tensor, by primitive: Primitive, adding inputs: [AddingInput]) {
    let tracked = inputs.filter { !$0.variable.isConstant }
    let pullbacks = tracked.map(\.contribution)
    self.init(value, by: primitive, parents: tracked.map(\.variable)) { cotangent in
      pullbacks.map { $0(cotangent) }
    }
  }

  /// The result of a primitive whose pullback returns the cotangents of all inputs at once, in order.
  init(
    _ value: Tensor, by primitive: Primitive, from inputs: [Variable],
    jointly pullback: @escaping (Tensor) -> [Tensor]
  ) {
    let tracked = inputs.indices.filter { !inputs[$0].isConstant }
    self.init(value, by: primitive, parents: tracked.map { inputs[$0] }) { cotangent in
      let all = pullback(cotangent)
      return tracked.map { .whole(all[$0]) }
    }
  }

  /// A node with these parents, none of them constant; without any, a constant.
  private init(
    _ value: Tensor, by primitive: Primitive, parents: [Variable], pullback: @escaping (Tensor) -> [Contribution]
  ) {
    self.init(
      value,
      node: parents.isEmpty
        ? nil : Node(primitive, shape: value.shape, parents: parents.map { $0.node! }, pullback: pullback))
  }
}

// ## An operation of one's own
//
// Nothing above is reserved for this module. A pullback of your own is passed along with the value
// and checked with `GradientChecking`, as in chapter 04.

extension Variable {
  /// The result of an operation that this library does not know, with a pullback into each input.
  ///
  /// A pullback takes the cotangent of the result, of the value's shape, and returns that of its input, of the
  /// input's shape; another shape stops the program. It must capture tensors, never variables. Nothing here checks
  /// that it is right; `checkGradient` does.
  public init(custom value: Tensor, by primitive: Primitive = .custom, from inputs: Input...) {
    self.init(value, by: primitive, from: inputs)
  }
}

// ## The node
//
// A training step makes a few hundred nodes, a long recurrence a hundred thousand in one chain. If
// each node released its parents in turn, the release of such a chain would recurse as deep as the
// chain is long and overflow the stack. So a node that is released moves its parents to a list and
// releases them one at a time.

/// One operation on the tape.
final class Node {
  let primitive: Primitive
  /// The shape of its value, and of the value's cotangent.
  let shape: Shape
  private(set) var parents: [Node]
  /// From the cotangent of this node's value to what it adds to those of its parents, in order.
  let pullback: ((Tensor) -> [Contribution])?

  // The sweep's notes on this node.
  var cotangent: Tensor?
  var pendingUses = 0

  init(
    _ primitive: Primitive, shape: Shape, parents: [Node] = [], pullback: ((Tensor) -> [Contribution])? = nil
  ) {
    self.primitive = primitive
    self.shape = shape
    self.parents = parents
    self.pullback = pullback
  }

  deinit {
    if parents.isEmpty { return }
    var dying: [Node] = parents
    parents = []
    while var node = dying.popLast() {
      // Only the last owner of a node takes it apart; another owner keeps it whole.
      if isKnownUniquelyReferenced(&node) {
        dying.append(contentsOf: node.parents)
        node.parents = []
      }
    }
  }
}
