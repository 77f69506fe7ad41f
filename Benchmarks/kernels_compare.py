"""Times kernels of this library and of its peers side by side, and against what the machine can do at most.

    python3 Benchmarks/kernels_compare.py --swift .build-float/release/bench-kernels --python PYTHON_WITH_TORCH --out DIR

The programs take turns. First all compute every kernel at a small size, and the results have to agree. The peers are
PyTorch (kernels.py), which is required, and JAX (kernels_jax.py), which is left out with a line where it is not installed;
each is timed in the fastest of several ways. A ratio is a peer's median over ours: above 1 ours is faster. The ratio to
the fastest peer of each row that has a limit is compared with it, if the machine was quiet: verdict.py.

Two ceilings are measured with our own program: arithmetic, by the product of two large matrices, and memory, by the sum
of two arrays that no cache holds. A kernel of F operations that has to move at least M bytes can not take less than the
larger of F / arithmetic and M / memory; the column "of the ceiling" says how much of that is reached. DIR/kernels.csv
has all of it, DIR/roofline.gp draws it. Exit status: that of verdict.py, or 2 if a program fails or the results differ.
"""

import csv
import math
import pathlib
import statistics
import sys

from programs import Failure, Peer, Program, heading, main_of, say, table
from verdict import OURS, Load, Options, Row, conclude, show, take_turns

H, P, N, NUMBER = 8, 64, 64, 4  # NUMBER: bytes


# What a kernel has to do at least: operations, and numbers read and written once.
def ssd(T, Q=64):
    # In a chunk C Bᵀ, W X, C h and the state, two operations for each multiplication; the lower triangle only.
    return H * T * ((Q + 1) * (N + P) + 4 * N * P), T * H * (2 * P + 2 * N + 1)


def ssd_with_gradients(T, Q=64):
    # The formulas of Sources/Tensors/StateSpace/SSDSequence.swift: five products of a triangle and four with a state more.
    return H * T * ((Q + 1) * (4 * N + 3 * P) + 12 * N * P), 2 * ssd(T)[1]


def attention(T):
    return 2 * H * P * T * (T + 1), 4 * T * H * P


KERNELS = {
    # name: sizes, size of the check, work of a size
    "ssd-forward": ((1024, 4096, 16384), 256, ssd),
    "ssd-backward": ((1024, 4096), 256, ssd_with_gradients),
    "attention-forward": ((1024, 4096), 300, attention),
    # Two products forward, four backward.
    "attention-backward": ((512, 1024), 300, lambda T: (3 * attention(T)[0], 2 * attention(T)[1])),
    "product": ((96, 256, 1024), 128, lambda n: (2 * n**3, 3 * n * n)),
    "linear": ((96, 384), 96, lambda n: (2 * 1024 * 4 * n * n, 1024 * 5 * n + 4 * n * n)),
    "gelu": ((384, 1536), 96, lambda n: (20 * 1024 * n, 2 * 1024 * n)),
    "softmax": ((128, 512), 128, lambda n: (20 * 32 * n * n / 2, 2 * 32 * n * n)),
    "layer-norm": ((96, 768), 96, lambda n: (8 * 1024 * n, 2 * 1024 * n)),
    "sum": ((8_000_000,), 1000, lambda n: (n, 3 * n)),
}


# The smallest ratios to the fastest peer, by name and size.
LIMITS = {
    "ssd-forward": {1024: 3, 4096: 5, 16384: 6},
    "attention-forward": {1024: 1.2, 4096: 1.2},
    "attention-backward": {512: 1.2, 1024: 1.2},
    "softmax": {128: 1.2},
}


def agree(ours, peer):
    worst = 0.0
    for name, (_, size, _) in KERNELS.items():
        mine, reference = ours.numbers(f"value {name} {size}"), peer.numbers(f"value {name} {size}")
        for one, other in ((mine[1], reference[1]), (reference[1], reference[3])):
            difference = abs(one - other) / max(1, abs(other))
            worst = max(worst, difference)
            if not difference < 1e-5:
                raise Failure(f"{name} {size}: the sum of squares is {one}, and {other} in another way of {peer.title}")
    print(f"the same results: sums of squares agree to {worst:.0e}, in all ways of {peer.title}", flush=True)


def compare(ours, peers, arguments):
    for peer in peers:
        agree(ours, peer)
    programs, rows, ways, load = {OURS: ours, **{peer.title: peer for peer in peers}}, [], {}, Load()
    for name, (sizes, _, _) in KERNELS.items():
        # Two lengths are the fewest from which growth can be read.
        for size in sizes[:2] if arguments.brief else sizes:
            count = max(1, round(20 / ours.numbers(f"{name} {size} 2")[1]))  # turns of some 20 ms
            limit = LIMITS.get(name, {}).get(size) if arguments.limit is None else arguments.limit
            row = Row((name, size), f"{name} {size}", [peer.title for peer in peers], limit)
            ways[row.key] = {peer.title: peer.ask(f"ways {name} {size}") for peer in peers}

            def turn(row, contender):
                return [statistics.median(programs[contender].numbers(f"{name} {size} {count}"))]

            with load:
                take_turns(arguments.rounds, [row], turn)
            rows.append(row)
    show("kernel", rows)
    arithmetic = max(
        2 * row.key[1] ** 3 / row.median(OURS) for row in rows if row.key[0] == "product") / 1e6
    memory = max(3 * NUMBER * row.key[1] / row.median(OURS) for row in rows if row.key[0] == "sum") / 1e6

    lines, records = [], []
    for row in rows:
        name, size = row.key
        operations, numbers = KERNELS[name][2](size)
        mine, floor = row.median(OURS), max(operations / arithmetic, NUMBER * numbers / memory) / 1e6
        lines.append([
            row.title, f"{operations / mine / 1e6:.1f}", f"{100 * floor / mine:.0f} %",
            "; ".join(f"{peer}: {way}" for peer, way in ways[row.key].items()),
        ])
        records.append([name, size, mine, row.median(row.fastest), row.fastest, operations, NUMBER * numbers])
    heading("Ceilings")
    table(["kernel", "GFLOP/s", "of the ceiling", "the ways of the peers"], lines)
    print()
    say(f"ceilings: {arithmetic:.0f} GFLOP/s, {memory:.1f} GB/s")
    points = [(math.log(row.key[1]), math.log(row.median(OURS))) for row in rows if row.key[0] == "ssd-forward"]
    mean = [sum(values) / len(points) for values in zip(*points)]
    slope = sum((x - mean[0]) * (y - mean[1]) for x, y in points) / sum((x - mean[0]) ** 2 for x, _ in points)
    say(f"ssd-forward grows with T to the power {slope:.2f}")
    write(pathlib.Path(arguments.out), records, arithmetic, memory)
    return conclude(rows, load, arguments)


def write(folder, records, arithmetic, memory):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "kernels.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kernel", "size", "ours_ms", "peer_ms", "peer", "operations", "bytes"])
        writer.writerows(records)
    lines = [
        "# How near to the ceilings of this machine: gnuplot roofline.gp",
        "set terminal svg size 900,560 font 'Helvetica,13' background 'white'",
        "set output 'roofline.svg'",
        "set title 'Achieved speed against operations for each byte that has to be moved'",
        "set logscale xy; set grid; set key outside right top",
        "set xlabel 'operations per byte'; set ylabel 'GFLOP/s'",
        f"ceiling(x) = x * {memory:.4g} < {arithmetic:.4g} ? x * {memory:.4g} : {arithmetic:.4g}",
        "$points << END",
    ]
    names = list(dict.fromkeys(record[0] for record in records))
    for name in names:
        for record in (record for record in records if record[0] == name):
            _, size, mine, theirs, _, operations, moved = record
            lines.append(f"{operations / moved:.4g} {operations / mine / 1e6:.4g} {operations / theirs / 1e6:.4g} {size}")
        lines += ["", ""]
    lines.append("END")
    # Okabe and Ito's colours, which colour-blind readers can tell apart, and a mark of its own for each kernel.
    colours = ["#000000", "#E69F00", "#56B4E9", "#009E73", "#CC79A7", "#0072B2", "#D55E00", "#999999", "#882255", "#44AA99"]
    plots = ["ceiling(x) with lines linewidth 2 linecolor '#555555' title 'ceilings'"]
    for index, name in enumerate(names):
        colour = colours[index % len(colours)]
        plots.append(
            f"$points index {index} using 1:2 with points pointtype {5 + 2 * (index % 5)} pointsize 1.1"
            f" linecolor '{colour}' title '{name}'")
        plots.append(
            f"$points index {index} using 1:3 with points pointtype {4 + 2 * (index % 5)} pointsize 1.1"
            f" linecolor '{colour}' notitle")
    lines.append("set label 'filled: ours, open: the fastest peer' at graph 0.03, 0.95")
    lines.append("plot [0.05:2000] " + ", \\\n  ".join(plots))
    (folder / "roofline.gp").write_text("\n".join(lines) + "\n")
    print(f"written: {folder / 'kernels.csv'}, {folder / 'roofline.gp'}")


def main():
    root = pathlib.Path(__file__).resolve().parent
    parser = Options(__doc__)
    parser.add_argument("--swift", default=str(root.parent / ".build-float/release/bench-kernels"))
    parser.add_argument("--brief", action="store_true", help="without the largest sizes: to see that everything works")
    parser.add_argument("--out", default="out/bench", help="where table and figure go")
    arguments = parser.parsed()

    def programs():
        yield Program(arguments.swift)
        yield Peer(arguments, "kernels.py", required=True).started()
        yield Peer(arguments, "kernels_jax.py").started()

    return main_of(programs, lambda ours, *peers: compare(ours, peers, arguments), arguments)


sys.exit(main())
