// # What is trained
//
// A stage trains some parameters and leaves others as they are, and sometimes it trains only some rows of one:
// stage 1 trains the rows of B, C and a in the in-projection, while the rows of x and z wait for stage 2. A zero
// gradient does not protect a row from the optimiser: weight decay shrinks it all the same. So what is trained is
// listed, row by row, and the optimiser touches nothing else.
//
// Read before: `Parameter.swift`. Read next: `Training/AdamW.swift`.

import Tensors

/// A parameter, or some rows of it, that training may change.
public struct ParameterRows {
  /// The parameter that the rows belong to.
  public let parameter: Parameter
  /// Ranges of the first axis.
  public let rows: [Range<Int>]
  /// What it belongs to, such as the number of its layer: an optimiser can treat the gradients of each group
  /// separately.
  public private(set) var group = 0

  /// All of a parameter.
  public init(_ parameter: Parameter) {
    self.parameter = parameter
    rows = [0..<(parameter.value.rank == 0 ? 1 : parameter.value.shape[0])]
  }

  /// Some rows of a parameter.
  public init(_ parameter: Parameter, rows: [Range<Int>]) {
    precondition(
      rows.allSatisfy { $0.lowerBound >= 0 && $0.upperBound <= parameter.value.shape[0] },
      "\(parameter.name) has \(parameter.value.shape[0]) rows, so \(rows) cannot be trained")
    self.parameter = parameter
    self.rows = rows
  }

  /// The same rows as part of a group.
  public func inGroup(_ group: Int) -> ParameterRows {
    var copy = self
    copy.group = group
    return copy
  }

  /// How many numbers may change.
  public var count: Int {
    let width = parameter.value.rank == 0 ? 1 : parameter.value.shape.stride(of: 0)
    return rows.reduce(0) { $0 + $1.count * width }
  }
}

/// Makes the listed parameters leaves of the tape and all others of `parameters` constants.
public func freeze(_ parameters: [Parameter], allBut trained: [ParameterRows]) {
  for parameter in parameters { parameter.isFrozen = true }
  for entry in trained { entry.parameter.isFrozen = false }
}
