// # Storage
//
// Where the numbers of a tensor live. Training makes and drops the same few sizes thousands of
// times a second. Left to the C library, large blocks go back to the system and every page is
// faulted in again on the next use, which made a chain of operations on 128 × 128 matrices seven
// times slower here. So a freed block goes to a list of blocks of its size, and the next tensor of
// that size takes it from there.
//
// Read before: `Shape.swift`. Read next: `Tensor.swift`.

import Foundation

/// A block of memory for the elements of one tensor, shared by copies and by reshaped views.
final class Storage: @unchecked Sendable {
  let pointer: UnsafeMutablePointer<Scalar>
  /// The number of elements, stored because a tensor needs it at every access to its memory; computing it from the
  /// shape takes longer.
  let count: Int
  private let sizeClass: Int

  /// A block with room for `count` elements; their values are whatever was there before.
  init(count: Int) {
    self.count = count
    sizeClass = BlockPool.sizeClass(for: count)
    pointer = BlockPool.shared.take(sizeClass)
  }

  deinit { BlockPool.shared.give(pointer, sizeClass) }
}

/// Calls `body` with room for `count` numbers, which lasts for the call; their values are whatever was there before.
@inline(__always)
func withScratch<R>(_ count: Int, _ body: (UnsafeMutableBufferPointer<Scalar>) throws -> R) rethrows -> R {
  let storage = Storage(count: count)
  defer { withExtendedLifetime(storage) {} }
  return try body(UnsafeMutableBufferPointer(start: storage.pointer, count: count))
}

/// Scratch memory that is taken part by part.
struct ScratchParts {
  private let memory: UnsafeMutableBufferPointer<Scalar>
  private var taken = 0

  init(_ memory: UnsafeMutableBufferPointer<Scalar>) { self.memory = memory }

  /// The next so many numbers; traps if fewer are left.
  mutating func take(_ count: Int) -> UnsafeMutableBufferPointer<Scalar> {
    defer { taken += count }
    return memory.extracting(taken..<(taken + count))
  }
}

/// Free blocks by size class. Classes are the powers of two from 16 on, with three equal steps between neighbours, so that
/// of a larger block at most a fifth is unused.
struct BlockPool: ~Copyable, Sendable {
  static let shared = BlockPool()

  private struct State {
    var free: [[UInt]] = Array(repeating: [], count: 256)
    var bytesTaken = 0
    var bytesHeld = 0
    var largestTaken = 0
    var peak = 0
  }

  private let state = Lock(State())

  /// Blocks of fewer numbers share one class: a cache line in Float, two in Double.
  private static let smallest = 16
  private static let alignment = 64

  /// The class whose blocks hold at least `count` elements.
  static func sizeClass(for count: Int) -> Int {
    let wanted = max(count, smallest)
    let power = Int.bitWidth - 1 - wanted.leadingZeroBitCount
    let base = 1 << power
    let quarter = base / 4
    let steps = (wanted - base + quarter - 1) / quarter
    return power * 4 + steps
  }

  /// The number of elements in a block of a class.
  static func capacity(of sizeClass: Int) -> Int {
    let base = 1 << (sizeClass / 4)
    return base + base / 4 * (sizeClass % 4)
  }

  func take(_ sizeClass: Int) -> UnsafeMutablePointer<Scalar> {
    let bytes = BlockPool.capacity(of: sizeClass) * MemoryLayout<Scalar>.stride
    let recycled: UInt? = state.withLock { state in
      state.bytesTaken += bytes
      state.largestTaken = max(state.largestTaken, state.bytesTaken)
      state.peak = max(state.peak, state.bytesTaken)
      guard let address = state.free[sizeClass].popLast() else { return nil }
      state.bytesHeld -= bytes
      return address
    }
    if let recycled, let pointer = UnsafeMutablePointer<Scalar>(bitPattern: recycled) { return pointer }
    var block: UnsafeMutableRawPointer?
    guard posix_memalign(&block, BlockPool.alignment, bytes) == 0, let block else { stopOutOfMemory(bytes) }
    return block.bindMemory(to: Scalar.self, capacity: BlockPool.capacity(of: sizeClass))
  }

  func give(_ pointer: UnsafeMutablePointer<Scalar>, _ sizeClass: Int) {
    let bytes = BlockPool.capacity(of: sizeClass) * MemoryLayout<Scalar>.stride
    state.withLock { state in
      state.bytesTaken -= bytes
      state.bytesHeld += bytes
      state.free[sizeClass].append(UInt(bitPattern: pointer))
    }
  }

  var statistics: MemoryStatistics {
    state.withLock {
      MemoryStatistics(bytesInUse: $0.bytesTaken, bytesHeldForReuse: $0.bytesHeld, largestInUse: $0.largestTaken)
    }
  }

  /// Restarts the peak at the bytes that are in use now, and returns them.
  func restartPeak() -> Int {
    state.withLock { state in
      state.peak = state.bytesTaken
      return state.bytesTaken
    }
  }

  var peak: Int { state.withLock { $0.peak } }

  func releaseFreeBlocks() {
    state.withLock { state in
      for sizeClass in state.free.indices {
        for address in state.free[sizeClass] { free(UnsafeMutableRawPointer(bitPattern: address)) }
        state.free[sizeClass] = []
      }
      state.bytesHeld = 0
    }
  }
}

/// Ends the program with one sentence: nothing can go on without the memory, and a trap would print the whole stack.
func stopOutOfMemory(_ bytes: Int) -> Never {
  let sentence =
    "error: there is no memory for \(bytes) bytes more (of tensors \(MemoryStatistics.current.bytesInUse) are in use);"
    + " raise the limit, or choose smaller sizes\n"
  FileHandle.standardError.write(Data(sentence.utf8))
  // Skips the exit handlers: OpenBLAS may ask for memory in them too, for ever.
  _exit(1)
}

/// How much memory tensors use, in bytes.
public struct MemoryStatistics: Sendable {
  /// Bytes in blocks that live tensors own.
  public let bytesInUse: Int
  /// Bytes in free blocks that wait for the next tensor of their size.
  public let bytesHeldForReuse: Int
  /// The largest value that `bytesInUse` has had.
  public let largestInUse: Int

  /// The state of the pool now.
  public static var current: MemoryStatistics { BlockPool.shared.statistics }

  /// The most bytes that tensors own at once while `body` runs, beyond what they owned before, and the result of
  /// `body`.
  ///
  /// Counts the tensors of all threads, each with the unused part of its block, and nothing but tensors. Calls must
  /// not be nested.
  public static func peak<R>(during body: () throws -> R) rethrows -> (bytes: Int, result: R) {
    let before = BlockPool.shared.restartPeak()
    let result = try body()
    return (BlockPool.shared.peak - before, result)
  }

  /// Gives every free block back to the system.
  public static func releaseFreeBlocks() { BlockPool.shared.releaseFreeBlocks() }

  /// The bytes that the system could still give to this program; nil if that is not known.
  ///
  /// The least of three, where they are known: what the machine has left (MemAvailable of Linux), what the container
  /// may still use (`../Cores/ControlGroup.swift`), and what the limit of the address space leaves (`ulimit -v`).
  public static var available: Int? {
    func kilobytes(_ name: String, in file: String) -> Int? {
      let contents = try? String(contentsOfFile: file, encoding: .utf8)
      let line = contents?.split(separator: "\n").first { $0.hasPrefix(name + ":") }
      return line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap { Int($0) }.map { $0 * 1024 }
    }
    var limits = [kilobytes("MemAvailable", in: "/proc/meminfo"), ControlGroup.own.memory]
    var addresses = rlimit()
    if getrlimit(__rlimit_resource_t(RLIMIT_AS.rawValue), &addresses) == 0, addresses.rlim_cur < rlim_t(Int.max),
      let now = kilobytes("VmSize", in: "/proc/self/status")
    {
      limits.append(max(0, Int(addresses.rlim_cur) - now))
    }
    return limits.compactMap(\.self).min()
  }
}
