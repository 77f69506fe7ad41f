"""Our own answers to the conformance kit: all that it expects, computed by an independent program.

    python3 answers_torch.py [KIT] [OUT]            KIT is this folder, OUT answers.safetensors, unless given
    python3 answers_torch.py --float32 [KIT] [OUT]  computes in float32, otherwise in float64

Needs PyTorch (1.13 or later), numpy and safetensors. Independent means: no line comes from the Swift side, and no
expected value is used. Each formula is written down as in the paper and as plainly as possible, and every gradient is
autograd's. Where Swift has a clever way, this program takes another one:

    attention     softmax of the scores with −∞ above the diagonal
    SSD matrix    entry by entry, each decay a product of sigmoids; Swift: exp of differences of running sums
    SSM           the recurrence, step by step; Swift: in chunks of Q steps
    convolution   a sum of shifted copies
    AdamW         torch.optim.AdamW; only the clipping is ours, limit/norm, where PyTorch has limit/(norm + 1e-6)

Weights w are a dictionary under the names of their checkpoint, and these names tell which kinds of norm, block, mixer
and head a model has. Sizes s: D width, H heads, G heads of keys and values, P head size, R rotated features of a head,
N state, pairs (of B and C), K taps, L layers, prefix. In shapes B is batch, T time, V vocabulary. What a function
computes it returns under the names that it has in the kit. Golden/make_golden.py takes its formulas from here too.
"""

import math
from types import SimpleNamespace

import torch

ROTARY_BASE = 10000.0
STEPS, PEAK, WARM_UP, DECAY = 10, 0.004, 0.3, 0.4  # 3 steps up, 4 steps down

# ---- What all models have


def linear(w, name, x):
    y = x @ w[name + ".weight"].T
    return y + w[name + ".bias"] if name + ".bias" in w else y


def norm(w, name, x):
    """LayerNorm, or RMSNorm if there is no bias."""
    if name + ".bias" in w:
        x = x - x.mean(-1, keepdim=True)
    x = x / torch.sqrt((x**2).mean(-1, keepdim=True) + 1e-5) * w[name + ".weight"]
    return x + w[name + ".bias"] if name + ".bias" in w else x


def silu(x):
    return x * torch.sigmoid(x)


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def feed_forward(w, name, x):
    if name + ".gate_proj.weight" in w:
        return linear(w, name + ".down_proj", silu(linear(w, name + ".gate_proj", x)) * linear(w, name + ".up_proj", x))
    return linear(w, name + ".fc2", gelu(linear(w, name + ".fc1", x)))


def for_each_head(x, s):
    """What several heads share, repeated for each of them: [B, T, shared, size] → [B, T, H, size]."""
    return x.repeat_interleave(s.H // x.shape[2], 2)


# ---- The mixers: u [B, T, D] → all that is computed on the way to the output [B, T, D]. The memory is a dictionary
# with what was kept of the tokens before u, empty if there are none; afterwards it has what is kept of u as well.


def rotary(x, start, s):
    """Turns the pair (i, i + R/2) of each head at time t by t · base^(−2i/R); the first t is start."""
    first, second, rest = x.split([s.R // 2, s.R // 2, s.P - s.R], -1)
    t = torch.arange(start, start + x.shape[1], dtype=x.dtype)[:, None, None]
    angle = t * ROTARY_BASE ** (-2 * torch.arange(s.R // 2, dtype=x.dtype) / s.R)
    cos, sin = torch.cos(angle), torch.sin(angle)
    return torch.cat([first * cos - second * sin, first * sin + second * cos, rest], -1)


def attention(w, name, u, s, memory):
    """softmax(Q Kᵀ / √P) V, with the scores of the future at −∞"""
    q, k, v = (linear(w, f"{name}.{part}_proj", u).unflatten(-1, (-1, s.P)) for part in "qkv")
    start = memory["keys"].shape[1] if memory else 0
    rotated_q, rotated_k = rotary(q, start, s), rotary(k, start, s)
    memory["keys"] = torch.cat([memory["keys"], rotated_k], 1) if start else rotated_k
    memory["values"] = torch.cat([memory["values"], v], 1) if start else v
    scores = torch.einsum("bthp,bshp->bhts", rotated_q, for_each_head(memory["keys"], s)) / math.sqrt(s.P)
    future = torch.ones(scores.shape[-2:], dtype=torch.bool).triu(start + 1)
    matrix = torch.softmax(scores.masked_fill(future, -math.inf), -1)
    mixed = torch.einsum("bhts,bshp->bthp", matrix, for_each_head(memory["values"], s))
    return {
        "queries": q, "keys": k, "values": v, "rotated_queries": rotated_q, "rotated_keys": rotated_k,
        "scores": scores.masked_fill(future, 0), "matrix": matrix, "mixed": mixed,
        "mixer_output": linear(w, name + (".dense" if name + ".dense.weight" in w else ".o_proj"), mixed.flatten(2)),
    }


def mamba(w, name, u, s, memory):
    """h[t] = α[t] h[t − 1] + B[t] x[t]ᵀ,  y[t] = C[t]ᵀ h[t] + D x[t]"""
    (batch, T, D), state = u.shape, s.pairs * s.N
    px, pb, pc, pz, pa = (u @ w[name + ".in_proj.weight"].T).split([D, state, state, D, s.H], -1)

    past = memory.get("past", u.new_zeros(batch, s.K - 1, D + 2 * state))
    padded, taps = torch.cat([past, torch.cat([px, pb, pc], -1)], 1), w[name + ".conv1d.weight"][:, 0]
    convolved = sum(padded[:, k : k + T] * taps[:, k] for k in range(s.K)) + w[name + ".conv1d.bias"]
    x, b, c = convolved.split([D, state, state], -1)
    x = x.unflatten(-1, (s.H, s.P))
    b, c = (for_each_head(part.unflatten(-1, (s.pairs, s.N)), s) for part in (b, c))

    alpha, h, y = torch.sigmoid(-pa), memory.get("state", u.new_zeros(batch, s.H, s.N, s.P)), []
    for t in range(T):
        h = alpha[:, t, :, None, None] * h + b[:, t, :, :, None] * x[:, t, :, None, :]
        y.append((c[:, t, :, :, None] * h).sum(-2) + w[name + ".D"][:, None] * x[:, t])
    memory["past"], memory["state"] = padded[:, T:], h

    y, gate = torch.stack(y, 1), silu(pz + w[name + ".z_bias"])
    gated = y.flatten(2) * gate
    return {
        "projected_x": px, "projected_b": pb, "projected_c": pc, "projected_z": pz, "projected_a": pa,
        "x": x, "b": b, "c": c, "log_decay": -torch.logaddexp(pa, torch.zeros_like(pa)), "y": y,
        "gate": gate, "gated": gated, "mixer_output": linear(w, name + ".out_proj", gated),
    }


# ---- The mixer's matrix


def lower_triangle(T, entry):
    """entry(t, s), of shape [B, H], for s ≤ t, and zero above the diagonal: [B, H, T, T]."""
    zero = torch.zeros_like(entry(0, 0))
    rows = [torch.stack([entry(t, s) if s <= t else zero for s in range(T)], -1) for t in range(T)]
    return torch.stack(rows, -2)


def segment_sums(log_decay):
    return lower_triangle(log_decay.shape[1], lambda t, s: log_decay[:, s + 1 : t + 1].sum(1))


def ssd_matrices(b, c, d, decay):
    """M[t, s] = C[t]·B[s] decay[t, s] for s ≤ t, and D added where s = t."""
    T = b.shape[1]
    matrix = lower_triangle(T, lambda t, s: (c[:, t] * b[:, s]).sum(-1) * decay[:, :, t, s])
    skip = d[:, None, None] * torch.eye(T, dtype=d.dtype)
    return {"decay_matrix": decay, "matrix_without_skip": matrix, "matrix": matrix + skip}


# ---- The models


def block(w, layer, x, s, memory):
    """A parallel block, or a sequential one if there is a second norm."""
    u = norm(w, layer + ".input_layernorm", x)
    if layer + ".mixer.in_proj.weight" in w:
        parts = mamba(w, layer + ".mixer", u, s, memory)
    else:
        name = ".self_attn" if layer.startswith("model.") else ".mixer.self_attn"
        parts = attention(w, layer + name, u, s, memory)
    h, second = x + parts["mixer_output"], layer + ".post_attention_layernorm"
    f = feed_forward(w, layer + ".mlp", norm(w, second, h) if second + ".weight" in w else u)
    return {"input": x, "mixer_input": u, **parts, "feed_forward": f, "output": h + f}


def model(w, tokens, s, memories=None):
    """The teacher or the student, with a memory for each layer. "layers" are what `block` returns."""
    name, embed = ("model", "embed_tokens") if "model.embed_tokens.weight" in w else ("backbone", "embedding")
    embedding = w[f"{name}.{embed}.weight"]
    x, layers = embedding[tokens], []
    for l in range(s.L):
        layers.append(block(w, f"{name}.layers.{l}", x, s, memories[l] if memories else {}))
        x = layers[l]["output"]
    x = norm(w, name + (".norm" if name + ".norm.weight" in w else ".final_layernorm"), x)
    logits = linear(w, "lm_head", x) if "lm_head.weight" in w else x @ embedding.T
    return {"embedded": embedding[tokens], "layers": layers, "final_norm": x, "logits": logits}


# ---- The losses. In stages 1 and 2 the student's layers read what the teacher's read: `taught`, the teacher's layers


def replaced(w, s):
    return [l for l in range(s.L) if f"backbone.layers.{l}.mixer.in_proj.weight" in w]


def mixers(w, taught, s):
    """Of each replaced layer all about its mixer, the matrices as well."""
    result = {}
    for l in replaced(w, s):
        name = f"backbone.layers.{l}.mixer"
        parts = mamba(w, name, taught[l]["mixer_input"], s, {})
        alpha = torch.sigmoid(-parts["projected_a"])
        decay = lower_triangle(alpha.shape[1], lambda t, s: alpha[:, s + 1 : t + 1].prod(1))
        matrices = ssd_matrices(parts["b"], parts["c"], w[name + ".D"], decay)
        result[l] = {**parts, "segment_sums": segment_sums(parts["log_decay"]), **matrices}
    return result


def distances(taught, own, name, axes):
    """The norms of the differences, neither squared nor divided by a size: for stage 1 of the matrices, [B, H], for
    stage 2 of the outputs, [B, T]."""
    return {l: torch.sqrt(((taught[l][name] - parts[name]) ** 2).sum(axes)) for l, parts in own.items()}


def stage1(w, taught, s):
    return distances(taught, mixers(w, taught, s), "matrix", (-2, -1))


def stage2(w, taught, s):
    return distances(taught, mixers(w, taught, s), "mixer_output", -1)


def total(norms):
    """Σ over layers of the mean."""
    return sum(of_layer.mean() for of_layer in norms.values())


def stage3(logits, teacher_logits):
    """−Σ p log q at each token: [B, T]."""
    return -(torch.softmax(teacher_logits, -1) * torch.log_softmax(logits, -1)).sum(-1)


def labels(logits, targets):
    """The mean over batch and time of −log q[target]."""
    return -torch.log_softmax(logits, -1).gather(-1, targets[..., None]).mean()


# ---- Gradients and steps


def gradients(loss, w):
    return dict(zip(w, torch.autograd.grad(loss, list(w.values()), retain_graph=True)))


def trained_by_stage1(w):
    ends = ("in_proj.weight", "conv1d.weight", "conv1d.bias", "mixer.D")
    return {name: tensor for name, tensor in w.items() if name.endswith(ends)}


def run(start, loss_of, steps=STEPS, peak=PEAK):
    """Steps of AdamW from these weights; the gradients together are scaled down to norm 1 if theirs is larger. The rate
    goes up in a line over the first 30 % of ten steps, down in a line over the last 40 %. Returns what the kit wants of
    each step, and the weights after each."""
    w = {name: tensor.detach().clone().requires_grad_(True) for name, tensor in start.items()}
    groups = [
        {"params": [p for p in w.values() if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in w.values() if p.dim() < 2], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=peak, betas=(0.9, 0.95), eps=1e-8)
    rates, losses, norms, weights = [], [], [], []
    for step in range(steps):
        rates.append(peak * min(1.0, (step + 1) / (WARM_UP * STEPS), (STEPS - step) / (DECAY * STEPS)))
        loss = loss_of(w)
        slopes = gradients(loss, w)
        size = math.sqrt(sum((slope**2).sum().item() for slope in slopes.values()))
        for name, p in w.items():
            p.grad = slopes[name] * min(1.0, 1.0 / size)
        for group in optimiser.param_groups:
            group["lr"] = rates[-1]
        optimiser.step()
        losses.append(loss.item())
        norms.append(size)
        weights.append({name: p.detach().clone() for name, p in w.items()})
    return {"rates": rates, "losses": losses, "norms": norms}, weights


def first_step_of_stage1(student, taught, s):
    """The rows of x and z and the channels of x get no gradient. AdamW decays them all the same: they are put back."""
    _, [w] = run(trained_by_stage1(student), lambda w: total(stage1({**student, **w}, taught, s)), steps=1)
    x, z = slice(0, s.D), slice(s.D + 2 * s.pairs * s.N, 2 * s.D + 2 * s.pairs * s.N)
    untouched = {"in_proj.weight": [x, z], "conv1d.weight": [x], "conv1d.bias": [x], "D": []}
    for name, tensor in w.items():
        for rows in untouched[name.split(".mixer.")[1]]:
            tensor[rows] = student[name].detach()[rows]
    return w


# ---- Weight transfer


def transfer(teacher, student):
    """All from the teacher but the new mixers, which have no counterpart there."""
    final_norm = "model.norm." if "model.norm.weight" in teacher else "model.final_layernorm."
    words = [("backbone.embedding.", "model.embed_tokens."), ("backbone.final_layernorm.", final_norm),
             ("backbone.", "model."), (".mixer.self_attn.", ".self_attn.")]
    result = {}
    for name, tensor in student.items():
        counterpart = name
        for ours, theirs in words:
            counterpart = counterpart.replace(ours, theirs)
        result[name] = teacher.get(counterpart, tensor)
    return result


def transfer_values_and_output(teacher, student, s):
    """Of each new mixer the weights that change if it takes over the teacher's values, those that serve several heads
    repeated for each, and its output projection."""
    result = {}
    for l in replaced(student, s):
        new, old = f"backbone.layers.{l}.mixer.", f"model.layers.{l}.self_attn."
        for ours, theirs in ("in_proj.weight", "v_proj.weight"), ("conv1d.bias", "v_proj.bias"):
            result[new + ours] = student[new + ours].detach().clone()
            if old + theirs in teacher:
                of_heads = teacher[old + theirs].unflatten(0, (s.G, s.P)).repeat_interleave(s.H // s.G, 0)
                result[new + ours][: s.D] = of_heads.flatten(0, 1)
        result[new + "out_proj.weight"] = teacher.get(old + "dense.weight", teacher.get(old + "o_proj.weight"))
    return result


# ---- All together


def answer_decays(inputs):
    """The case without a model. It has decays that underflow: each entry is exp of its sum."""
    w = {name: torch.tensor(inputs[name]).requires_grad_(True) for name in ("log_decay", "b", "c", "d")}
    sums = segment_sums(w["log_decay"])
    decay = lower_triangle(sums.shape[-1], lambda t, s: torch.exp(sums[:, :, t, s]))
    result = {"segment_sums": sums, **ssd_matrices(w["b"], w["c"], w["d"], decay)}
    slopes = gradients((torch.tensor(inputs["weights"]) * result["matrix"]).sum(), w)
    del result["matrix_without_skip"]  # not in the kit
    return {**result, **{"gradient." + name: slope for name, slope in slopes.items()}}


def answer_model(inputs, s):
    weights = {name: torch.tensor(array).requires_grad_(True) for name, array in inputs.items() if "." in name}
    teacher, student = ({name[len(of) :]: tensor for name, tensor in weights.items() if name.startswith(of)}
                        for of in ("teacher.", "student."))
    tokens, targets = (torch.tensor(inputs[name]).long() for name in ("tokens", "targets"))
    result = {}

    def add(place, tensors):
        result.update({f"{place}.{name}": tensor for name, tensor in tensors.items() if name != "layers"})

    def add_loss(name, norms):
        result[name] = total(norms)
        for l, of_layer in norms.items():
            result.update({f"{name}.{l}.norms": of_layer, f"{name}.{l}": of_layer.mean()})
        return result[name]

    result["loss.labels.teacher"] = labels(model(teacher, tokens, s)["logits"], targets)
    add("gradient.labels", gradients(result["loss.labels.teacher"], teacher))
    teacher = {name: tensor.detach() for name, tensor in teacher.items()}  # from here on it is a constant
    of_teacher, own = model(teacher, tokens, s), model(student, tokens, s)
    taught, teacher_logits, logits = of_teacher["layers"], of_teacher["logits"], own["logits"]
    add("teacher", of_teacher)
    for l in range(s.L):
        add(f"teacher.{l}", taught[l])
        add(f"student.own.{l}", {"output": own["layers"][l]["output"]})
    for l, parts in mixers(student, taught, s).items():
        add(f"student.{l}", parts)
    result["student.logits"] = logits

    new = tuple(f"backbone.layers.{l}.mixer." for l in replaced(student, s))
    new = {name: tensor for name, tensor in student.items() if name.startswith(new)}
    add("gradient.stage1", gradients(add_loss("loss.stage1", stage1(student, taught, s)), trained_by_stage1(new)))
    add("gradient.stage2", gradients(add_loss("loss.stage2", stage2(student, taught, s)), new))
    blocks = {l: block(student, f"backbone.layers.{l}", taught[l]["input"], s, {}) for l in replaced(student, s)}
    add_loss("loss.stage2_blocks", distances(taught, blocks, "output", -1))
    of_tokens, entropy = stage3(logits, teacher_logits), stage3(teacher_logits, teacher_logits).mean()
    result["loss.stage3"] = of_tokens.mean()
    add("loss.stage3", {"tokens": of_tokens, "entropy": entropy, "divergence": of_tokens.mean() - entropy})
    add("gradient.stage3", gradients(result["loss.stage3"], student))
    result["loss.labels.student"] = labels(logits, targets)

    add("step.stage1", first_step_of_stage1(student, taught, s))
    course, after = run(student, lambda w: stage3(model(w, tokens, s)["logits"], teacher_logits).mean())
    add("run", course)
    add("run.1", after[0])
    add("run.10", after[9])
    add("transfer", transfer(teacher, student))
    add("transfer_values_and_output", transfer_values_and_output(teacher, student, s))

    memories = [{} for _ in range(s.L)]
    for t in range(s.prefix):
        model(student, tokens[:, t : t + 1], s, memories)
    for l, memory in enumerate(memories):
        add(f"decoding.{l}", memory)
    result["decoding.logits"] = model(student, tokens[:, s.prefix : s.prefix + 1], s, memories)["logits"][:, 0]
    return result


def program(sizes, inputs, expected):
    """Name and array of every answer to a case."""
    tensors = answer_model(inputs, SimpleNamespace(**sizes)) if sizes.get("L") else answer_decays(inputs)
    dtype = torch.tensor(next(iter(inputs.values()))).dtype
    for name, tensor in tensors.items():
        yield name, torch.as_tensor(tensor, dtype=dtype).detach().numpy()


if __name__ == "__main__":
    import answers  # here, since make_golden.py does not need it

    torch.set_num_threads(1)
    answers.main(program)
