#!/usr/bin/env python3
"""The tokens that Hugging Face's `tokenizers` gives for some texts, under the tokenizer of a GGUF file.

    python tokens.py MODEL.gguf IDS.bin TEXT.txt [TEXT.txt ...]

An independent program to compare `ByteLevelTokenizer` with. The arrays of the GGUF file become a tokenizer of that
library: BPE over bytes, special tokens as the file marks them, and the rule by which the text is cut first, which a
GGUF file only names:

    gpt-2, phi-2                  GPT-2's pattern
    smollm, starcoder, refact     each digit alone, then GPT-2's pattern

`transformers` can read a GGUF file by itself, but leaves out the rule of the digits, so it is no reference. The texts
are encoded one by one, and the tokens of all of them are written to IDS.bin one after another, as 32-bit integers,
lowest byte first. A text must be UTF-8; its bytes are taken as they are. Nothing is fetched from a network.

Needs: pip install gguf numpy tokenizers. Measured with tokenizers 0.23.3.
"""

import sys

import gguf
import numpy
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

DIGITS_ALONE = {"gpt-2": False, "phi-2": False, "smollm": True, "starcoder": True, "refact": True}
CONTROL, USER_DEFINED = 3, 4


def tokenizer_of(path):
    """Hugging Face's tokenizer of a GGUF file."""
    fields = gguf.GGUFReader(path).fields

    def value(key, standard=None):
        return fields[key].contents() if key in fields else standard

    model, rule = value("tokenizer.ggml.model"), value("tokenizer.ggml.pre")
    if model != "gpt2" or rule not in DIGITS_ALONE:
        sys.exit(f"{path}: the tokenizer is {model} with the rule {rule}, which this script does not know")
    tokens = value("tokenizer.ggml.tokens")
    merges = [tuple(merge.split(" ")) for merge in value("tokenizer.ggml.merges")]
    tokenizer = Tokenizer(models.BPE(vocab={token: id for id, token in enumerate(tokens)}, merges=merges))
    cut = pre_tokenizers.ByteLevel(add_prefix_space=value("tokenizer.ggml.add_space_prefix", False))
    if DIGITS_ALONE[rule]:
        cut = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), cut])
    tokenizer.pre_tokenizer = cut
    tokenizer.decoder = decoders.ByteLevel()
    for token, kind in zip(tokens, value("tokenizer.ggml.token_type")):
        if kind in (CONTROL, USER_DEFINED):
            tokenizer.add_tokens([AddedToken(token, normalized=False, special=kind == CONTROL)])
    if tokenizer.get_vocab_size() != len(tokens):
        sys.exit(f"{path}: a token occurs twice")
    return tokenizer


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__.split("\n\n")[1].strip())
    tokenizer = tokenizer_of(sys.argv[1])
    total = 0
    with open(sys.argv[2], "wb") as output:
        for path in sys.argv[3:]:
            with open(path, encoding="utf-8", newline="") as file:
                ids = tokenizer.encode(file.read(), add_special_tokens=False).ids
            output.write(numpy.array(ids, dtype="<i4").tobytes())
            total += len(ids)
            print(f"{path}: {len(ids)} tokens")
    print(f"{sys.argv[2]}: {total} tokens")


if __name__ == "__main__":
    main()
