// # The models of the chapters
//
// Each model is in the folder of the chapter that explains it:
//
//     05-teacher                    the teacher
//     08-matrix-orientation         the student after stage 1
//     09-hidden-state-alignment     the student after stage 2, with and without stage 1 before it
//     10-knowledge-distillation     the student of each way
//     13-hybrid                     the teacher of the language in which recall is measured
//     14-generation                 a hybrid, after each stage
//
// A student is made stage by stage, and each stage begins with the model that the one before it has left. So the
// student after stage 1 is made once, for chapter 08 and for all chapters that follow.
//
// Read before: `ModelStore.swift`, `Way.swift`.

import Checkpoints
import Distillation
import Models
import Tensors
import Training

extension ModelStore {
  /// The teacher: a small Transformer trained on the text, or on documents of the language; or the model that is
  /// given, with an empty history.
  public func teacher() throws -> TrainedModel {
    if let given = experiment.givenTeacher {
      return TrainedModel(model: given.model, history: .none)
    }
    let recipe = experiment.recipe
    let place = Place(chapter: experiment.teachersPlace.chapter, name: experiment.teachersPlace.name)
    return try made(place, experiment.teacherConfiguration) {
      let model = experiment.newTeacher()
      let history = try experiment.trainTogether(
        TokenPrediction(of: model), as: "teacher",
        experiment.settings("teacher", steps: recipe.teacherSteps, rate: recipe.teacherRate), checkpoint: $0,
        madeFrom: $1, sharedAmong: ranks
      ) { run in
        let onStep = follow(run.name, from: run.records.count, run.settings)
        run.onStep = { onStep($0.step + 1, $0.loss) }
      }
      return TrainedModel(model: model, history: history)
    }
  }

  /// The student of a way with the recipe's steps and rates.
  ///
  /// - Parameters:
  ///   - count: after how many of its stages; nil for all
  ///   - rate: the learning rate of the last stage; nil for the one that was chosen beforehand
  public func student(_ way: Way, after count: Int? = nil, lastRate rate: Double? = nil) throws -> TrainedModel {
    let arm = experiment.recipe.arm(way, lastRate: rate)
    let stages = arm.stages.prefix(count ?? arm.stages.count)
    let places = stages.enumerated().map { index, stage in
      switch stage.kind {
      case .orientation: Place(chapter: "08-matrix-orientation", name: "student")
      case .alignment: Place(chapter: "09-hidden-state-alignment", name: index == 0 ? "student-2" : "student-1-2")
      default: Place(chapter: "10-knowledge-distillation", name: "\(way.slug)-rate-\(stage.rate)")
      }
    }
    return try student(of: arm, keptIn: places, named: way.rawValue)
  }

  /// A student that keeps the teacher's attention in one layer, through all three stages; stops the program if there is
  /// no such layer.
  ///
  /// - Parameter layer: 0 ..< L
  public func hybrid(keepingAttentionIn layer: Int) throws -> TrainedModel {
    let L = experiment.recipe.L
    precondition((0..<L).contains(layer), "there is no layer \(layer) among \(L)")
    let places = ["-after-1", "-after-1-2", ""].map { Place(chapter: "14-generation", name: "hybrid-\(layer)\($0)") }
    return try student(
      of: experiment.recipe.arm(.all, .hybrid(attention: [layer])), keptIn: places, named: "hybrid")
  }

  /// The student of any arm, in a folder of a chapter that is bound to the arm; what it takes over unchanged from its
  /// teacher is shared in memory.
  ///
  /// - Parameters:
  ///   - chapter: the folder of the chapter that explains it
  ///   - name: its folder's name; before the last stage, "-after-" and the number of stages is appended
  ///   - count: after how many of its stages; nil for all
  ///   - start: changes the new student before its first stage; nil to change nothing
  public func student(
    of arm: Arm, in chapter: String, as name: String, after count: Int? = nil, from start: StudentStart? = nil
  ) throws -> TrainedModel {
    let places = try places(of: arm, in: chapter, as: name, from: start)
    return try student(of: arm, keptIn: Array(places.prefix(count ?? places.count)), named: name, from: start)
  }

  /// Throws unless the folders of a student are free, or hold work that was begun for it, so that a chapter can say
  /// so before a long run.
  public func requireFolders(of arm: Arm, in chapter: String, as name: String) throws {
    for place in try places(of: arm, in: chapter, as: name, from: nil) { try requireOwn(place) }
  }

  private func places(
    of arm: Arm, in chapter: String, as name: String, from start: StudentStart?
  ) throws -> [Place] {
    try (1...arm.stages.count).map { index in
      let begun = arm.with { $0.stages.removeLast(arm.stages.count - index) }
      return Place(
        chapter: chapter, name: name + (index == arm.stages.count ? "" : "-after-\(index)"),
        arm: String(decoding: try sortedJSON(begun), as: UTF8.self) + (start.map { ", from \($0.name)" } ?? ""))
    }
  }

  /// The student of an arm after some of its stages: continued from the last of them that is kept, or from a new
  /// student.
  ///
  /// - Parameter places: one for each of the stages, from the first on
  private func student(
    of arm: Arm, keptIn places: [Place], named name: String, from start: StudentStart? = nil
  ) throws -> TrainedModel {
    let configuration = arm.configuration(of: experiment.teacherConfiguration, mixer: experiment.recipe.studentMixer)
    var (begun, student): (Int, TrainedModel?) = (0, nil)
    for (index, place) in places.enumerated().reversed() where student == nil {
      student = try kept(place, configuration)
      if student != nil { begun = index + 1 }
    }
    let teacher = try teacher().frozen
    if let student, experiment.givenTeacher != nil, arm.keepsTransferredWeights(after: begun) {
      experiment.transferWeights(from: teacher, to: student.model, of: arm)
      // The weights read from the file, now replaced, are as large as the teacher.
      MemoryStatistics.releaseFreeBlocks()
    }
    if let student, begun == places.count { return student }
    let model = student?.model ?? experiment.newStudent(for: arm, of: teacher)
    if student == nil { try start?.prepare(model) }
    for index in begun..<places.count {
      student = try made(places[index], configuration) { checkpoint, origin in
        let history = try experiment.train(
          model, through: index, of: arm, from: teacher, as: "\(name), \(arm.stages[index].kind.name)",
          checkpoint: checkpoint, madeFrom: origin, sharedAmong: ranks, onBegin: follow)
        return TrainedModel(model: model, history: history)
      }
    }
    return student!
  }
}

/// What a student begins with instead of its random mixers.
public struct StudentStart {
  /// The name that distinguishes it: a student with another start is not mistaken for this one.
  public var name: String
  /// Sets the new student's weights.
  public var prepare: (LanguageModel) throws -> Void

  /// A start of this name.
  public init(_ name: String, prepare: @escaping (LanguageModel) throws -> Void) {
    (self.name, self.prepare) = (name, prepare)
  }

  /// Mixers of other students, which the new one shares until training changes them.
  ///
  /// - Parameter sources: layers, and the student to take their mixers from
  public static func mixers(_ name: String, of sources: [(layers: [Int], student: LanguageModel)]) -> StudentStart {
    StudentStart(name) { model in
      for (layers, source) in sources {
        for layer in layers {
          for (mine, theirs) in zip(model.blocks[layer].mixer.parameters, source.blocks[layer].mixer.parameters) {
            mine.value = theirs.value
          }
        }
      }
    }
  }
}
