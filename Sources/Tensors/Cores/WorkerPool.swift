// # The worker pool
//
// A training step is some hundred loops of ten to a thousand microseconds, one after another. A loop that short is
// worth sharing only if the other threads are awake. Waking a sleeping thread took 30 to 50 microseconds on a virtual
// machine with two cores (the machine of the table). Dispatch's `concurrentPerform`, which wakes its threads for each
// loop, therefore took longer for two pieces of 15 microseconds than one thread took for both. The threads of this
// pool stay awake for 0.2 milliseconds after each job and look for the next one; only then do they sleep.
//
// While they look they do not yield their core. A thread that starts on the core of the thread it should help, and
// yields again and again, looks idle to the scheduler and is not moved: the two then shared one core for seconds. A
// thread that keeps its core busy for 0.2 milliseconds and then sleeps is woken on a free core.
//
//     two pieces of    one after the other    concurrentPerform    pool
//          1.4 µs            2.8 µs                2.9 µs         1.8 µs
//         14.4 µs           28.7 µs               36.6 µs        14.6 µs
//         48.0 µs           96.0 µs              102.9 µs        48.2 µs      (`make cost`)
//
// A job is a number of items and a closure that is called with the index of each. One atomic number holds both how
// many items there are (its upper half) and which is next (its lower half); a thread takes an item by adding 1 to it.
// The job ends when every item is done, not when every thread has taken part: no job waits for a thread that is still
// asleep.
//
// There is one job at a time. A loop that starts while another job runs (a loop inside a loop, two
// tests at once) does all its items on its own thread, in order: the outermost loop gets the cores.
//
// Used by: `Parallel.swift`. Read next: `ControlGroup.swift`.

import CProcessor
import Dispatch
import Foundation
import Synchronization

/// Threads that share the items of a loop with the thread that calls `perform`.
package final class WorkerPool: @unchecked Sendable {
  /// As many threads as there are cores, counting the calling one. Fewer if a container's quota leaves fewer
  /// (`ControlGroup.swift`), or if OMP_NUM_THREADS in the environment says so, the variable that other numerical
  /// programs read too. More threads than cores only get in each other's way.
  package static let shared = WorkerPool(
    threads: threads(
      cores: ProcessInfo.processInfo.activeProcessorCount, quota: ControlGroup.own.processors,
      wish: ProcessInfo.processInfo.environment["OMP_NUM_THREADS"]))

  /// - Parameters:
  ///   - quota: the processors that may be used, rounded down, at least 1; nil for all
  ///   - wish: a list as in OpenMP, "4" or "4,2"; only its first number counts, and anything else is ignored
  package static func threads(cores: Int, quota: Double? = nil, wish: String?) -> Int {
    let cores = max(1, min(cores, quota.map { Int(min($0, Double(cores))) } ?? cores))
    let first = wish?.split(separator: ",").first.flatMap { Int($0.trimmingCharacters(in: .whitespaces)) }
    guard let first, first > 0 else { return cores }
    return min(cores, first)
  }

  /// The number of threads that can work on a job, counting the calling one.
  package let threads: Int

  private let isBusy = Atomic(false)
  /// The number of the job's items in the upper half, the next item to be taken in the lower.
  private let taken = Atomic<UInt64>(0)
  private let done = Atomic<Int>(0)
  /// What to do with an item. Set while no item can be taken, read after one has been.
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

  /// Calls `body` with each index in 0..<count: on several threads in any order, or in order on this thread if
  /// another job runs or there are no other threads.
  package func perform(_ count: Int, _ body: (Int) -> Void) {
    let isOurs =
      threads > 1 && count > 1
      && isBusy.compareExchange(expected: false, desired: true, ordering: .acquiring).exchanged
    guard isOurs else { return (0..<count).forEach(body) }
    withoutActuallyEscaping(body) { body in
      self.body = body
      done.store(0, ordering: .relaxed)
      taken.store(UInt64(count) << 32, ordering: .sequentiallyConsistent)
      // A thread that went to sleep before this store is counted here; one that counts itself later looks once more.
      for _ in 0..<sleeping.exchange(0, ordering: .sequentiallyConsistent) { alarm.signal() }
      work()
      var looks = 0
      while done.load(ordering: .acquiring) < count {
        looks += 1
        // The thread that does the last item may need this core for it.
        if looks.isMultiple(of: 1024) { sched_yield() }
      }
      self.body = nil
    }
    isBusy.store(false, ordering: .releasing)
  }

  /// Calls `body` while no job can begin: loops in the meantime stay on their own threads. If another thread's job runs
  /// at the start, then only until that job ends; to wait for it would hang a call from inside one of its items.
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

  /// A function of its own, which releases `body` when it returns: after the last item no thread holds it.
  @inline(never)
  private func perform(_ item: Int) { body!(item) }

  /// The endless loop of each thread of the pool.
  private func help() {
    // A new thread does as the one that started it, which may be inside a kernel (`Parallel.swift`).
    _ = processor_flush_underflow(0)
    while true {
      work()
      let end = ContinuousClock.now + WorkerPool.patience
      while !isWorkOpen, ContinuousClock.now < end {
        for _ in 0..<16 where isWorkOpen { break }
      }
      if isWorkOpen { continue }
      sleeping.add(1, ordering: .sequentiallyConsistent)
      // A job that began in between may not have counted this thread.
      if isWorkOpen && withdraw() { continue }
      alarm.wait()
    }
  }

  private var isWorkOpen: Bool {
    let seen = taken.load(ordering: .sequentiallyConsistent)
    return seen & 0xffff_ffff < seen >> 32
  }

  /// Removes this thread from the count of sleepers, unless all of them have been woken already.
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
