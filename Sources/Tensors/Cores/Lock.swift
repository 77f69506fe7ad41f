// # A lock that the sanitizer sees
//
// `Mutex` of the module Synchronization locks with the system's futex, in a library that ThreadSanitizer does not look
// into: to it two threads that take blocks from the pool one after the other race, some thousand times a minute, and a
// real race would be one line among those. The build for it (`make sanitize`) has a lock that it knows.
//
// Used by: `../Core/Storage.swift` and what else is shared between threads.

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
