"""Judge mutants one after the other on all cores, and keep each result, so that a run can be resumed."""

import importlib
import json
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from math import inf
from multiprocessing.pool import AsyncResult
from pathlib import Path
from typing import Self

from tools.mutants.imports import check_replaced, replace_module
from tools.mutants.isolation import Answer, Died, run_isolated
from tools.mutants.judges import SIMULATION, UNIT, Project, judge_by_simulation, judge_by_tests
from tools.mutants.line_map import ControlFailed, LineMap
from tools.mutants.sources import INNOCENT, Mutant, Sources

# A mutant may take so many times as long as the code without a mutation, and some seconds for the imports.
SLOWER = 4.0
STARTING_SECONDS = 15.0
# jsii starts Node when it is imported.
_NOT_PRELOADED = {"jsii", "aws_cdk", "constructs", "cdk_nag"}


@dataclass(frozen=True, slots=True)
class Judged:
    """The result for one mutant; `judge` and `by` are empty when it survived."""

    id: str
    tree: str
    judge: str
    by: str
    seconds: float

    @property
    def is_killed(self) -> bool:
        return bool(self.judge)


class State:
    """The results so far, in a JSON file that is rewritten after each of them."""

    def __init__(self, path: Path, results: dict[str, Judged]) -> None:
        self._path = path
        self.results = results

    @classmethod
    def read(cls, path: Path) -> Self:
        """Return what earlier runs found; nothing when there was none."""
        found = json.loads(path.read_text()) if path.exists() else []
        return cls(path, {each["id"]: Judged(**each) for each in found})

    def add(self, result: Judged) -> None:
        """Keep a result in the file."""
        self.results[result.id] = result
        self._path.parent.mkdir(parents=True, exist_ok=True)
        written = self._path.with_suffix(".new")
        written.write_text(json.dumps([asdict(each) for each in self.results.values()], indent=0))
        written.replace(self._path)

    def unjudged(self, mutants: Iterable[Mutant], tree: str, *, keep_killed: bool) -> list[Mutant]:
        """Return the mutants without a result for this tree.

        With `keep_killed`, a mutant that was killed in another tree counts as killed.
        """
        return [each for each in mutants if not self._stands(self.results.get(each.id), tree, keep_killed)]

    @staticmethod
    def _stands(result: Judged | None, tree: str, keep_killed: bool) -> bool:  # noqa: FBT001
        return result is not None and (result.tree == tree or (keep_killed and result.is_killed))


class Court:
    """The judges of one tree, with all that they need to know before a mutant comes."""

    def __init__(self, project: Project, sources: Sources, line_map: LineMap, tree: str) -> None:
        self._project = project
        self._sources = sources
        self._map = line_map
        self._tree = tree

    def judge_all(self, mutants: list[Mutant], jobs: int, until: float = inf) -> Iterator[Judged]:
        """Yield each mutant's result as it comes, on `jobs` processes; begin none after `until`."""
        for name in self._map.modules:
            if name.partition(".")[0] not in _NOT_PRELOADED:
                with suppress(Exception):
                    importlib.import_module(name)
        if mutants:
            self.check_innocence(mutants[0])
        pool = multiprocessing.get_context("fork").Pool(jobs, _begin, (self,))
        with pool:
            running: list[AsyncResult[Judged]] = []
            for mutant in mutants:
                while len(running) >= jobs:
                    ended = [each for each in running if each.ready()]
                    running = [each for each in running if each not in ended]
                    yield from (each.get() for each in ended)
                    time.sleep(0.02)
                if time.monotonic() > until:
                    break
                running.append(pool.apply_async(_judge, (mutant,)))
            yield from (each.get() for each in running)

    def judge(self, mutant: Mutant) -> Judged:
        """Try the tests that run the mutant's line, then the simulation."""
        began = time.monotonic()
        judge, by = "", ""
        choice = self._map.tests_for(mutant)
        if choice.files:
            judge = UNIT
            files = [str(self._project.root / each) for each in choice.files]
            by = self._killed_by(mutant, lambda: judge_by_tests(files, choice.ranks), choice.seconds)
        if not by and self._project.seeds and self._map.is_simulated(mutant):
            judge = SIMULATION
            seeds = self._project.seeds
            by = self._killed_by(mutant, lambda: judge_by_simulation(seeds), self._map.simulation_seconds)
        return Judged(mutant.id, self._tree, judge if by else "", by, round(time.monotonic() - began, 1))

    def check_innocence(self, mutant: Mutant) -> None:
        """Raise ControlFailed when the judges kill the code without the mutation."""
        innocent = replace(mutant, id=INNOCENT)
        if (judged := self.judge(innocent)).is_killed:
            raise ControlFailed(f"{mutant.module.name} is killed without a mutation: {judged.by}")

    def _killed_by(self, mutant: Mutant, judging: Callable[[], Answer], seconds: float) -> str:
        code = self._sources.compiled(mutant)

        def work() -> Answer:
            self._project.enter()
            replace_module(mutant.module.name, mutant.module.path, code)
            answer = judging()
            check_replaced([mutant.module.name])
            return answer

        try:
            by: str = run_isolated(work, STARTING_SECONDS + SLOWER * seconds)["by"]
        except Died as death:
            return str(death)
        return by


# A process of the pool inherits its court: to send it with each mutant would take longer than to judge.
_courts: list[Court] = []


def _begin(court: Court) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _courts.append(court)


def _judge(mutant: Mutant) -> Judged:
    return _courts[0].judge(mutant)
