"""Times the optimiser steps of this library and of PyTorch side by side, or checks that both do the same work.

    python3 Benchmarks/compare.py --swift .build-float/release/bench-steps --python PYTHON_WITH_TORCH
    python3 Benchmarks/compare.py --swift ... --python ... --check

Timing: the two programs take turns, a few steps each, so that whatever else the machine does troubles both alike. The
first step of a turn finds the caches full of the other program and is not counted. The limit holds for the ratio of
medians. Exit status: 0 if every ratio is within --limit, 1 if not, 2 if a program fails.

Check: from the same weights both go through the same batches; loss and gradient norm of each step have to agree, which
they can only if forward, backward, clipping and AdamW do. Exit status: 0 if they agree, 1 if not, 2 if a program fails.
"""

import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile

KINDS = {
    "teacher": "teacher on tokens",
    "stage1": "1 matrix orientation",
    "stage2": "2 hidden-state alignment",
    "stage3": "3 knowledge distillation",
}


class Failure(Exception):
    pass


class Program:
    """A program that answers a line with a line."""

    def __init__(self, *command):
        self.name = command[0]
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        except OSError as error:
            raise Failure(f"{command[0]} cannot be run: {error}") from None

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise Failure(f"{self.name} gave no answer to '{line}'; what it wrote stands above")
        return answer.strip()

    def numbers(self, line):
        return [float(word) for word in self.ask(line).split()]

    def about(self):
        return json.loads(self.ask("about"))

    def end(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # It has ended already.
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


# ---- Tables


def table(head, rows):
    widths = [max(len(row[column]) for row in [head] + rows) for column in range(len(head))]

    def line(cells):
        first = cells[0].ljust(widths[0])
        return "| " + " | ".join([first] + [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:])]) + " |"

    print(line(head))
    print("|-" + "-|-".join("-" * width for width in widths) + "-|")
    for row in rows:
        print(line(row))


def quartiles(values):
    low, _, high = statistics.quantiles(values)
    return low, high


# ---- The two jobs


def compare(ours, theirs, arguments):
    for kind in arguments.kinds:
        print(f"{kind}: PyTorch is fastest with {theirs.ask(f'tune {kind}')}", flush=True)
        for program in (ours, theirs):
            program.ask(f"{kind} {arguments.warm_up}")

    def turn(program, kind):
        return program.numbers(f"{kind} {arguments.steps + 1}")[1:]

    times = {kind: ([], []) for kind in arguments.kinds}
    rounds = {kind: [] for kind in arguments.kinds}
    for number in range(arguments.rounds):
        for kind in arguments.kinds:
            # Who goes first changes from round to round.
            order = ((0, ours), (1, theirs)) if number % 2 == 0 else ((1, theirs), (0, ours))
            turns = {side: turn(program, kind) for side, program in order}
            for side in (0, 1):
                times[kind][side].extend(turns[side])
            rounds[kind].append(statistics.median(turns[0]) / statistics.median(turns[1]))

    rows, too_slow = [], []
    for kind in arguments.kinds:
        medians = [statistics.median(side) for side in times[kind]]
        ratio = medians[0] / medians[1]
        if ratio > arguments.limit:
            too_slow.append(kind)
        row = [KINDS[kind]]
        for side in (0, 1):
            low, high = quartiles(times[kind][side])
            row += [f"{medians[side]:.1f}", f"{low:.1f}–{high:.1f}"]
        low, high = quartiles(rounds[kind])
        rows.append(row + [f"{ratio:.2f}", f"{low:.2f}–{high:.2f}"])
    print()
    table(
        ["step", "ours, ms", "quartiles", "PyTorch, ms", "quartiles", "ratio", "quartiles over rounds"], rows)
    print()
    if too_slow:
        print(f"more than {arguments.limit} times PyTorch's time: {', '.join(too_slow)}")
    else:
        print(f"every step is within {arguments.limit} times PyTorch's time")
    return 1 if too_slow else 0


def difference(one, other):
    """Relative where the numbers are above 1; infinite if one of them is no number."""
    result = abs(one - other) / max(1, abs(other))
    return result if result == result else float("inf")


def numbers_in(about):
    models = [f"{model} {about[model]}" for model in ("teacher", "student")]
    return ", ".join(models + [f"step of {kind} {about['trained'][kind]}" for kind in KINDS])


def check(ours, theirs, arguments):
    rows, worst = [], 0.0
    for kind in arguments.kinds:
        line = f"losses {kind} {arguments.check_steps}"
        mine, reference = ours.numbers(line), theirs.numbers(line)
        for step in range(arguments.check_steps):
            row = [f"{KINDS[kind]}, step {step}"]
            for place in (2 * step, 2 * step + 1):
                row += [f"{mine[place]:.8g}", f"{reference[place]:.8g}"]
                row.append(f"{difference(mine[place], reference[place]):.0e}")
                worst = max(worst, difference(mine[place], reference[place]))
            rows.append(row)
        # Whatever PyTorch chooses to time has to be the same work too.
        for way in theirs.ask(f"ways {kind}").split():
            worst = max([worst] + [difference(*pair) for pair in zip(mine, theirs.numbers(f"{line} {way}"))])
    table(["step", "our loss", "PyTorch's", "difference", "our gradient norm", "PyTorch's", "difference"], rows)
    counts = [numbers_in(program.about()) for program in (ours, theirs)]
    agree = worst <= arguments.tolerance and counts[0] == counts[1]
    print(f"\nlargest difference, in all of PyTorch's ways: {worst:.1e}, allowed {arguments.tolerance:.0e}")
    print(f"numbers in our models, and those that each step changes: {counts[0]}")
    if counts[0] != counts[1]:
        print(f"in PyTorch's: {counts[1]}")
    print("the same work" if agree else "NOT the same work")
    return 0 if agree else 1


def main():
    root = pathlib.Path(__file__).resolve().parent
    binary = root.parent / ".build-float/release/bench-steps"
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swift", default=str(binary), help="the built binary")
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has torch")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch; ours takes all cores")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--steps", type=int, default=4, help="counted steps of a turn")
    parser.add_argument("--warm-up", type=int, default=10, help="steps before anything is counted")
    parser.add_argument("--limit", type=float, default=1.5, help="the largest ratio ours / PyTorch")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--check", action="store_true", help="compare losses and gradient norms instead of times")
    parser.add_argument("--check-steps", type=int, default=5)
    parser.add_argument("--tolerance", type=float, default=1e-4, help="of --check, relative to max(1, value)")
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("--rounds has to be at least 2")

    # A signal ends the two programs as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory() as folder:
        programs = []
        try:
            programs.append(Program(arguments.swift))
            programs[0].ask(f"export {folder}")
            programs.append(
                Program(arguments.python, str(root / "steps.py"), folder, "--threads", str(arguments.threads)))
            for program in programs:
                about = program.about()
                print(f"{about['program']}, {about['threads']} threads")
            print("load average before: {:.2f} {:.2f} {:.2f}".format(*os.getloadavg()), flush=True)
            status = (check if arguments.check else compare)(*programs, arguments)
            print("load average after: {:.2f} {:.2f} {:.2f}".format(*os.getloadavg()))
            return status
        except Failure as failure:
            print(f"compare.py: {failure}", file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            return 130
        finally:
            for program in programs:
                program.end()


sys.exit(main())
