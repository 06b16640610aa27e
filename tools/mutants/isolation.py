"""Work in a process of its own, with limits: a mutant may loop for ever or fill the memory."""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import time
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

Answer = dict[str, Any]

MEMORY_BYTES = 6 * 2**30
# A process may wait for so many times its processor time, because others share the processor.
WAITING = 5
TIME_LIMIT = "time limit"
_PR_SET_PDEATHSIG = 1
_ERROR = "error of the work"


class Died(Exception):
    """The process was killed, by its limits or by a crash, before it answered."""


class WorkFailed(Exception):
    """The work itself raised an error, so that nothing is known."""


def run_isolated(work: Callable[[], Answer], cpu_seconds: float, log: str = os.devnull) -> Answer:
    """Run `work` in a fork of this process and return its answer; raise Died with the reason without one.

    A process that needs more than `cpu_seconds` of a processor is killed, and so is one that waits much longer.
    What it started ends with it. What it prints goes to the file `log`.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        _answer(work, writing, int(cpu_seconds) + 1, log)
    os.close(writing)
    text, in_time = _read_line(reading, time.monotonic() + WAITING * cpu_seconds)
    os.close(reading)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if text.endswith(b"\n"):
        answer: Answer = json.loads(text)
        if _ERROR in answer:
            raise WorkFailed(answer[_ERROR])
        return answer
    if not in_time or (os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU):
        raise Died(TIME_LIMIT)
    raise Died(f"the process ended with status {os.waitstatus_to_exitcode(status)}")


def _answer(work: Callable[[], Answer], writing: int, cpu_seconds: int, log: str) -> NoReturn:
    try:
        os.setsid()
        _end_with_the_parent()
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 5))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        try:
            answer = work()
        except Exception:  # noqa: BLE001 (the parent raises it)
            answer = {_ERROR: traceback.format_exc()}
        # A large answer fills the pipe, so that this waits for the reader.
        with open(writing, "wb") as pipe:
            pipe.write(json.dumps(answer).encode() + b"\n")
    finally:
        # A fork must never go on as its parent.
        os._exit(0)


def _end_with_the_parent() -> None:
    """Let Linux kill this process when its parent ends; elsewhere its limits end it."""
    with contextlib.suppress(AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _read_line(reading: int, until: float) -> tuple[bytes, bool]:
    """Return what came up to a line's end, the writer's end or `until`; False when time ran out."""
    found = bytearray()
    while not found.endswith(b"\n"):
        ready, _, _ = select.select([reading], [], [], max(0.0, until - time.monotonic()))
        if not ready:
            return bytes(found), False
        part = os.read(reading, 1 << 20)
        if not part:
            break
        found += part
    return bytes(found), True
