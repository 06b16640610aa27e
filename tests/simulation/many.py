"""Many seeds on all cores, and the table of their results."""

import gc
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.simulation.run import Result, run

CHUNK = 50
SHOWN = 8


@dataclass(slots=True)
class Summary:
    """The results of a range of seeds; `violations`: name -> (seed, message) of each."""

    first: int
    seeds: int = 0
    steps: int = 0
    hours: float = 0.0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    violations: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    def add(self, result: Result) -> None:
        self.seeds += 1
        self.steps += result.steps
        self.hours += result.hours
        self.faults.update(result.faults)
        self.ends.update(result.ends)
        self.known.update(result.known)
        if result.violation:
            self.violations.setdefault(result.name, []).append((result.seed, result.violation))

    @property
    def found(self) -> int:
        """The number of seeds with a violation."""
        return sum(len(each) for each in self.violations.values())

    def table(self) -> str:
        """Return the results as a table."""
        pace = self.seeds / self.seconds if self.seconds else 0.0
        lines = [
            f"{self.seeds:,} seeds from {self.first:,}, {self.steps:,} steps, {self.hours:,.0f} simulated hours",
            f"{self.seconds:.1f} s, {pace:.0f} seeds/s",
            *_columns("injected", self.faults),
            *_columns("deployments ended", self.ends),
            *_columns("known violations", self.known),
        ]
        lines.append(f"violations: {self.found}")
        for name, each in sorted(self.violations.items(), key=lambda item: -len(item[1])):
            lines.append(f"  {name}: {len(each)} (seeds {', '.join(str(seed) for seed, _ in each[:SHOWN])})")
            lines.append(f"    {each[0][1]}")
        return "\n".join(lines)


def _columns(title: str, counted: Counter[str]) -> list[str]:
    if not counted:
        return []
    return [f"{title}:", *(f"  {name:<32} {number:>10,}" for name, number in sorted(counted.items()))]


def run_many(first: int, seeds: int, cores: int = 0, say: Callable[[str], None] | None = None) -> Summary:
    """Run seeds `first` to `first + seeds - 1`; `say` gets each violation at once, and progress every 5 s.

    Ctrl-C ends the run early: the summary then covers the seeds run so far.
    """
    began, said = time.monotonic(), time.monotonic()
    summary = Summary(first)
    try:
        for result in _results(range(first, first + seeds), cores or os.cpu_count() or 1):
            summary.add(result)
            if say and result.violation:
                say(f"seed {result.seed}: {result.name}: {result.violation}")
            if say and time.monotonic() - said > 5:
                said = time.monotonic()
                say(f"{summary.seeds:,} of {seeds:,} seeds, {said - began:.0f} s, violations: {summary.found}")
    except KeyboardInterrupt:
        if say:
            say(f"interrupted after {summary.seeds:,} of {seeds:,} seeds")
    summary.seconds = time.monotonic() - began
    return summary


def _results(seeds: range, cores: int) -> Iterator[Result]:
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    if cores == 1:
        for chunk in chunks:
            yield from _run_chunk(chunk)
        return
    with multiprocessing.get_context("fork").Pool(cores, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        for results in pool.imap(_run_chunk, chunks):
            yield from results


def _run_chunk(seeds: range) -> list[Result]:
    """Run some seeds, with the garbage collector off: a run is small and is freed as a whole."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        results = []
        for number, seed in enumerate(seeds):
            results.append(run(seed))
            if number % 25 == 24:
                gc.collect()
        return results
    finally:
        gc.enable()
