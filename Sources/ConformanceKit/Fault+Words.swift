// # The mistakes in words
//
// Read before: `Fault.swift`. Read next: `Doctor.swift`.

extension Fault {
  /// The tensors that it can change.
  package var reach: Set<Computation.Group> {
    switch self {
    case .targetAfterFinalNorm: return [.teacher, .losses, .gradients, .run]
    case .studentOnOwnStates, .studentsOwnNorm: return [.mixers, .losses, .gradients, .run]
    case .stage1Squared, .stage1DividedByT, .headsSummed, .batchSummed, .layersAveraged, .stage1BeforeSoftmax,
      .stage1WithoutSkip, .stage2Squared, .stage2MeanSquare, .timeSummed, .stage2BeforeOutput, .hardLabels,
      .labelsNotShifted, .temperatureTwo, .divergenceAsLoss, .divergenceReversed, .tokensSummed, .divergenceOverBatch,
      .divergenceOverEntries:
      return [.losses, .gradients, .run]
    case .decayOnVectors, .decayOnIdleRows, .decayCoupled, .epsilonInsideRoot, .momentsUncorrected, .secondBetaLarger,
      .clippingMissing, .clippingPerTensor, .clippingSofter, .decaySmaller, .scheduleFromZero, .scheduleEndsEarly,
      .embeddingFrozen:
      return [.gradients, .run]
    case .normsNotTransferred, .feedForwardNotTransferred, .valuesTiledInTransfer: return [.transfer]
    case .paddingKept, .shortPromptShifted, .convolutionPastForgotten, .positionsRestart, .cacheRowsMixed,
      .stepBroadcast:
      return [.decoding]
    case .matrixTransposed, .decayEarly, .decayOwnStep, .decaySignTurned, .maskedAfterExponential, .decaysDivided,
      .skipMissing, .skipTwice, .skipAfterGate, .bAndCExchanged, .xAfterBAndC, .projectionInStockOrder,
      .bScaledByStep,
      .sharedHeadsTiled, .convolutionReversed, .convolutionCentred, .convolutionActivated, .convolutionBiasDropped,
      .gateBiasDropped, .gateBiasOutside, .gateConvolved, .gateIsSigmoid, .normBeforeOutput, .xScaledByStep,
      .matrixScaledByStep, .matrixScaledByRootN, .decayDetached, .convolutionEndTaken:
      return Set(Computation.Group.allCases).subtracting([.teacher, .transfer])
    default: return Set(Computation.Group.allCases)
    }
  }

  /// What a mistake is called, what it does, and what is right.
  public struct Words: Sendable {
    /// A name of a few words.
    public let title: String
    /// What is done, as a clause.
    public let mistake: String
    /// What to do, as an imperative.
    public let remedy: String
  }

  /// The mistake in words.
  public var words: Words { Fault.table[self]! }

  private static let table: [Fault: Words] = [
    .rotaryInterleaved: Words(
      title: "rotary turns neighbours", mistake: "the pairs of the rotation are (2i, 2i + 1)",
      remedy: "pair feature i with i + R/2, the two halves"),
    .rotaryWholeHead: Words(
      title: "rotary turns all of a head", mistake: "every feature of a head is rotated",
      remedy: "rotate the first R features and leave the others as they are"),
    .rotaryFloatAngles: Words(
      title: "rotary angles in Float", mistake: "the angles are computed in 32 bits",
      remedy: "compute angles, cosines and sines in 64 bits, then round"),
    .rotaryFromOne: Words(
      title: "rotary counts from 1", mistake: "the first token has position 1",
      remedy:
        "count positions from 0; scores depend only on differences, so only the rotated queries and keys show this"),
    .rotaryOtherBase: Words(
      title: "rotary base of 500000", mistake: "the angles shrink with powers of 500000",
      remedy: "use the base 10000 of the model's config.json"),
    .rotaryExponentOverHead: Words(
      title: "rotary exponent over P", mistake: "the exponent of the angles is 2i / P",
      remedy: "divide by R, the number of features that are rotated"),
    .softmaxOverQueries: Words(
      title: "softmax over the wrong axis", mistake: "the softmax runs over the tokens that read",
      remedy: "it runs over the tokens that are read: the rows of the matrix sum to 1"),
    .scoresUnscaled: Words(
      title: "scores not scaled", mistake: "the scores q · k are not divided by √P",
      remedy: "divide the scores by the root of the head's size"),
    .scoresScaledByWidth: Words(
      title: "scores scaled by the width", mistake: "the scores q · k are divided by √D",
      remedy: "divide by √P, the root of the head's size and not of the model's"),
    .futureSeen: Words(
      title: "no causal mask", mistake: "tokens attend to all others",
      remedy: "mask s > t with −∞ before the softmax"),
    .nextTokenSeen: Words(
      title: "causal mask off by one", mistake: "a token also attends to the next",
      remedy: "mask s > t, not s > t + 1"),
    .attentionTransposed: Words(
      title: "attention transposed", mistake: "the attention matrix has [s, t] where [t, s] is due",
      remedy: "the row is the token that reads, the column the token that is read"),
    .groupedHeadsTiled: Words(
      title: "grouped heads tiled", mistake: "heads 0, 1, 2, … use keys and values 0, 1, 0, 1, …",
      remedy: "repeat each head of keys and values for neighbouring queries: 0, 0, 1, 1"),
    .attentionBiasesDropped: Words(
      title: "biases of q, k, v dropped", mistake: "queries, keys and values lack their biases",
      remedy: "add the biases of q_proj, k_proj and v_proj"),
    .outputBiasDropped: Words(
      title: "bias of dense dropped", mistake: "the output projection of attention lacks its bias",
      remedy: "add the bias of dense"),
    .headBiasDropped: Words(
      title: "bias of the head dropped", mistake: "the logits lack the head's bias",
      remedy: "add lm_head.bias"),
    .headTiedWrongly: Words(
      title: "head tied", mistake: "the head multiplies by the embedding",
      remedy: "use lm_head.weight, which is a matrix of its own in this model"),
    .geluExact: Words(
      title: "GELU by erf", mistake: "the MLP uses x Φ(x)",
      remedy: "use the tanh form, as Phi does (gelu_new)"),
    .gateAndUpExchanged: Words(
      title: "gate and up exchanged", mistake: "the activation acts on up_proj",
      remedy: "the feed-forward is down( silu(gate x) · up x )"),
    .blockSequential: Words(
      title: "block sequential", mistake: "the MLP reads the normed state plus what attention added",
      remedy: "Phi's block is parallel: attention and MLP both read LN x"),
    .blockParallel: Words(
      title: "block parallel", mistake: "the feed-forward reads the block's input",
      remedy: "Llama's block is sequential: the second norm reads x + attention"),
    .normEpsilonOutside: Words(
      title: "epsilon outside the root", mistake: "the norm divides by √variance + ε",
      remedy: "divide by √(variance + ε)"),
    .normEpsilonSmaller: Words(
      title: "epsilon of 1e-6", mistake: "the norms add 1e-6",
      remedy: "add 1e-5, as the model's config.json says"),
    .normVarianceUnbiased: Words(
      title: "variance over D − 1", mistake: "the variance of a layer norm divides by D − 1",
      remedy: "divide by D"),
    .rmsNormCentred: Words(
      title: "RMS norm centred", mistake: "the mean is subtracted in a root-mean-square norm",
      remedy: "divide x by √(mean x² + ε), without subtracting anything"),
    .mixerReadsRawState: Words(
      title: "mixer before the norm", mistake: "the mixer reads the state before the block's norm",
      remedy: "it reads the normed state"),
    .batchRowsMixed: Words(
      title: "batch and time exchanged", mistake: "the states are read as [T, B] where they are [B, T]",
      remedy: "keep the texts apart: the first axis is the batch"),
    .headsInnermost: Words(
      title: "heads innermost", mistake: "feature i of head h is read at i · H + h",
      remedy: "heads lie one after another: feature i of head h is at h · P + i"),
    .matrixTransposed: Words(
      title: "matrix transposed", mistake: "the SSD matrix has [s, t] where [t, s] is due",
      remedy: "row t is what token t reads: M[t, s] = C[t] · B[s] α[s + 1] … α[t]"),
    .decayEarly: Words(
      title: "decay one step early", mistake: "the decays from s to t are those of s … t − 1",
      remedy: "multiply α[s + 1] … α[t]: what is stored at s does not decay at s"),
    .decayOwnStep: Words(
      title: "decay at its own step too", mistake: "the decays from s to t are those of s … t",
      remedy: "multiply α[s + 1] … α[t]: the diagonal has no decay"),
    .decaySignTurned: Words(
      title: "decay of the other sign", mistake: "the decay α is sigmoid(a)",
      remedy: "it is α = exp(−softplus(a)) = sigmoid(−a)"),
    .maskedAfterExponential: Words(
      title: "masked after exp",
      mistake: "the segment sums above the diagonal pass through exp before they are masked",
      remedy: "mask with −∞ before exp: sums above the diagonal are positive, overflow, and ∞ · 0 is NaN"),
    .decaysDivided: Words(
      title: "ratio of cumulative products",
      mistake: "the decay from s to t is a ratio of products from the beginning",
      remedy: "take exp of a difference of sums: the products underflow, and 0 / 0 is NaN"),
    .skipMissing: Words(
      title: "D missing", mistake: "the matrix lacks D on its diagonal",
      remedy: "add D to the diagonal: stage 1 compares the matrix with it"),
    .skipTwice: Words(
      title: "D added twice", mistake: "D is on the diagonal twice",
      remedy: "add it once: in the matrix or beside it, not both"),
    .skipAfterGate: Words(
      title: "D added after the gate", mistake: "D x is added to the gated values",
      remedy: "the output y = M x includes D x, and the gate multiplies all of it"),
    .bAndCExchanged: Words(
      title: "B and C exchanged", mistake: "the rows are read as x, C, B",
      remedy: "the order is x, B, C"),
    .xAfterBAndC: Words(
      title: "x after B and C", mistake: "the rows are read as B, C, x",
      remedy: "the order is x, B, C"),
    .projectionInStockOrder: Words(
      title: "rows in stock Mamba-2's order", mistake: "the rows of in_proj are read as z, x, B, C, a",
      remedy: "the order is x, B, C, z, a"),
    .bScaledByStep: Words(
      title: "B scaled by a step", mistake: "B is multiplied by softplus(a)",
      remedy: "there is no step size in the discrete mixer: B enters as it is"),
    .xScaledByStep: Words(
      title: "x scaled by a step", mistake: "the values x are multiplied by softplus(a) before they are mixed",
      remedy: "there is no step size in the discrete mixer: x enters as it is"),
    .matrixScaledByStep: Words(
      title: "matrix scaled by a step", mistake: "column s of the matrix is multiplied by softplus(a[s])",
      remedy: "there is no step size in the discrete mixer; stock Mamba-2 has"),
    .matrixScaledByRootN: Words(
      title: "C scaled by √N", mistake: "C · B is divided by √N",
      remedy: "C · B is not scaled: only attention divides by the root of the head's size"),
    .decayDetached: Words(
      title: "decay without gradient", mistake: "no gradient passes through the decays",
      remedy: "let it pass: the rows of a are trained in all stages"),
    .sharedHeadsTiled: Words(
      title: "shared B and C tiled", mistake: "heads 0, 1, 2, … use pairs 0, 1, 0, 1, …",
      remedy: "repeat each pair for neighbouring heads: 0, 0, 1, 1"),
    .convolutionReversed: Words(
      title: "convolution reversed", mistake: "the first tap meets the present",
      remedy: "the last tap meets the present, as in PyTorch's conv1d"),
    .convolutionCentred: Words(
      title: "convolution centred", mistake: "the convolution sees tokens to come",
      remedy: "pad K − 1 zeros before the text and none after it"),
    .convolutionEndTaken: Words(
      title: "end of the convolution taken",
      mistake: "of the T + K − 1 outputs of a padded convolution the last T are taken",
      remedy: "take the first T: the last ones see tokens to come"),
    .convolutionActivated: Words(
      title: "convolution activated", mistake: "an activation follows the convolution",
      remedy: "the discrete mixer has no activation there; stock Mamba-2 has"),
    .convolutionBiasDropped: Words(
      title: "bias of the convolution dropped", mistake: "the convolution lacks its bias",
      remedy: "add conv1d.bias"),
    .gateBiasDropped: Words(
      title: "gate closed", mistake: "the bias z_bias is not added",
      remedy: "the gate is silu(z + z_bias); without the bias a new gate is closed, and no gradient passes"),
    .gateBiasOutside: Words(
      title: "z_bias outside", mistake: "the gate is silu(z) + z_bias",
      remedy: "it is silu(z + z_bias)"),
    .gateConvolved: Words(
      title: "z convolved", mistake: "the gate's z passes through the convolution",
      remedy: "only x, B and C do"),
    .gateIsSigmoid: Words(
      title: "gate by sigmoid", mistake: "the gate is sigmoid(z + z_bias)",
      remedy: "it is silu(z + z_bias)"),
    .normBeforeOutput: Words(
      title: "norm before out_proj", mistake: "a root-mean-square norm precedes out_proj",
      remedy: "the discrete mixer has none; stock Mamba-2 has"),
    .stage1Squared: Words(
      title: "stage 1 squared", mistake: "the Frobenius norm is squared",
      remedy: "take the root: the loss is a norm, not its square"),
    .stage1DividedByT: Words(
      title: "stage 1 divided by T", mistake: "the norm is divided by T",
      remedy: "the Frobenius norm of a T × T matrix is not divided by its size"),
    .headsSummed: Words(
      title: "heads summed", mistake: "stage 1 sums over the heads",
      remedy: "take the mean over batch and heads"),
    .batchSummed: Words(
      title: "batch summed", mistake: "stages 1 and 2 sum over the batch",
      remedy: "take the mean over the batch"),
    .layersAveraged: Words(
      title: "layers averaged", mistake: "stages 1 and 2 take the mean over the layers",
      remedy: "sum over the layers: each is a problem of its own, and its gradient must not depend on their number"),
    .stage1BeforeSoftmax: Words(
      title: "target before the softmax", mistake: "stage 1 compares with the scores",
      remedy: "compare with the attention matrix after the softmax"),
    .stage1WithoutSkip: Words(
      title: "D missing in stage 1", mistake: "stage 1 compares the matrix without D",
      remedy: "compare the matrix with D on its diagonal"),
    .studentOnOwnStates: Words(
      title: "student on its own states", mistake: "in stages 1 and 2 the student's layer reads the student's states",
      remedy: "each layer reads what the teacher's layer reads"),
    .studentsOwnNorm: Words(
      title: "the student's own norm",
      mistake: "in stages 1 and 2 the mixer reads the teacher's state through the student's norm",
      remedy:
        "read teacher.L.mixer_input, which has the teacher's norm; after a transfer of the norms both are the same"),
    .targetAfterFinalNorm: Words(
      title: "target after the final norm", mistake: "the teacher's last state is taken after its final norm",
      remedy: "take the state that leaves the last block; some libraries return it normed"),
    .stage2Squared: Words(
      title: "stage 2 squared", mistake: "the distances are squared",
      remedy: "take the root for each token, then the mean"),
    .stage2MeanSquare: Words(
      title: "stage 2 as mean square", mistake: "the loss is the mean square over the features",
      remedy: "take the L2 norm over the features of a token, then the mean over tokens"),
    .timeSummed: Words(
      title: "time summed", mistake: "stage 2 sums over time",
      remedy: "take the mean over batch and time"),
    .stage2BeforeOutput: Words(
      title: "outputs before out_proj", mistake: "stage 2 compares what enters the output projections",
      remedy: "compare the outputs of the mixers, after out_proj and dense or o_proj"),
    .hardLabels: Words(
      title: "hard labels", mistake: "stage 3 predicts the actual tokens",
      remedy: "predict the teacher's distribution; the tokens are not looked at"),
    .labelsNotShifted: Words(
      title: "labels not shifted", mistake: "stage 3 predicts the tokens that it reads",
      remedy: "predict the teacher's distribution of the next token"),
    .temperatureTwo: Words(
      title: "temperature 2", mistake: "both logits are divided by 2",
      remedy: "use temperature 1"),
    .divergenceAsLoss: Words(
      title: "KL reported", mistake: "the loss of stage 3 lacks the teacher's entropy",
      remedy: "report the cross-entropy, or compare loss.stage3.divergence; the gradient is the same"),
    .divergenceReversed: Words(
      title: "KL the other way round", mistake: "the loss is KL(student ‖ teacher)",
      remedy: "the teacher's probabilities weigh the student's logarithms"),
    .divergenceOverBatch: Words(
      title: "KL summed over time", mistake: "KL is summed over time and divided by the batch (PyTorch's batchmean)",
      remedy: "take the mean over batch and time, and report the cross-entropy"),
    .divergenceOverEntries: Words(
      title: "KL over all entries", mistake: "KL is divided by the number of logits (PyTorch's mean)",
      remedy: "take the mean over batch and time, not over the vocabulary"),
    .tokensSummed: Words(
      title: "tokens summed", mistake: "stage 3 sums over batch and time",
      remedy: "take the mean over batch and time"),
    .decayOnVectors: Words(
      title: "weight decay on vectors", mistake: "biases, scales of norms, D and z_bias decay",
      remedy: "decay only tensors of two axes or more"),
    .decayOnIdleRows: Words(
      title: "weight decay on idle rows", mistake: "rows that stage 1 does not train decay",
      remedy: "leave rows without a gradient as they are: decay moves x and z away from where stage 2 begins"),
    .decayCoupled: Words(
      title: "weight decay in the gradient", mistake: "the decay is added to the gradient (Adam with L2)",
      remedy: "subtract rate · decay · w beside the step of Adam"),
    .epsilonInsideRoot: Words(
      title: "epsilon inside the root", mistake: "the step divides by √(v̂ + ε)",
      remedy: "divide by √v̂ + ε"),
    .momentsUncorrected: Words(
      title: "moments not corrected", mistake: "the moments are used without dividing by 1 − βᵗ",
      remedy: "divide by 1 − β₁ᵗ and 1 − β₂ᵗ"),
    .secondBetaLarger: Words(
      title: "β₂ of 0.999", mistake: "the second moment keeps 0.999",
      remedy: "use 0.95"),
    .decaySmaller: Words(
      title: "weight decay of 0.01", mistake: "the weight decay is 0.01, the default of PyTorch",
      remedy: "use 0.1"),
    .clippingSofter: Words(
      title: "clipping with 1e-6 added", mistake: "gradients are scaled by 1 / (norm + 1e-6)",
      remedy: "this is PyTorch's clip_grad_norm_, and harmless; the kit divides by the norm alone"),
    .clippingMissing: Words(
      title: "no clipping", mistake: "gradients are not clipped",
      remedy: "scale all gradients by min(1, 1 / norm)"),
    .clippingPerTensor: Words(
      title: "clipping per tensor", mistake: "each gradient is clipped by its own norm",
      remedy: "one norm for all gradients together"),
    .scheduleFromZero: Words(
      title: "schedule one step late", mistake: "the first step has the rate 0",
      remedy: "the rate of step i rises as (i + 1) / warm-up"),
    .scheduleEndsEarly: Words(
      title: "schedule ends one step early", mistake: "the last step has the rate 0",
      remedy: "the rate of step i falls as (steps − i) / decay"),
    .embeddingFrozen: Words(
      title: "embedding frozen in stage 3", mistake: "stage 3 does not train the embedding",
      remedy: "stage 3 trains all of the student"),
    .normsNotTransferred: Words(
      title: "norms not transferred", mistake: "the student's norms keep their own weights",
      remedy: "copy the teacher's norms, in the blocks and before the head"),
    .feedForwardNotTransferred: Words(
      title: "feed-forwards not transferred", mistake: "the student's feed-forwards keep their own weights",
      remedy: "copy the teacher's"),
    .valuesTiledInTransfer: Words(
      title: "values tiled in the transfer", mistake: "shared value heads are copied as 0, 1, 0, 1, …",
      remedy: "repeat each for neighbouring heads: 0, 0, 1, 1"),
    .paddingKept: Words(
      title: "padding kept", mistake: "the state includes steps that fill up the last chunk",
      remedy: "cut the padding off, or let it neither decay nor store"),
    .shortPromptShifted: Words(
      title: "short prompt shifted",
      mistake: "the inputs of a prompt shorter than the convolution stand first, zeros after them",
      remedy: "zeros stand before the text"),
    .convolutionPastForgotten: Words(
      title: "convolution forgets", mistake: "the convolution of the next token sees zeros",
      remedy: "give it the last K − 1 inputs"),
    .positionsRestart: Words(
      title: "positions restart", mistake: "the next token has position 0",
      remedy: "its position is the length of the prefix"),
    .stepBroadcast: Words(
      title: "step broadcast over the batch", mistake: "the mixer's step returns [B, D], which is added to [B, 1, D]",
      remedy: "give the step an axis of time: [B, 1, D]"),
    .cacheRowsMixed: Words(
      title: "rows of the memory mixed", mistake: "the memories of the texts are in another order",
      remedy: "the first axis of a memory is the batch"),
  ]
}
