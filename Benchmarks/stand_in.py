#!/usr/bin/env python3
"""Stands in for PyTorch in a trial of compare.py and kernels_compare.py, where there is none.

    python3 Benchmarks/compare.py --swift .build-float/release/bench-steps --python Benchmarks/stand_in.py --check

Called in place of a python with PyTorch, it gets the script that would be run, and answers the lines of that script by
asking a second copy of our own program. So everything is compared that `make bench` compares, but the library with
itself. With STAND_IN=wrong each result is off by a thousandth, which a check has to find.
"""

import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
sys.dont_write_bytecode = True

from programs import Program

BINARIES = {"steps.py": "bench-steps", "real.py": "bench-real", "kernels.py": "bench-kernels"}
EXPORTED = ("teacher/model.safetensors", "student/model.safetensors", "tokens.safetensors", "exercise.json")


def answer(ours, script, line):
    words = line.split()
    if words[0] == "about":
        return ours.ask(line).replace("mohawk", "stand-in for PyTorch, mohawk")
    if words[0] in ("tune", "ways"):
        return "ours"
    if words[0] == "compile":
        return "done"
    if words[0] in ("losses", "value"):
        numbers = ours.numbers(" ".join(words[:3]))
        if os.environ.get("STAND_IN") == "wrong":
            numbers = [1.001 * number for number in numbers]
        # The script for kernels gives the results of two ways.
        return " ".join(map(repr, 2 * numbers if script == "kernels.py" else numbers))
    # A mode is PyTorch's.
    return ours.ask(" ".join(words[: 3 if script == "kernels.py" else 2]))


def main():
    script = pathlib.Path(sys.argv[1]).name
    binary = str(pathlib.Path(os.environ["STAND_IN_BINARIES"]) / BINARIES[script])
    if script != "kernels.py":
        missing = [name for name in EXPORTED if not (pathlib.Path(sys.argv[2]) / name).is_file()]
        if missing:
            sys.exit(f"stand_in.py: {BINARIES[script]} exported no {', '.join(missing)}")
    ours = Program(binary, *(["--exercise", sys.argv[2]] if script == "real.py" else []))
    for line in sys.stdin:
        print(answer(ours, script, line.strip()), flush=True)
    ours.end()


main()
