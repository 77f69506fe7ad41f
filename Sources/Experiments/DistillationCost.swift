// # What a distillation takes
//
// Before hours of work we want to know how many hours, and whether the memory will do. Both can be estimated in
// advance: the multiplications of a step follow from the sizes, and one pass of the teacher measures how many of them
// this machine does per second.
//
//     a number of the teacher's body           2 operations per token, for the teacher's pass
//     a number of a trained mixer              6 per token: forwards, and back to input and weight
//     a number of what stage 3 goes through    4 per token: forwards, and back to the input alone
//     a step of AdamW                          7 numbers read or written for each that is trained
//
// It is an estimate: the cost of short rows and of waiting for memory is included only as far as the teacher's pass
// has it too. Chapter 15 prints it beside what was measured.
//
// Read before: `Recipe+Published.swift`. Source of the factors: counting the products of each pass.

import Corpora
import Foundation
import Models
import Tensors

/// The sizes on which time and memory depend.
public struct DistillationCost: Sendable {
  /// The numbers of a layer of the teacher, on average, and of a new mixer.
  let layer, mixer: Double
  /// The numbers of the whole teacher, and of its head or of the part of the head that stage 3 uses.
  let teacher, head: Double
  /// The layers of the teacher.
  public let L: Int
  let replaced, V, T, B: Int
  let width: Double
  /// The numbers that a token leaves on the tape, in a mixer and in the rest of a layer.
  let mixerTape, layerTape: Double
  let sideBySide: Int
  /// The seconds of a teacher's pass over a batch; 0 before `calibrate`.
  public private(set) var passSeconds = 0.0

  /// The costs of an arm of an experiment.
  ///
  /// - Parameter subset: the tokens that stage 3 predicts
  public init(_ arm: Arm, of experiment: Experiment, subset: Int) {
    let (recipe, sizes) = (experiment.recipe, experiment.teacherConfiguration)
    let model = experiment.givenTeacher?.model
    let mamba = recipe.studentMixer
    teacher = Double(model?.parameterCount ?? 0)
    (L, V, T, B) = (sizes.L, sizes.V, recipe.T, recipe.B)
    let numbers = model?.blocks.flatMap(\.parameters).reduce(0) { $0 + $1.value.count } ?? 0
    layer = Double(numbers) / Double(sizes.L)
    mixer = Double((mamba.projected + mamba.D) * mamba.D + 5 * mamba.channels)
    (head, width) = (Double(subset * sizes.D), Double(sizes.D))
    replaced = arm.replacedLayers(of: sizes.L).count
    // The projections, what the convolution, gate and recurrence make of them; the states between chunks; and B, C by head.
    mixerTape = Double(3 * mamba.projected + 6 * mamba.D + mamba.D * mamba.N / mamba.Q + 2 * mamba.H * mamba.Q)
    layerTape = Double(6 * sizes.D + 5 * sizes.block.feedForward)
    sideBySide = recipe.layersSideBySide ?? sizes.L
  }

  /// Measures the teacher's pass on this machine: the median of three, after one that does not count.
  public mutating func calibrate(_ teacher: FrozenModel, on batch: Batch) {
    var seconds: [Double] = []
    for _ in 0..<4 {
      let start = ContinuousClock.now
      let _: Tensor = teacher.model.lastState(batch.inputs)
      seconds.append(start.duration(to: .now) / .seconds(1))
    }
    passSeconds = seconds.dropFirst().sorted()[1]
  }

  private var tokens: Double { Double(B * T) }
  private var operationsOfPass: Double { 2 * layer * Double(L) * tokens }
  /// Bytes per second of AdamW's passes over memory, on the machines on which this was written.
  private static let memorySpeed = 1.2e10

  /// The seconds of one step of a stage; `calibrate` comes first.
  public func seconds(of kind: StageKind) -> Double {
    let trained = mixer * Double(replaced)
    let update = trained * 7 * Double(MemoryLayout<Scalar>.size) / Self.memorySpeed
    let own = 6 * trained * tokens
    let rest = kind.isEndToEnd ? 4 * (layer * Double(L) + head) * tokens + 2 * head * tokens : 0
    return passSeconds * (1 + (own + rest) / operationsOfPass) + update
  }

  /// The seconds of an arm's stages, in their order.
  public func seconds(of arm: Arm) -> [Double] { arm.stages.map { Double($0.steps) * seconds(of: $0.kind) } }

  /// The seconds that it takes to compare a model with its teacher on some batches.
  public func secondsOfEvaluation(_ batches: Int) -> Double {
    // Two heads, and a few passes over the logits of all tokens.
    let operations = 4 * Double(V) * width * tokens
    return Double(batches) * (passSeconds * (2 + operations / operationsOfPass) + 8 * Double(V) * tokens / 1e9)
  }

  /// The bytes that the stages of an arm need at the same time, weights included.
  ///
  /// - Parameter others: how many other students are held beside the one in training
  public func memory(of arm: Arm, besides others: Int = 0) -> Int {
    let trained = mixer * Double(replaced)
    let cores = Double(WorkerPool.shared.threads)
    func peak(_ stage: StagePlan) -> Double {
      if stage.kind.isEndToEnd {
        return 4 * trained + tokens * (Double(L) * (mixerTape + layerTape) + 5 * head / width)
      }
      let held = Double(min(sideBySide, L)) * tokens * layerTape / 2
      return 3 * trained + cores * (mixer + tokens * mixerTape) + held
    }
    let logits = 6 * tokens * Double(V)
    // A student read from a file has all its weights, until it shares those of the teacher again.
    let read = teacher + trained
    let numbers =
      teacher + Double(others) * trained + max(arm.stages.map(peak).max() ?? 0, trained + logits, read)
      + logits
    // Blocks of memory are up to a fifth larger than asked for; the constant is for texts and tokenizers.
    return Int(1.2 * numbers) * MemoryLayout<Scalar>.size + 300_000_000
  }

  /// The bytes that the files of an arm need: a whole model after each stage, and the state of a run.
  public func disk(of arm: Arm) -> Int {
    let whole = teacher + mixer * Double(replaced)
    return Int(Double(arm.stages.count) * whole + 3 * mixer * Double(replaced)) * MemoryLayout<Scalar>.size
  }
}
