// # The kit as files
//
//     manifest.json                     what each tensor is, in words and numbers
//     CASE.inputs.safetensors           tokens, targets, weights, which 32 bits hold without rounding
//     CASE.expected.safetensors         everything that follows from them, in 64 bits
//     float32/CASE.expected.safetensors the same, rounded to 32
//
// ## How far an answer may be off
//
// A difference is the largest distance between two entries, relative to the largest entry of the tensor. In 64 bits
// all right programs agree to some 1e-14, and 1e-10 tells them from wrong ones. In 32 bits there is no such number:
// a logit loses one digit, a weight after ten steps of AdamW two, since a gradient near zero decides the direction of
// a step. So each tensor is given the tolerance that it earns. We change every weight of the case by one rounding to
// 32 bits, at random, a few times, and see how far the tensor moves; a program in 32 bits rounds after every operation,
// which is allowed for by a factor that is the same for all tensors.
//
// Read before: `Computation.swift`. Read next: `Check.swift`.

import Checkpoints
import Foundation
import Gradients
import Tensors

/// What each tensor of the kit is, and how far an answer may be off.
public struct Manifest: Codable, Sendable {
  /// What a case is.
  public struct Case: Codable, Sendable {
    /// What the case is, in a sentence.
    public let words: String
    /// "phi", "llama", or nil for a case without a model.
    public let block: KitCase.Block?
    /// The sizes by their letters.
    public let sizes: KitSizes
    /// Whether the head is the embedding.
    public let tied: Bool
    /// The layers whose mixers are the student's own.
    public let replaced: [Int]
    /// The tensors of CASE.expected, by name.
    public let tensors: [String: Item]
  }

  /// What a tensor is.
  public struct Item: Codable, Sendable {
    /// The place in the order of computation, counted from 0.
    public let order: Int
    /// The sizes of the axes.
    public let shape: [Int]
    /// The letters of the axes.
    public let axes: String
    /// What it is.
    public let words: String
    /// How far an answer in 32 bits may be off.
    public let float32: Double
  }

  /// The version of the kit: another one has other tensors or other numbers.
  public let version: String
  /// How to read all this, and the settings that are not in the files.
  public let notes: [String]
  /// How far an answer in 64 bits may be off.
  public let float64: Double
  /// The cases by name.
  public let cases: [String: Case]
}

extension Manifest {
  /// The manifest as JSON with a line for each tensor, in the order of computation, so that people can read it.
  func text() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    func json(_ value: some Encodable) throws -> String { String(decoding: try encoder.encode(value), as: UTF8.self) }
    func object(_ members: [String], _ indent: String) -> String {
      "{\n" + members.map { indent + "  " + $0 }.joined(separator: ",\n") + "\n\(indent)}"
    }
    let cases = try cases.sorted { $0.key < $1.key }.map { name, value in
      let tensors = try value.tensors.sorted { $0.value.order < $1.value.order }
        .map { try "\(json($0.key)): \(json($0.value))" }
      let members = try [
        "\"words\": \(json(value.words))", "\"sizes\": \(json(value.sizes))", "\"tied\": \(json(value.tied))",
        "\"replaced\": \(json(value.replaced))", "\"tensors\": \(object(tensors, "      "))",
      ]
      let block = try value.block.map { ["\"block\": \(try json($0))"] } ?? []
      return "\(try json(name)): \(object(block + members, "    "))"
    }
    let notes = try notes.map { try "    \(json($0))" }.joined(separator: ",\n")
    return try object(
      [
        "\"version\": \(json(version))", "\"float64\": \(json(float64))", "\"notes\": [\n\(notes)\n  ]",
        "\"cases\": \(object(cases, "  "))",
      ], "") + "\n"
  }
}

/// The kit: reference values that any implementation can be compared with.
public enum Kit {
  /// The version that this library writes and checks.
  public static let version = "1"
  /// How far an answer in 64 bits may be off, relative to the largest entry of the tensor.
  public static let tolerance = 1e-10
  /// How much more than one rounding of all weights a program in 32 bits may move a tensor.
  static let roundings = 16.0
  /// What 32 bits may be off at least: a few units in the last place.
  static let leastFloat32 = 2e-6

  static let notes = [
    "Names in an answer: CASE/NAME, NAME as in CASE.expected.safetensors. Any part of them is welcome.",
    "Whole numbers (tokens, targets) are stored as F32, and so are the weights, which lose nothing by it. Rows of in_proj: x, B, C, z, a.",
    "A difference is the largest distance of two entries, relative to the largest entry of the tensor.",
    "student.L and stages 1 and 2 read the teacher's states; student.own and stage 3 read the student's.",
    "Rotary positions: base 10000, pairs (i, i + R/2), the first token at 0. Norms add 1e-5 inside the root.",
    "AdamW: betas 0.9 and 0.95, epsilon 1e-8 outside the root, decay 0.1 times the rate on tensors of two axes or"
      + " more, all gradients times min(1, 1/norm), rate of step i: 0.004 min(1, (i+1)/3, (10-i)/4), ten steps of"
      + " stage 3 on the same batch. step.stage1 is its first step on stage 1; rows without a gradient stay.",
    "prefix: decoding.… is after that many tokens, decoding.logits after the next one. The axes of a weight are"
      + " given as numbers.",
  ]

  /// Writes the kit into a folder, which is made if it does not exist: the same bytes each time.
  ///
  /// Throws `CheckpointError` if a file cannot be written, or if this build computes in 32 bits.
  public static func write(to folder: URL) throws {
    guard Scalar.self == Double.self else {
      throw CheckpointError(
        file: folder.path, problem: "the kit is made in 64 bits, and this build computes in 32",
        remedy: "build without the trait Float32")
    }
    var cases: [String: Manifest.Case] = [:]
    let narrow = folder.appending(path: "float32")
    for place in [folder, narrow] {
      do {
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
      } catch {
        throw CheckpointError(
          file: place.path, problem: "the folder cannot be made (\(error.localizedDescription))",
          remedy: "give another folder")
      }
    }
    for kit in KitCase.all {
      let computation = Computation(kit)
      let names = computation.names()
      let earned = earnedTolerances(of: kit, computation)
      var items: [String: Manifest.Item] = [:]
      for (order, name) in names.enumerated() {
        let entry = computation.entry(name)!
        items[name] = Manifest.Item(
          order: order, shape: entry.tensor.shape.array, axes: entry.axes, words: entry.words, float32: earned[name]!)
      }
      cases[kit.name] = Manifest.Case(
        words: kit.words, block: kit.block, sizes: kit.sizes, tied: kit.isTied, replaced: kit.replaced, tensors: items
      )
      let expected = Dictionary(uniqueKeysWithValues: names.map { ($0, computation.entry($0)!.tensor) })
      func write(_ tensors: [String: Tensor], _ part: String, in place: URL, as type: ElementType) throws {
        let file = place.appending(path: "\(kit.name).\(part).safetensors")
        try Checkpoint(tensors: tensors, metadata: ["kit": version]).write(to: file, as: type)
      }
      // The inputs have few digits: 32 bits hold them without rounding.
      try write(computation.inputs, "inputs", in: folder, as: .f32)
      try write(expected, "expected", in: folder, as: .f64)
      try write(expected, "expected", in: narrow, as: .f32)
    }
    let manifest = Manifest(version: version, notes: notes, float64: tolerance, cases: cases)
    try AtomicFile.write(manifest.text(), to: folder.appending(path: "manifest.json"))
  }

  /// For each tensor the difference that a program in 32 bits may have.
  static func earnedTolerances(of kit: KitCase, _ computation: Computation) -> [String: Double] {
    var moved: [String: Double] = [:]
    for trial in 0..<4 {
      var random = SeededGenerator(seed: UInt64(trial))
      var inputs = computation.inputs
      for (name, tensor) in inputs.sorted(by: { $0.key < $1.key }) where name != "tokens" && name != "targets" {
        let change = Tensor.uniform(tensor.shape, in: -1..<1, using: &random)
        inputs[name] = tensor + Scalar(Float.ulpOfOne / 2) * (tensor * change)
      }
      let other = Computation(kit, inputs: inputs)
      for name in other.names() {
        let difference = Difference(of: other.tensor(name)!, from: computation.tensor(name)!)
        moved[name] = max(moved[name] ?? 0, difference.size)
      }
    }
    return moved.mapValues { rounded(max(leastFloat32, roundings * $0)) }
  }

  /// Two digits, upwards: a tolerance that can be read.
  private static func rounded(_ x: Double) -> Double {
    let unit = pow(10, log10(x).rounded(.down) - 1)
    return Double(String(format: "%.1e", (x / unit).rounded(.up) * unit))!
  }
}
