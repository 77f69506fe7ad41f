// # The exponential function
//
// A Transformer of this size spends a good part of its time in `exp`: softmax, GELU, SiLU, the decay matrix. The C
// library's `exp` takes one number per call. This one has no branch and no table, so the compiler turns a loop over
// it into vector code; it is three to six times faster here.
//
//     exp x  =  2ⁿ · exp r                   n = round(x / ln 2)
//         r  =  x − n·ln 2                   |r| ≤ ½ ln 2, ln 2 in two parts so that the difference is exact
//     exp r  ≈  1 + r + r²/2! + … + rᵐ/m!    m = 7 in Float, 13 in Double: the next term is below half an ulp
//
// The rounding uses the trick of adding 1.5·2⁵² (2²³ in Float): the sum has no room for a fraction,
// and its low bits hold n. Those bits, shifted into the exponent's place and added to the pattern
// of exp r, multiply it by 2ⁿ.
//
// Rejected: clamping the argument, which is the most common way. It turns exp(−∞) into 1e−38, and then a mask no
// longer masks. Here everything below the smallest normal number is exactly 0, everything above the largest is +∞,
// NaN stays NaN.
//
// Read before: `Parallel.swift`. Read next: `Sigmoids.swift`, which is built on it.

import Foundation

#if Float32
private let log2e: Float = 1.44269504
private let ln2High: Float = 0.693359375  // 355/512: n times it is exact
private let ln2Low: Float = -2.12194440e-4
private let roundingShift: Float = 12_582_912  // 1.5 · 2²³
private let smallestArgument: Float = -87.33654  // ln 2⁻¹²⁶
private let largestArgument: Float = 88.72283  // ln of the largest finite Float

private let mantissaBits: UInt32 = 23
#else
private let log2e: Double = 1.4426950408889634
private let ln2High: Double = 0.693147180369123816490  // its low 32 bits are 0: n times it is exact
private let ln2Low: Double = 1.90821492927058770002e-10
private let roundingShift: Double = 6_755_399_441_055_744  // 1.5 · 2⁵²
private let smallestArgument: Double = -708.3964185322641  // ln 2⁻¹⁰²²
private let largestArgument: Double = 709.782712893384  // ln of the largest finite Double

private let mantissaBits: UInt64 = 52
#endif

/// The Taylor polynomial of exp for |r| ≤ ½ ln 2, from its highest power down; Double begins at r¹³, Float at r⁷.
@inline(__always)
private func polynomial(_ r: Scalar) -> Scalar {
  #if Float32
  var p: Scalar = 1 / 5040
  #else
  var p: Scalar = 1 / 6_227_020_800
  p = p * r + 1 / 479_001_600
  p = p * r + 1 / 39_916_800
  p = p * r + 1 / 3_628_800
  p = p * r + 1 / 362_880
  p = p * r + 1 / 40_320
  p = p * r + 1 / 5040
  #endif
  p = p * r + 1 / 720
  p = p * r + 1 / 120
  p = p * r + 1 / 24
  p = p * r + 1 / 6
  p = p * r + 1 / 2
  return (p * r) * r + r + 1
}

/// exp x, within about one unit in the last place; exactly 0 where the result would be below the normal numbers.
@inline(__always)
func exponential(_ x: Scalar) -> Scalar {
  let shifted = x * log2e + roundingShift
  let n = shifted - roundingShift
  let r = (x - n * ln2High) - n * ln2Low
  let scaled = Scalar(bitPattern: polynomial(r).bitPattern &+ (shifted.bitPattern << mantissaBits))
  // An x that is not at most the largest argument is above it or NaN, and x + ∞ is right for both.
  return x < smallestArgument ? 0 : (x <= largestArgument ? scaled : x + .infinity)
}
