"""The idle Lambda workers of the embedded AWS, and their end."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from apps.local.aws.lambda_workers import reaper


@dataclass
class Worker:
    """A worker as the emulator keeps it."""

    last_used: float
    in_use: bool = False


@dataclass
class Runtime:
    """The emulator's module lambda_runtime, as far as it matters here."""

    _workers: dict[str, list[Worker]]
    _LOCAL_WORKER_TTL: float = 60.0
    _lock: Any = field(default_factory=threading.Lock)
    killed: list[Worker] = field(default_factory=list)

    def kill_workers(self, workers: list[Worker]) -> None:
        self.killed += workers


def test_idle_worker_is_ended_even_if_it_is_its_functions_only_one() -> None:
    now = time.time()
    idle, warm, busy = Worker(now - 61), Worker(now - 59), Worker(now - 600, in_use=True)
    runtime = Runtime({"one": [idle], "two": [warm, busy]})
    assert reaper(runtime)() == 1
    assert (runtime.killed, runtime._workers) == ([idle], {"one": [], "two": [warm, busy]})
