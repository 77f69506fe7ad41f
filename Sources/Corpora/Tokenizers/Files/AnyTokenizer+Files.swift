// # A tokenizer in a folder
//
// Beside a model are two files: tokenizer.json, with everything that determines the tokens of a text, and
// tokenizer_config.json, with the name of the class that Python's `transformers` should use and the token that ends a
// text. Both have the format of Hugging Face's library, so that
//
//     transformers.AutoTokenizer.from_pretrained("out/05-teacher/teacher-seed0")
//
// reads what a chapter has written. Earlier versions of this book wrote a form of their own,
// `{"kind": "characters", "characters": "\n abc…"}`; it is still read.
//
// Read before: `AnyTokenizer+OwnKinds.swift`, `ByteLevelTokenizer+HuggingFace.swift`.

import Foundation

extension AnyTokenizer {
  /// The files to write beside a model, by name: tokenizer.json and tokenizer_config.json.
  ///
  /// Equal tokenizers give equal bytes, and `init(contentsOf:)` gives an equal tokenizer.
  public var files: [String: Data] {
    var settings: [(String, JSON)] = [
      ("clean_up_tokenization_spaces", false), ("tokenizer_class", "PreTrainedTokenizerFast"),
    ]
    if case .byteLevel(let tokenizer) = self {
      settings.append(("add_prefix_space", .bool(tokenizer.cutting.addsPrefixSpace)))
      if let end = tokenizer.endOfText { settings.append(("eos_token", .text(tokenizer.names[end]!))) }
    }
    let members = settings.map { JSON.Member(key: $0, value: $1) }
    return [
      "tokenizer.json": Data(file.document.utf8),
      "tokenizer_config.json": Data(JSON.object(JSON.sorted(members)).document.utf8),
    ]
  }

  /// Reads a tokenizer.json, and the tokenizer_config.json beside it if there is one.
  ///
  /// Our own kinds are recognised; any other tokenizer is read as `byteLevel`. Throws `CorpusError` if the file is
  /// missing or damaged, or holds a tokenizer of a kind that is not supported here.
  public init(contentsOf url: URL) throws {
    let file = try JSONField(contentsOf: url)
    if !file["kind"].isNull || file["model"].isNull {
      self = try AnyTokenizer(old: file)
    } else if let own = try AnyTokenizer(own: file) {
      self = own
    } else {
      let beside = url.deletingLastPathComponent().appending(path: "tokenizer_config.json")
      let isThere = FileManager.default.fileExists(atPath: beside.path)
      let settings = try isThere ? JSONField(contentsOf: beside) : nil
      _ = try settings?.requiredMembers()
      self = .byteLevel(try ByteLevelTokenizer(file, settings: settings))
    }
  }

  /// The form of earlier versions: the kind beside characters, words or merges.
  private init(old file: JSONField) throws {
    switch file["kind"].text {
    case "characters":
      let characters = Array(try file["characters"].requiredText().unicodeScalars)
      guard let tokenizer = CharacterTokenizer(characters: characters) else {
        throw file["characters"].error("does not hold characters in ascending order, each once")
      }
      self = .characters(tokenizer)
    case "words":
      let words = try file["words"].requiredList().map { try $0.requiredText() }
      guard let tokenizer = WordTokenizer(words: words) else {
        throw file["words"].error("has a word that is empty, has white space in it, or occurs twice")
      }
      self = .words(tokenizer)
    case "bytePairs":
      let merges = try file["merges"].requiredList().map { merge in
        let pair = try merge.requiredList().map { try $0.requiredInteger() }
        guard pair.count == 2 else { throw merge.error("is \(merge.shown), but should be two tokens") }
        return TokenPair(left: pair[0], right: pair[1])
      }
      guard let tokenizer = BytePairTokenizer(merges: merges) else {
        throw file["merges"].error("does not hold pairs of earlier tokens, each once")
      }
      self = .bytePairs(tokenizer)
    default:
      guard file["kind"].isNull else { throw file["kind"].unsupported() }
      throw CorpusError(
        file.file, problem: "the file does not hold a tokenizer: it has neither “model” nor “kind”",
        remedy: JSONField.remedy)
    }
  }
}
