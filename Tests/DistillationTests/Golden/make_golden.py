"""Golden values: what an independent program computes for a tiny teacher and a tiny student.

    python3 make_golden.py            writes golden.safetensors beside this script
    python3 make_golden.py --check    computes everything again and compares it with the file

The committed file was written on Linux, x86-64, with

    Python 3.11.7, PyTorch 2.13.0 (CPU):    python make_golden.py
    Python 3.11.2, PyTorch 1.13.0 (Debian): /usr/bin/python3 make_golden.py --check    worst difference 4.2e-15

All is in float64, and independent: no line, no file and no random number comes from the Swift side. The formulas are
those of data/conformance/answers_torch.py, which says how they differ from Swift's; this script has its own sizes,
weights and names.

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
from types import SimpleNamespace

import torch

FILE = pathlib.Path(__file__).resolve().with_name("golden.safetensors")
sys.path.insert(0, str(FILE.parents[3] / "data" / "conformance"))
import answers_torch as formulas

PEAK = 0.01  # the largest learning rate of the run
V, D, H, L, F, N, K, T, B = 11, 10, 2, 2, 13, 6, 4, 7, 3
# 4 of the 5 features of a head are rotated: rotaryFraction 0.8. Each head has keys, values, B and C of its own.
SIZES = SimpleNamespace(D=D, H=H, G=H, P=D // H, R=4, N=N, pairs=H, K=K, L=L)

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


# ---- All together


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
            slopes = formulas.gradients(loss, parameters)
            result.update({f"gradient.{kind}.{name}": slope for name, slope in slopes.items()})

    of_teacher = formulas.model(teacher, tokens, SIZES)
    add("labels_teacher", formulas.labels(of_teacher["logits"], targets), teacher)
    # From here on the teacher is a constant.
    of_teacher = formulas.model({name: tensor.detach() for name, tensor in teacher.items()}, tokens, SIZES)
    taught, logits = of_teacher["layers"], formulas.model(student, tokens, SIZES)["logits"]
    result.update({"logits.teacher": of_teacher["logits"], "logits.student": logits})
    for l, parts in formulas.mixers(student, taught, SIZES).items():
        result[f"attention.{l}"], result[f"attention_output.{l}"] = taught[l]["matrix"], taught[l]["mixer_output"]
        result[f"ssd.{l}"], result[f"mamba_output.{l}"] = parts["matrix"], parts["mixer_output"]
    mixers = {name: tensor for name, tensor in student.items() if ".mixer." in name}
    add("stage1", formulas.total(formulas.stage1(student, taught, SIZES)), formulas.trained_by_stage1(student))
    add("stage2", formulas.total(formulas.stage2(student, taught, SIZES)), mixers)
    add("stage3", formulas.stage3(logits, of_teacher["logits"]).mean(), student)
    add("labels_student", formulas.labels(logits, targets), {})

    def stage3(w):
        return formulas.stage3(formulas.model(w, tokens, SIZES)["logits"], of_teacher["logits"]).mean()

    course, after = formulas.run(student, stage3, peak=PEAK)
    result.update({"run." + name: numbers for name, numbers in course.items()})
    result.update({"run.final." + name: tensor for name, tensor in after[-1].items()})
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
