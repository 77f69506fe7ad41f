// # How long the whole chapter will take
//
// A progress bar knows one piece of work. A chapter of half an hour is made of many, and who waits wants
// to know when all is done. So such a chapter says beforehand what its pieces are and about how long each
// takes; every bar then also tells the time that is left for the chapter. The estimates are corrected by
// what has been measured: if the pieces so far took twice as long as was said, so will the rest.
//
// A piece that is found from an earlier run takes no time, and says nothing about the pace.
//
// Read before: `Notebook/ProgressBar.swift`. Chapter: 15-real-model.

import Experiments
import Foundation
import Notebook
import Tensors

/// The pieces of a chapter's work, in their order. May be used from any thread.
public final class WorkPlan: Sendable {
  private struct State {
    var pieces: [(name: String, seconds: Double)]
    var current = -1
    /// Of the current piece: when it began, and the parts that were done then and are done now.
    var start = ContinuousClock.now
    var from = 0.0
    var done = 0.0
    /// Of the pieces that were worked on: what was said they would take, and what they took.
    var said = 0.0
    var took = 0.0

    /// What the current piece was said to take so far, and what it took.
    var now: (said: Double, took: Double) {
      guard pieces.indices.contains(current), done > from else { return (0, 0) }
      return (pieces[current].seconds * (done - from), (ContinuousClock.now - start) / .seconds(1))
    }
  }
  private let state: Lock<State>

  /// - Parameter pieces: about how many seconds each takes
  public init(_ pieces: [(name: String, seconds: Double)]) { state = Lock(State(pieces: pieces)) }

  /// The seconds of all pieces, as they were estimated.
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

  /// Notes how far the current piece is, and returns the seconds that are left for all.
  ///
  /// - Parameter first: the part of the piece that was done before this run
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

  /// A bar for a loop of the current piece that also tells the time that is left for the chapter.
  public func bar(_ title: String, total: Int, from first: Int = 0) -> any ProgressReport {
    PlannedBar(plan: self, bar: ProgressBar(title, total: total, from: first), total: total, first: first)
  }
}

/// A bar of one loop, with the time that is left for the whole chapter.
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
