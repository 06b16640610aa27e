"""The map from lines to the tests that run them, made by one run of the tests and of the simulation.

The run is also the control: without a mutation, every test must pass and no seed may have a violation.
"""

import json
import multiprocessing
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tools.mutants.imports import Hit, check_replaced, mark_lines
from tools.mutants.isolation import Answer, Died, run_isolated
from tools.mutants.judges import Project, Recorder, judge_by_simulation, run_tests, third_party
from tools.mutants.sources import Mutant, Sources

_LIMIT = 1200.0
_NOTHING: Answer = {"tests": [], "at_import": [], "simulated": [], "modules": [], "simulation_seconds": 0.0}


class ControlFailed(Exception):
    """The code without a mutation does not pass its judges."""


@dataclass(frozen=True, slots=True)
class Choice:
    """The tests for one mutant: their files, the rank of the tests that run its line, and their time."""

    files: tuple[str, ...] = ()
    ranks: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class LineMap:
    """The lines that tests and simulation run; `at_import` has the lines that run before any test."""

    tests: list[tuple[str, float]]
    runs: dict[Hit, list[int]]
    at_import: frozenset[Hit]
    simulated: frozenset[Hit]
    simulation_seconds: float
    modules: list[str]

    def tests_for(self, mutant: Mutant) -> Choice:
        """Return the tests that can notice a mutant, the quickest that run its line first.

        The other tests of their files follow: a test may use what an earlier one has prepared. What the import
        runs is anybody's, so all tests follow.
        """
        name, lines = mutant.module.name, mutant.mutation.lines
        anybodys = not lines or any((name, line) in self.at_import for line in lines)
        hits = [hit for hit in self.runs if hit[0] == name and (anybodys or hit[1] in lines)]
        chosen = {number for hit in hits for number in self.runs[hit]}
        files = {_file(self.tests[number][0]) for number in chosen}
        if anybodys:
            files = {_file(test) for test, _ in self.tests}
        seconds = sum(taken for test, taken in self.tests if _file(test) in files)
        ranks = {self.tests[number][0]: self.tests[number][1] for number in chosen}
        return Choice(tuple(sorted(files)), ranks, seconds)

    def is_simulated(self, mutant: Mutant) -> bool:
        """Return True when the simulation runs a mutant's line, or imports it."""
        name, lines = mutant.module.name, mutant.mutation.lines
        hits = {hit for hit in self.simulated if hit[0] == name}
        return bool(hits) if not lines else any((name, line) in self.simulated for line in lines)

    @classmethod
    def read(cls, path: Path, tree: str) -> Self | None:
        """Return the map that was made of this tree, or None."""
        try:
            found = json.loads(path.read_text())
        except (OSError, ValueError):
            return None
        return cls._of(found) if found.get("tree") == tree else None

    @classmethod
    def made(cls, project: Project, sources: Sources, jobs: int, path: Path, tree: str) -> Self:
        """Run the tests and the simulation with marked lines on `jobs` processes, and keep the map in `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        modules = {module.name: module.path for module in sources.modules.values()}
        control = _Control(project, modules, str(path.with_name("control.log")))
        files = sorted(str(file) for each in project.tests for file in (project.root / each).rglob("test_*.py"))
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            parts = pool.map(control.tests, [files[first::jobs] for first in range(min(jobs, len(files)))])
            parts += pool.map(control.seeds, [project.seeds] if project.seeds else [])
        found: Answer = {"tree": tree}
        for kind in ("tests", "at_import", "simulated", "modules"):
            found[kind] = [each for part in parts for each in part[kind]]
        found["simulation_seconds"] = sum(part["simulation_seconds"] for part in parts)
        path.write_text(json.dumps(found))
        return cls._of(found)

    @classmethod
    def _of(cls, found: dict[str, Any]) -> Self:
        runs: defaultdict[Hit, list[int]] = defaultdict(list)
        for number, (_, _, hits) in enumerate(found["tests"]):
            for name, line in hits:
                runs[name, line].append(number)
        return cls(
            [(test, taken) for test, taken, _ in found["tests"]],
            dict(runs),
            frozenset((name, line) for name, line in found["at_import"]),
            frozenset((name, line) for name, line in found["simulated"]),
            found["simulation_seconds"],
            list(dict.fromkeys(found["modules"])),
        )


def _file(test: str) -> str:
    return test.partition("::")[0]


@dataclass(frozen=True, slots=True)
class _Control:
    """Runs of the code without a mutation, each in a process of its own."""

    project: Project
    modules: dict[str, Path]
    log: str

    def tests(self, files: list[str]) -> Answer:
        """Run test files, and return what each test ran."""
        return self._checked(lambda seen: self._record_tests(files, seen), f"{self.log}.{os.getpid()}")

    def seeds(self, seeds: int) -> Answer:
        """Run the first seeds of the simulation, and return the lines that they ran."""
        return self._checked(lambda seen: self._record_seeds(seeds, seen), self.log)

    def _checked(self, record: Callable[[set[Hit]], Answer], log: str) -> Answer:
        def work() -> Answer:
            seen: set[Hit] = set()
            self.project.enter()
            mark_lines(self.modules, seen)
            found = record(seen)
            check_replaced(self.modules)
            return _NOTHING | found

        try:
            found = run_isolated(work, _LIMIT, log)
        except Died as death:
            raise ControlFailed(f"the control run did not end: {death}; see {log}") from death
        if found["failed"]:
            raise ControlFailed(f"the code without a mutation fails: {found['failed']}; see {log}")
        return found

    @staticmethod
    def _record_tests(files: list[str], seen: set[Hit]) -> Answer:
        recorder = Recorder(seen)
        code = run_tests(files, recorder)
        return {
            "failed": f"pytest ended with {code}" if code else "",
            "tests": recorder.tests,
            "at_import": sorted(recorder.at_import),
            "modules": third_party(),
        }

    @staticmethod
    def _record_seeds(seeds: int, seen: set[Hit]) -> Answer:
        began = time.process_time()
        failed = judge_by_simulation(seeds)["by"]
        return {"failed": failed, "simulated": sorted(seen), "simulation_seconds": time.process_time() - began}
