"""What the programs in other frameworks have in common: they answer lines about optimiser steps, and look for the fastest
way to make them.

A step consists of parts, most of which can be written in several ways that compute the same. A way is a word. A peer is
timed in one mode or more; a mode is a way for each part:

    first     what one writes first
    tuned     for each part the way that is fastest here

The lines are those that Benchmarks/steps/main.swift describes, all but `export`, and more:

    prepare KIND              looks for the fastest ways, makes a step in each mode: the ways of each mode, as JSON
    ways KIND                 names all ways but those to begin with
    losses KIND COUNT [WAY]   as in bench-steps, computed in one of these ways, or in some
    KIND COUNT MODE           makes COUNT steps in a mode
"""

import argparse
import gc
import json
import math
import pathlib
import statistics
import struct
import sys
import time


def missing(script, package, advice):
    """Ends a program whose package is not installed; whoever asks what it is hears that and can go on without it."""
    sentence = f"{script}: {sys.executable} has no {package}. {advice}"
    if sys.stdin.isatty():
        sys.exit(sentence)
    for line in sys.stdin:
        print(json.dumps({"missing": sentence} if line.strip() == "about" else {}), flush=True)
    sys.exit(2)


def stored_tensors(path):
    """Name, type, shape and bytes of the tensors of a safetensors file, one by one: the file is never in memory as well."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            start, end = entry["data_offsets"]
            numbers = bytearray(end - start)
            file.seek(8 + length + start)
            file.readinto(numbers)
            yield name, entry["dtype"], entry["shape"], numbers


def quickest(rivals, measure):
    """The name of the fastest of some rivals, by the milliseconds that measure(rival) gives; they take turns."""
    times = {way: [] for way in rivals}
    for rival in rivals.values():
        measure(rival)
    start = time.monotonic()
    for number in range(8):
        # On a busy machine a step may take a hundred times as long.
        if number >= 2 and time.monotonic() - start > 10:
            break
        for way, rival in rivals.items():
            times[way] += measure(rival)
    # The lower quartile is troubled least by whatever else the machine does.
    return min(times, key=lambda way: statistics.quantiles(times[way])[0])


class Stepper:
    """A kind of step, from its first on. A framework's own class says what a step is:

    name          of the framework
    use(threads)  called before anything is computed; threads() says how many there are
    kinds         the kinds of step that there are
    all_ways      the ways of each part; the first is the one to begin with, unless `first` names another
    ways_of       the parts of a kind of step that are looked at, one after another
    modes         the ways that a mode has beside the fastest ones; None for a mode with those to begin with
    """

    first = {}

    def __init__(self, kind, folder, ways):
        folder = pathlib.Path(folder)
        self.kind, self.ways, self.steps, self.record = kind, ways, 0, []
        self.description = json.loads((folder / "exercise.json").read_text())
        self.recipe = self.description["recipe"]
        self.prepare(folder)

    @classmethod
    def exists(cls, way):
        """Whether the installed version knows a way."""
        return True

    def prepare(self, folder):
        """Reads tokens and models, and makes what a step needs."""
        raise NotImplementedError

    def batch(self, number):
        """What the step of this number reads, and what it predicts."""
        raise NotImplementedError

    def step(self, inputs, targets):
        """A whole step, finished when this returns: its loss, and the norm of its gradients before clipping."""
        raise NotImplementedError

    def models(self):
        """All tensors of both models, by name of the model."""
        raise NotImplementedError

    def trained(self):
        """The tensors that a step changes."""
        raise NotImplementedError

    def program(self):
        """Name and version of the framework, and the kind of numbers that it computes with."""
        raise NotImplementedError

    def time(self, count):
        """Makes some steps and gives the milliseconds of each; drawing the batch is not timed."""
        result = []
        for _ in range(count):
            inputs, targets = self.batch(self.steps)
            start = time.perf_counter()
            self.record.extend(self.step(inputs, targets))
            result.append(1000 * (time.perf_counter() - start))
            self.steps += 1
        return result


def numbers_in(tensors):
    return sum(math.prod(tensor.shape) for tensor in tensors)


class Bench:
    """Answers lines about the steps that a class of steppers makes."""

    def __init__(self, folder, make, compiles=True):
        self.folder, self.make = folder, make
        self.modes = {mode: extra for mode, extra in make.modes.items() if compiles or not extra}
        self.compiles = compiles
        self.first = {
            part: make.first[part] if part in make.first and make.exists(make.first[part]) else ways[0]
            for part, ways in make.all_ways.items()
        }
        self.tuned = {kind: dict(self.first) for kind in make.kinds}
        self.steppers = {}

    def stepper(self, kind, changed):
        # A stepper may refer to itself, so that those that are done with keep their memory until they are looked for.
        gc.collect()
        return self.make(kind, self.folder, {**self.tuned[kind], **changed})

    def ways(self, part):
        """The ways of a part, as far as the installed version knows them."""
        return [way for way in self.make.all_ways[part] if self.make.exists(way)]

    def fastest(self, kind, part):
        """The fastest way of a part, as the others are computed now."""
        rivals = {way: self.stepper(kind, {part: way}) for way in self.ways(part)}
        if len(rivals) == 1:
            return list(rivals)[0]
        for stepper in rivals.values():
            stepper.time(2)
        return quickest(rivals, lambda stepper: stepper.time(3))

    def prepare(self, kind):
        """Makes a stepper for each mode: the ways of each, and why a mode is missing."""
        for part in self.make.ways_of[kind]:
            self.tuned[kind][part] = self.fastest(kind, part)
        modes, failures = {}, {}
        for mode, extra in self.modes.items():
            ways = {**self.tuned[kind], **extra} if extra is not None else self.first
            try:
                stepper = self.stepper(kind, ways)
                stepper.time(1)
            except Exception as error:
                # A compiler may need another compiler, header files and more.
                if not extra:
                    raise
                failures[mode] = f"{type(error).__name__}: {error}".splitlines()[0]
                continue
            self.steppers[kind, mode] = stepper
            named = list(self.make.ways_of[kind]) + list(extra or {})
            modes[mode] = " ".join(ways[part] for part in named)
        return {"modes": modes, "failures": failures}

    def other_ways(self, kind):
        """All ways of a kind of step but those to begin with."""
        result = [way for part in self.make.ways_of[kind] for way in self.ways(part) if way != self.first[part]]
        for extra in self.modes.values():
            for way in (extra or {}).values():
                try:
                    self.stepper(kind, extra).time(1)
                    result.append(way)
                except Exception as error:
                    print(f"{kind}: not {way}: {type(error).__name__}: {error}", file=sys.stderr)
        return result

    def about(self):
        trained = {}
        for kind in self.make.kinds:
            stepper = self.stepper(kind, {})
            trained[kind] = numbers_in(stepper.trained())
        return {
            "name": self.make.name, "program": stepper.program(), "threads": self.make.threads(), "trained": trained,
            **{model: numbers_in(tensors) for model, tensors in stepper.models().items()},
        }

    def losses(self, kind, count, words):
        stepper = self.stepper(
            kind, {part: way for part, ways in self.make.all_ways.items() for way in ways if way in words})
        stepper.time(count)
        return stepper.record

    def answer(self, line):
        match line.split():
            case ["about"]:
                return json.dumps(self.about())
            case ["prepare", kind]:
                return json.dumps(self.prepare(kind))
            case ["ways", kind]:
                return " ".join(self.other_ways(kind))
            case ["losses", kind, count, *words]:
                return " ".join(map(repr, self.losses(kind, int(count), words)))
            case [kind, count, mode]:
                return " ".join(map(str, self.steppers[kind, mode].time(int(count))))
        sys.exit(f"{sys.argv[0]}: '{line.strip()}' is no line that it answers")


def serve(answer):
    """Answers line by line, up to the last line or `quit`."""
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        print(answer(line), flush=True)


def options(description):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--threads", type=int, default=2)
    return parser


def main_of_steps(make):
    parser = options(f"Optimiser steps in {make.name}, to be timed beside ours.")
    parser.add_argument("folder", help="what our program wrote for the line `export FOLDER`")
    parser.add_argument("--no-compile", dest="compiles", action="store_false", help="without modes that are compiled")
    arguments = parser.parse_args()
    make.use(arguments.threads)
    serve(Bench(arguments.folder, make, arguments.compiles).answer)
