// # conformance: is my implementation right?
//
//     swift run -c release conformance check data/conformance answers.safetensors
//     swift run -c release conformance emit my-kit
//     swift run -c release conformance faults
//
// The kit in data/conformance holds the inputs and the right values of a few tiny models. Another program computes
// what it can of them and writes one safetensors file; `check` compares, and says what is probably wrong.
//
// Read before: `ConformanceKit/Kit.swift`. Read next: `Command.swift`.

import Notebook

Command.run()
