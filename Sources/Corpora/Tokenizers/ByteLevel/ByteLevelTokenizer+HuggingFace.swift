// # Byte-level byte pairs in a tokenizer.json
//
// Hugging Face's file describes a tokenizer in steps: normalizer, pre_tokenizer, model, post_processor, decoder. Each
// step can be of dozens of kinds. We read those of GPT-2's family. Every other value that could change a number is
// refused, naming its key, so that nobody reads wrong numbers and blames the model.
//
// Read before: `ByteLevelTokenizer.swift`, `JSONField.swift`. Read next: `AnyTokenizer+Files.swift`.
// Source: the library `tokenizers` 0.23, whose results the tests compare with.

extension JSONField {
  /// Which tokenizers are read, for an error about one that is not.
  private static let kinds =
    "give a tokenizer of this book, or byte-level BPE (model BPE; pre_tokenizer ByteLevel, or Digits with"
    + " individual_digits and ByteLevel; nothing that changes the text or adds to it)"

  /// The error for a value that is valid but not supported here.
  func unsupported() -> CorpusError { error("is \(shown), which is not supported here", remedy: JSONField.kinds) }

  /// Throws if a value stands here that is none of these.
  func require(_ values: JSON...) throws {
    guard isNull || values.contains(value) else { throw unsupported() }
  }

  /// Throws unless the “type” of what stands here is one of these.
  func requireType(_ types: String...) throws {
    let type = self["type"]
    if isNull || type.isNull {
      throw (isNull ? self : type).error("is missing or null", remedy: JSONField.kinds)
    }
    guard let text = type.text, types.contains(text) else { throw type.unsupported() }
  }
}

extension JSONField {
  /// Throws if a step of a whole file changes the text or adds tokens, or if the model does anything but its merges.
  func requireNothingBeside() throws {
    for key in ["normalizer", "truncation", "padding"] { try self[key].require() }
    let model = self["model"]
    try model["dropout"].require(0)
    try model["byte_fallback"].require(false)
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] { try model[key].require("") }
    try self["post_processor"].requireNoAddition()
  }

  private func requireNoAddition() throws {
    if isNull { return }
    try requireType("ByteLevel", "TemplateProcessing", "Sequence")
    switch self["type"].text {
    case "Sequence": for step in try self["processors"].requiredList() { try step.requireNoAddition() }
    case "TemplateProcessing":
      let single = try self["single"].requiredList()
      guard single.count == 1, !single[0]["Sequence"].isNull else { throw self["single"].unsupported() }
    default: break
    }
  }
}

extension ByteLevelTokenizer {
  /// - Parameter settings: the contents of tokenizer_config.json, if there is one
  init(_ file: JSONField, settings: JSONField?) throws {
    try file["model"].requireType("BPE")
    var cutting = try ByteLevelTokenizer.cutting(file["pre_tokenizer"])
    try file.requireNothingBeside()
    try file["decoder"].requireType("ByteLevel")
    let model = file["model"]
    cutting.ignoresMerges = try model["ignore_merges"].bool(or: false)
    try settings?["add_prefix_space"].require(.bool(cutting.addsPrefixSpace))
    for key in ["add_bos_token", "add_eos_token"] { try settings?[key].require(false) }

    // Tokens and merges
    let vocabulary = try model["vocab"].requiredMembers().map { (name: $0.key, id: try $0.field.requiredInteger()) }
    let merges = try model["merges"].requiredList().map(ByteLevelTokenizer.merge)
    let wholeTokens = try file["added_tokens"].isNull ? [] : file["added_tokens"].requiredList().map(WholeToken.init)
    try self.init(
      vocabulary: vocabulary, merges: merges, wholeTokens: wholeTokens, cutting: cutting,
      endOfText: try ByteLevelTokenizer.endOfText(settings, vocabulary, wholeTokens), place: file.file)

    // A token for unknown bytes does not matter if every byte has a token.
    let possible = Set(0..<256).subtracting([0xC0, 0xC1]).subtracting(0xF5...0xFF)
    if !possible.allSatisfy({ byteTokens[$0] != nil }) { try model["unk_token"].require() }
  }

  private static func cutting(_ field: JSONField) throws -> Cutting {
    try field.requireType("ByteLevel", "Sequence")
    let steps = field["type"].text == "Sequence" ? try field["pretokenizers"].requiredList() : [field]
    var cutting = Cutting()
    for step in steps.dropLast() {
      guard steps.count == 2, step["type"].text == "Digits" else { throw step.unsupported() }
      guard try step["individual_digits"].bool(or: false) else { throw step.unsupported() }
      cutting.digitsAlone = true
    }
    guard let last = steps.last else { throw field.unsupported() }
    try last.requireType("ByteLevel")
    try last["use_regex"].require(true)
    cutting.addsPrefixSpace = try last["add_prefix_space"].bool(or: true)
    return cutting
  }

  static func merge(_ field: JSONField) throws -> (left: ArraySlice<UInt8>, right: ArraySlice<UInt8>) {
    let parts =
      if let text = field.text {
        Array(text.utf8).split(separator: 0x20, omittingEmptySubsequences: false)
      } else {
        try field.requiredList().map { Array(try $0.requiredText().utf8)[...] }
      }
    guard parts.count == 2 else { throw field.error("is \(field.shown), but should be two tokens") }
    return (parts[0], parts[1])
  }

  /// The token that tokenizer_config.json names as the end of a text, as text or as {"content": …}.
  private static func endOfText(
    _ settings: JSONField?, _ vocabulary: [(name: String, id: Int)], _ wholeTokens: [WholeToken]
  ) throws -> Int? {
    guard let field = settings?["eos_token"], !field.isNull else { return nil }
    let name = try field.text ?? field["content"].requiredText()
    let all = wholeTokens.map { ($0.text, $0.id) } + vocabulary
    guard let id = all.first(where: { $0.0.utf8.elementsEqual(name.utf8) })?.1 else {
      throw field.error("is \(name.debugDescription), which is not in the vocabulary beside it")
    }
    return id
  }
}

extension ByteLevelTokenizer.WholeToken {
  /// An element of “added_tokens”. Its id is taken as it stands; Hugging Face's library renumbers tokens that do not
  /// follow directly on the vocabulary.
  fileprivate init(_ field: JSONField) throws {
    for key in ["lstrip", "rstrip", "single_word"] { try field[key].require(false) }
    id = try field["id"].requiredInteger()
    text = try field["content"].requiredText()
    isSpecial = try field["special"].bool(or: false)
    isNormalized = try field["normalized"].bool(or: !isSpecial)
  }
}

// ## Writing it back

extension ByteLevelTokenizer {
  /// The contents of the tokenizer.json, from which an equal tokenizer is read.
  var file: JSON {
    var steps: [JSON] = [.byteLevel(addsPrefixSpace: cutting.addsPrefixSpace, usesPattern: true)]
    if cutting.digitsAlone { steps.insert(["type": "Digits", "individual_digits": true], at: 0) }
    // Whole tokens are listed in the vocabulary as well; otherwise Hugging Face's library would renumber them.
    let vocabulary = names.enumerated().compactMap { id, name in
      name.map { JSON.Member(key: $0, value: .number(Double(id))) }
    }
    return .tokenizer(
      preTokenizer: steps.count == 1 ? steps[0] : ["type": "Sequence", "pretokenizers": .list(steps)],
      model: .bytePairs(
        .object(vocabulary), merges: merges.map { "\(names[$0.left]!) \(names[$0.right]!)" },
        ignoresMerges: cutting.ignoresMerges),
      decoder: .byteLevel(addsPrefixSpace: true, usesPattern: true),
      addedTokens: wholeTokens.map {
        [
          "id": .number(Double($0.id)), "content": .text($0.text), "special": .bool($0.isSpecial),
          "normalized": .bool($0.isNormalized), "lstrip": false, "rstrip": false, "single_word": false,
        ]
      })
  }
}
