// # Arms that begin alike
//
// A sweep of rates tries several rates in the last stage, and each of these arms begins with the same stages. What comes
// out of a stage depends on the arm up to there and on the seed alone, so the arms can share it: the first one that has
// come so far leaves its student here, and the others go on from a copy. The results are the same to the last bit.
//
// Students are kept in memory, the oldest are dropped when there is too little room, and nothing is lost with them but
// time. A model that is trained layer by layer is too large for this; its runs keep checkpoints instead.
//
// Used by: `Study.swift`.

import Models
import Tensors

/// Students after the first stages of arms.
final class SharedBeginnings: Sendable {
  /// A student after some stages.
  struct Student {
    /// The values of all its parameters, in order.
    let values: [Tensor]
    /// The losses of each step of the stages that it has been through.
    let curves: [[Double]]
    /// The seconds that these stages took.
    let seconds: Double
  }

  private struct State {
    var students: [Study.Job: Student] = [:]
    var oldestFirst: [Study.Job] = []
    var numbers = 0
  }
  private let state = Lock(State())
  /// The most numbers that are kept.
  private let room: Int

  /// - Parameter room: the bytes that students may take
  init(room: Int = 128_000_000) { self.room = room / MemoryLayout<Scalar>.stride }

  /// The student that has been through most stages of a job, and how many these are; nil if there is none.
  func longest(of job: Study.Job) -> (stages: Int, student: Student)? {
    state.withLock { state in
      for count in stride(from: job.arm.stages.count - 1, to: 0, by: -1) {
        if let student = state.students[job.beginning(count)] { return (count, student) }
      }
      return nil
    }
  }

  /// Keeps a student that has been through the first `count` stages of a job.
  func keep(_ student: LanguageModel, after count: Int, of job: Study.Job, curves: [[Double]], seconds: Double) {
    let values = student.parameters.map(\.value)
    let size = values.reduce(0) { $0 + $1.count }
    let key = job.beginning(count)
    if size > room { return }
    state.withLock { state in
      if state.students[key] != nil { return }
      while state.numbers + size > room, let oldest = state.oldestFirst.first {
        state.numbers -= state.students.removeValue(forKey: oldest)!.values.reduce(0) { $0 + $1.count }
        state.oldestFirst.removeFirst()
      }
      state.students[key] = Student(values: values, curves: curves, seconds: seconds)
      state.oldestFirst.append(key)
      state.numbers += size
    }
  }
}

extension Study.Job {
  /// The job that ends after the first `count` stages.
  func beginning(_ count: Int) -> Study.Job {
    Study.Job(arm.with { $0.stages = Array($0.stages.prefix(count)) }, seed: seed)
  }
}

extension [Study.Job] {
  /// The same jobs, those that begin alike as far apart as they can be: when the second is begun, the first should be
  /// through the stages that they share.
  var alikeFarApart: [Study.Job] {
    var seen: [Study.Job: Int] = [:]
    let turns = map { job in
      let key = job.beginning(job.arm.stages.count - 1)
      defer { seen[key, default: 0] += 1 }
      return seen[key, default: 0]
    }
    return indices.sorted { (turns[$0], $0) < (turns[$1], $1) }.map { self[$0] }
  }
}
