// # Layers
//
// A layer is a struct that holds its parameters and is called as a function; its parameters are
// listed by hand, in the order of the checkpoint. It is one formula over an activation: given a
// variable it leaves a tape, given a tensor it computes the same numbers and leaves none.
//
// The norm and the feed-forward part of a block can be any layer that maps [..., D] to [..., D]: a
// block does not ask which.
//
// Read before: `Gradients/Activation.swift`. Read next: `Linear.swift`, `LayerNorm.swift`, `MLP.swift`.

import Gradients

/// A function of one activation, with parameters.
public protocol Layer {
  /// The output; each layer states its shapes.
  func callAsFunction<A: Activation>(_ x: A) -> A

  /// The parameters in the order of the checkpoint.
  var parameters: [Parameter] { get }
}
