// # AdamW
//
// Each number has a running mean of its gradient and of the gradient's square; a step is the mean over the root of
// the mean square, so its size does not depend on that of the gradient. Weight decay acts on the value itself, beside
// the gradient ("decoupled"):
//
//     m  ←  β₁ m + (1 − β₁) g                          v  ←  β₂ v + (1 − β₂) g²
//     w  ←  w − rate · ( m̂ / (√v̂ + ε) + decay · w )    m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ)
//
// Decay acts on tensors with two axes or more: the weights of layers, the embedding, the taps of a convolution. For a
// bias, a norm's scale, the skip weight d or the gate's bias, a smaller value is not a simpler one.
//
// Before the step all gradients together are scaled down if their norm is above a limit (clipping). In stages 1 and 2
// each layer is a problem of its own, and in a real model the gradients of the layers differ a hundredfold: clipped
// together, the layer with the largest gradient would decide how far all others go. So each group of parameters,
// which in these stages is a layer, can be clipped by itself.
//
// Read before: `Gradients/ParameterRows.swift`. Read next: `Schedule.swift`, `TrainingRun.swift`. Source:
// arXiv 1711.05101.

import Gradients
import Tensors

/// The settings of AdamW.
public struct AdamWSettings: Codable, Equatable, Sendable {
  /// β₁: how much of the running mean of the gradient a step keeps.
  public var beta1 = 0.9
  /// β₂: how much of the running mean of its square a step keeps.
  public var beta2 = 0.95
  /// ε, added to the root of the mean square; outside the root.
  public var epsilon = 1e-8
  /// The decay of tensors with two axes or more; it is multiplied by the learning rate.
  public var weightDecay = 0.1
  /// The largest norm of all gradients together; nil for no limit.
  public var clip: Double? = 1.0
  /// Whether `clip` limits the gradients of each group of `ParameterRows` separately.
  public var clipsGroups = false

  /// β 0.9 and 0.95, ε 1e-8, decay 0.1, clipping at a norm of 1.
  public init() {}

  /// The arithmetic of step `number`, counted from 1, without decay and clipping.
  func step(_ number: Int, learningRate: Double) -> AdamWStep {
    AdamWStep(
      learningRate: Scalar(learningRate), beta1: Scalar(beta1), beta2: Scalar(beta2), step: number,
      epsilon: Scalar(epsilon), weightDecay: 0, gradientScale: 1)
  }

  /// What gradients with this norm are multiplied by, at most 1.
  func scale(_ norm: Double) -> Double { clip.map { norm > $0 ? $0 / norm : 1 } ?? 1 }
}

/// AdamW with decoupled weight decay over a list of parameters or rows of them.
public struct AdamW {
  /// The settings, the same for each step.
  public let settings: AdamWSettings
  /// What a step may change, in the order in which gradients are expected.
  public let trained: [ParameterRows]
  /// m and v of each entry of `trained`, with the parameter's shape.
  public internal(set) var firstMoments, secondMoments: [Tensor]
  /// The number of steps made so far.
  public internal(set) var steps = 0

  /// An optimiser with moments of zero; stops the program if a parameter is listed twice.
  public init(_ trained: [ParameterRows], settings: AdamWSettings = AdamWSettings()) {
    self.init(trained, settings: settings, keepingMoments: true)
  }

  /// - Parameter keepsMoments: false if they are kept elsewhere, by a `SharedOptimiser`; no step can then be made here
  init(_ trained: [ParameterRows], settings: AdamWSettings, keepingMoments keepsMoments: Bool) {
    for (index, entry) in trained.enumerated() {
      precondition(
        !trained[..<index].contains { $0.parameter === entry.parameter },
        "\(entry.parameter.name) is listed twice among what is trained; list all of its rows in one entry")
    }
    self.trained = trained
    self.settings = settings
    firstMoments = keepsMoments ? trained.map { Tensor.zeros($0.parameter.value.shape) } : []
    secondMoments = firstMoments
  }

  /// Makes one step.
  ///
  /// - Parameters:
  ///   - gradients: one for each entry of `trained`, with the parameter's shape
  ///   - learningRate: the rate of this step
  ///   - norm: the norm of all gradients together, as `gradientNorm` returns it
  public mutating func step(_ gradients: [Tensor], learningRate: Double, norm: Double) {
    precondition(
      gradients.count == trained.count,
      "\(trained.count) parameters are trained, but \(gradients.count) gradients were given")
    steps += 1
    let scales = gradientScales(gradients, norm: norm)
    let step = settings.step(steps, learningRate: learningRate)
    let decay = Scalar(settings.weightDecay)
    firstMoments.withUnsafeMutableBufferPointer { first in
      secondMoments.withUnsafeMutableBufferPointer { second in
        // Each item has a parameter and two moments of its own.
        nonisolated(unsafe) let (first, second, trained) = (first, second, trained)
        onAllCores(trained.count) { index in
          let entry = trained[index]
          var step = step
          step.gradientScale = Scalar(scales[entry.group]!)
          if entry.parameter.value.rank >= 2 { step.weightDecay = decay }
          entry.parameter.update { value in
            for rows in entry.rows {
              step.apply(
                to: &value, gradient: gradients[index], firstMoment: &first[index], secondMoment: &second[index],
                rows: rows)
            }
          }
        }
      }
    }
  }
}

extension AdamW {
  /// What the gradients of each group are multiplied by, at most 1; the same for all unless groups are clipped
  /// separately.
  private func gradientScales(_ gradients: [Tensor], norm: Double) -> [Int: Double] {
    let members = Dictionary(grouping: trained.indices) { trained[$0].group }
    return members.mapValues { indices in
      settings.scale(
        settings.clipsGroups && settings.clip != nil ? gradientNorm(indices.map { gradients[$0] }) : norm)
    }
  }
}

/// The Euclidean norm of all gradients together.
public func gradientNorm(_ gradients: [Tensor]) -> Double {
  var squares = Array(repeating: 0.0, count: gradients.count)
  squares.withUnsafeMutableBufferPointer { squares in
    nonisolated(unsafe) let squares = squares
    onAllCores(gradients.count) { squares[$0] = Double(dot(gradients[$0], gradients[$0])) }
  }
  return squares.reduce(0, +).squareRoot()
}
