#!/usr/bin/env python3
"""Stands in for the peers in a trial of the comparing programs, where they are not installed.

    python3 Benchmarks/compare.py --swift .build-float/release/bench-steps --python Benchmarks/stand_in.py --check

Called in place of a python with PyTorch, it gets the script that would be run, and answers the lines of that script by
asking a second copy of our own program. So everything is compared that `make bench` compares, but the library with
itself. STAND_IN=wrong makes each result of a peer wrong by a thousandth, or a token by one, which a check has to find;
STAND_IN="wrong JAX" only those of one peer, and STAND_IN="missing JAX" says that it is not installed.
"""

import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from programs import Program

# By script: the program of ours that answers instead, the peer's name, and the modes in which it would be timed.
STEPS = {"eager": "ours", "tuned": "ours", "compiled": "ours compiled"}
SCRIPTS = {
    "steps.py": ("bench-steps", "PyTorch", STEPS), "steps_jax.py": ("bench-steps", "JAX", {"jit": "ours"}),
    "real.py": ("bench-real", "PyTorch", STEPS), "real_jax.py": ("bench-real", "JAX", {"jit": "ours"}),
    "kernels.py": ("bench-kernels", "PyTorch", None), "kernels_jax.py": ("bench-kernels", "JAX", None),
    "decoding_transformers.py": ("bench-decoding", "transformers", {"plain": ["ours"] * 2, "fastest": ["mine"] * 2}),
}
EXPORTED = {
    "bench-steps": ("teacher/model.safetensors", "student/model.safetensors", "tokens.safetensors", "exercise.json"),
    "bench-decoding": ("model.safetensors", "config.json"),
}
EXPORTED["bench-real"] = EXPORTED["bench-steps"]
script = pathlib.Path(sys.argv[1]).name
binary, name, modes = SCRIPTS[script]


def asked_for(fault):
    """Whether STAND_IN asks for a fault of all peers, or of this one."""
    return os.environ.get("STAND_IN") in (fault, f"{fault} {name}")


def answer(ours, line):
    words = line.split()
    match words[0]:
        case "about":
            about = json.loads(ours.ask(line))
            return json.dumps({**about, "name": name, "program": f"stand-in for {name}, {about['program']}"})
        case "prepare":
            return json.dumps(modes if binary == "bench-decoding" else {"modes": modes, "failures": {}})
        case "ways":
            return "ours"
        case "losses" | "value":
            numbers = ours.numbers(" ".join(words[:3]))
            if asked_for("wrong"):
                numbers = [1.001 * number for number in numbers]
            # A script for kernels gives the results of two ways.
            return " ".join(map(repr, 2 * numbers if binary == "bench-kernels" else numbers))
        case "greedy":
            tokens = ours.ask(" ".join(words[:2])).split()
            return " ".join(str(int(token) + 1) for token in tokens) if asked_for("wrong") else " ".join(tokens)
    # What follows is the peer's mode or way.
    return ours.ask(" ".join(words[: 3 if binary == "bench-kernels" else 2]))


def main():
    if asked_for("missing"):
        sys.stdin.readline()
        print(json.dumps({"missing": f"{script}: the stand-in for {name} is missing, as was asked for"}), flush=True)
        return
    folder = sys.argv[2]
    missing = [file for file in EXPORTED.get(binary, ()) if not (pathlib.Path(folder) / file).is_file()]
    if missing:
        sys.exit(f"stand_in.py: {binary} exported no {', '.join(missing)}")
    options = {"bench-real": ["--exercise", folder], "bench-decoding": ["--model", folder]}
    ours = Program(str(pathlib.Path(os.environ["STAND_IN_BINARIES"]) / binary), *options.get(binary, []))
    for line in sys.stdin:
        print(answer(ours, line.strip()), flush=True)
    ours.end()


main()
