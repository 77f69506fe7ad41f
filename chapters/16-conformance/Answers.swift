// # Answers to the exercises

import Book
import ConformanceKit
import Experiments
import Notebook
import Tensors

// ## 1. What a case cannot show
//
// A mistake is invisible in a case if it changes none of its tensors. The table has the mistakes that at
// least one of the models cannot show. Most are plain: Llama has no biases and no layer norm, a case of one
// layer cannot tell a sum over layers from a mean, and where each head has its own B and C there is
// nothing to be tiled. One is a matter of sizes alone. In `shared` two features of a head are rotated; they
// are one pair, so halves and neighbours are the same. That is why a kit needs several cases, and why a
// comparison with a single tiny model proves little.

func answer1() throws {
  let models = KitCase.all.filter { $0.block != nil }
  let rows = Fault.allCases.compactMap { fault -> [String]? in
    let shows = models.map { Doctor.firstTensor(of: $0, showing: fault) != nil }
    return shows.allSatisfy(\.self) ? nil : [fault.words.title] + shows.map { $0 ? "yes" : "–" }
  }
  table(["shown by"] + models.map(\.name), rows: rows)
  show("mistakes that all four models show", Fault.allCases.count - rows.count)
}

// ## 2. Two mistakes at once
//
// The doctor keeps the first mistake that explains the first wrong tensors, makes it, and looks for another
// on top of it. So two mistakes at different places are both named. The order is that of the computation:
// the convolution stands before the gate. Two that change the same tensor at once are harder. Without its
// bias and reversed, the convolution gives x, B and C that neither mistake gives alone. Where no single
// mistake explains a tensor, the doctor tries two together, as long as there are not too many pairs. Of
// three in one place it finds none, and says where the difference begins.

func answer2() throws {
  for faults in [[Fault.convolutionBiasDropped, .gateIsSigmoid], [.convolutionBiasDropped, .convolutionReversed]] {
    let computation = Computation(.phi, faults: Set(faults))
    let names = ["x", "b", "c", "gate", "matrix", "mixer_output"].map { "student.0.\($0)" }
    let answers = Dictionary(uniqueKeysWithValues: names.map { ("phi/\($0)", computation.tensor($0)!) })
    let found = checked(answers, as: "two-mistakes")
    chapter.say(faults.map(\.words.title).joined(separator: ", and ") + ":")
    for line in found.diagnoses.flatMap(\.sentences) { chapter.say(line) }
  }
}

// ## 3. How small a mistake does the kit see?
//
// One weight of the student, in the rows of B, is changed by a part ε of itself. The loss of stage 1 moves
// by some multiple of ε that is far below 1: one entry of many. So there is a smallest mistake that the loss
// shows and a smaller one that the projection itself shows. What is to be compared decides what is seen: a
// single loss is one number, a tensor on the way is many, and the mistake is large in a few of them.
//
// The differences grow in proportion to ε. So the smallest ε that a tensor shows is its tolerance divided by the
// difference for each unit of ε.

func answer3() throws {
  let right = Computation(.phi)
  let name = "student.backbone.layers.0.mixer.in_proj.weight"
  let (s, weight) = (KitCase.phi.sizes, right.inputs[name]!)
  let place = (s.D + 1) * s.D + 2
  let names = ["student.0.projected_b", "student.0.matrix", "loss.stage1.0.norms", "loss.stage1"]
  let parts = [1e-1, 1e-2, 1e-3]
  let differences = parts.map { part in
    var elements = weight.elements
    elements[place] *= Scalar(1 + part)
    var inputs = right.inputs
    inputs[name] = Tensor(elements, shape: weight.shape)
    let changed = Computation(.phi, inputs: inputs)
    return names.map { Difference(of: changed.tensor($0)!, from: right.tensor($0)!).size }
  }
  func row(_ title: String, _ values: [Double]) -> [String] { [title] + values.map { number($0, digits: 2) } }
  func smallest(_ tolerance: (String) -> Double) -> [Double] {
    zip(names, differences[0]).map { tolerance($0) / ($1 / parts[0]) }
  }
  table(
    ["ε"] + names,
    rows: zip(parts, differences).map { row(number($0, digits: 1), $1) }
      + [
        row("seen in 32 bits from", smallest { manifest.cases[KitCase.phi.name]!.tensors[$0]!.float32 }),
        row("seen in 64 bits from", smallest { _ in manifest.float64 }),
      ])
}
