"""What the programs in other frameworks that time single kernels have in common: the inputs and the lines.

The inputs are those of Benchmarks/kernels/main.swift, element i of the k-th sin(0.7 i + k), scaled. The lines are those
that it describes, and

    ways NAME SIZE    which way of several is fastest here, and is timed
"""

import json
import statistics
import sys
import time

from peer import missing, options, serve

try:
    import numpy as np
except ImportError:
    missing("peer_kernels.py", "NumPy", "PyTorch and JAX bring it; otherwise install numpy of PyPI.")

H, P, N = 8, 64, 64
CHUNKS = (16, 32, 64, 128, 256)


def wave(k, *shape, scale=1.0, shift=0.0):
    """sin(0.7 i + k), scaled and moved."""
    return (shift + scale * np.sin(0.7 * np.arange(np.prod(shape)) + k)).astype(np.float32).reshape(shape)


def inputs(name, n):
    """The inputs of a kernel of some size, and the cotangent of its output where gradients are asked for, as lists."""
    cotangent = [wave(6, 1, n, H, P)] if name.endswith("backward") else []
    if name.startswith("ssd"):
        return [
            wave(1, 1, n, H, P), wave(2, 1, n, H, scale=0.05, shift=-0.06), wave(3, 1, n, H, N, scale=0.125),
            wave(4, 1, n, H, N, scale=0.125), wave(5, H),
        ], cotangent
    if name.startswith("attention"):
        return [wave(k, 1, n, H, P) for k in (1, 2, 3)], cotangent
    if name == "product":
        return [wave(1, n, n), wave(2, n, n)], []
    if name == "sum":
        return [wave(1, n), wave(2, n)], []
    if name == "linear":
        return [wave(1, 1024, n), wave(2, 4 * n, n), wave(3, 4 * n)], []
    if name == "gelu":
        return [wave(1, 1024, n, scale=3)], []
    if name == "softmax":
        return [wave(1, 32, n, n, scale=3)], []
    if name == "layer-norm":
        return [wave(1, 1024, n), wave(2, n), wave(3, n)], []
    sys.exit(f"{sys.argv[0]} knows no kernel '{name}'")


def milliseconds(work):
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


class Bench:
    """Answers lines about kernels; ways(name, size) gives functions, by name, that compute the same results."""

    def __init__(self, about, ways):
        self.about, self.ways, self.fastest = about, ways, {}

    def work(self, name, size):
        """The fastest way, and its name."""
        if (name, size) not in self.fastest:
            rivals = self.ways(name, size)
            # The first times tell who need not be tried again; the very first may include a compiler's.
            first = {way: min(milliseconds(work) for _ in range(3)) for way, work in rivals.items()}
            rivals = {way: rivals[way] for way in first if first[way] < 1.5 * min(first.values())}
            times = {way: [] for way in rivals}
            for _ in range(5):
                for way, work in rivals.items():
                    times[way].append(milliseconds(work))
            way = min(times, key=lambda way: statistics.quantiles(times[way])[0])
            self.fastest[name, size] = way, rivals[way]
        return self.fastest[name, size]

    def values(self, name, size):
        """Sum and sum of squares of all results, in the first way and in the one that differs most from it."""
        values = []
        for work in self.ways(name, size).values():
            results = [np.asarray(part, dtype=np.float64) for part in work()]
            values.append((float(sum(part.sum() for part in results)), float(sum((part**2).sum() for part in results))))
        worst = max(values, key=lambda value: sum(abs(one - other) for one, other in zip(value, values[0])))
        return *values[0], *worst

    def answer(self, line):
        match line.split():
            case ["about"]:
                return json.dumps(self.about)
            case ["ways", name, size]:
                return self.work(name, int(size))[0]
            case ["value", name, size]:
                return " ".join(map(repr, self.values(name, int(size))))
            case [name, size, count]:
                _, work = self.work(name, int(size))
                return " ".join(str(milliseconds(work)) for _ in range(int(count)))
        sys.exit(f"{sys.argv[0]}: '{line.strip()}' is no line that it answers")


def main_of_kernels(name, program, ways, use, threads):
    """use(count) sets the number of threads, threads() says how many there are."""
    use(options(f"The kernels of bench-kernels in {name}.").parse_args().threads)
    serve(Bench({"name": name, "program": program, "threads": threads()}, ways).answer)
