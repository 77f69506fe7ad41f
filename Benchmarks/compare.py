"""Times the optimiser steps of this library and of PyTorch side by side, or checks that both do the same work.

    python3 Benchmarks/compare.py --swift .build-float/release/bench-steps --python PYTHON_WITH_TORCH
    python3 Benchmarks/compare.py --swift ... --python ... --check
    python3 Benchmarks/compare.py --real --swift .build-float/release/bench-real --python ... [--check] -- --model FILE

With --real the steps are those of a real model, and what stands after -- goes to the program that makes the exercise. It
is exported to a folder once, and both programs read it from there.

Timing: the programs take turns, a few steps each, so that whatever else the machine does troubles all alike. PyTorch has
three turns: eager as one writes it first, eager in the fastest of several ways, and compiled. The first step of a turn
finds the caches full of another program and is not counted. A ratio is PyTorch's median over ours: above 1 ours is
faster. With --memory each kind of step is then made by processes of their own, one for each of PyTorch's turns, for
their peaks of memory, PyTorch's over ours. Exit status: 0 if no ratio is below --limit and no ratio of memory below
--memory-limit, 1 if one is, 2 if a program fails.

Check: from the same weights both go through the same batches; loss and gradient norm of each step have to agree, which
they can only if forward, backward, clipping and AdamW do. Exit status: 0 if they agree, 1 if not, 2 if a program fails.
"""

import argparse
import pathlib
import statistics
import sys
import tempfile

from programs import Failure, Program, main_of, quartiles, table

KINDS = {
    "teacher": "teacher on tokens",
    "stage1": "1 matrix orientation",
    "stage2": "2 hidden-state alignment",
    "stage3": "3 knowledge distillation",
}
REAL = ("stage2", "stage3")


# ---- The two jobs


MODES = {"eager": "eager", "tuned": "eager, tuned", "compiled": "compiled"}


def compare(ours, theirs, arguments, starts):
    modes, fastest = {kind: ["eager", "tuned"] for kind in arguments.kinds}, {}
    for kind in arguments.kinds:
        fastest[kind] = theirs.ask(f"tune {kind}")
        print(f"{kind}: PyTorch is fastest with {fastest[kind]}", flush=True)
        if arguments.compile:
            answer = theirs.ask(f"compile {kind}")
            if answer == "done":
                modes[kind].append("compiled")
            else:
                print(f"{kind}: not compiled: {answer}", flush=True)
        ours.ask(f"{kind} {arguments.warm_up}")
        for mode in modes[kind]:
            theirs.ask(f"{kind} {arguments.warm_up} {mode}")

    def turn(kind, mode):
        line = f"{kind} {arguments.steps + 1}"
        return (ours.numbers(line) if mode == "ours" else theirs.numbers(f"{line} {mode}"))[1:]

    times = {kind: {mode: [] for mode in ["ours"] + modes[kind]} for kind in arguments.kinds}
    for number in range(arguments.rounds):
        for kind in arguments.kinds:
            order = list(times[kind])
            # Who goes first changes from round to round.
            shift = number % len(order)
            for mode in order[shift:] + order[:shift]:
                times[kind][mode].extend(turn(kind, mode))

    rows, slow = [], []
    for kind in arguments.kinds:
        medians = {mode: statistics.median(values) for mode, values in times[kind].items()}
        low, high = quartiles(times[kind]["ours"])
        row = [KINDS[kind], f"{medians['ours']:.1f}", f"{low:.1f}–{high:.1f}"]
        for mode in MODES:
            if mode not in medians:
                row += ["–", "–", "–"]
                continue
            ratio = medians[mode] / medians["ours"]
            low, high = quartiles(times[kind][mode])
            row += [f"{medians[mode]:.1f}", f"{low:.1f}–{high:.1f}", f"{ratio:.2f}"]
            if ratio < arguments.limit:
                slow.append(f"{KINDS[kind]} ({MODES[mode]})")
        rows.append(row)
    print()
    head = ["step, ms", "ours", "quartiles"]
    for mode in MODES.values():
        head += [mode, "quartiles", "ratio"]
    table(head, rows)
    print()
    if slow:
        print(f"less than {arguments.limit} times as fast as PyTorch: {', '.join(slow)}")
    else:
        print(f"every step is at least {arguments.limit} times as fast as PyTorch's")
    is_large = arguments.memory and memory(modes, fastest, arguments, starts)
    return 1 if slow or is_large else 0


def memory(modes, fastest, arguments, starts):
    """Whether a step needs more memory than it may beside PyTorch's; each is made by a new process."""
    rows, large = [], []

    def peak(start, line):
        program = start()
        try:
            program.ask(line)
            result = program.peak()
            if result is None:
                raise Failure("this system does not tell the peak memory of a process; leave out --memory")
            return result
        finally:
            program.end()

    for kind in arguments.kinds:
        line = f"losses {kind} {arguments.memory_steps}"
        ways = {"eager": "", "tuned": f" {fastest[kind].replace(',', '')}"}
        ways["compiled"] = ways["tuned"] + " compiled"
        own = peak(starts[0], line)
        row = [KINDS[kind], f"{own / 1e6:.0f}"]
        for mode in MODES:
            if mode not in modes[kind]:
                row += ["–", "–"]
                continue
            theirs = peak(starts[1], line + ways[mode])
            row += [f"{theirs / 1e6:.0f}", f"{theirs / own:.2f}"]
            if theirs / own < arguments.memory_limit:
                large.append(f"{KINDS[kind]} ({MODES[mode]})")
        rows.append(row)
    print()
    table(["peak memory, MB", "ours"] + [cell for mode in MODES.values() for cell in (mode, "ratio")], rows)
    print()
    if large:
        print(f"PyTorch's peak is less than {arguments.memory_limit} times ours: {', '.join(large)}")
    else:
        print(f"PyTorch's peak of memory is at least {arguments.memory_limit} times ours in every step")
    return bool(large)


def difference(one, other):
    """Relative where the numbers are above 1; infinite if one of them is no number."""
    result = abs(one - other) / max(1, abs(other))
    return result if result == result else float("inf")


def numbers_in(about, kinds):
    models = [f"{model} {about[model]}" for model in ("teacher", "student")]
    return ", ".join(models + [f"step of {kind} {about['trained'][kind]}" for kind in kinds])


def check(ours, theirs, arguments, _):
    rows = []
    limits = {"loss": arguments.tolerance, "gradient norm": arguments.norm_tolerance}
    worst = dict.fromkeys(limits, 0.0)

    def compare(ours, reference):
        for place, pair in enumerate(zip(ours, reference)):
            name = list(limits)[place % 2]
            worst[name] = max(worst[name], difference(*pair))

    for kind in arguments.kinds:
        line = f"losses {kind} {arguments.check_steps}"
        mine, reference = ours.numbers(line), theirs.numbers(line)
        for step in range(arguments.check_steps):
            row = [f"{KINDS[kind]}, step {step}"]
            for place in (2 * step, 2 * step + 1):
                row += [f"{mine[place]:.8g}", f"{reference[place]:.8g}"]
                row.append(f"{difference(mine[place], reference[place]):.0e}")
            rows.append(row)
        compare(mine, reference)
        # Whatever PyTorch chooses to time has to be the same work too.
        ways = theirs.ask(f"ways {kind}").split()
        if arguments.compile and theirs.ask(f"compile {kind}") == "done":
            ways.append("compiled")
        for way in ways:
            compare(mine, theirs.numbers(f"{line} {way}"))
    table(["step", "our loss", "PyTorch's", "difference", "our gradient norm", "PyTorch's", "difference"], rows)
    counts = [numbers_in(program.about(), arguments.kinds) for program in (ours, theirs)]
    agree = all(worst[name] <= limits[name] for name in limits) and counts[0] == counts[1]
    largest = ", ".join(f"{name} {worst[name]:.1e} (allowed {limits[name]:.0e})" for name in limits)
    print(f"\nlargest difference, in all of PyTorch's ways: {largest}")
    print(f"numbers in our models, and those that each step changes: {counts[0]}")
    if counts[0] != counts[1]:
        print(f"in PyTorch's: {counts[1]}")
    print("the same work" if agree else "NOT the same work")
    return 0 if agree else 1


def main():
    root = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", action="store_true", help="stages 2 and 3 at the sizes of a real model")
    parser.add_argument("--swift", help="the built binary")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has torch")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch; ours takes all cores")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=4, help="counted steps of a turn")
    parser.add_argument("--warm-up", type=int, default=10, help="steps before anything is counted")
    parser.add_argument("--limit", type=float, default=1.0, help="the smallest ratio of PyTorch's time to ours")
    parser.add_argument("--memory", action="store_true", help="compare peaks of memory too")
    parser.add_argument("--memory-steps", type=int, default=3, help="the steps after which the peak is read")
    parser.add_argument("--memory-limit", type=float, default=1.0, help="the smallest ratio of PyTorch's peak to ours")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="without torch.compile")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, help="all that there are, unless some are named")
    parser.add_argument("--check", action="store_true", help="compare losses and gradient norms instead of times")
    parser.add_argument("--check-steps", type=int, default=5)
    parser.add_argument("--tolerance", type=float, default=1e-4, help="of --check's losses, relative to max(1, value)")
    parser.add_argument("--norm-tolerance", type=float, help="of the norms of gradients; without it that of losses")
    parser.add_argument("exercise", nargs="*", help="after --real and --: what the exercise is made with")
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("--rounds has to be at least 2")
    binary, script, kinds = ("bench-real", "real.py", REAL) if arguments.real else ("bench-steps", "steps.py", KINDS)
    binary = arguments.swift or str(root.parent / ".build-float/release" / binary)
    arguments.kinds = arguments.kinds or list(kinds)
    arguments.norm_tolerance = arguments.norm_tolerance or arguments.tolerance

    with tempfile.TemporaryDirectory() as folder:
        exported = ["--exercise", folder] if arguments.real else []
        starts = (
            lambda: Program(binary, *exported),
            lambda: Program(arguments.python, str(root / script), folder, "--threads", str(arguments.threads)),
        )

        def programs():
            maker = Program(binary, *arguments.exercise)
            try:
                maker.ask(f"export {folder}")
            finally:
                maker.end()
            for start in starts:
                yield start()

        return main_of(programs, lambda *both: (check if arguments.check else compare)(*both, arguments, starts))


sys.exit(main())
