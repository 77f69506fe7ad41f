// # Stopping with a sentence
//
// A wrong shape is a mistake in the program, and the program stops. It should say which shapes. Swift's own
// `precondition` does so in a debug build only: with optimisation its message is dropped, and what is left is
// "Illegal instruction". Everything worth running here is optimised. So this module has a `precondition` of its own.
// It shadows the standard one, here and in every module that imports this one, and prints its message in every build.
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

/// Stops the program without a message unless the condition holds: for checks inside kernels, which fail only through
/// a mistake in this module, and where the code that makes a message would be larger than the loop.
@inline(__always)
func precondition(_ condition: Bool) { Swift.precondition(condition) }
