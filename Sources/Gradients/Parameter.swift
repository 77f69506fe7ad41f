// # Parameters
//
// A tensor with a name that training changes. It is a class, because the layer that uses it and the optimiser that
// changes it must share one object. A frozen parameter enters the tape as a constant: it gets no gradient, and no
// work is done for one.
//
// Read before: `Variable.swift`. Read next: `Training/AdamW.swift`.

import Tensors

/// A named tensor that an optimiser changes.
public final class Parameter {
  /// The name under which checkpoints keep it.
  public let name: String

  /// The value; a new one must have the same shape.
  public var value: Tensor {
    didSet {
      precondition(
        value.shape == shape,
        "the parameter \(name) has the shape \(shape) and cannot take a value of shape \(value.shape)")
    }
  }

  /// Whether it enters the tape as a constant.
  public var isFrozen = false

  private let shape: Shape
  let leaf: Node

  /// A trainable parameter, not frozen, whose shape stays that of `value`.
  ///
  /// Names have to differ within a model: checkpoints keep values by name.
  public init(_ name: String, _ value: Tensor) {
    self.name = name
    self.value = value
    shape = value.shape
    leaf = Node(.leaf, shape: shape)
  }

  /// The parameter as it enters the tape: a leaf, or a constant if it is frozen.
  public var variable: Variable { Variable(value, node: isFrozen ? nil : leaf) }

  /// Changes the value in place.
  public func update(_ body: (inout Tensor) -> Void) { body(&value) }
}

/// The gradient of a loss with respect to some parameters; zeros for those that the loss does not depend on.
public func gradients(of loss: Variable, withRespectTo parameters: [Parameter]) -> [Tensor] {
  gradients(of: loss, withRespectTo: parameters.map { Variable($0.value, node: $0.leaf) })
}
