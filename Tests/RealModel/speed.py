"""How soon SmolLM2-135M is ready, in how much memory, and how fast it writes: here and in transformers, in turns.

    python speed.py GENERATE MODEL.gguf [--rounds 7] [--tokens 64] [--json OUT.json]

GENERATE is this package's command of that name, built in release mode with 32-bit numbers. Ready is the whole time of a
process that writes one token. Writing: both continue sixteen tokens or so by the most probable one; each reports its own
time per token without the prompt, and a round asks one after the other, who is first changing from round to round.
transformers is asked as it comes (sdpa, a growing cache, not compiled), and beside it in the way that `reference.py
serve` found to be its fastest, compiled or not. Medians and quartiles are printed.

The exit status is 1 if a limit is missed: 3 s, 1.2 GB, 1.5 times as fast as transformers as it comes.
"""

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

PLAIN = "sdpa-dynamic-plain"
PROMPT = "And God said, Let there be light: and there was light. And God saw the light"


def run(generate, model, tokens):
    """Seconds of the process, its peak memory in bytes, and milliseconds per written token."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [generate, "--model", model, "--prompt", PROMPT, "--tokens", str(tokens), "--temperature", "0"],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    told = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status:
        sys.exit(f"speed.py: generate ended with status {status}: {told.strip()}")
    found = re.search(r"(\d+) tokens in ([\d.]+) (ms|s) written", told)
    if not found:
        sys.exit(f"speed.py: generate did not say how fast it was: {told.strip()}")
    milliseconds = float(found[2]) * (1 if found[3] == "ms" else 1000) / int(found[1])
    return seconds, usage.ru_maxrss * 1024, milliseconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generate")
    parser.add_argument("model")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()

    reference = pathlib.Path(__file__).with_name("reference.py")
    server = subprocess.Popen(
        [sys.executable, "-u", reference, "serve", arguments.model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(line):
        server.stdin.write(line + "\n")
        server.stdin.flush()
        return server.stdout.readline().strip()

    print("transformers:", ask("about"))
    fastest = ask("tune").split()[0]
    print("its fastest way to write:", fastest)
    ready = [run(arguments.generate, arguments.model, 1) for _ in range(3)]
    ways = {"transformers": PLAIN, f"its {fastest}": fastest}
    times = {"here": [], **{who: [] for who in ways}}
    for number in range(arguments.rounds):
        order = list(times) if number % 2 == 0 else list(times)[::-1]
        for who in order:
            if who == "here":
                times[who].append(run(arguments.generate, arguments.model, arguments.tokens)[2])
            else:
                times[who].append(float(ask(f"decode {arguments.tokens} {ways[who]}")))
    server.stdin.close()
    server.wait()

    seconds, memory = min(row[0] for row in ready), max(row[1] for row in ready)
    medians = {who: statistics.median(found) for who, found in times.items()}
    for who, found in times.items():
        low, middle, high = statistics.quantiles(found, n=4)
        print(f"{who:27} {middle:6.2f} ms a token, quartiles {low:.2f} and {high:.2f}")
    ratio = medians["transformers"] / medians["here"]
    load = os.getloadavg()[0]
    print(f"ready in {seconds:.2f} s, peak {memory / 1e9:.2f} GB; {ratio:.2f} times as fast; load average {load:.1f}")
    if arguments.json:
        arguments.json.write_text(json.dumps({"ready": seconds, "memory": memory, "milliseconds": medians, "ratio": ratio}))
    sys.exit(0 if seconds <= 3 and memory <= 1.2e9 and ratio >= 1.5 else 1)


main()
