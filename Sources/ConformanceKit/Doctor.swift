// # The doctor
//
// A tensor differs; what went wrong? The doctor makes each of the usual mistakes in turn and looks for one that gives
// what was answered: not something like it, but the same numbers. It goes through the answered tensors in the order in
// which they are computed:
//
//     1  the first wrong tensor must come out as answered, and so must all before it
//     2  of the mistakes that pass, those explain most that agree with the answers longest
//     3  if something later still differs, there is another mistake: we keep the first, and look again
//     4  a tensor that no mistake explains may be explained by two together
//     5  one that these do not explain either is passed over, and the others are explained as far as they can be
//
// `Search.swift` does this.
//
// If several mistakes explain the same, they cannot be told apart by what was answered, and the doctor says which
// tensor would do so. Of what nothing explains it says what the difference looks like.
//
// ## Programs that compute in 32 bits in places
//
// A program can write 64 bits and round to 32 on the way: in a softmax, in the angles, in a norm. Then everything
// differs by 1e-7, and a mistake that is a million times as large drowns in the list. So differences that 32 bits
// would excuse have a verdict of their own. If the strict comparison finds no cause for them, the doctor looks again
// with the tolerances of 32 bits.
//
// Read before: `Check.swift`, `Fault.swift`. Read next: `Search.swift`, `Pattern.swift`. Chapter: 16-conformance.

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
  /// Wrong tensors that the causes do not explain, in the order of computation.
  public let unexplained: [String]
  /// What the first of these looks like, in clauses.
  public let looks: [String]
  /// Tensors between the last right one and the first unexplained one that would say more if they were answered.
  public let missing: [String]
  /// A tensor that would tell the possible causes apart; nil if there is one cause, or no such tensor in the case.
  public let decisive: String?
  /// The first tensor that is right to 32 bits and no further, if there is one and no cause explains it.
  public let coarse: String?
}

/// Finds the mistakes behind wrong answers.
public struct Doctor {
  let kit: KitCase
  let inputs: [String: Tensor]

  /// A doctor for a case.
  public init(_ kit: KitCase) { (self.kit, inputs) = (kit, kit.inputs()) }

  /// The mistakes behind answers of which at least one is wrong.
  package func diagnose(_ answered: Answered) -> Diagnosis {
    let strict = search(answered)
    if strict.unexplained.isEmpty || answered.excused.isEmpty { return strict }
    // Nothing explains the small differences: we forgive them, and look for causes of the large ones.
    let forgiving = search(answered.forgiven)
    return Diagnosis(
      kit: kit.name, first: forgiving.first, wrong: forgiving.wrong, causes: forgiving.causes,
      unexplained: forgiving.unexplained, looks: forgiving.looks, missing: forgiving.missing,
      decisive: forgiving.decisive, coarse: strict.first)
  }

  private func search(_ answered: Answered) -> Diagnosis {
    let right = Computation(kit, inputs: inputs)
    var search = Search(right, answered)
    search.run()
    return Diagnosis(answered, kit, right, search, decisive: decisive(search.causes, besides: answered))
  }

  /// The first tensor of the case in which the possible causes differ.
  private func decisive(_ causes: [[Fault]], besides answered: Answered) -> String? {
    guard let open = causes.firstIndex(where: { $0.count > 1 }) else { return nil }
    let before = causes[..<open].reduce(Computation(kit, inputs: inputs)) { $0.making($1[0]) }
    let computations = causes[open].map { before.making($0) }
    return computations[0].names().first { name in
      guard answered.tensors[name] == nil, let one = computations[0].tensor(name) else { return false }
      return computations.dropFirst().contains { other in
        guard let tensor = other.tensor(name), tensor.shape == one.shape else { return true }
        return Difference(of: tensor, from: one).size > Kit.tolerance
      }
    }
  }
}

extension Diagnosis {
  /// Collects what the search has found.
  fileprivate init(
    _ answered: Answered, _ kit: KitCase, _ right: Computation, _ search: Search, decisive: String?
  ) {
    let (base, all) = (search.base, right.names())
    let unexplained = search.order.filter { !search.agreeing.contains($0) }
    var (looks, missing): ([String], [String]) = ([], [])
    if let first = unexplained.first {
      let others = all.filter { $0 != first }.map { ($0, right.tensor($0)!) }
      looks = Pattern.clauses(
        answered.tensors[first]!, base.tensor(first) ?? right.tensor(first)!, axes: right.entry(first)!.axes,
        within: answered.tolerances[first]!, among: others)
      // What lies between the last answered tensor before it and itself.
      let place = all.firstIndex(of: first)!
      missing = all[..<place].reversed().prefix { answered.tensors[$0] == nil }.reversed()
    }
    self.init(
      kit: kit.name, first: search.order.first { answered.wrong.contains($0) } ?? "", wrong: answered.wrong.count,
      causes: search.causes, unexplained: unexplained, looks: looks, missing: missing, decisive: decisive, coarse: nil
    )
  }
}

// ## What the kit can show

extension Doctor {
  /// The first tensor of a case that a mistake changes; nil if it changes none.
  public static func firstTensor(of kit: KitCase, showing fault: Fault) -> String? {
    let right = Computation(kit)
    let wrong = right.making(fault)
    return right.names().first { name in
      guard let tensor = wrong.tensor(name), tensor.shape == right.tensor(name)!.shape else { return true }
      return Difference(of: tensor, from: right.tensor(name)!).size > Kit.tolerance
    }
  }
}
