// # What we saw, in words
//
// Sentences of section 8 and of the end of the chapter, with the numbers of the run.
//
// Read before: main.swift.

import Notebook
import Statistics
import Structures

/// The projection beside two heuristics, ours and the paper's.
func sentenceOnToeplitz(heuristic: Double) -> String {
  let rescaled = heuristic * (Double(T) / Double(publishedT)).squareRoot()
  return """
    The projection is at \(meanText(toeplitzDistances)), the copied filter at \(meanText(copiedDistances)), and zeros
    are at \(meanText(zeros)). The paper's heuristic is at \(number(heuristic, digits: 3)) for T = \(publishedT), which
    the factor √(T / \(publishedT)) turns into \(number(rescaled, digits: 3)) for T = \(T).
    """
}

/// The families at one N, beside Toeplitz.
func sentenceOnFamilies() -> String {
  """
  At N = \(shown) the truncated semiseparable matrices are at \(found.meanText(truncation, shown)), SSD at
  \(found.meanText(byDescent[1], shown)) and low rank at \(found.meanText(byDescent[0], shown)), both by descent;
  Toeplitz, which has no N, is at \(meanText(toeplitzDistances)).
  """
}

/// What doubling N does to the distances, here and in the paper.
func sentenceOnDoubling() -> String {
  let paper = rising.indices.map { family in
    zip(published, published.dropFirst()).map { number($1.1[family] / $0.1[family], decimals: 2) }
  }
  return """
    Each time N doubles, from \(orders.first!) up to \(orders.last!), the distance of SSD is multiplied by
    \(list(doublings[1])), that of the truncated semiseparable matrices by \(list(doublings[2])). The paper's
    factors, from N = \(published.first!.0) up to \(published.last!.0), are \(list(paper[1])) for SSD and
    \(list(paper[2])) for truncated ones.
    """
}

/// How far the truncated recurrences may be from the best ones.
func sentenceOnBound() -> String {
  """
  For N = \(list(orders.map { "\($0)" })) the distance of balanced truncation is
  \(list(ratios.map { meanText($0) })) times the bound, on average. Even the best recurrence cannot shorten it by
  more than these factors.
  """
}

/// What solving for the rows changes.
func sentenceOnSearches() -> String {
  """
  With rows solved, low rank at N = \(shown) is at \(found.meanText(rowsSolved[0], shown)) instead of
  \(found.meanText(byDescent[0], shown)), SSD at \(found.meanText(rowsSolved[1], shown)) instead of
  \(found.meanText(byDescent[1], shown)). Twice the steps would gain
  \(number(solvedGains[0].gainedByTwice, decimals: 2)) and \(number(solvedGains[1].gainedByTwice, decimals: 2)) of
  these distances.
  """
}

/// What makes a head hard, and where SSD is farthest behind the truncated recurrence.
func sentenceOnHeads() -> String {
  let ofSSD = found[rowsSolved[1], shown]
  func costOfOnePace(_ h: Int) -> Double { ofHead(ofSSD, h) / ofHead(semiseparable, h) }
  let costliest = (0..<(L * H)).max { costOfOnePace($0) < costOfOnePace($1) }!
  return """
    The logarithm of the truncated recurrence's distance correlates with how far a head looks back by
    \(number(correlation(looking.distance, hardness), decimals: 2)), with the entropy of its rows by
    \(number(correlation(looking.entropy, hardness), decimals: 2)). By the ratio of the two distances, SSD with rows
    solved is farthest behind the truncated recurrence in head \(costliest % H) of layer \(costliest / H):
    \(number(ofHead(ofSSD, costliest), digits: 3)) is \(number(costOfOnePace(costliest), digits: 3)) times
    \(number(ofHead(semiseparable, costliest), digits: 3)).
    """
}
