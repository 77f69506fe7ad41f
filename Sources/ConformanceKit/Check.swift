// # Checking an answer
//
// An answer is one safetensors file. Each tensor in it is compared with the kit's and gets a verdict of its own; a
// name that the kit does not have, a shape that differs or a number that is not finite is a verdict too, and no reason
// not to compare the others.
//
// Read before: `Kit.swift`. Read next: `Doctor.swift`.

import Checkpoints
import Foundation
import Tensors

/// What became of one tensor of an answer.
public enum Verdict: Equatable, Sendable {
  /// It is near enough.
  case agrees
  /// It is too far away.
  case differs
  /// It has a NaN or an infinity where a number is due.
  case notFinite
  /// It has another shape.
  case shape
  /// Its numbers are of a type that cannot be compared.
  case type
  /// The kit has no tensor of this name.
  case unknown

  /// The verdict in a word or two.
  public var words: String {
    switch self {
    case .agrees: "agrees"
    case .differs: "differs"
    case .notFinite: "not finite"
    case .shape: "other shape"
    case .type: "other type"
    case .unknown: "not in the kit"
    }
  }
}

/// The comparison of one tensor.
public struct Finding: Sendable {
  /// CASE/NAME.
  public let name: String
  /// What became of it.
  public let verdict: Verdict
  /// The largest difference, relative to the largest entry of the kit's tensor; nil if nothing was compared.
  public let difference: Double?
  /// What differs, where, or what to do; empty if nothing does.
  public let remark: String
}

/// An answer, compared with the kit.
public struct Check: Sendable {
  /// The verdict on each tensor of the answer, by case, in the order of computation; those that the kit lacks last.
  public let findings: [Finding]
  /// What the doctor says, for each case in which something differs.
  public let diagnoses: [Diagnosis]
  /// How many tensors the kit has.
  public let count: Int

  /// Whether every tensor of the answer agrees, and there is at least one.
  public var isRight: Bool { !findings.isEmpty && findings.allSatisfy { $0.verdict == .agrees } }

  /// Compares an answer with the kit in a folder.
  ///
  /// Throws `CheckpointError` if one of the two cannot be read, or if they are of different versions.
  public init(_ answer: URL, against folder: URL) throws {
    let manifest = try Kit.manifest(in: folder)
    let theirs = try Checkpoint(mapping: answer)
    if let other = theirs.metadata["kit"], other != manifest.version {
      throw CheckpointError(
        file: answer.path, problem: "it answers version \(other) of the kit, and this is version \(manifest.version)",
        remedy: "compute it again from the files in \(folder.path)")
    }
    count = manifest.cases.values.reduce(0) { $0 + $1.tensors.count }
    var rest = theirs.names
    var (findings, diagnoses): ([Finding], [Diagnosis]) = ([], [])
    for kit in KitCase.all {
      let prefix = "\(kit.name)/"
      let mine = rest.filter { $0.hasPrefix(prefix) }
      guard !mine.isEmpty, let description = manifest.cases[kit.name] else { continue }
      rest.subtract(mine)
      let expected = try Checkpoint(mapping: folder.appending(path: "\(kit.name).expected.safetensors"))
      var answered = Answered()
      let order = mine.sorted {
        let (a, b) = (description.tensors[String($0.dropFirst(prefix.count))]?.order, description.tensors[String($1.dropFirst(prefix.count))]?.order)
        return (a ?? .max, $0) < (b ?? .max, $1)
      }
      for full in order {
        let name = String(full.dropFirst(prefix.count))
        guard let item = description.tensors[name] else {
          findings.append(Check.unknown(full, among: description.tensors.keys.map { prefix + $0 }))
          continue
        }
        let finding = try Check.compare(full, theirs, with: expected.tensor(name), item, manifest.float64, &answered)
        findings.append(finding)
      }
      if answered.isWrong { diagnoses.append(Doctor(kit).diagnose(answered)) }
    }
    for name in rest.sorted() { findings.append(Check.unknown(name, among: KitCase.all.map { $0.name + "/…" })) }
    (self.findings, self.diagnoses) = (findings, diagnoses)
    if findings.isEmpty {
      throw CheckpointError(
        file: answer.path, problem: "there is no tensor in it", remedy: "write tensors with names such as phi/student.logits")
    }
  }
}

// ## One tensor

/// The tensors of a case that could be compared, with the differences that each may have.
package struct Answered {
  package var tensors: [String: Tensor] = [:]
  package var tolerances: [String: Double] = [:]
  package var wrong: Set<String> = []

  package init() {}

  /// Whether a tensor differs.
  var isWrong: Bool { !wrong.isEmpty }
}

extension Check {
  private static func compare(
    _ full: String, _ theirs: Checkpoint, with expected: Tensor, _ item: Manifest.Item, _ float64: Double,
    _ answered: inout Answered
  ) throws -> Finding {
    let name = String(full[full.index(after: full.firstIndex(of: "/")!)...])
    let type = theirs.storedType(of: full) ?? "F64"
    guard type == "F64" || type == "F32" else {
      return Finding(
        name: full, verdict: .type, difference: nil, remark: "its numbers are \(type); write F64 or F32")
    }
    let actual = try theirs.tensor(full)
    let tolerance = type == "F64" && Scalar.self == Double.self ? float64 : item.float32
    guard actual.shape == expected.shape else {
      return Finding(
        name: full, verdict: .shape, difference: nil,
        remark: otherShape(actual, expected, item, within: tolerance))
    }
    let difference = Difference(of: actual, from: expected)
    (answered.tensors[name], answered.tolerances[name]) = (actual, tolerance)
    if difference.size <= tolerance {
      return Finding(name: full, verdict: .agrees, difference: difference.size, remark: "")
    }
    answered.wrong.insert(name)
    let place = position(of: difference.place, in: actual.shape)
    let (a, e) = (actual.elements[difference.place], expected.elements[difference.place])
    return Finding(
      name: full, verdict: a.isFinite ? .differs : .notFinite, difference: difference.size,
      remark: "at \(place) it is \(a), and should be \(e)")
  }

  /// What to say about a tensor of another shape: whether its axes are in another order.
  private static func otherShape(_ actual: Tensor, _ expected: Tensor, _ item: Manifest.Item, within tolerance: Double)
    -> String
  {
    let due = "its shape is \(actual.shape), and should be \(expected.shape)"
    guard actual.shape.rank == expected.shape.rank, actual.count == expected.count else { return due }
    let letters = item.axes.split(separator: " ")
    for order in permutations(Array(0..<actual.shape.rank)) {
      let turned = actual.permuted(order)
      if turned.shape == expected.shape, Difference(of: turned, from: expected).size <= tolerance {
        let found = order.indices.map { axis in String(letters[order.firstIndex(of: axis)!]) }
        return due + ": the numbers are right, but the axes are in the order \(found.joined(separator: " "))"
      }
    }
    return due
  }

  private static func permutations(_ items: [Int]) -> [[Int]] {
    guard let last = items.last else { return [[]] }
    return permutations(items.dropLast()).flatMap { shorter in
      (0...shorter.count).map { Array(shorter[..<$0]) + [last] + Array(shorter[$0...]) }
    }
  }

  private static func unknown(_ name: String, among names: [String]) -> Finding {
    let near = names.min { distance($0, name) < distance($1, name) }
    return Finding(
      name: name, verdict: .unknown, difference: nil, remark: near.map { "the nearest name is \($0)" } ?? "")
  }

  /// How many letters two names differ in, counting those before and after what they share at both ends.
  private static func distance(_ a: String, _ b: String) -> Int {
    let (a, b) = (Array(a.utf8), Array(b.utf8))
    let front = zip(a, b).prefix { $0 == $1 }.count
    let back = zip(a.dropFirst(front).reversed(), b.dropFirst(front).reversed()).prefix { $0 == $1 }.count
    return max(a.count, b.count) - front - back
  }

  /// A flat index as an index for each axis.
  private static func position(of place: Int, in shape: Shape) -> String {
    let indices = (0..<shape.rank).map { place / shape.stride(of: $0) % shape[$0] }
    return "[\(indices.map(String.init).joined(separator: ", "))]"
  }
}

extension Kit {
  /// The manifest of the kit in a folder.
  ///
  /// Throws `CheckpointError` if there is none, or one of another version.
  public static func manifest(in folder: URL) throws -> Manifest {
    let file = folder.appending(path: "manifest.json")
    let manifest = try readJSON(Manifest.self, from: file)
    guard manifest.version == version else {
      throw CheckpointError(
        file: file.path, problem: "this is version \(manifest.version) of the kit, and this program checks \(version)",
        remedy: "write the kit again with conformance emit")
    }
    return manifest
  }
}
