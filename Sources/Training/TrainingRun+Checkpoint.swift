// # The state of a run in a file
//
// Everything that the next step depends on: parameters, both moments, the random state, the number of steps, and the
// records so far. It is one safetensors file, written under another name and then renamed, so that a run that is
// killed while writing leaves the older file whole.
//
// The file also says what the run depends on but does not choose itself, above all the text. Otherwise a checkpoint
// with the same settings on another text, which has the same shapes, would be accepted, and the run would go on from
// its weights.
//
// Parameters that the run does not train are not in the file; saving them is up to whoever made them.
//
// Read before: `TrainingRun.swift`, `Checkpoints/Checkpoint.swift`.

import Checkpoints
import Foundation
import Gradients
import Tensors

extension TrainingRun {
  /// Writes the state of the run to its checkpoint, if it has one.
  ///
  /// If ranks share the run, all of them call it and rank 0 writes, one file for all; if it cannot, all throw.
  public func save() throws {
    guard let checkpointFile else { return }
    guard let shared else { return try write(optimiser.firstMoments, optimiser.secondMoments, to: checkpointFile) }
    let moments = try shared.wholeMoments()
    try ranks.onRoot { if let moments { try write(moments.first, moments.second, to: checkpointFile) } }
  }

  private func write(_ firstMoments: [Tensor], _ secondMoments: [Tensor], to file: URL) throws {
    var checkpoint = Checkpoint()
    for (index, entry) in optimiser.trained.enumerated() {
      checkpoint.tensors["parameter.\(entry.parameter.name)"] = entry.parameter.value
      checkpoint.tensors["first_moment.\(entry.parameter.name)"] = firstMoments[index]
      checkpoint.tensors["second_moment.\(entry.parameter.name)"] = secondMoments[index]
    }
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys  // equal states give equal files
    checkpoint.metadata["state"] = String(decoding: try encoder.encode(state), as: UTF8.self)
    checkpoint.metadata["made from"] = origin
    try checkpoint.write(to: file)
  }

  /// What is not a tensor.
  private struct State: Codable {
    var name: String
    var scalar: String
    var settings: TrainingSettings
    var random: SeededGenerator
    var detailNames: [String]
    /// loss, learning rate, norm of the gradient and details, for each step
    var records: [[Double]]

    /// Whether every record has its numbers, and the random state is one.
    var isWhole: Bool {
      records.allSatisfy { $0.count == 3 + detailNames.count } && SeededGenerator(state: random.state) != nil
    }
  }

  private var state: State {
    State(
      name: name, scalar: scalarName, settings: settings, random: random, detailNames: detailNames,
      records: records.map { [$0.loss, $0.learningRate, $0.gradientNorm] + $0.details })
  }

  /// Continues from a checkpoint of this run.
  ///
  /// Throws, with nothing changed, if the file is damaged, or belongs to a run with another name, number type or
  /// settings, or to one that was made from something else.
  func resume(from file: URL) throws {
    let again = "choose another --out, or move it away, and the run begins again"
    let checkpoint = try withRemedy(again) { try Checkpoint(contentsOf: file) }
    guard let text = checkpoint.metadata["state"],
      let kept = try? JSONDecoder().decode(State.self, from: Data(text.utf8)), kept.isWhole
    else {
      throw CheckpointError(
        file: file.path, problem: "it does not hold the state of a training run", remedy: again)
    }
    func demand(
      _ what: String, _ mine: some Equatable & CustomStringConvertible, _ theirs: some CustomStringConvertible
    )
      throws
    {
      if mine.description != theirs.description {
        throw TrainingError.otherRun(file: file.path, difference: "its \(what) is \(theirs), this run's \(mine)")
      }
    }
    try demand("name", name, kept.name)
    try demand("number type", scalarName, kept.scalar)
    guard settings == kept.settings else {
      let (mine, theirs) = try (sortedJSON(settings), sortedJSON(kept.settings))
      let keys = differingKeys(String(decoding: mine, as: UTF8.self), String(decoding: theirs, as: UTF8.self)) ?? []
      throw TrainingError.otherRun(
        file: file.path, difference: "its settings differ in \(keys.joined(separator: ", "))")
    }
    guard kept.records.count <= settings.schedule.steps else {
      throw TrainingError.otherRun(
        file: file.path,
        difference: "it has taken \(kept.records.count) steps, and this run ends after \(settings.schedule.steps)")
    }
    let theirs = checkpoint.metadata["made from"] ?? "{}"
    guard let differing = differingKeys(theirs, origin) else {
      throw TrainingError.otherRun(file: file.path, difference: "its note of what it was made from is damaged")
    }
    if !differing.isEmpty {
      throw TrainingError.otherRun(
        file: file.path, difference: "it was made from another \(differing.joined(separator: ", another "))")
    }
    func tensors(_ kind: String) throws -> [Tensor] {
      try optimiser.trained.map { entry in
        try withRemedy(again) {
          try checkpoint.finiteTensor("\(kind).\(entry.parameter.name)", shape: entry.parameter.value.shape)
        }
      }
    }
    let (values, first, second) = try (tensors("parameter"), tensors("first_moment"), tensors("second_moment"))
    for (entry, squares) in zip(optimiser.trained, second) where squares.elements.contains(where: { $0 < 0 }) {
      throw CheckpointError(
        file: file.path, tensor: "second_moment.\(entry.parameter.name)",
        problem: "it has a number below 0, and means of squares have none", remedy: again)
    }
    for (entry, value) in zip(optimiser.trained, values) { entry.parameter.value = value }
    if let shared {
      shared.restore(first: first, second: second)
    } else {
      (optimiser.firstMoments, optimiser.secondMoments) = (first, second)
    }
    optimiser.steps = kept.records.count
    restore(
      records: kept.records.enumerated().map { step, numbers in
        StepRecord(
          step: step, loss: numbers[0], learningRate: numbers[1], gradientNorm: numbers[2],
          details: Array(numbers.dropFirst(3)))
      },
      detailNames: kept.detailNames, random: kept.random)
  }
}
