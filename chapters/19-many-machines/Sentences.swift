// # What the chapter says about growth
//
// Read before: `Growth.swift`.

import Foundation
import Notebook

/// A plan, and how each of its stages grows: the rows of the tables of section 5.
struct Grown {
  let plan: Plan
  /// Stages 1 and 2: by each rank, handed on over each network, stored.
  let layers: [Growth]
  /// Stage 3 over each network.
  let batches: [Growth]

  /// Where growth ends.
  func ends(_ networks: [String]) -> String {
    let grown = zip(networks, layers.dropFirst()).map { name, way in
      let end = way.end()
      let used = number(100 * way.efficiency(end), decimals: 0)
      return "\(end) nodes on \(name) (\(used) % of their time is used)"
    }
    let half = zip(networks, batches).map { name, way in "\(way.halfUsed()) nodes on \(name)" }
    return """
      \(plan.sizes.name): if states are handed on, stages 1 and 2 grow up to \(list(grown)). If each rank runs the
      teacher, they grow up to \(layers[0].end()). In stage 3 at least half of the time is used up to \(list(half)).
      """
  }

  /// How long all stages take, one after the other, on one node and on as many as are worthwhile.
  func whole(_ tokens: StageTokens, _ networks: [String]) -> String {
    let early = tokens.matrices + tokens.states
    let last = tokens.predictions
    func total(_ layer: Double, _ batch: Double) -> String {
      let hours = (early * layer + last * batch) / Double(plan.tokens) / 3600
      if hours < 1 { return "\(number(60 * hours, digits: 3)) minutes" }
      return hours < 48 ? "\(number(hours, digits: 3)) hours" : "\(number(hours / 24, digits: 3)) days"
    }
    let parts = zip(networks, zip(layers.dropFirst(), batches)).map { name, ways in
      let nodes = (early: ways.0.worthwhile(), last: ways.1.worthwhile())
      return """
        \(total(ways.0.seconds(nodes.early), ways.1.seconds(nodes.last))) on \(name), with \(nodes.early) and then
        \(nodes.last) nodes
        """
    }
    return """
      \(plan.sizes.name): the paper's \(Int((early + last) / 1e9)) billion tokens would take
      \(total(layers[1].seconds(1), batches[0].seconds(1))) on one node, \(parts.joined(separator: ", and ")).
      """
  }
}
