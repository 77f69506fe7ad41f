// # The tokenizer of a GGUF file
//
// Where the two readers meet: `Checkpoints` reads the arrays, `Corpora` makes a tokenizer from them.
//
// Read before: `Checkpoints/GGUF.swift`, `Corpora/Tokenizers/ByteLevel/ByteLevelTokenizer+GGUF.swift`.

import Checkpoints
import Corpora
import Foundation

/// The values of `tokenizer.ggml.token_type` for tokens that are found in a text as they stand.
private let (control, userDefined) = (3, 4)

extension AnyTokenizer {
  /// The tokenizer in the metadata of a .gguf file.
  ///
  /// Throws `CheckpointError` or `CorpusError` if there is none, it contradicts itself, or it is of a kind that we do
  /// not read.
  init(ofGGUF file: URL) throws {
    let gguf = try GGUF(contentsOf: file)
    func has(_ key: String) -> Bool { gguf.metadata[key] != nil }
    let digitsAlone = try ByteLevelTokenizer.digitsAlone(
      model: gguf.text("tokenizer.ggml.model"),
      pre: has("tokenizer.ggml.pre") ? gguf.text("tokenizer.ggml.pre") : nil, name: file.path)
    for key in ["tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_eos_token"] where has(key) {
      if try gguf.flag(key) {
        throw CorpusError(
          file.path,
          problem: "it asks for \(key) = true, and a tokenizer that adds tokens to a text is not supported here",
          remedy: "give a model whose tokenizer adds none")
      }
    }
    let types = has("tokenizer.ggml.token_type") ? try gguf.integers("tokenizer.ggml.token_type") : []
    self = .byteLevel(
      try ByteLevelTokenizer(
        tokens: gguf.texts("tokenizer.ggml.tokens"), merges: gguf.texts("tokenizer.ggml.merges"),
        specialTokens: types.indices.filter { [control, userDefined].contains(types[$0]) },
        textTokens: types.indices.filter { types[$0] == userDefined }, digitsAlone: digitsAlone,
        addsPrefixSpace: has("tokenizer.ggml.add_space_prefix")
          ? gguf.flag("tokenizer.ggml.add_space_prefix") : false,
        endOfText: has("tokenizer.ggml.eos_token_id") ? gguf.integer("tokenizer.ggml.eos_token_id") : nil,
        name: file.path))
  }
}
