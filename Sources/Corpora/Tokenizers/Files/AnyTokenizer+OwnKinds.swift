// # Our tokenizers in Hugging Face's format
//
// The tokenizers of this book are written as Hugging Face's library would write them, so that every program that
// reads its files can read our models:
//
//     characters    a text is cut into characters, each a word of the list
//     words         a text is cut at spaces, which are removed
//     byte pairs    the rule of `Words` as a pattern, then BPE over GPT-2's byte alphabet
//
// The rule for cutting tells which of the three a file holds. That library gives the same numbers and texts as we do,
// with two exceptions. It ignores an empty word between two spaces, where we throw. And no pattern can count bytes,
// so the library does not end a word after 64 of them: a text with longer runs of letters, digits, marks or white
// space can get other tokens there, which decode to the same text.
//
// Read before: `JSON+Tokenizer.swift`, `Words.swift`. Read next: `AnyTokenizer+Files.swift`.

/// How each of our kinds is cut, in the format of Hugging Face.
private enum OwnCutting {
  static let characters = JSON.split(["Regex": #"[\s\S]"#], "Isolated")
  static let words = JSON.split(["String": " "], "Removed")
  static let bytePairs: JSON = {
    // Bytes above 127 are letters, so the letters are all characters except those of ASCII that are not letters.
    let letter = #"[^\x00-@\[-`{-\x7F]"#
    let mark = #"[\x00-\x08\x0E-\x1F!-/:-@\[-`{-\x7F]"#
    let space = #"[\x20\x09-\x0D]"#
    let pattern =
      " ?\(letter)+| ?[0-9]+| ?\(mark)+|\(space)+(?= [^\\x20\\x09-\\x0D])|\(space)+"
    return [
      "type": "Sequence",
      "pretokenizers": [
        .split(["Regex": .text(pattern)], "Isolated"), .byteLevel(addsPrefixSpace: false, usesPattern: false),
      ],
    ]
  }()
}

extension AnyTokenizer {
  /// The contents of the tokenizer.json.
  var file: JSON {
    switch self {
    case .characters(let tokenizer):
      let characters = tokenizer.characters.map { String($0) }
      return .tokenizer(
        preTokenizer: OwnCutting.characters, model: .words(characters), decoder: ["type": "Fuse"])
    case .words(let tokenizer):
      return .tokenizer(preTokenizer: OwnCutting.words, model: .words(tokenizer.words), decoder: nil)
    case .bytePairs(let tokenizer):
      let names = (0..<tokenizer.vocabularySize).map { ByteAlphabet.text(of: tokenizer.bytes(of: $0)) }
      return .tokenizer(
        preTokenizer: OwnCutting.bytePairs,
        model: .bytePairs(
          .vocabulary(names), merges: tokenizer.merges.map { "\(names[$0.left]) \(names[$0.right])" }),
        decoder: .byteLevel(addsPrefixSpace: true, usesPattern: true))
    case .byteLevel(let tokenizer): return tokenizer.file
    }
  }

  /// The tokenizer of this book that a file holds, or nil if the text is cut in another way.
  init?(own file: JSONField) throws {
    let model = file["model"]
    switch file["pre_tokenizer"].value {
    case OwnCutting.characters:
      let names = try AnyTokenizer.names(model)
      let characters = names.compactMap { $0.unicodeScalars.count == 1 ? $0.unicodeScalars.first : nil }
      guard characters.count == names.count, let tokenizer = CharacterTokenizer(characters: characters) else {
        throw model["vocab"].error("is not single characters in ascending order")
      }
      self = .characters(tokenizer)
    case OwnCutting.words:
      guard let tokenizer = WordTokenizer(words: try AnyTokenizer.names(model)) else {
        throw model["vocab"].error("has a word that is empty, has white space in it, or occurs twice")
      }
      self = .words(tokenizer)
    case OwnCutting.bytePairs:
      let names = try AnyTokenizer.names(model)
      let ids = Dictionary(names.enumerated().map { (Array($1.utf8), $0) }) { first, _ in first }
      let merges = try model["merges"].requiredList().map { merge in
        let (left, right) = try ByteLevelTokenizer.merge(merge)
        guard let left = ids[Array(left)], let right = ids[Array(right)] else {
          throw merge.error("is \(merge.shown), which is not two tokens of the vocabulary")
        }
        return TokenPair(left: left, right: right)
      }
      guard let tokenizer = BytePairTokenizer(merges: merges) else {
        throw model["merges"].error("does not hold pairs of earlier tokens, each once")
      }
      self = .bytePairs(tokenizer)
    default: return nil
    }
    // The rest of the file must also mean what we write.
    try file.requireNothingBeside()
    let written = JSONField(file: file.file, path: "", value: self.file)
    guard file["decoder"].value == written["decoder"].value else { throw file["decoder"].unsupported() }
    guard model["type"].value == written["model"]["type"].value else { throw model["type"].unsupported() }
    guard try file["added_tokens"].isNull || file["added_tokens"].requiredList().isEmpty else {
      throw file["added_tokens"].unsupported()
    }
    try model["ignore_merges"].require(false)
    // An unknown word is an error here, so there must be no token for it. In byte pairs no byte is unknown.
    if model["merges"].isNull, let unknown = model["unk_token"].text, !model["vocab"][unknown].isNull {
      throw model["unk_token"].unsupported()
    }
    guard model["vocab"].value == written["model"]["vocab"].value else {
      throw model["vocab"].error("is not what the merges give")
    }
  }

  /// The keys of a vocabulary in the order of their numbers, which have to be 0, 1, 2, ….
  private static func names(_ model: JSONField) throws -> [String] {
    let members = try model["vocab"].requiredMembers()
    var names = [String?](repeating: nil, count: members.count)
    for (name, field) in members {
      let id = try field.requiredInteger()
      guard names.indices.contains(id), names[id] == nil else {
        throw field.error("is \(id), but the numbers should be 0 … \(members.count - 1), each once")
      }
      names[id] = name
    }
    return names.compactMap { $0 }
  }
}
