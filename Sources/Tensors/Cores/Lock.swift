// # A lock that the sanitizer sees
//
// `Mutex` of the module Synchronization locks with the system's futex, in a library that ThreadSanitizer does not
// look into. It would report a race whenever two threads take blocks from the pool one after the other, some thousand
// times a minute, and a real race would be one line among those. So the build for the sanitizer (`make sanitize`) has
// a lock that it knows.
//
// Used by: `../Core/Storage.swift` and whatever else is shared between threads.

import Foundation
import Synchronization

#if THREAD_SANITIZER
/// A value that one thread at a time can reach.
package final class Lock<Value>: @unchecked Sendable {
  private var value: Value
  private let lock = NSLock()

  package init(_ value: Value) { self.value = value }

  package func withLock<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
    lock.lock()
    defer { lock.unlock() }
    return try body(&value)
  }
}
#else
/// A value that one thread at a time can reach.
package typealias Lock<Value> = Mutex<Value>
#endif
