// # 16  Is mine right?

import Book
import ConformanceKit
import Corpora
import Experiments
import Foundation
import Models
import Notebook
import Plots
import Statistics

let chapter = Chapter(
  "16-conformance", question: "Is my implementation right, and if not, what is wrong with it?",
  duration: "20 minutes the first time, seconds from then on; 20 seconds with --quick", options: StudyOptions.self)
let store = chapter.openModelStore()
let recipe = store.recipe
let study = exitOnError {
  try Study(in: store, seeds: 2, keepingCurves: true) { student, arm, heldOut in
    let names = arm.stages.compactMap { $0.kind.name.split(separator: ",").dropFirst().first.map { String($0.dropFirst()) } }
    let made = Set(names.compactMap { Fault(rawValue: $0) })
    return crossEntropy(of: student, making: made, on: Array(heldOut.prefix(6)))
  }
}
let faults: [Fault] = CommandLine.arguments.contains("x") ? [] : [
  .matrixTransposed, .decayEarly, .decayOwnStep, .skipMissing, .decayOnIdleRows, .decayDetached, .studentOnOwnStates, .convolutionReversed, .convolutionActivated, .gateBiasDropped, .bScaledByStep, .stage2Squared, .hardLabels, .temperatureTwo, .stage1Squared, .normBeforeOutput, .skipTwice, .convolutionBiasDropped, .studentsOwnNorm, .divergenceReversed,
]
let arms = [throughAll(recipe, making: nil)] + faults.map { throughAll(recipe, making: $0) }
let results = exitOnError { try study.results("planted", of: arms) }
for (i, r) in results.enumerated() {
  let name = i == 0 ? "right" : faults[i - 1].rawValue
  func all(_ f: (StudyResult) -> Double) -> String { r.map { number(f($0), decimals: 4) }.joined(separator: " ") }
  func last(_ s: Int) -> String { all { Estimate($0.curves![s].suffix(5)).mean } }
  let one = all(\.loss)
  let two = all(\.divergence)
  let own = all { Estimate($0.alsoMeasured!).mean }
  show(name, "\(one) | KL \(two) | own \(own) | s1 \(last(0)) s2 \(last(1)) s3 \(last(2)) t \(number(r[0].seconds, decimals: 0))")
}
chapter.finish()
