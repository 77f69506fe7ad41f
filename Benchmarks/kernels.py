"""The kernels of bench-kernels in PyTorch, on the CPU.

    python3 kernels.py [--threads 2]

Answers the lines that Benchmarks/kernels/main.swift describes, and `ways NAME SIZE`: which way of several is fastest
here, and is timed. What PyTorch can do in one call (attention, products) it does in one call. The chunked algorithm is
that of Dao and Gu (arXiv 2405.21060, listing 1), with the states carried from chunk to chunk by a loop or by a matrix.
"""

import argparse
import json
import statistics
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    sys.exit(f"kernels.py: {sys.executable} has no torch. Debian: apt-get install python3-torch; or pip install torch.")

H, P, N = 8, 64, 64
CHUNKS = (16, 32, 64, 128, 256)


def wave(k, *shape, scale=1.0, shift=0.0):
    """sin(0.7 i + k), scaled and moved."""
    count = torch.Size(shape).numel()
    angles = 0.7 * torch.arange(count, dtype=torch.float64) + k
    return (shift + scale * torch.sin(angles)).float().reshape(shape)


def state_space(T):
    return [
        wave(1, 1, T, H, P), wave(2, 1, T, H, scale=0.05, shift=-0.06), wave(3, 1, T, H, N, scale=0.125),
        wave(4, 1, T, H, N, scale=0.125), wave(5, H),
    ]


def segment_sums(log):
    """Sums of log over j < s ≤ i, −∞ above the diagonal: [..., Q] → [..., Q, Q]"""
    running = log.cumsum(-1)
    return (running[..., :, None] - running[..., None, :]).masked_fill(
        torch.ones(log.shape[-1], log.shape[-1], dtype=torch.bool).triu(1), float("-inf"))


def ssd(x, log, b, c, d, Q, carry):
    """x [B, T, H, P], log [B, T, H], b and c [B, T, H, N], d [H] → [B, T, H, P]"""
    T = x.shape[1]
    chunks = T // Q
    # [B, H, chunks, Q, ·]
    xs, bs, cs = (part.unflatten(1, (chunks, Q)).permute(0, 3, 1, 2, 4) for part in (x, b, c))
    logs = log.unflatten(1, (chunks, Q)).permute(0, 3, 1, 2)
    running = logs.cumsum(-1)
    inside = (cs @ bs.transpose(-1, -2) * torch.exp(segment_sums(logs))) @ xs
    last = running[..., -1:]
    added = (bs * torch.exp(last - running)[..., None]).transpose(-1, -2) @ xs
    if carry == "loop":
        fading, state, entering = torch.exp(last)[..., None], torch.zeros_like(added[:, :, 0]), []
        for chunk in range(chunks):
            entering.append(state)
            state = fading[:, :, chunk] * state + added[:, :, chunk]
        entering = torch.stack(entering, 2)
    else:
        # What chunk j adds enters chunk i faded by all chunks between them.
        between = torch.exp(segment_sums(F.pad(last[..., 0], (1, 0))))[..., :-1, 1:]
        entering = (between @ added.flatten(-2)).unflatten(-1, (N, P))
    across = (cs * torch.exp(running)[..., None]) @ entering
    y = (inside + across).permute(0, 2, 3, 1, 4).flatten(1, 2)
    return y + d[:, None] * x


def attention(q, k, v, way):
    q, k, v = (part.transpose(1, 2) for part in (q, k, v))
    if way == "sdpa":
        return F.scaled_dot_product_attention(q, k, v, is_causal=True, scale=0.125).transpose(1, 2)
    mask = torch.full((q.shape[2], q.shape[2]), float("-inf")).triu(1)
    return (torch.softmax(q @ k.transpose(-1, -2) * 0.125 + mask, -1) @ v).transpose(1, 2)


def with_gradients(inputs, cotangent, body):
    leaves = [part.clone().requires_grad_(True) for part in inputs]

    def work():
        return list(torch.autograd.grad((body(*leaves) * cotangent).sum(), leaves))

    return work


def ways(name, size):
    """The ways to do a piece of work, by name: functions that give the results."""
    if name.startswith("ssd"):
        inputs, g = state_space(size), wave(6, 1, size, H, P)
        result = {}
        for Q in CHUNKS:
            if size % Q == 0:
                for carry in ("loop", "matrix") if size // Q <= 64 else ("loop",):
                    def forward(*x, Q=Q, carry=carry):
                        return ssd(*x, Q, carry)
                    if name == "ssd-forward":
                        result[f"Q {Q}, {carry}"] = lambda forward=forward: [forward(*inputs)]
                    else:
                        result[f"Q {Q}, {carry}"] = with_gradients(inputs, g, forward)
        return result
    if name.startswith("attention"):
        inputs = [wave(k, 1, size, H, P) for k in (1, 2, 3)]
        result = {}
        for way in ("sdpa", "explicit") if hasattr(F, "scaled_dot_product_attention") else ("explicit",):
            def forward(*x, way=way):
                return attention(*x, way)
            if name == "attention-forward":
                result[way] = lambda forward=forward: [forward(*inputs)]
            else:
                result[way] = with_gradients(inputs, wave(6, 1, size, H, P), forward)
        return result
    if name == "product":
        a, b = wave(1, size, size), wave(2, size, size)
        return {"matmul": lambda: [a @ b]}
    if name == "sum":
        a, b = wave(1, size), wave(2, size)
        return {"add": lambda: [a + b]}
    if name == "linear":
        x, w, b = wave(1, 1024, size), wave(2, 4 * size, size), wave(3, 4 * size)
        return {"linear": lambda: [F.linear(x, w, b)]}
    if name == "gelu":
        x = wave(1, 1024, size, scale=3)
        return {"gelu": lambda: [F.gelu(x, approximate="tanh")]}
    if name == "softmax":
        x, mask = wave(1, 32, size, size, scale=3), torch.full((size, size), float("-inf")).triu(1)
        return {"softmax": lambda: [torch.softmax(x + mask, -1)]}
    if name == "layer-norm":
        x, w, b = wave(1, 1024, size), wave(2, size), wave(3, size)
        return {"layer_norm": lambda: [F.layer_norm(x, (size,), w, b, 1e-5)]}
    sys.exit(f"kernels.py knows no '{name}'")


def milliseconds(work):
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


class Bench:
    def __init__(self):
        self.fastest = {}

    def work(self, name, size):
        """The fastest way, and its name."""
        if (name, size) not in self.fastest:
            rivals = ways(name, size)
            # The first time tells who need not be tried again.
            first = {way: min(milliseconds(work), milliseconds(work)) for way, work in rivals.items()}
            rivals = {way: rivals[way] for way in first if first[way] < 1.5 * min(first.values())}
            times = {way: statistics.median(milliseconds(work) for _ in range(3)) for way, work in rivals.items()}
            way = min(times, key=times.get)
            self.fastest[name, size] = way, rivals[way]
        return self.fastest[name, size]

    def answer(self, line):
        words = line.split()
        if words[0] == "about":
            return json.dumps({"program": f"PyTorch {torch.__version__}, float32", "threads": torch.get_num_threads()})
        if words[0] == "ways":
            return self.work(words[1], int(words[2]))[0]
        if words[0] == "value":
            # All ways have to give the same: the one that differs most from the first is told.
            values = []
            for work in ways(words[1], int(words[2])).values():
                results = [part.double() for part in work()]
                values.append((sum(part.sum().item() for part in results), sum((part**2).sum().item() for part in results)))
            worst = max(values, key=lambda value: sum(abs(one - other) for one, other in zip(value, values[0])))
            return "{!r} {!r} {!r} {!r}".format(*values[0], *worst)
        _, work = self.work(words[0], int(words[1]))
        return " ".join(str(milliseconds(work)) for _ in range(int(words[2])))


def main():
    parser = argparse.ArgumentParser(description="The kernels of bench-kernels in PyTorch.")
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    bench = Bench()
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        print(bench.answer(line), flush=True)


main()
