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
  /// It is written in 64 bits, and right to 32.
  case coarse
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
    case .coarse: "to 32 bits"
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
  /// Whether the file says which version of the kit it answers.
  public let saysVersion: Bool

  /// Whether every tensor of the answer agrees, and there is at least one.
  public var isRight: Bool { !findings.isEmpty && findings.allSatisfy { $0.verdict == .agrees } }

  /// Compares an answer with the kit in a folder.
  ///
  /// - Parameter isFloat32: whether numbers that are written in 64 bits may be as far off as those in 32
  ///
  /// Throws `CheckpointError` if one of the two cannot be read, or if they are of different versions.
  public init(_ answer: URL, against folder: URL, asFloat32 isFloat32: Bool = false) throws {
    let manifest = try Kit.manifest(in: folder)
    let theirs = try Check.read(answer)
    let version = theirs.metadata["kit"]
    if let version, version != manifest.version {
      throw CheckpointError(
        file: answer.path,
        problem: "it answers version \(version) of the kit, and this is version \(manifest.version)",
        remedy: "compute it again from the files in \(folder.path)")
    }
    saysVersion = version != nil
    count = manifest.cases.values.reduce(0) { $0 + $1.tensors.count }
    var rest = theirs.names
    var (findings, diagnoses): ([Finding], [Diagnosis]) = ([], [])
    for kit in KitCase.all {
      let prefix = "\(kit.name)/"
      let mine = rest.filter { $0.hasPrefix(prefix) }
      guard !mine.isEmpty, let items = manifest.cases[kit.name]?.tensors else { continue }
      rest.subtract(mine)
      let expected = try Checkpoint(mapping: folder.appending(path: "\(kit.name).expected.safetensors"))
      func place(_ full: String) -> Int { items[String(full.dropFirst(prefix.count))]?.order ?? .max }
      var answered = Answered()
      for full in mine.sorted(by: { (place($0), $0) < (place($1), $1) }) {
        let name = String(full.dropFirst(prefix.count))
        if let item = items[name] {
          let float64 = isFloat32 ? item.float32 : manifest.float64
          findings.append(
            try compare(full, name, theirs, with: expected.tensor(name), item, float64, &answered))
        } else {
          findings.append(unknown(full, name, in: items.keys.sorted(), of: kit))
        }
      }
      if answered.isWrong { diagnoses.append(Doctor(kit).diagnose(answered)) }
    }
    findings += rest.sorted().map(withoutCase)
    (self.findings, self.diagnoses) = (findings, diagnoses)
  }

  /// The tensors of an answer, still in their file.
  private static func read(_ answer: URL) throws -> Checkpoint {
    var isFolder: ObjCBool = false
    if FileManager.default.fileExists(atPath: answer.path, isDirectory: &isFolder), isFolder.boolValue {
      throw CheckpointError(
        file: answer.path, problem: "this is a folder",
        remedy: "give the file with the answers, after the kit's folder")
    }
    guard FileManager.default.fileExists(atPath: answer.path) else {
      throw CheckpointError(file: answer.path, problem: "there is no such file", remedy: "check the path")
    }
    let theirs = try withRemedy("an answer is one safetensors file, so write it again") {
      try Checkpoint(mapping: answer)
    }
    if theirs.names.isEmpty {
      throw CheckpointError(
        file: answer.path, problem: "there is no tensor in it",
        remedy: "write tensors with names such as phi/student.logits")
    }
    if theirs.names.allSatisfy({ !$0.contains("/") }), theirs.metadata["kit"] != nil {
      throw CheckpointError(
        file: answer.path, problem: "no name in it begins with a case, so it seems to be a file of the kit itself",
        remedy: "give answers, with names such as phi/student.logits")
    }
    return theirs
  }
}

// ## One tensor

/// The tensors of a case that could be compared, with the differences that each may have.
package struct Answered {
  package var tensors: [String: Tensor] = [:]
  package var tolerances: [String: Double] = [:]
  /// How far off they may be in 32 bits.
  package var wideTolerances: [String: Double] = [:]
  package var wrong: Set<String> = []

  package init() {}

  /// The same with the tolerances of 32 bits.
  var forgiven: Answered {
    var copy = self
    copy.tolerances = wideTolerances
    copy.wrong = wrong.subtracting(excused)
    return copy
  }

  /// The wrong tensors that 32 bits would excuse.
  package var excused: Set<String> = []

  /// Whether a tensor differs.
  var isWrong: Bool { !wrong.isEmpty }
}

/// Compares a tensor of an answer with the kit's, and adds it to what can be diagnosed.
private func compare(
  _ full: String, _ name: String, _ theirs: Checkpoint, with expected: Tensor, _ item: Manifest.Item,
  _ float64: Double, _ answered: inout Answered
) throws -> Finding {
  func finding(_ verdict: Verdict, _ difference: Double? = nil, _ remark: String = "") -> Finding {
    Finding(name: full, verdict: verdict, difference: difference, remark: remark)
  }
  let type = theirs.storedType(of: full) ?? "F64"
  guard type == "F64" || type == "F32" else {
    return finding(.type, nil, "its numbers are \(type); write F64 or F32")
  }
  let actual = try theirs.tensor(full)
  let tolerance = type == "F64" && Scalar.self == Double.self ? float64 : item.float32
  guard actual.shape == expected.shape else {
    return finding(.shape, nil, otherShape(actual, expected, item, within: tolerance))
  }
  let difference = Difference(of: actual, from: expected)
  (answered.tensors[name], answered.tolerances[name]) = (actual, tolerance)
  answered.wideTolerances[name] = item.float32
  if difference.size <= tolerance { return finding(.agrees, difference.size) }
  answered.wrong.insert(name)
  let (a, e) = (actual.elements[difference.place], expected.elements[difference.place])
  let remark = "\(place(difference.place, in: actual.shape)) \(short(a)), should be \(short(e))"
  if difference.size <= item.float32 {
    answered.excused.insert(name)
    return finding(.coarse, difference.size, remark)
  }
  let bad = actual.elements.count { !$0.isFinite }
  if bad == 0 { return finding(.differs, difference.size, remark) }
  return finding(.notFinite, difference.size, remark + "; \(bad) of \(actual.count) entries are not finite")
}

/// A number with digits enough to compare it with another.
private func short(_ x: Scalar) -> String { x.isFinite ? String(format: "%.7g", Double(x)) : "\(x)" }

/// A flat index as an index for each axis.
private func place(_ place: Int, in shape: Shape) -> String {
  if shape.rank == 0 { return "it is" }
  let indices = (0..<shape.rank).map { place / shape.stride(of: $0) % shape[$0] }
  return "at [\(indices.map(String.init).joined(separator: ", "))]"
}

/// What to say about a tensor of another shape: whether its numbers are right, and its axes in another order.
private func otherShape(_ actual: Tensor, _ expected: Tensor, _ item: Manifest.Item, within tolerance: Double)
  -> String
{
  let due = "its shape is \(actual.shape), and should be \(expected.shape)"
  guard actual.count == expected.count else { return due }
  func isRight(_ tensor: Tensor) -> Bool { Difference(of: tensor, from: expected).size <= tolerance }
  if isRight(actual.reshaped(to: expected.shape)) { return due + "; the numbers are right" }
  guard actual.shape.rank == expected.shape.rank else { return due }
  let letters = item.axes.split(separator: " ").map(String.init)
  for order in permutations(Array(0..<actual.shape.rank)) {
    let turned = actual.permuted(order)
    if turned.shape == expected.shape, isRight(turned) {
      let found = order.indices.map { letters[order.firstIndex(of: $0)!] }
      return due + "; the numbers are right, but the axes are in the order \(found.joined(separator: " "))"
    }
  }
  return due
}

private func permutations(_ items: [Int]) -> [[Int]] {
  guard let last = items.last else { return [[]] }
  return permutations(items.dropLast()).flatMap { shorter in
    (0...shorter.count).map { Array(shorter[..<$0]) + [last] + Array(shorter[$0...]) }
  }
}

// ## Names that the kit does not have

private func unknown(_ full: String, _ name: String, in names: [String], of kit: KitCase) -> Finding {
  let near = names.min { distance($0, name) < distance($1, name) }!
  // A name of which less than half is right is no misspelling.
  let isNear = 2 * distance(near, name) <= max(near.count, name.count)
  return Finding(
    name: full, verdict: .unknown, difference: nil,
    remark: isNear ? "the nearest name is \(kit.name)/\(near)" : "the manifest lists the names of \(kit.name)")
}

private func withoutCase(_ full: String) -> Finding {
  let cases = KitCase.all.map(\.name).joined(separator: ", ")
  return Finding(
    name: full, verdict: .unknown, difference: nil, remark: "a name begins with a case and a slash: one of \(cases)")
}

/// How many letters two names differ in, not counting what they share at both ends.
private func distance(_ a: String, _ b: String) -> Int {
  let (a, b) = (Array(a.utf8), Array(b.utf8))
  let front = zip(a, b).prefix { $0 == $1 }.count
  let back = zip(a.dropFirst(front).reversed(), b.dropFirst(front).reversed()).prefix { $0 == $1 }.count
  return max(a.count, b.count) - front - back
}

extension Kit {
  /// The manifest of the kit in a folder.
  ///
  /// Throws `CheckpointError` if there is none, or one of another version.
  public static func manifest(in folder: URL) throws -> Manifest {
    let file = folder.appending(path: "manifest.json")
    let isThere = FileManager.default.fileExists(atPath: file.path)
    let isAbove = FileManager.default.fileExists(atPath: folder.appending(path: "../manifest.json").path)
    guard isThere else {
      throw CheckpointError(
        file: folder.path, problem: "there is no kit here, since there is no manifest.json",
        remedy: isAbove ? "give the folder above" : "give the folder of the kit first, such as data/conformance")
    }
    let manifest = try readJSON(Manifest.self, from: file)
    guard manifest.version == version else {
      throw CheckpointError(
        file: file.path,
        problem: "this is version \(manifest.version) of the kit, and this program checks \(version)",
        remedy: "write the kit again with conformance emit")
    }
    return manifest
  }
}
