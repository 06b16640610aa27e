"""An operator's desk: the real command line as a process, what it said, and waiting for what has to come.

Used by every test here; what was typed, and what came back, is in the report of a test that fails.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from typer.testing import CliRunner

from apps.cli.connection import on_laptop
from apps.cli.main import app
from apps.cli.ports import Connection
from tests.conftest import Laptop

LIFECYCLE = Path(sys.executable).parent / "lifecycle"
POLL_SECONDS = 0.2
Found = TypeVar("Found")


@dataclass(frozen=True)
class Output:
    """What a command printed, and its exit code."""

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
        """How watching ended: the last ending of deploy, rollback and the answers."""
        endings = self.facts.get("endings")
        assert endings, f"expected something to have been watched to its end:\n{self}"
        return dict(endings[-1])

    def __str__(self) -> str:
        return f"$ {self.command}\nexit code {self.code}\n{_end(self.out)}{_end(self.err)}"


@dataclass
class Operator:
    """Somebody who types commands; `outputs` is all that came back, the newest last.

    What does something is typed for real, as a process. What only looks (status, hosts, history) is the same
    command in this process, over one connection: tests look often, and a process takes a second of a core.
    """

    laptop: Laptop
    name: str = "ada"
    outputs: list[Output] = field(default_factory=list)

    @cached_property
    def _here(self) -> Connection:
        return on_laptop(self.laptop.layout.environment, self.name)

    def __call__(self, *arguments: str, code: int = 0) -> Output:
        """Type `lifecycle ARGUMENTS --json`; it has to end with this exit code."""
        output = self.run([str(LIFECYCLE), *arguments, "--json"])
        assert output.code == code, f"expected exit code {code}:\n{output}"
        assert "Traceback" not in output.err, output
        return output

    def read(self, *arguments: str) -> Output:
        """What a command shows that changes nothing; it has to end well."""
        done = CliRunner().invoke(app, [*arguments, "--json"], obj=lambda _: self._here)
        output = Output(f"lifecycle {' '.join(arguments)}", done.exit_code, done.stdout, done.stderr)
        self.outputs.append(output)
        assert output.code == 0, output
        return output

    def run(self, command: Sequence[str]) -> Output:
        """Run a command as a person's shell would: this laptop in the environment, and who they are."""
        inherited = {
            name: text for name, text in os.environ.items() if not name.startswith(("LIFECYCLE_", "GIT_"))
        }
        variables = {**inherited, **self.laptop.variables, "LIFECYCLE_AS": self.name}
        done = subprocess.run(
            command,
            env=variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        shown = " ".join(command).replace(str(LIFECYCLE), "lifecycle")
        output = Output(shown, done.returncode, done.stdout, done.stderr)
        self.outputs.append(output)
        return output


def wait_for(what: str, poll: Callable[[], Found | None], seconds: float = 30) -> Found:
    """Look until there is something; an AssertionError says what never came."""
    deadline = time.monotonic() + seconds
    while not (found := poll()):
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}; the last look found {found!r}"
        time.sleep(POLL_SECONDS)
    return found


def _end(text: str, size: int = 4000) -> str:
    return text if len(text) <= size else f"[…]{text[-size:]}"
