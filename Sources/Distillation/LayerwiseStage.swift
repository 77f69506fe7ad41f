// # Stages without communication
//
// In stages 1 and 2 the student's layer l reads the teacher's states, and its loss is about its own
// parameters. So the stage is as many problems as there are layers, which share nothing but what the
// teacher shows. Three things follow:
//
//   - Each layer can have a tape, an optimiser and a checkpoint of its own. Its gradients are used and gone
//     before those of the next one are made, and the memory of a step is that of one layer.
//   - Layers can be trained one after another, side by side, or on many machines, with the same result.
//   - A layer that a killed run left behind catches up alone.
//
// `train` in `Stage.swift` puts all layers on one tape, which costs nothing in a small model and lets
// the stage be read as one loss. A large one goes through `trainLayers` below.
//
// Read before: `DistillationStage.swift`, `DistanceScale.swift`. Read next: `MatrixOrientation.swift`,
// `HiddenStateAlignment.swift`.

import Corpora
import Foundation
import Gradients
import Models
import Tensors
import Training

/// A stage that is the sum of one problem for each layer.
public protocol LayerwiseStage: DistillationStage {
  /// Whether a layer's loss is about the teacher's matrix.
  var comparesMatrices: Bool { get }
  /// What is trained in a layer.
  func trained(in layer: Int) -> [ParameterRows]
  /// The loss of a layer, given what the teacher's layer did with a batch.
  func loss(of layer: Int, _ trace: BlockTrace<Tensor>) -> Variable
}

extension LayerwiseStage {
  /// What is trained in all replaced layers; each layer is a group.
  public var trained: [ParameterRows] {
    replaced.flatMap { layer in trained(in: layer).map { $0.inGroup(layer) } }
  }

  /// The sum over layers, with one part for each of them; one teacher pass a batch.
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
// The layers of a group are trained side by side, each on a core of its own, which saves the cores from
// waiting for one another inside each product. What the teacher shows of the group is all that is held:
// a group of one, with both cores in each product, needs the least memory.

/// Goes through a stage like `train`, but each layer has an optimiser, a limit of its gradient and a checkpoint of its own.
///
/// - Parameters:
///   - name: for messages and the checkpoints
///   - draw: a batch, from the random numbers of the run; all layers see the same batches
///   - folder: where each layer's run keeps its state, or nil
///   - interval: after how many steps it is written, besides once a minute
///   - group: how many layers are trained side by side, at least 1; it changes the cost, not the result
///   - origin: a JSON object of all that the runs depend on besides; a checkpoint made from something else is refused
///   - onStep: called after each step that all layers have made, with the sum of their losses
/// - Returns: the record of all layers, a detail for each; the gradient's norm is that of all of them together
///
/// Throws what `check`, the runs and their checkpoints throw.
public func trainLayers(
  _ stage: some LayerwiseStage, as name: String, _ settings: TrainingSettings,
  on draw: (inout SeededGenerator) -> Batch, checkpoints folder: URL? = nil, every interval: Int = 200,
  sideBySide group: Int, madeFrom origin: String = "{}", onBegin: (_ first: Int) -> Void = { _ in },
  onStep: (_ step: Int, _ loss: Double) -> Void = { _, _ in }
) throws -> History {
  precondition(group > 0, "at least one layer is trained at a time, not \(group)")
  precondition(
    Set(stage.replaced).count == stage.replaced.count, "among the layers \(stage.replaced) one is listed twice")
  try stage.begin()
  let runs = try stage.replaced.map { layer in
    try TrainingRun(
      "\(name), \(layerName(layer))", of: stage.trained(in: layer), settings: settings,
      checkpoint: folder?.appending(path: "layer-\(layer).safetensors"), every: interval, madeFrom: origin)
  }
  func slowest() -> Int { runs.map(\.records.count).min()! }
  onBegin(slowest())
  while case let step = slowest(), step < settings.schedule.steps {
    // Layers that a killed run had saved later than others wait until these have caught up.
    let behind = runs.indices.filter { runs[$0].records.count == step }
    var random = runs[behind[0]].random
    let batch = draw(&random)
    for index in behind { runs[index].random = random }
    try stage.step(behind.map { (stage.replaced[$0], runs[$0]) }, on: batch, sideBySide: group)
    if slowest() == step + 1 { onStep(step + 1, runs.reduce(0) { $0 + $1.records[step].loss }) }
  }
  return History(of: runs.map(\.history), named: stage.replaced.map(layerName))
}

// ## One step
//
// The teacher's pass goes from layer to layer, and stops at the last that is trained.

extension LayerwiseStage {
  /// One step of some layers, from one teacher pass; a run is the one of its layer.
  ///
  /// Throws what the runs throw; layers of earlier groups have then made their step.
  public func step(
    _ layers: [(layer: Int, run: TrainingRun)], on batch: Batch, sideBySide group: Int
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
    var traces = teacher.traces(batch.inputs, keepingMatrices: comparesMatrices)
    var layer = -1
    while let next = rest.first, let trace = traces.next() {
      layer += 1
      guard next.layer == layer else { continue }
      rest = rest.dropFirst()
      waiting.append((next.run, layer, trace))
      if waiting.count == group { try flush() }
    }
    if !waiting.isEmpty { try flush() }
  }
}
