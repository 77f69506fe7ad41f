"""Golden values: byte-level tokenizers of Hugging Face's `tokenizers`, and the tokens that it gives for odd texts.

    python make_tokenizers.py            writes NAME/tokenizer.json, NAME/tokenizer_config.json and tokens.json here
    python make_tokenizers.py --check    computes everything again and compares it with the files

The committed files were written with Python 3.11 and tokenizers 0.23.3. All texts are of our own writing.

    plain       GPT-2's pattern; merges as pairs; a special token, one that is text, and one inside another
    digits      each digit alone, as in SmolLM2; merges as "a b"; no token for the bytes of U+0004 and U+0006
    prefix      each digit alone, and a space before each piece that has none
    lookup      ignore_merges, with words that no merge makes; a number of the vocabulary without a token

tokens.json: for each name, rows of text, tokens, and the text that they are decoded to.
"""

import json
import pathlib
import random
import sys
import unicodedata

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = pathlib.Path(__file__).parent
STORY = """
The miller had three sons, a mill, a donkey and a cat. He'd said they'd share it, and they didn't; the eldest took the
mill, the second took the donkey, and the youngest, who wasn't asked, took the cat. "I'm lost," he said, "I've nothing
that'll feed me, and you're only a cat." "Don't you worry," said the cat, "we're going to be rich." It was 1697, or 1812,
or 2024; in any case there were 12 roads, 365 days, and 3.14159 ways to go round.  Two spaces stand here,   three here.

\tA line may begin with a tab; it may end with blanks.   \n\n\n    def f(x):\n        return x + 1  # and so on\n
Äpfel und Öl, çà et là, naïve café, Größe, Straße; Привет, мир; 漢字と仮名 — “quoted”, ‘single’, … and 🙂🙃.
"""
SPECIAL = ["<|end|>", "<|end|>of", "<|a b|>"]


def trained(size, alphabet=None):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(
        [STORY] * 3,
        trainers.BpeTrainer(
            vocab_size=size, initial_alphabet=alphabet or pre_tokenizers.ByteLevel.alphabet(), show_progress=False,
            special_tokens=[AddedToken(token, normalized=False, special=True) for token in SPECIAL]))
    return tokenizer


def digits_and_bytes(add_prefix_space):
    return pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)])


def plain():
    tokenizer = trained(420)
    tokenizer.add_tokens([AddedToken("    ", normalized=True), AddedToken("donkey<|end|>", normalized=True)])
    return json.loads(tokenizer.to_str()), {"eos_token": "<|end|>"}


def digits():
    # U+0004 and U+0006 have the characters Ą and Ć of the byte alphabet.
    tokenizer = trained(400, [c for c in pre_tokenizers.ByteLevel.alphabet() if c not in "\u0104\u0106"])
    tokenizer.pre_tokenizer = digits_and_bytes(False)
    file = json.loads(tokenizer.to_str())
    file["model"]["merges"] = [" ".join(pair) for pair in file["model"]["merges"]]
    return file, {"eos_token": {"content": "<|end|>of", "special": True}, "add_prefix_space": False}


def prefix():
    tokenizer = trained(380)
    tokenizer.pre_tokenizer = digits_and_bytes(True)
    return json.loads(tokenizer.to_str()), {"eos_token": None}


def lookup():
    file = json.loads(trained(390).to_str())
    file["model"]["ignore_merges"] = True
    size = len(file["model"]["vocab"])
    file["model"]["vocab"].update({"Ġcats": size, "ĠcafÃ©": size + 1, "don": size + 3})
    return file, {}


TEXTS = [
    "", " ", "  ", "\n", "a", "The cat.", " The cat", "They'd said they're lost, we'll, I've, I'm, don't, it's.",
    "THEY'D 'S 'T 's't're've'm'll'd ''s '' 'r 'v 'l 'lx", "x's's ! 's", "1", "12", " 12", "  12  34 ",
    "in 1697, or 3.14", "a1b22c333", "²³ ½ ٣٤ Ⅷ x² 10⁵", "1's 2nd\n3", "\t", "\tx", "\t\tx", "\n\nx", " \n x",
    "x  ", "x \n", "a   b", "a\t b", "a \tb", "a\u00a0b", "\u00a0\u00a0b", " \u00a0 ", "a\u2003b\u3000c",
    "\u2028x\u2029", "\u0085x", "\u001cx\u001f", "\u200bx", "e\u0301 E\u0301\u0302", "\u0301", " \u0301x",
    "naïve café, Größe", "A\u030a Å \u212b", "🙂", "🙂🙃 x", "👩‍👩‍👧‍👦 🇩🇪", "漢字と仮名", " 漢字 12 と", "Привет, мир",
    "שלום עולם", "नमस्ते", "ไทย", "x\u0000y", "\ufeffx", "\ufffd", "a\r\nb\r\n", "…—“x”",
    "def f(x):\n        return x+1\n", "<|end|>", "a<|end|>b", "a <|end|> b", "<|end|>of", "<|end|>o",
    "<|end|><|end|>", "<|end", "|end|>", "<|a b|>x<|a  b|>", "1<|end|>2 3", "donkey<|end|>", "donkey", "x    y",
    "     ", "cats cats", "un café don", "don", " don't",
]


def random_texts():
    random.seed(5)
    ranges = [
        (0x20, 0x7E), (0x20, 0x2F), (0x30, 0x3A), (0x61, 0x66), (9, 13), (0xA0, 0x24F), (0x300, 0x36F),
        (0x370, 0x2FFF), (0x3000, 0xD7FF), (0xF900, 0xFFFD), (0x10000, 0x1F8FF), (0x20, 0x20)]
    for _ in range(25):
        text = ""
        while len(text) < 30:
            character = chr(random.randint(*random.choice(ranges)))
            # What is assigned only in later versions of Unicode may be a letter for one program and none for another.
            if unicodedata.category(character) != "Cn":
                text += character
        yield text


def files():
    result, tokens = {}, {}
    for make in [plain, digits, prefix, lookup]:
        name, (file, settings) = make.__name__, make()
        result[f"{name}/tokenizer.json"] = file
        result[f"{name}/tokenizer_config.json"] = settings
        tokenizer = Tokenizer.from_str(json.dumps(file))
        tokens[name] = []
        for text in TEXTS + list(random_texts()):
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            tokens[name].append([text, ids, tokenizer.decode(ids, skip_special_tokens=False)])
    result["tokens.json"] = tokens
    return result


def main():
    for name, value in files().items():
        if name == "tokens.json":
            rows = {key: ",\n".join(json.dumps(row, ensure_ascii=False) for row in value[key]) for key in value}
            text = "{" + ",\n".join(f'"{key}": [\n{rows[key]}\n]' for key in rows) + "}\n"
        else:
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n"
        path = HERE / name
        if "--check" in sys.argv:
            if path.read_text(encoding="utf-8") != text:
                sys.exit(f"{name} differs")
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
