// # The options of the chapter
//
// What the law cannot measure on one machine it has to assume: how fast a node computes, what its network can do, how
// large a batch is. These are the assumptions, each with an option. The defaults are round numbers of an ordinary kind:
// a node with one accelerator, 10 Gbit Ethernet, and an interconnect of 200 Gbit/s as clusters have it.
//
// Read before: `main.swift`.

import ArgumentParser
import Experiments
import Notebook

/// The assumptions about nodes, networks and batches.
struct Options: ParsableArguments {
  @Option(parsing: .unconditional, help: "What a node computes, in 10¹² floating-point operations a second.")
  var speed = 20.0
  @Option(parsing: .unconditional, help: "The latency of the ordinary network, in µs.")
  var latency = 50.0
  @Option(parsing: .unconditional, help: "The bandwidth of the ordinary network, in GB/s.")
  var bandwidth = 1.25
  @Option(parsing: .unconditional, help: "The latency of the fast network, in µs.")
  var fastLatency = 2.0
  @Option(parsing: .unconditional, help: "The bandwidth of the fast network, in GB/s.")
  var fastBandwidth = 25.0
  @Option(parsing: .unconditional, help: "How fast a node reads stored states, in GB/s.")
  var disk = 2.0
  @Option(parsing: .unconditional, help: "The windows of a batch, each of them a micro-batch.")
  var windows = 256
  @Option(parsing: .unconditional, help: "The tokens of a window.")
  var length = 2048
  @Option(parsing: .unconditional, help: "The mean delay of a rank in a step, as a part of what it computes.")
  var delay = 0.1

  func validate() throws {
    let sizes = [
      ("speed", speed), ("latency", latency), ("bandwidth", bandwidth), ("fast-latency", fastLatency),
      ("fast-bandwidth", fastBandwidth), ("disk", disk), ("delay", delay),
    ]
    for (name, value) in sizes where !(value > 0 && value < 1e9) {
      throw ValidationError("--\(name) \(value): give a number above 0 and below 10⁹.")
    }
    for (name, value) in [("windows", windows), ("length", length)] where !(1...65536).contains(value) {
      throw ValidationError("--\(name) \(value): give a number from 1 to 65536.")
    }
  }
}

extension Options {
  /// What is assumed, its value, and the option.
  var assumptions: [[String]] {
    func value(_ number: Double) -> String { Notebook.number(number, digits: 3) }
    return [
      ["a node computes", "\(value(speed)) · 10¹² operations a second", "--speed"],
      ["Ethernet", "\(value(latency)) µs, \(value(bandwidth)) GB/s", "--latency, --bandwidth"],
      ["fast", "\(value(fastLatency)) µs, \(value(fastBandwidth)) GB/s", "--fast-latency, --fast-bandwidth"],
      ["disk of a node", "\(value(disk)) GB/s", "--disk"],
      ["a batch", "\(windows) windows of \(length) tokens", "--windows, --length"],
    ]
  }

  /// The two networks, with their names.
  var networks: [(name: String, network: Network)] {
    [
      ("Ethernet", Network(latency: latency * 1e-6, bandwidth: bandwidth * 1e9)),
      ("fast", Network(latency: fastLatency * 1e-6, bandwidth: fastBandwidth * 1e9)),
    ]
  }
}
