// # Answers to the exercises
//
// New students are trained as arms of a study of one seed, so that a second run finds their
// results.

import Corpora
import Distillation
import Experiments
import Foundation
import Gradients
import Models
import Notebook
import Statistics
import Tensors
import Training

// ## 1. Which gaps close with the budget?
//
// All five students have the same architecture, and four of them minimise the same loss in their
// last stage. With enough tokens these four could in principle end at the same loss: weight
// transfer and the early stages give a head start, not a better goal. A head start is worth some
// number of tokens, which matters less and less as the budget grows. So we expect the gaps among
// these four to close.
//
// The student with hard labels has another goal. It learns from the text, as the teacher did, and
// the teacher is no limit for it. Its gap need not close; with enough tokens it may even change its
// sign.
//
// We train with a quarter and with half of the steps of each stage. The learning rates stay those
// that were chosen for the whole budget, which is a little unfair to the short runs. The table
// shows how far each student's held-out loss is above the teacher's.

func answer1() throws {
  let study = try Study(in: store, seeds: 1)
  let small = [4, 2].map { part in recipe.scaled { max(1, $0 / part) } }
  let jobs = small.flatMap { recipe in Way.ofMainJob.map { Study.Job(recipe.arm($0), seed: store.seed) } }
  let losses = try study.results("smaller budgets", of: jobs).map(\.loss)
  let count = Way.ofMainJob.count
  let byBudget = [Array(losses.prefix(count)), Array(losses.dropFirst(count)), Way.ofMainJob.map(heldOutLoss)]
  table(
    ["loss above the teacher's"] + (small + [recipe]).map { "\($0.studentSteps) steps" },
    rows: Way.ofMainJob.indices.map { i in
      [Way.ofMainJob[i].rawValue] + byBudget.map { number($0[i] - teacherLoss.mean, decimals: 3) }
    })
  func gap(_ a: Way, _ b: Way) -> String {
    let (i, j) = (Way.ofMainJob.firstIndex(of: a)!, Way.ofMainJob.firstIndex(of: b)!)
    return list(byBudget.map { number($0[i] - $0[j], decimals: 3) })
  }
  finding(
    """
    With \(list((small + [recipe]).map { "\($0.studentSteps)" })) steps the gap between scratch with hard labels and
    1-2-3 is \(gap(.scratchHard, .all)) \(store.unit), that between transfer + 3 and 2-3 is \(gap(.three, .twoThree)),
    and that between 2-3 and 1-2-3 is \(gap(.twoThree, .all)).
    """, volatile: chapter.isQuick)
}

// ## 2. The noise of a hard label
//
// As in section 1, p is the teacher's distribution of the next token and q the student's. With p as
// a soft label, the gradient of a token's loss with respect to the logits is q − p. With a hard
// label it is q − e, where e is 1 at the token that follows in the text and 0 elsewhere. If the text
// were drawn from p, the mean of e would be p. Both gradients would then have the same mean, and
// the hard label would add the noise e − p, with the mean square
//
//     E ‖e − p‖²  =  Σ p (1 − p)  =  1 − Σ p²
//
// The text is not drawn from p, but p was trained to come close to the text. So 1 − Σ p² should be
// near the measured mean of ‖e − p‖² = 1 − 2 p[next] + Σ p². We compare both with ‖q − p‖², what
// the student still has to learn, at the beginning and at the end of stage 3. Averaging over n
// independent tokens divides the mean square of the noise by n, and its size by √n.
//
// Then we train: stages 1 and 2 as before, and in place of stage 3 as many steps on the actual
// characters, at the best of three learning rates, chosen on windows that are not reported.

func threeDecimals(_ value: Double) -> String { number(value, decimals: 3) }

func answer2() throws {
  let beginning = try store.student(.all, after: 2).model
  transferWeights(from: teacher, to: beginning)
  /// The mean over held-out tokens of a function of batch and teacher's distribution.
  func average(_ measure: (Batch, Tensor) -> Tensor) -> Double {
    Estimate(heldOut.map { Double(mean(measure($0, softmax(teacher($0.inputs)))).scalar) }).mean
  }
  func toLearn(_ student: FrozenModel) -> Double {
    average { batch, p in
      let gap = softmax(student(batch.inputs)) - p
      return sum(gap * gap, along: -1)
    }
  }
  let squares = average { _, p in sum(p * p, along: -1) }
  let next = average { batch, _ in exp(-crossEntropy(teacher(batch.inputs), targets: batch.targets).losses) }
  let (atFirst, atLast) = (toLearn(beginning.frozen), toLearn(results.last!.made.frozen))
  let noise = 1 - 2 * next + squares
  show("left to learn at the beginning of stage 3, ‖q − p‖²", atFirst)
  show("left to learn at the end of stage 3, ‖q − p‖²", atLast)
  show("noise of a hard label if the text came from the teacher, 1 − Σ p²", 1 - squares)
  show("noise of a hard label on this text, ‖e − p‖²", noise)

  let soft = recipe.arm(.all)
  let last = soft.stages.last!
  let sweep = RateSweep("1-2, hard labels", rates: [0.5, 1, 2].map { $0 * last.rate }) { rate in
    soft.with { $0.stages[$0.stages.count - 1] = StagePlan(.tokens, steps: last.steps, rate: rate) }
  }
  let (tried, best) = try Study(in: store, seeds: 1).sweepEachSeed("hard labels", [sweep])[0][0]
  let (hard, mine) = (tried[best], evaluation(.all))
  table(
    ["labels after stages 1 and 2", "held-out loss, nats", "KL, nats", "agreement"],
    rows: [
      ["soft"] + [mine.crossEntropy.mean, mine.divergence.mean, mine.agreement.mean].map(threeDecimals),
      ["hard"] + [hard.loss, hard.divergence, hard.agreement].map(threeDecimals),
    ])
  let gain = Estimate(zip(hard.losses, mine.losses).map { $0 - $1 })
  finding(
    """
    The noise of one hard label is \(number(noise / atFirst, digits: 2)) times as large, in mean square, as what the
    student has to learn at the beginning of stage 3, and \(number(noise / atLast, digits: 2)) times as large as what
    is left at the end. With this seed, soft labels instead of hard ones gain \(threeDecimals(gain.mean)) ±
    \(threeDecimals(gain.standardError)) \(store.unit) in held-out loss, and
    \(threeDecimals(hard.divergence - mine.divergence.mean)) in KL.
    """, volatile: chapter.isQuick)
}

// ## 3. Temperature
//
// Let ℓ_q be the student's logits and ℓ_p the teacher's. At temperature τ their distributions are
//
//     q  =  softmax(ℓ_q / τ)
//     p  =  softmax(ℓ_p / τ)
//
// The chain rule through ℓ_q / τ gives
//
//     ∂/∂ℓ_q (−Σ p log q)  =  (q − p) / τ
//
// At a high temperature both distributions are nearly uniform, and to first order
//
//     q − p  ≈  (δ − mean of δ) / (V τ)     with δ = ℓ_q − ℓ_p
//
// where V is the number of tokens in the vocabulary. So the gradient falls as 1 / τ²: one factor
// 1 / τ comes from the chain rule, the other from distributions that become alike. The loss must be
// multiplied by τ² (arXiv 1503.02531). The product tends to a limit in which only the distance
// between the logits counts, those of improbable tokens as much as those of probable ones. The
// check compares the gradient with that limit.
//
// Does AdamW notice the factor? It divides the running mean of the gradient by the root of its
// running mean square, so a constant factor cancels. Only what compares the gradient with a fixed
// number can notice it: the clipping at a norm of 1, and ε. (The factor also matters where the loss
// is added to another one, such as that of hard labels.) To see this, we run 1-2-3 with temperature
// 2 in the last stage, with the factor 4 and without it, and measure at temperature 1 as always.

/// Stage 3 at a temperature: the cross-entropy between flattened distributions, times a factor.
nonisolated struct WarmDistillation: Stage {
  let title = "distillation at a temperature"
  let teacher: FrozenModel
  let model: LanguageModel
  let temperature, factor: Scalar

  var trained: [ParameterRows] { model.parameters.map { ParameterRows($0) } }

  func loss(_ batch: Batch) -> StageLoss {
    let distributions = softmax(teacher(batch.inputs), scale: 1 / temperature)
    let logits = (1 / temperature) * model(batch.inputs)
    return StageLoss(factor * mean(crossEntropy(logits, distributions: distributions)))
  }
}

/// The kind of a stage 3 at a temperature; its batches are those of stage 3.
func warmKind(_ temperature: Scalar, factor: Scalar) -> StageKind {
  StageKind(
    "distillation at temperature \(temperature), times \(factor)", batches: StageKind.distillation.batches,
    isEndToEnd: true
  ) { teacher, student, _ in
    WarmDistillation(teacher: teacher, model: student, temperature: temperature, factor: factor)
  }
}

func answer3() throws {
  /// The norm of the gradient with respect to a new student's logits.
  func norm(at temperature: Scalar) -> Double {
    let logits = newcomer(batch.inputs)
    let p = softmax(teacherLogits, scale: 1 / temperature)
    let loss = mean(crossEntropy((1 / temperature) * logits, distributions: p))
    return gradientNorm(gradients(of: loss, withRespectTo: [logits]))
  }
  let temperatures: [Scalar] = [1, 2, 4, 16, 1024]
  let norms = temperatures.map(norm)
  func scaled(_ i: Int) -> Double { norms[i] * Double(temperatures[i] * temperatures[i]) }
  table(
    ["temperature τ", "norm of the gradient", "norm · τ²"],
    rows: temperatures.indices.map { i in
      ["\(Int(temperatures[i]))", number(norms[i], digits: 3), number(scaled(i), digits: 3)]
    })
  // ‖δ − mean δ‖² = Σ δ² − (Σ δ)² / V for each token; the loss is a mean over tokens.
  let delta = newcomer.frozen(batch.inputs) - teacherLogits
  let V = Double(delta.shape[-1])
  let sums = sum(delta, along: -1)
  let squares = Double(sum(delta * delta).scalar) - Double(sum(sums * sums).scalar) / V
  let limit = squares.squareRoot() / (V * Double(sums.count))
  check(
    "the last product is near the limit, relative difference", scaled(temperatures.count - 1) / limit - 1,
    within: 0.05)

  let soft = recipe.arm(.all)
  let factors: [Scalar] = [4, 1]
  let jobs = factors.map { factor in
    let arm = soft.with { $0.stages[$0.stages.count - 1].kind = warmKind(2, factor: factor) }
    return Study.Job(arm, seed: store.seed)
  }
  let warm = try Study(in: store, seeds: 1).results("temperature 2", of: jobs)
  let usual = evaluation(.all)
  table(
    ["temperature", "factor", "held-out loss, nats", "KL, nats", "agreement"],
    rows: [["1", "1"] + [usual.crossEntropy.mean, usual.divergence.mean, usual.agreement.mean].map(threeDecimals)]
      + zip(factors, warm).map { factor, result in
        ["2", "\(Int(factor))"] + [result.loss, result.divergence, result.agreement].map(threeDecimals)
      })
  finding(
    """
    At temperature 2 the factor changes the student's held-out loss by
    \(number(warm[0].loss - warm[1].loss, decimals: 4)) \(store.unit). With the factor, temperature 2 instead of 1
    changes it by \(number(warm[0].loss - usual.crossEntropy.mean, decimals: 4)).
    """, volatile: chapter.isQuick)
}
