"""Times how this library and transformers read a prompt and write tokens, side by side, and against the memory's speed.

    python3 Benchmarks/decoding_compare.py --swift .build-float/release/bench-decoding --python PYTHON [-- --model FILE]

What stands after -- goes to the program that has the model, which is the small teacher unless a file is named. It is
exported to a folder once, and both programs read it from there. First both write a text, and the tokens have to be the
same, in all ways that are timed. Then they take turns. transformers has two modes: as it comes, and in the fastest of
several ways, where that is another one. Where it is not installed, only the memory's share is told.

A token that is written needs all weights once. So it can not be written faster than the weights are read, and the share
of that ceiling is told, and compared with --ceiling-limit. The ceiling is the faster of two that are measured in the same
run, before and after: reading long arrays on all cores, and adding two to a third. Weights that fit into the processor's
caches can exceed it. Exit status: that of verdict.py, or 2 if a program fails or the tokens differ.
"""

import json
import pathlib
import sys
import tempfile

from programs import Failure, Peer, Program, heading, main_of, say, table
from verdict import MISSED, NOT_QUIET, OURS, Load, Options, Row, conclude, show, take_turns


def contenders_of(peers):
    """By name of each contender: the program, and its ways to decode and to prefill."""
    result = {}
    for peer in peers:
        modes = json.loads(peer.ask("prepare"))
        for mode, ways in modes.items():
            if mode != "plain" and ways == modes["plain"]:
                continue
            result[f"{peer.title} {mode}"] = peer, dict(zip(("decode", "prefill"), ways))
            print(f"{peer.title} {mode}: decoding {ways[0]}, prefilling {ways[1]}", flush=True)
    return result


def agree(ours, rivals, count):
    mine = ours.ask(f"greedy {count}").split()
    for name, (peer, ways) in rivals.items():
        theirs = peer.ask(f"greedy {count} {ways['decode']}").split()
        if mine != theirs:
            same = next((place for place, pair in enumerate(zip(mine, theirs)) if pair[0] != pair[1]), len(mine))
            raise Failure(f"{name} writes other tokens than we do: only the first {same} of {count} are the same")
        print(f"the same {count} tokens: {name}", flush=True)


def compare(ours, peers, arguments):
    rivals = contenders_of(peers)
    agree(ours, rivals, arguments.check_tokens)
    works = {
        f"decode {arguments.tokens}": "a token that is written",
        **{f"prefill {size}": f"a prompt of {size} tokens" for size in arguments.prefill},
    }
    rows = [Row(work, title, rivals, arguments.limit) for work, title in works.items()]

    def turn(row, contender):
        if contender == OURS:
            return ours.numbers(row.key)
        peer, ways = rivals[contender]
        return peer.numbers(f"{row.key} {ways[row.key.split()[0]]}")

    # Each way may first be compiled for this size.
    for row in rows:
        for contender in row.times:
            turn(row, contender)
    load, speeds = Load(), ours.numbers("memory")
    with load:
        take_turns(arguments.rounds, rows, turn)
    speeds = [max(both) for both in zip(speeds, ours.numbers("memory"))]
    if rivals:
        show("work", rows)

    bytes_of_token, ceiling = ours.about()["bytes"], max(speeds)
    lines, shares = [], {}
    for contender in rows[0].times:
        seconds = rows[0].median(contender) / 1000
        shares[contender] = bytes_of_token / seconds / ceiling
        lines.append([
            contender, f"{1 / seconds:.4g}", f"{bytes_of_token / seconds / 1e9:.3g}", f"{100 * shares[contender]:.0f} %"])
    heading("Ceiling")
    table(["program", "tokens a second", "GB/s", "of the ceiling"], lines)
    print()
    say(f"a token needs {bytes_of_token / 1e6:.4g} MB of weights; "
        f"memory: reading {speeds[0] / 1e9:.1f} GB/s, adding {speeds[1] / 1e9:.1f} GB/s")
    status = conclude(rows, load, arguments)
    if status == NOT_QUIET or arguments.ceiling_limit is None:
        return status
    reached = 100 * shares[OURS] >= arguments.ceiling_limit
    say(f"{'reached' if reached else 'missed'}: decoding at {100 * shares[OURS]:.0f} % of the memory's ceiling,"
        f" {arguments.ceiling_limit:g} % is asked for")
    return status if reached else MISSED


def main():
    root = pathlib.Path(__file__).resolve().parent
    parser = Options(__doc__, python="an interpreter that has torch and transformers")
    parser.add_argument("--swift", default=str(root.parent / ".build-float/release/bench-decoding"))
    parser.add_argument("--tokens", type=int, default=32, help="that are written in a turn")
    parser.add_argument("--prefill", type=int, nargs="+", default=[128, 1024], help="lengths of prompts")
    parser.add_argument("--check-tokens", type=int, default=24, help="that have to be the same")
    parser.add_argument(
        "--ceiling-limit", type=float, metavar="PERCENT", help="the smallest share of the memory's ceiling in decoding")
    parser.add_argument("model", nargs="*", help="after --: which model")
    arguments = parser.parsed()

    with tempfile.TemporaryDirectory() as folder:
        def programs():
            maker = Program(arguments.swift, *arguments.model)
            try:
                maker.ask(f"export {folder}")
            finally:
                maker.end()
            yield Program(arguments.swift, "--model", folder)
            yield Peer(arguments, "decoding_transformers.py", folder).started()

        return main_of(programs, lambda ours, *peers: compare(ours, peers, arguments), arguments)


sys.exit(main())
