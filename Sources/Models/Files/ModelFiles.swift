// # From files to a model
//
// A model comes as a folder, with a config.json and its weights in one file or in shards, or as a single
// .gguf file. Before a model is made of it, which takes memory for every number that its config asks
// for, the two are held against each other:
//
//     1  the configuration is read, and refused if it asks for what is not computed here
//     2  the headers of the weights are read; the numbers stay in the file, which is mapped
//     3  the configuration cannot ask for many more numbers than are there
//     4  the model is made, without random numbers; its names and shapes are compared
//     5  the tensors are read one by one, and one that is not finite is named
//
// Files hold more than a model has: older versions of transformers saved the frequencies of rotary
// positions, which follow from the configuration. Such buffers are passed over.
//
// Read before: `ModelLayout.swift`, `Checkpoints/Checkpoint.swift`. Read next: `LanguageModel+Files.swift`,
// `GGUFLayout.swift`.

import Checkpoints
import Foundation
import Layers
import Tensors

/// The configuration of a model, and its weights in files that are not yet read.
struct ModelFiles {
  var configuration: ModelConfiguration
  /// The weights under the names of the configuration's layout.
  var checkpoint: Checkpoint
  /// Where they lie, for error messages.
  let place: String

  /// Opens a folder or a .gguf file.
  ///
  /// Throws `CheckpointError` if something is missing, damaged or asks for what is not computed here.
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

  /// Whether a tensor is computed and not learned: the buffers that older versions of transformers saved.
  static func isBuffer(_ name: String) -> Bool {
    let ends = [
      ".rotary_emb.inv_freq", ".rotary_emb.cos_cached", ".rotary_emb.sin_cached", ".masked_bias", ".position_ids",
    ]
    return ends.contains { name.hasSuffix($0) }
  }

  /// A head that is the embedding may be in the file all the same; then it has to be the embedding.
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

  /// Throws if the weights do not fit into the memory that is left: the system would end the program later, with no word.
  private func requireMemory() throws {
    let bytes = checkpoint.count * MemoryLayout<Scalar>.size
    guard let available = MemoryStatistics.available, bytes > available else { return }
    func text(_ bytes: Int) -> String { "\((Double(bytes) / 1e8).rounded() / 10) GB" }
    throw CheckpointError(
      file: place,
      problem: "its \(checkpoint.count) numbers need \(text(bytes)) of memory, and \(text(available)) are left",
      remedy: "close other programs, or give a smaller model")
  }

  /// Throws if the configuration asks for many more numbers than the files hold: room is set aside for them. A few more
  /// are named tensor by tensor.
  private func requireNumbers() throws {
    let c = configuration
    // The embedding; of each layer the feed-forward, and two square matrices, which every published mixer has.
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
