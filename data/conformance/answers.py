"""Answers to the conformance kit: the start of an adaptor for a program of yours.

    python3 answers.py [KIT] [OUT]              writes OUT; KIT is this folder, OUT answers.safetensors, unless given
    python3 answers.py --float32 [KIT] [OUT]    computes in 32 bits, from the expected values in KIT/float32

Needs numpy and safetensors. `load` gives the sizes, inputs and expected values of a case, `Answers` collects what your
program computes and writes it. Any part of what the kit expects is an answer; the names are those of the expected
values. `example` is a stand-in for your program: it computes stage 1 of MOHAWK in plain numpy. Replace it by calls of
your own.
"""

import argparse
import json
import pathlib

import numpy as np
import safetensors.numpy


def manifest(kit):
    """What KIT/manifest.json says: the kit's version, and of each case its sizes."""
    return json.loads((pathlib.Path(kit) / "manifest.json").read_text(encoding="utf-8"))


def load(kit, case, float32=False):
    """The sizes, the inputs and the expected values of a case: {"B": 2, …}, {name: array}, {name: array}."""
    kit, dtype = pathlib.Path(kit), np.float32 if float32 else np.float64
    folder = kit / "float32" if float32 else kit
    files = (kit / f"{case}.inputs.safetensors", folder / f"{case}.expected.safetensors")
    # The inputs are stored in 32 bits and lose nothing by it; from here on all is in the type that is asked for.
    inputs, expected = (
        {name: array.astype(dtype) for name, array in safetensors.numpy.load_file(file).items()} for file in files)
    return manifest(kit)["cases"][case]["sizes"], inputs, expected


class Answers:
    """answers[case, name] = array, as often as you like, then answers.write(path)."""

    def __init__(self, kit):
        self.version, self.arrays = manifest(kit)["version"], {}

    def __setitem__(self, key, array):
        case, name = key
        self.arrays[f"{case}/{name}"] = np.asarray(array, order="C")

    def write(self, path):
        safetensors.numpy.save_file(self.arrays, path, metadata={"kit": self.version})


# ---- The example: stage 1, matrix orientation


def student_matrix(w, mixer, u, sizes):
    """What the mixer of this name makes of u [B, T, D] on the way to its matrix [B, H, T, T], by name."""
    B, T, D, H, N, K = (sizes[letter] for letter in "BTDHNK")
    state = sizes["pairs"] * N
    projected = u @ w[mixer + ".in_proj.weight"].T
    convolved, _, a = np.split(projected, [D + 2 * state, 2 * D + 2 * state], axis=-1)  # x, B and C; z; a

    # Each channel of x, B and C has K weights of its own; the last one is for the present.
    taps = w[mixer + ".conv1d.weight"][:, 0]
    padded = np.pad(convolved, [(0, 0), (K - 1, 0), (0, 0)])
    convolved = sum(padded[:, k : k + T] * taps[:, k] for k in range(K)) + w[mixer + ".conv1d.bias"]
    # Heads that share a pair of B and C get copies of it: [B, T, H, N].
    _, b, c = np.split(convolved, [D, D + state], axis=-1)
    b, c = (part.reshape(B, T, -1, N).repeat(H // sizes["pairs"], axis=2) for part in (b, c))

    log_decay = -np.logaddexp(0, a)  # −softplus(a) = log sigmoid(−a)
    sums = np.zeros((B, H, T, T), dtype=a.dtype)
    for t in range(T):
        for s in range(t):
            sums[:, :, t, s] = log_decay[:, s + 1 : t + 1].sum(1)
    decay = np.tril(np.exp(sums))
    matrix = np.einsum("bthn,bshn->bhts", c, b) * decay
    matrix[:, :, range(T), range(T)] += w[mixer + ".D"][:, None]
    return {"projected_a": a, "log_decay": log_decay, "segment_sums": sums, "decay_matrix": decay, "matrix": matrix}


def example(sizes, inputs, expected):
    """The name and array of each answer to a case, as far as this program knows them."""
    if not sizes.get("L"):
        return  # the case decays has no model
    student = {name[len("student.") :]: array for name, array in inputs.items() if name.startswith("student.")}
    of_layers = []
    for l in range(sizes["L"]):
        mixer = f"backbone.layers.{l}.mixer"
        if mixer + ".in_proj.weight" not in student:
            continue  # this layer keeps its attention
        # In stage 1 a mixer reads what the teacher's attention reads. A program that has a teacher computes this too.
        parts = student_matrix(student, mixer, expected[f"teacher.{l}.mixer_input"], sizes)
        for name, array in parts.items():
            yield f"student.{l}.{name}", array
        norms = np.sqrt(((expected[f"teacher.{l}.matrix"] - parts["matrix"]) ** 2).sum((-2, -1)))
        yield f"loss.stage1.{l}.norms", norms
        yield f"loss.stage1.{l}", norms.mean()
        of_layers.append(norms.mean())
    yield "loss.stage1", np.sum(of_layers, dtype=norms.dtype)


def main(program):
    """Asks a program for its answers to each case, and writes them."""
    parser = argparse.ArgumentParser(description="Writes answers to the conformance kit.")
    parser.add_argument("kit", nargs="?", default=pathlib.Path(__file__).resolve().parent)
    parser.add_argument("out", nargs="?", default="answers.safetensors")
    parser.add_argument("--float32", action="store_true", help="compute in 32 bits")
    options = parser.parse_args()
    answers = Answers(options.kit)
    for case in manifest(options.kit)["cases"]:
        for name, array in program(*load(options.kit, case, options.float32)):
            answers[case, name] = array
    answers.write(options.out)
    print(f"{options.out}: {len(answers.arrays)} tensors")


if __name__ == "__main__":
    main(example)
