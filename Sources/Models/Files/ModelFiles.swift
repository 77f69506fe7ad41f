// # From files to a model
//
// A model comes as a folder, with a config.json and its weights in one file or in shards, or as a single .gguf file.
// Making the model takes memory for every number that its configuration asks for. So configuration and weights are
// first checked against each other:
//
//     1  the configuration is read, and refused if it asks for something not supported here
//     2  the headers of the weights are read; the numbers stay in the file, which is mapped
//     3  both are refused if the configuration asks for many more numbers than the files hold, or if the numbers
//        do not fit into memory
//     4  the model is made, without drawing random weights; names and shapes are compared
//     5  the tensors are read one by one, and the first with a number that is not finite is named
//
// A file can hold tensors that are not parameters: older versions of transformers saved the frequencies of the rotary
// embedding, which follow from the configuration. Such buffers are ignored.
//
// Read before: `ModelLayout.swift`, `Checkpoints/Checkpoint.swift`. Read next: `LanguageModel+Files.swift`,
// `GGUFLayout.swift`.

import Checkpoints
import Foundation
import Layers
import Tensors

/// The configuration of a model, and its weights, which are not yet read from their files.
struct ModelFiles {
  var configuration: ModelConfiguration
  /// The weights under the names of the configuration's layout.
  var checkpoint: Checkpoint
  /// Where the files are, for error messages.
  let place: String

  /// Opens a folder or a .gguf file.
  ///
  /// Throws `CheckpointError` if something is missing, damaged or not supported here.
  init(_ place: URL, parts: ModelParts) throws {
    self.place = place.path
    if let file = GGUF.file(at: place) {
      (configuration, checkpoint) = try GGUFLayout.open(file)
    } else {
      configuration = try ModelConfiguration(contentsOf: place.appending(path: "config.json"), parts: parts)
      checkpoint = try Checkpoint(mapping: place).renamed { ModelFiles.isBuffer($0) ? nil : $0 }
      try passOverTiedHead()
    }
    try requireNumbers()
    try requireMemory()
  }

  /// Whether a tensor is computed and not learned: one of the buffers that older versions of transformers saved.
  static func isBuffer(_ name: String) -> Bool {
    let ends = [
      ".rotary_emb.inv_freq", ".rotary_emb.cos_cached", ".rotary_emb.sin_cached", ".masked_bias", ".position_ids",
    ]
    return ends.contains { name.hasSuffix($0) }
  }

  /// Leaves out a tied head that the file holds all the same; throws if it is not equal to the embedding.
  private mutating func passOverTiedHead() throws {
    let names = configuration.layout.names
    let (head, embedding) = ("lm_head.weight", "\(names.model).\(names.embedding).weight")
    guard configuration.hasTiedHead, checkpoint.names.contains(head) else { return }
    let shape: Shape = [configuration.V, configuration.D]
    guard try checkpoint.tensor(head, shape: shape) == checkpoint.tensor(embedding, shape: shape) else {
      throw CheckpointError(
        file: place, tensor: head, problem: "config.json says that the head is the embedding, but the two differ",
        remedy: "set tie_word_embeddings to what is true of this model")
    }
    checkpoint = try checkpoint.renamed { $0 == head ? nil : $0 }
  }

  /// Throws if the weights do not fit into the available memory: the system would end the program later, without a
  /// message.
  private func requireMemory() throws {
    let bytes = checkpoint.count * MemoryLayout<Scalar>.size
    guard let available = MemoryStatistics.available, bytes > available else { return }
    func text(_ bytes: Int) -> String { "\((Double(bytes) / 1e8).rounded() / 10) GB" }
    throw CheckpointError(
      file: place,
      problem: "its \(checkpoint.count) numbers need \(text(bytes)) of memory, but only \(text(available)) is left",
      remedy: "close other programs, or give a smaller model")
  }

  /// Throws if the configuration asks for many more numbers than the files hold, since memory is allocated for all of
  /// them. If it asks for only a few more, the missing tensors are named later.
  private func requireNumbers() throws {
    let c = configuration
    // The embedding, and of each layer the feed-forward and two square matrices, which every published mixer has.
    let least = c.V * c.D + c.L * (2 * c.D * c.block.feedForward + 2 * c.D * c.D)
    guard least <= 4 * checkpoint.count + 1 << 14 else {
      throw CheckpointError(
        file: place,
        problem:
          "its configuration (vocabulary \(c.V), width \(c.D), hidden width \(c.block.feedForward), layers \(c.L))"
          + " asks for at least \(least) numbers, but its weights hold \(checkpoint.count)",
        remedy: "give the configuration that belongs to the weights")
    }
  }
}
