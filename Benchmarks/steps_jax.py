"""The optimiser steps of bench-steps in JAX, on the CPU: each a single function, compiled by jit.

    python3 steps_jax.py FOLDER [--threads 2]

FOLDER and lines are those of steps.py; the lines are in peer.py. Weights and moments are donated, so that XLA may write
the new ones where the old ones are. Numbers have 32 bits.

Everything is inside one jit: the teacher's forward pass, the loss, its gradient, clipping and AdamW. A library of
optimisers would be compiled into the same loops, so AdamW is written out here. What else was thought of is among the ways
below and is tried anew in each run, because it depends on processor and version which is fastest. The first of each part
is what one writes first.
"""

import os

from peer import Stepper, main_of_steps, missing, stored_tensors

try:
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.flatten_util import ravel_pytree
except ImportError:
    missing("steps_jax.py", "JAX", "Install jax of PyPI to compare with it too.")

KINDS = ("teacher", "stage1", "stage2", "stage3")
WAYS = {
    "projections": ("separate", "joined"),  # of queries, keys and values: three products or one
    # Rows of the embedding: XLA adds up a gradient of `take` row by row on the CPU, that of a product at once.
    "embedding": ("take", "one-hot"),
    "heads": ("transposed", "in-place"),  # whether heads become the second axis before products, or stay the third
    "convolution": ("conv", "shifts"),
    "ssd": ("chunked", "quadratic"),
    "layers": ("one-by-one", "side-by-side"),  # layers that do not depend on each other: a loop in Python, or vmap
    "optimiser": ("leaves", "flat"),  # each tensor by itself, or all in one long array
    # The widest registers that the compiler uses where it can choose; ours is built for 512 bits where there are such.
    "registers": ("registers-256", "registers-512"),
}
WIDE = {"xla_cpu_prefer_vector_width": 512}
WAYS_OF = {
    "teacher": ("projections", "embedding", "heads", "optimiser", "registers"),
    "stage1": ("projections", "heads", "convolution", "layers", "optimiser", "registers"),
    "stage2": ("projections", "heads", "ssd", "convolution", "layers", "optimiser", "registers"),
    "stage3": ("projections", "embedding", "heads", "ssd", "convolution", "optimiser", "registers"),
}


def read_safetensors(path):
    """All tensors of a safetensors file by name."""
    kinds = {"F32": np.float32, "F64": np.float32}
    return {
        name: jnp.asarray(np.frombuffer(numbers, dtype={"F32": "<f4", "F64": "<f8"}[kind]).reshape(shape), kinds[kind])
        for name, kind, shape, numbers in stored_tensors(path)
    }


def use(threads):
    """XLA takes as many threads as the process has cores, when it first computes something."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, cores[:threads])


# ---- What teacher and student have in common


def layer_norm(w, name, x):
    centred = x - x.mean(-1, keepdims=True)
    scaled = centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-5)
    return scaled * w[name + ".weight"] + w[name + ".bias"]


def linear(w, name, x):
    y = x @ w[name + ".weight"].T
    return y + w[name + ".bias"] if name + ".bias" in w else y


def mlp(w, name, u):
    return linear(w, name + ".fc2", jax.nn.gelu(linear(w, name + ".fc1", u), approximate=True))


def norms(x, axes):
    """Mean of the Euclidean norms along some axes."""
    return jnp.sqrt((x * x).sum(axes)).mean()


# ---- The teacher's mixer


class Attention:
    def __init__(self, recipe, ways):
        self.H, self.P, self.ways = recipe["H"], recipe["D"] // recipe["H"], ways
        self.R = int(self.P * recipe["rotaryFraction"] / 2) * 2
        T, half = recipe["T"], self.R // 2
        # cos and sin [T, 1, half], for x of [B, T, heads, P]
        rates = recipe.get("rotaryBase", 10000.0) ** (-2 * np.arange(half) / self.R)
        angles = np.arange(T)[:, None] * rates
        self.cos, self.sin = (part[:, None].astype(np.float32) for part in (np.cos(angles), np.sin(angles)))
        self.mask = np.triu(np.full((T, T), -np.inf, np.float32), 1)

    def rotary(self, x):
        half, R = self.R // 2, self.R
        first, second = x[..., :half], x[..., half:R]
        turned = [first * self.cos - second * self.sin, first * self.sin + second * self.cos]
        return jnp.concatenate(turned if R == self.P else turned + [x[..., R:]], -1)

    def heads(self, w, name, u):
        """Queries, keys and values [B, T, H, P]."""
        parts = [name + part for part in (".q_proj", ".k_proj", ".v_proj")]
        shape = (*u.shape[:2], -1, self.P)
        if self.ways["projections"] == "joined":
            weight = jnp.concatenate([w[part + ".weight"] for part in parts])
            bias = jnp.concatenate([w[part + ".bias"] for part in parts])
            qkv = (u @ weight.T + bias).reshape(shape)
            qk, v = self.rotary(qkv[:, :, : 2 * self.H]), qkv[:, :, 2 * self.H :]
            return qk[:, :, : self.H], qk[:, :, self.H :], v
        q, k, v = (linear(w, part, u).reshape(shape) for part in parts)
        return self.rotary(q), self.rotary(k), v

    def mix(self, q, k, v):
        """The matrix [B, H, T, T] of queries and keys [B, T, H, P], and what it makes of the values, in their form."""
        if self.ways["heads"] == "in-place":
            matrix = self.weights(jnp.einsum("bihp,bjhp->bhij", q, k))
            return matrix, jnp.einsum("bhij,bjhp->bihp", matrix, v)
        q, k, v = (x.swapaxes(1, 2) for x in (q, k, v))
        matrix = self.weights(q @ k.swapaxes(-1, -2))
        return matrix, (matrix @ v).swapaxes(1, 2)

    def weights(self, scores):
        return jax.nn.softmax(scores * self.P**-0.5 + self.mask, -1)

    def __call__(self, w, name, u):
        matrix, mixed = self.mix(*self.heads(w, name, u))
        return linear(w, name + ".dense", mixed.reshape(u.shape)), matrix


# ---- The student's mixer


class Mamba:
    def __init__(self, recipe, ways):
        self.T, self.D, self.H, self.N = (recipe[letter] for letter in "TDHN")
        self.P, self.Q, self.ways = self.D // self.H, recipe["Q"], ways
        # Where each part of the in-projection ends: x, B, C, z, a
        self.x = self.D
        self.b = self.x + self.H * self.N
        self.c = self.b + self.H * self.N
        self.z = self.c + self.D

    def convolve(self, x, weight, bias):
        """Causal, depthwise: x [B, T, channels], weight [channels, 1, K]."""
        K, T = weight.shape[-1], x.shape[1]
        if self.ways["convolution"] == "conv":
            return bias + jax.lax.conv_general_dilated(
                x, weight.transpose(2, 1, 0), (1,), [(K - 1, 0)], dimension_numbers=("NWC", "WIO", "NWC"),
                feature_group_count=x.shape[-1])
        padded = jnp.pad(x, ((0, 0), (K - 1, 0), (0, 0)))
        return bias + sum(padded[:, tap : tap + T] * weight[:, 0, tap] for tap in range(K))

    def heads(self, x):
        """[B, T, H · size] → [B, H, T, size]"""
        return x.reshape(*x.shape[:2], self.H, -1).swapaxes(1, 2)

    @staticmethod
    def decays(running):
        """exp of the segment sums: running sums [..., T] → [..., T, T]"""
        T = running.shape[-1]
        return jnp.exp(running[..., :, None] - running[..., None, :] + np.triu(np.full((T, T), -np.inf, np.float32), 1))

    def oriented(self, w, u):
        """The matrix from the parts of the parameters that stage 1 trains: [B, H, T, T]."""
        bc = self.convolve(u @ w["bc"].T, w["convolution"], w["bias"])
        b, c = self.heads(bc[..., : self.H * self.N]), self.heads(bc[..., self.H * self.N :])
        running = -jax.nn.softplus(u @ w["a"].T).swapaxes(1, 2).cumsum(-1)
        return c @ b.swapaxes(-1, -2) * self.decays(running) + w["D"][:, None, None] * np.eye(self.T, dtype=np.float32)

    def __call__(self, w, name, u):
        projected = u @ w[name + ".in_proj.weight"].T
        convolved = self.convolve(projected[..., : self.c], w[name + ".conv1d.weight"], w[name + ".conv1d.bias"])
        x, b, c = (self.heads(part) for part in jnp.split(convolved, (self.x, self.b), -1))
        gate = jax.nn.silu(projected[..., self.c : self.z] + w[name + ".z_bias"])
        log = -jax.nn.softplus(projected[..., self.z :]).swapaxes(1, 2)
        y = chunked(x, b, c, log, self.Q, "loop") if self.ways["ssd"] == "chunked" else self.quadratic(x, b, c, log)
        y = y + w[name + ".D"][:, None, None] * x
        return (y.swapaxes(1, 2).reshape(u.shape) * gate) @ w[name + ".out_proj.weight"].T

    def quadratic(self, x, b, c, log):
        return (c @ b.swapaxes(-1, -2) * self.decays(log.cumsum(-1))) @ x


def chunked(x, b, c, log, Q, carry):
    """The chunked algorithm: x [B, H, T, P], b and c [B, H, T, N], log [B, H, T] → [B, H, T, P].

    States pass from chunk to chunk in a loop that is unrolled, in a loop of XLA, by an associative scan in log₂ steps, or
    all at once by a matrix.
    """
    chunks = x.shape[2] // Q
    x, b, c = (part.reshape(*part.shape[:2], chunks, Q, -1) for part in (x, b, c))
    running = log.reshape(*log.shape[:2], chunks, Q).cumsum(-1)
    inside = (c @ b.swapaxes(-1, -2) * Mamba.decays(running)) @ x
    # What each chunk but the last adds to the state, and the state that enters each chunk but the first.
    last = running[..., -1:]
    added = ((b * jnp.exp(last - running)[..., None])[:, :, :-1]).swapaxes(-1, -2) @ x[:, :, :-1]
    fading = jnp.exp(last)[:, :, :-1, :, None]
    if carry == "loop":
        entering = [added[:, :, 0]]
        for chunk in range(1, chunks - 1):
            entering.append(fading[:, :, chunk] * entering[-1] + added[:, :, chunk])
        entering = jnp.stack(entering, 2)
    elif carry == "scan":
        def advance(state, part):
            state = part[0] * state + part[1]
            return state, state

        parts = jnp.moveaxis(fading, 2, 0), jnp.moveaxis(added, 2, 0)
        entering = jnp.moveaxis(jax.lax.scan(advance, jnp.zeros_like(added[:, :, 0]), parts)[1], 0, 2)
    elif carry == "associative":
        def join(one, other):
            return one[0] * other[0], other[0] * one[1] + other[1]

        entering = jax.lax.associative_scan(join, (fading, added), axis=2)[1]
    else:
        # What chunk j adds enters the chunk after i faded by all chunks between them.
        between = Mamba.decays(last[:, :, :-1, 0].cumsum(-1))
        entering = (between @ added.reshape(*added.shape[:3], -1)).reshape(added.shape)
    across = (c * jnp.exp(running)[..., None])[:, :, 1:] @ entering
    y = jnp.concatenate([inside[:, :, :1], inside[:, :, 1:] + across], 2)
    return y.reshape(*y.shape[:2], chunks * Q, -1)


# ---- The models


class Model:
    """A language model of parallel blocks; the weights come with each call."""

    def __init__(self, weights, recipe, ways):
        self.L, self.ways, self.is_phi = recipe["L"], ways, "model.embed_tokens.weight" in weights
        self.prefix = "model" if self.is_phi else "backbone"
        self.mixer = (Attention if self.is_phi else Mamba)(recipe, ways)

    def embed(self, w, tokens):
        table = w[f"{self.prefix}.{'embed_tokens' if self.is_phi else 'embedding'}.weight"]
        if self.ways["embedding"] == "one-hot":
            return jax.nn.one_hot(tokens, len(table), dtype=table.dtype) @ table
        return table[tokens]

    def mix(self, w, layer, u):
        """What a mixer makes of its input, and its matrix where it has one."""
        name = f"{self.prefix}.layers.{layer}"
        return self.mixer(w, name + ".self_attn", u) if self.is_phi else (self.mixer(w, name + ".mixer", u), None)

    def trace(self, w, tokens):
        """What the mixer of each block reads, gives, and mixes with; and what leaves the last block."""
        x, result = self.embed(w, tokens), []
        for layer in range(self.L):
            name = f"{self.prefix}.layers.{layer}"
            u = layer_norm(w, name + ".input_layernorm", x)
            output, matrix = self.mix(w, layer, u)
            x = x + output + mlp(w, name + ".mlp", u)
            result.append((u, output, matrix))
        return result, x

    def __call__(self, w, tokens):
        return linear(w, "lm_head", layer_norm(w, f"{self.prefix}.final_layernorm", self.trace(w, tokens)[1]))


def cross_entropy(logits, targets):
    """Of logits [..., V] and either tokens [...] or distributions [..., V]."""
    if targets.ndim < logits.ndim:
        targets = jax.nn.one_hot(targets, logits.shape[-1], dtype=logits.dtype)
    return -(targets * jax.nn.log_softmax(logits, -1)).sum(-1).mean()


# ---- A kind of step, from its first on


class JaxStepper(Stepper):
    name, kinds, all_ways, ways_of, modes = "JAX", KINDS, WAYS, WAYS_OF, {"jit": {}}
    use = staticmethod(use)

    @staticmethod
    def threads():
        return len(os.sched_getaffinity(0))

    @classmethod
    def exists(cls, way):
        if way != "registers-512":
            return True
        try:
            return bool(jax.jit(lambda x: x + 1, compiler_options=WIDE)(0))
        except Exception:  # Another version may not know the option.
            return False

    def prepare(self, folder):
        self.read(folder)
        self.rate = self.description["rates"][self.kind]
        self.settings = self.description["optimiser"]
        self.moments = jax.tree.map(lambda x: (jnp.zeros_like(x), jnp.zeros_like(x)), self.parameters)
        if self.ways["optimiser"] == "flat":
            self.parameters, self.unravel = ravel_pytree(self.parameters)
            self.moments = tuple(jnp.zeros_like(self.parameters) for _ in range(2))
        # Registers of 256 bits are XLA's own choice.
        options = WIDE if self.ways["registers"] == "registers-512" else None
        self.compiled = jax.jit(self.whole_step, donate_argnums=(0, 1), compiler_options=options)

    def read(self, folder):
        """Reads tokens and models, and says what is trained."""
        recipe = self.recipe
        self.tokens = jnp.asarray(read_safetensors(folder / "tokens.safetensors")["tokens"], jnp.int32)
        w = {name: read_safetensors(folder / name / "model.safetensors") for name in ("teacher", "student")}
        # The shapes only: what is trained is given away.
        self.shapes = {
            name: [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in tensors.values()] for name, tensors in w.items()}
        self.teacher, self.student = (Model(w[name], recipe, self.ways) for name in ("teacher", "student"))
        self.frozen = w["teacher"] if self.kind != "teacher" else {}
        mixers, mamba, s = [f"backbone.layers.{l}.mixer" for l in range(recipe["L"])], self.student.mixer, w["student"]
        if self.kind == "teacher":
            self.parameters = w["teacher"]
        elif self.kind == "stage1":
            # Only some rows of the in-projection are trained: they are parameters of their own here.
            self.parameters = [
                {
                    "bc": s[m + ".in_proj.weight"][mamba.x : mamba.c], "a": s[m + ".in_proj.weight"][mamba.z :],
                    "convolution": s[m + ".conv1d.weight"][mamba.x :], "bias": s[m + ".conv1d.bias"][mamba.x :],
                    "D": s[m + ".D"],
                }
                for m in mixers
            ]
        elif self.kind == "stage2":
            self.parameters = [
                {name.removeprefix(m): s[name] for name in s if name.startswith(m + ".")} for m in mixers]
        else:
            self.parameters = s

    # ---- The loss

    def loss(self, parameters, frozen, inputs, targets):
        if self.kind == "teacher":
            return cross_entropy(self.teacher(parameters, inputs), targets)
        if self.kind == "stage3":
            target = jax.nn.softmax(self.teacher(frozen, inputs), -1)
            return cross_entropy(self.student(parameters, inputs), target)
        traces, _ = self.teacher.trace(frozen, inputs)
        if self.kind == "stage1":
            def distance(part, u, _, matrix):
                return norms(self.student.mixer.oriented(part, u) - matrix, (-1, -2))
        else:
            def distance(part, u, output, _):
                return norms(self.student.mixer(part, "", u) - output, -1)
            traces = [(u, output, output) for u, output, _ in traces]
        if self.ways["layers"] == "one-by-one":
            return sum(distance(part, *trace) for part, trace in zip(parameters, traces))
        parts, traces = (jax.tree.map(lambda *x: jnp.stack(x), *group) for group in (parameters, traces))
        return jax.vmap(distance)(parts, *traces).sum()

    # ---- The step

    def clipped(self, gradients):
        """Gradients whose norm is at most the limit, and the square of the norm that they had."""
        square = sum(jnp.vdot(g, g) for g in jax.tree.leaves(gradients))
        scale = jnp.minimum(1, self.settings["clip"] * jax.lax.rsqrt(square))
        return jax.tree.map(lambda g: scale * g, gradients), square

    def whole_step(self, parameters, moments, rates, frozen, inputs, targets):
        """New weights and moments, the loss, and the norm of the gradients; rates: of the step, and of what decays."""
        flat = self.ways["optimiser"] == "flat"
        tree = self.unravel(parameters) if flat else parameters
        loss, gradients = jax.value_and_grad(self.loss)(tree, frozen, inputs, targets)
        gradients, square = self.clipped(gradients)
        # Decay acts on matrices only.
        decays = jax.tree.map(lambda x: rates["decay"] if x.ndim >= 2 else 0.0, tree)
        if flat:
            gradients, _ = ravel_pytree(gradients)
            decays, _ = ravel_pytree(jax.tree.map(lambda x, decay: jnp.full(x.shape, decay, x.dtype), tree, decays))
        changed = jax.tree.map(
            lambda x, g, decay, m: self.adamw(x, g, decay, *m, rates), parameters, gradients, decays, moments)
        new = jax.tree.map(lambda _, both: both[0], parameters, changed)
        new_moments = jax.tree.map(lambda _, both: both[1], parameters, changed)
        return new, new_moments, loss, jnp.sqrt(square)

    def adamw(self, x, g, decay, first, second, rates):
        b1, b2 = self.settings["beta1"], self.settings["beta2"]
        first, second = b1 * first + (1 - b1) * g, b2 * second + (1 - b2) * g * g
        size = rates["first"] * first / (jnp.sqrt(second * rates["second"]) + self.settings["epsilon"])
        return x - decay * x - size, (first, second)

    def batch(self, number):
        window = self.tokens[number % len(self.tokens)]
        return jax.block_until_ready((window[:, :-1], window[:, 1:]))

    def step(self, inputs, targets):
        count, b1, b2 = self.steps + 1, self.settings["beta1"], self.settings["beta2"]
        rates = {
            "first": self.rate / (1 - b1**count), "second": 1 / (1 - b2**count),
            "decay": self.rate * self.settings["weightDecay"],
        }
        self.parameters, self.moments, loss, norm = jax.block_until_ready(
            self.compiled(self.parameters, self.moments, rates, self.frozen, inputs, targets))
        return float(loss), float(norm)

    def models(self):
        return self.shapes

    def trained(self):
        return jax.tree.leaves(self.parameters)

    def program(self):
        return f"JAX {jax.__version__}, float32"


if __name__ == "__main__":
    main_of_steps(JaxStepper)
