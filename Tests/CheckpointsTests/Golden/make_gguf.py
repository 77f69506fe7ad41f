"""Small .gguf files by the package of the authors of the format, and what it reads in them.

    python3 make_gguf.py            writes formats.gguf, aligned.gguf and expected.safetensors beside this script
    python3 make_gguf.py --check    makes everything again in memory and compares it with the files

The committed files were written on Linux, x86-64, with Python 3.11.7, gguf 0.19.0, NumPy 2.4.6, safetensors 0.8.0.

formats.gguf    a tensor NAME for each format that the Swift side decodes; "unread" in Q6_K, which it does not; a value
                of each kind in the metadata
aligned.gguf    two tensors of odd lengths, and general.alignment 128 instead of 32
expected.safetensors    for each tensor FILE.NAME the numbers by gguf.quants.dequantize, float32

The blocks are made of random bytes, so that each value of a byte occurs, and their scales are chosen: ordinary ones of
both signs, the largest, zeros of both signs, subnormal numbers. They are finite, so that every number can be compared.
"""

import pathlib
import sys
import tempfile

import gguf
import numpy as np
import safetensors.numpy

FOLDER = pathlib.Path(__file__).parent
TYPES = gguf.GGMLQuantizationType
SCALES = [0x3C00, 0xBC00, 0x2E66, 0x0001, 0x03FF, 0x8001, 0x0400, 0x7BFF, 0xFBFF, 0x0000, 0x8000, 0x1234, 0xA5A5]


def blocks(random, kind, halves, rows, columns):
    """Bytes of blocks of 32 numbers: so many halves, then random bytes."""
    _, size = gguf.GGML_QUANT_SIZES[kind]
    count = rows * columns // 32
    result = random.integers(0, 256, (count, size), dtype=np.uint8)
    for block in range(count):
        for half in range(halves):
            scale = SCALES[(block + 5 * half) % len(SCALES)]
            result[block, 2 * half : 2 * half + 2] = [scale & 255, scale >> 8]
    return result.reshape(rows, -1)


def write_formats(path, random):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_uint8("kind.u8", 200)
    writer.add_int8("kind.i8", -100)
    writer.add_uint16("kind.u16", 60_000)
    writer.add_int16("kind.i16", -30_000)
    writer.add_uint32("kind.u32", 4_000_000_000)
    writer.add_int32("kind.i32", -2_000_000_000)
    writer.add_uint64("kind.u64", 2**64 - 1)
    writer.add_int64("kind.i64", -(2**63))
    writer.add_float32("kind.f32", 0.1)
    writer.add_float64("kind.f64", 0.1)
    writer.add_bool("kind.bool", True)
    writer.add_string("kind.text", "Zeichen \"\n é 🙂")
    writer.add_array("kind.texts", ["a", "", "Ġthe", "🙂"])
    writer.add_array("kind.integers", [1, -2, 3])
    writer.add_array("kind.numbers", [0.5, -1.5])
    writer.add_array("kind.flags", [True, False])
    writer.add_uint32("llama.block_count", 30)

    numbers = random.standard_normal((3, 5, 7)).astype(np.float32)
    writer.add_tensor("f32", numbers)
    halves = np.array(SCALES * 3, dtype=np.uint16).view(np.float16).reshape(13, 3)
    writer.add_tensor("f16", halves)
    writer.add_tensor("bf16", gguf.quants.quantize(numbers[0], TYPES.BF16), raw_dtype=TYPES.BF16)
    for name, kind, count in [("q8_0", TYPES.Q8_0, 1), ("q4_0", TYPES.Q4_0, 1), ("q4_1", TYPES.Q4_1, 2)]:
        writer.add_tensor(name, blocks(random, kind, count, 13, 96), raw_dtype=kind)
    # As the authors' own program makes them of weights.
    weights = random.standard_normal((2, 64)).astype(np.float32)
    for name, kind in [("made.q8_0", TYPES.Q8_0), ("made.q4_0", TYPES.Q4_0), ("made.q4_1", TYPES.Q4_1)]:
        writer.add_tensor(name, gguf.quants.quantize(weights, kind), raw_dtype=kind)
    writer.add_tensor("unread", random.integers(0, 256, (1, 210), dtype=np.uint8), raw_dtype=TYPES.Q6_K)
    finish(writer)


def write_aligned(path, random):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_custom_alignment(128)
    writer.add_tensor("first", random.standard_normal((3,)).astype(np.float32))
    writer.add_tensor("second", random.standard_normal((2, 5)).astype(np.float32))
    finish(writer)


def finish(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make(folder):
    random = np.random.default_rng(7)
    expected = {}
    for name, write in [("formats", write_formats), ("aligned", write_aligned)]:
        write(folder / f"{name}.gguf", random)
        for tensor in gguf.GGUFReader(folder / f"{name}.gguf").tensors:
            if tensor.name == "unread":
                continue
            numbers = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
            shape = [int(size) for size in reversed(tensor.shape)]
            expected[f"{name}.{tensor.name}"] = np.ascontiguousarray(numbers.astype(np.float32).reshape(shape))
            assert np.isfinite(numbers).all(), tensor.name
    safetensors.numpy.save_file(expected, folder / "expected.safetensors")


def main():
    if sys.argv[1:] != ["--check"]:
        make(FOLDER)
        return
    with tempfile.TemporaryDirectory() as folder:
        make(pathlib.Path(folder))
        for name in ["formats.gguf", "aligned.gguf", "expected.safetensors"]:
            equal = (pathlib.Path(folder) / name).read_bytes() == (FOLDER / name).read_bytes()
            print(name, "is equal" if equal else "DIFFERS")
            if not equal:
                sys.exit(1)


if __name__ == "__main__":
    main()
