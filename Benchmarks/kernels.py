"""The kernels of bench-kernels in PyTorch, on the CPU.

    python3 kernels.py [--threads 2]

The lines that it answers are in peer_kernels.py. What PyTorch can do in one call (attention, products) it does in one
call. The chunked algorithm is that of Dao and Gu (arXiv 2405.21060, listing 1), with the states carried from chunk to
chunk by a loop or by a matrix.
"""

from peer import missing
from peer_kernels import CHUNKS, H, N, P, inputs, main_of_kernels

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    missing("kernels.py", "PyTorch", "Install python3-torch of Debian or torch of PyPI, and name its python: --python FILE")


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


def bodies(name, size):
    """The ways to compute a kernel, by name: functions of its inputs."""
    if name.startswith("ssd"):
        return {
            f"Q {Q}, {carry}": lambda *x, Q=Q, carry=carry: ssd(*x, Q, carry)
            for Q in CHUNKS if size % Q == 0
            for carry in (("loop", "matrix") if size // Q <= 64 else ("loop",))
        }
    if name.startswith("attention"):
        ways = ("sdpa", "explicit") if hasattr(F, "scaled_dot_product_attention") else ("explicit",)
        return {way: lambda *x, way=way: attention(*x, way) for way in ways}
    mask = torch.full((size, size), float("-inf")).triu(1) if name == "softmax" else None
    return {
        "product": {"matmul": lambda a, b: a @ b},
        "sum": {"add": lambda a, b: a + b},
        "linear": {"linear": F.linear},
        "gelu": {"gelu": lambda x: F.gelu(x, approximate="tanh")},
        "softmax": {"softmax": lambda x: torch.softmax(x + mask, -1)},
        "layer-norm": {"layer_norm": lambda x, w, b: F.layer_norm(x, (size,), w, b, 1e-5)},
    }[name]


def ways(name, size):
    """The ways to do a piece of work, by name: functions that give the results."""
    arguments, cotangent = ([torch.from_numpy(x) for x in part] for part in inputs(name, size))
    if cotangent:
        return {way: with_gradients(arguments, *cotangent, body) for way, body in bodies(name, size).items()}
    return {way: lambda body=body: [body(*arguments)] for way, body in bodies(name, size).items()}


if __name__ == "__main__":
    torch.set_flush_denormal(True)  # As in steps.py.
    main_of_kernels(
        "PyTorch", f"PyTorch {torch.__version__}, float32", ways, torch.set_num_threads, torch.get_num_threads)
