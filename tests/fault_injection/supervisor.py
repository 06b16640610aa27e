"""The suite's systemd: it restarts an agent 2 s after its death, as infra/install_agent.sh configures."""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import psutil

from apps.local.paths import Layout
from apps.local.processes import Part, end, recorded, start
from apps.local.services import hosts

RESTART_SECONDS = 2.0
_POLL_SECONDS = 0.1


@dataclass(slots=True)
class Supervisor:
    """A thread that watches and restarts the agents of one environment."""

    layout: Layout
    _agents: dict[str, tuple[tuple[str, ...], dict[str, str]]] = field(default_factory=dict)
    _ending: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _thread: threading.Thread | None = None
    restarts: int = 0

    def replace_agents(self, faults: str) -> None:
        """Replace every agent by one that faults.py can kill, and restart it whenever it dies."""
        with self._lock:
            for name, part in recorded(self.layout).items():
                if name.startswith(hosts.AGENT) and part.alive:
                    self._replace(part)
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._ending.set()
        if self._thread:
            self._thread.join()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Start no agent in this block, while the caller starts and ends parts of the environment."""
        with self._lock:
            yield

    def _replace(self, part: Part) -> None:
        variables = psutil.Process(part.pid).environ()
        command = tuple("tests.fault_injection.agent" if word == "apps.agent" else word for word in part.command)
        variables["TMPDIR"] = str(self.layout.temporary)
        self._agents[part.name] = (command, variables)
        end(self.layout, [part])
        start(self.layout, part.name, command, variables)

    def _watch(self) -> None:
        died: dict[str, float] = {}
        while not self._ending.wait(_POLL_SECONDS):
            with self._lock:
                parts = recorded(self.layout)
                for name, (command, variables) in self._agents.items():
                    part = parts.get(name)
                    if part is None or part.alive:
                        died.pop(name, None)
                    elif time.monotonic() - died.setdefault(name, time.monotonic()) > RESTART_SECONDS:
                        self._restart(part, command, variables)

    def _restart(self, part: Part, command: tuple[str, ...], variables: Mapping[str, str]) -> None:
        end(self.layout, [part])
        start(self.layout, part.name, command, variables)
        self.restarts += 1
