"""Times the optimiser steps of builds for several kinds of processor side by side, on a processor that can run all.

    python3 Benchmarks/processors.py "AVX-512=.build-float/release/bench-steps" \\
        "AVX2=.build-v3/release/bench-steps,Haswell" "neither=.build-v1/release/bench-steps,Prescott"

Each build has a name, a binary, and the kind of processor for which OpenBLAS chooses its kernels; without one it chooses
by the processor that it finds. The first is what the others are compared with.

From the same weights all have to come to the same losses, or nothing is timed. Exit status: 0, 2 if a program fails or
computes something else, or that of verdict.py if the machine was not quiet.
"""

import statistics
import sys

from programs import KINDS, Failure, Program, difference, heading, main_of, quartiles, say, table
from verdict import NOT_QUIET, OURS, REACHED, Load, Options, Row, number, take_turns, too_busy


def started(build):
    """The program of a build, which is given as NAME=BINARY or NAME=BINARY,KIND."""
    name, _, rest = build.partition("=")
    binary, _, kind = rest.partition(",")
    program = Program("env", f"OPENBLAS_CORETYPE={kind}", binary) if kind else Program(binary)
    program.title = name
    return program


def check(programs, arguments):
    """Stops unless all come to the same losses and norms of gradients."""
    worst = 0.0
    for kind in KINDS:
        first, *others = [program.numbers(f"losses {kind} {arguments.check_steps}") for program in programs]
        for other in others:
            worst = max([worst] + [difference(*pair) for pair in zip(other, first, strict=True)])
    if worst > arguments.tolerance:
        raise Failure(f"the builds come to losses that differ by {worst:.1e}, where {arguments.tolerance:.0e} is allowed")
    say(f"the losses of all builds agree to {worst:.0e}")


def compare(programs, arguments):
    check(programs, arguments)
    names = {OURS: programs[0]} | {program.title: program for program in programs[1:]}
    rows = [Row(kind, title, list(names)[1:]) for kind, title in KINDS.items()]
    for program in programs:
        for kind in KINDS:
            program.ask(f"{kind} {arguments.warm_up}")
    load = Load()
    with load:
        take_turns(
            arguments.rounds, rows,
            lambda row, contender: names[contender].numbers(f"{row.key} {arguments.steps + 1}")[1:])
    heading("Medians")
    lines = []
    for row in rows:
        for contender, program in names.items():
            low, high = quartiles(row.times[contender])
            ratio = row.median(contender) / row.median(OURS)
            lines.append([
                row.title if contender == OURS else "", program.title, number(row.median(contender)),
                f"{number(low)}–{number(high)}", "" if contender == OURS else f"{ratio:.2f}"])
    table(["step", "build for", "median, ms", "quartiles", "times as long"], lines, left=2)
    print()
    return quiet(rows, load, arguments)


def quiet(rows, load, arguments):
    """Says how quiet the machine was."""
    heading("The machine")
    busy = too_busy(load, arguments)
    spread = statistics.median(row.spread(contender) for row in rows for contender in row.times)
    say(f"the quartiles are {100 * spread:.0f} % of the median apart in the middle (allowed {arguments.spread_limit:g} %)")
    return NOT_QUIET if (busy or 100 * spread > arguments.spread_limit) and not arguments.force_verdict else REACHED


def main():
    parser = Options(__doc__)
    parser.add_argument("builds", nargs="+", metavar="NAME=BINARY[,KIND]", help="the first is compared with the others")
    parser.add_argument("--steps", type=int, default=4, help="counted steps of a turn")
    parser.add_argument("--warm-up", type=int, default=10, help="steps before anything is counted")
    parser.add_argument("--check-steps", type=int, default=5)
    parser.add_argument("--tolerance", type=float, default=1e-4, help="of the losses, relative to max(1, value)")
    arguments = parser.parsed()
    return main_of(
        lambda: (started(build) for build in arguments.builds), lambda *programs: compare(programs, arguments), arguments)


sys.exit(main())
