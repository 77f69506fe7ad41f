// # Norms of numbers that are too large
//
// The square of a number may be infinite where the number is not. A row of zeros would hide it.

import Tensors
import Testing

@Suite struct NormOverflowTests {
  @Test func squaresThatAreTooLargeAreSeen() {
    let large = Tensor(repeating: Scalar.greatestFiniteMagnitude / 4, shape: [1, 8])
    let row = Tensor((0..<8).map { Scalar($0.isMultiple(of: 2) ? 1 : -1) }, shape: [1, 8]) * large
    let (ones, zeros) = (Tensor(repeating: 1, shape: [8]), Tensor.zeros([8]))
    #expect(rmsNorm(row, weight: ones, epsilon: 1e-5).output.elements.allSatisfy { $0.isNaN })
    #expect(layerNorm(row, weight: ones, bias: zeros, epsilon: 1e-5).output.elements.allSatisfy { $0.isNaN })
    // Zeros and small rows are what they were.
    #expect(rmsNorm(Tensor.zeros([1, 8]), weight: ones, epsilon: 1e-5).output.elements.allSatisfy { $0 == 0 })
  }

  @Test func messagesAreOneLine() {
    #expect(oneLine("a\nb\u{1B}[31m\u{202E}") == #"a\nb\u{1B}[31m\u{202E}"#)
    #expect(oneLine("Ünïcödé 👩‍👩‍👧 “x”") == "Ünïcödé 👩‍👩‍👧 “x”")
  }
}
