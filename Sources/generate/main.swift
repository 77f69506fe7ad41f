// # generate: text from a model in a folder
//
//     swift run -c release generate --model out/05-teacher/teacher-seed0 --prompt "And God said" --tokens 200
//
// Any folder with config.json, model.safetensors and tokenizer.json will do, teacher, student or
// hybrid. One text appears as it is written; of several each is printed when it is complete. What
// the model remembers can be kept with `--save FILE`, and another process goes on with `--resume
// FILE`, with the same tokens that this one would have written.
//
// The text goes to standard output, so that it can be redirected, several texts under their numbers;
// speed and complaints go to standard error.
//
// Read before: `Models/Generation.swift`. Read next: `Command.swift`, `Writing.swift`.

import Notebook

let command = Command.parseOrExit()
exitOnError { try write(command) }
