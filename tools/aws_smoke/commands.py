"""The commands of `lifecycle` that the kit types, and what it reads from their JSON; on AWS and on a laptop."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools.aws_smoke.cloud import Ending, SmokeFailed

_POLL_SECONDS, _COMMAND_SECONDS = 10.0, 3600.0
_BUILD_SECONDS, _BOOT_SECONDS = 1800.0, 1200.0
Run = Callable[[Sequence[str]], tuple[int, str, str]]


def process(variables: Mapping[str, str]) -> Run:
    """Return a function that runs a program with these variables, and returns its exit code and both outputs."""

    def run(command: Sequence[str]) -> tuple[int, str, str]:
        done = subprocess.run(
            command,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        return done.returncode, done.stdout, done.stderr

    return run


@dataclass(frozen=True)
class Commands:
    """An operator of one service; `options` choose the target."""

    run: Run
    service: str
    options: tuple[str, ...] = ()
    sleep: Callable[[float], object] = time.sleep
    poll_seconds: float = _POLL_SECONDS

    def __call__(self, *arguments: str, codes: Sequence[int] = (0,)) -> dict[str, Any]:
        """Run `lifecycle ARGUMENTS --json` and return its facts; raises SmokeFailed for another exit code.

        A command that printed none was refused: `error` has its message.
        """
        command = [sys.executable, "-m", "apps.cli.main", *arguments, "--json", *self.options]
        code, out, err = self.run(command)
        if code not in codes:
            raise SmokeFailed(f"lifecycle {' '.join(arguments)} ended with {code}: {err.strip()[-2000:]}")
        return dict(json.loads(out)) if out.strip() else {"error": err.strip()}

    def snapshots(self) -> set[str]:
        """Return the snapshots; before the first one the command is refused."""
        found = self("snapshots", self.service, codes=(0, 1)).get("snapshots", ())
        return {str(each["version"]) for each in found}

    def snapshot_of(self, commit: str) -> str:
        """Wait for the snapshot of a commit, and return it."""
        for _ in range(int(_BUILD_SECONDS / self.poll_seconds)):
            for each in self.snapshots():
                if each.endswith(f"-{commit[:7]}"):
                    return each
            self.sleep(self.poll_seconds)
        raise SmokeFailed(f"expected a snapshot of {commit} within {_BUILD_SECONDS / 60:.0f} minutes, found none")

    def promoted(self, snapshot: str) -> str:
        return str(self("promote", self.service, snapshot)["release"])

    def deploy(self, release: str) -> Ending:
        """Deploy a release to production and watch it to its end, or until it halts."""
        return self._ending(self("deploy", self.service, release, "--yes", codes=(0, 1)))

    def roll_back(self) -> Ending:
        return self._ending(self("rollback", self.service, "--reason", "the kit", "--yes", codes=(0, 1)))

    def _ending(self, facts: Mapping[str, Any]) -> Ending:
        if not facts.get("endings"):
            found = facts.get("error") or facts
            raise SmokeFailed(f"expected a deployment that was watched to its end, found {found}")
        return Ending(str(facts["endings"][-1]["state"]), self.installed())

    def installed(self) -> tuple[str, ...]:
        """Return the version of each host in production."""
        clusters = self("hosts", self.service, codes=(0, 1)).get("clusters", ())
        return tuple(
            str(host["installed"])
            for each in clusters
            if each["cluster"] == f"production/{self.service}"
            for host in each["hosts"]
        )

    def wait_for_hosts(self, count: int) -> None:
        """Wait until so many hosts have reported."""
        for _ in range(int(_BOOT_SECONDS / self.poll_seconds)):
            if len(self.installed()) >= count:
                return
            self.sleep(self.poll_seconds)
        minutes = _BOOT_SECONDS / 60
        raise SmokeFailed(
            f"expected {count} hosts to report within {minutes:.0f} minutes, found {len(self.installed())}; "
            "the system log of an instance shows its user data"
        )

    def newest_requester(self) -> str:
        """Return who requested the newest deployment, as its record says."""
        return str(self("history", self.service)["deployments"][0]["requested_by"])
