#!/usr/bin/env python3
"""Programs that are killed, disks that fail, and two runs in one folder: what is there afterwards, and is it whole?

    faults.py kill      kills chapters in quick form with SIGKILL at random moments, starts them again, and compares the
                        weights, byte by byte, and what was printed with those of a run that nobody disturbed
    faults.py writes    lets the n-th call that changes a file fail, for n = 1, 2, … until a run has no n-th call, once
                        alone and once with all after it; of many writes in a row to one file the 1st, 2nd, 4th …
    faults.py together  starts a chapter twice at once in one folder
    faults.py soak      lets a model write for some minutes, and samples the memory

Run by `make faults`. Exit status 0 if nothing was found. Needs a C compiler for `writes`, and Linux for `soak`.
"""

import argparse
import filecmp
import json
import os
import pathlib
import random
import shutil
import signal
import struct
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).parent
# The chapters that train or keep something.
CHAPTERS = [
    "05-teacher", "07-student", "08-matrix-orientation", "09-hidden-state-alignment", "10-knowledge-distillation",
    "11-ablations", "12-training-laws", "13-hybrid", "14-generation", "15-real-model",
]
# What a run is allowed to leave different: times.
TIMED = {"report.md", "metrics.csv"}


class Found(Exception):
    """Something is not as it should be."""


class Chapter:
    """A chapter in quick form."""

    def __init__(self, name, arguments):
        self.name, self.arguments = name, arguments

    def command(self, out, plots="none"):
        corpus = [] if self.name.startswith("15") else ["--corpus", str(self.arguments.text)]
        return [str(self.arguments.bin / self.name), "--quick", "--plots", plots, "--out", str(out)] + corpus

    def start(self, out, printed):
        return subprocess.Popen(
            self.command(out), stdin=subprocess.DEVNULL, stdout=open(printed, "w"), stderr=open(f"{printed}.err", "w"))

    def run(self, out, printed):
        """Runs it to its end; returns the seconds."""
        start = time.monotonic()
        status = self.start(out, printed).wait()
        if status != 0:
            raise Found(f"{self.name} ended with {status}: {tail(printed + '.err')}")
        return time.monotonic() - start

    def expect_same(self, reference, out, printed):
        """Weights, names of files and what was printed."""
        expect_same_files(reference / "out", out)
        compared = subprocess.run(
            [str(self.arguments.bin / "compare-transcripts"), str(reference / "printed"), printed],
            capture_output=True, text=True)
        if compared.returncode != 0:
            raise Found(f"{self.name} prints something else: {compared.stderr}")


def tail(file):
    return open(file, errors="replace").read()[-400:].strip()


def files(folder):
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def expect_same_files(reference, out):
    if files(reference) != files(out):
        raise Found(f"the files differ: {sorted(set(files(reference)) ^ set(files(out)))}")
    for name in files(reference):
        if name.endswith(".safetensors") and not filecmp.cmp(reference / name, out / name, shallow=False):
            raise Found(f"{name} has other weights")


def reference_run(chapter, folder):
    """An undisturbed run, and its seconds."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return chapter.run(folder / "out", str(folder / "printed"))


# ---- Killed

def kill(arguments):
    dice = random.Random(arguments.seed)
    kills = 0
    chapters = [Chapter(name, arguments) for name in arguments.chapters.split()]
    share = -(-arguments.kills // len(chapters))
    for chapter in chapters:
        reference = arguments.out / "reference" / chapter.name
        seconds = reference_run(chapter, reference)
        mine = 0
        while mine < share:
            folder = arguments.out / "killed" / chapter.name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            # Up to three kills of one run; each goes on from what the last has left.
            for _ in range(dice.randint(1, 3)):
                moment = dice.uniform(0, seconds)
                process = chapter.start(folder / "out", str(folder / "printed"))
                try:
                    process.wait(timeout=moment)
                    break
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                    mine += 1
            chapter.run(folder / "out", str(folder / "printed"))
            chapter.expect_same(reference, folder / "out", str(folder / "printed"))
        kills += mine
        print(f"{chapter.name}: killed {mine} times in runs of {seconds:.1f} s, the same weights each time", flush=True)
    print(f"kill: {kills} kills")


# ---- Disks that fail

def expect_whole(folder):
    """No file that has its final name is half a file."""
    for name in files(folder):
        contents = (folder / name).read_bytes()
        if name.endswith(".json"):
            json.loads(contents)
        elif name.endswith(".svg") and not contents.rstrip().endswith(b"</svg>"):
            raise Found(f"half a picture: {name}")
        elif name.endswith(".safetensors"):
            length = struct.unpack("<Q", contents[:8])[0]
            header = json.loads(contents[8:8 + length])
            end = max([part["data_offsets"][1] for key, part in header.items() if key != "__metadata__"], default=0)
            if len(contents) != 8 + length + end:
                raise Found(f"half a file: {name}")


def failing_runs(arguments, name, program, prepare, command, check):
    """Runs a command with its n-th call failing, for all n (or every STEP-th); returns how many failed."""
    library = arguments.out / "failing.so"
    injected = 0
    for stays in (False, True):
        n = 1 + (arguments.seed % arguments.step)
        while True:
            folder = arguments.out / "writes"
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            prepare(folder)
            mark = arguments.out / "mark"
            mark.unlink(missing_ok=True)
            environment = dict(
                os.environ, LD_PRELOAD=str(library.resolve()), FAULT_AT=str(n), FAULT_PROGRAM=program[:15],
                FAULT_MARK=str(mark.resolve()), **({"FAULT_STAYS": "1"} if stays else {}),
                **({"FAULT_EACH": "1"} if arguments.each else {}))
            try:
                with open(arguments.out / "printed", "w") as printed, open(arguments.out / "errors", "w") as errors:
                    status = subprocess.run(
                        command(folder), stdin=subprocess.DEVNULL, stdout=printed, stderr=errors, env=environment,
                        cwd=folder, timeout=300).returncode
                if not mark.exists():
                    break
                injected += 1
                said = open(arguments.out / "errors", errors="replace").read()
                if status not in (0, 1) or "Fatal" in said:
                    raise Found(f"it ended with {status}: {said[-400:]}")
                lines = [line for line in said.splitlines() if line.startswith("error: ")]
                if status == 1 and len(lines) != 1 and not stays:
                    raise Found(f"it ended with 1 and {len(lines)} sentences: {said[-400:]}")
                check(folder, status)
            except (Found, subprocess.TimeoutExpired, ValueError) as error:
                raise Found(f"{name}, call {n}{' and all after it' if stays else ''} failing: {error}") from error
            n += arguments.step
    print(f"{name}: {injected} faults, no half file, nothing lost", flush=True)
    return injected


def writes(arguments):
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", arguments.out / "failing.so", HERE / "failing.c", "-ldl"],
        check=True)
    total = 0
    chapter = Chapter("05-teacher", arguments)
    reference = arguments.out / "reference" / "05-teacher"
    shutil.rmtree(reference, ignore_errors=True)
    reference.mkdir(parents=True)
    subprocess.run(chapter.command(reference / "out", "svg"), check=True, capture_output=True)

    def again(folder, status):
        """What was left is whole, and the next run makes of it what it should have been."""
        expect_whole(folder / "out")
        done = subprocess.run(chapter.command(folder / "out", "svg"), capture_output=True, text=True)
        if done.returncode != 0:
            raise Found(f"the run after it ended with {done.returncode}: {done.stderr[-400:]}")
        expect_same_files(reference / "out", folder / "out")
        expect_whole(folder / "out")

    for program in ["05-teacher", "gnuplot"]:
        total += failing_runs(
            arguments, f"05-teacher with faults of {program}", program, lambda folder: None,
            lambda folder: chapter.command(folder / "out", "svg"), again)

    model = reference / "out/05-teacher/teacher-quick-seed0"
    generate = [str(arguments.bin / "generate"), "--model", str(model), "--tokens", "5", "--save", "state"]
    first = generate + ["--prompt", "And "]

    def save(folder):
        subprocess.run(first, check=True, capture_output=True, cwd=folder)
        shutil.copy(folder / "state", arguments.out / "state")

    def old_or_new(folder, status):
        if files(folder) != ["state"]:
            raise Found(f"there are {files(folder)}")
        if status == 1 and not filecmp.cmp(arguments.out / "state", folder / "state", shallow=False):
            raise Found("the older state is lost")
        expect_whole(folder)

    total += failing_runs(
        arguments, "generate --save", "generate", save, lambda folder: generate + ["--resume", "state"], old_or_new)

    def must_fail(folder, status):
        if status == 0:
            raise Found("it says that all is well, although the output is not whole")

    evaluate = [
        str(arguments.bin / "evaluate"), "--model", str(model), "--corpus", str(arguments.text), "--windows", "2",
    ]
    total += failing_runs(
        arguments, "evaluate > file", "evaluate", lambda folder: None, lambda folder: evaluate, must_fail)
    print(f"writes: {total} faults")


# ---- Two in one folder

def together(arguments):
    chapter = Chapter("05-teacher", arguments)
    reference = arguments.out / "reference" / "05-teacher"
    reference_run(chapter, reference)
    for _ in range(arguments.rounds):
        folder = arguments.out / "together"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        printed = [str(folder / "first"), str(folder / "second")]
        processes = [chapter.start(folder / "out", file) for file in printed]
        for process in processes:
            process.wait()
        for process, file in zip(processes, printed):
            if process.returncode != 0:
                raise Found(f"one of two in a folder ended with {process.returncode}: {tail(file + '.err')}")
            chapter.expect_same(reference, folder / "out", file)
    print(f"together: {arguments.rounds} pairs of runs in one folder, each with the same weights")


# ---- Long runs

def resident(process):
    """The resident memory of a process in bytes, and its open descriptors; None if it has ended."""
    try:
        status = open(f"/proc/{process}/status").read()
        kilobytes = next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]
        return int(kilobytes) * 1024, len(os.listdir(f"/proc/{process}/fd"))
    except (OSError, StopIteration):
        return None


def soak(arguments):
    """A student writes, whose memory has one size; what it holds after a tenth of the time it holds at the end."""
    out = arguments.out / "soak"
    chapter = "08-matrix-orientation"
    subprocess.run(Chapter(chapter, arguments).command(out), check=True, capture_output=True)
    model = next((out / chapter).glob("student-*"))
    command = [
        str(arguments.bin / "generate"), "--model", str(model), "--prompt", "And ", "--tokens", str(10**12), "--seed", "1",
    ]
    with open(arguments.out / "written", "w") as written, open(arguments.out / "errors", "w") as errors:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
        # Somebody has to read, and what was read is counted and dropped.
        counter = subprocess.Popen(["wc", "-c"], stdin=process.stdout, stdout=written)
        process.stdout.close()
        samples = []
        end = time.monotonic() + arguments.minutes * 60
        while time.monotonic() < end:
            time.sleep(min(5, arguments.minutes * 3))
            sample = resident(process.pid)
            if sample is None:
                raise Found(f"it ended: {tail(arguments.out / 'errors')}")
            samples.append(sample)
        process.kill()
        process.wait()
        counter.wait()
    characters = int(open(arguments.out / "written").read())
    samples = samples[len(samples) // 10:]
    (memory, descriptors), (memory_then, descriptors_then) = samples[-1], samples[0]
    print(
        f"soak: {characters} bytes written in {arguments.minutes:g} min; {memory_then / 1e6:.1f} MB and"
        f" {descriptors_then} descriptors after a tenth of it, {memory / 1e6:.1f} MB and {descriptors} at the end")
    if memory > 1.02 * memory_then + 1e6 or descriptors != descriptors_then:
        raise Found("the memory grows")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["kill", "writes", "together", "soak"])
    parser.add_argument("--bin", type=pathlib.Path, required=True, help="the folder of the built programs")
    parser.add_argument("--text", type=pathlib.Path, required=True, help="a text to learn from")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="a folder to work in")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--chapters", default=" ".join(CHAPTERS), help="kill: their names, with spaces between them")
    parser.add_argument("--kills", type=int, default=200, help="kill: how many in all, at least")
    parser.add_argument("--step", type=int, default=1, help="writes: try every so many-th call, beginning with the seed")
    parser.add_argument(
        "--each", action="store_true", help="writes: of many in a row to one file try each, not the 1st, 2nd, 4th, 8th …")
    parser.add_argument("--rounds", type=int, default=20, help="together: how often")
    parser.add_argument("--minutes", type=float, default=60, help="soak: for how long")
    arguments = parser.parse_args()
    arguments.bin, arguments.text, arguments.out = (
        path.resolve() for path in (arguments.bin, arguments.text, arguments.out))
    arguments.out.mkdir(parents=True, exist_ok=True)
    try:
        {"kill": kill, "writes": writes, "together": together, "soak": soak}[arguments.what](arguments)
    except Found as error:
        sys.exit(f"faults.py {arguments.what}: {error}")


if __name__ == "__main__":
    main()
