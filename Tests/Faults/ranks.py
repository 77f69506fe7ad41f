#!/usr/bin/env python3
"""What `make mpi` runs: the program check-ranks with several numbers of ranks of each MPI, and what can happen to them.

Each rank has one thread, and there may be more ranks than cores. Every run prints the sums of all weights and records
that it made; all runs have to print the same, whatever the number of ranks, the MPI, and what happened on the way.

    ranks.py sums     1, 2, 3, 4 and 8 ranks of each MPI, from the beginning
    ranks.py messages messages that are cut into pieces; with --bytes and --piece as long as one likes
    ranks.py resume   a job that is stopped goes on with another number of ranks of another MPI
    ranks.py faults   a rank is killed, is silent, is late, has a full disk, another text, or another MPI
    ranks.py chapters chapters in quick form, alone and with 2 and 3 ranks: what they print and the weights they leave
    ranks.py hosts    two hosts, which are network namespaces: the same bits over TCP, and one of them vanishes
"""

import argparse
import itertools
import os
import pathlib
import random
import shutil
import subprocess
import sys
import threading
import time

LAUNCH = {
    # More ranks than cores are allowed; --quiet leaves out what mpirun itself says about a rank that has ended.
    "openmpi": ["mpirun.openmpi", "--oversubscribe", "--allow-run-as-root", "--quiet", "-n"],
    "mpich": ["mpirun.mpich", "-n"],
}


def fail(text):
    print(f"ranks.py: {text}", file=sys.stderr)
    sys.exit(1)


class Run:
    """One job: its exit status, what it printed, and how long it took."""

    def __init__(self, options, mpi, ranks, folder, *words, binary=None, launch=None):
        command = [str(binary or options.programs[mpi]), str(folder), *map(str, words)]
        if ranks:
            command = [*(launch or LAUNCH[mpi]), str(ranks), *command]
        # Open MPI copies between processes by a system call that sandboxes forbid; it then says so at length.
        environment = dict(os.environ, OMP_NUM_THREADS="1", OMPI_MCA_btl_vader_single_copy_mechanism="none")
        start = time.monotonic()
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=options.timeout)
        except subprocess.TimeoutExpired:
            fail(f"{' '.join(command)} has not ended after {options.timeout} seconds")
        self.seconds = time.monotonic() - start
        (self.status, self.out, self.err, self.command) = (done.returncode, done.stdout, done.stderr, " ".join(command))

    def expect_sums(self, expected, what):
        if self.status != 0 or self.out != expected:
            fail(f"{what}: {self.command} ended with {self.status} and printed\n{self.out}{self.err}instead of\n{expected}")

    def expect_sentence(self, beginning, parts, within, what, launcher=None):
        """One sentence of ours on standard error that begins and contains what it should, in time; or, if the launcher
        did not leave us the time for it, what it says itself."""
        ours = [line for line in self.err.splitlines() if line.startswith("error: ")]
        if launcher and not ours and self.status != 0 and launcher in self.out + self.err and self.seconds <= within:
            print(f"  {what}: {self.seconds:.1f} s, '{launcher}' (the launcher)")
            return
        if self.status == 0 or len(ours) != 1 or not ours[0].startswith(f"error: {beginning}"):
            fail(f"{what}: {self.command} ended with {self.status} and said\n{self.err}instead of 'error: {beginning}…'")
        missing = [part for part in parts if part not in ours[0]]
        if missing:
            fail(f"{what}: the sentence {ours[0]!r} lacks {missing}")
        if self.seconds > within:
            fail(f"{what}: the job ended after {self.seconds:.1f} seconds, later than {within}")
        print(f"  {what}: {self.seconds:.1f} s, {ours[0]}")


def fresh(options, name):
    folder = options.out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def sums(options, expected):
    for mpi, ranks in itertools.product(options.programs, options.ranks):
        run = Run(options, mpi, ranks, fresh(options, f"{mpi}-{ranks}"))
        run.expect_sums(expected, "sums")
        print(f"  {mpi}, {ranks} ranks: the same bits, {run.seconds:.1f} s")


def messages(options, _):
    ways = ["broadcast", "gatherToAll", "gather", "exchange", "message"]
    for mpi, ranks in itertools.product(options.programs, [2, 3] if options.bytes < 1 << 30 else [2]):
        for piece in [options.piece] if options.piece else [options.bytes + 1, options.bytes, options.bytes // 3, 1000]:
            run = Run(options, mpi, ranks, fresh(options, "messages"), "messages", options.bytes, piece)
            run.expect_sums("".join(f"{way} {options.bytes}\n" for way in ways), "messages")
            print(f"  {mpi}, {ranks} ranks: {options.bytes} bytes in pieces of {piece}, {run.seconds:.1f} s")


def resume(options, expected):
    kinds = list(options.programs)
    for index, (first, second) in enumerate([(1, 3), (3, 2), (4, 8), (2, 1)]):
        one, other = kinds[index % len(kinds)], kinds[(index + 1) % len(kinds)]
        folder = fresh(options, "resume")
        stop = Run(options, one, first, folder, "stop", ["distributions", "teacher"][index % 2], 3)
        if stop.status != 0 or stop.out == expected:
            fail(f"resume: {stop.command} did not stop on the way: {stop.status}\n{stop.out}{stop.err}")
        Run(options, other, second, folder).expect_sums(expected, "resume")
        print(f"  {first} ranks of {one}, then {second} of {other}: the same bits")


def faults(options, expected):
    again = "run the same command again"
    for mpi in options.programs:
        for kind, rank in [("kill", 2), ("kill0", 0)] * options.kills:
            step = random.randint(1, 5)
            folder = fresh(options, "killed")
            # In the first step the ranks that are left may not have begun theirs.
            place = "(teacher, step " if step > 1 else "("
            Run(options, mpi, 3, folder, kind, step).expect_sentence(
                f"rank {rank}: it was killed or ended by itself", [place, again], 15,
                f"{mpi}, rank {rank} killed",
                # MPICH kills all other ranks at once with a signal that nobody can catch.
                launcher="BAD TERMINATION" if mpi == "mpich" else None)
            Run(options, mpi, random.choice([1, 2, 4]), folder).expect_sums(expected, "after a kill")
        Run(options, mpi, 3, fresh(options, "frozen"), "freeze", 2).expect_sentence(
            "rank 2: nothing was heard of it", [again], 30, f"{mpi}, a silent rank")
        late = Run(options, mpi, 3, fresh(options, "late"), "late", 2)
        late.expect_sums(expected, "a rank that is late")
        print(f"  {mpi}, a rank that is late: the same bits")
        for rank in [0, 2]:
            # By micro-batches rank 0 writes for all; by layers each rank writes its own.
            folder = fresh(options, "full")
            run = Run(options, mpi, 3, folder, "full", rank)
            run.expect_sentence("" if rank == 0 else "rank 2 on ", ["File too large"], 30, f"{mpi}, rank {rank} cannot write")
            Run(options, mpi, 2, folder).expect_sums(expected, "after a full disk")
        Run(options, mpi, 3, fresh(options, "differ"), "differ").expect_sentence(
            "rank 2: its text differs", ["(Genesis, not Exodus)"], 15, f"{mpi}, another text")
        for other in options.programs:
            if other != mpi:
                # Each process finds itself alone, or MPI does not start.
                run = Run(options, mpi, 2, fresh(options, "mixed"), binary=options.programs[other])
                if run.status == 0 or "error: " not in run.err:
                    fail(f"a program of {other} under mpirun of {mpi}: {run.status}\n{run.out}{run.err}")
                print(f"  a program of {other} under mpirun of {mpi} is refused")


def chapters(options, expected):
    """Needs --chapters, the folder of a build for the first MPI, and --text."""
    mpi = next(iter(options.programs))

    def run(name, ranks):
        out = fresh(options, f"{name}-{ranks or 'alone'}")
        words = ["--quick", "--plots", "none", "--micro-batches", "4", "--corpus", options.text, "--out", out]
        done = Run(options, mpi, ranks, words[0], *words[1:], binary=options.chapters / name)
        # Lines that begin with a tilde are times and paths.
        lines = [line for line in done.out.splitlines() if not line.startswith("~")]
        weights = {file.relative_to(out): file.read_bytes() for file in sorted(out.rglob("model.safetensors"))}
        if done.status != 0 or not weights:
            fail(f"chapters: {done.command} ended with {done.status}\n{done.out}{done.err}")
        return lines, weights, done.seconds

    for name in ["05-teacher", "10-knowledge-distillation"]:
        alone = run(name, 0)
        for ranks in [2, 3]:
            shared = run(name, ranks)
            if shared[0] != alone[0]:
                fail(f"chapters: {name} printed something else with {ranks} ranks:\n" + "\n".join(shared[0]))
            if shared[1] != alone[1]:
                fail(f"chapters: {name} left other weights with {ranks} ranks")
            print(f"  {name}, {ranks} ranks: the same transcript and weights, {shared[2]:.1f} s; alone {alone[2]:.1f} s")


def hosts(options, expected):
    """Needs root and a system that lets it make network namespaces; says so where it does not."""
    if "openmpi" not in options.programs or not shutil.which("ip"):
        print("  two hosts: not tried without Open MPI and the program ip of Debian's package iproute2")
        return
    net, ends = "10.77.0", {1: "mohawk-v1", 2: "mohawk-v2"}

    def ip(*words):
        return subprocess.run(["ip", *words], capture_output=True, text=True)

    def remove():
        for number in ends:
            ip("netns", "del", f"mohawk-{number}")

    remove()
    steps = [("link", "add", ends[1], "type", "veth", "peer", "name", ends[2])]
    for number, end in ends.items():
        name = f"mohawk-{number}"
        steps += [
            ("netns", "add", name), ("link", "set", end, "netns", name),
            ("-n", name, "addr", "add", f"{net}.{number}/24", "dev", end), ("-n", name, "link", "set", end, "up"),
            ("-n", name, "link", "set", "lo", "up"),
        ]
    try:
        for step in steps:
            done = ip(*step)
            if done.returncode != 0:
                print(f"  two hosts: not tried, since 'ip {' '.join(step)}' failed here: {done.stderr.strip()}")
                return
        agent = pathlib.Path(__file__).resolve().parent / "other-host.sh"
        # Without signs of life of its own, mpirun would wait for the other host for minutes.
        alive = [("oob_tcp_keepalive_time", "2"), ("oob_tcp_keepalive_intvl", "1"), ("oob_tcp_keepalive_probes", "3")]
        settings = alive + [
            ("plm_rsh_agent", agent), ("btl_tcp_if_include", f"{net}.0/24"), ("oob_tcp_if_include", f"{net}.0/24")]
        launch = ["ip", "netns", "exec", "mohawk-1", *LAUNCH["openmpi"][:-1]]
        launch += [str(word) for name, value in settings for word in ("--mca", name, value)]
        launch += ["-H", f"{net}.1:1,{net}.2:1", "-n"]
        both = Run(options, "openmpi", 2, fresh(options, "hosts"), launch=launch)
        both.expect_sums(expected, "two hosts")
        print(f"  two hosts, over TCP: the same bits, {both.seconds:.1f} s")
        folder = fresh(options, "vanished")

        def cut_cable():
            # After the third step the second rank sleeps; the checkpoint of the second says that it is near.
            while not (folder / "teacher").exists():
                time.sleep(0.1)
            time.sleep(0.5)
            ip("-n", "mohawk-2", "link", "set", ends[2], "down")

        cut = threading.Thread(target=cut_cable, daemon=True)
        cut.start()
        Run(options, "openmpi", 2, folder, "late", 3, launch=launch).expect_sentence(
            "rank 1: nothing was heard of it", ["run the same command again"], 30, "a host that vanishes")
        cut.join()
        Run(options, "openmpi", 2, folder).expect_sums(expected, "after a host has vanished")
    finally:
        remove()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", default=["sums", "messages", "resume", "faults", "hosts"])
    parser.add_argument("--program", action="append", required=True, metavar="MPI=FILE", help="openmpi=… or mpich=…")
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--ranks", type=lambda text: [int(word) for word in text.split(",")], default=[1, 2, 3, 4, 8])
    parser.add_argument("--kills", type=int, default=1, help="how often the last rank and rank 0 are killed")
    parser.add_argument("--chapters", type=pathlib.Path, help="the folder of the chapters' programs")
    parser.add_argument("--text", type=pathlib.Path, help="the text that the chapters read")
    parser.add_argument("--bytes", type=int, default=30_001, help="the longest of the messages")
    parser.add_argument("--piece", type=int, help="into pieces of how many bytes they are cut")
    parser.add_argument("--timeout", type=float, default=120)
    options = parser.parse_args()
    options.programs = {mpi: pathlib.Path(file).resolve() for mpi, file in (text.split("=") for text in options.program)}
    alone = Run(options, None, 0, fresh(options, "alone"), binary=next(iter(options.programs.values())))
    if alone.status != 0 or len(alone.out.splitlines()) != 7:
        fail(f"{alone.command} ended with {alone.status} and printed\n{alone.out}{alone.err}")
    # How the teacher's states come to a layer changes nothing.
    lines = dict(line.split() for line in alone.out.splitlines())
    if lines["outputsByLayer"] != lines["outputsHandedOn"]:
        fail(f"the two ways to get the teacher's states gave different sums:\n{alone.out}")
    print(f"alone, without mpirun ({alone.seconds:.1f} s):\n{alone.out}", end="")
    jobs = {job.__name__: job for job in (sums, messages, resume, faults, hosts, chapters)}
    for what in options.what:
        print(what)
        jobs[what](options, alone.out)


if __name__ == "__main__":
    main()
