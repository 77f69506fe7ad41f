"""Contenders that take turns, what else the machine does meanwhile, and what may be concluded from it.

A row is one piece of work: our times, and those of each peer that can do it. What counts is the ratio to the fastest
peer, which may be another one in each row. A verdict is given only if the machine was quiet:

    others    the share of all cores that programs other than those of the run took while it was timed
    spread    the distance of the quartiles over the median, of ours and of the fastest peer in each row

Work of others takes more time from whoever computes more and waits less, so ratios measured beside it are not only
uncertain but biased. Exit status of a run: 0 if all limits are reached, 1 if one is missed, 2 if a program fails, 3 if
the machine was not quiet and nothing is concluded.
"""

import argparse
import os
import pathlib
import statistics
import sys
import time

from programs import heading, quartiles, say, table

OURS = "ours"
REACHED, MISSED, NOT_QUIET = 0, 1, 3


# ---- The machine


class Load:
    """What the cores do for others while something is timed: `with load:` around each time."""

    def __init__(self):
        self.spans = []

    def __enter__(self):
        self.before = self.seconds()

    def __exit__(self, *_):
        after = self.seconds()
        if None not in (self.before, after):
            self.spans.append([late - early for late, early in zip(after, self.before)])

    def others(self):
        """The share of all cores that went to others, from 0 to 1; None where the system does not tell."""
        if not self.spans:
            return None
        elapsed, busy, own = (sum(parts) for parts in zip(*self.spans))
        # What the system counts in hundredths of a second is uncertain in a span that is hardly longer.
        return min(1.0, max(0.0, (busy - own) / (elapsed * os.cpu_count())))

    @staticmethod
    def seconds():
        """Seconds that have passed, that the cores were busy, and that they were so for this process and all below it."""
        tick = os.sysconf("SC_CLK_TCK")
        try:
            # user, nice, system, idle, waiting for a disk, interrupts (2), what other virtual machines took
            spent = [int(word) for word in pathlib.Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        except (OSError, ValueError):
            return None
        parents, used = {}, {}
        for place in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                # After the name, which may hold blanks: state, parent, …; places 11 to 14 are the times of the process
                # itself and of its children that have ended.
                words = place.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # It has ended.
            process = int(place.parent.name)
            parents[process], used[process] = int(words[1]), sum(map(int, words[11:15]))

        def is_own(process):
            while process and process != os.getpid():
                process = parents.get(process)
            return process is not None and process > 0

        own = sum(ticks for process, ticks in used.items() if is_own(process))
        return time.monotonic(), (sum(spent) - spent[3] - spent[4]) / tick, own / tick


# ---- Rows


class Row:
    """A piece of work: the milliseconds of each contender, ours first, and the ratio that is asked for, if any is."""

    def __init__(self, key, title, peers, limit=None):
        self.key, self.title, self.limit = key, title, limit
        self.times = {contender: [] for contender in [OURS, *peers]}

    def median(self, contender):
        return statistics.median(self.times[contender])

    @property
    def fastest(self):
        """The peer with the smallest median; None if there is no peer."""
        return min((peer for peer in self.times if peer != OURS), key=self.median, default=None)

    @property
    def ratio(self):
        """How many times as fast as the fastest peer we are."""
        return self.median(self.fastest) / self.median(OURS)

    @property
    def is_reached(self):
        return self.limit is None or self.fastest is None or self.ratio >= self.limit

    def spread(self, contender):
        low, high = quartiles(self.times[contender])
        return (high - low) / self.median(contender)


def take_turns(rounds, rows, turn):
    """Fills rows; turn(row, contender) gives the times of one turn. Who goes first changes from round to round."""
    for number in range(rounds):
        for row in rows:
            order = list(row.times)
            shift = number % len(order)
            for contender in order[shift:] + order[:shift]:
                row.times[contender].extend(turn(row, contender))


def number(value):
    """Three digits, all of those before the point."""
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def show(what, rows):
    """All contenders of all rows, then each row beside its fastest peer."""
    lines = []
    for row in rows:
        for contender in row.times:
            low, high = quartiles(row.times[contender])
            median = row.median(contender)
            ratio = "" if contender == OURS else f"{median / row.median(OURS):.2f}"
            title = row.title if contender == OURS else ""
            lines.append([title, contender, number(median), f"{number(low)}–{number(high)}", ratio])
    heading("Medians")
    table([what, "program", "median, ms", "quartiles", "ratio"], lines, left=2)
    print()
    table(
        [what, "ours, ms", "the fastest peer, ms", "ratio", "at least", "fastest peer"],
        [
            [row.title, number(row.median(OURS)), number(row.median(row.fastest)), f"{row.ratio:.2f}",
             "–" if row.limit is None else f"{row.limit:g}", row.fastest]
            for row in rows
        ])
    print()


def too_busy(load, arguments):
    """Says what others took of the cores, and whether that is more than is allowed."""
    others = load.others()
    if others is None:
        say("this system does not tell what other programs do; only the quartiles say how quiet it was")
        return False
    say(f"other programs took {100 * others:.1f} % of the cores (allowed {arguments.others_limit:g} %)")
    return 100 * others > arguments.others_limit


def conclude(rows, load, arguments):
    """Says whether the machine was quiet, and only then whether the limits are reached; gives the exit status."""
    heading("Verdict")
    troubles = ["others"] if too_busy(load, arguments) else []
    for row in rows:
        for contender in filter(None, (OURS, row.fastest)):
            if 100 * row.spread(contender) > arguments.spread_limit:
                say(
                    f"{row.title}: the quartiles of {contender} are {100 * row.spread(contender):.0f} % of the median"
                    f" apart (allowed {arguments.spread_limit:g} %)")
                troubles.append("spread")
    if troubles:
        if not arguments.force_verdict:
            say("the machine was not quiet: no verdict")
            return NOT_QUIET
        say("the machine was not quiet; a verdict was asked for all the same")
    missed = [row for row in rows if not row.is_reached]
    for row in missed:
        say(f"missed: {row.title}: {row.ratio:.2f} times as fast as {row.fastest}, {row.limit:g} is asked for")
    asked = sum(row.limit is not None for row in rows)
    if asked and not missed:
        say(f"reached: all limits ({asked}), each against the fastest peer of its row")
    return MISSED if missed else REACHED


class Options(argparse.ArgumentParser):
    """What every comparison can be told: which programs take part, and when a verdict is given."""

    def __init__(self, description, python="an interpreter that has torch, and jax if you can"):
        super().__init__(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
        self.add_argument("--python", default=sys.executable, help=python)
        self.add_argument("--threads", type=int, default=2, help="of a peer; ours takes all cores")
        self.add_argument("--rounds", type=int, default=20)
        self.add_argument(
            "--limit", type=float, help="the smallest ratio to the fastest peer, instead of the limits of the rows")
        self.add_argument(
            "--others-limit", type=float, default=5, metavar="PERCENT", help="of the cores that other programs may take")
        self.add_argument(
            "--spread-limit", type=float, default=10, metavar="PERCENT",
            help="of the median that the quartiles may be apart")
        self.add_argument("--record", metavar="FOLDER", help="keep what is printed: FOLDER/run.json, for make keep")
        self.add_argument("--command", default="", help="what the record calls the command")
        self.add_argument("--force-verdict", action="store_true", help="also if the machine was not quiet")

    def parsed(self):
        """The options of this run; ends it if the rounds are too few for quartiles."""
        arguments = self.parse_args()
        if arguments.rounds < 2:
            self.error("--rounds has to be at least 2")
        return arguments
