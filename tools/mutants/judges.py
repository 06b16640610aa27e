"""The two judges of a mutant: the unit tests that run its line, and the first seeds of the simulation.

Each runs in a process of its own (isolation.py) that has imported nothing of this repository.
"""

import gc
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tools.mutants.imports import Hit, come_first
from tools.mutants.isolation import Answer

UNIT = "unit tests"
SIMULATION = "simulation"


@dataclass(frozen=True, slots=True)
class Project:
    """A repository: where its sources are, and what judges them."""

    root: Path
    source_root: Path
    tests: tuple[str, ...]
    seeds: int

    def enter(self) -> None:
        """Let imports find this repository's own files first."""
        sys.path[:0] = [str(self.root), str(self.source_root)]


class Plugin:
    """A plugin of pytest that lets replaced modules be found before pytest looks for asserts in them."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_load_initial_conftests(self) -> None:
        come_first()


@dataclass(slots=True, eq=False)
class Recorder(Plugin):
    """A plugin of pytest that records the lines that each test runs and how long it takes."""

    seen: set[Hit]
    at_import: set[Hit] = field(default_factory=set)
    tests: list[tuple[str, float, list[Hit]]] = field(default_factory=list)

    def pytest_collection_finish(self) -> None:
        self.at_import |= self.seen

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self.seen.clear()
        began = time.process_time()
        ended = yield
        self.tests.append((item.nodeid, round(time.process_time() - began, 4), sorted(self.seen)))
        return ended


@dataclass(slots=True, eq=False)
class _Judge(Plugin):
    """A plugin of pytest that puts the likeliest tests first and keeps the name of the first that fails."""

    ranks: Mapping[str, float]
    failed: str = ""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.ranks.get(item.nodeid, float("inf")))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.failed:
            self.failed = f"import of {report.nodeid}"


def run_tests(tests: Sequence[str], plugin: Plugin) -> int:
    """Run pytest over files up to the first failure, and return its exit code; raise ValueError without any."""
    if not tests:
        raise ValueError("no tests are given: pytest would run all that it finds")
    options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:faulthandler"]
    # Plugins that were imported before pytest began are not rewritten; they are no tests.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    return int(pytest.main([*options, *tests], plugins=[plugin]))


def judge_by_tests(tests: Sequence[str], ranks: Mapping[str, float]) -> Answer:
    """Run test files, the tests with the lowest rank first; `by` is the first that fails, or empty."""
    judge = _Judge(ranks)
    code = run_tests(tests, judge)
    if code and not judge.failed:
        raise RuntimeError(f"pytest ended with {code}, and no test failed")
    return {"by": judge.failed}


def judge_by_simulation(seeds: int) -> Answer:
    """Run seeds until one has a violation; `by` is that one, or empty."""
    try:
        from tests.simulation.run import run  # noqa: PLC0415 (after the mutation)
    except Exception as error:  # noqa: BLE001 (without a mutation it imports)
        return {"by": f"import: {error!r}"[:200]}
    gc.freeze()
    gc.disable()
    for seed in range(seeds):
        result = run(seed)
        if seed % 10 == 0:
            gc.collect()
        if result.violation:
            return {"by": f"seed {seed}: {result.name}: {result.violation}"[:200]}
    return {"by": ""}


def third_party() -> list[str]:
    """Return the modules of installed packages imported so far, in the order of their imports."""
    installed = (sys.prefix, sys.base_prefix)
    found = []
    for name, module in list(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if spec is not None and spec.name == name and (spec.origin or "").startswith(installed):
            found.append(name)
    return found
