// # generate: text from a model in a folder
//
//     swift run -c release generate --model out/05-teacher/teacher-seed0 --prompt "And God said" --tokens 200
//
// Any folder with config.json, weights and tokenizer.json will do, and any .gguf file, of a kind that is
// computed here: teacher, student or hybrid, of this book or published. A single text appears while it is written; of several, each is printed when it is complete.
// `--save FILE` keeps what the model remembers, and `--resume FILE` continues in another process with
// the tokens that this one would have written.
//
// Text goes to standard output, so that it can be redirected, several texts under their numbers;
// speed and errors go to standard error.
//
// Read before: `Models/Writing/Generation.swift`. Read next: `Command.swift`, `Writing.swift`.

import Notebook

let command = Command.ofCommandLine()
exitOnError { try write(command) }
