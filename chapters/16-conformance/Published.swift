// # Corridors for a published model
//
// A user distils a model of his own, and then the standard recipe says nothing: his losses have other sizes. With
// `--model` the chapter makes corridors for that model, by the recipe of chapter 15: each stage alone, a window of text
// a step, each layer's loss on the scale of its target.
//
// Read before: `Experiments/Recipe+Published.swift`, chapter 15.

import ArgumentParser
import Book
import ConformanceKit
import Experiments
import Foundation
import Models
import Notebook

/// The options of the chapter.
struct Options: ParsableArguments {
  @OptionGroup var study: StudyOptions
  @Option(
    parsing: .unconditional,
    help: "A published model, a folder or a .gguf file, for which corridors are made as well: an hour and more.",
    transform: path)
  var model: String?
}

/// The corridors of a published model, over a few seeds.
func publishedCorridors(_ file: URL, seeds count: Int, steps: Int) throws -> [Corridor] {
  let quick = chapter.isQuick
  let recipe = Recipe.published(N: quick ? 8 : 64, T: quick ? 32 : 128, windows: quick ? 8 : 32)
  let experiment = try Experiment(
    ExperimentSettings(isQuick: quick, corpus: chapter.corpus, model: file, recipe: recipe))
  let study = try Study(in: chapter.modelStore(experiment), seeds: count, keepingCurves: true)
  let name = (file.pathExtension == "gguf" ? file.deletingPathExtension() : file).lastPathComponent
  let arms = FaultyStage.Kind.allCases.map { kind in
    PublishedPlan(steps: FaultyStage.Kind.allCases.map { $0 == kind ? steps : 0 })
      .arm(among: experiment.tokensOfTexts)
  }
  return try zip(FaultyStage.Kind.allCases, study.results("right runs of \(name)", of: arms)).map { kind, results in
    Corridor(
      model: name, stage: kind.number,
      words:
        "stage \(kind.number) alone, \(steps) steps of \(recipe.T) tokens, V and O copied, the recipe of chapter 15",
      curves: results.map { $0.curves![0] })
  }
}
