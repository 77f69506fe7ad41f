// # A teacher for a few seconds
//
// `--quick` shows that everything runs, without a download. It makes a Llama of four small layers, trains it on
// characters for a few hundred steps, and writes it as a published model is written, so that the chapter reads
// it with the same code.

import Book
import Corpora
import Distillation
import Experiments
import Foundation
import Layers
import Models
import Notebook
import Tensors
import Training

/// The folder of the tiny model; makes it if it is not there.
@MainActor
func tinyLlama(in chapter: Chapter<RealModelOptions>) throws -> URL {
  let text = try Corpus.text(contentsOf: chapter.corpus ?? standardCorpus())
  let folder = chapter.directory.appending(path: "tiny-llama-seed\(chapter.seed)-\(fingerprint(of: text))")
  if FileManager.default.fileExists(atPath: folder.appending(path: "model.safetensors").path) { return folder }
  let tokenizer = CharacterTokenizer(trainedOn: text)
  let corpus = try Corpus(text: text, tokenizer: tokenizer).validated(forWindow: 48)
  let attention = CausalAttentionSizes(D: 32, H: 4, G: 2, rotaryBase: 10_000, convention: .llama)
  let sizes = ModelConfiguration(
    V: tokenizer.vocabularySize, D: 32, T: 256, block: SequentialBlockSizes(feedForward: 64),
    mixers: Array(repeating: attention, count: 4), hasTiedHead: true, layout: .llama)
  var random = SeededGenerator(seed: chapter.seed)
  let model = LanguageModel(sizes, using: &random)
  let settings = TrainingSettings(steps: 300, learningRate: 6e-3, tokensPerUpdate: 4 * 48, seed: chapter.seed)
  let bar = ProgressBar("a tiny Llama", total: 300)
  _ = try train(
    TokenPrediction(of: model), as: "a tiny Llama", settings, on: { corpus.randomBatch(B: 4, T: 48, using: &$0) }
  ) { run in
    run.onStep = { bar.update($0.step + 1) }
  }
  bar.finish()
  // The weights, by which the folder is recognised, are written last.
  for (name, data) in AnyTokenizer.characters(tokenizer).files {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try data.write(to: folder.appending(path: name), options: .atomic)
  }
  try model.write(to: folder)
  return folder
}
