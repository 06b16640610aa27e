"""The light load that every case runs under: each answer is noted with its version, host and start, and judged."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tools.demo.traffic import Outcome, Tally, Traffic

RATE, SLOW_RATE = 20.0, 1.0


@dataclass(slots=True)
class Witness(Tally):
    """A tally that remembers who answered when; `who` is `version host start`."""

    seen: list[tuple[float, str]] = field(default_factory=list)
    failed_at: list[tuple[float, str]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        if outcome.status:
            self.seen.append((time.time(), outcome.version or ""))
        if outcome.failure:
            self.failed_at.append((time.time(), outcome.failure))
        Tally.add(self, outcome)


@dataclass(frozen=True, slots=True)
class Judged:
    """What the load met in a stretch of time."""

    requests: int
    failures: tuple[str, ...]
    untested: tuple[str, ...]  # who answered without having passed a self-test before
    versions: frozenset[str]


class Load:
    """Requests in the background of a `with` block: many quick ones, and some that take a second."""

    def __init__(self, address: str, notes: Path) -> None:
        self._notes = notes
        self.witnesses: list[Witness] = []
        self._traffics = []
        for path, rate in (("/", RATE), ("/slow", SLOW_RATE)):
            traffic, witness = Traffic(f"{address}{path}", rate), Witness()
            traffic.tally = witness
            self.witnesses.append(witness)
            self._traffics.append(traffic)

    def __enter__(self) -> Self:
        for traffic in self._traffics:
            traffic.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        for traffic in self._traffics:
            traffic.__exit__(*error)

    def judge(self, since: float, until: float) -> Judged:
        """Everything that came back between two times."""
        passed = self._passed()
        seen = [found for each in self.witnesses for found in list(each.seen) if since <= found[0] <= until]
        failed = [found for each in self.witnesses for found in list(each.failed_at)]
        untested = {who for at, who in seen if passed.get(who, at + 1) > at}
        return Judged(
            requests=len(seen),
            failures=tuple(why for at, why in failed if since <= at <= until),
            untested=tuple(sorted(untested)),
            versions=frozenset(who.split(" ")[0] for _, who in seen),
        )

    def _passed(self) -> dict[str, float]:
        """When each start of the service first passed its self-test, by its own notes."""
        first: dict[str, float] = {}
        for line in (self._notes / "passed.jsonl").read_text().splitlines():
            told = json.loads(line)
            first.setdefault(told["who"], told["at"])
        return first
