// # A checksum
//
// It guards against mistaking one text or one model for another, not against malice.
//
// Used by: `Models/Writing/Generation+Files.swift`, `Experiments/Experiment.swift`.

/// FNV-1a over 64-bit numbers: each is combined by exclusive or, then the result is multiplied by a prime.
///
/// Source: Fowler, Noll and Vo, whose version takes bytes.
package func checksum(_ numbers: some Sequence<UInt64>) -> UInt64 {
  numbers.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ $1) &* 0x100_0000_01b3 }
}
