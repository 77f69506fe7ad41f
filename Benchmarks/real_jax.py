"""The optimiser steps of bench-real in JAX, on the CPU: each a single function, compiled by jit.

    python3 real_jax.py FOLDER [--threads 2]

FOLDER and lines are those of real.py. The mixer of the student, the optimiser and the clock are those of steps_jax.py.
The frozen weights are arguments of the function and shared by all that is compiled, in the form of real.py: what one may
join is one matrix already.

The thirty layers are written out one after another. A loop of XLA over stacked weights would be compiled faster, but
copies the weights of each layer in each step.
"""

import functools

from peer import main_of_steps
from steps_jax import WAYS, Attention, JaxStepper, Mamba, cross_entropy, jax, jnp, norms, read_safetensors

REAL_WAYS = {
    "projections": WAYS["projections"],
    "gates": ("gates-separate", "gates-joined"),  # of the gated MLP: two products or one
    "attention": ("repeated", "grouped"),  # whether shared keys and values are repeated, or queries taken in groups
    "heads": ("transposed",),
    "ssd": WAYS["ssd"],
    "convolution": WAYS["convolution"],
    "optimiser": ("leaves",),
    "registers": WAYS["registers"],
}
TUNED = ("projections", "gates", "attention", "ssd", "convolution", "registers")


@functools.cache
def frozen_weights(folder):
    """The teacher's weights: those of a layer by the names of their parts, and all others."""
    w = read_safetensors(folder / "teacher/model.safetensors")
    layers = []
    while f"model.layers.{len(layers)}.input_layernorm.weight" in w:
        name = f"model.layers.{len(layers)}."

        def take(*parts):
            return jnp.concatenate([w.pop(name + part + ".weight") for part in parts])

        layers.append({
            "norm": take("input_layernorm"), "second_norm": take("post_attention_layernorm"),
            "qkv": take("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), "out": take("self_attn.o_proj"),
            "gates": take("mlp.gate_proj", "mlp.up_proj"), "down": take("mlp.down_proj"),
        })
    return layers, w


class GroupedAttention(Attention):
    """Attention whose keys and values are shared by several heads of queries."""

    def __init__(self, recipe, ways):
        super().__init__(recipe, ways)
        self.G = recipe["G"]

    def __call__(self, w, u):
        ends = self.H * self.P, (self.H + self.G) * self.P
        if self.ways["projections"] == "joined":
            q, k, v = jnp.split(u @ w["qkv"].T, ends, -1)
        else:
            q, k, v = (u @ part.T for part in jnp.split(w["qkv"], ends))
        q, k, v = (x.reshape(*u.shape[:2], -1, self.P) for x in (q, k, v))
        q, k = self.rotary(q), self.rotary(k)
        if self.ways["attention"] == "repeated":
            k, v = (jnp.repeat(x, self.H // self.G, 2) for x in (k, v))
            mixed = self.mix(q, k, v)[1]
        else:
            q = q.reshape(*u.shape[:2], self.G, self.H // self.G, self.P)
            matrix = self.weights(jnp.einsum("bignp,bjgp->bgnij", q, k))
            mixed = jnp.einsum("bgnij,bjgp->bignp", matrix, v)
        return mixed.reshape(u.shape) @ w["out"].T


class RealStepper(JaxStepper):
    kinds, all_ways = ("stage2", "stage3"), REAL_WAYS
    ways_of = {"stage2": TUNED, "stage3": TUNED}

    def read(self, folder):
        layers, others = frozen_weights(folder)
        tokens = read_safetensors(folder / "tokens.safetensors")
        self.tokens = jnp.asarray(tokens["tokens"], jnp.int32)
        embedding = others["model.embed_tokens.weight"]
        head = others.get("lm_head.weight", embedding)[jnp.asarray(tokens["subset"], jnp.int32)]
        self.frozen = {
            "layers": layers, "embedding": embedding, "norm": others["model.norm.weight"], "head": head}
        w = read_safetensors(folder / "student/model.safetensors")
        # Below "mixer.in_proj.weight" and so on, the same names in each layer.
        self.parameters = [
            {name.removeprefix(prefix): w[name] for name in w if name.startswith(prefix)}
            for prefix in (f"backbone.layers.{layer}." for layer in range(len(layers)))
        ]
        frozen = list(others.values()) + [x for layer in layers for x in layer.values()]
        kept = list(others.values()) + [
            x for layer in layers for part, x in layer.items() if part not in ("qkv", "out")]
        self.shapes = {
            name: [jax.ShapeDtypeStruct(x.shape, x.dtype) for x in tensors]
            for name, tensors in {"teacher": frozen, "student": kept + list(w.values())}.items()
        }
        self.attention, self.mamba = GroupedAttention(self.recipe, self.ways), Mamba(self.recipe, self.ways)

    # ---- The parts of a layer

    def norm(self, x, weight):
        return x * jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + self.recipe["epsilon"]) * weight

    def attend(self, w, x):
        """What the teacher's attention reads, and what it gives."""
        u = self.norm(x, w["norm"])
        return u, self.attention(w, u)

    def feed_forward(self, w, x, mixed):
        """What leaves a block, given what its mixer gives."""
        h = x + mixed
        u = self.norm(h, w["second_norm"])
        if self.ways["gates"] == "gates-joined":
            gate, up = jnp.split(u @ w["gates"].T, 2, -1)
        else:
            gate, up = (u @ part.T for part in jnp.split(w["gates"], 2))
        return h + (jax.nn.silu(gate) * up) @ w["down"].T

    def predict(self, frozen, x):
        return self.norm(x, frozen["norm"]) @ frozen["head"].T

    # ---- The step

    def loss(self, parameters, frozen, inputs, targets):
        x = y = frozen["embedding"][inputs]
        total = 0
        for w, mixer in zip(frozen["layers"], parameters):
            u, target = self.attend(w, x)
            if self.kind == "stage2":
                total += norms(self.mamba(mixer, "mixer", u) - target, -1) / norms(target, -1)
            x = self.feed_forward(w, x, target)
        if self.kind == "stage2":
            return total
        for w, mixer in zip(frozen["layers"], parameters):
            y = self.feed_forward(w, y, self.mamba(mixer, "mixer", self.norm(y, w["norm"])))
        return cross_entropy(self.predict(frozen, y), jax.nn.softmax(self.predict(frozen, x), -1))

    def clipped(self, gradients):
        """In stage 2 each layer is a problem of its own, and is clipped by itself."""
        if self.kind == "stage3":
            return super().clipped(gradients)
        layers, squares = zip(*(super(RealStepper, self).clipped(layer) for layer in gradients))
        return list(layers), sum(squares)


if __name__ == "__main__":
    main_of_steps(RealStepper)
