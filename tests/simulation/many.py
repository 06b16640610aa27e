"""Many seeds on all cores, and the table of their results."""

import gc
import multiprocessing
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, fields
from itertools import islice
from typing import Any, Self

from tests.simulation.quick_records import make_records_quick
from tests.simulation.run import Result, run
from tests.support.resumable import Budget

CHUNK = 50
SHOWN = 8
NO_LIMIT = Budget()


@dataclass(slots=True)
class Summary:
    """The results of the seeds from `first` on; `violations`: name -> (seed, message) of each.

    `seconds` are of the clock, `processor_seconds` of all cores together.
    """

    first: int
    seeds: int = 0
    steps: int = 0
    hours: float = 0.0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    known: Counter[str] = field(default_factory=Counter)
    violations: dict[str, list[tuple[int, str]]] = field(default_factory=dict)

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """Return the summary that `plain` wrote into a state file."""
        counted = {name: Counter(plain[name]) for name in ("faults", "ends", "known")}
        violations = {name: [(seed, why) for seed, why in each] for name, each in plain["violations"].items()}
        return cls(**{**plain, **counted, "violations": violations})

    def plain(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

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
            f"{self.seeds:,} seeds from {self.first:,}, {self.steps:,} effects, {self.hours:,.0f} simulated hours",
            f"{self.seconds:,.1f} s, {pace:.0f} seeds/s, {self.processor_seconds:,.0f} processor seconds",
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


def run_many(first: int, seeds: int, cores: int = 0) -> Summary:
    """Run seeds `first` to `first + seeds - 1`."""
    summary = Summary(first)
    go_on(summary, seeds, cores)
    return summary


def go_on(
    summary: Summary,
    seeds: int,
    cores: int = 0,
    budget: Budget = NO_LIMIT,
    say: Callable[[str], None] = lambda _: None,
    save: Callable[[], None] = lambda: None,
) -> None:
    """Add results to a summary until it has so many seeds, or until the budget ends.

    `say` gets each violation at once, and progress every 5 s. `save` is called then, and at the end: the
    summary has whole chunks only.
    """
    before, began = summary.seconds, time.monotonic()
    said, left = began, range(summary.first + summary.seeds, summary.first + seeds)
    for results, seconds in _until_killed(_results(left, cores or os.cpu_count() or 1), budget):
        for result in results:
            summary.add(result)
            if result.violation:
                say(f"seed {result.seed}: {result.name}: {result.violation}")
        summary.processor_seconds += seconds
        summary.seconds = before + time.monotonic() - began
        if not budget.allows(0.0):
            break
        if time.monotonic() - said > 5:
            said = time.monotonic()
            save()
            say(f"{summary.seeds:,} of {seeds:,} seeds, {summary.seconds:.0f} s, violations: {summary.found}")
    save()


def _until_killed(
    results: Iterator[tuple[list[Result], float]], budget: Budget
) -> Iterator[tuple[list[Result], float]]:
    """Pass on the results; end with them when the signal that ended the budget has killed the workers, too."""
    try:
        yield from results
    except BrokenProcessPool:
        if budget.allows(0.0):
            raise


def _results(seeds: range, cores: int) -> Iterator[tuple[list[Result], float]]:
    """Return the results of each chunk in the order of the seeds, with its processor seconds."""
    chunks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    if cores == 1:
        yield from map(_run_chunk, chunks)
        return
    waiting, fork = iter(chunks), multiprocessing.get_context("fork")
    pool = ProcessPoolExecutor(cores, fork, _prepare_worker)
    try:
        ahead = deque(pool.submit(_run_chunk, chunk) for chunk in islice(waiting, 2 * cores))
        while ahead:
            yield ahead.popleft().result()
            ahead.extend(pool.submit(_run_chunk, chunk) for chunk in islice(waiting, 1))
    finally:
        pool.shutdown(cancel_futures=True)


def _prepare_worker() -> None:
    """Leave Ctrl-C to the parent, and end soon after a parent that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = os.getppid()
    signal.signal(signal.SIGALRM, lambda *_: None if os.getppid() == parent else os._exit(1))
    signal.setitimer(signal.ITIMER_REAL, 2.0, 2.0)


def _run_chunk(seeds: range) -> tuple[list[Result], float]:
    """Run some seeds, with the garbage collector off: a run is small and is freed as a whole."""
    make_records_quick()
    began = time.process_time()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        results = []
        for number, seed in enumerate(seeds):
            results.append(run(seed))
            if number % 25 == 24:
                gc.collect()
        return results, time.process_time() - began
    finally:
        gc.enable()
