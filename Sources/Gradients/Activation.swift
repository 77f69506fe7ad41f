// # Tensors and variables alike
//
// A layer is one formula that is applied in two ways. In training it reads a variable and leaves a tape. A teacher
// that only answers, the evaluation of a model and the generation of text need no tape: there the same formula reads
// a tensor and returns a tensor. So a layer is written once, over an activation:
//
//     func callAsFunction<A: Activation>(_ x: A) -> A { linear(x, weight: A(weight), bias: A(bias)) }
//
// `A(weight)` is how a parameter enters: as its value where A is `Tensor`, as a leaf of the tape (or
// a constant, if it is frozen) where A is `Variable`.
//
// An operation is extended to activations by one line beside its rule, which says what to call for tensors and what
// for variables:
//
//     func gelu<A: Activation>(_ x: A) -> A { .either({ gelu(x.tensor) }, { gelu(x.variable) }) }
//
// `@inlinable` and, in the layers, `@_specialize` have one purpose: a generic function that another module calls
// looks up each operation at run time, which made generating a token a quarter slower here. With them the compiler
// makes one copy of a formula for tensors and one for variables.
//
// We did not make the rules themselves generic. Their pullbacks would then be built and thrown away
// for tensors, and each rule would be harder to read.
//
// Read before: `Variable.swift`, `Parameter.swift`. Read next: `Layers/Linear.swift`.

import Tensors

/// What flows through a layer: a tensor, or a variable that remembers where it came from.
public protocol Activation {
  /// A parameter as it enters a formula: its value, or a leaf of the tape.
  init(_ parameter: Parameter)
  /// A value into which no gradient flows.
  init(constant value: Tensor)

  /// The sizes of the axes.
  var shape: Shape { get }
  /// The value.
  var tensor: Tensor { get }
  /// The activation as a variable; a tensor becomes a constant.
  var variable: Variable { get }

  /// Runs the first of two computations where this type is `Tensor`, the second where it is `Variable`, and only that
  /// one.
  static func either(_ tensor: () -> Tensor, _ variable: () -> Variable) -> Self
}

extension Tensor: Activation {
  /// The parameter's value, frozen or not; no tape.
  @inlinable public init(_ parameter: Parameter) { self = parameter.value }
  /// The tensor itself: without a tape every value is a constant.
  @inlinable public init(constant value: Tensor) { self = value }
  /// This tensor.
  @inlinable public var tensor: Tensor { self }
  /// A constant with this value: no gradient flows into it.
  @inlinable public var variable: Variable { Variable(constant: self) }
  /// The first computation; the second is not run.
  @inlinable public static func either(_ tensor: () -> Tensor, _ variable: () -> Variable) -> Tensor { tensor() }
}

extension Variable: Activation {
  /// A leaf of the tape, or a constant if the parameter is frozen.
  @inlinable public init(_ parameter: Parameter) { self = parameter.variable }
  /// The value, without its node.
  @inlinable public var tensor: Tensor { value }
  /// This variable.
  @inlinable public var variable: Variable { self }
  /// The second computation; the first is not run.
  @inlinable public static func either(_ tensor: () -> Tensor, _ variable: () -> Variable) -> Variable { variable() }
}

extension Activation {
  /// This activation, after a check of its shape; see `Tensor.expecting`.
  @discardableResult
  @inlinable public func expecting(_ sizes: Int?..., as name: @autoclosure () -> String = "the activation") -> Self {
    shape.expecting(sizes, as: name())
    return self
  }
}
