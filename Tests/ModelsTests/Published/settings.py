"""Which settings of a configuration change a model's logits, measured with transformers: refusals.json, passed_over.json.

make_published.py calls `measured`. Every entry is tried: the base variant's configuration is changed, transformers
loads it with the same weights (parameters that the change adds are made random), and the logits are compared with
those of the base.

refusals.json lists what a library must refuse that computes exactly Phi (parallel block, LayerNorm with eps 1e-5,
gelu_new, biases, default rotary positions, grouped heads or not) and Llama (RMSNorm with any eps, silu, default rotary
positions with rope_theta, grouped heads, no biases, head_dim D/H). An entry:

    base        the variant whose configuration is changed
    change      keys and their new values
    mentions    words that a refusal must contain
    difference  the largest difference of a logit relative to the largest logit; absent where transformers gives none
    because     what else there is to say: where transformers refuses too, or the shapes differ, or the numbers stay

transformers 4.49, measured in the same way, reads neither is_causal nor sliding_window in Llama, and nothing of
rope_parameters; with pretraining_tp 2 its logits are the same; a Llama with partial_rotary_factor 0.5 it cannot run.
5.24 reads sliding_window in Llama and Phi only where it decodes with a cache, which then forgets: a whole pass does not see it.

passed_over.json lists keys that change nothing in a causal pass in evaluation mode:

    key      a key of config.json
    values   the values for which that holds, or "any"
    tried    a value with which it was measured, if "any"
    seen     where such a key stands: 4.x (to_dict of transformers 4.49), 5.x, or a published model
    why      what it is for
"""

import inspect
import json
import pathlib
import tempfile

import numpy as np
import torch
import transformers
from safetensors import safe_open

# What to_dict of PretrainedConfig writes in transformers 4.49, without what belongs to a model. Saved with
# use_diff=False these stand in config.json.
KEYS_OF_TRANSFORMERS_4 = {
    "return_dict": True, "output_hidden_states": False, "output_attentions": False, "torchscript": False,
    "torch_dtype": "float32", "use_bfloat16": False, "tf_legacy_loss": False, "pruned_heads": {},
    "chunk_size_feed_forward": 0, "is_encoder_decoder": False, "is_decoder": False,
    "cross_attention_hidden_size": None, "add_cross_attention": False, "tie_encoder_decoder": False,
    "max_length": 20, "min_length": 0, "do_sample": False, "early_stopping": False, "num_beams": 1,
    "num_beam_groups": 1, "diversity_penalty": 0.0, "temperature": 1.0, "top_k": 50, "top_p": 1.0, "typical_p": 1.0,
    "repetition_penalty": 1.0, "length_penalty": 1.0, "no_repeat_ngram_size": 0, "encoder_no_repeat_ngram_size": 0,
    "bad_words_ids": None, "num_return_sequences": 1, "output_scores": False, "return_dict_in_generate": False,
    "forced_bos_token_id": None, "forced_eos_token_id": None, "remove_invalid_values": False,
    "exponential_decay_length_penalty": None, "suppress_tokens": None, "begin_suppress_tokens": None,
    "finetuning_task": None, "id2label": {"0": "LABEL_0", "1": "LABEL_1"},
    "label2id": {"LABEL_0": 0, "LABEL_1": 1}, "tokenizer_class": None, "prefix": None, "pad_token_id": None,
    "sep_token_id": None, "decoder_start_token_id": None, "task_specific_params": None, "problem_type": None,
    "_name_or_path": "", "_attn_implementation_autoset": False,
}

# ---- Refusals

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 8}


def rope(theta, **rest):
    return {"rope_parameters": {"rope_theta": theta, **rest}}


def refusals():
    """Rows: base, change, mentions, and a reason where the logits need not change."""
    rows = []

    def refuse(base, change, *mentions, because=None):
        rows.append((base, change, list(mentions) or [str(word) for word in list(change.items())[0]], because))

    for act in ("relu", "gelu", "silu", "quick_gelu", "gelu_10", "relu2", "tanh"):
        refuse("phi", {"hidden_act": act})
    for act in ("gelu", "relu", "gelu_new", "gelu_pytorch_tanh", "sigmoid"):
        refuse("llama", {"hidden_act": act})
    refuse("phi", {"qk_layernorm": True}, "qk_layernorm")
    for eps in (1e-6, 1e-12, 0.1):
        refuse("phi", {"layer_norm_eps": eps}, "layer_norm_eps")

    # Rotary scaling in the words of transformers 4.
    longrope = {"short_factor": [1.5, 2.0], "long_factor": [2.0, 3.0], "original_max_position_embeddings": 8}
    for base in ("phi-4x", "llama-4x"):
        refuse(base, {"rope_scaling": {"type": "linear", "factor": 2.0}}, "rope_scaling", "linear")
        refuse(base, {"rope_scaling": {"rope_type": "linear", "factor": 4.0}}, "rope_scaling", "linear")
        refuse(base, {"rope_scaling": {"type": "dynamic", "factor": 2.0}, "max_position_embeddings": 7}, "rope_scaling", "dynamic")
        refuse(base, {"rope_scaling": YARN}, "rope_scaling", "yarn")
        refuse(base, {"rope_scaling": {"rope_type": "longrope", "factor": 4.0, **longrope}}, "rope_scaling", "longrope")
        refuse(base, {"rope_scaling": LLAMA3}, "rope_scaling", "llama3")
    refuse("phi-4x", {"rope_scaling": {"type": "su", "factor": 4.0, **longrope}}, "rope_scaling", "su",
           because="Phi-3's first word for longrope")

    # And of transformers 5.
    for base, more in (("phi", {"partial_rotary_factor": 0.5}), ("llama", {})):
        theta = 10000.0 if base == "phi" else 500000.0
        refuse(base, rope(theta, rope_type="linear", factor=2.0, **more), "rope_parameters", "linear")
        refuse(base, {**rope(theta, rope_type="dynamic", factor=2.0, **more), "max_position_embeddings": 7},
               "rope_parameters", "dynamic")
        refuse(base, rope(theta, **YARN, **more), "rope_parameters", "yarn")
        refuse(base, rope(theta, rope_type="longrope", factor=4.0, **longrope, **more), "rope_parameters", "longrope")
        refuse(base, rope(theta, **LLAMA3, **more), "rope_parameters", "llama3")
        refuse(base, rope(theta, rope_type="proportional", factor=2.0, **more), "rope_parameters", "proportional")
    refuse("llama", {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}, "rope_scaling", "linear")
    refuse("llama", rope(500000.0, rope_type="default", partial_rotary_factor=0.5), "partial_rotary_factor",
           because="transformers' Llama does not read it with default positions; who wrote it meant something")
    refuse("llama-4x", {"partial_rotary_factor": 0.5}, "partial_rotary_factor",
           because="transformers' Llama does not read it with default positions; who wrote it meant something")

    refuse("llama", {"rope_parameters": {"full_attention": {"rope_type": "linear", "rope_theta": 10000.0, "factor": 2.0}}},
           "rope_parameters.full_attention", because="positions for each kind of layer")
    refuse("phi", {"rope_scaling": [2.0]}, "rope_scaling", "an object", because="no settings")

    # Shapes and parameters.
    refuse("phi-4x", {"partial_rotary_factor": 0.4}, "num_attention_heads", "3 features",
           because="3 of 8 features are no pairs; transformers fails")
    refuse("llama", {"attention_bias": True}, "attention_bias")
    refuse("llama", {"mlp_bias": True}, "mlp_bias")
    refuse("llama", {"head_dim": 8}, "head_dim", because="tensors of other shapes")
    refuse("llama-heads", {"head_dim": 4}, "head_dim", because="tensors of other shapes")
    refuse("phi", {"head_dim": 4}, "head_dim", because="tensors of other shapes")
    refuse("llama", {"num_key_value_heads": 4}, "4 heads of keys and values", because="6 heads do not fall into 4 groups")
    refuse("llama", {"num_attention_heads": 5, "num_key_value_heads": 5, "head_dim": None}, "5 heads",
           because="24 features do not fall into 5 heads")
    refuse("llama", {"pretraining_tp": 2}, "pretraining_tp",
           because="very old versions split the products; the function is the same, and 4.49 and 5.24 do not read it")
    refuse("llama", {"per_layer_config": {"1": {"hidden_act": "relu"}}}, "per_layer_config")

    # Another attention.
    refuse("llama", {"is_causal": False}, "is_causal")
    refuse("phi", {"is_causal": False}, "is_causal")
    for base in ("llama", "phi"):
        refuse(base, {"sliding_window": 4}, "sliding_window")
        refuse(base, {"sliding_window": 4, "layer_types": ["sliding_attention"] * (3 if base == "llama" else 2)}, "sliding_window")
        refuse(base, {"is_encoder_decoder": True}, "is_encoder_decoder",
               because="transformers' decoders do not read it; a file made with it would hold an encoder")
        refuse(base, {"add_cross_attention": True, "is_decoder": True}, "add_cross_attention",
               because="transformers' decoders do not read it; a file made with it would hold more tensors")

    # Another kind of weights.
    refuse("llama", {"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": True}}, "quantization_config")
    refuse("llama", {"quantization_config": {"quant_method": "gptq", "bits": 4, "group_size": 128}}, "quantization_config")

    # Another model.
    refuse("llama", {"model_type": "mistral"}, "model_type", "mistral",
           because="the same function up to a window of 4096 positions, which these texts do not reach")
    refuse("llama", {"model_type": "smollm3"}, "model_type", "smollm3",
           because="each fourth layer has no positions, and the base has three")
    for kind in ("qwen2", "qwen3", "gemma", "gemma2", "phi3", "gpt_neox", "gpt2", "olmo2", "granite", "cohere",
                 "mamba2"):
        refuse("llama", {"model_type": kind}, "model_type", kind)
    refuse("phi", {"model_type": "llama"}, "layer_norm_eps", because="names of other tensors")
    refuse("llama", {"model_type": "phi"}, "rms_norm_eps", because="names of other tensors")
    refuse("phi", {"model_type": "phi-msft"}, "model_type", "phi-msft")
    return rows


# ---- Passed over

GENERATION = "how text is generated, not the logits"
BOOKS = "bookkeeping"
OUTPUTS = "what a pass returns beside the logits"
TRAINING = "training only"
OTHER_TASKS = "other tasks than language modelling"


def passed_over():
    """Rows: key, the values that change nothing ("any" or a list), a value to try, where it is seen, why."""
    rows = []

    def over(key, values, tried, seen, why):
        rows.append((key, values, tried, seen, why))

    for key, tried in (("max_length", 7), ("min_length", 3), ("do_sample", True), ("early_stopping", True),
                       ("num_beams", 3), ("num_beam_groups", 2), ("diversity_penalty", 0.5), ("temperature", 0.3),
                       ("top_k", 5), ("top_p", 0.9), ("typical_p", 0.9), ("repetition_penalty", 1.3),
                       ("length_penalty", 2.0), ("no_repeat_ngram_size", 3), ("encoder_no_repeat_ngram_size", 3),
                       ("bad_words_ids", [[3]]), ("num_return_sequences", 1), ("forced_bos_token_id", 3),
                       ("forced_eos_token_id", 3), ("remove_invalid_values", True),
                       ("exponential_decay_length_penalty", [3, 1.5]), ("suppress_tokens", [3]),
                       ("begin_suppress_tokens", [3]), ("decoder_start_token_id", 3)):
        over(key, "any", tried, "4.x", GENERATION)
    for key, tried in (("output_scores", True), ("return_dict_in_generate", True)):
        over(key, "any", tried, "4.x", GENERATION)
    for key, tried in (("output_hidden_states", True), ("output_attentions", True), ("return_dict", True)):
        over(key, "any", tried, "4.x, 5.x", OUTPUTS)
    over("torchscript", "any", True, "4.x", "whether tied weights are cloned")
    over("torch_dtype", "any", "float16", "4.x, Llama-3.2, TinyLlama, phi-2, SmolLM2",
         "the type to load into; the values are those of the file")
    over("dtype", "any", "float16", "5.x", "the type to load into; the values are those of the file")
    over("use_bfloat16", "any", True, "4.x", "TPUs")
    over("tf_legacy_loss", "any", True, "4.x", "TensorFlow")
    over("pruned_heads", [{}], {}, "4.x", "Phi and Llama prune nothing")
    over("chunk_size_feed_forward", "any", 2, "4.x, 5.x", "cuts a pass in pieces, in encoders only")
    over("is_encoder_decoder", [False], False, "4.x, 5.x", "Phi and Llama are decoders")
    over("is_decoder", "any", True, "4.x", "Phi and Llama are decoders in any case")
    over("cross_attention_hidden_size", [None], None, "4.x", "there is no encoder")
    over("add_cross_attention", [False], False, "4.x", "there is no encoder")
    over("tie_encoder_decoder", "any", True, "4.x", "there is no encoder")
    for key, tried in (("finetuning_task", "mnli"), ("id2label", {"0": "A", "1": "B", "2": "C"}),
                       ("label2id", {"A": 0, "B": 1, "C": 2}), ("num_labels", 3), ("problem_type", "regression"),
                       ("task_specific_params", {"summary": {"max_length": 9}})):
        over(key, "any", tried, "4.x, 5.x", OTHER_TASKS)
    over("tokenizer_class", "any", "GPT2Tokenizer", "4.x", "the tokenizer")
    over("prefix", "any", "word", "4.x", "text put before a prompt by pipelines")
    over("bos_token_id", "any", 7, "4.x, 5.x, all published", "which tokens begin, end and fill a text")
    over("eos_token_id", "any", [7, 9], "4.x, 5.x, all published; a list in Llama-3.2", "which tokens begin, end and fill a text")
    over("pad_token_id", "any", 5, "4.x, 5.x", "which tokens fill a text; its embedding counts like any other")
    over("sep_token_id", "any", 5, "4.x", "which tokens part texts")
    over("architectures", "any", ["PhiModel"], "4.x, 5.x, all published", "the class that saved it")
    over("_name_or_path", "any", "/somewhere", "4.x, 5.x, phi-2, SmolLM2", BOOKS)
    over("transformers_version", "any", "4.1.0", "4.x, 5.x, all published", BOOKS)
    over("_attn_implementation_autoset", "any", True, "4.x", "which algorithm computes attention")
    over("_attn_implementation", "any", "sdpa", "4.x", "which algorithm computes attention")
    over("attn_implementation", "any", "sdpa", "5.x", "which algorithm computes attention")
    over("_commit_hash", "any", "abc", "4.x", BOOKS)
    over("tie_last_hidden_states", "any", False, "5.x", OUTPUTS)
    over("use_cache", "any", False, "4.x, 5.x, all published", "whether keys and values are kept; the logits are the same")
    over("initializer_range", "any", 0.7, "4.x, 5.x, all published", "initial weights")
    over("attention_dropout", "any", 0.5, "4.x, 5.x, all published", TRAINING)
    over("resid_pdrop", "any", 0.5, "phi", TRAINING)
    over("embd_pdrop", "any", 0.5, "phi", TRAINING)
    over("max_position_embeddings", "any", 5, "4.x, 5.x, all published",
         "default positions go on beyond it; longer texts than in training are worse, not other")
    over("is_llama_config", "any", True, "SmolLM2", BOOKS)
    over("rope_interleaved", [False], False, "SmolLM2", "transformers never reads it; true would mean pairs of neighbours")
    over("transformers.js_config", "any", {"kv_cache_dtype": {"fp16": "float16"}}, "SmolLM2", "another program's")
    over("auto_map", "any", {}, "phi-1, phi-1_5, phi-2 in their first form", "code beside the weights")
    over("flash_attn", "any", True, "phi-1, phi-1_5, phi-2 in their first form", "which algorithm computes attention")
    over("flash_rotary", "any", True, "phi-1, phi-1_5, phi-2 in their first form", "which algorithm computes attention")
    over("fused_dense", "any", True, "phi-1, phi-1_5, phi-2 in their first form", "which algorithm computes attention")
    over("unsloth_version", "any", "2024.9", "republished Llama-3.2", BOOKS)
    over("unsloth_fixed", "any", True, "republished Llama-3.2", BOOKS)
    over("pretraining_tp", [1, None], 1, "SmolLM2, Llama-3.2, TinyLlama", "how old versions split products")
    over("rope_scaling", [None, {"type": "default"}, {"rope_type": "default"}], None, "4.x", "default positions")
    over("attention_bias", [False], False, "llama", "no biases")
    over("hidden_act", ["silu", "swish"], "swish", "llama", "two words for one function")
    over("mlp_bias", [False], False, "llama", "no biases")
    over("qk_layernorm", [False], False, "phi", "no norms of queries and keys")
    over("head_dim", [None], None, "llama; a number that equals D/H too", "the default")
    over("num_key_value_heads", [None], None, "phi-1, phi-1_5, phi-2", "as many as heads; only where there are as many")
    over("sliding_window", [None], None, "none; Mistral's", "no window")
    over("quantization_config", [None], None, "4.x", "weights as they are")
    over("partial_rotary_factor", [1.0], 1.0, "llama; 0.5 and 0.4 are read in phi", "all features turn")
    return rows


# ---- Measuring


class Bench:
    """The logits of changed variants."""

    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.own = {}
        # The argument was called past_key_values before transformers 5.
        parameters = inspect.signature(transformers.LlamaForCausalLM.forward).parameters
        self.cache = "cache" if "cache" in parameters else "past_key_values"

    def tokens(self, base):
        with safe_open(self.root / base / "expected.safetensors", "np") as file:
            return torch.from_numpy(file.get_tensor("tokens"))

    def logits(self, base, change):
        """Logits of a base with a changed configuration, whole and stepwise, and the names of tensors with other shapes."""
        with tempfile.TemporaryDirectory() as scratch:
            folder = pathlib.Path(scratch)
            for path in (self.root / base).glob("model*"):
                (folder / path.name).symlink_to(path.resolve())
            config = json.loads((self.root / base / "config.json").read_text())
            (folder / "config.json").write_text(json.dumps({**config, **change}))
            model, report = transformers.AutoModelForCausalLM.from_pretrained(
                folder, torch_dtype=torch.float32, output_loading_info=True, ignore_mismatched_sizes=True)
        other = {key[0] if isinstance(key, tuple) else key for key in report["mismatched_keys"]}
        new = set(report["missing_keys"]) | other
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name in new:
                    parameter.copy_(0.3 * torch.randn(parameter.shape, generator=generator))
            tokens = self.tokens(base)
            whole = model.eval()(tokens, return_dict=True, use_cache=False).logits
            # And token by token: a window of attention shows in what a cache forgets.
            cache, steps = None, []
            for t in range(tokens.shape[1]):
                step = model(tokens[:, t : t + 1], return_dict=True, use_cache=True, **{self.cache: cache})
                cache = step[self.cache]
                steps.append(step.logits)
            return torch.stack([whole, torch.cat(steps, 1)]).double().numpy(), sorted(other)

    def difference(self, base, change):
        """Relative to the base's largest logit. Other shapes of logits count as None."""
        if base not in self.own:
            self.own[base] = self.logits(base, {})[0]
        logits, other = self.logits(base, change)
        own = self.own[base]
        if logits.shape != own.shape:
            return None, other
        return float(np.abs(logits - own).max() / np.abs(own).max()), other


def first_line(error):
    return f"transformers refuses too: {type(error).__name__}"


def measured(root):
    """The entries of refusals.json and passed_over.json; every claim is checked."""
    bench, refused, over = Bench(root), [], []
    for base, change, mentions, because in refusals():
        entry = {"base": base, "change": change, "mentions": mentions}
        try:
            difference, _ = bench.difference(base, change)
            if difference is not None:
                entry["difference"] = float(f"{difference:.1e}")
        except Exception as error:  # Whatever transformers says to such a configuration.
            because = because or first_line(error)
        if because:
            entry["because"] = because
        if not because and entry.get("difference", 0) < 1e-4:
            print("does not change the numbers:", entry)
        refused.append(entry)

    phi_only = {"resid_pdrop", "embd_pdrop", "qk_layernorm"}
    llama_only = {"hidden_act", "attention_bias", "mlp_bias", "head_dim", "partial_rotary_factor"}
    for key, values, tried, seen, why in passed_over():
        for base in ("phi", "phi-4x", "llama", "llama-4x"):
            if base.startswith("llama") and key in phi_only or base.startswith("phi") and key in llama_only:
                continue
            if base.startswith("llama") and key == "num_key_value_heads":
                continue
            if base in ("phi", "llama") and key == "rope_scaling":
                continue
            for value in [tried] if values == "any" else values:
                try:
                    difference, _ = bench.difference(base, {key: value})
                    if difference > 1e-6:
                        print("changes the numbers:", base, key, value, difference)
                except Exception as error:
                    print("is refused:", base, key, value, type(error).__name__, str(error).splitlines()[0][:200])
        entry = {"key": key, "values": values}
        if values == "any":
            entry["tried"] = tried
        over.append({**entry, "seen": seen, "why": why})
    return refused, over
