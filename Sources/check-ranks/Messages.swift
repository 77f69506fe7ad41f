// # Long messages
//
// MPI counts the bytes of a message in an int. A model of half a billion numbers has more, so that `CMPI` cuts what it
// sends into pieces. Here every operation sends many bytes, and every byte that arrives is compared. With short pieces
// that takes a moment; with more than 2³¹ bytes in pieces as they are, a minute and some 5 GB for each rank.
//
// Read before: `Sources/Communication/RankGroup.swift`.

import Communication
import Tensors

/// Sends messages of up to `bytes` bytes in every way, from every rank; returns a line for each. Throws if a byte is
/// wrong.
func sendMessages(_ ranks: any RankGroup, bytes: Int) throws -> [String] {
  let (me, count) = (ranks.rank, ranks.count)
  /// What rank `rank` sends at a place.
  func byte(_ place: Int, of rank: Int) -> UInt8 {
    UInt8(truncatingIfNeeded: place &* 31 &+ place >> 11 &+ rank &* 97)
  }
  func filled(_ size: Int, of rank: Int) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: size) { bytes, used in
      for place in 0..<size { bytes.initializeElement(at: place, to: byte(place, of: rank)) }
      used = size
    }
  }
  func expect(_ bytes: UnsafeRawBufferPointer, from rank: Int, by operation: String) throws {
    for place in bytes.indices where bytes[place] != byte(place, of: rank) {
      throw CommunicationError(
        rank: me, problem: "byte \(place) of rank \(rank) was changed on its way, by \(operation)",
        remedy: "look for what cuts messages into pieces, in Sources/CMPI")
    }
  }
  /// Throws unless all parts, of these sizes and one after another, are what their ranks sent.
  func expect(_ all: [UInt8], sizes: [Int], by operation: String) throws {
    try all.withUnsafeBytes { all in
      var first = 0
      for (rank, size) in sizes.enumerated() {
        try expect(UnsafeRawBufferPointer(rebasing: all[first..<(first + size)]), from: rank, by: operation)
        first += size
      }
    }
  }

  // The last rank sends most; the others a little, and not the same.
  let sizes = (0..<count).map { $0 == count - 1 ? bytes : 3 + 2 * $0 }
  let mine = filled(sizes[me], of: me)

  var received = me == count - 1 ? mine : [UInt8](repeating: 0, count: bytes)
  try received.withUnsafeMutableBytes { try ranks.broadcast($0, from: count - 1) }
  try received.withUnsafeBytes { try expect($0, from: count - 1, by: "a broadcast") }
  received = []

  var all = [UInt8](repeating: 0, count: sizes.reduce(0, +))
  try mine.withUnsafeBytes { mine in
    try all.withUnsafeMutableBytes { try ranks.allGather(mine, into: $0, sizes: sizes) }
  }
  try expect(all, sizes: sizes, by: "a gather to all")

  all = [UInt8](repeating: 0, count: me == 0 ? all.count : 0)
  try mine.withUnsafeBytes { mine in
    try all.withUnsafeMutableBytes { try ranks.gather(mine, into: $0, sizes: sizes, at: 0) }
  }
  if me == 0 { try expect(all, sizes: sizes, by: "a gather") }

  // Each rank gives rank 0 all that it has, and the others a few bytes.
  let outgoing = (0..<count).map { $0 == 0 ? sizes[me] : min(sizes[me], 5) }
  let incoming = (0..<count).map { me == 0 ? sizes[$0] : min(sizes[$0], 5) }
  let parts = outgoing.flatMap { mine.prefix($0) }
  all = [UInt8](repeating: 0, count: incoming.reduce(0, +))
  try parts.withUnsafeBytes { parts in
    try all.withUnsafeMutableBytes { try ranks.allToAll(parts, sizes: outgoing, into: $0, incoming: incoming) }
  }
  try expect(all, sizes: incoming, by: "an exchange")
  all = []

  // From the last rank to rank 0.
  if count > 1 && me == count - 1 { try mine.withUnsafeBytes { try ranks.send($0, to: 0) } }
  if count > 1 && me == 0 {
    received = [UInt8](repeating: 0, count: bytes)
    try received.withUnsafeMutableBytes { try ranks.receive($0, from: count - 1) }
    try received.withUnsafeBytes { try expect($0, from: count - 1, by: "a message") }
  }
  try ranks.barrier()
  return ["broadcast", "gatherToAll", "gather", "exchange", "message"].map { "\($0) \(bytes)" }
}
