"""The real command line for end-to-end tests: commands, their output, and waiting for a condition.

Used by every test here. The last commands and their output are in the report of a failed test.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from typer.testing import CliRunner

from apps.cli.connection import on_laptop
from apps.cli.main import app
from apps.cli.ports import Connection
from tests.conftest import Laptop
from tests.support.polling import PATIENCE_SECONDS

LIFECYCLE = Path(sys.executable).parent / "lifecycle"
POLL_SECONDS = 0.2
Found = TypeVar("Found")


@dataclass(frozen=True)
class Output:
    """The output of a command, and its exit code."""

    command: str
    code: int
    out: str
    err: str

    @property
    def facts(self) -> dict[str, Any]:
        return dict(json.loads(self.out))

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def end(self) -> dict[str, Any]:
        """The last ending that a watching command printed (deploy, rollback, or an answer with --watch)."""
        endings = self.facts.get("endings")
        assert endings, f"expected the command to watch a deployment to its end:\n{self}"
        return dict(endings[-1])

    def __str__(self) -> str:
        return f"$ {self.command}\nexit code {self.code}\n{_end(self.out)}{_end(self.err)}"


@dataclass
class Operator:
    """An operator who types commands; `outputs` has all their output, the newest last.

    Commands that change something run as a process. Commands that only read (status, hosts, history) run in
    this process over one connection, because tests read often and a process takes a second of a core.
    """

    laptop: Laptop
    name: str = "ada"
    outputs: list[Output] = field(default_factory=list)

    @cached_property
    def _here(self) -> Connection:
        return on_laptop(self.laptop.layout.environment, self.name)

    def __call__(self, *arguments: str, code: int = 0) -> Output:
        """Run `lifecycle ARGUMENTS --json` as a process; assert that it ends with this exit code."""
        output = self.run([str(LIFECYCLE), *arguments, "--json"])
        assert output.code == code, f"expected exit code {code}:\n{output}"
        assert "Traceback" not in output.err, output
        return output

    def read(self, *arguments: str) -> Output:
        """Run a command that only reads, in this process; assert that it succeeds."""
        done = CliRunner().invoke(app, [*arguments, "--json"], obj=lambda _: self._here)
        output = Output(f"lifecycle {' '.join(arguments)}", done.exit_code, done.stdout, done.stderr)
        self.outputs.append(output)
        assert output.code == 0, output
        return output

    def run(self, command: Sequence[str]) -> Output:
        """Run a command as from a person's shell, with this environment and the operator's name."""
        inherited = {name: text for name, text in os.environ.items() if not name.startswith(("LIFECYCLE_", "GIT_"))}
        variables = {**inherited, **self.laptop.variables, "LIFECYCLE_AS": self.name}
        done = subprocess.run(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=5 * PATIENCE_SECONDS,
            check=False,
        )
        shown = " ".join(command).replace(str(LIFECYCLE), "lifecycle")
        output = Output(shown, done.returncode, done.stdout, done.stderr)
        self.outputs.append(output)
        return output


def _end(text: str, size: int = 4000) -> str:
    return text if len(text) <= size else f"[…]{text[-size:]}"
