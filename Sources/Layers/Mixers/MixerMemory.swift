// # What a mixer remembers
//
// A mixer that reads a text in pieces, or writes one token by token, must know of what came before
// all that the next token may ask for. Attention keeps every key and every value. A state space
// mixer keeps the last K − 1 inputs of its convolution and one matrix of N × P numbers for each
// head, however long the text is. Each kind of mixer has a memory of its own type.
//
// `advance` reads T further tokens of B texts and moves the memory on. Training has the same numbers
// by another way, a whole text at once and with a tape; the tests hold them together for every
// length and every split.
//
// Read before: `MatrixMixer.swift`, `Tensors/Attention/KeyValueCache.swift`. Read next:
// `Models/DecodingState.swift`.

import Gradients
import Tensors

/// What a mixer remembers of B texts.
public protocol MixerMemory: Sendable {
  /// The bytes that are kept.
  var bytes: Int { get }
  /// All of it as tensors, by name, as it is kept in a file; the first axis of each is B.
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
  public var bytes: Int { tensors.values.reduce(0) { $0 + $1.count } * MemoryLayout<Scalar>.size }
}

// ## Memories whose kind nobody knows
//
// A model keeps a memory for each block, of whatever types they are, and gives each back to the
// mixer that it came from. Whoever takes a value out of its box while the box still holds it has
// two owners of it, and the first change would copy it: the whole cache, at each token. So the box
// gives its value away first.

extension MatrixMixer {
  /// `advance` for a memory whose type is not known; stops the program if it is another mixer's.
  public func advance(_ u: Tensor, memory: inout any MixerMemory) -> Tensor {
    guard var own = memory as? Memory else {
      preconditionFailure("a mixer with the memory \(Memory.self) was given a \(type(of: memory))")
    }
    memory = NoMemory()
    defer { memory = own }
    return advance(u, &own)
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

/// What stands in a box whose memory is being changed.
private struct NoMemory: MixerMemory {
  var tensors: [String: Tensor] { [:] }
  init() {}
  init(_ tensors: [String: Tensor], lengths: [Int]) {}
  static func joined(_ memories: [NoMemory]) -> NoMemory { NoMemory() }
  func keeping(_ rows: [Int]) -> NoMemory { self }
}
