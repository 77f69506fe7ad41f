// # How long a prompt still takes
//
// A prompt of a hundred thousand tokens takes attention minutes or hours, and nothing can be written before it is read.
// So the program says how far it is. A token late in the prompt costs attention more than an early one, because it
// looks at all tokens before it: the time left follows from the work that is left, not from the tokens.
//
//     work of the first n tokens  =  n · (numbers of the model)  +  n² / 2 · (numbers remembered per token)
//
// A mixer whose memory has a fixed size remembers nothing per token, and all its tokens cost the same.
//
// Used by: `Writing.swift`.

import Models
import Notebook

/// The progress of reading prompts, on standard error; nothing is shown for what takes less than a few seconds.
struct ReadingProgress {
  private let bar: ProgressBar
  private let lengths: [Int]
  private let before: Int
  private let perToken, perPair: Double

  /// - Parameters:
  ///   - lengths: the tokens of each prompt
  ///   - before: the tokens that were read earlier
  init(of lengths: [Int], by model: FrozenModel, after before: Int = 0) {
    (self.lengths, self.before) = (lengths, before)
    func remembered(_ length: Int) -> Int {
      model.blocks.reduce(0) { sum, block in
        sum + block.mixer.memoryShapes(lengths: [length]).values.reduce(0) { $0 + $1.count }
      }
    }
    perToken = Double(model.model.parameterCount)
    perPair = Double(remembered(2) - remembered(1))
    bar = ProgressBar("reading the prompt", total: lengths.reduce(0, +), unit: "token")
  }

  /// The work of the first tokens of a text.
  private func work(_ tokens: Int) -> Double {
    let (n, m) = (Double(tokens), Double(before))
    return n * perToken + (n * n / 2 + n * m) * perPair
  }

  /// Shows that so many tokens of all prompts together have been read. Prompts of one length are read side by side,
  /// others one after another.
  func update(_ read: Int) {
    let whole = lengths.reduce(0) { $0 + work($1) }
    var done = 0.0
    if Set(lengths).count == 1 {
      done = Double(lengths.count) * work(read / lengths.count)
    } else {
      var rest = read
      for length in lengths {
        done += work(min(rest, length))
        rest -= min(rest, length)
      }
    }
    bar.update(read, tokens: read, work: done / whole)
  }

  /// Takes the bar away.
  func end() { Screen.shared.erase() }
}
