// # What can be wrong with a figure
//
// A figure is checked when it is written, not when it is made, so that building one needs no `try`. The error says
// what is wrong, where, and what to do about it. Missing points (NaN, or zero on a logarithmic axis) are no error:
// they leave a gap and a note. Read before: nothing. Read after: Figure.swift.

import Foundation

/// A figure that cannot be drawn, or a file that cannot be written.
public struct PlotError: Error, Sendable, Equatable, CustomStringConvertible, LocalizedError {
  /// What is wrong: "x has 3 values and y has 4".
  public let problem: String

  /// Where: "figure 'Stage 1', panel 2 'Loss', series 'student'", or a path.
  public let place: String

  /// What to do: "give as many y as x".
  public let remedy: String

  /// An error, in the three parts of its sentence.
  public init(_ problem: String, at place: String, remedy: String) {
    self.problem = problem
    self.place = place
    self.remedy = remedy
  }

  /// "place: problem; remedy".
  public var description: String { "\(place): \(problem); \(remedy)" }

  /// The same as `description`.
  public var errorDescription: String? { description }
}

/// A place in a figure, for the message of an error there.
public struct Place: Sendable {
  let text: String

  /// The place of a part; `part` is its name in the error: "series 'student'".
  public func inside(_ part: String) -> Place { Place(text: "\(text), \(part)") }

  /// Throws a `PlotError` unless `holds`: what is wrong, and what to do about it.
  public func require(_ holds: Bool, _ problem: @autoclosure () -> String, remedy: @autoclosure () -> String) throws {
    if !holds { throw PlotError(problem(), at: text, remedy: remedy()) }
  }
}
