// # bench-kernels
//
// Single kernels, to be timed beside the same work in PyTorch, and against the most that the machine can do: a large
// product for arithmetic, a long sum of two arrays for memory.
//
// The program answers lines, which `--help` lists, so that ../kernels_compare.py can let two programs take turns. The
// inputs are the same in both programs: element i of the k-th input is sin(0.7 i + k), scaled.
//
// Read before: `Tensors/StateSpace/SSDSequence.swift`. Read next: `../kernels.py`, `../kernels_compare.py`.

import ArgumentParser
import Foundation
import Gradients
import Notebook
import Tensors

/// The sizes of the state space model and of the attention that are timed, those of a layer of Mamba-2.
let (H, P, N) = (8, 64, 64)

/// sin(0.7 i + k), scaled by `scale` and moved by `shift`.
func wave(_ k: Int, _ shape: Shape, scale: Double = 1, shift: Double = 0) -> Tensor {
  Tensor((0..<shape.count).map { Scalar(shift + scale * sin(0.7 * Double($0) + Double(k))) }, shape: shape)
}

/// A piece of work: computes its results anew at each call.
typealias Work = () -> [Tensor]

/// The inputs x, log α, b, c, d of a state space model, one text of T tokens.
func stateSpace(_ T: Int) -> [Tensor] {
  [
    wave(1, [1, T, H, P]), wave(2, [1, T, H], scale: 0.05, shift: -0.06),
    wave(3, [1, T, H, N], scale: 0.125), wave(4, [1, T, H, N], scale: 0.125), wave(5, [H]),
  ]
}

/// The cotangents of all inputs, for a fixed cotangent of the output.
func gradients(_ inputs: [Tensor], _ cotangent: Tensor, _ body: ([Variable]) -> Variable) -> [Tensor] {
  let leaves = inputs.map { Variable(leaf: $0) }
  let output = body(leaves)
  return Gradients.gradients(of: sum(output * Variable(constant: cotangent)), withRespectTo: leaves)
}

/// The lengths of a chunk to choose from.
let chunkLengths = [16, 32, 64, 128]
var chunkLength: [String: Int] = [:]

/// `body` with the length of a chunk with which this machine is fastest; `name` is what the answer is remembered by.
@MainActor func withFastestChunk(_ name: String, _ body: @escaping (Int) -> [Tensor]) -> Work {
  if let known = chunkLength[name] { return { body(known) } }
  let times = chunkLengths.map { Q in median((0..<5).map { _ in milliseconds { _ = body(Q) } }) }
  let best = chunkLengths[times.indices.min { times[$0] < times[$1] }!]
  chunkLength[name] = best
  return { body(best) }
}

func milliseconds(_ body: () -> Void) -> Double { ContinuousClock().measure(body) / .milliseconds(1) }

@MainActor func work(_ name: String, _ size: Int) throws -> Work {
  switch name {
  case "ssd-forward":
    let x = stateSpace(size)
    return withFastestChunk("\(name) \(size)") { Q in
      [ssdSequence(x[0], logDecay: x[1], b: x[2], c: x[3], d: x[4], Q: Q, keepsStates: false).output]
    }
  case "ssd-backward":
    let (x, g) = (stateSpace(size), wave(6, [1, size, H, P]))
    return withFastestChunk("\(name) \(size)") { Q in
      gradients(x, g) { Gradients.ssdSequence($0[0], logDecay: $0[1], b: $0[2], c: $0[3], d: $0[4], Q: Q) }
    }
  case "attention-forward":
    let (q, k, v) = (wave(1, [1, size, H, P]), wave(2, [1, size, H, P]), wave(3, [1, size, H, P]))
    return { [blockedAttention(q, k, v, scale: 0.125)] }
  case "attention-backward":
    let x = (1...3).map { wave($0, [1, size, H, P]) }
    let g = wave(6, [1, size, H, P])
    return {
      gradients(x, g) { causalAttention($0[0], $0[1], $0[2], scale: 0.125) }
    }
  case "attention-in-steps":
    let x = (1...3).map { wave($0, [1, size, H, P]) }
    let g = wave(6, [1, size, H, P])
    return {
      gradients(x, g) { headMix(softmax(headScores($0[0], $0[1]), scale: 0.125, causal: true), $0[2]) }
    }
  case "product":
    let (a, b) = (wave(1, [size, size]), wave(2, [size, size]))
    return { [matmul(a, b)] }
  case "sum":
    let (a, b) = (wave(1, [size]), wave(2, [size]))
    return { [a + b] }
  case "linear":
    let (x, w, b) = (wave(1, [1024, size]), wave(2, [4 * size, size]), wave(3, [4 * size]))
    return { [linear(x, weight: w, bias: b)] }
  case "gelu":
    let x = wave(1, [1024, size], scale: 3)
    return { [gelu(x)] }
  case "softmax":
    let x = wave(1, [32, size, size], scale: 3)
    return { [softmax(x, causal: true)] }
  case "layer-norm":
    let (x, w, b) = (wave(1, [1024, size]), wave(2, [size]), wave(3, [size]))
    return { [layerNorm(x, weight: w, bias: b, epsilon: 1e-5).output] }
  default: throw CommandError("bench-kernels knows no '\(name)'")
  }
}

struct About: Encodable {
  let program = "mohawk, \(scalarName)"
  let threads = WorkerPool.shared.threads
}

@MainActor func answer(_ line: String) throws -> String {
  let words = line.split(separator: " ").map(String.init)
  func number(_ index: Int) throws -> Int {
    guard words.indices.contains(index), let number = Int(words[index]), number > 0 else {
      throw CommandError("'\(line)' has no number at place \(index)")
    }
    return number
  }
  switch words.first {
  case "about": return String(decoding: try JSONEncoder().encode(About()), as: UTF8.self)
  case "value":
    guard words.count == 3 else { throw CommandError("'\(line)' is not 'value NAME SIZE'") }
    let results = try work(words[1], number(2))()
    let numbers = results.flatMap { $0.elements.map { Double($0) } }
    return "\(numbers.reduce(0, +)) \(numbers.reduce(0) { $0 + $1 * $1 })"
  case let name?:
    let work = try work(name, number(1))
    return (0..<(try number(2))).map { _ in "\(milliseconds { _ = work() })" }.joined(separator: " ")
  case nil: throw CommandError("an empty line asks nothing")
  }
}

struct Command: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench-kernels", abstract: "Answers lines about single kernels.",
    discussion: """
      about               what is timed, as JSON
      NAME SIZE COUNT     does the work COUNT times: the milliseconds of each
      value NAME SIZE     what came out: the sum of all results and the sum of their squares
      quit
      """)
}

_ = Command.ofCommandLine()
while let line = readLine(), line != "quit" {
  exitOnError { try StandardOutput.write(answer(line) + "\n") }
}
