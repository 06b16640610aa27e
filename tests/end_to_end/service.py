"""A service that tests change, push, promote and deploy, with the commands of command_line.py."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from apps.local.git.repositories import BRANCH, REMOTE, commit_all
from apps.local.services import hosts
from apps.local.services.hosts import Host, LocalCluster
from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator, Output
from tests.support.polling import wait_for


@dataclass(frozen=True)
class Service:
    """One service of the local environment, with the actions of its owner and operator."""

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
        """Replace a pattern in a file of the working copy; assert that it was there."""
        path = self.copy / file
        text = re.sub(old, new, path.read_text(), count=1, flags=re.MULTILINE)
        assert new in text, f"{old!r} is not in {path}"
        path.write_text(text)

    def push(self, message: str) -> str:
        """Commit everything and `git push`; return the name of the run that this started."""
        commit = commit_all(self.copy, message)
        output = self.operator.run(["git", "-C", str(self.copy), "push", REMOTE, f"HEAD:{BRANCH}"])
        run = f"{self.name}-{commit}"
        assert output.code == 0, output
        assert f"lifecycle: 202 started; follow it with `lifecycle watch {run}`" in output.err, output
        return run

    def built(self, run: str) -> str:
        """Watch a run to its end; return its snapshot."""
        events = self.operator.read("watch", "--run", run).events
        return str(next(event["version"] for event in events if event["event"] == "snapshot"))

    def snapshots(self) -> list[str]:
        """Return the snapshots that `lifecycle snapshots` lists."""
        return [each["version"] for each in self.operator.read("snapshots", self.name).facts["snapshots"]]

    def staged(self, snapshot: str) -> str:
        """Deploy a snapshot to staging, which production wants first; return it."""
        assert self.deploy(snapshot, "--environment", "staging").end["state"] == "DONE"
        return snapshot

    def promoted(self, snapshot: str) -> str:
        return str(self.operator("promote", self.name, snapshot).facts["release"])

    def deploy(self, version: str, *options: str, code: int = 0) -> Output:
        return self.operator("deploy", self.name, version, "--yes", *options, code=code)

    def ensure_version(self, version: str) -> None:
        """Make production serve this version, whatever the test before left behind."""
        self.settle()
        if not self._serves(version):
            self.deploy(version, "--even-if-quarantined")

    def _serves(self, version: str) -> bool:
        plan = self.operator.read("plan", self.name, version, "--even-if-quarantined").facts
        return bool(plan["nothing_to_do"])

    def settle(self) -> None:
        """Abort a halted or paused deployment of production, or reject one that waits for an approval."""
        if question := self.status()["question"]:
            answer = {
                "decision": ["decide", self.name, "ABORT", "--yes"],
                "resume": ["resume", self.name, "--abort", "--yes"],
                "approval": ["reject", self.name, "--yes"],
            }[question["asks"]]
            self.operator(*answer, "-e", "production", "--why", "left behind by the test before")
        wait_for("the lease to be free", lambda: self.status()["lease"] is None)

    def status(self, environment: str = "production") -> dict[str, Any]:
        """Return the status of a cluster, as `lifecycle status` shows it."""
        clusters = self.operator.read("status", self.name).facts["clusters"]
        return next(each for each in clusters if each["environment"] == environment)

    def wait_until(self, state: str) -> dict[str, Any]:
        """Wait until the deployment has this state; return its question."""

        def poll() -> dict[str, Any] | None:
            now = self.status()
            there = now["deployment"] and now["deployment"]["state"] == state
            return now["question"] if there else None

        return wait_for(f"{self.name} to be {state}", poll)

    def host_views(self) -> dict[str, dict[str, Any]]:
        """Return production's hosts by name, as `lifecycle hosts` shows them."""
        clusters = self.operator.read("hosts", self.name).facts["clusters"]
        mine = next(each for each in clusters if each["cluster"] == f"production/{self.name}")
        return {host["host"]: host for host in mine["hosts"]}

    def installed(self) -> dict[str, str]:
        return {name: host["installed"] for name, host in self.host_views().items()}

    def trail(self, deployment: str) -> list[dict[str, Any]]:
        """Return the audit entries of a deployment, in order."""
        newest_first = self.operator.read("history", self.name, "--trail", "--limit", "1000").facts["trail"]
        return [entry for entry in reversed(newest_first) if entry["deployment"] == deployment]

    def steps(self, deployment: str) -> list[tuple[str, str]]:
        """Return the audit entries about hosts in order, as (host, first word)."""
        return [(e["host"], e["what"].split()[0]) for e in self.trail(deployment) if e["host"]]

    def newest_deployment(self) -> dict[str, Any]:
        """Return the newest deployment to production."""
        every = self.operator.read("history", self.name).facts["deployments"]
        return next(each for each in every if each["cluster"] == f"production/{self.name}")

    def pid(self, host: str) -> int:
        """Return the process id of a host's service."""
        return int(json.loads((self.laptop.layout.hosts / host / "service.json").read_text())["pid"])


def update_steps(*names: str) -> list[tuple[str, str]]:
    """Return the steps of hosts that serve and are updated in this order."""
    return [(host, step) for host in names for step in ("drain", "install", "register", "alive")]
