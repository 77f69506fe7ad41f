"""Reading a prompt and writing tokens with transformers and PyTorch, on the CPU.

    python3 decoding_transformers.py FOLDER [--threads 2]

FOLDER is what bench-decoding wrote for the line `export FOLDER`, a model in the form of transformers. The lines are those
of `Tests/RealModel/reference.py serve`, which does the work; a way is a kind of attention, a kind of cache, and compiled or
not. And one more:

    prepare    tries the ways: how transformers comes, and its fastest way to decode and to prefill, as JSON
"""

import json
import pathlib
import sys

from peer import missing, options, serve

# Not this folder: transformers would take kernels.py here for a package of that name.
sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent / "Tests/RealModel")
try:
    import torch
    import transformers
    from reference import Server
except ImportError as error:
    missing("decoding_transformers.py", error.name or "transformers", "Install torch, transformers, gguf, tokenizers and"
            " safetensors of PyPI to compare with it too.")


class Peer(Server):
    def about(self):
        return json.dumps({
            "name": "transformers", "threads": self.threads,
            "program": f"transformers {transformers.__version__}, PyTorch {torch.__version__}, float32"})

    def answer(self, line):
        if line != "prepare":
            return super().answer(line)
        plain = self.decoding
        self.tune()
        return json.dumps({"plain": [plain, plain], "fastest": [self.decoding, self.prefilling]})


def main():
    parser = options("Reading and writing with transformers, to be timed beside ours.")
    parser.add_argument("folder", help="what our program wrote for the line `export FOLDER`")
    arguments = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model = transformers.AutoModelForCausalLM.from_pretrained(
        arguments.folder, dtype=torch.float32, attn_implementation="sdpa", local_files_only=True)
    peer = Peer(model.eval(), arguments.threads)
    serve(lambda line: peer.answer(line.strip()))


main()
