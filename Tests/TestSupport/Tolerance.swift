// # How close is close
//
// The suite runs in both builds, and equal means sixteen digits in Double but seven in Float. All
// tolerances are here, so that a test says what it compares and not how many digits it expects.
// They are relative to max(1, |expected|) unless a test sets another floor, and a few times the
// measured error, not more.
//
// Those of gradients come from `Sources/GradientChecking/CentralDifferences.swift`.

import GradientChecking
import Tensors

/// The largest errors that the tests accept, by what is compared.
public enum Tolerance {
  /// Whether this is the build with 64-bit numbers.
  public static let isDouble = MemoryLayout<Scalar>.size == 8

  /// A kernel against its slow twin: both round, in another order.
  public static let value: Scalar = isDouble ? 1e-12 : 1e-5

  /// A sum over thousands of numbers against the same sum in another order, relative to the sum of magnitudes.
  public static let longSum: Scalar = isDouble ? 1e-15 : 1e-7

  /// An elementwise function against the C library in the same precision.
  public static let function: Scalar = isDouble ? 1e-15 : 5e-7

  /// `exp` over its whole range, in units in the last place of the true result.
  public static let exponential = isDouble ? 1.0 : 1.05

  /// The other elementwise functions, as the library states them, in ulp of what `ElementwiseErrorTests` names.
  public enum Ulp {
    /// The C library's functions, for which other systems may promise something else.
    public static let (log, tanh) = (0.82, 2.3)
    /// Correctly rounded.
    public static let sqrt = 0.5
    /// Over all exponents, both signs.
    public static let (sigmoid, softplus, silu) = (2.4, 1.7, 2.4)
    /// Right of 0, and left of it in units that grow with the exponential's argument.
    public static let (gelu, geluLeft) = (2.5, 2.8)
    /// Slopes as functions of the value.
    public static let (sigmoidSlope, tanhSlope) = (1.5, 1.6)
    /// Slopes in units of 1, and in units of the sum of their terms' magnitudes.
    public static let (siluSlope, siluTerms) = (2.2, 5.0)
    /// GELU's slope, in the same two units.
    public static let (geluSlope, geluTerms) = (2.3, 3.0)
    /// By how much a growing function may fall from a number to the next.
    public static let fall = 1.0
  }

  /// Derivatives by central differences. In Float the nudge is the standard one and the tolerance a
  /// tenth of it: at small shapes less is lost in the sum over the outputs.
  public static let differences =
    isDouble ? DifferenceSettings.standard : DifferenceSettings(step: 3e-2, tolerance: 2e-3)

  /// The smallest factor on a cotangent that a gradient check must notice.
  public static let visibleFactor: Scalar = isDouble ? 1.0005 : 1.02

  /// The smallest error in one entry of a cotangent that a gradient check must notice.
  public static let visibleEntry: Scalar = isDouble ? 1e-7 : 2e-2
}
