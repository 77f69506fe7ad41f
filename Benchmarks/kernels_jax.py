"""The kernels of bench-kernels in JAX, on the CPU: each a function, compiled by jit.

    python3 kernels_jax.py [--threads 2]

The lines that it answers are in peer_kernels.py. JAX's own attention computes the whole square on the CPU and masks half
of it, so beside it stands one in blocks of queries, each with the keys that it may see: it saves half of the products, and
only a stripe of the matrix is in memory. The chunked algorithm is that of steps_jax.py, with three ways to carry the states.
"""

from peer_kernels import CHUNKS, inputs, main_of_kernels
from steps_jax import JaxStepper, chunked, jax, jnp, np

SCALE = 0.125
BLOCKS = (64, 128, 256, 512)


def ssd(x, log, b, c, d, Q, carry):
    """x [B, T, H, P], log [B, T, H], b and c [B, T, H, N], d [H] → [B, T, H, P]"""
    y = chunked(*(part.swapaxes(1, 2) for part in (x, b, c, log)), Q, carry)
    return y.swapaxes(1, 2) + d[:, None] * x


def mix(q, k, v):
    """Attention [B, H, queries, P] of the last queries of a text: they see all keys but those after them."""
    n, m = q.shape[2], k.shape[2]
    mask = np.triu(np.full((n, m), -np.inf, np.float32), m - n + 1)
    return jax.nn.softmax(q @ k.swapaxes(-1, -2) * SCALE + mask, -1) @ v


def explicit(q, k, v):
    return mix(*(x.swapaxes(1, 2) for x in (q, k, v))).swapaxes(1, 2)


def in_blocks(q, k, v, block):
    q, k, v = (x.swapaxes(1, 2) for x in (q, k, v))
    ends = [(start, min(start + block, q.shape[2])) for start in range(0, q.shape[2], block)]
    parts = [mix(q[:, :, start:end], k[:, :, :end], v[:, :, :end]) for start, end in ends]
    return jnp.concatenate(parts, 2).swapaxes(1, 2)


def layer_norm(x, w, b):
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5) * w + b


def bodies(name, size):
    """The ways to compute a kernel, by name: functions of its inputs."""
    if name.startswith("ssd"):
        result = {}
        for Q in CHUNKS:
            chunks, rest = divmod(size, Q)
            if rest or chunks < 2:
                continue
            # The unrolled loop of steps_jax.py, which there has two chunks, is slower than both and compiled for long.
            for carry in ("scan", "associative") + (("matrix",) if chunks <= 64 else ()):
                result[f"Q {Q}, {carry}"] = lambda *x, Q=Q, carry=carry: ssd(*x, Q, carry)
        return result
    if name.startswith("attention"):
        own = lambda q, k, v: jax.nn.dot_product_attention(q, k, v, scale=SCALE, is_causal=True)
        blocks = {
            f"blocks of {block}": lambda *x, block=block: in_blocks(*x, block)
            for block in BLOCKS if 2 <= size / block <= 32
        }
        return {"dot_product_attention": own, "explicit": explicit, **blocks}
    return {
        "product": {"matmul": lambda a, b: a @ b},
        "sum": {"add": lambda a, b: a + b},
        "linear": {"linear": lambda x, w, b: x @ w.T + b},
        "gelu": {"gelu": lambda x: jax.nn.gelu(x, approximate=True)},
        "softmax": {
            "mask": lambda x: jax.nn.softmax(x + np.triu(np.full((size, size), -np.inf, np.float32), 1), -1),
            "where": lambda x: jax.nn.softmax(x, -1, where=np.tri(size, dtype=bool)),
        },
        "layer-norm": {"layer_norm": layer_norm},
    }[name]


def ways(name, size):
    """The ways to do a piece of work, by name: functions that give the results, finished."""
    arguments, cotangent = ([jnp.asarray(x) for x in part] for part in inputs(name, size))

    def work(body):
        def results(arguments, cotangent):
            if cotangent:
                return jax.vjp(body, *arguments)[1](*cotangent)
            return [body(*arguments)]

        # The inputs are arguments: what does not depend on any would be computed while compiling.
        compiled = jax.jit(results)
        return lambda: jax.block_until_ready(compiled(arguments, cotangent))

    return {way: work(body) for way, body in bodies(name, size).items()}


if __name__ == "__main__":
    main_of_kernels("JAX", f"JAX {jax.__version__}, float32", ways, JaxStepper.use, JaxStepper.threads)
