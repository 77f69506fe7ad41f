"""The optimiser steps of bench-real in PyTorch, on the CPU: eager, eager at its fastest, compiled.

    python3 real.py FOLDER [--threads 2] [--no-compile]

FOLDER is what bench-real wrote for the line `export FOLDER`: both programs begin with the same weights and go through the
same tokens. The program answers the lines of peer.py for stage2 and stage3; its Discrete-Mamba-2 mixer, its optimisers
and its clock are those of steps.py too. Teacher and student have all weights outside the mixers in common.

What can be written in several ways, PyTorch may choose from. In stage 2 it may also finish one layer after the other,
each with an optimiser of its own, so that the gradients of all layers are never in memory at once.

Compiled are the parts of a layer, once for all layers; the whole step as one took twenty times as long to compile.
"""

import functools

from peer import main_of_steps
from steps import FIRST, WAYS, Attention, F, Mamba, TorchStepper, read_safetensors, torch

# The ways in which something can be computed; the first is the one to begin with.
WAYS = {
    "projections": WAYS["projections"],
    "gates": ("gates-separate", "gates-joined"),  # of the gated MLP: two products or one
    "attention": ("repeated", "grouped"),  # who repeats the shared keys and values: we or sdpa
    "norm": ("rms_norm", "written-out"),
    "ssd": WAYS["ssd"],
    "convolution": WAYS["convolution"],
    "loss": ("cross_entropy", "log_softmax"),
    "optimiser": WAYS["optimiser"],
    "clip": ("clip_grad_norm_", "if-needed"),
    "order": ("together", "by-layer"),
    "mode": WAYS["mode"],
}
TEACHER, MIXER = ("projections", "gates", "attention", "norm"), ("ssd", "convolution")


@functools.cache
def frozen_weights(folder):
    """The teacher's weights, which nothing changes and all steppers share; those of a layer by the names of their parts.

    What one may join is one matrix already; its parts are rows of it.
    """
    w = read_safetensors(folder / "teacher/model.safetensors")
    layers = []
    while f"model.layers.{len(layers)}.input_layernorm.weight" in w:
        name = f"model.layers.{len(layers)}."

        def take(*parts):
            tensors = [w.pop(name + part + ".weight") for part in parts]
            return torch.cat(tensors) if len(tensors) > 1 else tensors[0]

        layers.append({
            "norm": take("input_layernorm"), "second_norm": take("post_attention_layernorm"),
            "qkv": take("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"), "out": take("self_attn.o_proj"),
            "gates": take("mlp.gate_proj", "mlp.up_proj"), "down": take("mlp.down_proj"),
        })
    return layers, w


class GroupedAttention(Attention):
    """Attention whose keys and values are shared by several heads of queries."""

    def __init__(self, recipe, dtype, ways):
        super().__init__(recipe, dtype, ways)
        self.G = recipe["G"]
        self.widths = [heads * self.P for heads in (self.H, self.G, self.G)]

    def __call__(self, w, u):
        if self.ways["projections"] == "joined":
            q, k, v = F.linear(u, w["qkv"]).split(self.widths, -1)
        else:
            q, k, v = (F.linear(u, part) for part in w["qkv"].split(self.widths))
        q, k, v = (x.unflatten(-1, (-1, self.P)) for x in (q, k, v))
        q, k, v = (x.transpose(1, 2) for x in (self.rotary(q), self.rotary(k), v))
        if self.ways["attention"] == "grouped":
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        else:
            k, v = (x.repeat_interleave(self.H // self.G, 1) for x in (k, v))
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return F.linear(mixed.transpose(1, 2).reshape(u.shape), w["out"])


class RealStepper(TorchStepper):
    kinds, all_ways, first = ("stage2", "stage3"), WAYS, FIRST
    ways_of = {
        "stage2": TEACHER + MIXER + ("optimiser", "clip", "order"),
        "stage3": TEACHER + MIXER + ("loss", "optimiser", "clip"),
    }

    def read(self, folder):
        self.layers, self.others = frozen_weights(folder)
        tokens = read_safetensors(folder / "tokens.safetensors")
        self.tokens = tokens["tokens"].long()
        self.embedding = self.others["model.embed_tokens.weight"]
        self.head = self.others.get("lm_head.weight", self.embedding)[tokens["subset"].long()]
        w = read_safetensors(folder / "student/model.safetensors")
        # Below "mixer.in_proj.weight" and so on, the same names in each layer.
        self.mixers = [
            {name.removeprefix(prefix): w[name] for name in w if name.startswith(prefix)}
            for prefix in (f"backbone.layers.{layer}." for layer in range(len(self.layers)))
        ]
        self.groups = [list(mixer.values()) for mixer in self.mixers]
        self.parameters = sum(self.groups, [])
        if self.kind == "stage3":
            self.groups = [self.parameters]
        self.attention = GroupedAttention(self.recipe, torch.float32, self.ways)
        self.mamba = Mamba(self.recipe, torch.float32, self.ways)

    def make_optimiser(self, parameters):
        if self.ways["order"] == "by-layer":
            return [super(RealStepper, self).make_optimiser(group) for group in self.groups]
        return super().make_optimiser(parameters)

    def compile(self):
        for part in ("attend", "feed_forward", "distance", "block", "predict", "cross_entropy"):
            setattr(self, part, torch.compile(getattr(self, part), dynamic=False))

    def models(self):
        frozen = list(self.others.values()) + [tensor for layer in self.layers for tensor in layer.values()]
        replaced = {id(layer[part]) for layer in self.layers for part in ("qkv", "out")}
        kept = [tensor for tensor in frozen if id(tensor) not in replaced]
        return {"teacher": frozen, "student": kept + self.parameters}

    # ---- The parts of a layer

    def norm(self, x, weight):
        epsilon = self.recipe["epsilon"]
        if self.ways["norm"] == "rms_norm":
            return F.rms_norm(x, x.shape[-1:], weight, epsilon)
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + epsilon) * weight

    def attend(self, w, x):
        """What the teacher's attention reads, and what it gives."""
        u = self.norm(x, w["norm"])
        return u, self.attention(w, u)

    def feed_forward(self, w, x, mixed):
        """What leaves a block, given what its mixer gives."""
        h = x + mixed
        u = self.norm(h, w["second_norm"])
        if self.ways["gates"] == "gates-joined":
            gate, up = F.linear(u, w["gates"]).chunk(2, -1)
        else:
            gate, up = (F.linear(u, part) for part in w["gates"].chunk(2))
        return h + F.linear(F.silu(gate) * up, w["down"])

    def block(self, w, mixer, x):
        """A block of the student."""
        return self.feed_forward(w, x, self.mamba(mixer, "mixer", self.norm(x, w["norm"])))

    def distance(self, mixer, u, target):
        """The distance of a mixer from attention, relative to what attention gives."""
        return (self.mamba(mixer, "mixer", u) - target).norm(dim=-1).mean() / target.norm(dim=-1).mean()

    def predict(self, x):
        return F.linear(self.norm(x, self.others["model.norm.weight"]), self.head)

    def cross_entropy(self, logits, target):
        if self.ways["loss"] == "cross_entropy":
            return F.cross_entropy(logits.flatten(0, 1), target.flatten(0, 1))
        return -(target * torch.log_softmax(logits, -1)).sum(-1).mean()

    # ---- The steps

    def distances(self, inputs):
        """The loss of each layer, as soon as the teacher has come so far."""
        x = F.embedding(inputs, self.embedding)
        for w, mixer in zip(self.layers, self.mixers):
            with torch.no_grad():
                u, target = self.attend(w, x)
            yield self.distance(mixer, u, target)
            if w is not self.layers[-1]:
                with torch.no_grad():
                    x = self.feed_forward(w, x, target)

    def eager_loss(self, inputs, targets):
        if self.kind == "stage2":
            return sum(self.distances(inputs))
        x = y = F.embedding(inputs, self.embedding)
        with torch.no_grad():
            for w in self.layers:
                x = self.feed_forward(w, x, self.attend(w, x)[1])
            target = torch.softmax(self.predict(x), -1)
        for w, mixer in zip(self.layers, self.mixers):
            y = self.block(w, mixer, y)
        return self.cross_entropy(self.predict(y), target)

    def clip(self, parameters):
        """Limits the norm of some gradients together, and returns it."""
        limit, foreach = self.description["optimiser"]["clip"], self.ways["optimiser"] != "loop"
        if self.ways["clip"] == "clip_grad_norm_":
            return torch.nn.utils.clip_grad_norm_(parameters, limit, foreach=foreach).item()
        gradients = [p.grad for p in parameters]
        norm = torch.nn.utils.get_total_norm(gradients, foreach=foreach).item()
        if norm > limit:
            torch._foreach_mul_(gradients, limit / norm)
        return norm

    def step(self, inputs, targets):
        if self.ways["order"] == "together":
            self.optimiser.zero_grad(set_to_none=True)
            loss = self.loss(inputs, targets)
            loss.backward()
            norms = [self.clip(group) for group in self.groups]
            self.optimiser.step()
            return loss.item(), sum(norm**2 for norm in norms) ** 0.5
        total, squares = 0.0, 0.0
        for loss, group, optimiser in zip(self.distances(inputs), self.groups, self.optimiser):
            loss.backward()
            squares += self.clip(group) ** 2
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
            total += loss.item()
        return total, squares**0.5


if __name__ == "__main__":
    main_of_steps(RealStepper)
