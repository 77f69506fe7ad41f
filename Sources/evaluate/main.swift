// # evaluate: what a model is worth on a text
//
//     swift run -c release evaluate --model out/10-knowledge-distillation/… --against out/05-teacher/teacher-seed0
//     swift run -c release evaluate --model data/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --corpus data/kjv.txt
//
// Any model that `generate` takes. The text's end is held out, and windows of it, always the same, are
// read: what a token costs in nats, and with `--against` how far the model is from a teacher, who must
// have the same tokenizer.
//
// Read before: `Distillation/Evaluation.swift`, `Experiments/SavedModel.swift`. Read next: `Command.swift`.

import Notebook

let command = Command.ofCommandLine()
exitOnError { try measure(command) }
