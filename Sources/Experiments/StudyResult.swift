// # The result of an arm
//
// Numbers, not a model: a study runs hundreds of arms. Results are kept in out/study (`KeptResults.swift`).
//
// Read before: `Arm.swift`. Read next: `Study.swift`.

/// The result of an arm.
public struct StudyResult: Codable, Equatable, Sendable {
  /// Cross-entropy of each reported held-out window, in nats per token.
  public var losses: [Double]
  /// Mean cross-entropy of the windows for choosing rates.
  public var choosingLoss: Double
  /// KL(teacher ‖ student) on the reported windows, in nats per token.
  public var divergence: Double
  /// The fraction of the tokens at which both rank the same token first.
  public var agreement: Double
  /// Mean over replaced layers of the Frobenius distance of the matrices, on reported and on choosing windows; only
  /// if the last stage is 1 or 2.
  public var matrixDistance: Pair?
  /// Mean over replaced layers of the L2 distance of the mixers' outputs; likewise.
  public var hiddenDistance: Pair?
  /// Answers that were recalled on the reported documents, by distance from the last mention, if the text is a
  /// language with recall.
  public var recall: [Recalled]?
  /// The same by distance from the statement.
  public var recallSinceFact: [Recalled]?
  /// What was measured on the second text, if there is one.
  public var second: Second?
  /// The training loss of each step of each stage, if the study keeps them.
  public var curves: [[Double]]?
  /// What the study measures besides, if it does.
  public var alsoMeasured: [Double]?
  /// Seconds of training and measuring, with another arm at the same time.
  public var seconds: Double

  /// What is measured on a second text.
  public struct Second: Codable, Equatable, Sendable {
    /// Cross-entropy of each held-out window, in nats per token.
    public var losses: [Double]
    /// KL(teacher ‖ student), in nats per token.
    public var divergence: Double
    /// The fraction of the tokens at which both rank the same token first.
    public var agreement: Double
    /// Mean cross-entropy.
    public var loss: Double { losses.reduce(0, +) / Double(losses.count) }
  }

  /// The answers at some distances, in tokens, from what they recall.
  public struct Recalled: Codable, Equatable, Sendable {
    /// The distances of this class, in tokens.
    public var distances: ClosedRange<Int>
    /// The answers that the model ranked first.
    public var hits: Int
    /// All answers of this class.
    public var count: Int
    /// `hits` / `count`, 0 … 1; NaN if there are none.
    public var accuracy: Double { Double(hits) / Double(count) }
  }

  /// One measure on two sets of held-out windows.
  public struct Pair: Codable, Equatable, Sendable {
    /// On the windows that are reported.
    public var reported: Double
    /// On the windows for choosing learning rates.
    public var choosing: Double
  }

  /// Mean cross-entropy on the reported windows.
  public var loss: Double { losses.reduce(0, +) / Double(losses.count) }
}

extension StudyResult {
  /// Why no study can have found this, as a sentence without its full stop; nil if one can.
  ///
  /// - Parameter isLayerwise: whether the result must have distances of layers
  func problem(isLayerwise: Bool) -> String? {
    func isPossible(_ losses: [Double]) -> Bool { !losses.isEmpty && losses.allSatisfy { 0...1e6 ~= $0 } }
    // Rounding can leave a divergence of 0 a little below 0.
    func isPossible(_ divergence: Double, _ agreement: Double) -> Bool {
      -1e-3...1e6 ~= divergence && 0...1 ~= agreement
    }
    if !isPossible(losses) || !isPossible([choosingLoss]) { return "its losses are missing or out of range" }
    if !isPossible(divergence, agreement) { return "its divergence or its agreement is out of range" }
    if let second, !isPossible(second.losses) || !isPossible(second.divergence, second.agreement) {
      return "what was measured on the second text is out of range"
    }
    if let curves, curves.contains(where: { !$0.allSatisfy(\.isFinite) }) {
      return "a loss of its training is not finite"
    }
    if isLayerwise, matrixDistance == nil || hiddenDistance == nil { return "its distances of layers are missing" }
    for classes in [recall, recallSinceFact].compactMap(\.self) {
      if classes.isEmpty || classes.contains(where: { !(0...$0.count).contains($0.hits) }) {
        return "its answers that were recalled are missing or out of range"
      }
    }
    return nil
  }
}
