"""Tiny models as Hugging Face transformers writes them, and what an independent program computes for them.

    python make_published.py            writes a folder per variant beside this script, refusals.json, passed_over.json
    python make_published.py --check    makes everything again elsewhere and compares it with what lies here

The committed files were written on Linux, x86-64, with Python 3.11, PyTorch 2.15.0 (CPU), transformers 5.24.0,
safetensors 0.8.0, gguf 0.19.0, tokenizers 0.23.3, numpy 2.4.6, accelerate 1.15.0 (transformers reads GGUF with it).

The weights are random numbers of Python's generator. transformers puts them into a model and saves it. The script then
reads the files again and computes the logits in float64 with numpy, from the formulas below and not from transformers'
code; it asserts that transformers, which computes in float32 and takes the rotary angles in float32 too, agrees, and
prints the largest difference relative to the largest logit. No line and no number comes from the Swift side.

    phi            Phi as transformers 5 writes it: rope_parameters. All states and attention matrices are kept
    phi-4x         the same weights; the configuration as transformers 4 wrote it: partial_rotary_factor, rope_theta and
                   rope_scaling at the top, and every key of 4.49's to_dict
    phi-tied       tie_word_embeddings: the file has no lm_head.weight, but it does have lm_head.bias, which counts;
                   6 of 8 features of a head turn
    phi-gqa        fewer key-value heads than heads; a rotary factor of 0.6 of 4 features, which transformers cuts to 2
    llama          untied, grouped heads, rms_norm_eps 1e-6, rope_theta 500000. All states and matrices are kept
    llama-4x       a configuration as published with transformers 4, with keys that no one reads, and the buffers
                   rotary_emb.inv_freq of old checkpoints in the file
    llama-tied     the kind of SmolLM2: no lm_head.weight in the file; one key-value head; rms_norm_eps 1e-5
    llama-shards   several files and an index
    llama-bf16, llama-f16     16-bit weights; the logits are those of the rounded weights
    llama-padded   more rows in the head than the tokenizer has tokens, and the rows beyond are large, so that a
                   program that forgets the limit generates them; metadata real_tokens
    llama-heads    head_dim is given, and equals D/H
    gguf-f32       llama.gguf as llama.cpp's converter writes it: rows of q and k interleaved, own names, a tokenizer
                   in the metadata; here with output.weight
    gguf-f16, gguf-q8_0, gguf-q4_1    tied; matrices in that type, norms in F32. As in a published SmolLM2 the
                   embedding of gguf-q4_1 is Q8_0

expected.safetensors of a folder (l is a layer; B batch, T time, D width, H heads, V vocabulary):

    tokens               I64 [B, T]
    logits               F64 [B, T, V]
    transformers_logits  F32 [B, T, V]
    greedy               I64 [8], the most probable tokens after row 0 of tokens, one after the other; each leads the
                         next one by at least MARGIN
    hidden.l             F64 [B, T, D], what enters layer l; hidden.L leaves the last (phi and llama only)
    u.l                  F64 [B, T, D], the norm of hidden.l, which attention reads (phi and llama only)
    attention.l          F64 [B, H, T, T] (phi and llama only)
    text_ids             I64, the tokens of the metadata's text (gguf only)

transformers 4.49.0 gives the logits of phi-4x and llama-4x too, within 3e-7. It reads rope_parameters over without a
word, and so takes rope_theta 10000 for the folders of transformers 5.

refusals.json lists settings that make another function of the same weights, passed_over.json keys that do not:
settings.py measures both.
"""

import json
import math
import pathlib
import random
import shutil
import sys
import tempfile

import gguf
import numpy as np
import tokenizers
import torch
import transformers
from safetensors import safe_open
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file

import settings

B, T, STEPS, POSITIONS = 2, 9, 8, 61
MARGIN = 0.02  # of the largest logit to the second; float32 errs by less than 1e-4
HERE = pathlib.Path(__file__).parent

# ---- The formulas, in float64


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def gelu(x):
    """The tanh approximation, arXiv 1606.08415."""
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x):
    return x / (1 + np.exp(-x))


def layer_norm(x, weight, bias, eps):
    centred = x - x.mean(-1, keepdims=True)
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) * weight + bias


def rms_norm(x, weight, eps):
    """arXiv 1910.07467"""
    return x / np.sqrt((x**2).mean(-1, keepdims=True) + eps) * weight


def rotary(x, width, base):
    """Turns the pair (i, i + width/2) of each head by t · base^(−2i/width): [B, heads, T, P], arXiv 2104.09864."""
    result, half = x.copy(), width // 2
    for t in range(x.shape[2]):
        for i in range(half):
            angle = t * base ** (-2 * i / width)
            first, second = x[:, :, t, i], x[:, :, t, i + half]
            result[:, :, t, i] = first * math.cos(angle) - second * math.sin(angle)
            result[:, :, t, i + half] = first * math.sin(angle) + second * math.cos(angle)
    return result


def heads(x, count):
    """[B, T, count · P] → [B, count, T, P]"""
    return x.reshape(*x.shape[:2], count, -1).transpose(0, 2, 1, 3)


def mix(q, k, v, sizes):
    """Causal attention; head h reads the key-value head h // (H/G), arXiv 2305.13245. The output and the matrix."""
    H, G, width = sizes["H"], sizes["G"], sizes["R"]
    q, k = rotary(heads(q, H), width, sizes["theta"]), rotary(heads(k, G), width, sizes["theta"])
    v = heads(v, G)
    time = q.shape[2]
    matrix, output = [], []
    for h in range(H):
        g = h // (H // G)
        scores = q[:, h] @ k[:, g].transpose(0, 2, 1) / math.sqrt(q.shape[-1])
        scores = np.where(np.tri(time, dtype=bool), scores, -np.inf)
        matrix.append(softmax(scores))
        output.append(matrix[-1] @ v[:, g])
    return np.concatenate(output, -1), np.stack(matrix, 1)


def phi_pass(w, tokens, sizes):
    """The parallel block: x + attention(LN x) + MLP(LN x). The logits and, for each layer, states and matrix."""

    def linear(name, x):
        return x @ w[name + ".weight"].T + w[name + ".bias"]

    def norm(name, x):
        return layer_norm(x, w[name + ".weight"], w[name + ".bias"], sizes["eps"])

    x, trace = w["model.embed_tokens.weight"][tokens], {}
    for l in range(sizes["L"]):
        layer = f"model.layers.{l}"
        u = norm(layer + ".input_layernorm", x)
        q, k, v = (linear(f"{layer}.self_attn.{part}_proj", u) for part in "qkv")
        mixed, matrix = mix(q, k, v, sizes)
        trace.update({f"hidden.{l}": x, f"u.{l}": u, f"attention.{l}": matrix})
        x = (x + linear(layer + ".self_attn.dense", mixed)
             + linear(layer + ".mlp.fc2", gelu(linear(layer + ".mlp.fc1", u))))
    trace[f"hidden.{sizes['L']}"] = x
    head = w.get("lm_head.weight", w["model.embed_tokens.weight"])
    return norm("model.final_layernorm", x) @ head.T + w["lm_head.bias"], trace


def llama_pass(w, tokens, sizes):
    """Two steps: x + attention(norm x), then x + SwiGLU(norm x), arXiv 2002.05202."""

    def linear(name, x):
        return x @ w[name + ".weight"].T

    def norm(name, x):
        return rms_norm(x, w[name + ".weight"], sizes["eps"])

    x, trace = w["model.embed_tokens.weight"][tokens], {}
    for l in range(sizes["L"]):
        layer = f"model.layers.{l}"
        u = norm(layer + ".input_layernorm", x)
        q, k, v = (linear(f"{layer}.self_attn.{part}_proj", u) for part in "qkv")
        mixed, matrix = mix(q, k, v, sizes)
        trace.update({f"hidden.{l}": x, f"u.{l}": u, f"attention.{l}": matrix})
        x = x + linear(layer + ".self_attn.o_proj", mixed)
        z = norm(layer + ".post_attention_layernorm", x)
        x = x + linear(layer + ".mlp.down_proj", silu(linear(layer + ".mlp.gate_proj", z)) * linear(layer + ".mlp.up_proj", z))
    trace[f"hidden.{sizes['L']}"] = x
    head = w.get("lm_head.weight", w["model.embed_tokens.weight"])
    return norm("model.norm", x) @ head.T, trace


PASSES = {"phi": phi_pass, "llama": llama_pass}

# ---- The models


def sizes_of(kind, **sizes):
    """R is the number of features of a head that turn."""
    sizes = {"kind": kind, "G": sizes["H"], "theta": 10000.0, "tied": False, **sizes}
    P = sizes["D"] // sizes["H"]
    sizes["R"] = int(P * sizes["fraction"]) if kind == "phi" else P
    return sizes


PHI = sizes_of("phi", V=41, D=24, FF=26, H=3, L=2, eps=1e-5, fraction=0.5)
SMALL = sizes_of("llama", V=31, D=16, FF=22, H=4, G=2, L=2, eps=1e-6)
VARIANTS = {
    "phi": PHI,
    "phi-4x": PHI,
    "phi-tied": sizes_of("phi", V=29, D=16, FF=21, H=2, L=2, eps=1e-5, fraction=0.75, tied=True),
    "phi-gqa": sizes_of("phi", V=31, D=24, FF=19, H=6, G=3, L=2, eps=1e-5, fraction=0.6),
    "llama": sizes_of("llama", V=37, D=24, FF=28, H=6, G=2, L=3, eps=1e-6, theta=500000.0),
    "llama-4x": {**SMALL, "eps": 1e-5},
    "llama-tied": {**SMALL, "G": 1, "eps": 1e-5, "theta": 100000.0, "tied": True},
    "llama-shards": {**SMALL, "theta": 20000.0},
    "llama-bf16": SMALL,
    "llama-f16": SMALL,
    "llama-padded": {**SMALL, "V": 40, "real": 31},
    "llama-heads": sizes_of("llama", V=31, D=18, FF=22, H=3, G=1, L=2, eps=1e-6),
    "gguf-f32": sizes_of("llama", V=43, D=24, FF=28, H=6, G=3, L=2, eps=1e-5, theta=100000.0),
    "gguf-f16": sizes_of("llama", V=43, D=24, FF=28, H=3, G=1, L=2, eps=1e-5, theta=100000.0, tied=True),
    "gguf-q8_0": sizes_of("llama", V=43, D=32, FF=64, H=4, G=2, L=2, eps=1e-5, theta=100000.0, tied=True),
    "gguf-q4_1": sizes_of("llama", V=43, D=32, FF=64, H=4, G=2, L=2, eps=1e-6, theta=100000.0, tied=True),
}
KEPT_WHOLE = ("phi", "llama")  # with states and matrices


def configuration(sizes):
    common = {
        "vocab_size": sizes["V"], "hidden_size": sizes["D"], "intermediate_size": sizes["FF"],
        "num_hidden_layers": sizes["L"], "num_attention_heads": sizes["H"], "num_key_value_heads": sizes["G"],
        "max_position_embeddings": POSITIONS, "tie_word_embeddings": sizes["tied"], "bos_token_id": 1, "eos_token_id": 2,
    }
    rope = {"rope_type": "default", "rope_theta": sizes["theta"]}
    if sizes["kind"] == "phi":
        rope["partial_rotary_factor"] = sizes["fraction"]
        return transformers.PhiConfig(**common, layer_norm_eps=sizes["eps"], rope_parameters=rope)
    return transformers.LlamaConfig(**common, rms_norm_eps=sizes["eps"], rope_parameters=rope)


def random_model(name, sizes):
    """All parameters random; embeddings small, so that the eps of the first norm is seen in the logits."""
    model = transformers.AutoModelForCausalLM.from_config(configuration(sizes)).eval()
    generator = random.Random(name)
    with torch.no_grad():
        for parameter_name, parameter in sorted(model.named_parameters()):
            is_norm = "norm" in parameter_name
            mean = 1.0 if is_norm and parameter_name.endswith("weight") else 0.0
            deviation = 0.08 if "embed" in parameter_name else 0.2 if parameter.dim() == 1 else 0.3
            if "embed" in parameter_name and sizes["tied"]:
                deviation = 0.25
            numbers = [mean + deviation * generator.gauss(0, 1) for _ in range(parameter.numel())]
            parameter.copy_(torch.tensor(numbers, dtype=torch.float64).reshape(parameter.shape))
        if "real" in sizes:
            model.lm_head.weight[sizes["real"] :] *= 20
    return model


# ---- The folders


def save(name, sizes, folder):
    """Writes a variant's configuration and weights."""
    folder.mkdir()
    if name.startswith("gguf"):
        save_gguf(name, sizes, folder)
        return
    model = random_model("phi" if name == "phi-4x" else name, sizes)
    for kind, dtype in (("bf16", torch.bfloat16), ("f16", torch.float16)):
        if name.endswith("-" + kind):
            model = model.to(dtype)
    model.save_pretrained(folder, **({"max_shard_size": "6KB"} if name == "llama-shards" else {}))
    if name.endswith("-4x"):
        (folder / "generation_config.json").unlink()
        write_json(folder / "config.json", old_configuration(sizes))
    if name == "llama-4x":
        path = folder / "model.safetensors"
        weights = read_weights(folder)
        for l in range(sizes["L"]):
            rates = torch.tensor([sizes["theta"] ** (-2 * i / sizes["R"]) for i in range(sizes["R"] // 2)])
            weights[f"model.layers.{l}.self_attn.rotary_emb.inv_freq"] = rates
        save_torch_file(weights, path, metadata={"format": "pt"})


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n")


def old_configuration(sizes):
    """A configuration in the words of transformers 4."""
    if sizes["kind"] == "phi":
        own = {
            "architectures": ["PhiForCausalLM"], "model_type": "phi", "hidden_act": "gelu_new",
            "layer_norm_eps": sizes["eps"], "attention_dropout": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0,
            "partial_rotary_factor": sizes["fraction"], "qk_layernorm": False, "transformers_version": "4.49.0",
        }
        rest = settings.KEYS_OF_TRANSFORMERS_4
    else:
        # As in the published folders of SmolLM2.
        own = {
            "_name_or_path": "/fsx/checkpoints/final", "architectures": ["LlamaForCausalLM"], "model_type": "llama",
            "hidden_act": "silu", "rms_norm_eps": sizes["eps"], "attention_bias": False, "attention_dropout": 0.0,
            "mlp_bias": False, "is_llama_config": True, "rope_interleaved": False, "pretraining_tp": 1,
            "torch_dtype": "float32", "transformers_version": "4.40.1",
            "transformers.js_config": {"kv_cache_dtype": {"q4f16": "float16", "fp16": "float16"}},
        }
        rest = {"pad_token_id": 2}
    return {
        **rest, **own,
        "vocab_size": sizes["V"], "hidden_size": sizes["D"], "intermediate_size": sizes["FF"],
        "num_hidden_layers": sizes["L"], "num_attention_heads": sizes["H"], "num_key_value_heads": sizes["G"],
        "max_position_embeddings": POSITIONS, "rope_theta": sizes["theta"], "rope_scaling": None,
        "tie_word_embeddings": sizes["tied"], "initializer_range": 0.02, "use_cache": True,
        "bos_token_id": 1, "eos_token_id": 2,
    }


def read_weights(folder):
    """All tensors of a folder's safetensors files."""
    weights = {}
    for path in sorted(folder.glob("model*.safetensors")):
        with safe_open(path, "pt") as file:
            weights.update({key: file.get_tensor(key) for key in file.keys()})
    return weights


# ---- GGUF

GGUF_NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm",
}
GGUF_TYPES = {
    "f32": (gguf.GGMLQuantizationType.F32, gguf.LlamaFileType.ALL_F32),
    "f16": (gguf.GGMLQuantizationType.F16, gguf.LlamaFileType.MOSTLY_F16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
    "q4_1": (gguf.GGMLQuantizationType.Q4_1, gguf.LlamaFileType.MOSTLY_Q4_1),
}
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
MERGES = ["Ġ t", "h e", "Ġt he", "a t", "Ġ c", "Ġc at", "4 2"]  # 42 never becomes one token: digits stand alone
TEXT = "the cat sat at 42, the\nheat\n\n that"


def gguf_tokens():
    """43 tokens: special ones, single bytes in GPT-2's alphabet, then what each merge makes."""
    return SPECIAL + list("abcdefghijklmnopqrstuvwxyz") + list("042,.ĠĊ") + [merge.replace(" ", "") for merge in MERGES]


def gguf_name(name):
    ends = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight",
            "lm_head.weight": "output.weight"}
    if name in ends:
        return ends[name]
    _, _, layer, rest = name.split(".", 3)
    return f"blk.{layer}.{GGUF_NAMES[rest.removesuffix('.weight')]}.weight"


def interleaved(rows, count):
    """The rows of each head from halves [2, P/2] to pairs [P/2, 2], as llama.cpp wants them."""
    return rows.reshape(count, 2, -1, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)


def in_halves(rows, count):
    return rows.reshape(count, -1, 2, rows.shape[-1]).swapaxes(1, 2).reshape(rows.shape)


def save_gguf(name, sizes, folder):
    kind, file_type = GGUF_TYPES[name.removeprefix("gguf-")]
    writer = gguf.GGUFWriter(folder / "llama.gguf", "llama")
    writer.add_type("model")
    writer.add_name("Tiny " + name)
    writer.add_block_count(sizes["L"])
    writer.add_context_length(POSITIONS)
    writer.add_embedding_length(sizes["D"])
    writer.add_feed_forward_length(sizes["FF"])
    writer.add_head_count(sizes["H"])
    writer.add_head_count_kv(sizes["G"])
    writer.add_rope_freq_base(sizes["theta"])
    writer.add_layer_norm_rms_eps(sizes["eps"])
    writer.add_file_type(file_type)
    writer.add_vocab_size(sizes["V"])
    writer.add_rope_dimension_count(sizes["R"])
    tokens = gguf_tokens()
    assert len(tokens) == sizes["V"]
    writer.add_add_space_prefix(False)
    writer.add_add_bos_token(False)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_token_types([control if token in SPECIAL else normal for token in tokens])
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_pad_token_id(2)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for key, tensor in random_model(name, sizes).state_dict().items():
        if key == "lm_head.weight" and sizes["tied"]:
            continue
        values = tensor.numpy()
        if "q_proj" in key or "k_proj" in key:
            values = interleaved(values, sizes["H" if "q_proj" in key else "G"])
        of_this = gguf.GGMLQuantizationType.F32 if values.ndim == 1 else kind
        if key == "model.embed_tokens.weight" and name == "gguf-q4_1":
            of_this = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(gguf_name(key), gguf.quants.quantize(values, of_this), raw_dtype=of_this)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def read_gguf(path, sizes):
    """The weights of a GGUF file, dequantised, under transformers' names and in its order of rows."""
    stored, weights = {tensor.name: tensor for tensor in gguf.GGUFReader(path).tensors}, {}
    model = transformers.AutoModelForCausalLM.from_config(configuration(sizes))
    for key in model.state_dict():
        if gguf_name(key) not in stored:
            continue
        tensor = stored[gguf_name(key)]
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        if "q_proj" in key or "k_proj" in key:
            values = in_halves(values, sizes["H" if "q_proj" in key else "G"])
        weights[key] = torch.from_numpy(values.astype(np.float32).copy())
    return weights


def text_ids():
    """TEXT by the tokenizers library, digits first, as SmolLM2 does."""
    vocabulary = {token: number for number, token in enumerate(gguf_tokens())}
    merges = [tuple(merge.split(" ")) for merge in MERGES]
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    return tokenizer.encode(TEXT).ids


# ---- What is expected of them


def load(folder):
    """The model by transformers, in float32, from what the folder holds."""
    if (folder / "llama.gguf").exists():
        return transformers.AutoModelForCausalLM.from_pretrained(
            folder, gguf_file="llama.gguf", dtype=torch.float32, attn_implementation="eager").eval()
    model, report = transformers.AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    assert not report["missing_keys"] and not report["mismatched_keys"], report
    assert all("rotary_emb.inv_freq" in key for key in report["unexpected_keys"]), report
    return model.eval()


def relative(a, b):
    return float(np.abs(np.asarray(a, np.float64) - b).max() / np.abs(b).max())


def greedy(compute, prompt, sizes):
    """STEPS most probable tokens after the prompt, or None if one is near a tie."""
    tokens, real = list(prompt), sizes.get("real", sizes["V"])
    for _ in range(STEPS):
        logits = compute(np.array([tokens]))[0][0, -1]
        second, first = np.sort(logits[:real])[-2:]
        if first - second < MARGIN or (real < sizes["V"] and np.argmax(logits) < real):
            return None
        tokens.append(int(np.argmax(logits[:real])))
    return tokens[len(prompt) :]


def expect(name, sizes, folder):
    """Computes and writes expected.safetensors; the largest relative difference from transformers."""
    from_gguf = name.startswith("gguf")
    weights = read_gguf(folder / "llama.gguf", sizes) if from_gguf else read_weights(folder)
    weights = {key: tensor.to(torch.float64).numpy() for key, tensor in weights.items()}
    compute = lambda tokens: PASSES[sizes["kind"]](weights, tokens, sizes)

    generator, continuation = random.Random("tokens of " + name), None
    while continuation is None or len(set(continuation)) < 3:
        tokens = np.array([[generator.randrange(sizes.get("real", sizes["V"])) for _ in range(T)] for _ in range(B)])
        continuation = greedy(compute, tokens[0], sizes)
    logits, trace = compute(tokens)

    model = load(folder)
    with torch.no_grad():
        theirs = model(torch.from_numpy(tokens), output_hidden_states=True, output_attentions=True)
    difference = relative(theirs.logits.numpy(), logits)
    for l in range(sizes["L"]):
        difference = max(difference, relative(theirs.hidden_states[l].numpy(), trace[f"hidden.{l}"]),
                         relative(theirs.attentions[l].numpy(), trace[f"attention.{l}"]))
    assert difference < 5e-6, (name, difference)
    if "real" not in sizes:
        model.generation_config.eos_token_id = None  # Goes on past the end of a text.
        prompt = torch.from_numpy(tokens[:1])  # Without a mask generate would leave out what looks like padding.
        generated = model.generate(prompt, attention_mask=torch.ones_like(prompt), max_new_tokens=STEPS, do_sample=False)
        assert generated[0, T:].tolist() == continuation, name

    tensors = {"tokens": tokens, "logits": logits, "transformers_logits": theirs.logits.numpy(),
               "greedy": np.array(continuation)}
    metadata = {"real_tokens": str(sizes.get("real", sizes["V"]))}
    if name in KEPT_WHOLE:
        tensors.update(trace)
    if from_gguf:
        tensors["text_ids"], metadata["text"] = np.array(text_ids()), TEXT
    save_file({key: np.ascontiguousarray(value) for key, value in tensors.items()},
              folder / "expected.safetensors", metadata=metadata)
    return difference


# ---- Writing and checking


def make(root):
    for name, sizes in VARIANTS.items():
        folder = root / name
        if folder.exists():
            shutil.rmtree(folder)
        save(name, sizes, folder)
        difference = expect(name, sizes, folder)
        letters = " ".join(f"{letter} {sizes[letter]}" for letter in ("V", "D", "FF", "H", "G", "L", "R"))
        size = sum(path.stat().st_size for path in folder.iterdir())
        print(f"{name:<13} {letters:<38} {size:>7} bytes, largest relative difference {difference:.1e}", flush=True)
    refusals, passed_over = settings.measured(root)
    for name, entries in (("refusals.json", refusals), ("passed_over.json", passed_over)):
        lines = ",\n".join(json.dumps(entry) for entry in entries)
        (root / name).write_text(f"[\n{lines}\n]\n")


def check():
    """The files made again: weights and configurations alike, expected values within rounding. The bytes of
    expected.safetensors may differ, since safetensors writes metadata in any order."""
    worst = 0.0
    with tempfile.TemporaryDirectory() as scratch:
        make(pathlib.Path(scratch))
        for path in sorted(pathlib.Path(scratch).rglob("*")):
            here = HERE / path.relative_to(scratch)
            if path.name == "expected.safetensors":
                with safe_open(path, "np") as new, safe_open(here, "np") as old:
                    assert sorted(new.keys()) == sorted(old.keys()), path
                    for key in new.keys():
                        difference = float(np.abs(new.get_tensor(key) - old.get_tensor(key)).max())
                        if key == "transformers_logits":  # float32: another processor rounds otherwise
                            assert difference < 1e-4, path
                        else:
                            worst = max(worst, difference)
            elif path.is_file() and path.parent != pathlib.Path(scratch):
                assert path.read_bytes() == here.read_bytes(), f"{here} differs"
    print(f"largest difference of an expected value: {worst:.1e}")
    assert worst < 1e-12


if __name__ == "__main__":
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if sys.argv[1:] == ["--check"]:
        check()
    elif not sys.argv[1:]:
        make(HERE)
    else:
        sys.exit(__doc__)
