// # Every derivative is checked
//
// For each row of the table, each entry of each cotangent against central differences, for two random cotangents; two
// random projections; and, where the shapes are small, the whole Jacobian. The suite ends with a table of the errors,
// primitive by primitive. Another test demands rows for every primitive, so that a new one cannot come unchecked.
//
// Read before: `OperationCase.swift`, and `Sources/GradientChecking/GradientCheck.swift`.

import GradientChecking
import Gradients
import Tensors
import TestSupport
import Testing

@Suite("derivatives", .talliedByGroup) struct DerivativeTests {
  @Test(arguments: Operation.all)
  func everyDerivativeAgreesWithDifferences(_ operation: Operation) {
    for row in operation.rows where row.inputs.contains(where: { $0.count > 0 }) {
      var random = row.generator("cotangents")
      for _ in 0..<2 {
        let report = checkGradient(at: row.inputs, settings: Tolerance.differences, using: &random, of: row.function)
        expectPass(report, "\(operation.name): \(row.name)")
      }
    }
  }

  @Test(arguments: Operation.all)
  func projectionsAgreeWithDifferences(_ operation: Operation) {
    for row in operation.rows where row.inputs.contains(where: { $0.count > 0 }) {
      var random = row.generator("projections")
      let report = checkProjection(at: row.inputs, settings: Tolerance.differences, using: &random, of: row.function)
      expectPass(report, "\(operation.name): \(row.name), projected")
    }
  }

  /// The largest Jacobian that is compared as a whole.
  private static let smallJacobian = 400

  @Test(arguments: Operation.all)
  func theWholeJacobianAgreesAtSmallShapes(_ operation: Operation) {
    var whole = 0
    for row in operation.rows {
      let inputs = row.inputs
      let outputs = row.function(inputs.map { Variable(constant: $0) }).value.count
      let entries = outputs * inputs.reduce(0) { $0 + $1.count }
      guard entries > 0 && entries <= Self.smallJacobian else { continue }
      let report = checkJacobian(at: inputs, settings: Tolerance.differences, of: row.function)
      #expect(report.comparisons == entries)
      expectPass(report, "\(operation.name): \(row.name), whole Jacobian")
      whole += 1
    }
    #expect(whole > 0, "\(operation.name) has no row that is small enough for a whole Jacobian")
  }

  @Test func everyPrimitiveOccursInTheTable() throws {
    var seen: Set<Primitive> = []
    var (rows, leaves) = (0, 0)
    for operation in Operation.all {
      for row in operation.rows {
        let output = row.function(row.inputs.map { Variable(leaf: $0) })
        let tape = TapeSummary(of: output)
        seen.formUnion(tape.counts.keys)
        #expect(tape.counts.keys.contains { $0.name == operation.name }, "\(row.name) is not \(operation.name)")
        #expect(tape.leafCount == row.arguments.count, "\(row.name)")
        (rows, leaves) = (rows + 1, leaves + row.arguments.count)
      }
    }
    let declared = try declaredPrimitives()
    #expect(seen == declared, "missing: \(declared.symmetricDifference(seen).map(\.name).sorted())")
    #expect(Set(Operation.all.map(\.name)).count == Operation.all.count)
    #expect(Set(Operation.all.flatMap { $0.rows.map(\.name) }).count == rows, "two rows have one name")
    print("  \(Operation.all.count) operations, \(rows) rows, \(leaves) inputs")
  }
}

/// All primitives that the sources declare, each beside its rule: `static let name = Primitive("name")`.
func declaredPrimitives() throws -> Set<Primitive> {
  let names = try Repository.swiftFiles(in: "Sources/Gradients").flatMap { file in
    try Repository.text(of: file).matches(of: /static let (\w+) = Primitive\("(\w+)"\)/).map { match in
      #expect(match.1 == match.2, "\(match.1) is called \(match.2)")
      return String(match.2)
    }
  }
  #expect(Set(names).count == names.count, "two primitives have one name")
  return Set(names.map { Primitive($0) })
}
