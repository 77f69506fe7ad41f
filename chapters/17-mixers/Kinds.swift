// # The students of this chapter
//
// Each kind of mixer with the sizes that make its state as large as Discrete-Mamba-2's, and two that cannot be
// compared in that way: Mamba-2 with as many parameters, and a Toeplitz kernel as long as the text.
//
// All have the same frame around the matrix: a short convolution and an open gate, as far as the kind has a choice.
//
// Read before: the beginning of main.swift, `Sources/Layers/Mixers/MatrixMixer.swift`.

import Experiments
import Gradients
import Layers
import Models
import Tensors

/// A kind of student.
struct Kind {
  /// The name in tables.
  let name: String
  /// The class of its matrices, in words.
  let matrixClass: String
  /// The order of the semiseparable matrices among which its own are; nil where no such bound holds for it.
  let order: Int?
  /// The mixer of each block; nil for new attention, the control.
  let sizes: (any MixerSizes)?

  /// What stands where the teacher has attention.
  var student: Arm.Student {
    guard let sizes else { return .attention }
    return .mixers(Array(repeating: MixerChoice(sizes), count: recipe.L))
  }

  /// The mixer of one block of a student.
  var mixer: any MixerSizes { sizes ?? store.experiment.teacherConfiguration.mixers[0] }
}

/// The kinds with a state of N numbers for each feature, in a model of these sizes.
func kindsOfEqualState(_ recipe: Recipe) -> [Kind] {
  let (D, H, N, Q) = (recipe.D, recipe.H, recipe.N, recipe.Q)
  return [
    Kind(
      name: "Discrete-Mamba-2", matrixClass: "decays ∘ rank N, and a diagonal", order: N,
      sizes: DiscreteMamba2Sizes(D: D, H: H, N: N, Q: Q)),
    Kind(
      name: "delta rule", matrixClass: "the same, over a unit triangle", order: N,
      sizes: GatedDeltaRuleSizes(D: D, H: H, N: N, Q: Q)),
    Kind(
      name: "trapezoid", matrixClass: "decays ∘ rank N, two diagonals", order: N,
      sizes: TrapezoidalMambaSizes(D: D, H: H, N: N, K: 4, Q: Q)),
    Kind(
      name: "Mamba-2", matrixClass: "decays ∘ rank N, shared by the heads", order: N,
      sizes: Mamba2Sizes(D: D, H: H, N: N, Q: Q)),
    Kind(
      name: "fixed decay", matrixClass: "powers of γ ∘ rank N", order: N,
      sizes: FixedDecaySizes(D: D, H: H, N: N, Q: Q, frame: .mamba)),
    Kind(
      name: "low rank", matrixClass: "mask ∘ rank N", order: N,
      sizes: CausalLowRankSizes(D: D, H: H, N: N, Q: Q, frame: .mamba)),
    Kind(
      name: "Toeplitz", matrixClass: "one number a distance, N + 1 of them", order: N,
      sizes: CausalToeplitzSizes(D: D, H: H, K: N + 1, frame: .mamba)),
  ]
}

/// Those that cannot be compared by their state.
func kindsOfOtherState(_ recipe: Recipe) -> [Kind] {
  let (D, H, N, Q, T) = (recipe.D, recipe.H, recipe.N, recipe.Q, recipe.T)
  return [
    // H heads share one B and one C, so that H times the state has as many rows.
    Kind(
      name: "Mamba-2, N = \(H * N)", matrixClass: "decays ∘ rank \(H * N), shared by the heads", order: H * N,
      sizes: Mamba2Sizes(D: D, H: H, N: H * N, Q: Q)),
    Kind(
      name: "Toeplitz, \(T) long", matrixClass: "one number a distance, \(T) of them", order: nil,
      sizes: CausalToeplitzSizes(D: D, H: H, K: T, frame: .mamba)),
    Kind(name: "new attention", matrixClass: "the teacher's own", order: nil, sizes: nil),
  ]
}

extension Kind {
  /// Whether its matrices are Toeplitz matrices.
  var isToeplitz: Bool { sizes is CausalToeplitzSizes }

  /// The numbers of a mixer's parameters.
  var parameterCount: Int { make { $0.parameters.reduce(0) { $0 + $1.value.count } } }

  /// The bytes that a mixer remembers of one text of this length.
  func bytes(after length: Int) -> Int {
    make { mixer in
      func count<M: MatrixMixer>(_ mixer: M) -> Int {
        mixer.memoryShapes(lengths: [length]).values.reduce(0) { $0 + $1.count }
      }
      return count(mixer) * MemoryLayout<Scalar>.size
    }
  }

  private func make(_ answer: (any MatrixMixer) -> Int) -> Int {
    var random = SeededGenerator(seed: 0)
    return answer(mixer.make("mixer", using: &random))
  }
}
