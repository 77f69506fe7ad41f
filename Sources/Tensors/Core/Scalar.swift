// # The number type
//
// One concrete number type for the whole library. A gradient check wants the sixteen digits of
// `Double`; training wants the speed of `Float`. A generic `Tensor<T>` would offer both at once,
// but a public generic function that is used from another module is not specialised, and its loops
// run hundreds of times slower. So the choice is made when the package is built: `swift build`
// gives `Double`, `swift build --traits Float32` gives `Float`.
//
// Read next: `Shape.swift`.

#if Float32
/// The type of every number in a tensor: `Float`, since the package was built with the trait `Float32`.
public typealias Scalar = Float
#else
/// The type of every number in a tensor: `Double`, the package's default. The trait `Float32` makes it `Float`.
public typealias Scalar = Double
#endif

/// The name that reports and checkpoints use for `Scalar`: "Float" or "Double".
public let scalarName = "\(Scalar.self)"
