"""Times the optimiser steps of this library and of its peers side by side, or checks that all do the same work.

    python3 Benchmarks/compare.py --swift .build-float/release/bench-steps --python PYTHON_WITH_TORCH
    python3 Benchmarks/compare.py --swift ... --python ... --check
    python3 Benchmarks/compare.py --real --swift .build-float/release/bench-real --python ... [--check] -- --model FILE

With --real the steps are those of a real model, and what stands after -- goes to the program that makes the exercise. It
is exported to a folder once, and all programs read it from there.

The peers are PyTorch (steps.py, real.py), which is required, and JAX (steps_jax.py, real_jax.py), which is left out with a
line where it is not installed. PyTorch has three modes, each with turns of its own: eager as one writes it first, eager in
the fastest of several ways, and that compiled. JAX has one, compiled in the fastest of several ways.

Timing: the programs take turns, a few steps each, so that whatever else the machine does troubles all alike. The first
step of a turn finds the caches full of another program and is not counted. A ratio is a peer's median over ours: above 1
ours is faster. The ratio to the fastest peer of each step is compared with a limit, if the machine was quiet: verdict.py.
With --memory each kind of step is then made by processes of their own, one for each mode, for their peaks of memory,
which include what a compiler needs; the peer's over ours. Exit status: that of verdict.py, or 1 if a ratio of memory is
below --memory-limit.

Check: from the same weights all go through the same batches; loss and gradient norm of each step have to agree, which
they can only if forward, backward, clipping and AdamW do. Exit status: 0 if they agree, 1 if not, 2 if a program fails.
"""

import json
import pathlib
import sys
import tempfile

from programs import KINDS, Failure, Peer, Program, difference, heading, main_of, say, table
from verdict import MISSED, OURS, Load, Options, Row, conclude, show, take_turns

# The smallest ratios to the fastest peer.
LIMITS = {"teacher": 1.6, "stage1": 1.8, "stage2": 1.7, "stage3": 1.55}
REAL_LIMITS = {"stage2": 1.5, "stage3": 1.3}
PEERS, REAL_PEERS = ("steps.py", "steps_jax.py"), ("real.py", "real_jax.py")


# ---- The two jobs


def prepared(ours, peers, kind, arguments):
    """For each contender beside ours the program, its mode, and the ways of that mode."""
    result = {}
    ours.ask(f"{kind} {arguments.warm_up}")
    for peer in peers:
        answer = json.loads(peer.ask(f"prepare {kind}"))
        for mode, ways in answer["modes"].items():
            result[f"{peer.title} {mode}"] = peer, mode, ways
            print(f"{kind}: {peer.title} {mode}: {ways}", flush=True)
            peer.ask(f"{kind} {arguments.warm_up} {mode}")
        for mode, reason in answer["failures"].items():
            print(f"{kind}: left out: {peer.title} {mode}: {reason}", flush=True)
    return result


def compare(ours, peers, arguments, starts):
    rivals = {kind: prepared(ours, peers, kind, arguments) for kind in arguments.kinds}
    limits = REAL_LIMITS if arguments.real else LIMITS
    rows = [
        Row(kind, KINDS[kind], rivals[kind], limits[kind] if arguments.limit is None else arguments.limit)
        for kind in arguments.kinds
    ]

    def turn(row, contender):
        line = f"{row.key} {arguments.steps + 1}"
        if contender == OURS:
            return ours.numbers(line)[1:]
        peer, mode, _ = rivals[row.key][contender]
        return peer.numbers(f"{line} {mode}")[1:]

    load = Load()
    with load:
        take_turns(arguments.rounds, rows, turn)
    show("step", rows)
    status = conclude(rows, load, arguments)
    if arguments.memory and memory(rivals, arguments, starts):
        return MISSED
    return status


def memory(rivals, arguments, starts):
    """Whether a step needs more memory than it may beside a peer's; each is made by a new process."""
    lines, large = [], []

    def peak(program, line):
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
        own = peak(starts[OURS](), line)
        lines.append([KINDS[kind], OURS, f"{own / 1e6:.0f}", ""])
        for contender, (peer, _, ways) in rivals[kind].items():
            theirs = peak(starts[peer.title](), f"{line} {ways}")
            lines.append(["", contender, f"{theirs / 1e6:.0f}", f"{theirs / own:.2f}"])
            if theirs / own < arguments.memory_limit:
                large.append(f"{KINDS[kind]} ({contender})")
    heading("Memory")
    table(["peak memory", "program", "MB", "ratio"], lines, left=2)
    print()
    if large:
        say(f"a peer's peak is less than {arguments.memory_limit:g} times ours: {', '.join(large)}")
    else:
        say(f"the peak of each peer is at least {arguments.memory_limit:g} times ours in every step")
    return bool(large)


def numbers_in(about, kinds):
    models = [f"{model} {about[model]}" for model in ("teacher", "student")]
    return ", ".join(models + [f"step of {kind} {about['trained'][kind]}" for kind in kinds])


def check(ours, peers, arguments, _):
    limits = {"loss": arguments.tolerance, "gradient norm": arguments.norm_tolerance}
    counts = numbers_in(ours.about(), arguments.kinds)
    agree, lines = True, []
    mine = {kind: ours.numbers(f"losses {kind} {arguments.check_steps}") for kind in arguments.kinds}
    told = []
    for peer in peers:
        worst = dict.fromkeys(limits, 0.0)
        for kind in arguments.kinds:
            line = f"losses {kind} {arguments.check_steps}"
            # Whatever a peer chooses to time has to be the same work too.
            ways = ["", *peer.ask(f"ways {kind}").split()]
            for way in ways:
                reference = peer.numbers(f"{line} {way}")
                for place, pair in enumerate(zip(mine[kind], reference, strict=True)):
                    name = list(limits)[place % 2]
                    worst[name] = max(worst[name], difference(*pair))
                if way == "":
                    lines += rows_of_check(f"{KINDS[kind]}, {peer.title}", mine[kind], reference)
        largest = ", ".join(f"{name} {worst[name]:.1e} (allowed {limits[name]:.0e})" for name in limits)
        told.append(f"largest difference, in all ways of {peer.title}: {largest}")
        theirs = numbers_in(peer.about(), arguments.kinds)
        if theirs != counts:
            told.append(f"numbers in the models of {peer.title}: {theirs}")
        agree = agree and theirs == counts and all(worst[name] <= limits[name] for name in limits)
    heading("The same work")
    table(["step", "our loss", "theirs", "difference", "our gradient norm", "theirs", "difference"], lines)
    print()
    for sentence in told:
        say(sentence)
    print(f"numbers in our models, and those that each step changes: {counts}")
    print("the same work" if agree else "NOT the same work")
    return 0 if agree else 1


def rows_of_check(title, mine, reference):
    """A line of the table for each step: loss and gradient norm, ours, the peer's, and how far they are apart."""
    result = []
    for step in range(len(mine) // 2):
        cells = [f"{title}, step {step}"]
        for place in (2 * step, 2 * step + 1):
            cells += [f"{mine[place]:.8g}", f"{reference[place]:.8g}"]
            cells.append(f"{difference(mine[place], reference[place]):.0e}")
        result.append(cells)
    return result


def main():
    root = pathlib.Path(__file__).resolve().parent
    parser = Options(__doc__)
    parser.add_argument("--real", action="store_true", help="stages 2 and 3 at the sizes of a real model")
    parser.add_argument("--swift", help="the built binary")
    parser.add_argument("--steps", type=int, default=4, help="counted steps of a turn")
    parser.add_argument("--warm-up", type=int, default=10, help="steps before anything is counted")
    parser.add_argument("--memory", action="store_true", help="compare peaks of memory too")
    parser.add_argument("--memory-steps", type=int, default=3, help="the steps after which the peak is read")
    parser.add_argument("--memory-limit", type=float, default=1.0, help="the smallest ratio of a peer's peak to ours")
    parser.add_argument("--no-compile", dest="compile", action="store_false", help="without torch.compile")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, help="all that there are, unless some are named")
    parser.add_argument("--check", action="store_true", help="compare losses and gradient norms instead of times")
    parser.add_argument("--check-steps", type=int, default=5)
    parser.add_argument("--tolerance", type=float, default=1e-4, help="of --check's losses, relative to max(1, value)")
    parser.add_argument("--norm-tolerance", type=float, help="of the norms of gradients; without it that of losses")
    parser.add_argument("exercise", nargs="*", help="after --real and --: what the exercise is made with")
    arguments = parser.parsed()
    binary = arguments.swift or str(root.parent / ".build-float/release" / f"bench-{'real' if arguments.real else 'steps'}")
    arguments.kinds = arguments.kinds or list(REAL_LIMITS if arguments.real else LIMITS)
    arguments.norm_tolerance = arguments.norm_tolerance or arguments.tolerance

    with tempfile.TemporaryDirectory() as folder:
        exported = ["--exercise", folder] if arguments.real else []
        options = [folder] if arguments.compile else [folder, "--no-compile"]
        starts = {OURS: lambda: Program(binary, *exported)}

        def programs():
            maker = Program(binary, *arguments.exercise)
            try:
                maker.ask(f"export {folder}")
            finally:
                maker.end()
            yield starts[OURS]()
            for script in REAL_PEERS if arguments.real else PEERS:
                peer = Peer(arguments, script, *options, required=script in ("steps.py", "real.py"))
                program = peer.started()
                if program is not None:
                    starts[program.title] = peer.start
                yield program

        job = check if arguments.check else compare
        return main_of(programs, lambda ours, *peers: job(ours, peers, arguments, starts), arguments)


sys.exit(main())
