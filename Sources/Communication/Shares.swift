// # Who does what
//
// Work that is a row of items is cut into one stretch for each rank, in order. With equal items the stretches differ
// by one item at most; with items that have weights the heaviest stretch is as light as it can be.
//
// Read before: `RankGroup.swift`. Used by: `../Training/SharedOptimiser.swift`, `../Distillation/LayerShares.swift`.

/// Consecutive ranges that together are 0..<items, one for each rank; they differ by at most one item.
public func shares(of items: Int, among ranks: Int) -> [Range<Int>] {
  (0..<ranks).map { (items * $0 / ranks)..<(items * ($0 + 1) / ranks) }
}

/// Consecutive ranges that together hold all items, one for each rank, such that the largest cost is as small as
/// possible. A range may be empty.
///
/// - Parameters:
///   - items: how many there are
///   - cost: what a range costs, in any unit; a range inside another costs no more than that, and an empty one nothing
public func shares(of items: Int, among ranks: Int, cost: (Range<Int>) -> Double) -> [Range<Int>] {
  // best[k][end]: the least possible largest cost of the first `end` items on k + 1 ranks, and where the last begins.
  var best = [(0...items).map { (cost: cost(0..<$0), start: 0) }]
  for _ in 1..<max(1, ranks) {
    let before = best.last!
    best.append(
      (0...items).map { end in
        (0...end).map { (cost: max(before[$0].cost, cost($0..<end)), start: $0) }.min { $0.cost < $1.cost }!
      })
  }
  var (ranges, end): ([Range<Int>], Int) = ([], items)
  for row in best.reversed() {
    ranges.append(row[end].start..<end)
    end = row[end].start
  }
  return ranges.reversed()
}
