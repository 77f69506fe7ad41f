// # Answers to the exercises

import Notebook
import Statistics
import Structures
import Tensors

// ## 1. SSD without the diagonal
//
// Take away the first row and the last column of M. The matrix M′[t, s] = M[t + 1, s] that is left
// is causal again, for T − 1 tokens, and its diagonal is what stood just below the diagonal of M.
// If M is an SSD matrix, then
//
//     M[t + 1, s]  =  c[t + 1]·b[s] · α[s + 1] ⋯ α[t + 1]  =  ( α[t + 1] c[t + 1] )·b[s] · α[s + 1] ⋯ α[t]
//
// so that M′ is an SSD matrix with the same N, with α[t + 1] c[t + 1] in the place of c[t]. To fit
// M with a free diagonal we therefore fit M′; no new code is needed.
//
// The numbers that went into the diagonal are now free for the rest. Balanced truncation never
// spent any on it; the comparison is fair now. The bound of section 3 reads nothing but what stands
// below the diagonal, so it holds for this fit as well.

func answer1() throws {
  let below = Naive.tabulate([count, T - 1, T - 1]) { place in
    let (m, t, s) = (place[0], place[1], place[2])
    return s <= t ? entries[(m * T + t + 1) * T + s] : 0
  }
  var fit = StateSpaceFit(families[1], N: shown, to: below)
  try fit.alternate(steps: solvingSteps, rate: decayRate)
  let free = each(fit.distances)
  let bound = bounds[orders.firstIndex(of: shown)!]
  table(
    ["N = \(shown)", "distance"],
    rows: [
      (rowsSolved[1], found[rowsSolved[1], shown]), (diagonalGiven[1], found[diagonalGiven[1], shown]),
      (rowsSolved[1] + ", diagonal left out", free), (truncation, semiseparable), ("bound", bound),
    ].map { name, distances in [name, text(Estimate(distances))] })
  let (given, left) = (found.estimate(diagonalGiven[1], shown).mean, Estimate(free).mean)
  report("left out from the start is nearer than given afterwards", left, lessThan: given, digits: 3)
  report("\(truncation), is still nearer", Estimate(semiseparable).mean, lessThan: left, digits: 3)
  check("the fit is not below the bound: the smallest ratio", zip(free, bound).map { $0 / $1 }.min()!, atLeast: 1.0)
}

// ## 2. One cut after the other
//
// Let the rows of E[k] be an orthonormal basis of what the state keeps of the first k tokens
// (`basis` below). A real state cannot take back what it has forgotten: E[k + 1] must lie within
// E[k] and the new token. So let F be E[k] with one more row for the new token (`both`). Of the
// block H[k + 1] at the next cut these directions hold Y = H[k + 1] Fᵀ, and we keep the N with the
// largest singular values.
//
// The direction that is struck out (there is at most one at a cut) is orthogonal to all that is
// kept, and with it to all that will be struck out later. So in each row the losses of all cuts are
// orthogonal to one another, and their squares add up:
//
//     ‖ M − M̂ ‖²  =  the sum over all cuts, and over all n > N, of  σ[n]²          σ[n] those of Y
//
// Balanced truncation chooses the basis of each cut from that cut alone. Its next basis does not
// lie within the one before; what it asks for and the state no longer has is an additional loss,
// which no singular value counts. The new way has a price too: it must choose at each cut within
// what earlier cuts have left. Both are recurrences of order N, so neither is below the bound.

/// The recurrences whose state is truncated one cut after the other, and the norms of what was struck out.
func chainedTruncation(of m: Tensor, N: Int) -> (matrices: Tensor, struckOut: [Double]) {
  let (B, T) = (m.shape[0], m.shape[1])
  var squares = [Double](repeating: 0, count: B)
  // Before token 1 the state is the first token.
  var basis = Tensor.ones([B, 1, 1])
  var rows = [Tensor.zeros([B, 1, T])]
  for k in 1..<T {
    if k > 1 {
      let n = basis.shape[1]
      let old = Tensor.concatenated([basis, Tensor.zeros([B, n, 1])], along: 2)
      let new = Tensor.concatenated([Tensor.zeros([B, 1, k - 1]), Tensor.ones([B, 1, 1])], along: 2)
      let both = Tensor.concatenated([old, new], along: 1)
      let block = m.sliced(k..<T, along: 1).sliced(0..<k, along: 2)
      let parts = singularValueDecomposition(matmul(block, both, transposingB: true))
      let rank = parts.values.shape[1]
      let keep = min(N, rank)
      if keep < rank {
        let lost = parts.values.sliced(keep..<rank, along: 1)
        for (index, square) in each(sum(lost * lost, along: 1)).enumerated() { squares[index] += square }
      }
      basis = matmul(parts.vTransposed.sliced(0..<keep, along: 1), both)
    }
    let row = m.sliced(k..<(k + 1), along: 1).sliced(0..<k, along: 2)
    let kept = matmul(matmul(row, basis, transposingB: true), basis)
    rows.append(Tensor.concatenated([kept, Tensor.zeros([B, 1, T - k])], along: 2))
  }
  return (Tensor.concatenated(rows, along: 1) + m * Tensor.identity(T), squares.map { $0.squareRoot() })
}

func answer2() throws {
  var (chained, gap, smallest) = ([[Double]](), 0.0, Double.infinity)
  for (place, N) in orders.enumerated() {
    let (matrices, struckOut) = chainedTruncation(of: targets, N: N)
    let distances = each(distance(matrices, targets, over: 2))
    chained.append(distances)
    gap = zip(distances, struckOut).reduce(gap) { max($0, abs($1.0 - $1.1)) }
    smallest = zip(distances, bounds[place]).reduce(smallest) { min($0, $1.0 / $1.1) }
    if N == shown {
      check(
        "with N = \(N) every block has rank \(N): singular values beyond, at most",
        HankelBlocks(of: matrices).loss(at: N).max()!, within: tolerance)
    }
  }
  check("distance minus the norm of what was struck out, at most", gap, within: tolerance)
  check("no distance is below its bound: the smallest ratio", smallest, atLeast: 1.0)
  table(
    ["N", "balanced truncation", "one cut after the other", "bound"],
    rows: orders.enumerated().map { place, N in
      ["\(N)"] + [found[truncation, N], chained[place], bounds[place]].map { meanText($0) }
    })
  let place = orders.firstIndex(of: shown)!
  report(
    "N = \(shown): one cut after the other is nearer than balanced truncation", Estimate(chained[place]).mean,
    lessThan: Estimate(semiseparable).mean, digits: 3)
}

// ## 3. What a state has to remember
//
// A state needs as many numbers as there are independent things that later rows ask of the past.
// The mean of all tokens asks for one thing, a running sum, and the first token is one thing too,
// although it is as far away as can be: N = 1 for both. The token d places back asks for a queue.
// After each token the last d of them are still to be asked for, one by one, so N = d. With a
// random token in each row the state must hold every token that some later row asks for. Near the
// middle of the window these are many.
//
// So distance alone makes no head hard. What does is that later rows ask for many different things,
// as a head does that picks its tokens one by one.

func answer3() throws {
  let d = T / 4
  var random = SeededGenerator(seed: chapter.seed)
  let drawn = (0..<T).map { Int.random(in: 0...$0, using: &random) }
  let names = ["the mean of all tokens", "the first token", "the token \(d) back", "a random token"]
  let made = Naive.tabulate([names.count, T, T]) { place in
    let (t, s) = (place[1], place[2])
    return switch place[0] {
    case 0: s <= t ? 1 / Scalar(t + 1) : 0
    case 1: s == 0 ? 1 : 0
    case 2: s == max(t - d, 0) ? 1 : 0
    default: s == drawn[t] ? 1 : 0
    }
  }
  let blocks = HankelBlocks(of: made)
  let losses = (0...(T / 2)).map { blocks.loss(at: $0) }
  let needed = names.indices.map { m in losses.firstIndex { $0[m] <= tolerance }! }
  let looking = LookingBack(of: made)
  table(
    ["each row takes", "N needed", "looks back", "entropy"],
    rows: names.indices.map { m in
      [names[m], "\(needed[m])", number(looking.distance[m], digits: 3), number(looking.entropy[m], digits: 3)]
    })
  check("the mean and the first token need N = 1", needed[0] == 1 && needed[1] == 1)
  check("the token d back needs N = d", needed[2] == d, "d = \(d)")
  finding(
    """
    The mean looks back \(number(looking.distance[0], digits: 3)) tokens and needs N = \(needed[0]); random tokens are
    \(number(looking.distance[3], digits: 3)) tokens back and need N = \(needed[3]).
    """)
}
