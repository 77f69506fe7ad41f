// # generate: text from a model in a folder
//
//     swift run -c release generate --model out/05-teacher/teacher-seed0 --prompt "And God said" --tokens 200
//
// The model can be any folder with config.json, weights and tokenizer.json, or any .gguf file, if its kind is
// supported here: a teacher, a student or a hybrid, of this book or published. A single text appears while it is
// written; of several, each is printed when it is complete. `--save FILE` keeps what the model remembers, and
// `--resume FILE` continues in another process with the tokens that this one would have written.
//
// Text goes to standard output, so that it can be redirected; several texts are printed under their numbers. Speed
// and errors go to standard error.
//
// Read before: `Models/Writing/Generation.swift`. Read next: `Command.swift`, `Writing.swift`.

import Notebook

let command = Command.ofCommandLine()
exitOnError { try write(command) }
