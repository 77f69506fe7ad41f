// # Config files of transformers
//
// A config.json of Hugging Face holds what defines the model, and much that does not: dropout, which acts only in
// training, the numbers of special tokens, defaults for sampling. It can also ask for something that is not supported
// here. If such a key were ignored, the model would run and its text would be nearly right, which is worse than no
// text.
//
// So there are three kinds of keys:
//
//     honoured       a size, or a setting that is supported here, with a value that is supported
//     passed over    listed below, or with an underscore in front: it does not change the logits of a text
//     refused        everything else, naming key and value, unless the value is null, false or empty
//
// Read before: `ModelLayout.swift`. Source: PretrainedConfig, PhiConfig and LlamaConfig of
// transformers 4 and 5, and the config files of published models.

import Checkpoints
import Foundation

enum TransformersWords {
  /// The model types that are supported here.
  static let modelTypes = ["phi", "llama"]

  /// The model type of a config.json; nil if it states none.
  ///
  /// Throws `CheckpointError` if the type is not supported here.
  static func modelType(in file: URL) throws -> String? {
    struct Kind: Decodable { var model_type: String? }
    guard let type = try readJSON(Kind.self, from: file).model_type else { return nil }
    guard modelTypes.contains(type) else {
      throw CheckpointError(
        file: file.path, problem: "its model_type is \(quoted(type)), which is not supported here",
        remedy: "give a model of the type \(modelTypes.joined(separator: " or "))")
    }
    return type
  }

  /// Throws `CheckpointError`, naming key and value, if a config.json has a key that is neither known nor passed
  /// over.
  static func refuseUnknown(in file: URL, known: [String]) throws {
    let known = passedOver.union(known)
    let unknown = try readJSONMembers(from: file).filter { key, value in
      !known.contains(key) && !key.hasPrefix("_") && !["null", "false", "{}", "[]"].contains(value)
    }
    if unknown.isEmpty { return }
    let settings = unknown.sorted { $0.key < $1.key }.map { "\($0) = \($1)" }.joined(separator: " and ")
    throw CheckpointError(
      file: file.path, problem: "it asks for \(settings), which is not supported here",
      remedy: "give a model without it, or delete the key if it only keeps notes")
  }

  /// Keys that do not change the logits of a text.
  static let passedOver: Set<String> = [
    // Notes
    "architectures", "auto_map", "dtype", "is_decoder", "is_llama_config", "model_type", "name_or_path",
    "torch_dtype",
    "torchscript", "transformers.js_config", "transformers_version", "unsloth_fixed", "unsloth_version",
    "use_bfloat16",
    "use_cache",
    // Numbers of special tokens, and tasks
    "bos_token_id", "decoder_start_token_id", "eos_token_id", "finetuning_task", "id2label", "label2id", "num_labels",
    "pad_token_id", "prefix", "problem_type", "sep_token_id", "task_specific_params", "tie_encoder_decoder",
    "tokenizer_class",
    // Training
    "attention_dropout", "attention_probs_dropout_prob", "embd_pdrop", "embedding_dropout", "hidden_dropout",
    "initializer_range", "resid_pdrop", "tf_legacy_loss",
    // What is returned, and how it is computed
    "attn_implementation", "chunk_size_feed_forward", "flash_attn", "flash_rotary", "fused_dense",
    "output_attentions",
    "output_hidden_states", "output_scores", "return_dict", "return_dict_in_generate",
    "tie_last_hidden_states",
    // Defaults for sampling
    "bad_words_ids", "begin_suppress_tokens", "diversity_penalty", "do_sample", "early_stopping",
    "encoder_no_repeat_ngram_size", "exponential_decay_length_penalty", "forced_bos_token_id", "forced_eos_token_id",
    "length_penalty", "max_length", "min_length", "no_repeat_ngram_size", "num_beam_groups", "num_beams",
    "num_return_sequences", "remove_invalid_values", "repetition_penalty", "suppress_tokens", "temperature", "top_k",
    "top_p", "typical_p",
  ]
}

extension KeyedDecodingContainer {
  /// Throws `DecodingError` if a key is present and its value is none of the supported ones.
  func require<Value: Decodable & Equatable>(_ key: Key, among possible: [Value]) throws {
    guard let value = try decodeIfPresent(Value.self, forKey: key), !possible.contains(value) else { return }
    throw DecodingError.dataCorruptedError(
      forKey: key, in: self, debugDescription: "it is \(value), which is not supported here, only \(possible[0])")
  }
}
