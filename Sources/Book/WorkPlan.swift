// # How long the whole chapter will take
//
// A progress bar knows one piece of work. A chapter of half an hour consists of many pieces, and a reader who waits
// wants to know when all of them are done. So such a chapter states beforehand what its pieces are and about how long
// each takes; every bar then also shows the time left for the chapter. Measurements correct the estimates: if the
// pieces so far took twice as long as estimated, so will the rest.
//
// A piece that is found from an earlier run takes no time, and does not count for the pace.
//
// Read before: `Notebook/ProgressBar.swift`. Chapter: 15-real-model.

import Experiments
import Foundation
import Notebook
import Tensors

/// The pieces of a chapter's work, in their order. Can be used from any thread.
public final class WorkPlan: Sendable {
  private struct State {
    var pieces: [(name: String, seconds: Double)]
    var current = -1
    /// The current piece: when it began, and which fraction of it was done then and is done now.
    var start = ContinuousClock.now
    var from = 0.0
    var done = 0.0
    /// The pieces that were worked on: the seconds they were estimated to take, and the seconds they took.
    var said = 0.0
    var took = 0.0

    /// The seconds that the current piece was estimated to take so far, and the seconds it took.
    var now: (said: Double, took: Double) {
      guard pieces.indices.contains(current), done > from else { return (0, 0) }
      return (pieces[current].seconds * (done - from), (ContinuousClock.now - start) / .seconds(1))
    }
  }
  private let state: Lock<State>

  /// - Parameter pieces: about how many seconds each takes
  public init(_ pieces: [(name: String, seconds: Double)]) { state = Lock(State(pieces: pieces)) }

  /// The estimated seconds of all pieces.
  public var total: Double { state.withLock { $0.pieces.reduce(0) { $0 + $1.seconds } } }

  /// Begins a piece; those before it count as done. Stops the program if there is none of that name.
  public func begin(_ name: String) {
    state.withLock { state in
      guard let index = state.pieces.firstIndex(where: { $0.name == name }) else {
        preconditionFailure("the plan has no piece '\(name)'")
      }
      let now = state.now
      (state.said, state.took) = (state.said + now.said, state.took + now.took)
      (state.current, state.start, state.from, state.done) = (index, .now, 0, 0)
    }
  }

  /// Records how far the current piece is, 0 … 1, and returns the seconds left for the whole plan.
  ///
  /// - Parameter first: the fraction of the piece that was done before this run
  public func left(done: Double, from first: Double = 0) -> Double {
    state.withLock { state in
      (state.from, state.done) = (first, done)
      let now = state.now
      let (said, took) = (state.said + now.said, state.took + now.took)
      let pace = said > 1 ? took / said : 1
      let here = state.pieces.indices.contains(state.current) ? state.pieces[state.current].seconds * (1 - done) : 0
      return pace * state.pieces.dropFirst(state.current + 1).reduce(here) { $0 + $1.seconds }
    }
  }

  /// A bar for a loop of the current piece that also shows the time left for the chapter.
  public func bar(_ title: String, total: Int, from first: Int = 0) -> any ProgressReport {
    PlannedBar(plan: self, bar: ProgressBar(title, total: total, from: first), total: total, first: first)
  }
}

/// A bar of one loop, with the time left for the whole chapter.
private struct PlannedBar: ProgressReport {
  let plan: WorkPlan
  let bar: ProgressBar
  let total, first: Int

  func update(_ step: Int, _ note: ProgressNote, tokens: Int?) {
    let of = Double(max(1, total))
    let left = plan.left(done: Double(step) / of, from: Double(first) / of)
    let notes = [note.text, "chapter \(duration(seconds: left)) left"].compactMap(\.self)
    bar.update(step, note: notes.joined(separator: ", "), tokens: tokens)
  }
  func finish() { bar.finish() }
}
