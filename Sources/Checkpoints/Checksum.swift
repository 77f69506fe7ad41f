// # A sum by which something is known again
//
// Not against malice: against mistaking one text or one model for another.
//
// Used by: `Models/Writing/Generation+Files.swift`, `Experiments/Experiment.swift`.

/// FNV-1a over whole numbers: each is mixed in by exclusive or, and spread by a multiplication with a prime.
///
/// Source: Fowler, Noll and Vo, whose version takes bytes.
package func checksum(_ numbers: some Sequence<UInt64>) -> UInt64 {
  numbers.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ $1) &* 0x100_0000_01b3 }
}
