// # A contest
//
// One teacher, and all students that keep one or two of its heads. There are few heads, so there are few students; and
// their layers are trained once for all of them.
//
// Stages 1 and 2 train each layer by itself, on the states of the teacher. What a layer becomes depends on the heads
// that it keeps, and not on those that other layers keep. A layer of two heads has four versions:
//
//     no head kept     head 0 kept     head 1 kept     both kept, which is the teacher's own layer
//
// So three students go through the two stages: one keeps no head in any layer, one keeps head 0 in each, one head 1
// in each. Every student of the contest is then assembled from layers of these three and of the teacher.

import Corpora
import Distillation
import Experiments
import Foundation
import Gradients
import Layers
import Models
import Notebook
import Statistics
import Synchronization
import Tensors
import Training

nonisolated extension Recipe {
  /// The sizes and steps of this chapter: few heads, in many narrow layers.
  static func heads(recalling: Bool, isQuick: Bool) -> Recipe {
    var recipe = Recipe.standard
    // Deep teachers begin to recall late: those of eight layers that we tried had not begun after this many steps.
    (recipe.D, recipe.H, recipe.L) = isQuick ? (32, 2, 3) : (64, 2, recalling ? 4 : 8)
    (recipe.N, recipe.Q) = isQuick ? (8, 16) : (16, 64)
    (recipe.B, recipe.windows) = isQuick ? (4, 8) : (recalling ? 16 : 8, 64)
    if !recalling && isQuick { recipe.T = 48 }
    // A word is found by what it is, and not by where it stands: see `Recipe.recall`.
    recipe.rotaryFraction = recalling ? 0.25 : 1
    recipe.teacherSteps = isQuick ? 60 : recalling ? 1400 : 1500
    // A layer with an optimiser and a clipping of its own does not depend on what other layers keep.
    recipe.layersSideBySide = recipe.L
    (recipe.orientationSteps, recipe.alignmentEnd, recipe.studentSteps) = isQuick ? (6, 12, 16) : (60, 150, 180)
    return recipe
  }
}

/// A teacher with one seed, and what the students that keep some of its heads are assembled from.
nonisolated struct Contest {
  /// "text" or "recall".
  let name: String
  /// Where its models and numbers are kept.
  let store: ModelStore
  /// Steps and rates of the students.
  let recipe: Recipe
  /// The teacher.
  let teacher: FrozenModel
  /// All heads of the teacher, layer by layer.
  let heads: [HeadPlace]
  /// Students that keep no head, head 0 in each layer, head 1 in each layer; after stage 1.
  let oriented: [LanguageModel]
  /// The same after stage 2.
  let aligned: [LanguageModel]
  /// What the students are asked to write.
  let exam: Exam

  init(_ name: String, _ store: ModelStore, _ recipe: Recipe, in chapter: String) throws {
    (self.name, self.store, self.recipe) = (name, store, recipe)
    // All students read the same batches, so that the teacher need not read them more than once.
    let teacher = try store.teacher().frozen.remembering(RememberedPasses(room: 250_000_000))
    let (L, H) = (recipe.L, recipe.H)
    (self.teacher, heads) = (teacher, (0..<L).flatMap { l in (0..<H).map { HeadPlace(layer: l, head: $0) } })
    exam = try Exam(of: store, teacher)
    func version(_ kept: [Int], after count: Int) throws -> LanguageModel {
      let arm = Contest.arm(recipe, teacher, keeping: Array(repeating: kept, count: L))
      let suffix = kept.isEmpty ? "no-head" : "head-\(kept[0])"
      let student = try store.student(of: arm, in: chapter, as: "\(name)-keeping-\(suffix)", after: count).model
      transferWeights(from: teacher, to: student)
      return student
    }
    let versions = [[]] + (0..<H).map { [$0] }
    // The later one first: it makes and keeps the earlier one on its way.
    aligned = try versions.map { try version($0, after: 2) }
    oriented = try versions.map { try version($0, after: 1) }
  }

  /// The stages of a student that keeps some heads of each layer; a layer with all its heads stays the teacher's.
  static func arm(_ recipe: Recipe, _ teacher: FrozenModel, keeping kept: [[Int]]) -> Arm {
    let choices = zip(kept, teacher.configuration.mixers).map { kept, mixer -> MixerChoice? in
      guard let attention = mixer as? CausalAttentionSizes, kept.count < attention.H else { return nil }
      return MixerChoice(HeadHybridSizes(attention: attention, recurrent: recipe.studentMixer, keeping: kept))
    }
    // What a head contributes and what becomes of it are the teacher's from the beginning: a kept head and a new one
    // share the output projection.
    return recipe.arm(.all, .mixers(choices)).with { $0.copiedProjections = .valuesAndOutput }
  }

  /// The heads that a student keeps, layer by layer.
  func kept(_ subset: [HeadPlace]) -> [[Int]] {
    (0..<recipe.L).map { layer in subset.filter { $0.layer == layer }.map(\.head).sorted() }
  }

  /// The arm of a student that keeps these heads.
  func arm(keeping subset: [HeadPlace]) -> Arm { Contest.arm(recipe, teacher, keeping: kept(subset)) }

  /// The student that keeps these heads, after stage 2: assembled, and free to be trained further.
  ///
  /// - Parameter versions: what its layers are taken from; nil for `aligned`
  func student(keeping subset: [HeadPlace], from versions: [LanguageModel]? = nil) -> LanguageModel {
    let (versions, kept) = (versions ?? aligned, kept(subset))
    let sizes = kept.enumerated().map { layer, kept -> (any MixerSizes)? in
      kept.count == recipe.H ? nil : versions[version(kept)].configuration.mixers[layer]
    }
    var random = SeededGenerator(seed: 0)
    let student = LanguageModel(student: teacher.configuration.student(sizes), of: teacher, using: &random)
    for (layer, kept) in kept.enumerated() where kept.count < recipe.H {
      let source = versions[version(kept)].blocks[layer].mixer
      for (mine, theirs) in zip(student.blocks[layer].mixer.parameters, source.parameters) {
        mine.value = theirs.value
      }
    }
    return student
  }

  private func version(_ kept: [Int]) -> Int {
    precondition(kept.count < 2, "no version of a layer keeps the heads \(kept)")
    return kept.isEmpty ? 0 : kept[0] + 1
  }

  /// The whole model's own subsets: none, each head, each pair.
  var subsets: [[HeadPlace]] { [[]] + heads.map { [$0] } + pairs }

  /// All pairs of heads.
  var pairs: [[HeadPlace]] {
    heads.indices.flatMap { a in heads.indices.dropFirst(a + 1).map { [heads[a], heads[$0]] } }
  }

  /// A batch as the stages draw it.
  func draw(using random: inout SeededGenerator) -> Batch {
    if let grammar = store.grammar { return grammar.randomBatch(B: recipe.B, using: &random).batch }
    return store.corpus.randomBatch(B: recipe.B, T: recipe.T, using: &random)
  }

  /// KL(teacher ‖ student) of students that keep these heads, after stage 2, on windows for choosing.
  func divergences(keeping subsets: [[HeadPlace]]) -> [Double] {
    nonisolated(unsafe) let contest = self
    return onCores(subsets) { subset in
      contest.divergence(of: contest.student(keeping: subset).frozen, on: contest.store.heldOut.choosing)
    }
  }

  /// KL(teacher ‖ student) on some windows.
  func divergence(of student: FrozenModel, on batches: [Batch]) -> Double {
    evaluate(student, against: teacher, on: batches).divergence.mean
  }
}

/// The results of independent pieces of work, in order, each on one of the cores.
nonisolated func onCores<Item: Sendable, Value: Sendable>(
  _ items: [Item], _ body: @Sendable (Item) -> Value
) -> [Value] {
  let results = Lock([Value?](repeating: nil, count: items.count))
  onAllCores(items.count) { index in
    let value = body(items[index])
    results.withLock { $0[index] = value }
  }
  return results.withLock { $0.map { $0! } }
}
