// # The frame of a tokenizer.json
//
// What all tokenizers that we write have in common, in the format of Hugging Face's library.
//
// Read before: `JSON+Writing.swift`. Read next: `AnyTokenizer+OwnKinds.swift`.

extension JSON {
  /// A file with these steps and no others.
  static func tokenizer(preTokenizer: JSON, model: JSON, decoder: JSON, addedTokens: [JSON] = []) -> JSON {
    [
      "version": "1.0", "truncation": nil, "padding": nil, "added_tokens": .list(addedTokens), "normalizer": nil,
      "pre_tokenizer": preTokenizer, "post_processor": nil, "decoder": decoder, "model": model,
    ]
  }

  /// The step that turns text into the byte alphabet, or back.
  static func byteLevel(addsPrefixSpace: Bool, usesPattern: Bool) -> JSON {
    [
      "type": "ByteLevel", "add_prefix_space": .bool(addsPrefixSpace), "trim_offsets": true,
      "use_regex": .bool(usesPattern),
    ]
  }

  /// A step that cuts a text where a pattern matches.
  static func split(_ pattern: JSON, _ behavior: String) -> JSON {
    ["type": "Split", "pattern": pattern, "behavior": .text(behavior), "invert": false]
  }

  /// A model of merges, in a form that older versions of the library also read.
  static func bytePairs(_ vocabulary: JSON, merges: [String], ignoresMerges: Bool = false) -> JSON {
    [
      "type": "BPE", "dropout": nil, "unk_token": nil, "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
      "fuse_unk": false, "byte_fallback": false, "ignore_merges": .bool(ignoresMerges), "vocab": vocabulary,
      "merges": .list(merges.map(JSON.text)),
    ]
  }

  /// A model that looks words up. A word that is not in the list is an error there, as it is here: the token for
  /// unknown words is the empty word, which no list has.
  static func words(_ names: [String]) -> JSON {
    ["type": "WordLevel", "unk_token": "", "vocab": .vocabulary(names)]
  }

  /// Names with their indices as numbers.
  static func vocabulary(_ names: [String]) -> JSON {
    .object(names.enumerated().map { Member(key: $1, value: .number(Double($0))) })
  }
}
