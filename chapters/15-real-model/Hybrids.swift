// # Hybrids without further training
//
// Stage 2 trains each layer apart from the others, so one run gives us every hybrid: we take the student's
// mixers in some layers and the teacher's attention in the others, and measure.
//
// Two students are combined here. One is the student of the chapter. In the other only the layers before the
// state of the first token grows massive were trained, with a weight of 32 on the first token of each
// window, so that the errors of these layers do not keep that state from growing.

import Book
import Corpora
import Distillation
import Experiments
import Layers
import Models
import Notebook
import Statistics
import Tensors

/// A hybrid to be measured: which layers keep attention, and which student the mixers of the others come from.
nonisolated struct Hybrid: Codable {
  var name: String
  /// Layers that keep the teacher's attention.
  var kept: [Int]
  /// Layers before this one have mixers that were trained with a weighted first token; 0 for none.
  var weightedBefore = 0

  /// The model of teacher and students.
  func model(_ teacher: FrozenModel, _ student: LanguageModel, _ weighted: LanguageModel?) -> FrozenModel {
    let replaced = (0..<teacher.configuration.L).filter { !kept.contains($0) }
    let model = teacher.model.exchanging(replaced, with: student)
    guard let weighted else { return model.frozen }
    return model.exchanging(replaced.filter { $0 < weightedBefore }, with: weighted).frozen
  }
}

/// What was measured on a hybrid.
nonisolated struct HybridResult: Codable {
  var hybrid: Hybrid
  /// Each window's cross-entropy, and KL(teacher ‖ hybrid).
  var losses, divergences: [Double]
  /// The norm of the first token's state over the mean norm of the others, at the input of the last layer.
  var firstState: Double

  var loss: Double { Estimate(losses).mean }
  var divergence: Double { Estimate(divergences).mean }

  /// The numbers of an evaluation, and those of the states that the last layer reads.
  init(_ hybrid: Hybrid, _ model: FrozenModel, _ evaluation: Evaluation, on batches: [Batch]) {
    self.hybrid = hybrid
    (losses, divergences) = (evaluation.losses, evaluation.divergences)
    var ratio = 0.0
    for batch in batches.prefix(2) {
      let u = Array(model.traces(batch.inputs, keepingMatrices: false)).last!.input
      let norms = distance(u, .zeros(u.shape), over: 1).elements.map { Double($0) }
      ratio += norms[0] / (norms.dropFirst().reduce(0, +) / Double(norms.count - 1)) / Double(batches.prefix(2).count)
    }
    firstState = ratio
  }
}

/// What was measured on many hybrids.
struct Exploration: Codable {
  /// Hybrids with layers replaced from the first on and from the last on; and the repairs.
  var ladder, mends: [HybridResult]
  /// The student whose early layers have mixers that were trained with a weight on the first token, and one layer's
  /// attention given back, by layer.
  var restored: [HybridResult]
  /// The hybrid that is trained further.
  var chosen: Hybrid

  /// What was measured on the hybrid with this name in the table; stops the program if there is none.
  func result(_ name: String) -> HybridResult { (ladder + mends).first { $0.hybrid.name == name }! }
}

/// `count` layers of L, evenly spread, neither the first nor the last.
func spread(_ count: Int, of L: Int) -> [Int] { (0..<count).map { (2 * $0 + 1) * L / (2 * count) } }

extension Job {
  /// How many layers a hybrid keeps.
  var keptCount: Int { chapter.isQuick ? 1 : 4 }

  /// The student of the early layers, trained with more weight on the first token.
  private func weightedStudent(before massive: Int) throws -> TrainedModel {
    var own = plan
    (own.firstToken, own.scale, own.steps) = (32, .relative, [0, plan.steps[1], 0])
    work.begin("first tokens")
    return try store.student(
      of: own.arm(keeping: Array(massive..<teacher.configuration.L), among: subset), in: chapter.name,
      as: "first-token")
  }

  /// Measures hybrids of teacher and students.
  func exploreHybrids(_ student: LanguageModel, massive: Int) throws -> Exploration {
    let weighted = try weightedStudent(before: massive).model
    work.begin("hybrids")
    let L = teacher.configuration.L
    struct Key: Encodable {
      var arm: Arm
      var massive, count: Int
    }
    return try store.result("hybrids", in: chapter.name, of: Key(arm: arm, massive: massive, count: keptCount)) {
      let steps = [L / 8, L / 4, L / 2, 3 * L / 4].filter { $0 > 0 }
      var ladder = [Hybrid(name: "none", kept: Array(0..<L)), Hybrid(name: "all", kept: [])]
      for k in steps {
        ladder.append(Hybrid(name: "the first \(k)", kept: Array(k..<L)))
        ladder.append(Hybrid(name: "the last \(k)", kept: Array(0..<(L - k))))
      }
      let even = spread(keptCount, of: L)
      let mended = [
        Hybrid(name: "all, first token weighted", kept: [], weightedBefore: massive),
        Hybrid(name: "the first \(L / 2), first token weighted", kept: Array((L / 2)..<L), weightedBefore: massive),
        Hybrid(name: "all but \(list(even))", kept: even),
        Hybrid(name: "all but \(list(even)), first token weighted", kept: even, weightedBefore: massive),
        Hybrid(name: "all but \(list(Array(0..<keptCount)))", kept: Array(0..<keptCount)),
      ]
      let bar = work.bar("hybrids", total: (ladder.count + mended.count + 1) * windows.few + L * windows.single)
      defer { bar.finish() }
      var done = 0
      func add(_ count: Int) {
        done += count
        bar.update(done, .none, tokens: nil)
      }
      let students = (plain: student, weighted: weighted)
      let restored = measured(
        (0..<L).map { Hybrid(name: "\($0)", kept: [$0], weightedBefore: massive) }, of: students, on: windows.single,
        add)
      let best = restored.sorted { $0.divergence < $1.divergence }.prefix(keptCount).map { $0.hybrid.kept[0] }
        .sorted()
      let picked = Hybrid(name: "all but \(list(best)), first token weighted", kept: best, weightedBefore: massive)
      let results = measured(ladder + mended + [picked], of: students, on: windows.few, add)
      let candidates = results.filter { $0.hybrid.kept.count == keptCount && $0.hybrid.name.hasPrefix("all but") }
      return Exploration(
        ladder: Array(results.prefix(ladder.count)), mends: Array(results.dropFirst(ladder.count)),
        restored: restored,
        chosen: candidates.min { $0.divergence < $1.divergence }!.hybrid)
    }
  }

  /// Measures hybrids on some windows that are not reported.
  private func measured(
    _ hybrids: [Hybrid], of students: (plain: LanguageModel, weighted: LanguageModel), on count: Int,
    _ onWindows: (Int) -> Void
  ) -> [HybridResult] {
    let batches = Array(store.heldOut.choosing.prefix(count))
    let models = hybrids.map { $0.model(teacher, students.plain, students.weighted) }
    let evaluations = evaluate(models, against: teacher, on: batches) { _ in onWindows(hybrids.count) }
    return hybrids.indices.map { HybridResult(hybrids[$0], models[$0], evaluations[$0], on: batches) }
  }

  private func list(_ layers: [Int]) -> String { layers.map(String.init).joined(separator: ", ") }

  /// The hybrid that was closest after stage 2, trained in stage 3 for as many steps as the student without attention.
  func trainedHybrid(_ student: LanguageModel, _ exploration: Exploration) throws -> (
    model: FrozenModel, evaluation: Evaluation
  ) {
    let chosen = exploration.chosen
    work.begin("hybrid, stage 3")
    let weighted = chosen.weightedBefore > 0 ? try weightedStudent(before: chosen.weightedBefore).model : nil
    let replaced = (0..<teacher.configuration.L).filter { !chosen.kept.contains($0) }
    var own = plan
    own.steps = [0, 0, plan.steps[2]]
    let start = StudentStart.mixers(
      "stage 2 of \(plan.steps[1]) steps, first token weighted before \(chosen.weightedBefore)",
      of: [(replaced, student)]
        + (weighted.map { [(replaced.filter { $0 < chosen.weightedBefore }, $0)] } ?? []))
    let hybrid = try store.student(
      of: own.arm(keeping: chosen.kept, among: subset), in: chapter.name, as: "hybrid", from: start)
    work.begin("evaluation of the hybrid")
    return (
      hybrid.frozen,
      try evaluation(of: hybrid.frozen, "hybrid \(chosen.name)", on: store.heldOut.reported, texts[0].name)
    )
  }
}

// ## In the chapter

extension Job {
  private func rows(_ results: [HybridResult]) -> [[String]] {
    results.map { r in
      [r.hybrid.name, "\(teacher.configuration.L - r.hybrid.kept.count)"]
        + [r.loss, r.divergence].map { number($0, decimals: 3) } + [number(r.firstState, digits: 3)]
    }
  }

  /// The tables of replaced layers, of repairs, and of single layers that keep attention.
  func report(_ exploration: Exploration) {
    let columns = ["replaced", "layers", "loss", "KL", "state of token 0 / others"]
    chapter.tabulate("ladder", columns, rows: rows(exploration.ladder))
    chapter.tabulate("mends", columns, rows: rows(exploration.mends))
    chapter.tabulate(
      "restored", ["attention given back in layer", "KL"],
      rows: exploration.restored.map { [$0.hybrid.name, number($0.divergence, decimals: 3)] })
    chapter.plot(hybridFigure(exploration, L: teacher.configuration.L), "hybrids")
    if isDefault {
      let half = teacher.configuration.L / 2
      let first = exploration.result("the first \(half)").divergence
      check(
        "the trap: the first \(half) replaced lose more than all do", first,
        greaterThan: exploration.result("all").divergence, digits: 3)
      check(
        "the mend: with a weighted first token they lose less",
        exploration.result("the first \(half), first token weighted").divergence, lessThan: first, digits: 3)
    }
  }

  /// The hybrid that was trained further, beside the student without attention.
  func report(_ hybrid: (model: FrozenModel, evaluation: Evaluation), against student: Evaluation) {
    tabulateEvaluations([("hybrid", texts[0].name, hybrid.evaluation)], file: "hybrid")
    let nearer = PairedDifference(zip(student.divergences, hybrid.evaluation.divergences).map { $0 - $1 })
    let better = PairedDifference(zip(student.losses, hybrid.evaluation.losses).map { $0 - $1 })
    for (name, gain) in [("KL", nearer), ("loss", better)] {
      show(
        "\(name): student − hybrid",
        "\(number(gain.mean, decimals: 3)) (95 % interval \(gain.intervalText(decimals: 3)))")
    }
    if isDefault {
      check(
        "a hybrid of \(keptCount) attention layers is nearer to the teacher than the student: lower end of the interval",
        nearer.interval?.lowerBound ?? .nan, greaterThan: 0.0, digits: 2)
    }
  }
}
