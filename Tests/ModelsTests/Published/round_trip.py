"""There and back: a folder that our library wrote, read by Hugging Face transformers and saved again.

    python round_trip.py FOLDER SAVED --prompt "In the beginning" --tokens 20
    python round_trip.py FOLDER SAVED --ids 3,1,4,1,5 --tokens 20
    python round_trip.py --self-test

FOLDER holds a Phi or Llama model (config.json, model.safetensors or shards with their index, and for a prompt in words
tokenizer.json). The program

    loads it with AutoModelForCausalLM, in float32 unless --dtype says otherwise, and fails if a tensor is missing, left
    over or of another shape: transformers itself would fill a missing one with random numbers and go on;
    loads the tokenizer with AutoTokenizer, and fails if that gives other tokens than the tokenizers library does with
    tokenizer.json: transformers may rebuild a tokenizer from the kind of the model instead of reading it;
    prints one line of JSON: the prompt's tokens, the most probable tokens after it one after the other, the least
    margin between the first and the second logit on the way, the text, and which keys of the configuration
    transformers does not know;
    saves model and tokenizer into SAVED as transformers does, loads that and fails unless it computes the same bits.

Our library then reads SAVED and must print the same tokens. The exit status is 1 with a sentence on stderr if a check
fails. --self-test goes through the folders beside this script: the tokens must be those of their expected.safetensors.
Measured with PyTorch 2.15.0 and transformers 5.24.0; runs with transformers 4.49 too.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import tokenizers
import torch
import transformers


class Failure(Exception):
    pass


def load(folder, dtype):
    model, report = transformers.AutoModelForCausalLM.from_pretrained(
        folder, torch_dtype=dtype, output_loading_info=True, local_files_only=True)
    for kind in ("missing_keys", "mismatched_keys", "error_msgs"):
        if report.get(kind):
            raise Failure(f"{folder}: {kind}: {report[kind]}")
    # transformers 4 wrote these buffers; they are computed anew.
    left_over = [key for key in report["unexpected_keys"] if not key.endswith("rotary_emb.inv_freq")]
    if left_over:
        raise Failure(f"{folder}: unexpected_keys: {left_over}")
    return model.eval()


def load_tokenizer(folder, text):
    """The tokenizer by transformers and its tokens of a text, which the tokenizers library confirms."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    file = pathlib.Path(folder) / "tokenizer.json"
    if file.exists():
        direct = tokenizers.Tokenizer.from_file(str(file)).encode(text, add_special_tokens=False).ids
        if direct != ids:
            raise Failure(f"{folder}: {type(tokenizer).__name__} gives {ids}, tokenizer.json means {direct}")
    return tokenizer, ids


def limit(folder, model, tokenizer):
    """How many tokens there are: a head may have more rows than the tokenizer has tokens."""
    return len(tokenizer) if tokenizer else model.config.vocab_size


@torch.inference_mode()
def greedy(model, prompt, count, real):
    """The most probable tokens, each from a pass over everything before it, and the least margin."""
    ids, least = list(prompt), float("inf")
    for _ in range(count):
        logits = model(torch.tensor([ids])).logits[0, -1, :real].float()
        first, second = logits.topk(2).values
        least = min(least, float(first - second))
        ids.append(int(logits.argmax()))
    return ids[len(prompt) :], least


@torch.inference_mode()
def same_bits(first, second, ids):
    return torch.equal(first(torch.tensor([ids])).logits, second(torch.tensor([ids])).logits)


def unknown_keys(folder):
    """Keys of config.json that no configuration of transformers has of itself."""
    config = json.loads((pathlib.Path(folder) / "config.json").read_text())
    known = set(transformers.AutoConfig.for_model(config["model_type"]).to_dict())
    old = {"torch_dtype", "rope_theta", "rope_scaling", "partial_rotary_factor"}
    return sorted(set(config) - known - old)


def round_trip(arguments):
    model, tokenizer = load(arguments.folder, getattr(torch, arguments.dtype)), None
    if arguments.prompt is not None:
        tokenizer, prompt = load_tokenizer(arguments.folder, arguments.prompt)
    else:
        prompt = [int(word) for word in arguments.ids.split(",")]
    if not prompt:
        raise Failure("a prompt needs a token")
    real = arguments.real or limit(arguments.folder, model, tokenizer)
    tokens, margin = greedy(model, prompt, arguments.tokens, real)

    model.save_pretrained(arguments.saved, **({"max_shard_size": arguments.shard} if arguments.shard else {}))
    if tokenizer:
        tokenizer.save_pretrained(arguments.saved)
        load_tokenizer(arguments.saved, arguments.prompt)
    again = load(arguments.saved, getattr(torch, arguments.dtype))
    if not same_bits(model, again, prompt + tokens):
        raise Failure(f"{arguments.saved} computes other logits than {arguments.folder}")

    print(json.dumps({
        "transformers": transformers.__version__, "model": type(model).__name__, "dtype": arguments.dtype,
        "tokenizer": type(tokenizer).__name__ if tokenizer else None, "prompt": prompt, "tokens": tokens,
        "margin": margin, "text": tokenizer.decode(tokens) if tokenizer else None,
        "unknown_keys": unknown_keys(arguments.folder),
        "saved": sorted(path.name for path in pathlib.Path(arguments.saved).iterdir()),
    }))


def self_test():
    from safetensors import safe_open

    for folder in sorted(pathlib.Path(__file__).parent.glob("*/config.json")):
        folder = folder.parent
        with safe_open(folder / "expected.safetensors", "np") as file:
            prompt, wanted = file.get_tensor("tokens")[0].tolist(), file.get_tensor("greedy").tolist()
            real = file.metadata()["real_tokens"]
        with tempfile.TemporaryDirectory() as saved:
            command = [sys.executable, __file__, str(folder), saved, "--ids", ",".join(map(str, prompt)),
                       "--tokens", str(len(wanted)), "--real", real]
            answer = subprocess.run(command, capture_output=True, text=True)
        if answer.returncode:
            raise Failure(f"{folder.name}: {answer.stderr}")
        if json.loads(answer.stdout)["tokens"] != wanted:
            raise Failure(f"{folder.name}: {answer.stdout} instead of {wanted}")
        print(folder.name, "as expected", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?")
    parser.add_argument("saved", nargs="?")
    parser.add_argument("--prompt")
    parser.add_argument("--ids", help="token ids, with commas")
    parser.add_argument("--tokens", type=int, default=20)
    parser.add_argument("--dtype", default="float32", choices=("float32", "float64", "bfloat16", "float16"))
    parser.add_argument("--real", type=int, help="tokens from this id on are never chosen")
    parser.add_argument("--shard", help='largest size of a file in SAVED, such as "5MB"')
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    if arguments.self_test:
        self_test()
    elif not arguments.folder or not arguments.saved or (arguments.prompt is None) == (arguments.ids is None):
        parser.error("FOLDER, SAVED and one of --prompt and --ids are needed")
    else:
        round_trip(arguments)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        print(f"round_trip.py: {failure}", file=sys.stderr)
        sys.exit(1)
