// # evaluate: the loss of a model on a text
//
//     swift run -c release evaluate --model out/10-knowledge-distillation/… --against out/05-teacher/teacher-seed0
//     swift run -c release evaluate --model data/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf --corpus data/kjv.txt
//
// The command takes any model that `generate` takes. It holds out the end of the text and reads windows of it, always
// the same. It prints what a token costs in nats, and with `--against` how far the model is from a teacher, which
// must have the same tokenizer.
//
// Read before: `Distillation/Evaluation.swift`, `Experiments/SavedModel.swift`. Read next: `Command.swift`.

import Notebook

let command = Command.ofCommandLine()
exitOnError { try measure(command) }
