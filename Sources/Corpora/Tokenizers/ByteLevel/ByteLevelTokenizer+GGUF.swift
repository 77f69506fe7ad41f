// # From the arrays of a GGUF file
//
// A GGUF file holds its tokenizer as arrays: the tokens, the kind of each, the merges. The rule for cutting a text is
// given only by a name, such as “smollm”; what the name means is in the programs that read it. We take the names
// whose rules are supported here, and refuse the others, “default” among them: it is in files whose makers did not
// know the rule.
//
// Read before: `ByteLevelTokenizer.swift`.

extension ByteLevelTokenizer {
  /// The tokenizer of some arrays; the index of a token is its id.
  ///
  /// - Parameters:
  ///   - tokens: as the file spells them: special tokens as text, others in GPT-2's byte alphabet
  ///   - merges: two tokens with a space between them, in the order in which they are merged
  ///   - specialTokens: the ids of tokens that are found in a text as they stand (types 3, control, and 4,
  ///     user-defined)
  ///   - textTokens: those of `specialTokens` that are nevertheless text, for which `isSpecial` is false
  ///   - digitsAlone: whether each digit is a word; see `digitsAlone(model:pre:name:)`
  ///   - addsPrefixSpace: whether a text that does not begin with a space gets one
  ///   - endOfText: the token that ends a text
  ///   - name: where the arrays come from, for an error
  ///
  /// Throws `CorpusError` if the arrays contradict each other.
  public init(
    tokens: [String], merges: [String], specialTokens: [Int], textTokens: [Int] = [], digitsAlone: Bool,
    addsPrefixSpace: Bool = false, endOfText: Int?, name: String
  ) throws {
    for id in specialTokens + textTokens where !tokens.indices.contains(id) {
      throw CorpusError(
        name, problem: "special token \(id) is not among the \(tokens.count) tokens",
        remedy: "give the file that was made with the model")
    }
    let text = Set(textTokens)
    try self.init(
      vocabulary: tokens.enumerated().map { ($1, $0) },
      merges: try merges.enumerated().map { rank, merge in
        let parts = Array(merge.utf8).split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 2 else {
          throw CorpusError(
            name, problem: "merge \(rank), \(merge.debugDescription), is not two tokens with a space between them",
            remedy: "give the file that was made with the model")
        }
        return (parts[0], parts[1])
      },
      wholeTokens: specialTokens.map { WholeToken(id: $0, text: tokens[$0], isSpecial: !text.contains($0)) },
      cutting: Cutting(digitsAlone: digitsAlone, addsPrefixSpace: addsPrefixSpace), endOfText: endOfText, place: name)
  }

  /// Whether each digit is a word, in the tokenizer that a GGUF file names.
  ///
  /// - Parameters:
  ///   - model: the value of `tokenizer.ggml.model`
  ///   - pre: the value of `tokenizer.ggml.pre`, nil if there is none
  ///   - name: the file, for an error
  ///
  /// Throws `CorpusError` for a model other than "gpt2", or for a `pre` whose rule is not supported here.
  public static func digitsAlone(model: String, pre: String?, name: String) throws -> Bool {
    guard model == "gpt2" else {
      let kind = ["llama": " (SentencePiece)", "bert": " (WordPiece)", "t5": " (Unigram)"][model] ?? ""
      throw CorpusError(
        name, problem: "tokenizer.ggml.model is \(model.debugDescription)\(kind), which is not read",
        remedy: "give a file with “gpt2” (byte-level byte pairs)")
    }
    switch pre {
    case "gpt-2", "phi-2": return false
    case "smollm", "starcoder", "refact": return true
    default:
      throw CorpusError(
        name,
        problem: pre.map {
          "tokenizer.ggml.pre is \($0.debugDescription), whose rule for cutting a text is not supported here"
        }
          ?? "tokenizer.ggml.pre, which says how a text is cut, is missing",
        remedy: "give a file with gpt-2, phi-2, smollm, starcoder or refact")
    }
  }
}
