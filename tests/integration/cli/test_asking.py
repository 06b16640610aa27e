"""Confirmations: they go to the operator's terminal even if the output is piped."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.polling import PATIENCE_SECONDS

ROOT = Path(__file__).parents[3]
# A desk in a process of its own, because only a process can have a terminal as its standard input.
DESK = """
import sys
from apps.cli.main import app
from tests.unit.cli.conftest import Desk
desk = Desk()
desk.machine.deploy("1.0.0")
desk.type("freeze production --why moving")
app(sys.argv[1:], obj=lambda _: desk.connection)
"""


def at_a_keyboard(typed: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command with piped output and a terminal on which `typed` is entered."""
    person, keyboard = os.openpty()
    try:
        os.write(person, typed.encode())
        return subprocess.run(
            [sys.executable, "-c", DESK, *arguments],
            stdin=keyboard,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'layers/core/python'}"},
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
            start_new_session=True,
        )
    finally:
        os.close(person)
        os.close(keyboard)


def test_confirmation_goes_to_stderr_when_stdout_is_piped() -> None:
    done = at_a_keyboard("n\n", "unfreeze", "production", "--why", "clear")
    assert (done.returncode, done.stderr) == (1, "Lift the freeze of production? [y/N]: "), done
    assert done.stdout.endswith("\nnot lifted\n")


def test_confirmation_with_json_leaves_stdout_to_the_json() -> None:
    done = at_a_keyboard("y\n", "unfreeze", "production", "--why", "clear", "--json")
    assert (done.returncode, done.stderr) == (0, "Lift the freeze of production? [y/N]: "), done
    assert done.stdout.startswith("{")
    assert json.loads(done.stdout)["lift"] is True


def test_declined_deployment_is_reported_as_json() -> None:
    done = at_a_keyboard("n\n", "deploy", "hello", "--despite-freeze", "--reason", "prices", "--json")
    assert (done.returncode, done.stderr) == (1, "Deploy 1.0.1 to production/hello? [y/N]: "), done
    found = json.loads(done.stdout)
    assert (found["started"], found["deployment"], found["plan"]["version"]) == (False, None, "1.0.1")


@pytest.mark.parametrize("more", [("--yes",), ("--yes", "--json")])
def test_yes_skips_the_confirmation(more: tuple[str, ...]) -> None:
    done = at_a_keyboard("", "unfreeze", "production", "--why", "clear", *more)
    assert (done.returncode, done.stderr) == (0, ""), done
