"""Golden values: what an independent program computes for a tiny teacher and a tiny student.

    python3 make_golden.py            writes golden.safetensors beside this script
    python3 make_golden.py --check    computes everything again and compares it with the file

The committed file was written on Linux, x86-64, with

    Python 3.11.7, PyTorch 2.13.0 (CPU):    python make_golden.py
    Python 3.11.2, PyTorch 1.13.0 (Debian): /usr/bin/python3 make_golden.py --check    worst difference 4.2e-15

Independent means: no line, no file and no random number comes from the Swift side. All is in float64, each formula is
written down as in the paper and as plainly as possible, and every gradient is autograd's. Where Swift has a clever
way, this program takes another one:

    attention     softmax of the scores with −∞ above the diagonal
    SSD matrix    entry by entry, each decay a product of sigmoids; Swift: exp of differences of running sums
    SSM           the recurrence, step by step; Swift: in chunks of Q steps
    convolution   a sum of shifted copies
    AdamW         torch.optim.AdamW; only the clipping is ours, limit/norm, where PyTorch has limit/(norm + 1e-6)

Axes: B batch, T time, D width, H heads, P head size, N state, K taps, V vocabulary, F hidden width, L layers. Sizes
that meet in one tensor differ. Weights are multiples of 2⁻¹², so that a build in Float reads them without rounding.

Names in the file (l is a layer):

    teacher.NAME  student.NAME      weights under the names of their checkpoints
    tokens  targets                 [B, T]
    logits.teacher  logits.student  [B, T, V]
    attention.l  ssd.l              [B, H, T, T], both from the teacher's LN u[l]
    attention_output.l  mamba_output.l      [B, T, D], both from the teacher's LN u[l]
    loss.KIND  gradient.KIND.NAME   KIND: stage1, stage2 and stage3 with the student's gradients, as far as the stage
                                    trains them; labels_teacher and labels_student, the cross-entropy with the
                                    targets, the first with the teacher's gradients
    run.rates  run.losses  run.norms        [10], the run of stage 3: of each step
    run.final.NAME                  the student's weights after it
"""

import json
import math
import pathlib
import random
import struct
import sys

import torch

V, D, H, L, F, N, K, T, B = 11, 10, 2, 2, 13, 6, 4, 7, 3
P = D // H
ROTARY_WIDTH, ROTARY_BASE = 4, 10000.0  # 4 of the 5 features of a head: rotaryFraction 0.8
STEPS, PEAK, WARM_UP, DECAY = 10, 0.01, 0.3, 0.4  # 3 steps up, 4 steps down
FILE = pathlib.Path(__file__).with_name("golden.safetensors")

# ---- The weights


def mlp_and_norm_shapes(layer):
    return {
        f"{layer}.mlp.fc1.weight": (F, D), f"{layer}.mlp.fc1.bias": (F,),
        f"{layer}.mlp.fc2.weight": (D, F), f"{layer}.mlp.fc2.bias": (D,),
        f"{layer}.input_layernorm.weight": (D,), f"{layer}.input_layernorm.bias": (D,),
    }


def end_shapes(prefix):
    return {
        f"{prefix}.final_layernorm.weight": (D,), f"{prefix}.final_layernorm.bias": (D,),
        "lm_head.weight": (V, D), "lm_head.bias": (V,),
    }


def teacher_shapes():
    shapes = {"model.embed_tokens.weight": (V, D)}
    for l in range(L):
        layer = f"model.layers.{l}"
        for part in ("q_proj", "k_proj", "v_proj", "dense"):
            shapes[f"{layer}.self_attn.{part}.weight"] = (D, D)
            shapes[f"{layer}.self_attn.{part}.bias"] = (D,)
        shapes.update(mlp_and_norm_shapes(layer))
    return {**shapes, **end_shapes("model")}


def student_shapes():
    shapes = {"backbone.embedding.weight": (V, D)}
    channels = D + 2 * H * N
    for l in range(L):
        layer = f"backbone.layers.{l}"
        shapes[f"{layer}.mixer.in_proj.weight"] = (channels + D + H, D)  # rows of x, B, C, z, a
        shapes[f"{layer}.mixer.z_bias"] = (D,)
        shapes[f"{layer}.mixer.conv1d.weight"] = (channels, 1, K)
        shapes[f"{layer}.mixer.conv1d.bias"] = (channels,)
        shapes[f"{layer}.mixer.D"] = (H,)
        shapes[f"{layer}.mixer.out_proj.weight"] = (D, D)
        shapes.update(mlp_and_norm_shapes(layer))
    return {**shapes, **end_shapes("backbone")}


def random_weights(shapes, generator):
    """Normal, deviation 0.4; around 1 for the scale of a norm. Python's generator is the same in every version."""
    weights = {}
    for name, shape in shapes.items():
        mean = 1.0 if name.endswith("norm.weight") else 0.0
        numbers = [mean + round(0.4 * generator.gauss(0, 1) * 4096) / 4096 for _ in range(math.prod(shape))]
        weights[name] = torch.tensor(numbers, dtype=torch.float64).reshape(shape).requires_grad_(True)
    return weights


# ---- What both models have


def linear(w, name, x):
    return x @ w[name + ".weight"].T + w[name + ".bias"]


def layer_norm(w, name, x):
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred**2).mean(-1, keepdim=True)
    return centred / torch.sqrt(variance + 1e-5) * w[name + ".weight"] + w[name + ".bias"]


def gelu(x):
    return 0.5 * x * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def mlp(w, layer, u):
    return linear(w, layer + ".mlp.fc2", gelu(linear(w, layer + ".mlp.fc1", u)))


def heads(x):
    """[B, T, H · size] → [B, H, T, size]"""
    return x.reshape(B, T, H, -1).permute(0, 2, 1, 3)


def joined(x):
    """[B, H, T, P] → [B, T, D]"""
    return x.permute(0, 2, 1, 3).reshape(B, T, D)


# ---- The teacher's mixer


def rotary(x):
    """Turns the pair (i, i + 2) of each head by t · base^(−2i/4): [B, H, T, P] → [B, H, T, P]."""
    half, features = ROTARY_WIDTH // 2, list(x.unbind(-1))
    t = torch.arange(T, dtype=torch.float64)
    for i in range(half):
        angle = t * ROTARY_BASE ** (-2 * i / ROTARY_WIDTH)
        first, second = features[i], features[i + half]
        features[i] = first * torch.cos(angle) - second * torch.sin(angle)
        features[i + half] = first * torch.sin(angle) + second * torch.cos(angle)
    return torch.stack(features, -1)


def attention(w, layer, u):
    """u [B, T, D] → the output [B, T, D] and the matrix [B, H, T, T]."""
    q, k, v = (heads(linear(w, f"{layer}.self_attn.{part}_proj", u)) for part in "qkv")
    scores = torch.einsum("bhtp,bhsp->bhts", rotary(q), rotary(k)) / math.sqrt(P)
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    matrix = torch.softmax(scores.masked_fill(future, -math.inf), -1)
    return linear(w, f"{layer}.self_attn.dense", joined(matrix @ v)), matrix


# ---- The student's mixer


def mamba_parts(w, layer, u):
    """u [B, T, D] → x [B, H, T, P], B and C [B, H, T, N], the gate [B, T, D], α [B, H, T]."""
    projected = u @ w[f"{layer}.mixer.in_proj.weight"].T
    state = H * N
    convolved, z, a = projected.split([D + 2 * state, D, H], -1)
    taps = w[f"{layer}.mixer.conv1d.weight"][:, 0]
    padded = torch.cat([torch.zeros(B, K - 1, D + 2 * state, dtype=torch.float64), convolved], 1)
    convolved = sum(padded[:, k : k + T] * taps[:, k] for k in range(K)) + w[f"{layer}.mixer.conv1d.bias"]
    x, b, c = convolved.split([D, state, state], -1)
    z = z + w[f"{layer}.mixer.z_bias"]
    return heads(x), heads(b), heads(c), z * torch.sigmoid(z), torch.sigmoid(-a).permute(0, 2, 1)


def ssd_matrix(w, layer, u):
    """M[t, s] = C[t]·B[s] α[s + 1] ⋯ α[t] for s ≤ t, and D added where s = t: u [B, T, D] → [B, H, T, T]."""
    _, b, c, _, alpha = mamba_parts(w, layer, u)
    rows = []
    for t in range(T):
        row = []
        for s in range(T):
            if s > t:
                row.append(torch.zeros(B, H, dtype=torch.float64))
                continue
            entry = (c[:, :, t] * b[:, :, s]).sum(-1)
            for r in range(s + 1, t + 1):
                entry = entry * alpha[:, :, r]
            row.append(entry + w[f"{layer}.mixer.D"] if s == t else entry)
        rows.append(torch.stack(row, -1))
    return torch.stack(rows, -2)


def mamba(w, layer, u):
    """h[t] = α[t] h[t − 1] + B[t] x[t]ᵀ,  y[t] = C[t]ᵀ h[t] + D x[t]: u [B, T, D] → [B, T, D]."""
    x, b, c, gate, alpha = mamba_parts(w, layer, u)
    h = torch.zeros(B, H, N, P, dtype=torch.float64)
    y = []
    for t in range(T):
        h = alpha[:, :, t, None, None] * h + b[:, :, t, :, None] * x[:, :, t, None, :]
        y.append((c[:, :, t, :, None] * h).sum(-2) + w[f"{layer}.mixer.D"][:, None] * x[:, :, t])
    return (joined(torch.stack(y, 2)) * gate) @ w[f"{layer}.mixer.out_proj.weight"].T


# ---- The models


def teacher_pass(w, tokens):
    """The logits, and for each layer what the mixer reads, gives, and mixes with."""
    x, trace = w["model.embed_tokens.weight"][tokens], []
    for l in range(L):
        layer = f"model.layers.{l}"
        u = layer_norm(w, layer + ".input_layernorm", x)
        output, matrix = attention(w, layer, u)
        x = x + output + mlp(w, layer, u)
        trace.append((u, output, matrix))
    return linear(w, "lm_head", layer_norm(w, "model.final_layernorm", x)), trace


def student_logits(w, tokens):
    x = w["backbone.embedding.weight"][tokens]
    for l in range(L):
        layer = f"backbone.layers.{l}"
        u = layer_norm(w, layer + ".input_layernorm", x)
        x = x + mamba(w, layer, u) + mlp(w, layer, u)
    return linear(w, "lm_head", layer_norm(w, "backbone.final_layernorm", x))


# ---- The losses


def stage1(student, trace):
    """Σ over layers of the mean over batch and heads of the Frobenius norm, neither squared nor divided by T."""
    return sum(
        torch.sqrt(((matrix - ssd_matrix(student, f"backbone.layers.{l}", u)) ** 2).sum((-2, -1))).mean()
        for l, (u, _, matrix) in enumerate(trace))


def stage2(student, trace):
    """Σ over layers of the mean over batch and time of the L2 norm over the features, not squared."""
    return sum(
        torch.sqrt(((output - mamba(student, f"backbone.layers.{l}", u)) ** 2).sum(-1)).mean()
        for l, (u, output, _) in enumerate(trace))


def log_softmax(logits):
    return logits - torch.logsumexp(logits, -1, keepdim=True)


def stage3(logits, teacher_logits):
    """The mean over batch and time of −Σ p log q."""
    return -(torch.softmax(teacher_logits, -1) * log_softmax(logits)).sum(-1).mean()


def labels(logits, targets):
    """The mean over batch and time of −log q[target]."""
    return -log_softmax(logits).gather(-1, targets[..., None]).mean()


# ---- The run


def rate(step):
    """Up in a line over the first 30 % of the steps, down in a line over the last 40 %."""
    return PEAK * min(1.0, (step + 1) / (WARM_UP * STEPS), (STEPS - step) / (DECAY * STEPS))


def run(start, teacher_logits, tokens):
    """Ten steps of stage 3; the gradients together are scaled down to norm 1 if theirs is larger."""
    w = {name: tensor.detach().clone().requires_grad_(True) for name, tensor in start.items()}
    groups = [
        {"params": [p for p in w.values() if p.dim() >= 2], "weight_decay": 0.1},
        {"params": [p for p in w.values() if p.dim() < 2], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=PEAK, betas=(0.9, 0.95), eps=1e-8)
    rates, losses, norms = [rate(step) for step in range(STEPS)], [], []
    for step in range(STEPS):
        optimiser.zero_grad()
        loss = stage3(student_logits(w, tokens), teacher_logits)
        loss.backward()
        norm = math.sqrt(sum((p.grad**2).sum().item() for p in w.values()))
        for p in w.values():
            p.grad *= min(1.0, 1.0 / norm)
        for group in optimiser.param_groups:
            group["lr"] = rates[step]
        optimiser.step()
        losses.append(loss.item())
        norms.append(norm)
    return rates, losses, norms, w


# ---- All together


def trained_by_stage1(name):
    return name.endswith(("in_proj.weight", "conv1d.weight", "conv1d.bias", "mixer.D"))


def golden():
    generator = random.Random(2408_10189)
    teacher = random_weights(teacher_shapes(), generator)
    student = random_weights(student_shapes(), generator)
    # The last token never comes: the gradient of its row of the embedding is zero.
    window = torch.tensor([[generator.randrange(V - 1) for _ in range(T + 1)] for _ in range(B)])
    tokens, targets = window[:, :-1], window[:, 1:]
    result = {"tokens": tokens, "targets": targets}
    result.update({"teacher." + name: tensor for name, tensor in teacher.items()})
    result.update({"student." + name: tensor for name, tensor in student.items()})

    def add(kind, loss, parameters):
        result["loss." + kind] = loss
        if parameters:
            slopes = torch.autograd.grad(loss, list(parameters.values()))
            result.update({f"gradient.{kind}.{name}": slope for name, slope in zip(parameters, slopes)})

    logits, trace = teacher_pass(teacher, tokens)
    add("labels_teacher", labels(logits, targets), teacher)
    # From here on the teacher is a constant.
    logits, trace = logits.detach(), [tuple(tensor.detach() for tensor in layer) for layer in trace]
    result.update({"logits.teacher": logits, "logits.student": student_logits(student, tokens)})
    for l, (u, output, matrix) in enumerate(trace):
        result[f"attention.{l}"], result[f"attention_output.{l}"] = matrix, output
        result[f"ssd.{l}"] = ssd_matrix(student, f"backbone.layers.{l}", u)
        result[f"mamba_output.{l}"] = mamba(student, f"backbone.layers.{l}", u)
    mixers = {name: tensor for name, tensor in student.items() if ".mixer." in name}
    add("stage1", stage1(student, trace), {n: tensor for n, tensor in mixers.items() if trained_by_stage1(n)})
    add("stage2", stage2(student, trace), mixers)
    add("stage3", stage3(student_logits(student, tokens), logits), student)
    add("labels_student", labels(student_logits(student, tokens), targets), {})

    rates, losses, norms, final = run(student, logits, tokens)
    result.update({"run.rates": rates, "run.losses": losses, "run.norms": norms})
    result.update({"run.final." + name: tensor for name, tensor in final.items()})
    return {name: torch.as_tensor(value, dtype=torch.float64).detach() for name, value in result.items()}


# ---- The file: the header's length, the header in JSON, the numbers


def write(tensors):
    header, body = {}, b""
    for name in sorted(tensors):
        numbers = tensors[name].flatten().tolist()
        data = struct.pack(f"<{len(numbers)}d", *numbers)
        offsets = [len(body), len(body) + len(data)]
        header[name] = {"dtype": "F64", "shape": list(tensors[name].shape), "data_offsets": offsets}
        body += data
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    FILE.write_bytes(struct.pack("<Q", len(text)) + text + body)


def read():
    data = FILE.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    body, result = data[8 + length :], {}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        start, end = entry["data_offsets"]
        numbers = struct.unpack(f"<{(end - start) // 8}d", body[start:end])
        result[name] = torch.tensor(numbers, dtype=torch.float64).reshape(entry["shape"])
    return result


def main():
    if sys.argv[1:] not in ([], ["--check"]):
        sys.exit("usage: make_golden.py [--check]")
    torch.set_num_threads(1)
    tensors = golden()
    if not sys.argv[1:]:
        write(tensors)
        print(f"{FILE.name}: {len(tensors)} tensors, {FILE.stat().st_size} bytes, PyTorch {torch.__version__}")
        return
    committed = read()
    if committed.keys() != tensors.keys():
        sys.exit(f"other names: {sorted(committed.keys() ^ tensors.keys())}")
    worst = max(
        ((a - b).abs() / b.abs().clamp(min=1)).max().item() for a, b in ((tensors[n], committed[n]) for n in tensors))
    print(f"PyTorch {torch.__version__}: worst difference {worst:.1e}, relative to max(1, |a|)")
    if not worst <= 1e-12:
        sys.exit("that is more than 1e-12")


if __name__ == "__main__":
    main()
