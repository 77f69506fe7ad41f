// # Answers to the exercises
//
// Each trains a few more students on the first seed, with the rates of the kind that they are variants of.
//
// Read before: main.swift.

import Book
import Experiments
import Layers
import Notebook
import Statistics

// ## 1. Matrix or frame
//
// The frame `plain` has no convolution and no gate, `retention` has a norm of each head and a gate without a bias. The
// norm makes y forget how large it is, so that the student can no longer begin as something like its teacher.

func answer1() throws {
  let kind = index("fixed decay")
  let (D, H, N, Q) = (recipe.D, recipe.H, recipe.N, recipe.Q)
  let frames: [(name: String, frame: MixerFrame)] = [
    ("Mamba's", .mamba), ("RetNet's", .retention), ("none", .plain), ("a convolution alone", MixerFrame(K: 4)),
  ]
  let found = try losses(
    "frames", of: frames.map { variant(FixedDecaySizes(D: D, H: H, N: N, Q: Q, frame: $0.frame), of: kind) })
  table(
    ["fixed decay in the frame", "loss on the first seed"],
    rows: zip(frames, found).map { [$0.name, number($1, decimals: 3)] })
  finding(
    """
    Between the best and the worst frame of one matrix lie \(number(found.max()! - found.min()!, decimals: 3)) nats;
    between the best and the worst kind of equal memory, each in the frame of the chapter,
    \(number(spanOfKinds(), decimals: 3)).
    """, volatile: chapter.isQuick)
}

/// The difference between the largest and the smallest loss of the kinds of equal memory, on the first seed.
private func spanOfKinds() -> Double {
  let all = (0..<equal).map { outcomes[$0][0].loss }
  return all.max()! - all.min()!
}

// ## 2. State or rule
//
// What the delta rule gains over Discrete-Mamba-2 with the same N can be compared with what more state gains.

func answer2() throws {
  let (D, H, Q) = (recipe.D, recipe.H, recipe.Q)
  let sizes = [recipe.N / 2, recipe.N, 2 * recipe.N, 4 * recipe.N]
  let (mamba, delta) = (
    try losses("states", of: sizes.map { variant(DiscreteMamba2Sizes(D: D, H: H, N: $0, Q: Q), of: 0) }),
    try losses(
      "states, delta rule",
      of: sizes.map { variant(GatedDeltaRuleSizes(D: D, H: H, N: $0, Q: Q), of: index("delta rule")) })
  )
  table(
    ["N", "Discrete-Mamba-2", "delta rule", "gain of the rule"],
    rows: sizes.indices.map { place in
      ["\(sizes[place])"] + [mamba[place], delta[place], mamba[place] - delta[place]].map { number($0, decimals: 3) }
    })
  let reached = sizes.indices.first { mamba[$0] <= delta[1] }.map { "N = \(sizes[$0])" } ?? "none of these N"
  finding(
    """
    At N = \(recipe.N) the delta rule gains \(number(mamba[1] - delta[1], decimals: 3)) nats over Discrete-Mamba-2. Twice the
    state would gain \(number(mamba[1] - mamba[2], decimals: 3)). The least N at which Discrete-Mamba-2 is as good as the
    rule at N = \(recipe.N): \(reached).
    """, volatile: chapter.isQuick)
}

// ## 3. The length of a kernel
//
// Each further number of a kernel looks one token further back, at the same distance from every token. It helps as
// long as something at that distance, on average over all texts, says something about the next token.

func answer3() throws {
  let (D, H, N, T) = (recipe.D, recipe.H, recipe.N, recipe.T)
  let lengths = sequence(first: max(2, N / 4)) { 2 * $0 }.prefix { $0 < T } + [T]
  let kind = index("Toeplitz")
  let found = try losses(
    "kernels", of: lengths.map { variant(CausalToeplitzSizes(D: D, H: H, K: $0, frame: .mamba), of: kind) })
  table(
    ["numbers in a kernel", "loss on the first seed"],
    rows: zip(lengths, found).map { ["\($0)", number($1, decimals: 3)] })
  let best = found.indices.min { found[$0] < found[$1] }!
  finding(
    """
    The best of these kernels has \(lengths[best]) numbers; the longest has a loss that is
    \(number(found.last! - found[best], decimals: 3)) nats larger.
    """, volatile: chapter.isQuick)
}
