// # The worker pool
//
// Every item is done exactly once: by several threads, after they have slept, in nested loops, and when
// several threads ask at the same time.
//
// Read before: `Tensors/Cores/WorkerPool.swift`.

import Dispatch
import Foundation
import Synchronization
import Tensors
import Testing

@Suite("pool")
struct WorkerPoolTests {
  /// How often each of `count` items was done.
  private func uses(_ pool: WorkerPool, _ count: Int, before: @escaping @Sendable (Int) -> Void = { _ in }) -> [Int] {
    let uses = Lock(Array(repeating: 0, count: count))
    pool.perform(count) { index in
      before(index)
      uses.withLock { $0[index] += 1 }
    }
    return uses.withLock { $0 }
  }

  private static let pools = [1, 2, 5].map { WorkerPool(threads: $0) }

  @Test(arguments: [0, 1, 2, 3, 4, 17, 1000])
  func everyItemIsDoneOnce(count: Int) {
    for pool in WorkerPoolTests.pools {
      for _ in 0..<50 { #expect(uses(pool, count) == Array(repeating: 1, count: count), "\(pool.threads) threads") }
    }
  }

  @Test func itemsAreDoneByAll() {
    // Two items that wait for one another can only end if two threads have them.
    let pool = WorkerPool(threads: 2)
    for _ in 0..<20 {
      let arrived = Atomic(0)
      pool.perform(2) { _ in
        arrived.add(1, ordering: .sequentiallyConsistent)
        while arrived.load(ordering: .sequentiallyConsistent) < 2 { sched_yield() }
      }
      #expect(arrived.load(ordering: .relaxed) == 2)
    }
  }

  @Test func thoseWhoSleepAreCalled() {
    let pool = WorkerPool(threads: 3)
    for _ in 0..<5 {
      usleep(20_000)  // Long enough for all to sleep, on a machine that is not too busy.
      let arrived = Atomic(0)
      pool.perform(3) { _ in
        arrived.add(1, ordering: .sequentiallyConsistent)
        while arrived.load(ordering: .sequentiallyConsistent) < 3 { sched_yield() }
      }
    }
  }

  @Test func aLoopInALoopStaysOnItsThread() {
    let pool = WorkerPool(threads: 4)
    let strangers = Atomic(0)
    let total = Atomic(0)
    pool.perform(8) { _ in
      let thread = pthread_self()
      var order: [Int] = []
      pool.perform(10) { index in
        if pthread_equal(thread, pthread_self()) == 0 { strangers.add(1, ordering: .relaxed) }
        order.append(index)
        total.add(1, ordering: .relaxed)
      }
      if order != Array(0..<10) { strangers.add(1, ordering: .relaxed) }
    }
    #expect(strangers.load(ordering: .relaxed) == 0)
    #expect(total.load(ordering: .relaxed) == 80)
  }

  @Test func manyMayAskAtOnce() {
    let pool = WorkerPool(threads: 3)
    let total = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 8) { asker in
      for round in 0..<300 {
        pool.perform(1 + (asker + round) % 7) { _ in total.add(1, ordering: .relaxed) }
      }
    }
    let expected = (0..<8).flatMap { asker in (0..<300).map { 1 + (asker + $0) % 7 } }.reduce(0, +)
    #expect(total.load(ordering: .relaxed) == expected)
  }

  @Test(
    arguments: [
      (nil, 8), ("", 8), ("1", 1), ("3", 3), (" 4 ", 4), ("2,6", 2), ("64", 8), ("0", 8), ("-1", 8), ("many", 8),
      ("99999999999999999999", 8),
    ] as [(String?, Int)])
  func theEnvironmentMayAskForFewer(wish: String?, expected: Int) {
    #expect(WorkerPool.threads(cores: 8, wish: wish) == expected)
  }

  @Test(
    arguments: [(nil, 8), (0.5, 1), (1, 1), (1.9, 1), (2, 2), (7.5, 7), (8, 8), (64, 8), (1e30, 8)]
      as [(Double?, Int)])
  func aQuotaLeavesFewer(quota: Double?, expected: Int) {
    #expect(WorkerPool.threads(cores: 8, quota: quota, wish: nil) == expected)
    #expect(WorkerPool.threads(cores: 8, quota: quota, wish: "3") == min(3, expected))
  }

  @Test func manyMayAskForLoopsInLoops() {
    let pool = WorkerPool(threads: 3)
    let total = Atomic(0)
    DispatchQueue.concurrentPerform(iterations: 6) { _ in
      for _ in 0..<100 {
        pool.perform(3) { _ in
          pool.perform(4) { _ in pool.perform(2) { _ in total.add(1, ordering: .relaxed) } }
        }
        pool.resting { pool.perform(5) { _ in total.add(1, ordering: .relaxed) } }
      }
    }
    #expect(total.load(ordering: .relaxed) == 6 * 100 * (3 * 4 * 2 + 5))
  }

  // The threads of a pool live as long as the program, even while it ends.
  @Test func aProgramMayEndInTheMiddleOfALoop() async {
    for _ in 0..<5 {
      await #expect(processExitsWith: .success) {
        let pool = WorkerPool(threads: 4)
        for _ in 0..<3 {
          Thread.detachNewThread { while true { pool.perform(64) { _ in usleep(10) } } }
        }
        usleep(20_000)
        exit(0)
      }
    }
  }

  @Test func whatWasWrittenIsSeen() {
    // The numbers that others wrote without a lock are there when the job has ended.
    let pool = WorkerPool(threads: 4)
    let count = 64
    let numbers = UnsafeMutablePointer<Int>.allocate(capacity: count)
    defer { numbers.deallocate() }
    for round in 0..<2000 {
      nonisolated(unsafe) let numbers = numbers
      pool.perform(count) { numbers[$0] = round + $0 }
      #expect((0..<count).allSatisfy { numbers[$0] == round + $0 })
    }
  }
}
