// # A diagnosis in words
//
// Read before: `Doctor.swift`.

extension Diagnosis {
  /// The diagnosis as sentences, a paragraph for each thing that is said.
  public var sentences: [String] {
    var lines: [String] = []
    if let coarse {
      lines.append(
        "\(kit): right to 32 bits and no further from \(coarse) on: something is computed in 32 bits, or rounded to"
          + " them. With --float32 the tolerances are those of 32 bits.")
      if wrong == 0 { return lines }
    }
    let beyond = coarse == nil ? "" : " by more than that"
    lines.append(
      "\(kit): \(wrong) answered \(wrong == 1 ? "tensor differs" : "tensors differ")\(beyond), first \(first).")
    for (number, cause) in causes.enumerated() {
      let words = cause.map(\.words)
      let start = number == 0 ? "This is" : "Then there is"
      if words.count == 1 {
        lines.append("\(start): \(words[0].title). \(sentence(words[0].mistake)) \(sentence(words[0].remedy))")
        continue
      }
      let titles = words.map(\.title).joined(separator: "; or ")
      let remedy =
        decisive.map { "To tell them apart, answer \(kit)/\($0)." } ?? "No tensor of this case tells them apart."
      lines.append("\(start) one of \(words.count), which give the same numbers here: \(titles). \(remedy)")
      lines += words.map { "  \($0.title): \(sentence($0.mistake)) \(sentence($0.remedy))" }
    }
    if !unexplained.isEmpty { lines.append(contentsOf: ofUnexplained) }
    return lines
  }

  private var ofUnexplained: [String] {
    let count = unexplained.count
    let names = unexplained.prefix(3).joined(separator: ", ") + (count > 3 ? " and \(count - 3) more" : "")
    var line =
      causes.isEmpty
      ? "None of the \(Fault.allCases.count) mistakes that are known here gives this."
      : "Not explained by this: \(names)."
    if !looks.isEmpty { line += " Of \(unexplained[0]): \(looks.joined(separator: "; "))." }
    switch missing.count {
    case 0: line += " What comes before it agrees, so look at the step that makes it."
    case 1...4: line += " To narrow it down, answer \(missing.joined(separator: ", "))."
    default:
      line +=
        " To narrow it down, answer some of the \(missing.count) tensors from \(missing[0]) to \(missing.last!)."
    }
    return [line]
  }

  private func sentence(_ clause: String) -> String { clause.prefix(1).uppercased() + clause.dropFirst() + "." }
}
