"""The service on this host: one process group, which this module starts, stops, and recognises after a restart.

Used by installer.py and agent.py. The service goes on when the agent ends. The new process waits until the agent has
recorded it in `service.json`; then the command begins. When the agent dies before that, the process ends.
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
from lifecycle.gateways.serialization import Source, from_json, to_json

_MEND = "Stop the service of this host by hand, delete the file, and start the agent again."

KILL_SECONDS = 5.0
LOG_BYTES = 8 * 1024**2
_LAUNCH = 'cd "$0" && read -r go && exec sh -c "$1" </dev/null'


@dataclass(frozen=True, slots=True)
class StartRecord:
    """One start of the service, as stored in `service.json`.

    `boot` is its random id. `ticks` (start time) and `kernel` (boot id) distinguish its pid from a later reuse.
    """

    pid: int
    ticks: int
    kernel: str
    boot: str
    version: str
    digest: str
    stop_seconds: float


def _start_record(text: str, source: Source) -> StartRecord:
    """Return the record of a start; raises UnreadableRecord."""
    found = from_json(StartRecord, text, source)
    # A signal to group 0 reaches the agent's own processes, and one to a negative group a process of somebody else.
    if found.pid <= 1:
        raise source.unreadable("the pid of a service, 2 or more", str(found.pid))
    return found


class Service:
    """The service's processes. Use it from one thread only."""

    def __init__(self, home: Path) -> None:
        self._record = home / "service.json"
        self.log = home / "logs" / "service.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        text = read_or_none(self._record)
        self.started = _start_record(text, Source(str(self._record), _MEND)) if text is not None else None
        self._exit: str | None = None

    def running(self) -> StartRecord | None:
        """Return the start that runs now; None when the service was stopped or died."""
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
        """End the whole process group, with SIGTERM and then SIGKILL; do nothing when it does not run."""
        started = self.started
        if started and self._owns_group(started):
            for number, seconds in ((signal.SIGTERM, started.stop_seconds), (signal.SIGKILL, KILL_SECONDS)):
                if self._signal_and_wait(started, number, seconds):
                    break
            else:
                raise ServiceFailed(
                    f"process group {started.pid} did not end within {KILL_SECONDS:g} s of SIGKILL; "
                    "find what it waits for with ps, then retry"
                )
        self.started = None
        self._record.unlink(missing_ok=True)

    def exit_status(self, unknown: str = "unknown exit code") -> str:
        """Return for example `exit code 3` or `SIGKILL`; known only for a service that this process started."""
        return self._exit or unknown

    def trim_log(self) -> None:
        """Bound the log while the service writes to it: copy its end to `.log.1`, then truncate it in place."""
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

    def _signal_and_wait(self, started: StartRecord, number: signal.Signals, seconds: float) -> bool:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(started.pid, number)
            os.killpg(started.pid, signal.SIGCONT)  # a stopped process handles the signal only when it continues
        deadline, pause = time.monotonic() + seconds, 0.002
        while True:
            self._reap(started)
            if not processes.group_alive(started.pid):
                return True
            if time.monotonic() > deadline:
                return False
            processes.await_end(started.pid, pause)
            pause = min(pause * 1.5, 0.02)

    def _has_exited(self, started: StartRecord) -> bool:
        self._reap(started)
        found = processes.process(started.pid)
        same = found and found.started == started.ticks and started.kernel == processes.kernel_boot()
        gone = not same or found is None or found.dead
        if gone:
            self._reap(started)  # it may have died after the first reap; this one records its exit status
        return gone

    def _owns_group(self, started: StartRecord) -> bool:
        """Return whether the group is still the service's: the leader lives, or no process has the leader's pid."""
        if started.kernel != processes.kernel_boot():
            return False
        self._reap(started)
        found = processes.process(started.pid)
        return found is None or found.started == started.ticks

    def _reap(self, started: StartRecord) -> None:
        """Reap every dead child of the group. After a restart of the agent, init reaps them."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-started.pid, os.WNOHANG))[0]:
                if ended[0] == started.pid:
                    code = os.waitstatus_to_exitcode(ended[1])
                    self._exit = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
