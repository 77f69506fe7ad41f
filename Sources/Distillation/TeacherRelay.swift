// # States that are handed on
//
// Ranks with neighbouring layers are a relay. In each step the first runs the teacher through its layers, trains them,
// and sends the state that leaves them to the second, which does the same with it. All ranks take all steps from the
// one at which the slowest layer of all is, and draw every batch themselves, for its shape and for the random state.
//
// After a killed job, layers were saved after different steps. A layer that is ahead waits until the others have caught
// up; its rank runs the teacher meanwhile.
//
// Read before: `LayerShares.swift`.

import Checkpoints
import Communication
import Corpora
import Foundation
import Models
import Tensors
import Training

/// One rank's part in training layers whose states are handed on.
struct TeacherRelay<Stage: LayerwiseStage> {
  let stage: Stage
  let ranks: any RankGroup
  /// This rank's layers, in rising order; empty for a rank that has nothing to do.
  let mine: [Int]
  /// The ranks before and after this one that have layers.
  let previous, next: Int?
  /// The first layer of this rank, and that of the next.
  let begin, end: Int?

  init(_ stage: Stage, _ layers: [[Int]], _ ranks: any RankGroup) {
    (self.stage, self.ranks, mine) = (stage, ranks, layers[ranks.rank])
    let busy = layers.indices.filter { !layers[$0].isEmpty }
    let place = busy.firstIndex(of: ranks.rank)
    previous = place.flatMap { $0 > 0 ? busy[$0 - 1] : nil }
    next = place.flatMap { $0 + 1 < busy.count ? busy[$0 + 1] : nil }
    begin = previous == nil ? 0 : mine.first
    end = next.flatMap { layers[$0].first }
  }

  /// Takes all steps that are still to be made. The runs are those of `mine`; all ranks call this.
  func train(
    _ runs: [TrainingRun], steps: Int, on draw: (inout SeededGenerator) -> Batch, sideBySide group: Int,
    onStep: (_ step: Int, _ loss: Double) -> Void
  ) throws {
    var (start, random) = try slowest(runs, steps)
    while start < steps {
      let batch = draw(&random)
      let behind = runs.indices.filter { runs[$0].records.count == start }
      for index in behind { runs[index].random = random }
      if !mine.isEmpty { try step(behind.map { (mine[$0], runs[$0]) }, batch, sideBySide: group) }
      start += 1
      if !behind.isEmpty, runs.allSatisfy({ $0.records.count >= start }) {
        onStep(start, runs.reduce(0) { $0 + $1.records[start - 1].loss })
      }
    }
  }

  /// The number of steps that every layer of every rank has made, and the random state after them.
  private func slowest(_ runs: [TrainingRun], _ steps: Int) throws -> (Int, SeededGenerator) {
    let run = runs.min { $0.records.count < $1.records.count }
    let counts = try ranks.allNumbers(
      [Double(run?.records.count ?? steps)], counts: Array(repeating: 1, count: ranks.count))
    let states = try ranks.allTexts(run.map { String(decoding: try sortedJSON($0.random), as: UTF8.self) } ?? "")
    let least = counts.indices.filter { !states[$0].isEmpty }.min { counts[$0] < counts[$1] }!
    return (Int(counts[least]), try JSONDecoder().decode(SeededGenerator.self, from: Data(states[least].utf8)))
  }

  private func step(_ layers: [(layer: Int, run: TrainingRun)], _ batch: Batch, sideBySide group: Int) throws {
    var index = begin!
    var traces: BlockTraces<Tensor>
    if let previous {
      var state = Tensor.zeros([batch.inputs.B, batch.inputs.T, stage.teacher.configuration.D])
      try state.withMutableElements { try $0.withUnsafeMutableBytes { try ranks.receive($0, from: previous) } }
      traces = stage.teacher.traces(from: state, enteringBlock: index, keepingMatrices: stage.comparesMatrices)
    } else {
      traces = stage.teacher.traces(batch.inputs, keepingMatrices: stage.comparesMatrices)
    }
    try stage.step(layers, &traces, next: &index, sideBySide: group)
    guard let next, let end else { return }
    // The state that enters the next rank's first layer.
    while let trace = traces.next() {
      if index == end {
        return try trace.input.withElements { try $0.withUnsafeBytes { try ranks.send($0, to: next) } }
      }
      index += 1
    }
  }
}
