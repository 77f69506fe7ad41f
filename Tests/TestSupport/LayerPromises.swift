// # What every layer promises
//
// Three things, for every row of a table:
//
//     derivatives   every number of every parameter and of every input is nudged, and the measured
//                   slope is the one that the pullbacks return for a random cotangent
//     leaves        the output depends on the listed parameters, all of them, each with a name of
//                   its own, and on nothing else
//     freezing      a frozen parameter gets no gradient, and the others get the same bits as before
//
// A parameter whose slope is smaller than the tolerance could lose its gradient unnoticed. So the
// first promise has a second half: each parameter's largest slope lies well above the tolerance,
// unless the row names it as idle.
//
// Read before: `LayerCase.swift`, `Sources/GradientChecking/CentralDifferences.swift`.

import GradientChecking
import Gradients
import Tensors
import Testing

/// What is demanded of a row.
public enum LayerPromise: String, CaseIterable, Sendable {
  /// Every measured slope is the derived one.
  case derivatives
  /// The output depends on the listed parameters and on nothing else.
  case leaves
  /// Frozen parameters get no gradient, and change nothing for the others.
  case freezing
}

extension LayerCase {
  /// Records an issue if the row breaks a promise.
  public func expect(_ promise: LayerPromise, sourceLocation: SourceLocation = #_sourceLocation) throws {
    expectPass(try report(on: promise), name, sourceLocation: sourceLocation)
  }

  /// What was compared for a promise, and a sentence for each way in which the row breaks it.
  public func report(on promise: LayerPromise) throws -> GradientReport {
    let subject = try subject()
    return switch promise {
    case .derivatives: reportOnDerivatives(subject)
    case .leaves: reportOnLeaves(subject)
    case .freezing: reportOnFreezing(subject)
    }
  }

  private func reportOnDerivatives(_ subject: Subject) -> GradientReport {
    let settings = Tolerance.differences
    let pulled = pull(subject)
    let cotangent = cotangent(of: pulled.value.shape)
    var report = GradientReport()
    func compare(_ slope: Tensor, _ name: String, measured: (Int, Scalar) -> Tensor) {
      for (entry, derived) in slope.elements.enumerated() {
        let difference = centralDifference(step: settings.step) { dot(cotangent, measured(entry, $0)) }
        report.compare(
          derived: derived, measured: difference, tolerance: settings.tolerance, "\(name), entry \(entry)")
      }
    }
    for (parameter, slope) in zip(subject.parameters, pulled.ofParameters) {
      let original = parameter.value
      compare(slope, parameter.name) { entry, nudge in
        parameter.update { $0.withMutableElements { $0[entry] += nudge } }
        defer { parameter.value = original }
        return subject.output.value
      }
      let largest = largestMagnitude(slope)
      if subject.idle.contains(parameter.name) != (largest < 5 * settings.tolerance) {
        report.failures.append("\(parameter.name): the largest slope is \(largest)")
      }
    }
    for (number, slope) in pulled.ofInputs.enumerated() {
      compare(slope, "input \(number)") { entry, nudge in
        var inputs = subject.inputs
        inputs[number].withMutableElements { $0[entry] += nudge }
        return subject.function(inputs.map { Variable(constant: $0) }).value
      }
    }
    return report
  }

  private func reportOnLeaves(_ subject: Subject) -> GradientReport {
    let tape = TapeSummary(of: subject.output)
    let names = Set(subject.parameters.map(\.name))
    var report = GradientReport()
    report.comparisons = subject.parameters.count
    report.failures = subject.parameters.filter { !tape.reaches($0) }.map { "\($0.name) is not reached" }
    if tape.leafCount != subject.parameters.count {
      report.failures.append("\(tape.leafCount) leaves, \(subject.parameters.count) parameters")
    }
    if names.count < subject.parameters.count { report.failures.append("a name comes twice") }
    if !subject.idle.isSubset(of: names) { report.failures.append("\(subject.idle) are not among \(names)") }
    return report
  }

  private func reportOnFreezing(_ subject: Subject) -> GradientReport {
    let free = pull(subject)
    var report = GradientReport()
    func compare(_ mine: Tensor, _ expected: Tensor, _ place: String) {
      report.comparisons += mine.count
      if mine.elements.map(\.bitPattern) != expected.elements.map(\.bitPattern) {
        report.failures.append("\(place): \(mine), not \(expected)")
      }
    }
    func compareAll(_ what: String) {
      let now = pull(subject)
      compare(now.value, free.value, "\(what), the value")
      for (index, parameter) in subject.parameters.enumerated() {
        let before = free.ofParameters[index]
        let expected = parameter.isFrozen ? Tensor.zeros(before.shape) : before
        compare(now.ofParameters[index], expected, "\(what), \(parameter.name)")
      }
      for (index, before) in free.ofInputs.enumerated() {
        compare(now.ofInputs[index], before, "\(what), input \(index)")
      }
    }
    for parameter in subject.parameters {
      parameter.isFrozen = true
      compareAll("\(parameter.name) frozen")
      parameter.isFrozen = false
    }
    for parameter in subject.parameters { parameter.isFrozen = true }
    compareAll("all frozen")
    if !subject.output.isConstant { report.failures.append("all frozen, and yet a tape") }
    return report
  }

  /// The value, and the gradients of the weighted sum of the outputs by parameters, frozen or not, and inputs.
  private func pull(_ subject: Subject) -> (value: Tensor, ofParameters: [Tensor], ofInputs: [Tensor]) {
    let leaves = subject.inputs.map { Variable(leaf: $0) }
    let output = subject.function(leaves)
    let loss = sum(output * Variable(constant: cotangent(of: output.shape)))
    return (
      output.value, gradients(of: loss, withRespectTo: subject.parameters), gradients(of: loss, withRespectTo: leaves)
    )
  }

  /// A random cotangent for an output of the row, of both signs and nowhere small: for a loss it is a single number.
  private func cotangent(of shape: Shape) -> Tensor { .random(shape, .awayFromZero, for: name + ", cotangent") }
}

// ## Promises that are broken on purpose

/// A row with a deliberate mistake, and the promises that must reveal it.
public struct LayerMutant: Sendable, CustomTestStringConvertible {
  /// The row with the mistake.
  public let row: LayerCase
  private let broken: Set<LayerPromise>

  /// A wrong row, and all promises that it breaks: no others may fail.
  public init(_ row: LayerCase, caughtBy broken: Set<LayerPromise>) { (self.row, self.broken) = (row, broken) }

  /// Records an issue unless every promise that should be broken is broken, and no other.
  public func expectCaught() throws {
    for promise in LayerPromise.allCases {
      let report = try row.report(on: promise)
      if broken.contains(promise) {
        withKnownIssue { expectPass(report, "\(row.name), \(promise)") }
      } else {
        expectPass(report, "\(row.name), \(promise)")
      }
    }
  }

  /// The row's name, as the test report shows it.
  public var testDescription: String { row.name }
}

/// The value of one function with the gradient of another.
public func mutated(_ function: Variable, pulledBackAs impostor: Variable) -> Variable {
  impostor + (function.detached - impostor.detached)
}
