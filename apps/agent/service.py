"""The service on this host: one process group, started and stopped here, and known again after the agent's restart.

The agent's own end leaves the service running. What runs is recorded (`service.json`) before its command
begins: the process waits for a word from the agent, and ends when the agent dies before saying it.
"""

import contextlib
import os
import signal
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from apps.agent import processes
from apps.agent.atomic_file import read_or_none, write_atomically
from apps.agent.errors import ServiceFailed
from lifecycle.domain.service.manifest import Manifest
from lifecycle.gateways.serialization import from_json, to_json

KILL_SECONDS = 5.0
LOG_BYTES = 8 * 1024**2
_LAUNCH = 'cd "$0" && read -r go && exec sh -c "$1" </dev/null'


@dataclass(frozen=True, slots=True)
class StartRecord:
    """One start of the service; `boot` is its random name, `ticks` and `kernel` tell its pid from a later one."""

    pid: int
    ticks: int
    kernel: str
    boot: str
    version: str
    digest: str
    stop_seconds: float


class Service:
    """The service's processes; not safe for several threads."""

    def __init__(self, home: Path) -> None:
        self._record = home / "service.json"
        self.log = home / "logs" / "service.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        text = read_or_none(self._record)
        self.started = from_json(StartRecord, text) if text else None
        self._exit: str | None = None

    def running(self) -> StartRecord | None:
        """The start that runs now; None when the service was stopped or died."""
        started = self.started
        return started if started and not self._has_exited(started) else None

    def start(self, manifest: Manifest, folder: Path, environment: Mapping[str, str]) -> StartRecord:
        """Run the manifest's command in `folder` as a new process group, with exactly this environment."""
        if self.log.exists():
            self.log.replace(self.log.with_suffix(".log.1"))
        go_out, go_in = os.pipe()
        try:
            pid = self._spawn(manifest.run.command, folder, environment, go_out)
            found = processes.process(pid)
            started = StartRecord(
                pid=pid,
                ticks=found.started if found else 0,
                kernel=processes.kernel_boot(),
                boot=uuid.uuid4().hex,
                version=manifest.version,
                digest=manifest.digest,
                stop_seconds=manifest.run.stop_seconds,
            )
            self._exit, self.started = None, started
            write_atomically(self._record, to_json(started))
            os.write(go_in, b"go\n")
        finally:
            os.close(go_out)
            os.close(go_in)
        return started

    def stop(self) -> None:
        """End the whole process group, politely first; nothing happens when it does not run."""
        started = self.started
        if started and self._owns_group(started):
            for sign, seconds in ((signal.SIGTERM, started.stop_seconds), (signal.SIGKILL, KILL_SECONDS)):
                if self._signal_and_wait(started, sign, seconds):
                    break
            else:
                raise ServiceFailed(
                    f"process group {started.pid} did not end within {KILL_SECONDS:g} s of SIGKILL; "
                    "see what it waits for with ps, then retry"
                )
        self.started = None
        self._record.unlink(missing_ok=True)

    def exit_status(self) -> str:
        """`exit code 3` or `SIGKILL`, where the service is this agent's own child."""
        return self._exit or "an exit code that is not known"

    def trim_log(self) -> None:
        """Keep the log bounded while the service writes: copied aside, then emptied in place."""
        with contextlib.suppress(FileNotFoundError):
            if self.log.stat().st_size > LOG_BYTES:
                with self.log.open("rb") as full:
                    full.seek(-LOG_BYTES // 2, os.SEEK_END)
                    self.log.with_suffix(".log.1").write_bytes(full.read(LOG_BYTES))
                os.truncate(self.log, 0)

    def _spawn(self, command: str, folder: Path, environment: Mapping[str, str], go: int) -> int:
        log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        try:
            return os.posix_spawn(
                "/bin/sh",
                ["sh", "-c", _LAUNCH, str(folder), command],
                environment,
                file_actions=[
                    (os.POSIX_SPAWN_DUP2, go, 0),
                    (os.POSIX_SPAWN_DUP2, log, 1),
                    (os.POSIX_SPAWN_DUP2, log, 2),
                ],
                setsid=True,
                setsigmask=[],
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP],
            )
        finally:
            os.close(log)

    def _signal_and_wait(self, started: StartRecord, sign: signal.Signals, seconds: float) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, sign)
            os.killpg(started.pid, signal.SIGCONT)  # a stopped process would not notice
        deadline, pause = time.monotonic() + seconds, 0.002
        while True:
            self._reap(started)
            if not processes.group_alive(started.pid):
                return True
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 1.5, 0.02)

    def _has_exited(self, started: StartRecord) -> bool:
        self._reap(started)
        found = processes.process(started.pid)
        same = found and found.started == started.ticks and started.kernel == processes.kernel_boot()
        gone = not same or found is None or found.dead
        if gone:
            self._reap(started)  # it may have died between the two looks: how it ended is worth knowing
        return gone

    def _owns_group(self, started: StartRecord) -> bool:
        """Whether the group is still the service's: its leader lives, or nobody has the leader's pid."""
        if started.kernel != processes.kernel_boot():
            return False
        self._reap(started)
        found = processes.process(started.pid)
        return found is None or found.started == started.ticks

    def _reap(self, started: StartRecord) -> None:
        """Take in every dead child of the group; after a restart they are init's to reap."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-started.pid, os.WNOHANG))[0]:
                if ended[0] == started.pid:
                    code = os.waitstatus_to_exitcode(ended[1])
                    self._exit = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
