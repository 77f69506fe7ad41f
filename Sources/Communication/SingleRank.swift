// # One rank
//
// A program that nobody started as several is a group of one. Whatever is written for ranks runs here too, and sends
// nothing.
//
// Read before: `RankGroup.swift`.

import Tensors

/// A group of one rank.
public final class SingleRank: RankGroup {
  /// A group of one.
  public init() {}

  /// 0, the only one.
  public var rank: Int { 0 }
  /// 1.
  public var count: Int { 1 }
  /// 0: there is nobody to send to.
  public var sentBytes: Int { 0 }

  /// Returns at once.
  public func barrier() {}
  /// Leaves the bytes as they are.
  public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) {}

  /// Copies what this rank gives.
  public func allGather(
    _ mine: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer, sizes: [Int]
  ) {
    expect(sizes, fill: mine.count, "allGather")
    all.copyMemory(from: mine)
  }

  /// Copies what this rank gives.
  public func gather(
    _ mine: UnsafeRawBufferPointer, into all: UnsafeMutableRawBufferPointer, sizes: [Int], at root: Int
  ) {
    allGather(mine, into: all, sizes: sizes)
  }

  /// Copies what this rank sends itself.
  public func allToAll(
    _ mine: UnsafeRawBufferPointer, sizes: [Int], into all: UnsafeMutableRawBufferPointer, incoming: [Int]
  ) {
    expect(incoming, fill: mine.count, "allToAll")
    allGather(mine, into: all, sizes: sizes)
  }

  /// Stops the program: there is no other rank.
  public func send(_ bytes: UnsafeRawBufferPointer, to other: Int) {
    preconditionFailure("a single rank has no rank \(other) to send to")
  }

  /// Stops the program: there is no other rank.
  public func receive(_ bytes: UnsafeMutableRawBufferPointer, from other: Int) {
    preconditionFailure("a single rank has no rank \(other) to hear from")
  }

  /// Does nothing: there is nobody who waits.
  public func abandon(because reason: String) {}
}
