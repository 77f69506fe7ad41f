"""The optimiser steps of bench-steps in PyTorch, on the CPU: eager, eager at its fastest, compiled.

    python3 steps.py FOLDER [--threads 2]

FOLDER is what bench-steps wrote for the line `export FOLDER`: both programs begin with the same weights and go through
the same tokens. The program answers the lines that Benchmarks/steps/main.swift describes, all but `export`, and more:

    tune KIND                 tries the ways in which PyTorch can compute this kind of step, keeps the fastest, names it
    compile KIND              compiles the loss in these ways and makes a step; "done", or why it could not
    ways KIND                 names all ways but those to begin with
    losses KIND COUNT [WAY]   as in bench-steps, computed in one of these ways, or compiled
    KIND COUNT MODE           makes COUNT steps; MODE is eager, tuned or compiled

What can be written in several ways, PyTorch may choose from, so that it is not beaten by a clumsy program: that is
`tuned`. `eager` is what one writes first, with PyTorch's own attention where nobody asks for the matrix.
"""

import argparse
import gc
import json
import pathlib
import statistics
import struct
import sys
import time

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    sys.exit(
        f"steps.py: {sys.executable} has no torch. Debian: apt-get install python3-torch, then --python"
        " /usr/bin/python3. Elsewhere: pip install torch in a virtual environment, and --python with the python of that.")

KINDS = ("teacher", "stage1", "stage2", "stage3")

# The ways in which something can be computed; the first is the one to begin with.
WAYS = {
    "projections": ("separate", "joined"),  # of queries, keys and values: three products or one
    "attention": ("explicit", "sdpa"),  # where nobody asks for the matrix
    "convolution": ("conv1d", "shifts"),
    "ssd": ("chunked", "quadratic"),
    "optimiser": ("loop", "foreach", "fused"),
}
# What PyTorch's documentation advises, and what its optimiser does when it is not asked.
FIRST = {"attention": "sdpa", "optimiser": "foreach"}
WAYS_OF = {
    "teacher": ("attention", "projections", "optimiser"),
    "stage1": ("projections", "convolution", "optimiser"),
    "stage2": ("attention", "projections", "ssd", "convolution", "optimiser"),
    "stage3": ("attention", "projections", "ssd", "convolution", "optimiser"),
}


def version():
    return tuple(int(part) for part in torch.__version__.split("+")[0].split("a")[0].split(".")[:2])


def exists(way):
    """Whether this PyTorch knows a way."""
    if way == "sdpa":
        return hasattr(F, "scaled_dot_product_attention")
    if way == "rms_norm":
        return hasattr(F, "rms_norm")
    if way == "if-needed":
        return hasattr(torch.nn.utils, "get_total_norm")
    if way == "grouped":
        return version() >= (2, 5)
    if way == "fused":
        return version() >= (2, 4)  # AdamW on the CPU
    return True


def read_safetensors(path):
    """All tensors of a safetensors file by name, read one by one: the file is never in memory as well."""
    result = {}
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            kind = {"F32": torch.float32, "F64": torch.float64}[entry["dtype"]]
            start, end = entry["data_offsets"]
            numbers = bytearray(end - start)
            file.seek(8 + length + start)
            file.readinto(numbers)
            # A copy begins where PyTorch's own tensors begin, at a multiple of 64 bytes.
            result[name] = torch.frombuffer(numbers, dtype=kind).reshape(entry["shape"]).clone()
    return result


# ---- What teacher and student have in common


def layer_norm(w, name, x):
    return F.layer_norm(x, x.shape[-1:], w[name + ".weight"], w[name + ".bias"], 1e-5)


def linear(w, name, x):
    return F.linear(x, w[name + ".weight"], w.get(name + ".bias"))


def mlp(w, name, u):
    return linear(w, name + ".fc2", F.gelu(linear(w, name + ".fc1", u), approximate="tanh"))


# ---- The teacher's mixer


class Attention:
    def __init__(self, recipe, dtype, ways):
        self.H, self.P, self.ways = recipe["H"], recipe["D"] // recipe["H"], ways
        self.R = int(self.P * recipe["rotaryFraction"] / 2) * 2
        T, half = recipe["T"], self.R // 2
        # cos and sin [T, 1, half], for x of [B, T, heads, P]
        rates = recipe.get("rotaryBase", 10000.0) ** (-2 * torch.arange(half, dtype=torch.float64) / self.R)
        angles = torch.arange(T, dtype=torch.float64)[:, None] * rates
        self.cos, self.sin = angles.cos()[:, None].to(dtype), angles.sin()[:, None].to(dtype)
        self.mask = torch.full((T, T), float("-inf"), dtype=dtype).triu(1)
        self.joined = {}

    def rotary(self, x):
        half, R = self.R // 2, self.R
        first, second = x[..., :half], x[..., half:R]
        turned = (first * self.cos - second * self.sin, first * self.sin + second * self.cos)
        return torch.cat(turned if R == self.P else turned + (x[..., R:],), -1)

    def heads(self, w, name, u):
        """Queries, keys and values [B, H, T, P]."""
        B, T, _ = u.shape
        parts = [name + part for part in (".q_proj", ".k_proj", ".v_proj")]
        if self.ways["projections"] == "joined":
            weight, bias = self.join(w, name, parts)
            qkv = F.linear(u, weight, bias).view(B, T, 3 * self.H, self.P)
            qk, v = self.rotary(qkv[:, :, : 2 * self.H]), qkv[:, :, 2 * self.H :]
            q, k = qk[:, :, : self.H], qk[:, :, self.H :]
        else:
            q, k, v = (linear(w, part, u).view(B, T, self.H, self.P) for part in parts)
            q, k = self.rotary(q), self.rotary(k)
        return q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)

    def join(self, w, name, parts):
        """The three projections as one; of a frozen teacher made once."""
        if name in self.joined:
            return self.joined[name]
        result = torch.cat([w[p + ".weight"] for p in parts]), torch.cat([w[p + ".bias"] for p in parts])
        if not result[0].requires_grad:
            self.joined[name] = result
        return result

    def matrix(self, q, k):
        return torch.softmax(q @ k.transpose(-1, -2) * self.P**-0.5 + self.mask, -1)

    def __call__(self, w, name, u, keeps_matrix=False):
        q, k, v = self.heads(w, name, u)
        if self.ways["attention"] == "sdpa" and not keeps_matrix:
            matrix, mixed = None, F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            matrix = self.matrix(q, k)
            mixed = matrix @ v
        return linear(w, name + ".dense", mixed.transpose(1, 2).reshape(u.shape)), matrix


# ---- The student's mixer


class Mamba:
    def __init__(self, recipe, dtype, ways):
        self.B, self.T, self.D, self.H, self.N = (recipe[letter] for letter in "BTDHN")
        self.P, self.Q, self.ways = self.D // self.H, recipe["Q"], ways
        # Where each part of the in-projection ends: x, B, C, z, a
        self.x = self.D
        self.b = self.x + self.H * self.N
        self.c = self.b + self.H * self.N
        self.z = self.c + self.D
        self.a = self.z + self.H
        self.masks = {n: torch.full((n, n), float("-inf"), dtype=dtype).triu(1) for n in (self.Q, self.T)}
        self.eye = torch.eye(self.T, dtype=dtype)

    def convolve(self, x, weight, bias):
        """Causal, depthwise: x [B, T, channels], weight [channels, 1, K]."""
        K, T = weight.shape[-1], x.shape[1]
        if self.ways["convolution"] == "conv1d":
            padded = F.pad(x.transpose(1, 2), (K - 1, 0))
            return F.conv1d(padded, weight, bias, groups=weight.shape[0]).transpose(1, 2)
        padded, taps = F.pad(x, (0, 0, K - 1, 0)), weight[:, 0].t()
        result = torch.addcmul(bias, padded[:, K - 1 :], taps[K - 1])
        for tap in range(K - 1):
            result = torch.addcmul(result, padded[:, tap : tap + T], taps[tap])
        return result

    def heads(self, x):
        """[B, T, H · size] → [B, H, T, size]"""
        return x.unflatten(-1, (self.H, -1)).transpose(1, 2)

    def decays(self, running):
        """exp of the segment sums: running sums [..., T] → [..., T, T]"""
        return torch.exp(running[..., :, None] - running[..., None, :] + self.masks[running.shape[-1]])

    def oriented(self, w, u):
        """The matrix from the parts of the parameters that stage 1 trains: [B, H, T, T]."""
        bc = self.convolve(F.linear(u, w["bc"]), w["convolution"], w["bias"])
        b, c = self.heads(bc[..., : self.H * self.N]), self.heads(bc[..., self.H * self.N :])
        running = -F.softplus(F.linear(u, w["a"])).transpose(1, 2).cumsum(-1)
        return c @ b.transpose(-1, -2) * self.decays(running) + w["D"][:, None, None] * self.eye

    def __call__(self, w, name, u):
        projected = F.linear(u, w[name + ".in_proj.weight"])
        convolved = self.convolve(projected[..., : self.c], w[name + ".conv1d.weight"], w[name + ".conv1d.bias"])
        x, b, c = (
            self.heads(part) for part in convolved.split([self.x, self.b - self.x, self.c - self.b], -1)
        )
        gate = F.silu(projected[..., self.c : self.z] + w[name + ".z_bias"])
        log = -F.softplus(projected[..., self.z :]).transpose(1, 2)
        y = self.chunked(x, b, c, log) if self.ways["ssd"] == "chunked" else self.quadratic(x, b, c, log)
        y = y + w[name + ".D"][:, None, None] * x
        return F.linear(y.transpose(1, 2).reshape(u.shape) * gate, w[name + ".out_proj.weight"])

    def quadratic(self, x, b, c, log):
        return (c @ b.transpose(-1, -2) * self.decays(log.cumsum(-1))) @ x

    def chunked(self, x, b, c, log):
        Q, chunks = self.Q, self.T // self.Q
        x, b, c = (part.unflatten(2, (chunks, Q)) for part in (x, b, c))
        running = log.unflatten(2, (chunks, Q)).cumsum(-1)
        inside = (c @ b.transpose(-1, -2) * self.decays(running)) @ x
        # What each chunk adds to the state, and the state that enters each chunk but the first.
        last = running[..., -1:]
        added = (b * torch.exp(last - running)[..., None])[:, :, :-1].transpose(-1, -2) @ x[:, :, :-1]
        fading, entering = torch.exp(last)[..., None], [added[:, :, 0]]
        for chunk in range(1, chunks - 1):
            entering.append(fading[:, :, chunk] * entering[-1] + added[:, :, chunk])
        across = (c * torch.exp(running)[..., None])[:, :, 1:] @ torch.stack(entering, 2)
        return torch.cat([inside[:, :, :1], inside[:, :, 1:] + across], 2).flatten(2, 3)


# ---- The models


class Model:
    """A language model of parallel blocks over a dictionary of weights."""

    def __init__(self, weights, recipe, ways):
        self.w, self.L, self.is_phi = weights, recipe["L"], "model.embed_tokens.weight" in weights
        self.prefix = "model" if self.is_phi else "backbone"
        kind = Attention if self.is_phi else Mamba
        self.mixer = kind(recipe, next(iter(weights.values())).dtype, ways)

    def mix(self, layer, u):
        name = f"{self.prefix}.layers.{layer}"
        return self.mixer(self.w, name + ".self_attn", u)[0] if self.is_phi else self.mixer(self.w, name + ".mixer", u)

    def embed(self, tokens):
        return F.embedding(tokens, self.w[f"{self.prefix}.{'embed_tokens' if self.is_phi else 'embedding'}.weight"])

    def __call__(self, tokens):
        x = self.embed(tokens)
        for layer in range(self.L):
            name = f"{self.prefix}.layers.{layer}"
            u = layer_norm(self.w, name + ".input_layernorm", x)
            x = x + self.mix(layer, u) + mlp(self.w, name + ".mlp", u)
        return linear(self.w, "lm_head", layer_norm(self.w, f"{self.prefix}.final_layernorm", x))

    @torch.no_grad()
    def trace(self, tokens, keeps_matrices):
        """What the mixer of each block of a teacher reads, gives, and mixes with."""
        x, result = self.embed(tokens), []
        for layer in range(self.L):
            name = f"{self.prefix}.layers.{layer}"
            u = layer_norm(self.w, name + ".input_layernorm", x)
            output, matrix = self.mixer(self.w, name + ".self_attn", u, keeps_matrices)
            x = x + output + mlp(self.w, name + ".mlp", u)
            result.append((u, output, matrix))
        return result


# ---- A kind of step, from its first on


class Stepper:
    """A kind of step, from its first on."""

    kinds, all_ways, first, ways_of = KINDS, WAYS, FIRST, WAYS_OF

    def __init__(self, kind, folder, ways, compiled=False):
        folder = pathlib.Path(folder)
        self.kind, self.ways, self.steps, self.record = kind, ways, 0, []
        self.description = json.loads((folder / "exercise.json").read_text())
        self.recipe = self.description["recipe"]
        self.read(folder)
        for parameter in self.parameters:
            parameter.requires_grad_(True)
        self.optimiser = self.make_optimiser(self.parameters)
        self.loss = self.eager_loss
        if compiled:
            self.compile()

    def read(self, folder):
        """Reads tokens and models, and says what is trained."""
        recipe, ways = self.recipe, self.ways
        self.tokens = read_safetensors(folder / "tokens.safetensors")["tokens"].long()
        self.teacher = Model(read_safetensors(folder / "teacher/model.safetensors"), recipe, ways)
        self.student = Model(read_safetensors(folder / "student/model.safetensors"), recipe, ways)
        mixers = [f"backbone.layers.{layer}.mixer" for layer in range(recipe["L"])]
        mamba, w = self.student.mixer, self.student.w
        if self.kind == "stage1":
            # Only some rows of the in-projection are trained: they are parameters of their own here.
            self.parts = [
                {
                    "bc": w[m + ".in_proj.weight"][mamba.x : mamba.c].clone(),
                    "a": w[m + ".in_proj.weight"][mamba.z :].clone(),
                    "convolution": w[m + ".conv1d.weight"][mamba.x :].clone(),
                    "bias": w[m + ".conv1d.bias"][mamba.x :].clone(),
                    "D": w[m + ".D"].clone(),
                }
                for m in mixers
            ]
            self.parameters = [tensor for part in self.parts for tensor in part.values()]
        elif self.kind == "stage2":
            self.parameters = [w[name] for name in w if name.startswith(tuple(m + "." for m in mixers))]
        else:
            self.parameters = list((self.teacher if self.kind == "teacher" else self.student).w.values())

    def compile(self):
        self.loss = torch.compile(self.eager_loss, dynamic=False)

    def make_optimiser(self, parameters):
        settings, way = self.description["optimiser"], self.ways["optimiser"]
        # Decay acts on matrices only.
        groups = [
            {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": settings["weightDecay"]},
            {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
        ]
        rates = self.description["rates"]
        return torch.optim.AdamW(
            groups, lr=rates[self.kind], betas=(settings["beta1"], settings["beta2"]), eps=settings["epsilon"],
            **({"foreach": way == "foreach"} if way != "fused" else {"fused": True}))

    def eager_loss(self, inputs, targets):
        if self.kind == "teacher":
            return F.cross_entropy(self.teacher(inputs).flatten(0, 1), targets.flatten())
        if self.kind == "stage1":
            return sum(
                (self.student.mixer.oriented(part, u) - matrix).flatten(-2).norm(dim=-1).mean()
                for part, (u, _, matrix) in zip(self.parts, self.teacher.trace(inputs, keeps_matrices=True)))
        if self.kind == "stage2":
            return sum(
                (self.student.mix(layer, u) - output).norm(dim=-1).mean()
                for layer, (u, output, _) in enumerate(self.teacher.trace(inputs, keeps_matrices=False)))
        with torch.no_grad():
            target = torch.softmax(self.teacher(inputs), -1).flatten(0, 1)
        return F.cross_entropy(self.student(inputs).flatten(0, 1), target)

    def step(self, inputs, targets):
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(inputs, targets)
        loss.backward()
        uses_foreach = version() >= (2, 0) and self.ways["optimiser"] != "loop"
        norm = torch.nn.utils.clip_grad_norm_(
            self.parameters, self.description["optimiser"]["clip"], **({"foreach": True} if uses_foreach else {}))
        self.optimiser.step()
        return loss.item(), norm.item()

    def models(self):
        """All tensors of both models, by name of the model."""
        return {"teacher": self.teacher.w.values(), "student": self.student.w.values()}

    def time(self, count):
        """Makes some steps and gives the milliseconds of each; drawing the batch is not timed."""
        result = []
        for _ in range(count):
            window = self.tokens[self.steps % len(self.tokens)]
            inputs, targets = window[:, :-1].contiguous(), window[:, 1:].contiguous()
            start = time.perf_counter()
            self.record.extend(self.step(inputs, targets))
            result.append(1000 * (time.perf_counter() - start))
            self.steps += 1
        return result


# ---- The lines


class Bench:
    """Answers lines about the steps that a class of steppers makes."""

    def __init__(self, folder, stepper=Stepper):
        self.folder, self.make = folder, stepper
        self.first = {
            what: stepper.first[what] if what in stepper.first and exists(stepper.first[what]) else ways[0]
            for what, ways in stepper.all_ways.items()
        }
        self.tuned = {kind: dict(self.first) for kind in stepper.kinds}
        self.steppers = {}

    def stepper(self, kind, changed, compiled=False):
        # A stepper refers to itself, so that those that are done with keep their memory until they are looked for.
        gc.collect()
        return self.make(kind, self.folder, {**self.tuned[kind], **changed}, compiled)

    def eager(self, kind):
        if ("eager", kind) not in self.steppers:
            self.steppers["eager", kind] = self.make(kind, self.folder, self.first)
        return self.steppers["eager", kind]

    def ways(self, what):
        """The ways in which a part can be computed, as far as this PyTorch knows them."""
        return [way for way in self.make.all_ways[what] if exists(way)]

    def fastest(self, kind, what):
        """The fastest way to compute a part, as the others are computed now."""
        rivals = {way: self.stepper(kind, {what: way}) for way in self.ways(what)}
        times = {way: [] for way in rivals}
        for stepper in rivals.values():
            stepper.time(2)
        start = time.monotonic()
        for number in range(8):
            # On a busy machine a step may take a hundred times as long.
            if number >= 2 and time.monotonic() - start > 10:
                break
            for way, stepper in rivals.items():
                times[way] += stepper.time(3)
        # The lower quartile is troubled least by whatever else the machine does.
        return min(times, key=lambda way: statistics.quantiles(times[way])[0])

    def tune(self, kind):
        for what in self.make.ways_of[kind]:
            self.tuned[kind][what] = self.fastest(kind, what)
        self.steppers["tuned", kind] = self.stepper(kind, {})
        return ", ".join(self.tuned[kind][what] for what in self.make.ways_of[kind])

    def compile(self, kind):
        if not hasattr(torch, "compile"):
            return f"PyTorch {torch.__version__} has no torch.compile"
        try:
            self.steppers["compiled", kind] = self.stepper(kind, {}, compiled=True)
            self.steppers["compiled", kind].time(1)
        except Exception as error:  # The compiler needs a C++ compiler, Python's headers and more.
            self.steppers.pop(("compiled", kind), None)
            return f"{type(error).__name__}: {error}".splitlines()[0]
        return "done"

    def about(self):
        steppers = {kind: self.eager(kind) for kind in self.make.kinds}
        last = list(steppers.values())[-1]
        dtype = str(last.parameters[0].dtype).split(".")[-1]
        return json.dumps({
            "program": f"PyTorch {torch.__version__}, {dtype}",
            "threads": torch.get_num_threads(),
            "trained": {kind: sum(p.numel() for p in stepper.parameters) for kind, stepper in steppers.items()},
            **{model: sum(p.numel() for p in tensors) for model, tensors in last.models().items()},
        })

    def answer(self, line):
        words = line.split()
        if words == ["about"]:
            return self.about()
        if words[0] == "tune":
            return self.tune(words[1])
        if words[0] == "compile":
            return self.compile(words[1])
        if words[0] == "ways":
            return " ".join(
                way for what in self.make.ways_of[words[1]] for way in self.ways(what) if way != self.first[what])
        if words[0] == "losses":
            changed = {what: way for what, ways in self.make.all_ways.items() for way in ways if way in words[3:]}
            stepper = self.stepper(words[1], changed, compiled="compiled" in words[3:])
            stepper.time(int(words[2]))
            return " ".join(map(repr, stepper.record))
        kind, count, mode = words
        stepper = self.eager(kind) if mode == "eager" else self.steppers[mode, kind]
        return " ".join(map(str, stepper.time(int(count))))


def main(stepper=Stepper):
    parser = argparse.ArgumentParser(description="Optimiser steps in PyTorch, to be timed beside ours.")
    parser.add_argument("folder", help="what the other program wrote for the line `export FOLDER`")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    bench = Bench(arguments.folder, stepper)
    for line in sys.stdin:
        if line.strip() == "quit":
            break
        print(bench.answer(line), flush=True)


if __name__ == "__main__":
    main()
