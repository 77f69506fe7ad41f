// # A generation in a file
//
// One safetensors file holds what a model remembers, the random generators and the sampler. Another process can read
// it and write the tokens that this one would have written. A student's file has a fixed size, a teacher's grows with
// the text.
//
//     logits                     [B, V]                   of the next token
//     layers.0.past              [B, K − 1, D + 2 G N]    each mixer's memory: here of a state space mixer
//     layers.0.state             [B, H, N, P]
//     layers.1.keys, .values     [B, H, longest, P]       of attention; zeros beyond the end of a shorter text
//
// The model itself is not in the file, but a checksum of its weights is. A state means nothing to another model, and
// since the shapes can agree, the mistake would go unnoticed.
//
// Read before: `Generation.swift`, `../Files/LanguageModel+Files.swift`.

import Checkpoints
import Foundation
import Layers
import Tensors

extension LanguageModel {
  /// A checksum of all parameters, by which a file recognises its model: FNV-1a over the bits of the numbers as
  /// Doubles.
  public var fingerprint: UInt64 {
    var sum = Checksum()
    for parameter in parameters { sum.add(parameter.value) }
    return sum.value
  }
}

/// The keys of the file's metadata, and the name of its format.
private enum Word {
  static let (format, model, positions, dice, sampler) = ("format", "model", "positions", "dice", "sampler")
  static let thisFormat = "mohawk generation 1"
}

extension Generation {
  /// All of it except the model, as a checkpoint.
  public var checkpoint: Checkpoint {
    var tensors = ["logits": state.logits!]
    for (layer, memory) in state.mixers.enumerated() {
      for (name, tensor) in memory.tensors { tensors["layers.\(layer).\(name)"] = tensor }
    }
    return Checkpoint(
      tensors: tensors,
      metadata: [
        Word.format: Word.thisFormat, Word.model: hexadecimal(model.model.fingerprint),
        Word.positions: state.positions.map(String.init).joined(separator: " "),
        Word.dice: dice.flatMap(\.state).map(hexadecimal).joined(separator: " "),
        Word.sampler: sampler.words,
      ])
  }

  /// Writes all of it except the model to a file.
  public func write(to file: URL) throws { try checkpoint.write(to: file) }

  /// Reads what `write` wrote, for the same model.
  ///
  /// Throws `CheckpointError` if the file is damaged, of another kind or of another model.
  public init(contentsOf file: URL, of model: FrozenModel) throws {
    let checkpoint = try Checkpoint(contentsOf: file)
    func wrong(_ problem: String, _ remedy: String) -> CheckpointError {
      CheckpointError(file: file.path, problem: problem, remedy: remedy)
    }
    guard checkpoint.metadata[Word.format] == Word.thisFormat else {
      throw wrong("this is not the state of a text being written", "give a file that a generation wrote")
    }
    guard checkpoint.metadata[Word.model] == hexadecimal(model.model.fingerprint) else {
      throw wrong("the state belongs to another model", "give the model that has read the text")
    }
    func numbers<Number>(_ word: String, _ read: (Substring) -> Number?) throws -> [Number] {
      let words = (checkpoint.metadata[word] ?? "").split(separator: " ")
      let numbers = words.compactMap(read)
      guard numbers.count == words.count else {
        throw wrong(
          "the metadata \"\(word)\" is damaged", "give a file that is whole; this one may have been changed by hand")
      }
      return numbers
    }
    let positions = try numbers(Word.positions) { Int($0) }
    let states = try numbers(Word.dice) { UInt64($0, radix: 16) }
    let dice = stride(from: 0, to: states.count, by: 4).compactMap {
      SeededGenerator(state: Array(states[$0..<min($0 + 4, states.count)]))
    }
    guard let sampler = Sampler(words: checkpoint.metadata[Word.sampler] ?? ""), !positions.isEmpty,
      positions.allSatisfy({ $0 > 0 }), dice.count == positions.count, states.count == 4 * dice.count
    else {
      throw wrong(
        "the metadata does not say how the text continues",
        "give a file that is whole; this one may have been changed by hand")
    }

    let shapes = model.blocks.map { $0.mixer.memoryShapes(lengths: positions) }
    try checkpoint.expectNames(
      ["logits"] + shapes.enumerated().flatMap { layer, shapes in shapes.keys.map { "layers.\(layer).\($0)" } })
    func finite(_ name: String, _ shape: Shape) throws -> Tensor {
      try withRemedy("give a file written by --save; this one was changed or damaged") {
        try checkpoint.finiteTensor(name, shape: shape)
      }
    }
    let mixers = try zip(model.blocks, shapes).enumerated().map { layer, pair in
      let (block, shapes) = pair
      let tensors = try Dictionary(
        uniqueKeysWithValues: shapes.map { name, shape in
          (name, try finite("layers.\(layer).\(name)", shape))
        })
      return block.mixer.memory(tensors, lengths: positions)
    }
    let logits = try finite("logits", [positions.count, model.configuration.V])
    self.init(
      model: model, sampler: sampler,
      state: DecodingState(
        positions: positions, logits: logits, mixers: mixers),
      dice: dice)
  }
}

private func hexadecimal(_ number: UInt64) -> String { String(number, radix: 16) }

extension Sampler {
  /// Temperature, top k and top p as "0.7 40 0.9", with a dash for no limit; the vocabulary belongs to the model, not
  /// to the text.
  fileprivate var words: String {
    "\(temperature) \(topK.map(String.init) ?? "-") \(topP.map { "\($0)" } ?? "-")"
  }

  fileprivate init?(words: String) {
    let parts = words.split(separator: " ")
    guard parts.count == 3, let temperature = Double(parts[0]) else { return nil }
    let (topK, topP) = (Int(parts[1]), Double(parts[2]))
    guard topK != nil || parts[1] == "-", topP != nil || parts[2] == "-",
      Sampler.problem(temperature: temperature, topK: topK, topP: topP) == nil
    else { return nil }
    self.init(temperature: temperature, topK: topK, topP: topP)
  }
}
