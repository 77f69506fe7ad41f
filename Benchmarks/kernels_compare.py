"""Times kernels of this library and of PyTorch side by side, and against what the machine can do at most.

    python3 Benchmarks/kernels_compare.py --swift .build-float/release/bench-kernels --python PYTHON_WITH_TORCH --out DIR

The two programs take turns. First both compute every kernel at a small size, and the results have to agree. PyTorch is
timed in the fastest of several ways. A ratio is PyTorch's median over ours: above 1 ours is faster.

Two ceilings are measured with our own program: arithmetic, by the product of two large matrices, and memory, by the sum
of two arrays that no cache holds. A kernel of F operations that has to move at least M bytes can not take less than the
larger of F / arithmetic and M / memory; the column "of the ceiling" says how much of that is reached. DIR/kernels.csv
has all of it, DIR/roofline.gp draws it. Exit status: 0, or 2 if a program fails or the results differ.
"""

import argparse
import csv
import math
import pathlib
import statistics
import sys

from programs import Failure, Program, main_of, quartiles, table

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


def agree(ours, theirs):
    worst = 0.0
    for name, (_, size, _) in KERNELS.items():
        mine, reference = ours.numbers(f"value {name} {size}"), theirs.numbers(f"value {name} {size}")
        for one, other in ((mine[1], reference[1]), (reference[1], reference[3])):
            difference = abs(one - other) / max(1, abs(other))
            worst = max(worst, difference)
            if not difference < 1e-5:
                raise Failure(f"{name} {size}: the sum of squares is {one}, and {other} in another way")
    print(f"the same results: sums of squares agree to {worst:.0e}, in all of PyTorch's ways")


def compare(ours, theirs, arguments):
    agree(ours, theirs)
    times, way = {}, {}
    for name, (sizes, _, _) in KERNELS.items():
        # Two lengths are the fewest from which growth can be read.
        sizes = sizes[:2] if arguments.brief else sizes
        for size in sizes:
            count = max(1, round(20 / ours.numbers(f"{name} {size} 2")[1]))  # turns of some 20 ms
            way[name, size] = theirs.ask(f"ways {name} {size}")
            both = ([], [])
            for number in range(arguments.rounds):
                order = ((0, ours), (1, theirs)) if number % 2 == 0 else ((1, theirs), (0, ours))
                for side, program in order:
                    both[side].append(statistics.median(program.numbers(f"{name} {size} {count}")))
            times[name, size] = both
    arithmetic = max(
        2 * size**3 / statistics.median(both[0]) for (name, size), both in times.items() if name == "product") / 1e6
    size = KERNELS["sum"][0][0]
    memory = 3 * NUMBER * size / statistics.median(times["sum", size][0]) / 1e6

    rows, records = [], []
    for (name, size), both in times.items():
        operations, numbers = KERNELS[name][2](size)
        mine, reference = (statistics.median(side) for side in both)
        low, high = quartiles(both[0])
        floor = max(operations / arithmetic, NUMBER * numbers / memory) / 1e6
        rows.append([
            name, f"{size}", f"{mine:.3g}", f"{low:.3g}–{high:.3g}", f"{reference:.3g}", f"{reference / mine:.2f}",
            f"{operations / mine / 1e6:.1f}", f"{100 * floor / mine:.0f} %", way[name, size],
        ])
        records.append([name, size, mine, reference, operations, NUMBER * numbers])
    print()
    table(
        ["kernel", "size", "ours, ms", "quartiles", "PyTorch, ms", "ratio", "GFLOP/s", "of the ceiling", "PyTorch's way"],
        rows)
    print(f"\nceilings: {arithmetic:.0f} GFLOP/s, {memory:.1f} GB/s")
    points = [(math.log(size), math.log(statistics.median(both[0]))) for (name, size), both in times.items()
              if name == "ssd-forward"]
    mean = [sum(values) / len(points) for values in zip(*points)]
    slope = sum((x - mean[0]) * (y - mean[1]) for x, y in points) / sum((x - mean[0]) ** 2 for x, _ in points)
    print(f"ssd-forward grows with T to the power {slope:.2f}")
    write(pathlib.Path(arguments.out), records, arithmetic, memory)
    return 0


def write(folder, records, arithmetic, memory):
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "kernels.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["kernel", "size", "ours_ms", "pytorch_ms", "operations", "bytes"])
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
            _, size, mine, theirs, operations, moved = record
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
    lines.append("set label 'filled: ours, open: PyTorch' at graph 0.03, 0.95")
    lines.append("plot [0.05:2000] " + ", \\\n  ".join(plots))
    (folder / "roofline.gp").write_text("\n".join(lines) + "\n")
    print(f"written: {folder / 'kernels.csv'}, {folder / 'roofline.gp'}")


def main():
    root = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--swift", default=str(root.parent / ".build-float/release/bench-kernels"))
    parser.add_argument("--python", default=sys.executable, help="an interpreter that has torch")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch; ours takes all cores")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--brief", action="store_true", help="without the largest sizes: to see that everything works")
    parser.add_argument("--out", default="out/bench", help="where table and figure go")
    arguments = parser.parse_args()
    if arguments.rounds < 2:
        parser.error("--rounds has to be at least 2")

    def programs():
        yield Program(arguments.swift)
        yield Program(arguments.python, str(root / "kernels.py"), "--threads", str(arguments.threads))

    return main_of(programs, lambda *both: compare(*both, arguments))


sys.exit(main())
