// # The doctor
//
// A tensor differs; what went wrong? The doctor makes each of the usual mistakes in turn and looks for one that gives
// what was answered: not something like it, but the same numbers. It goes through the answered tensors in the order in
// which they are computed:
//
//     1  the first wrong tensor must come out as answered, and so must all before it
//     2  of the mistakes that pass, those explain most that agree with the answers longest
//     3  if something later still differs, there is another mistake: we keep the first, and look again
//
// A mistake is ruled out at the first tensor that it gets wrong, so most cost one forward pass. If several explain all
// that was answered, they cannot be told apart by it, and the doctor says which tensor would do so.
//
// Read before: `Check.swift`, `Fault.swift`. Chapter: 16-conformance.

import Tensors

/// What is wrong with the answers of one case.
public struct Diagnosis: Sendable {
  /// The name of the case.
  public let kit: String
  /// The first wrong tensor in the order of computation.
  public let first: String
  /// How many answered tensors are wrong.
  public let wrong: Int
  /// The mistakes that together give what was answered, in the order in which they show; for each of them all that
  /// give the same. Empty if none was found.
  public let causes: [[Fault]]
  /// Wrong tensors that the causes do not explain.
  public let unexplained: [String]
  /// A tensor that would tell the possible causes apart; nil if there is one cause, or no such tensor in the case.
  public let decisive: String?
}

/// Finds the mistakes behind wrong answers.
public struct Doctor {
  /// The most mistakes that are looked for in one answer.
  static let mostCauses = 4

  let kit: KitCase
  let inputs: [String: Tensor]

  /// A doctor for a case.
  public init(_ kit: KitCase) { (self.kit, inputs) = (kit, kit.inputs()) }

  /// The mistakes behind answers of which at least one is wrong.
  package func diagnose(_ answered: Answered) -> Diagnosis {
    let right = Computation(kit, inputs: inputs)
    let order = right.names().filter { answered.tensors[$0] != nil }
    var base: Set<Fault> = []
    var causes: [[Fault]] = []
    var reached = agreement(right, answered, order)
    while reached < order.count && causes.count < Doctor.mostCauses {
      let candidates = Fault.allCases.filter { !base.contains($0) }
        .map { (fault: $0, reached: agreement(Computation(kit, faults: base.union([$0]), inputs: inputs), answered, order)) }
      let best = candidates.map(\.reached).max() ?? 0
      guard best > reached else { break }
      let equal = candidates.filter { $0.reached == best }.map(\.fault)
      causes.append(equal)
      base.insert(equal[0])
      reached = best
    }
    let explained = Computation(kit, faults: base, inputs: inputs)
    let unexplained = order.filter { !agrees(explained, $0, answered) }
    return Diagnosis(
      kit: kit.name, first: order.first { answered.wrong.contains($0) }!, wrong: answered.wrong.count, causes: causes,
      unexplained: unexplained, decisive: decisive(causes, besides: answered))
  }

  /// How many of the answered tensors come out as answered before the first that does not.
  private func agreement(_ computation: Computation, _ answered: Answered, _ order: [String]) -> Int {
    order.firstIndex { !agrees(computation, $0, answered) } ?? order.count
  }

  private func agrees(_ computation: Computation, _ name: String, _ answered: Answered) -> Bool {
    let answer = answered.tensors[name]!
    guard let tensor = computation.tensor(name), tensor.shape == answer.shape else { return false }
    return Difference(of: answer, from: tensor).size <= answered.tolerances[name]!
  }

  /// The first tensor of the case in which the possible causes differ.
  private func decisive(_ causes: [[Fault]], besides answered: Answered) -> String? {
    guard let open = causes.firstIndex(where: { $0.count > 1 }) else { return nil }
    let before = Set(causes[..<open].map { $0[0] })
    let computations = causes[open].map { Computation(kit, faults: before.union([$0]), inputs: inputs) }
    return computations[0].names().first { name in
      guard answered.tensors[name] == nil, let one = computations[0].tensor(name) else { return false }
      return computations.dropFirst().contains { other in
        guard let tensor = other.tensor(name), tensor.shape == one.shape else { return true }
        return Difference(of: tensor, from: one).size > Kit.tolerance
      }
    }
  }
}

// ## In words

extension Diagnosis {
  /// The diagnosis as sentences.
  public var sentences: [String] {
    var lines = ["\(kit): \(wrong) of the answered tensors \(wrong == 1 ? "differs" : "differ"), first \(first)."]
    if causes.isEmpty {
      lines.append("None of the \(Fault.allCases.count) mistakes that are known here gives this. Answer tensors before it.")
    }
    for (number, cause) in causes.enumerated() {
      let words = cause.map(\.words)
      let start = number == 0 ? "This is" : "Then there is"
      if words.count == 1 {
        lines.append("\(start): \(words[0].title). \(sentence(words[0].mistake)) \(sentence(words[0].remedy))")
      } else {
        let titles = words.map(\.title).joined(separator: "; or ")
        lines.append("\(start) one of these, which give the same tensors: \(titles).")
        lines.append(
          decisive.map { "To tell them apart, answer \(kit)/\($0)." }
            ?? "No tensor of this case tells them apart.")
        lines += words.map { "  \($0.title): \(sentence($0.mistake)) \(sentence($0.remedy))" }
      }
    }
    if !causes.isEmpty && !unexplained.isEmpty {
      lines.append("Not explained by this: \(unexplained.prefix(4).joined(separator: ", "))\(unexplained.count > 4 ? " and \(unexplained.count - 4) more" : "").")
    }
    return lines
  }

  private func sentence(_ clause: String) -> String { clause.prefix(1).uppercased() + clause.dropFirst() + "." }
}

// ## What the kit can show

extension Doctor {
  /// The first tensor of a case that a mistake changes; nil if it changes none.
  public static func firstTensor(of kit: KitCase, showing fault: Fault) -> String? {
    let (right, wrong) = (Computation(kit), Computation(kit, faults: [fault]))
    return right.names().first { name in
      guard let tensor = wrong.tensor(name), tensor.shape == right.tensor(name)!.shape else { return true }
      return Difference(of: tensor, from: right.tensor(name)!).size > Kit.tolerance
    }
  }
}
