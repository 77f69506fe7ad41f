// # Stages that train each layer by itself
//
// In stages 1 and 2 the student's layer l reads the teacher's states, and its loss depends only on its own
// parameters. So the stage consists of independent problems, one for each layer, which share only the traces of the
// teacher. Three things follow:
//
//   - Each layer can have a tape, an optimiser and a checkpoint of its own. Its gradients are used and released
//     before those of the next layer are computed, so that a step needs the memory of only one layer.
//   - Layers can be trained one after another, side by side, or on many machines, with the same result.
//   - After a killed run, a layer that is behind the others can catch up alone.
//
// `train` in `Stage.swift` puts all layers on one tape, which costs nothing in a small model and shows the stage as
// one loss. A large model goes through `trainLayers` below.
//
// Read before: `DistillationStage.swift`, `DistanceScale.swift`. Read next: `MatrixOrientation.swift`,
// `HiddenStateAlignment.swift`, `LayerShares.swift`.

import Communication
import Corpora
import Foundation
import Gradients
import Models
import Tensors
import Training

/// A stage that is a sum of independent problems, one for each layer.
public protocol LayerwiseStage: DistillationStage {
  /// Whether the loss of a layer needs the teacher's matrix.
  var comparesMatrices: Bool { get }
  /// What is trained in a layer.
  func trained(in layer: Int) -> [ParameterRows]
  /// The loss of a layer, given the trace of the teacher's layer on a batch.
  func loss(of layer: Int, _ trace: BlockTrace<Tensor>) -> Variable
}

extension LayerwiseStage {
  /// What is trained in all replaced layers; each layer is a group.
  public var trained: [ParameterRows] {
    replaced.flatMap { layer in trained(in: layer).map { $0.inGroup(layer) } }
  }

  /// The sum over layers, with one part for each layer; the teacher runs once for each batch.
  public func loss(_ batch: Batch) -> StageLoss {
    let traces = teacher.trace(batch.inputs, keepingMatrices: comparesMatrices)
    let losses = replaced.map { loss(of: $0, traces[$0]) }
    return StageLoss(
      losses.dropFirst().reduce(losses[0]) { $0 + $1 },
      parts: zip(replaced, losses).map { (layerName($0), Double($1.value.scalar)) })
  }
}

private func layerName(_ layer: Int) -> String { "layer \(layer)" }

// ## Each layer by itself
//
// The layers of a group are trained side by side, each on a core of its own, so that the cores do not wait for one
// another inside each matrix product. Only the traces of the group are held in memory. A group of one, with all cores
// in each product, needs the least memory.

/// Trains a stage as `train` does, but each layer has its own optimiser, gradient clipping and checkpoint.
///
/// - Parameters:
///   - name: for messages and the checkpoints
///   - draw: draws a batch with the random generator of the run; all layers see the same batches
///   - folder: where the run of each layer saves its state, or nil
///   - interval: after how many steps the state is saved; it is also saved when some time has passed
///   - group: how many layers are trained side by side, at least 1; it changes the cost, not the result
///   - origin: a JSON object of everything else that the runs depend on; a checkpoint made from something else is
///     refused
///   - ranks: with whom the layers are shared; all of them call this, with equal models, and have the same student in the
///     end. Micro-batches in the settings are for other stages, and ignored
///   - pass: how ranks get the teacher's states; it changes the cost, not the result
///   - onBegin: called before the first step with the number of steps that all layers of this rank have already made
///   - onStep: called after each step that all layers of this rank have made, with the sum of their losses
/// - Returns: the record of all layers, with a detail for each; its gradient norm is that of all layers together
///
/// Throws what `check`, the runs and their checkpoints throw.
public func trainLayers(
  _ stage: some LayerwiseStage, as name: String, _ settings: TrainingSettings,
  on draw: (inout SeededGenerator) -> Batch, checkpoints folder: URL? = nil, every interval: Int = 200,
  sideBySide group: Int, madeFrom origin: String = "{}", sharedAmong ranks: any RankGroup = SingleRank(),
  teacherPass pass: TeacherPass = .handedOn, onBegin: (_ first: Int) -> Void = { _ in },
  onStep: (_ step: Int, _ loss: Double) -> Void = { _, _ in }
) throws -> History {
  precondition(group > 0, "at least one layer must be trained at a time, not \(group)")
  precondition(
    Set(stage.replaced).count == stage.replaced.count, "a layer is listed twice in \(stage.replaced)")
  try stage.begin()
  var settings = settings
  settings.microBatches = nil
  let layers = ranks.count == 1 ? [stage.replaced] : stage.layers(ofRanks: ranks.count, pass)
  let mine = layers[ranks.rank]
  let runs = try mine.map { layer in
    try TrainingRun(
      "\(name), \(layerName(layer))", of: stage.trained(in: layer), settings: settings,
      checkpoint: folder?.appending(path: "layer-\(layer).safetensors"), every: interval, madeFrom: origin)
  }
  func slowest() -> Int { runs.map(\.records.count).min() ?? settings.schedule.steps }
  onBegin(slowest())
  if ranks.count > 1, pass == .handedOn {
    let relay = TeacherRelay(stage, layers, ranks)
    try relay.train(runs, steps: settings.schedule.steps, on: draw, sideBySide: group, onStep: onStep)
  }
  while case let step = slowest(), step < settings.schedule.steps {
    // After a killed run, layers that were saved later than others wait until these have caught up.
    let behind = runs.indices.filter { runs[$0].records.count == step }
    var random = runs[behind[0]].random
    let batch = draw(&random)
    for index in behind { runs[index].random = random }
    try stage.step(behind.map { (mine[$0], runs[$0]) }, on: batch, sideBySide: group)
    if slowest() == step + 1 { onStep(step + 1, runs.reduce(0) { $0 + $1.records[step].loss }) }
  }
  var histories = Dictionary(uniqueKeysWithValues: zip(mine, runs.map(\.history)))
  if ranks.count > 1 { histories = try stage.gather(histories, of: layers, among: ranks) }
  return History(of: stage.replaced.map { histories[$0]! }, named: stage.replaced.map(layerName))
}

// ## One step
//
// The teacher's pass goes from layer to layer, and stops at the last layer that is trained.

extension LayerwiseStage {
  /// One step of some layers, each with its own run, from one pass of the teacher.
  ///
  /// Throws what the runs throw; layers of earlier groups have then made their step.
  public func step(
    _ layers: [(layer: Int, run: TrainingRun)], on batch: Batch, sideBySide group: Int
  ) throws {
    var traces = teacher.traces(batch.inputs, keepingMatrices: comparesMatrices)
    var index = 0
    try step(layers, &traces, next: &index, sideBySide: group)
  }

  /// The same from a pass of the teacher that is under way; it goes on to the last of these layers.
  ///
  /// - Parameter index: the layer whose trace comes next
  func step(
    _ layers: [(layer: Int, run: TrainingRun)], _ traces: inout BlockTraces<Tensor>, next index: inout Int,
    sideBySide group: Int
  ) throws {
    var waiting: [(run: TrainingRun, layer: Int, trace: BlockTrace<Tensor>)] = []
    func flush() throws {
      // Each item has a layer, a run and a tape of its own, and reads a trace that no other item reads.
      nonisolated(unsafe) let items = waiting.map { item in
        { try item.run.descend(self.loss(of: item.layer, item.trace)) }
      }
      waiting = []
      let failure = Lock<(any Error)?>(nil)
      let perform = { @Sendable (index: Int) in
        do { try items[index]() } catch { failure.withLock { $0 = $0 ?? error } }
      }
      if items.count == 1 { perform(0) } else { onAllCores(items.count, perform) }
      if let error = failure.withLock({ $0 }) { throw error }
    }
    var rest = layers.sorted { $0.layer < $1.layer }[...]
    while let next = rest.first, let trace = traces.next() {
      let layer = index
      index += 1
      guard next.layer == layer else { continue }
      rest = rest.dropFirst()
      waiting.append((next.run, layer, trace))
      if waiting.count == group { try flush() }
    }
    if !waiting.isEmpty { try flush() }
  }
}
