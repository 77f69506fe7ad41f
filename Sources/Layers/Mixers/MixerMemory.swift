// # What a mixer remembers
//
// A mixer that reads a text in pieces, or writes one token by token, must keep everything from the past that the next
// token can ask for. Attention keeps every key and every value. A state space mixer keeps the last K − 1 inputs of
// its convolution and one matrix of N × P numbers for each head, however long the text is. Each kind of mixer has a
// memory of its own type.
//
// `advance` reads T further tokens of B texts and updates the memory. Training computes the same numbers in another
// way, a whole text at once and with a tape; the tests compare the two for every length and every split.
//
// Read before: `MatrixMixer.swift`, `Tensors/Attention/KeyValueCache.swift`. Read next:
// `Models/Writing/DecodingState.swift`.

import Gradients
import Tensors

/// What a mixer remembers of B texts.
public protocol MixerMemory: Sendable {
  /// The bytes that are kept.
  var bytes: Int { get }
  /// The whole memory as tensors, by name, as a file keeps it; the first axis of each is B.
  var tensors: [String: Tensor] { get }

  /// A memory from its tensors, of the shapes that the mixer's `memoryShapes` gives.
  ///
  /// - Parameter lengths: how many tokens of each text have been read
  init(_ tensors: [String: Tensor], lengths: [Int])

  /// The memories of several groups of texts of one mixer as one, in their order; at least one.
  static func joined(_ memories: [Self]) -> Self

  /// The memory of some of the texts, in the order of `rows`.
  func keeping(_ rows: [Int]) -> Self
}

extension MixerMemory {
  /// The bytes of all `tensors`.
  public var bytes: Int { tensors.values.reduce(0) { $0 + $1.count } * MemoryLayout<Scalar>.size }
}

// ## Memories of unknown kind
//
// A model keeps a memory for each block, of whatever type, and hands each back to the mixer that it came from. If a
// memory were taken out of its box and put back, it would have two owners for a moment, and the first change would
// copy it: the whole cache, at each token. So it is changed in place.

extension MatrixMixer {
  /// `advance` for a memory whose type is not known; stops the program if it is another mixer's.
  public func advance(_ u: Tensor, memory: inout any MixerMemory) -> Tensor {
    func inPlace<M: MixerMemory>(_ memory: inout M) -> Tensor {
      precondition(M.self == Memory.self, "a mixer with the memory \(Memory.self) was given a \(M.self)")
      // The two types are the same, which the compiler cannot know: hence a pointer under the other name.
      return withUnsafeMutablePointer(to: &memory) { pointer in
        pointer.withMemoryRebound(to: Memory.self, capacity: 1) { advance(u, &$0.pointee) }
      }
    }
    return inPlace(&memory)
  }

  /// The memory that a file holds.
  public func memory(_ tensors: [String: Tensor], lengths: [Int]) -> any MixerMemory {
    Memory(tensors, lengths: lengths)
  }
}

/// The memories of several groups of texts of one mixer as one; stops the program if they are of several kinds.
public func joined(_ memories: [any MixerMemory]) -> any MixerMemory {
  func joined<Memory: MixerMemory>(like first: Memory) -> any MixerMemory {
    let own = memories.compactMap { $0 as? Memory }
    precondition(own.count == memories.count, "memories of several kinds of mixers cannot be joined")
    return Memory.joined(own)
  }
  precondition(!memories.isEmpty, "there is no memory to join")
  return joined(like: memories[0])
}
