// # Other names, other orders
//
// A model of others has names of theirs, rows in an order of theirs, and buffers that we compute anyway. None of that
// is decided here: a caller gives a new name for each name, or none, and says what is to be done with a tensor whose
// numbers lie otherwise. What is in a file stays there; its transformation waits until the tensor is asked for.
//
//     var weights = try Checkpoint(mapping: folder).renamed { $0.hasSuffix(".inv_freq") ? nil : "model." + $0 }
//     weights = try weights.transforming("model.q.weight") { $0.reshaped(to: …).transposed(1, 2).reshaped(to: …) }
//
// Read before: `Checkpoint.swift`, `MappedTensor.swift`.

import Tensors

extension Checkpoint {
  /// The same tensors under new names; one whose new name is nil is left out.
  ///
  /// Throws `CheckpointError` if two get the same name.
  public func renamed(_ name: (String) -> String?) throws -> Checkpoint {
    var result = self
    (result.tensors, result.mapped) = ([:], [:])
    var former: [String: String] = [:]
    for old in names.sorted() {
      guard let new = name(old) else { continue }
      if let other = former.updateValue(old, forKey: new) {
        throw CheckpointError(
          file: origin, tensor: new, problem: "both \(quoted(other)) and \(quoted(old)) get this name",
          remedy: "leave one of them out, or give it another name")
      }
      if let tensor = tensors[old] { result.tensors[new] = tensor } else { result.mapped[new] = mapped[old] }
    }
    return result
  }

  /// The same with one tensor transformed: at once if it is in memory, else each time it is asked for.
  ///
  /// - Parameters:
  ///   - name: of a tensor that is there
  ///   - shape: of the result; that of the tensor, if none is given
  ///   - transformation: gets the tensor as it is, so look at `shape(of:)` first
  ///
  /// Throws `CheckpointError` if there is no such tensor; `tensor(_:shape:)` throws one if the result has another shape.
  public func transforming(
    _ name: String, to shape: Shape? = nil, by transformation: @escaping @Sendable (Tensor) throws -> Tensor
  ) throws -> Checkpoint {
    var result = self
    if tensors[name] == nil, let tensor = mapped[name] {
      result.mapped[name] = tensor.transformed(to: shape ?? tensor.shape, by: transformation)
      return result
    }
    let old = try tensor(name)
    let new = try transformation(old)
    result.tensors[name] = new
    _ = try result.tensor(name, shape: shape ?? old.shape)
    return result
  }
}
