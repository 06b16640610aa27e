"""The map from lines to the tests that run them, made by one run of the tests and of the simulation.

The run is also the control: without a mutation, every test must pass and no seed may have a violation.
"""

import json
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from tools.mutants.imports import Hit, check_replaced, mark_lines
from tools.mutants.isolation import Answer, Died, run_isolated
from tools.mutants.judges import Project, Recorder, judge_by_simulation, run_tests, third_party
from tools.mutants.sources import Mutant, Sources

_LIMIT = 1200.0


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
    def made(cls, project: Project, sources: Sources, path: Path, tree: str) -> Self:
        """Run the tests and the simulation with marked lines, and keep the map in `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        modules = {module.name: module.path for module in sources.modules.values()}
        log = path.with_name("control.log")
        try:
            found = run_isolated(lambda: _record_tests(project, modules), _LIMIT, str(log))
            if project.seeds:
                found |= run_isolated(lambda: _record_seeds(project, modules), _LIMIT, str(log))
        except Died as death:
            raise ControlFailed(f"the control run did not end: {death}; see {log}") from death
        if found["failed"]:
            raise ControlFailed(f"the code without a mutation fails: {found['failed']}; see {log}")
        path.write_text(json.dumps(found | {"tree": tree}))
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
            frozenset((name, line) for name, line in found.get("simulated", ())),
            found.get("simulation_seconds", 0.0),
            found["modules"],
        )


def _file(test: str) -> str:
    return test.partition("::")[0]


def _record_tests(project: Project, modules: dict[str, Path]) -> Answer:
    seen: set[Hit] = set()
    project.enter()
    mark_lines(modules, seen)
    recorder = Recorder(seen)
    code = run_tests([str(project.root / each) for each in project.tests], recorder)
    check_replaced(modules)
    return {
        "failed": f"pytest ended with {code}" if code else "",
        "tests": recorder.tests,
        "at_import": sorted(recorder.at_import),
        "modules": third_party(),
    }


def _record_seeds(project: Project, modules: dict[str, Path]) -> Answer:
    seen: set[Hit] = set()
    project.enter()
    mark_lines(modules, seen)
    began = time.process_time()
    failed = judge_by_simulation(project.seeds)["by"]
    taken = time.process_time() - began
    check_replaced(modules)
    return {"simulated": sorted(seen), "simulation_seconds": taken, **({"failed": failed} if failed else {})}
