// # The progress of long work
//
// Experiments have no screen: the caller says where progress is shown. A chapter shows it as a bar,
// a test nowhere.
//
// Read next: `ModelStore.swift`, `Study.swift`.

/// What a report says about a step.
public enum ProgressNote: Sendable {
  /// The loss of the last step.
  case loss(Double)
  /// The last step was one of this arm, counted from 1.
  case arm(Int, of: Int)
  /// Nothing.
  case none
}

/// Shows how far one piece of work is; may be called from any thread.
public protocol ProgressReport: Sendable {
  /// `step` steps are done, counted from the beginning of the work.
  ///
  /// - Parameter tokens: the tokens seen since this process began with the work; nil if they are not counted
  func update(_ step: Int, _ note: ProgressNote, tokens: Int?)
  /// The work is done; nothing is reported after it.
  func finish()
}

/// Begins a report: its title, the number of steps in all, and the number that were done before.
public typealias BeginProgress = @Sendable (_ title: String, _ total: Int, _ first: Int) -> any ProgressReport

/// A report that shows nothing.
public struct NoProgress: ProgressReport {
  /// A report for work that nobody watches.
  public init() {}
  /// Nothing.
  public func update(_ step: Int, _ note: ProgressNote, tokens: Int?) {}
  /// Nothing.
  public func finish() {}

  /// Shows nothing of any work.
  public static let begin: BeginProgress = { _, _, _ in NoProgress() }
}
