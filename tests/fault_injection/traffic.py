"""The light load under every case: each answer is noted with its version, host and start, and judged."""

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tools.demo.traffic import Outcome, Tally, Traffic

RATE, SLOW_RATE = 20.0, 1.0


@dataclass(slots=True)
class AnswerLog(Tally):
    """A tally that stores each answer as (time, start of the service); a start is `version host boot`."""

    answers: list[tuple[float, str]] = field(default_factory=list)
    failed_at: list[tuple[float, str]] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        if outcome.status:
            self.answers.append((time.time(), outcome.version or ""))
        if outcome.failure:
            self.failed_at.append((time.time(), outcome.failure))
        Tally.add(self, outcome)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The judgement of the requests within a span of time."""

    requests: int
    failures: tuple[str, ...]
    untested: tuple[str, ...]  # starts that answered before they had passed a self-test
    versions: frozenset[str]


class Load:
    """Requests in the background of a `with` block: many quick ones, and some that take a second each."""

    def __init__(self, address: str, notes: Path) -> None:
        self._notes = notes
        self.logs: list[AnswerLog] = []
        self._traffics = []
        for path, rate in (("/", RATE), ("/slow", SLOW_RATE)):
            traffic, log = Traffic(f"{address}{path}", rate), AnswerLog()
            traffic.tally = log
            self.logs.append(log)
            self._traffics.append(traffic)

    def __enter__(self) -> Self:
        for traffic in self._traffics:
            traffic.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        for traffic in self._traffics:
            traffic.__exit__(*error)

    def judge(self, since: float, until: float) -> Judgement:
        """Judge the answers that came back between two times, in seconds since 1970."""
        passed = self._passed()
        answers = [found for each in self.logs for found in list(each.answers) if since <= found[0] <= until]
        failed = [found for each in self.logs for found in list(each.failed_at)]
        untested = {start for at, start in answers if passed.get(start, at + 1) > at}
        return Judgement(
            requests=len(answers),
            failures=tuple(why for at, why in failed if since <= at <= until),
            untested=tuple(sorted(untested)),
            versions=frozenset(start.split(" ")[0] for _, start in answers),
        )

    def _passed(self) -> dict[str, float]:
        """Return when each start of the service first passed its self-test, from its own notes."""
        first: dict[str, float] = {}
        for line in (self._notes / "passed.jsonl").read_text().splitlines():
            line_facts = json.loads(line)
            first.setdefault(line_facts["start"], line_facts["at"])
        return first
