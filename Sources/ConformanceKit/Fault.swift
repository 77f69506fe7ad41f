// # The usual mistakes
//
// Each of these has been made by somebody, in public or at this desk. Each is one condition beside the right line of
// the plain program, so that the doctor can compute what it gives and compare it with what somebody got.
//
// Read before: `PlainProgram.swift`. Read next: `Doctor.swift`. Chapter: 16-conformance.

/// A mistake that the plain program can make.
public enum Fault: String, CaseIterable, Codable, Sendable {
  // MARK: The teacher
  /// The pairs of the rotation are (2i, 2i + 1).
  case rotaryInterleaved
  /// Every feature of a head is rotated.
  case rotaryWholeHead
  /// The angles are computed in 32 bits.
  case rotaryFloatAngles
  /// The first token has position 1.
  case rotaryFromOne
  /// The angles shrink with powers of 500000.
  case rotaryOtherBase
  /// The exponent of the angles is 2i / P.
  case rotaryExponentOverHead
  /// The softmax runs over the tokens that read.
  case softmaxOverQueries
  /// The scores q · k are not divided by √P.
  case scoresUnscaled
  /// The scores q · k are divided by √D.
  case scoresScaledByWidth
  /// Tokens attend to all others.
  case futureSeen
  /// A token also attends to the next.
  case nextTokenSeen
  /// The attention matrix has [s, t] where [t, s] is due.
  case attentionTransposed
  /// Heads 0, 1, 2, … use keys and values 0, 1, 0, 1, ….
  case groupedHeadsTiled
  /// Queries, keys and values lack their biases.
  case attentionBiasesDropped
  /// The output projection of attention lacks its bias.
  case outputBiasDropped
  /// The logits lack the head's bias.
  case headBiasDropped
  /// The head multiplies by the embedding.
  case headTiedWrongly
  /// The MLP uses x Φ(x).
  case geluExact
  /// The activation acts on up_proj.
  case gateAndUpExchanged
  /// The MLP reads the normed state plus what attention added.
  case blockSequential
  /// The feed-forward reads the block's input.
  case blockParallel
  /// The norm divides by √variance + ε.
  case normEpsilonOutside
  /// The norms add 1e-6.
  case normEpsilonSmaller
  /// The variance of a layer norm divides by D − 1.
  case normVarianceUnbiased
  /// The mean is subtracted in a root-mean-square norm.
  case rmsNormCentred
  /// The mixer reads the state before the block's norm.
  case mixerReadsRawState
  /// The states are read as [T, B] where they are [B, T].
  case batchRowsMixed
  /// Feature i of head h is read at i · H + h.
  case headsInnermost

  // MARK: The student's mixer
  /// The SSD matrix has [s, t] where [t, s] is due.
  case matrixTransposed
  /// The decays from s to t are those of s … t − 1.
  case decayEarly
  /// The decays from s to t are those of s … t.
  case decayOwnStep
  /// The decay α is sigmoid(a).
  case decaySignTurned
  /// The segment sums above the diagonal pass through exp before they are masked.
  case maskedAfterExponential
  /// The decay from s to t is a ratio of products from the beginning.
  case decaysDivided
  /// The matrix lacks D on its diagonal.
  case skipMissing
  /// D is on the diagonal twice.
  case skipTwice
  /// D x is added to the gated values.
  case skipAfterGate
  /// The rows are read as x, C, B.
  case bAndCExchanged
  /// The rows are read as B, C, x.
  case xAfterBAndC
  /// The rows of in_proj are read as z, x, B, C, a.
  case projectionInStockOrder
  /// B is multiplied by softplus(a).
  case bScaledByStep
  /// The values x are multiplied by softplus(a) before they are mixed.
  case xScaledByStep
  /// Column s of the matrix is multiplied by softplus(a[s]).
  case matrixScaledByStep
  /// C · B is divided by √N.
  case matrixScaledByRootN
  /// No gradient passes through the decays.
  case decayDetached
  /// Heads 0, 1, 2, … use pairs 0, 1, 0, 1, ….
  case sharedHeadsTiled
  /// The first tap meets the present.
  case convolutionReversed
  /// The convolution sees tokens to come.
  case convolutionCentred
  /// Of the T + K − 1 outputs of a padded convolution the last T are taken.
  case convolutionEndTaken
  /// An activation follows the convolution.
  case convolutionActivated
  /// The convolution lacks its bias.
  case convolutionBiasDropped
  /// The bias z_bias is not added.
  case gateBiasDropped
  /// The gate is silu(z) + z_bias.
  case gateBiasOutside
  /// The gate's z passes through the convolution.
  case gateConvolved
  /// The gate is sigmoid(z + z_bias).
  case gateIsSigmoid
  /// A root-mean-square norm precedes out_proj.
  case normBeforeOutput

  // MARK: Losses
  /// The Frobenius norm is squared.
  case stage1Squared
  /// The norm is divided by T.
  case stage1DividedByT
  /// Stage 1 sums over the heads.
  case headsSummed
  /// Stages 1 and 2 sum over the batch.
  case batchSummed
  /// Stages 1 and 2 take the mean over the layers.
  case layersAveraged
  /// Stage 1 compares with the scores.
  case stage1BeforeSoftmax
  /// Stage 1 compares the matrix without D.
  case stage1WithoutSkip
  /// In stages 1 and 2 the student's layer reads the student's states.
  case studentOnOwnStates
  /// In stages 1 and 2 the mixer reads the teacher's state through the student's norm.
  case studentsOwnNorm
  /// The teacher's last state is taken after its final norm.
  case targetAfterFinalNorm
  /// The distances are squared.
  case stage2Squared
  /// The loss is the mean square over the features.
  case stage2MeanSquare
  /// Stage 2 sums over time.
  case timeSummed
  /// Stage 2 compares what enters the output projections.
  case stage2BeforeOutput
  /// Stage 3 predicts the actual tokens.
  case hardLabels
  /// Stage 3 predicts the tokens that it reads.
  case labelsNotShifted
  /// Both logits are divided by 2.
  case temperatureTwo
  /// The loss of stage 3 lacks the teacher's entropy.
  case divergenceAsLoss
  /// The loss is KL(student ‖ teacher).
  case divergenceReversed
  /// KL is summed over time and divided by the batch (PyTorch's batchmean).
  case divergenceOverBatch
  /// KL is divided by the number of logits (PyTorch's mean).
  case divergenceOverEntries
  /// Stage 3 sums over batch and time.
  case tokensSummed

  // MARK: Training
  /// Biases, scales of norms, D and z_bias decay.
  case decayOnVectors
  /// Rows that stage 1 does not train decay.
  case decayOnIdleRows
  /// The decay is added to the gradient (Adam with L2).
  case decayCoupled
  /// The step divides by √(v̂ + ε).
  case epsilonInsideRoot
  /// The moments are used without dividing by 1 − βᵗ.
  case momentsUncorrected
  /// The second moment keeps 0.999.
  case secondBetaLarger
  /// The weight decay is 0.01, the default of PyTorch.
  case decaySmaller
  /// Gradients are scaled by 1 / (norm + 1e-6).
  case clippingSofter
  /// Gradients are not clipped.
  case clippingMissing
  /// Each gradient is clipped by its own norm.
  case clippingPerTensor
  /// The first step has the rate 0.
  case scheduleFromZero
  /// The last step has the rate 0.
  case scheduleEndsEarly
  /// Stage 3 does not train the embedding.
  case embeddingFrozen
  /// The student's norms keep their own weights.
  case normsNotTransferred
  /// The student's feed-forwards keep their own weights.
  case feedForwardNotTransferred
  /// Shared value heads are copied as 0, 1, 0, 1, ….
  case valuesTiledInTransfer

  // MARK: Reading on
  /// The state includes steps that fill up the last chunk.
  case paddingKept
  /// The inputs of a prompt shorter than the convolution stand first, zeros after them.
  case shortPromptShifted
  /// The convolution of the next token sees zeros.
  case convolutionPastForgotten
  /// The next token has position 0.
  case positionsRestart
  /// The mixer's step returns [B, D], which is added to [B, 1, D].
  case stepBroadcast
  /// The memories of the texts are in another order.
  case cacheRowsMixed
}
