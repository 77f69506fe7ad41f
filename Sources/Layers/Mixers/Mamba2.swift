// # Mamba-2
//
// The state space mixer as Dao and Gu published it, from which Discrete-Mamba-2 was made. What differs:
//
//     z, x, B, C, dt  =  in_proj u                        one matrix, in this order; no biases
//     x, B, C         =  silu( convolution(x, B, C) )     Discrete-Mamba-2: no activation
//     Δ[t]            =  softplus(dt[t] + dt_bias)        the step size, of each head
//     α[t]            =  exp(−exp(A_log) Δ[t])            Discrete-Mamba-2: sigmoid(−a), of a projection alone
//     h[t]            =  α[t] h[t − 1] + Δ[t] B[t] x[t]ᵀ  Discrete-Mamba-2: no Δ here
//     y[t]            =  C[t]ᵀ h[t] + d x[t]
//     output          =  out_proj( w ⊙ norm(y ⊙ silu(z)) )    Discrete-Mamba-2: no norm, and a bias for z
//
// One B and one C serve H / G heads; in published models G is 1. The norm divides the features of each of the G
// groups by their root mean square, after the gate. With `expand` 2, as published, x is twice as wide as the model.
//
// A large step does two things at once: it writes more, and it forgets more. In Discrete-Mamba-2 the two are free.
//
// ## Its class and its bound
//
//     M[t, s]  =  (C[t] · B[s]) Δ[s] α[s + 1] ⋯ α[t]      s < t
//     M[t, t]  =  (C[t] · B[t]) Δ[t] + d
//
// An SSD matrix with Δ[s] B[s] for B[s]: semiseparable of order N, with a number of its own on the diagonal. The
// bound of chapter 06 for order N, `semiseparableBounds` and the worst cut, counts what lies below the diagonal and
// holds for each head. That the heads of a group have the same C Bᵀ, and differ in their decays and steps alone, is a
// further restriction for which chapter 06 has no bound. We fold Δ into B, so the kernels need not know of it.
//
// ## Where it starts
//
// As published: all taps random, A between 1 and 16, steps between 0.001 and 0.1 on a logarithmic scale, d = 1. Such
// a convolution and such a gate change what passes through them. So an attention's values and output projection can
// be copied, but not what it computes with them, and the norm discards how large y is. Discrete-Mamba-2 was made for
// this reason.
//
// ## Names
//
// Those of state-spaces/mamba: in_proj, conv1d, dt_bias, A_log, D, norm, out_proj. A model of its own for their
// checkpoints, with the config.json and the blocks around the mixer, is not in this library.
//
// Read before: `DiscreteMamba2.swift`, `MixerForms.swift`. Read next: `Mamba2+Sizes.swift`. Source: arXiv 2405.21060;
// mamba_ssm/modules/mamba2.py in state-spaces/mamba.

import Foundation
import Gradients
import Tensors

/// Mamba-2 with step sizes, shared B and C, and a norm before the output projection.
public struct Mamba2: ThreeFormMixer {
  /// The past of the convolution and the states of the heads, as for Discrete-Mamba-2.
  public typealias Memory = DiscreteMamba2.Memory

  /// What the norm adds to the mean square.
  public static let epsilon: Scalar = 1e-5

  /// The sizes that it was made with.
  public let sizes: Mamba2Sizes
  /// dt_bias, [H]
  public let stepBias: Parameter
  /// A_log, [H]: the logarithm of the rate of forgetting for each unit of a step.
  public let logRate: Parameter
  /// d, [H]
  public let skip: Parameter
  /// [2 I + 2 G N + H, D], I = expand · D, rows in the order z, x, B, C, dt
  public let inProjection: Parameter
  /// [I + 2 G N, 1, K]
  public let convolutionWeight: Parameter
  /// [I + 2 G N]
  public let convolutionBias: Parameter
  /// w, [I]
  public let normWeight: Parameter
  /// [D, I], no bias
  public let output: Linear

  /// A mixer with random weights, as published.
  ///
  /// - Parameter name: the prefix of its parameters' names
  public init(_ name: String, sizes: Mamba2Sizes, using random: inout some RandomNumberGenerator) {
    if let problem = sizes.problem { preconditionFailure("\(name): \(problem)") }
    self.sizes = sizes
    let (D, H, inner, channels) = (sizes.D, sizes.H, sizes.inner, sizes.channels)
    inProjection =
      Linear("\(name).in_proj", inputs: D, outputs: sizes.projected, hasBias: false, using: &random).weight
    let bound = 1 / Double(sizes.K).squareRoot()
    convolutionWeight = Parameter(
      "\(name).conv1d.weight", .uniform([channels, 1, sizes.K], in: -bound..<bound, using: &random))
    convolutionBias = Parameter("\(name).conv1d.bias", .uniform([channels], in: -bound..<bound, using: &random))
    // The softplus of dt_bias is the step of a dt of 0.
    let steps = (0..<H).map { _ in exp(Double.random(in: log(0.001)..<log(0.1), using: &random)) }
    stepBias = Parameter("\(name).dt_bias", Tensor(steps.map { Scalar($0 + log(-expm1(-$0))) }))
    let rates = (0..<H).map { _ in Double.random(in: 1..<16, using: &random) }
    logRate = Parameter("\(name).A_log", Tensor(rates.map { Scalar(log($0)) }))
    skip = Parameter("\(name).D", .ones([H]))
    normWeight = Parameter("\(name).norm.weight", .ones([inner]))
    output = Linear("\(name).out_proj", inputs: inner, outputs: D, hasBias: false, using: &random)
  }

  /// u [B, T, D] → [B, T, D], by the chunked algorithm.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func callAsFunction<A: Activation>(_ u: A) -> A { output(u, form: .chunked(Q: sizes.Q)) }

  /// The matrix of each head, with d on its diagonal: u [B, T, D] → [B, H, T, T].
  ///
  /// Depends on the rows of B, C and dt of the in-projection, on the convolution of B and C, on dt_bias, A_log and d.
  @_specialize(where A == Tensor) @_specialize(where A == Variable)
  public func matrix<A: Activation>(_ u: A) -> A {
    let step = step(of: projected(.dt, u))
    return ssdMatrix(
      logDecay: logDecay(step), b: written(convolved(.b, u), step), c: shared(convolved(.c, u)), d: A(skip))
  }

  /// The output in one of the three forms: u [B, T, D] → [B, T, D].
  public func output<A: Activation>(_ u: A, form: MambaForm) -> A {
    let step = step(of: projected(.dt, u))
    let y = form.stateSpace(
      heads(convolved(.x, u)), logDecay: logDecay(step), b: written(convolved(.b, u), step),
      c: shared(convolved(.c, u)), d: A(skip))
    return output(y, gate: projected(.z, u))
  }

  /// dt_bias, A_log, d, in-projection, convolution, norm, output projection: the order of the checkpoint.
  public var parameters: [Parameter] {
    [stepBias, logRate, skip, inProjection, convolutionWeight, convolutionBias, normWeight] + output.parameters
  }

  /// The rows of B, C and dt, the convolution of B and C, dt_bias, A_log and d.
  public var matrixRows: [ParameterRows] {
    let both = sizes.rows(of: .b).lowerBound..<sizes.rows(of: .c).upperBound
    let channels = sizes.channels(of: .b).lowerBound..<sizes.channels(of: .c).upperBound
    return [
      ParameterRows(stepBias), ParameterRows(logRate), ParameterRows(skip),
      ParameterRows(inProjection, rows: [both, sizes.rows(of: .dt)]),
      ParameterRows(convolutionWeight, rows: [channels]), ParameterRows(convolutionBias, rows: [channels]),
    ]
  }
}

// ## From u to the tensors of the recurrence, and from y to the output

extension Mamba2 {
  /// A part of the in-projection: u [B, T, D] → [B, T, rows].
  func projected<A: Activation>(_ part: Mamba2Sizes.Part, _ u: A) -> A {
    linear(u, weight: A(inProjection).sliced(sizes.rows(of: part)))
  }

  /// x, B or C after convolution and silu: u [B, T, D] → [B, T, channels].
  func convolved<A: Activation>(_ part: Mamba2Sizes.Part, _ u: A) -> A {
    let channels = sizes.channels(of: part)
    return silu(
      causalConvolution(
        projected(part, u), weight: A(convolutionWeight).sliced(channels), bias: A(convolutionBias).sliced(channels)))
  }

  /// [B, T, H P] → [B, T, H, P]
  func heads<A: Activation>(_ x: A) -> A { x.reshaped(to: [x.shape[0], x.shape[1], sizes.H, sizes.P]) }

  /// The B or C of each head, shared ones repeated: [B, T, G N] → [B, T, H, N].
  func shared<A: Activation>(_ x: A) -> A {
    let (B, T, H, G, N) = (x.shape[0], x.shape[1], sizes.H, sizes.G, sizes.N)
    return x.reshaped(to: [B, T, G, 1, N]).broadcast(to: [B, T, G, H / G, N]).reshaped(to: [B, T, H, N])
  }

  /// Δ = softplus(dt + dt_bias): [B, T, H] → [B, T, H].
  func step<A: Activation>(of dt: A) -> A { softplus(dt + A(stepBias)) }

  /// log α = −exp(A_log) Δ: [B, T, H] → [B, T, H].
  func logDecay<A: Activation>(_ step: A) -> A { -(exp(A(logRate)) * step) }

  /// Δ B of each head: B [B, T, G N], Δ [B, T, H] → [B, T, H, N].
  func written<A: Activation>(_ b: A, _ step: A) -> A {
    step.reshaped(to: [step.shape[0], step.shape[1], sizes.H, 1]) * shared(b)
  }

  /// Gate, norm of each group, output projection: y [B, T, H, P], z [B, T, H P] → [B, T, D].
  func output<A: Activation>(_ y: A, gate z: A) -> A {
    let (B, T, G, inner) = (z.shape[0], z.shape[1], sizes.G, sizes.inner)
    let gated = (y.reshaped(to: [B, T, inner]) * silu(z)).reshaped(to: [B, T, G, inner / G])
    let normed = rmsNorm(gated, weight: A(constant: .ones([inner / G])), epsilon: Mamba2.epsilon)
    return output(normed.reshaped(to: [B, T, inner]) * A(normWeight))
  }
}

// ## Reading on, and beginning with an attention

extension Mamba2 {
  /// `past` [B, K − 1, I + 2 G N] and `state` [B, H, N, P], whatever the lengths.
  public func memoryShapes(lengths: [Int]) -> [String: Shape] {
    let B = lengths.count
    return ["past": [B, sizes.K - 1, sizes.channels], "state": [B, sizes.H, sizes.N, sizes.P]]
  }

  /// Reads T further tokens, u [B, T, D] → [B, T, D]: one by a step of the recurrence, more in chunks of Q.
  public func advance(_ u: Tensor, _ memory: inout Memory) -> Tensor {
    let all = linear(u, weight: inProjection.value, bias: nil)
    let read = all.sliced(sizes.rows(of: .x).lowerBound..<sizes.rows(of: .c).upperBound, along: 2)
    let convolved = silu(
      causalConvolution(read, weight: convolutionWeight.value, bias: convolutionBias.value, past: memory.past))
    memory.past = convolutionPast(memory.past, then: read)
    func part(_ part: Mamba2Sizes.Part) -> Tensor { convolved.sliced(sizes.channels(of: part), along: 2) }
    let step = step(of: all.sliced(sizes.rows(of: .dt), along: 2))
    let y = continuedStateSpace(
      heads(part(.x)), logDecay: logDecay(step), b: written(part(.b), step), c: shared(part(.c)), d: skip.value,
      Q: sizes.Q, state: &memory.state)
    return output(y, gate: all.sliced(sizes.rows(of: .z), along: 2))
  }

  /// Takes over values and output projection of an attention layer, without their biases.
  ///
  /// Takes nothing if widths or heads differ, or if queries and keys are asked for: B and C pass through a silu, and
  /// their products are no longer those of queries and keys.
  public func begin(with attention: MixerProjections, taking part: MixerProjections.Part) -> Bool {
    let (D, H, P) = (sizes.D, sizes.H, sizes.P)
    guard part == .valuesAndOutput, attention.H == H, sizes.inner == D,
      attention.queries.weight.value.shape == [D, D]
    else { return false }
    let x = sizes.rows(of: .x).lowerBound
    for head in 0..<H { inProjection.update { $0.assign(attention.values(of: head).weight, at: x + head * P) } }
    output.weight.value = attention.output.weight.value
    return true
  }
}
