// # Stopping with a sentence
//
// A wrong shape is a mistake in the program, and the program stops. It should say which shapes.
// Swift's own `precondition` does so in a debug build only: with optimisation its message is
// dropped, and what is left is "Illegal instruction". All that is worth running here is optimised.
// So this module has a `precondition` of its own, which covers the standard one here and in every
// module that imports this one, and which speaks in each build.
//
// Read next: `Shape.swift`.

/// Stops the program with the message, in every build, unless the condition holds.
@inline(__always)
package func precondition(
  _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String, file: StaticString = #fileID,
  line: UInt = #line
) {
  if !condition() { preconditionFailure(message(), file: file, line: line) }
}

/// Stops the program with the message, in every build.
package func preconditionFailure(
  _ message: @autoclosure () -> String, file: StaticString = #fileID, line: UInt = #line
) -> Never {
  fatalError(message(), file: file, line: line)
}

/// Stops the program unless the condition holds, without a sentence: for checks inside kernels, which only a mistake in
/// this module can fail, and where the code that makes a sentence would be larger than the loop.
@inline(__always)
func precondition(_ condition: Bool) { Swift.precondition(condition) }
