// # Reading a model from a checkpoint
//
// A wrong file is recognised by names or shapes that do not match; a model whose training went wrong, by numbers that
// are not finite. These are mistakes of the user, not of the program, so they are thrown and do not stop the program.
//
// Read before: `Checkpoint.swift`, `Tensors/Loops/Finiteness.swift`. Read next:
// `Models/Files/LanguageModel+Files.swift`.

import Tensors

extension Checkpoint {
  /// The names of all tensors, in memory and in files.
  public var names: Set<String> { Set(tensors.keys).union(mapped.keys) }

  /// The number of scalars in all tensors together.
  public var count: Int { shapes.values.reduce(0) { $0 + $1.count } }

  /// The shape of a tensor, which is found without decoding it; nil if there is no tensor of this name.
  public func shape(of name: String) -> Shape? { tensors[name]?.shape ?? mapped[name]?.shape }

  /// The type of a tensor's numbers in its file, such as "F32"; nil if it is not in a file.
  package func storedType(of name: String) -> String? { tensors[name] == nil ? mapped[name]?.type.name : nil }

  /// The shapes of all tensors.
  var shapes: [String: Shape] {
    mapped.mapValues(\.shape).merging(tensors.mapValues(\.shape)) { _, inMemory in inMemory }
  }

  /// The tensor of this name, which must have the given shape, if any. A tensor in a file is decoded at every call.
  ///
  /// Throws `CheckpointError` with the file, the tensor, and the expected and the actual shape.
  public func tensor(_ name: String, shape: Shape? = nil) throws -> Tensor {
    guard let actual = self.shape(of: name) else {
      let present = names.isEmpty ? "and no other" : "only \(listed(names.sorted()))"
      throw CheckpointError(
        file: origin, tensor: name, problem: "there is no tensor of this name, \(present)",
        remedy: "check that the file is of this model")
    }
    if let shape, shape != actual {
      throw CheckpointError(
        file: file(of: name), tensor: name,
        problem: "the shape should be \(shape), but is \(actual)\(alias(of: name))",
        remedy: "check that the file is of a model with these settings")
    }
    if let tensor = tensors[name] { return tensor }
    return try mapped[name]!.tensor()
  }

  /// The same tensor, which must have only finite numbers.
  ///
  /// Throws `CheckpointError` with the place and the value of the first number that is not finite. A number that is
  /// too large for `Scalar`, or was too large for the format of the file, is infinite. The search costs one pass over
  /// the numbers, as fast as memory can be read.
  public func finiteTensor(_ name: String, shape: Shape? = nil) throws -> Tensor {
    let tensor = try tensor(name, shape: shape)
    guard let place = tensor.firstNonFinite else { return tensor }
    let value = tensor.withElements { $0[place] }
    throw CheckpointError(
      file: file(of: name), tensor: name,
      problem: "number \(place) of \(tensor.count)\(position(of: place, in: tensor.shape)) is"
        + " \(value.isNaN ? "NaN" : value < 0 ? "−∞" : "∞")\(alias(of: name)), and has to be finite",
      remedy: "take a checkpoint from before the training diverged, or one in a format with a wider range")
  }

  /// Throws `CheckpointError` unless the tensors have exactly these names; the error lists some that are missing or
  /// not expected.
  public func expectNames(_ names: some Collection<String>) throws {
    let (expected, present) = (Set(names), self.names)
    let missing = expected.subtracting(present).sorted()
    let unexpected = present.subtracting(expected).sorted()
    var complaints: [String] = []
    if !missing.isEmpty {
      complaints.append("\(missing.count) of \(expected.count) tensors are missing: \(listed(missing))")
    }
    if !unexpected.isEmpty { complaints.append("\(unexpected.count) are not expected: \(listed(unexpected))") }
    guard complaints.isEmpty else {
      throw CheckpointError(
        file: origin, problem: complaints.joined(separator: ", and "),
        remedy: "check that the file is of a model with these settings")
    }
  }
}

// ## Where to look
//
// An error names the file that holds the tensor, since there can be several, and the name of the tensor there, since
// the model can use another.

extension Checkpoint {
  /// The file that a tensor is in.
  private func file(of name: String) -> String { tensors[name] == nil ? mapped[name]?.file ?? origin : origin }

  /// A remark about the name in the file, if it differs.
  func alias(of name: String) -> String {
    guard tensors[name] == nil, let stored = mapped[name]?.name, stored != name else { return "" }
    return " (in the file it is called \(quoted(stored)))"
  }

  /// A remark that gives a place as indices, if the tensor has more than one axis.
  private func position(of place: Int, in shape: Shape) -> String {
    guard shape.rank > 1 else { return "" }
    let indices = (0..<shape.rank).map { place / shape.stride(of: $0) % shape[$0] }
    if shape.rank == 2 { return ", in row \(indices[0]) and column \(indices[1])," }
    return ", at [\(indices.map(String.init).joined(separator: ", "))],"
  }
}
