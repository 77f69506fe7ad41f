// # The worker pool
//
// A step of training is some hundred loops of ten to a thousand microseconds, one after the other. To
// be worth sharing, such a loop must find its helpers awake: to wake a sleeping thread took 30 to 50
// microseconds here, so that Dispatch's `concurrentPerform`, which wakes them for each loop, made two
// pieces of 15 microseconds slower than one after the other. So the pool's threads stay awake for a
// little after each job (0.2 milliseconds) and look for the next; only then do they sleep.
//
// They look without offering their core to others. That is impolite, and has a reason: a helper that
// is started on the core of the thread it should help, and yields to it again and again, looks to the
// system like a thread at rest and is left there, so that both took turns on one core for seconds. One
// that keeps its core for its 0.2 milliseconds finds nothing to do, sleeps, and is woken on a core
// that is free.
//
//     two pieces of    one after the other    concurrentPerform    pool
//          1.4 µs            2.8 µs                2.9 µs         1.8 µs
//         14.4 µs           28.7 µs               36.6 µs        14.6 µs
//         48.0 µs           96.0 µs              102.9 µs        48.2 µs      (`make cost`)
//
// A job is a number of items and what to do with each. What has been taken is one number in one
// place: the items in its upper half, the next of them in its lower. Whoever raises it has taken an
// item, be it the thread that asked or one of the pool. The job ends when every item is done, not when
// every thread has been there: one that sleeps too long is not waited for.
//
// There is one job at a time. Who asks while there is one (a loop in a loop, a test beside a test) does
// its items alone, in order: the outermost loop gets the cores.
//
// Used by: `Parallel.swift`.

import Dispatch
import Foundation
import Synchronization

/// Threads that share loops with whoever asks.
package final class WorkerPool: @unchecked Sendable {
  /// As many threads as there are cores, counting the one that asks.
  package static let shared = WorkerPool(threads: ProcessInfo.processInfo.activeProcessorCount)

  /// The number of threads that can work on a job, counting the one that asks.
  package let threads: Int

  private let isBusy = Atomic(false)
  /// The job's items in the upper half, the next item to be taken in the lower.
  private let taken = Atomic<UInt64>(0)
  private let done = Atomic<Int>(0)
  /// What to do with an item. Set while nothing can be taken, read after something was.
  private var body: ((Int) -> Void)?

  private let sleeping = Atomic<Int>(0)
  private let alarm = DispatchSemaphore(value: 0)
  /// How long a thread looks for the next job before it sleeps.
  private static let patience = Duration.microseconds(200)

  /// A pool for the rest of the program's life.
  package init(threads: Int) {
    self.threads = max(1, threads)
    for _ in 1..<max(1, threads) {
      let thread = Thread { [self] in help() }
      thread.name = "pool"
      // A study trains whole models here.
      thread.stackSize = 8 << 20
      thread.start()
    }
  }

  /// Calls `body` with each index in 0..<count, on several threads and in any order, or in order on this one.
  package func perform(_ count: Int, _ body: (Int) -> Void) {
    let isOurs =
      threads > 1 && count > 1
      && isBusy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    guard isOurs else { return (0..<count).forEach(body) }
    withoutActuallyEscaping(body) { body in
      self.body = body
      done.store(0, ordering: .relaxed)
      taken.store(UInt64(count) << 32, ordering: .sequentiallyConsistent)
      // Whoever went to sleep before this store is counted here; whoever counts itself after it looks once more.
      for _ in 0..<sleeping.exchange(0, ordering: .sequentiallyConsistent) { alarm.signal() }
      work()
      var looks = 0
      while done.load(ordering: .acquiring) < count {
        looks += 1
        // Whoever has the last item may need this core for it.
        if looks.isMultiple(of: 1024) { sched_yield() }
      }
      self.body = nil
    }
    isBusy.store(false, ordering: .releasing)
  }

  /// Calls `body` while no job begins: who asks for one in the meantime does its items alone.
  package func resting<Result>(_ body: () throws -> Result) rethrows -> Result {
    let isOurs = isBusy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    defer { if isOurs { isBusy.store(false, ordering: .releasing) } }
    return try body()
  }

  /// Takes items and does them until none is left.
  private func work() {
    while let item = take() {
      perform(item)
      done.add(1, ordering: .releasing)
    }
  }

  private func take() -> Int? {
    var seen = taken.load(ordering: .acquiring)
    while true {
      let (items, next) = (seen >> 32, seen & 0xffff_ffff)
      if next >= items { return nil }
      let (isOurs, now) = taken.compareExchange(expected: seen, desired: seen + 1, ordering: .acquiring)
      if isOurs { return Int(next) }
      seen = now
    }
  }

  /// In a function of its own, which lets go of `body` when it returns: after the last item nobody holds it.
  @inline(never)
  private func perform(_ item: Int) { body!(item) }

  /// The life of one of the threads.
  private func help() {
    while true {
      work()
      let end = ContinuousClock.now + WorkerPool.patience
      while !isWorkOpen, ContinuousClock.now < end {
        for _ in 0..<16 where isWorkOpen { break }
      }
      if isWorkOpen { continue }
      sleeping.add(1, ordering: .sequentiallyConsistent)
      // What was opened in between has perhaps not counted us.
      if isWorkOpen && withdraw() { continue }
      alarm.wait()
    }
  }

  private var isWorkOpen: Bool {
    let seen = taken.load(ordering: .sequentiallyConsistent)
    return seen & 0xffff_ffff < seen >> 32
  }

  /// Takes one from the number of sleepers, unless they have been called already.
  private func withdraw() -> Bool {
    var count = sleeping.load(ordering: .sequentiallyConsistent)
    while count > 0 {
      let (exchanged, now) = sleeping.compareExchange(
        expected: count, desired: count - 1, ordering: .sequentiallyConsistent)
      if exchanged { return true }
      count = now
    }
    return false
  }
}
