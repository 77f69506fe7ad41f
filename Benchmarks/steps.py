"""The optimiser steps of bench-steps in PyTorch, on the CPU: eager, eager at its fastest, compiled.

    python3 steps.py FOLDER [--threads 2] [--no-compile]

FOLDER is what bench-steps wrote for the line `export FOLDER`: both programs begin with the same weights and go through
the same tokens. The lines that it answers are in peer.py.

What can be written in several ways, PyTorch may choose from, so that it is not beaten by a clumsy program: that is
`tuned`. `eager` is what one writes first, with PyTorch's own attention where nobody asks for the matrix.
"""

from peer import Stepper, main_of_steps, missing, stored_tensors

try:
    import torch
    import torch.nn.functional as F
except ImportError:
    missing("steps.py", "PyTorch", "Install python3-torch of Debian or torch of PyPI, and name its python: --python FILE")

KINDS = ("teacher", "stage1", "stage2", "stage3")

# The ways in which something can be computed; the first is the one to begin with.
WAYS = {
    "projections": ("separate", "joined"),  # of queries, keys and values: three products or one
    "attention": ("explicit", "sdpa"),  # where nobody asks for the matrix
    "convolution": ("conv1d", "shifts"),
    "ssd": ("chunked", "quadratic"),
    "optimiser": ("loop", "foreach", "fused"),
    "mode": ("eager", "compiled"),
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


def read_safetensors(path):
    """All tensors of a safetensors file by name."""
    kinds = {"F32": torch.float32, "F64": torch.float64}
    # A copy begins where PyTorch's own tensors begin, at a multiple of 64 bytes.
    return {
        name: torch.frombuffer(numbers, dtype=kinds[kind]).reshape(shape).clone()
        for name, kind, shape, numbers in stored_tensors(path)
    }


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


class TorchStepper(Stepper):
    name = "PyTorch"
    kinds, all_ways, first, ways_of = KINDS, WAYS, FIRST, WAYS_OF
    modes = {"eager": None, "tuned": {}, "compiled": {"mode": "compiled"}}

    @staticmethod
    def use(threads):
        # Results below the normal numbers are zero, as they are in our kernels and in JAX's. Before the first loop, since
        # its threads do as the one that starts them.
        torch.set_flush_denormal(True)
        torch.set_num_threads(threads)

    @staticmethod
    def threads():
        return torch.get_num_threads()

    @classmethod
    def exists(cls, way):
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

    def prepare(self, folder):
        self.read(folder)
        for parameter in self.parameters:
            parameter.requires_grad_(True)
        self.optimiser = self.make_optimiser(self.parameters)
        self.loss = self.eager_loss
        if self.ways["mode"] == "compiled":
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

    def batch(self, number):
        window = self.tokens[number % len(self.tokens)]
        return window[:, :-1].contiguous(), window[:, 1:].contiguous()

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
        return {"teacher": self.teacher.w.values(), "student": self.student.w.values()}

    def trained(self):
        return self.parameters

    def program(self):
        return f"PyTorch {torch.__version__}, {str(self.parameters[0].dtype).removeprefix('torch.')}"


if __name__ == "__main__":
    main_of_steps(TorchStepper)
