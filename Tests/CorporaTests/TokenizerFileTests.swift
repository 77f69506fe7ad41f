// # Tokenizers in files
//
// What we do not compute is refused in one sentence that names its key and value; damage is refused with its place.
// And our own kinds come back from the form in which others read them.

import Corpora
import Foundation
import TestSupport
import Testing

/// A value to put somewhere in a tokenizer.json, and what the error must mention.
struct Refusal: CustomTestStringConvertible, Sendable {
  let path: String
  let value: String
  let mentions: [String]

  init(_ path: String, _ value: String, _ mentions: String...) {
    (self.path, self.value, self.mentions) = (path, value, mentions)
  }

  var testDescription: String { "\(path) = \(value)" }

  /// A tree of JSON with the value at a path put in, or taken out if it is empty.
  func change(_ tree: Any, at keys: ArraySlice<Substring>) throws -> Any {
    guard let key = keys.first else {
      return try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
    }
    if var list = tree as? [Any], let index = Int(key) {
      list[index] = try change(list[index], at: keys.dropFirst())
      return list
    }
    var object = tree as? [String: Any] ?? [:]
    if value.isEmpty, keys.count == 1 {
      object[String(key)] = nil
    } else {
      object[String(key)] = try change(object[String(key)] ?? NSNull(), at: keys.dropFirst())
    }
    return object
  }
}

@Suite("tokenizers in files") struct TokenizerFileTests {
  /// The error of reading some files.
  private func complaint(_ file: Data, settings: Data? = nil) throws -> CorpusError {
    var found: CorpusError?
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "tokenizer.json")
      try file.write(to: url)
      try settings?.write(to: folder.appending(path: "tokenizer_config.json"))
      let error = try #require(throws: CorpusError.self) { try AnyTokenizer(contentsOf: url) }
      expectSentence(error)
      #expect(error.place.hasPrefix(folder.path))
      found = error
    }
    return try #require(found)
  }

  /// The error of reading a golden tokenizer after a value was changed.
  private func complaint(_ refusal: Refusal, in name: String) throws -> CorpusError {
    let tree = try GoldenTokenizer(name).object
    let changed = try refusal.change(tree, at: refusal.path.split(separator: ".")[...])
    return try complaint(JSONSerialization.data(withJSONObject: changed))
  }

  @Test(arguments: [
    Refusal("normalizer", #"{"type":"NFC"}"#, "“normalizer”", "NFC"),
    Refusal("truncation", #"{"max_length":512}"#, "“truncation”", "512"),
    Refusal("padding", #"{"strategy":"BatchLongest"}"#, "“padding”", "BatchLongest"),
    Refusal("pre_tokenizer", "null", "“pre_tokenizer”", "null"),
    Refusal("pre_tokenizer.type", #""Metaspace""#, "“pre_tokenizer.type”", "Metaspace"),
    Refusal("pre_tokenizer.use_regex", "false", "“pre_tokenizer.use_regex”", "false"),
    Refusal("pre_tokenizer.add_prefix_space", "1", "“pre_tokenizer.add_prefix_space”", "is 1", "true or false"),
    Refusal("pre_tokenizer", #"{"type":"Sequence","pretokenizers":[]}"#, "pre_tokenizer"),
    Refusal(
      "pre_tokenizer",
      #"{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"x"}},{"type":"ByteLevel"}]}"#,
      "“pre_tokenizer.pretokenizers.0”", "Split"),
    Refusal(
      "pre_tokenizer",
      #"{"type":"Sequence","pretokenizers":[{"type":"Digits","individual_digits":false},{"type":"ByteLevel"}]}"#,
      "“pre_tokenizer.pretokenizers.0”", "individual_digits"),
    Refusal("post_processor", #"{"type":"RobertaProcessing"}"#, "“post_processor.type”", "RobertaProcessing"),
    Refusal(
      "post_processor",
      #"{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>"}},{"Sequence":{"id":"A"}}]}"#,
      "“post_processor.single”", "<s>"),
    Refusal(
      "post_processor", #"{"type":"Sequence","processors":[{"type":"BertProcessing"}]}"#,
      "“post_processor.processors.0.type”", "BertProcessing"),
    Refusal("decoder", "null", "“decoder”"), Refusal("decoder.type", #""WordPiece""#, "“decoder.type”", "WordPiece"),
    Refusal("model.type", #""Unigram""#, "“model.type”", "Unigram"), Refusal("model.type", "", "“model.type”"),
    Refusal("model.dropout", "0.1", "“model.dropout”", "0.1"),
    Refusal("model.byte_fallback", "true", "“model.byte_fallback”", "true"),
    Refusal("model.continuing_subword_prefix", #""@@""#, "continuing_subword_prefix", "@@"),
    Refusal("model.end_of_word_suffix", #""</w>""#, "end_of_word_suffix", "</w>"),
    Refusal("model.ignore_merges", "\"no\"", "“model.ignore_merges”", "no"),
    Refusal("model.vocab", "[1]", "“model.vocab”", "an object"),
    Refusal("model.vocab.a", "\"x\"", "“model.vocab.a”", "a whole number"),
    Refusal("model.vocab.a", "1.5", "“model.vocab.a”", "1.5"), Refusal("model.vocab.a", "-1", "-1", "cannot be"),
    Refusal("model.vocab.a", "1e15", "1000000000000000", "cannot be"),
    Refusal("model.vocab.a", "5", "token 5 is both"), Refusal("model.vocab.a", "", "\"a\"", "not in the vocabulary"),
    Refusal("model.merges", "3", "“model.merges”", "a list"),
    Refusal("model.merges.2", #"["a"]"#, "“model.merges.2”", "two tokens"),
    Refusal("model.merges.2", #""a b c""#, "“model.merges.2”", "a b c"),
    Refusal("model.merges.2", #"["a", 4]"#, "“model.merges.2.1”", "a text"),
    Refusal("model.merges.2", #"["z", "z\n"]"#, "merge 2", "\"z\\n\""),
    Refusal("model.merges.2", #"["h", "e"]"#, "merge 2", "twice"),
    Refusal("added_tokens", "{}", "“added_tokens”", "a list"),
    Refusal("added_tokens.0.lstrip", "true", "“added_tokens.0.lstrip”", "true"),
    Refusal("added_tokens.0.rstrip", "true", "“added_tokens.0.rstrip”"),
    Refusal("added_tokens.0.single_word", "true", "“added_tokens.0.single_word”"),
    Refusal("added_tokens.0.content", #""""#, "empty"),
    Refusal("added_tokens.0.content", #""<|other|>""#, "<|other|>", "<|end|>"),
    Refusal("added_tokens.0.id", "9", "special token"), Refusal("added_tokens.0.id", "", "“added_tokens.0.id”"),
    Refusal("added_tokens.1.id", "0", "token 0"),
  ])
  func whatIsNotComputedIsRefused(refusal: Refusal) throws {
    let error = try complaint(refusal, in: "plain")
    for mention in refusal.mentions { #expect(error.description.contains(mention), "\(error)") }
  }

  @Test func anUnknownTokenMattersIfAByteIsUnknown() throws {
    let refusal = Refusal("model.unk_token", #""<|end|>""#)
    #expect(try complaint(refusal, in: "digits").description.contains("“model.unk_token” is \"<|end|>\""))
    let changed = try refusal.change(GoldenTokenizer("plain").object, at: ["model", "unk_token"])
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "tokenizer.json")
      try JSONSerialization.data(withJSONObject: changed).write(to: url)
      #expect(try AnyTokenizer(contentsOf: url).encode("the") == GoldenTokenizer("plain").tokenizer().encode("the"))
    }
  }

  @Test func aByteOrderMarkIsSkipped() throws {
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "tokenizer.json")
      try (Data("\u{FEFF}".utf8) + Data(contentsOf: GoldenTokenizer("plain").url)).write(to: url)
      #expect(try AnyTokenizer(contentsOf: url).encode("the") == GoldenTokenizer("plain").tokenizer().encode("the"))
    }
  }

  @Test(arguments: [
    (#"{"eos_token":"<|none|>"}"#, "<|none|>"), (#"{"eos_token":{"id":3}}"#, "eos_token.content"),
    (#"{"add_prefix_space":true}"#, "add_prefix_space"), (#"{"add_bos_token":true}"#, "add_bos_token"),
    (#"{"eos_token":"#, "line 1, column 14"), ("[1]", "object"),
  ])
  func theFileBesideIsReadWithCare(settings: String, mention: String) throws {
    let error = try complaint(Data(contentsOf: GoldenTokenizer("plain").url), settings: Data(settings.utf8))
    #expect(error.description.contains(mention) && error.place.hasSuffix("tokenizer_config.json"), "\(error)")
  }

  @Test(arguments: [
    ("{", "line 1, column 2: it ends too early"), ("{\n \"a\": 1\n \"b\"", "line 3, column 2: a comma"),
    ("{\"a\":1,\"a\":2}", "\"a\" occurs twice"), ("{\"a\" 1}", "a colon"), ("{a:1}", "a key"), ("[1 2]", "a comma"),
    ("[1,]", "a value is missing"), ("[+1]", "a value"), ("[1e999]", "a value"), ("[nul]", "a value"),
    ("[\"a\nb\"]", "not end on its line"), (#"["\x"]"#, "an escape"), (#"["\u12"]"#, "an escape"),
    (#"["\ud800"]"#, "half a character"), (#"["\ud800\u0041"]"#, "half a character"), ("[] []", "something follows"),
    (String(repeating: "[", count: 100_000), "nested"), ("\"", "too early"), ("{\"kind\":\"a\\", "early"),
  ])
  func damagedFilesAreNoJSON(text: String, mention: String) throws {
    let error = try complaint(Data(text.utf8))
    #expect(error.description.contains("is not JSON") && error.description.contains(mention), "\(error)")
  }

  @Test func everyDamageIsASentence() throws {
    // Every prefix of a file, and every byte of it replaced by some others.
    let tokenizer = AnyTokenizer.bytePairs(try BytePairTokenizer(trainedOn: "abab é", vocabularySize: 258))
    let whole = try #require(tokenizer.files["tokenizer.json"])
    for (index, byte) in whole.enumerated() where index % 7 == 0 || index < 900 {
      if index < whole.count - 1 { _ = try complaint(Data(whole.prefix(max(1, index)))) }
      var changed = whole
      changed[index] = byte == UInt8(ascii: "}") ? UInt8(ascii: "]") : byte ^ 0x11
      try withTemporaryFolder { folder in
        let url = folder.appending(path: "tokenizer.json")
        try changed.write(to: url)
        do { _ = try AnyTokenizer(contentsOf: url) } catch let error as CorpusError { expectSentence(error) }
      }
    }
  }

  // ## Our own kinds

  @Test func ourFilesAreRecognised() throws {
    let text = "Å \u{212B} é e\u{301} \n\t\u{0}\u{7f}\u{85}\u{2028}\"\\/ 𝄞 漢字"
    let tokenizers = [
      AnyTokenizer.characters(CharacterTokenizer(trainedOn: text)),
      .words(try #require(WordTokenizer(words: ["Å", "\u{212B}", "é", "e\u{301}", "\u{301}x", "<unk>", "\""]))),
      .bytePairs(try BytePairTokenizer(trainedOn: text + text + text, vocabularySize: 280)),
    ]
    for (tokenizer, text) in zip(tokenizers, [text, "\" é e\u{301} \u{301}x Å <unk> \u{212B}", text]) {
      let files = tokenizer.files
      #expect(files.keys.sorted() == ["tokenizer.json", "tokenizer_config.json"])
      try withTemporaryFolder { folder in
        let url = folder.appending(path: "tokenizer.json")
        try #require(files["tokenizer.json"]).write(to: url)
        let read = try AnyTokenizer(contentsOf: url)
        #expect(read == tokenizer && read.files == files)
        #expect(areIdentical(read.decode(try read.encode(text)), text))
      }
      #expect(tokenizer.endOfText == nil && !tokenizer.isSpecial(0))
    }
  }

  @Test(arguments: [
    (0, Refusal("model.vocab.a", "7", "“model.vocab.a”", "0 … 2")), (0, Refusal("model.vocab.ab", "3", "single")),
    (0, Refusal("model.vocab", #"{"b":0,"a":1}"#, "ascending")),
    (0, Refusal("model.unk_token", #""a""#, "unk_token")),
    (0, Refusal("model.type", #""WordPiece""#, "“model.type”", "WordPiece")),
    (0, Refusal("normalizer", #"{"type":"Lowercase"}"#, "“normalizer”", "Lowercase")),
    (0, Refusal("added_tokens", #"[{"id":0,"content":"a"}]"#, "“added_tokens”")),
    (0, Refusal("decoder", "null", "“decoder”")), (1, Refusal("model.vocab.x y", "2", "white space")),
    (1, Refusal("decoder", #"{"type":"Fuse"}"#, "“decoder”", "Fuse")),
    (2, Refusal("model.merges.0", #""a a""#, "“model.vocab”", "merges")),
    (2, Refusal("model.merges.0", #""a zz""#, "“model.merges.0”", "a zz")),
    (2, Refusal("model.merges", #"["a b","a b"]"#, "“model.merges”", "each once")),
    (2, Refusal("model.dropout", "0.5", "“model.dropout”")),
    (2, Refusal("model.ignore_merges", "true", "ignore_merges")),
  ])
  func ourFilesAreReadWithCare(kind: Int, refusal: Refusal) throws {
    let tokenizer =
      [
        AnyTokenizer.characters(CharacterTokenizer(trainedOn: "abc")),
        .words(try #require(WordTokenizer(words: ["a", "b"]))),
        .bytePairs(try BytePairTokenizer(trainedOn: "abab", vocabularySize: 257)),
      ][kind]
    let tree = try JSONSerialization.jsonObject(with: try #require(tokenizer.files["tokenizer.json"]))
    let changed = try refusal.change(tree, at: refusal.path.split(separator: ".")[...])
    let error = try complaint(JSONSerialization.data(withJSONObject: changed))
    for mention in refusal.mentions { #expect(error.description.contains(mention), "\(error)") }
  }

  // What `save_pretrained` of transformers adds and changes.
  @Test func ourFilesAreRecognisedWhenOthersWriteThem() throws {
    let tokenizer = AnyTokenizer.bytePairs(try BytePairTokenizer(trainedOn: "abab cdcd", vocabularySize: 258))
    var tree: Any = try JSONSerialization.jsonObject(with: try #require(tokenizer.files["tokenizer.json"]))
    for change in [
      Refusal("post_processor", #"{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}}]}"#),
      Refusal("model.merges", #"[["a","b"],["c","d"]]"#),
    ] { tree = try change.change(tree, at: change.path.split(separator: ".")[...]) }
    try withTemporaryFolder { folder in
      let url = folder.appending(path: "tokenizer.json")
      try JSONSerialization.data(withJSONObject: tree).write(to: url)
      #expect(try AnyTokenizer(contentsOf: url) == tokenizer)
    }
  }

  // ## Arrays of a GGUF file

  @Test(
    arguments: [
      (["a", "b", "a"], [], [], nil, "\"a\" occurs twice"), (["a"], ["a b"], [], nil, "\"b\", which is not"),
      (["a", "b"], ["a b"], [], nil, "\"ab\", which is not"), (["a"], ["a"], [], nil, "merge 0, \"a\", is not two"),
      (["a", "b", "ab"], ["a b", "a b"], [], nil, "merge 1"), (["a"], [], [1], nil, "special token 1"),
      (["a"], [], [-1], nil, "special token -1"), (["a"], [], [0, 0], nil, "token 0 occurs twice"),
      (["a", ""], [], [1], nil, "special token 1 is empty"), (["a"], [], [], 1, "token 1, the end of a text"),
      (["a"], [], [], -1, "token -1, the end of a text"),
    ] as [([String], [String], [Int], Int?, String)])
  func arraysThatContradictEachOther(
    tokens: [String], merges: [String], special: [Int], end: Int?, mention: String
  ) throws {
    let error = try #require(throws: CorpusError.self) {
      try ByteLevelTokenizer(
        tokens: tokens, merges: merges, specialTokens: special, digitsAlone: false, endOfText: end, name: "x.gguf")
    }
    expectSentence(error)
    #expect(error.place == "x.gguf" && error.description.contains(mention), "\(error)")
  }

  @Test func theWordsOfAGGUFFile() throws {
    func digitsAlone(_ model: String, _ pre: String?) throws -> Bool {
      try ByteLevelTokenizer.digitsAlone(model: model, pre: pre, name: "x.gguf")
    }
    for pre in ["smollm", "starcoder", "refact"] { #expect(try digitsAlone("gpt2", pre)) }
    for pre in ["gpt-2", "phi-2"] { #expect(try !digitsAlone("gpt2", pre)) }
    for (model, pre) in [
      ("gpt2", "llama-bpe"), ("gpt2", "qwen2"), ("gpt2", "default"), ("gpt2", nil), ("llama", "default"),
      ("bert", nil), ("t5", nil), ("rwkv", nil),
    ] {
      let error = try #require(throws: CorpusError.self) { try digitsAlone(model, pre) }
      expectSentence(error)
      #expect(error.description.contains(model == "gpt2" ? pre ?? "is missing" : model), "\(error)")
    }
  }
}
