"""A service on its way to production, as its owner and its operator see it: changed, pushed, promoted, deployed.

Everything is done with the command line of command_line.py.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.local.git.repositories import BRANCH, REMOTE, commit_all
from apps.local.services import hosts
from apps.local.services.hosts import Host, LocalCluster
from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator, Output, wait_for


@dataclass(frozen=True)
class Service:
    """One service on the laptop, as its owner and its operator see it."""

    operator: Operator
    laptop: Laptop
    name: str
    copy: Path

    @property
    def production(self) -> LocalCluster:
        return hosts.clusters(self.laptop.layout)[f"production/{self.name}"]

    @property
    def url(self) -> str:
        return f"{self.production.address}/"

    def host(self, name: str) -> Host:
        return next(host for host in self.production.hosts if host.name == name)

    def change(self, file: str, old: str, new: str) -> None:
        """Change a file of the working copy; what is to be replaced has to be there."""
        path = self.copy / file
        text = re.sub(old, new, path.read_text(), count=1, flags=re.MULTILINE)
        assert new in text, f"{old!r} is not in {path}"
        path.write_text(text)

    def push(self, message: str) -> str:
        """Commit everything and `git push`; the name of the run that it started."""
        commit = commit_all(self.copy, message)
        output = self.operator.run(["git", "-C", str(self.copy), "push", REMOTE, f"HEAD:{BRANCH}"])
        run = f"{self.name}-{commit}"
        assert output.code == 0, output
        assert f"lifecycle: 202 started; follow it with `lifecycle watch {run}`" in output.err, output
        return run

    def built(self, run: str) -> str:
        """Wait for a run; its snapshot."""
        events = self.operator.read("watch", "--run", run).events
        return str(next(event["version"] for event in events if event["event"] == "snapshot"))

    def snapshots(self) -> list[str]:
        """What was built, as `snapshots` says."""
        return [each["version"] for each in self.operator.read("snapshots", self.name).facts["snapshots"]]

    def promoted(self, snapshot: str) -> str:
        return str(self.operator("promote", self.name, snapshot).facts["release"])

    def deploy(self, version: str, *options: str, code: int = 0) -> Output:
        return self.operator("deploy", self.name, version, "--yes", *options, code=code)

    def ensure_version(self, version: str) -> None:
        """Have production serve this version, whatever a test before left behind."""
        self.settle()
        if not self._serves(version):
            self.deploy(version, "--even-if-quarantined")

    def _serves(self, version: str) -> bool:
        plan = self.operator.read("plan", self.name, version, "--even-if-quarantined").facts
        return bool(plan["nothing_to_do"])

    def settle(self) -> None:
        """Abort what is halted or paused in production, and reject what waits."""
        if question := self.status()["question"]:
            answer = {
                "decision": ["decide", self.name, "ABORT"],
                "resume": ["resume", self.name, "--abort", "--yes"],
                "approval": ["reject", self.name],
            }[question["asks"]]
            self.operator(*answer, "-e", "production", "--why", "the test before left it")
        wait_for("the lease to be free", lambda: self.status()["lease"] is None)

    def status(self, environment: str = "production") -> dict[str, Any]:
        """How a cluster stands, as `status` says."""
        clusters = self.operator.read("status", self.name).facts["clusters"]
        return next(each for each in clusters if each["environment"] == environment)

    def wait_until(self, state: str) -> dict[str, Any]:
        """Wait until the deployment is halted or wants an approval; the question."""

        def poll() -> dict[str, Any] | None:
            now = self.status()
            there = now["deployment"] and now["deployment"]["state"] == state
            return now["question"] if there else None

        return wait_for(f"{self.name} to be {state}", poll, seconds=40)

    def host_views(self) -> dict[str, dict[str, Any]]:
        """Production's hosts by name, as `hosts` says."""
        clusters = self.operator.read("hosts", self.name).facts["clusters"]
        mine = next(each for each in clusters if each["cluster"] == f"production/{self.name}")
        return {host["host"]: host for host in mine["hosts"]}

    def installed(self) -> dict[str, str]:
        return {name: host["installed"] for name, host in self.host_views().items()}

    def trail(self, deployment: str) -> list[dict[str, Any]]:
        """What happened in a deployment, in order."""
        every = self.operator.read("history", self.name, "--trail", "--limit", "1000").facts["trail"]
        return [entry for entry in every if entry["deployment"] == deployment]

    def steps(self, deployment: str) -> list[tuple[str, str]]:
        """What was done to which host, in order: (host, word)."""
        return [(e["host"], e["what"].split()[0]) for e in self.trail(deployment) if e["host"]]

    def newest_deployment(self) -> dict[str, Any]:
        """The newest deployment to production."""
        every = self.operator.read("history", self.name).facts["deployments"]
        return next(each for each in every if each["cluster"] == f"production/{self.name}")

    def pid(self, host: str) -> int:
        """The process of a host's service."""
        return int(json.loads((self.laptop.layout.hosts / host / "service.json").read_text())["pid"])


def update_steps(*names: str) -> list[tuple[str, str]]:
    """What is done to serving hosts that are updated in this order."""
    return [(host, step) for host in names for step in ("drain", "install", "register", "alive")]
