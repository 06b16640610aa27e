"""Tests do not depend on how busy the machine is: all of them wait by tests/support/polling.py."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.polling import PATIENCE_SECONDS

TESTS = Path(__file__).resolve().parents[1]
FILES = [path for name in ("unit", "contract", "integration", "end_to_end") for path in (TESTS / name).rglob("*.py")]
WAITS = {"wait", "join", "communicate"}
CLOCKS = {"monotonic", "perf_counter"}
# These state the least time that something takes, which a busy machine only makes longer. The workers' test takes
# the quickest of many calls.
MEASURES = {
    "end_to_end/test_supervision.py",
    "integration/agent/test_install.py",
    "integration/agent/test_metrics.py",
    "integration/environment/test_workers.py",
}


def short_waits(text: str) -> Iterator[str]:
    """Yield each call that gives up after a number of seconds below PATIENCE_SECONDS, and each read of a clock."""
    for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        owner = getattr(getattr(call.func, "value", None), "id", "")
        limits = [given.value for given in call.keywords if given.arg == "timeout"]
        limits += call.args[:1] if name in WAITS else []
        for limit in limits:
            seconds = limit.value if isinstance(limit, ast.Constant) else None
            if isinstance(seconds, int | float) and seconds < PATIENCE_SECONDS:
                yield f"line {call.lineno}: {name} gives up after {seconds} s"
        if owner == "time" and name in CLOCKS:
            yield f"line {call.lineno}: time.{name}() is read"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(TESTS)))
def test_a_test_waits_for_as_long_as_a_busy_machine_needs(path: Path) -> None:
    found = list(short_waits(path.read_text()))
    if str(path.relative_to(TESTS)) in MEASURES:
        found = [each for each in found if "is read" not in each]
    assert not found, "wait by tests/support/polling.py instead"


@pytest.mark.parametrize(
    "text",
    ["process.wait(5)", "thread.join(0.5)", "connect(timeout=2)", "x.wait(timeout=3)", "time.monotonic() + 5"],
)
def test_short_wait_is_found(text: str) -> None:
    assert len(list(short_waits(text))) == 1


@pytest.mark.parametrize(
    "text", ["thread.join()", "', '.join(words)", "connect(timeout=PATIENCE_SECONDS)", "time.sleep(1)"]
)
def test_patient_wait_is_not_found(text: str) -> None:
    assert not list(short_waits(text))
