// # Grammars for tests
//
// Small ones whose documents can all be listed, and one with every liberty that the format allows.

import Corpora
import Foundation

/// A grammar from its parts; sentences without the equals sign.
func grammarText(
  tokens: Int = 11, objects: String = "key cup hat", places: String = "barn mill", statement: String = "0.3",
  told: String = "NAME took the OBJECT PLACE .", question: String = "0.7", asked: String = "the OBJECT PLACE ."
) -> String {
  """
  # A language for tests
  tokens \(tokens)
  NAME = anna ben
  OBJECT = \(objects)   # things
  PLACE = \(places)
  statement \(statement) = \(told)
  question \(question) = \(asked)
  """
}

/// The file of the project.
func worldGrammar() throws -> Grammar {
  let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  return try Grammar(contentsOf: root.appendingPathComponent("data/world.grammar"))
}

/// Grammars of different kinds: sentences that begin with a fixed word, a name, an object; no names at all; a place
/// before its object; nothing but questions after the first statement; no question before all is placed.
func variousGrammars() throws -> [Grammar] {
  try [
    grammarText(),
    grammarText(tokens: 13, objects: "key cup", places: "barn mill shed", asked: "where is the OBJECT ? PLACE !"),
    "tokens 7\nPLACE = a b c\nOBJECT = x y\nstatement 0.5 = OBJECT PLACE\nquestion 0.5 = ? OBJECT PLACE",
    "tokens 10\nPLACE = a b\nOBJECT = x y z\nWHO = p q r\nstatement 0.25 = in PLACE is OBJECT\n"
      + "question 0.75 = WHO asks WHO about OBJECT in PLACE .",
    grammarText(statement: "0", question: "1"),
    grammarText(tokens: 23, objects: "key", places: "barn mill", statement: "1", question: "0"),
  ].map { try Grammar($0) }
}
