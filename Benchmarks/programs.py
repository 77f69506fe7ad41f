"""What the comparisons share: a program that answers lines, tables, and an orderly end."""

import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys


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


# ---- Tables


def table(head, rows, left=1):
    """Prints a table; the first `left` columns are words, the others numbers."""
    widths = [max(len(row[column]) for row in [head] + rows) for column in range(len(head))]

    def line(cells):
        words = [cell.ljust(width) for cell, width in zip(cells[:left], widths)]
        return "| " + " | ".join(words + [cell.rjust(width) for cell, width in zip(cells[left:], widths[left:])]) + " |"

    print(line(head))
    print("|-" + "-|-".join("-" * width for width in widths) + "-|")
    for row in rows:
        print(line(row))


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


def main_of(programs, job):
    """Starts programs, says what they are, and gives the exit status of the job with them; 2 if one fails.

    The first of them is ours. Of the others those that are None are left out.
    """
    # A signal ends the programs as well.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    running = []
    try:
        for program in programs():
            if program is not None:
                running.append(program)
        for program in running:
            about = program.about()
            print(f"{about['program']}, {about['threads']} threads")
        print("load average before: {:.2f} {:.2f} {:.2f}".format(*os.getloadavg()), flush=True)
        status = job(*running)
        print("load average after: {:.2f} {:.2f} {:.2f}".format(*os.getloadavg()))
        return status
    except Failure as failure:
        print(f"{os.path.basename(sys.argv[0])}: {failure}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        for program in running:
            program.end()
