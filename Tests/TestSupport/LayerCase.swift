// # A row of a table of layers
//
// A layer, a block, a whole model and a stage's loss are tested in the same way: each is a function
// of some inputs and of the parameters that it lists. A row of a table says how to make one at small
// sizes, all different; `LayerPromises.swift` says what is demanded of every row. A new layer or
// option needs only a new row.
//
// Read next: `LayerPromises.swift`; the tables are `Tests/LayersTests/LayerTable.swift`,
// `Tests/ModelsTests/ModelTable.swift` and `Tests/DistillationTests/StageTable.swift`.

import Gradients
import Tensors
import Testing

/// What a row makes: a function of inputs and parameters, at one place.
public struct Subject {
  /// What the function depends on besides its inputs, and nothing else.
  public let parameters: [Parameter]
  /// The values of the inputs.
  public let inputs: [Tensor]
  /// The names of parameters whose slope is 0 up to rounding.
  public let idle: Set<String>
  /// From the inputs to an output of any shape.
  public let function: ([Variable]) -> Variable

  /// A function of inputs and parameters, at the values that both have now.
  ///
  /// - Parameters:
  ///   - parameters: the list that the layer gives
  ///   - idle: those that cannot change the output, such as a key's bias, which softmax cancels
  public init(
    _ parameters: [Parameter], at inputs: [Tensor] = [], idle: Set<String> = [],
    _ function: @escaping ([Variable]) -> Variable
  ) {
    (self.parameters, self.inputs, self.idle, self.function) = (parameters, inputs, idle, function)
  }

  /// The output for inputs that are constants of the tape.
  public var output: Variable { function(inputs.map { Variable(constant: $0) }) }
}

/// A row: a name, the type whose behaviour it shows, and how to make one.
public struct LayerCase: Sendable, CustomTestStringConvertible {
  /// "Type: option": names the row in messages, and seeds its random numbers.
  public let name: String
  /// The name of the type that the row covers.
  public let type: String
  private let make: @Sendable (inout SeededGenerator) throws -> Subject

  /// A row for a type.
  ///
  /// - Parameters:
  ///   - option: what is special about this row
  ///   - make: makes the layer and its inputs; all randomness comes from the generator that it is given
  public init(
    _ type: Any.Type, _ option: String, _ make: @escaping @Sendable (inout SeededGenerator) throws -> Subject
  ) {
    self.type = String(describing: type)
    name = "\(self.type): \(option)"
    self.make = make
  }

  /// A new subject, the same at each call: its numbers depend on the row's name alone.
  public func subject() throws -> Subject {
    var random = SeededGenerator(for: name)
    return try make(&random)
  }

  /// The name, as the test report shows the row.
  public var testDescription: String { name }
}

/// Gives parameters random normal numbers, so that no bias is 0 and no branch is idle; those of a
/// norm's scale are near 1.
public func randomise(
  _ parameters: [Parameter], deviation: Double = 0.4, using random: inout some RandomNumberGenerator
) {
  for parameter in parameters {
    let noise = Tensor.normal(parameter.value.shape, deviation: deviation, using: &random)
    parameter.value = parameter.name.contains("norm.weight") ? .ones(noise.shape) + noise : noise
  }
}

/// B rows of T random tokens.
public func randomTokens(
  B: Int = 2, T: Int = 7, V: Int = 11, using random: inout some RandomNumberGenerator
) -> Tokens {
  Tokens((0..<(B * T)).map { _ in Int.random(in: 0..<V, using: &random) }, B: B, T: T)
}
