"""A host for tests: an agent in a thread, on the in-memory fakes, with real services on loopback."""

import hashlib
import io
import socket
import sys
import tarfile
import threading
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from apps.agent.agent import Agent
from apps.agent.digests import sha256
from apps.agent.ledger_clock import utc_now
from apps.agent.polling import Stopping
from apps.agent.processes import pids, process
from apps.agent.service import Service
from apps.agent.settings import Settings
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.service.manifest import Check, Manifest, ProcessCommand, ReleaseCommand, Run, Schedule
from lifecycle.domain.service.policy import Policy
from lifecycle.gateways.serialization import to_json
from tests.fakes.agent import MemoryReleases, MemoryReports, MemoryScheduledRuns, MemoryTurns, Outage
from tests.support.polling import PATIENCE_SECONDS

PYTHON = f"exec {sys.executable} -I -S"
ENDED = (AgentStage.READY, AgentStage.RELEASED, AgentStage.DONE, AgentStage.FAILED)

# A service that answers 200, or the status that is the path; /die ends it. Every body is its version.
SERVICE = """
import os, socket, sys
listener = socket.create_server((os.environ["HOST"], int(os.environ["PORT"])))
print("serving", open("version").read(), flush=True)
while True:
    connection, _ = listener.accept()
    with connection:
        request = b""
        while b"\\r\\n\\r\\n" not in request:
            chunk = connection.recv(4096)
            if not chunk:
                break
            request += chunk
        else:
            path = request.split()[1].decode()
            if path == "/die":
                print("dying", flush=True)
                os._exit(7)
            status = path[1:] if path[1:].isdigit() else "200"
            body = open("version").read().encode()
            connection.sendall(b"HTTP/1.1 %s X\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (
                status.encode(), len(body), body))
"""


def pack(files: Mapping[str, str]) -> bytes:
    """Return a tar.gz of plain files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(text.encode()), 0o755
            tar.addfile(member, io.BytesIO(text.encode()))
    return packed.getvalue()


def manifest_of(version: str, artifact: bytes, run: Run, self_test: Check) -> Manifest:
    return Manifest(
        service="hello",
        version=version,
        commit="a" * 40,
        repository="hello",
        branch="main",
        digest=hashlib.sha256(artifact).hexdigest(),
        size=len(artifact),
        built_at=datetime(2026, 11, 23, tzinfo=UTC),
        builder="test",
        run=run,
        is_alive=Check("/is_alive"),
        self_test=self_test,
    )


def group_alive(group: int) -> bool:
    """Return whether any process of a group still runs; zombies do not count."""
    found = (process(pid) for pid in pids())
    return any(each is not None and each.group == group and not each.dead for each in found)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Host:
    """One host with its agent, the control plane's side of it, and helpers to observe it."""

    def __init__(self, home: Path, name: str = "web-1") -> None:
        self.outage = Outage()
        self.turns = MemoryTurns(self.outage)
        self.reports = MemoryReports(self.outage)
        self.releases = MemoryReleases(self.outage)
        self.settings = Settings(
            host=name,
            cluster=Cluster("production", "hello"),
            address="127.0.0.1",
            port=free_port(),
            home=home,
            zone="a",
            idle_seconds=0.05,
            busy_seconds=0.01,
            heartbeat_seconds=0.3,
        )
        self.runs = MemoryScheduledRuns(self.outage)
        self.clock = utc_now
        self.epoch = 1
        self._attempt = 0
        self._stopping = Stopping()
        self._thread: threading.Thread | None = None

    def publish(
        self,
        version: str,
        run: str = f"{PYTHON} serve.py",
        self_test: Check | None = None,
        files: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        bake_minutes: int = 0,
        is_alive: Check | None = None,
        release: ReleaseCommand | None = None,
        processes: Mapping[str, ProcessCommand] | None = None,
        schedules: Mapping[str, Schedule] | None = None,
        needs: tuple[str, ...] = (),
        **seconds: float,
    ) -> Manifest:
        artifact = pack({"serve.py": SERVICE, "version": version, **(files or {})})
        start, stop = seconds.get("start_seconds", 3.0), seconds.get("stop_seconds", 1.0)
        command = Run(run, 8080, dict(environment or {}), start, stop, needs=needs)
        manifest = manifest_of(version, artifact, command, self_test or Check("/self_test", timeout_seconds=1.0))
        manifest = replace(manifest, policies={"production": Policy(bake_minutes=bake_minutes)})
        manifest = replace(manifest, is_alive=is_alive or manifest.is_alive, release=release)
        manifest = replace(manifest, processes=dict(processes or {}), schedules=dict(schedules or {}))
        self.releases.publish(manifest, artifact)
        return manifest

    def turn(self, order: Order, version: str, **changes: object) -> Turn:
        """Write the host's next turn."""
        now = datetime.now(UTC)
        if order is not Order.IDLE:
            self._attempt += 1
        published = self.releases.published["hello", version][0]
        facts = {
            "host": self.settings.host,
            "order": order,
            "deployment": "d",
            "epoch": self.epoch,
            "attempt": self._attempt,
            "version": version,
            "digest": published.digest,
            "manifest": sha256(to_json(published)),
            "issued_at": now,
            "expires_at": now + timedelta(minutes=1),
        }
        self.turns.turn = Turn(**{**facts, **changes})  # type: ignore[arg-type]
        return self.turns.turn

    def agent(self) -> Agent:
        return Agent(self.settings, self.turns, self.reports, self.releases, self._now, runs=self.runs)

    def _now(self) -> datetime:
        """Return the time; a test may replace the clock while the agent runs."""
        return self.clock()

    def start(self) -> None:
        """Start an agent in a thread of its own."""
        self._stopping = Stopping()
        self._thread = threading.Thread(target=self.agent().run, args=(self._stopping,))
        self._thread.start()

    def stop(self) -> None:
        """End the agent as SIGTERM does."""
        self._stopping.set()
        if self._thread:
            self._thread.join(PATIENCE_SECONDS)
            self._thread = None

    def outcome(self, turn: Turn) -> HostReport:
        """Wait for the turn's end and return its report."""
        return self.reports.wait_for(lambda report: report.answers(turn) and report.stage in ENDED)

    def install(self, version: str, **changes: object) -> HostReport:
        return self.outcome(self.turn(Order.INSTALL, version, **changes))

    def once(self) -> HostReport:
        """Run one poll of a new agent in this thread, and return its report."""
        agent = self.agent()
        agent._reporter.start()
        agent.step()
        agent._reporter.close()
        return self.reports.written[-1]

    def answer(self, path: str = "/") -> str:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{self.settings.port}{path}", timeout=PATIENCE_SECONDS
        ) as answer:
            return str(answer.read().decode())

    def pid(self) -> int:
        started = Service(self.settings.home).started
        return started.pid if started else 0

    def close(self) -> None:
        self.stop()
        Service(self.settings.home).stop()
