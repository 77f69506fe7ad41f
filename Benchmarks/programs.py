"""What the comparisons share: a program that answers lines, what is printed and kept of a run, and an orderly end."""

import datetime
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import time


# What the kinds of step are called.
KINDS = {
    "teacher": "teacher on tokens",
    "stage1": "1 matrix orientation",
    "stage2": "2 hidden-state alignment",
    "stage3": "3 knowledge distillation",
}


class Failure(Exception):
    pass


class Program:
    """A program that answers a line with a line, and stands still from its answer to the next line.

    Threads that have shared a loop look for the next one for a while before they sleep: those of OpenMP in PyTorch for
    up to 200 ms, which is a whole turn of the next program. Programs that do not stand still make one another slower,
    ours by a half in the kernels.
    """

    def __init__(self, *command):
        self.name, self.told = command[0], None
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        except OSError as error:
            raise Failure(f"{command[0]} cannot be run: {error}") from None

    def ask(self, line):
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        finally:
            self.process.send_signal(signal.SIGSTOP)
        if not answer:
            raise Failure(f"{self.name} gave no answer to '{line}'; what it wrote stands above")
        return answer.strip()

    def numbers(self, line):
        return [float(word) for word in self.ask(line).split()]

    def about(self):
        """What the program says of itself; asked once."""
        if self.told is None:
            self.told = json.loads(self.ask("about"))
        return self.told

    def peak(self):
        """The most bytes that the program has held in memory so far; where the system does not tell, none."""
        try:
            with open(f"/proc/{self.process.pid}/status") as status:
                return next(1024 * int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
        except (OSError, StopIteration):
            return None

    def end(self):
        self.process.send_signal(signal.SIGCONT)
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass  # It has ended already.
        try:
            self.process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


# ---- What is printed, and kept


class Record:
    """What a run printed, in the form of a chapter's record (Sources/Notebook/RunRecord.swift), for data/results."""

    lines = []
    start = time.monotonic()

    @classmethod
    def add(cls, kind, content):
        place = {"file": os.path.basename(sys.argv[0]), "line": sys._getframe(2).f_lineno}
        cls.lines.append({"entry": {kind: content}, "place": place})

    @classmethod
    def write(cls, folder, command):
        def told(path, key):
            lines = [line.partition(key)[2].strip() for line in pathlib.Path(path).read_text().split("\n") if key in line]
            return lines[0].lstrip(":= \t").strip('"') if lines else ""

        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "run.json").write_text(json.dumps({
            "chapter": folder.name, "question": "", "command": command, "isQuick": False, "seed": 0, "numbers": "Float",
            "date": datetime.date.today().isoformat(), "seconds": time.monotonic() - cls.start, "lines": cls.lines,
            "machine": {
                "cores": os.cpu_count(), "processor": told("/proc/cpuinfo", "model name"),
                "system": told("/etc/os-release", "PRETTY_NAME"),
            },
        }, ensure_ascii=False, indent=1))


def heading(title):
    print(f"\n{title}\n", flush=True)
    Record.add("heading", {"_0": title})


def say(sentence):
    print(sentence, flush=True)
    Record.add("finding", {"_0": sentence[0].upper() + sentence[1:] + ".", "isVolatile": False})


def table(head, rows, left=1):
    """Prints a table; the first `left` columns are words, the others numbers."""
    Record.add("table", {"_0": {"columns": head, "rows": rows}})
    widths = [max(len(row[column]) for row in [head] + rows) for column in range(len(head))]

    def line(cells):
        words = [cell.ljust(width) for cell, width in zip(cells[:left], widths)]
        return "| " + " | ".join(words + [cell.rjust(width) for cell, width in zip(cells[left:], widths[left:])]) + " |"

    print(line(head))
    print("|-" + "-|-".join("-" * width for width in widths) + "-|")
    for row in rows:
        print(line(row))


def difference(one, other):
    """Relative where the numbers are above 1; infinite if one of them is no number."""
    result = abs(one - other) / max(1, abs(other))
    return result if result == result else float("inf")


def quartiles(values):
    low, _, high = statistics.quantiles(values)
    return low, high


# ---- From the first program to the last


class Peer:
    """A program in another framework, by the script that it runs. It may be missing, unless it is required."""

    def __init__(self, arguments, script, *rest, required=False):
        place = pathlib.Path(__file__).resolve().parent / script
        self.command = [arguments.python, str(place), *rest, "--threads", str(arguments.threads)]
        self.required = required

    def start(self):
        return Program(*self.command)

    def started(self):
        """The program, or None with a line that says why it is left out."""
        program = self.start()
        try:
            about = program.about()
        except BaseException:
            program.end()
            raise
        if "missing" not in about:
            program.title = about["name"]
            return program
        program.end()
        if self.required:
            raise Failure(about["missing"])
        print(f"left out: {about['missing']}", flush=True)
        return None


def main_of(programs, job, arguments):
    """Starts programs, says what they are, and gives the exit status of the job with them; 2 if one fails.

    The first of them is ours. Of the others those that are None are left out. If the job is done, what was printed is
    written to the folder that --record names.
    """
    # A signal ends the programs as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    running = []
    try:
        for program in programs():
            if program is not None:
                running.append(program)
        heading("Programs")
        for program in running:
            about = program.about()
            say(f"{about['program']}, {about['threads']} threads")
        say("load average before: {:.2f} {:.2f} {:.2f}".format(*os.getloadavg()))
        status = job(*running)
        print("load average after: {:.2f} {:.2f} {:.2f}".format(*os.getloadavg()))
        if arguments.record:
            Record.write(arguments.record, arguments.command)
        return status
    except Failure as failure:
        print(f"{os.path.basename(sys.argv[0])}: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        for program in running:
            program.end()
