// # Other names, other orders
//
// A published model can have names other than ours, rows in another order, and buffers that we compute anyway. None
// of this is decided here. The caller gives a new name for each name, or nil to leave the tensor out, and a
// transformation for a tensor whose numbers are in another order. A tensor in a file stays there, and is transformed
// when it is asked for.
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
  ///   - name: the name of a tensor in this checkpoint
  ///   - shape: the shape of the result; nil for the shape that the tensor has
  ///   - transformation: gets the tensor in whatever shape it has, so look at `shape(of:)` first
  ///
  /// Throws `CheckpointError` if there is no such tensor. If the result has another shape, the error comes at once
  /// for a tensor in memory, and from `tensor(_:shape:)` for one in a file.
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
