// # A token for every character
//
// The plainest dictionary: the different characters of a text in the order of their Unicode numbers. The vocabulary
// is small (the King James Bible has 63 characters), the sequences are long, and nothing has to be learned. A
// character is a Unicode scalar here: “é” may be one token or two, as it was typed, so that the text comes back
// exactly.
//
// Read before: `Tokenizer.swift`. Read next: `BytePairTokenizer.swift`.

import Foundation

/// One token for each Unicode scalar of the text that it was made from, in ascending order.
public struct CharacterTokenizer: Tokenizer, Equatable {
  private let characters: [Unicode.Scalar]
  private let ids: [Unicode.Scalar: Int]

  /// The characters that occur in a text.
  public init(trainedOn text: String) { self.init(Set(text.unicodeScalars).sorted()) }

  private init(_ characters: [Unicode.Scalar]) {
    self.characters = characters
    ids = Dictionary(uniqueKeysWithValues: zip(characters, 0...))
  }

  public var vocabularySize: Int { characters.count }

  /// Throws `CorpusError` with the first character that is not in the vocabulary, and its place.
  public func encode(_ text: String) throws -> [Int] {
    var result: [Int] = []
    result.reserveCapacity(text.utf8.count)
    for scalar in text.unicodeScalars {
      guard let id = ids[scalar] else {
        let code = String(scalar.value, radix: 16, uppercase: true)
        let number = String(repeating: "0", count: max(0, 4 - code.count)) + code
        throw CorpusError(
          "the text",
          problem: "the character \(String(reflecting: String(scalar))) (U+\(number)) at offset \(result.count)"
            + " is not among the \(vocabularySize) of the vocabulary",
          remedy: "remove it, or take the characters of a text that has it, or byte pairs")
      }
      result.append(id)
    }
    return result
  }

  public func decode(_ ids: [Int]) -> String {
    var scalars = String.UnicodeScalarView()
    for id in ids { scalars.append(characters.indices.contains(id) ? characters[id] : "\u{FFFD}") }
    return String(scalars)
  }
}

extension CharacterTokenizer {
  private enum CodingKeys: CodingKey { case characters }

  public init(from decoder: any Decoder) throws {
    let fields = try decoder.container(keyedBy: CodingKeys.self)
    let characters = Array(try fields.decode(String.self, forKey: .characters).unicodeScalars)
    guard zip(characters, characters.dropFirst()).allSatisfy({ $0 < $1 }) else {
      throw DecodingError.dataCorruptedError(
        forKey: .characters, in: fields, debugDescription: "the characters are not in ascending order")
    }
    self.init(characters)
  }

  public func encode(to encoder: any Encoder) throws {
    var fields = encoder.container(keyedBy: CodingKeys.self)
    var scalars = String.UnicodeScalarView()
    scalars.append(contentsOf: characters)
    try fields.encode(String(scalars), forKey: .characters)
  }
}
