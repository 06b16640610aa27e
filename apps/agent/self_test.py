"""The checks of an install: the port is free, the service is alive, its self-test passes.

Called by installer.py, in this order.
"""

import contextlib
import errno
import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, cast

from apps.agent import processes, run_to_end
from apps.agent.errors import PortTaken, ServiceFailed
from apps.agent.http_get import get, refuse_itself
from apps.agent.service_account import ServiceAccount
from lifecycle.domain.service.manifest import Check

# A wait for a service asks again after this part of the time that it has taken so far, within these limits.
_PAUSE_PART, _SHORTEST_PAUSE, _LONGEST_PAUSE = 0.04, 0.002, 0.25
_SHORTEST_REQUEST = 0.05
_COMMAND_PAUSE = 0.005
_RUNS_SECONDS, _RUNS_PAUSE = 1.0, 0.02
_PORT_SECONDS, _PORT_PAUSE = 2.0, 0.02
_FOREGROUND = "its command must stay in the foreground; its standard input is empty"
_DETAIL_BYTES = 400
_ANSWERED = "it answered "
_HTTP_2 = "the answer is HTTP/2, as of a gRPC service"
# The header of an HTTP/2 server's first frame: below 64 KiB, SETTINGS (type 4), without flags, of stream 0.
_SETTINGS_FRAME = re.compile(r"\x00..\x04\x00\x00{4}", re.DOTALL)
_OUTPUT_BYTES = 16 * 1024**2


def check_port_is_free(address: str, port: int) -> None:
    """Raise PortTaken with the process that listens; the service's own error would not name it.

    The threads of a process that was just ended may hold its port a moment longer than it lives. Then nobody is seen
    to listen, and the port is waited for.
    """
    until = time.monotonic() + _PORT_SECONDS
    while True:
        try:
            _bind(address, port)
        except PortTaken as taken:
            if taken.pid or time.monotonic() >= until:
                raise
            time.sleep(_PORT_PAUSE)
        else:
            return


def _bind(address: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:  # the service reports any other error itself
                found = processes.listener(address, port)
                raise PortTaken(address, port, processes.described(found), found.pid if found else 0) from error


def wait_until_ready(
    check: Check,
    address: str,
    port: int,
    seconds: float,
    exit_reason: Callable[[], str | None],
    mask: Callable[[str], str] = str,
) -> None:
    """Wait until the service answers `check` (is_alive) with 2xx; without a path, until it accepts connections.

    Any other answer, and none, may be a service that warms up. Raises ServiceFailed after `seconds` with the last
    answer, or at once when `exit_reason` returns one. `mask` takes values out of an answer, which may be cut.
    """
    began, last = time.monotonic(), ""
    while True:
        if reason := exit_reason():
            raise ServiceFailed(f"the service ended while it started ({reason}){_foreground(reason)}")
        limit = min(check.timeout_seconds, max(seconds - (time.monotonic() - began), _SHORTEST_REQUEST))
        try:
            if (problem := _problem(check, address, port, limit, mask)) is None:
                return
        except TimeoutError:
            problem = f"no answer in {limit:.3g} s"
            if limit < check.timeout_seconds and last:  # the end cut it short; what was answered before says more
                problem = f"{last}, then {problem}"
        waited = time.monotonic() - began
        if waited >= seconds:
            what = "answer 2xx" if check.path is not None else "accept connections"
            raise ServiceFailed(
                f"http://{address}:{port}{check.path or ''} did not {what} within {seconds:g} s{_advice(problem)}; "
                f"last: {problem}"
            )
        last = f"{problem}, after {waited:.1f} s"
        pause = min(max(waited * _PAUSE_PART, _SHORTEST_PAUSE), _LONGEST_PAUSE)
        time.sleep(min(pause, max(seconds - waited, 0)))


def wait_until_started(exit_reason: Callable[[], str | None]) -> None:
    """Wait a second, and raise ServiceFailed if the service ends within it; one without HTTP answers nothing."""
    until = time.monotonic() + _RUNS_SECONDS
    while time.monotonic() < until:
        if reason := exit_reason():
            raise ServiceFailed(f"the service ended right after its start ({reason}){_foreground(reason)}")
        time.sleep(_RUNS_PAUSE)


def _foreground(reason: str) -> str:
    """Return the hint for a command that left by itself; one that failed has said why in its log."""
    return f"; {_FOREGROUND}" if reason.endswith("exit code 0") else ""


def _advice(problem: str) -> str:
    """Return what to change for the last answer; it comes before that answer, which may have many lines."""
    if problem == _HTTP_2:
        return "; only HTTP/1.1 is balanced: see docs/lifecycle-toml.md#grpc-and-http2"
    if problem.startswith(_ANSWERED):
        return "; let checks.is_alive be a path that answers 2xx, or raise run.start_seconds"
    return "; bind the service to HOST and PORT, or raise run.start_seconds"


def answers(check: Check, address: str, port: int) -> bool:
    """Return whether a check with a path answers 2xx now; one without a path is not asked."""
    try:
        return check.path is None or _problem(check, address, port, check.timeout_seconds, str) is None
    except TimeoutError:
        return False


def _problem(check: Check, address: str, port: int, limit: float, mask: Callable[[str], str]) -> str | None:
    """Ask once; return what was wrong with the answer, or None. Raises TimeoutError after `limit` seconds."""
    try:
        if check.path is None:
            _connect(address, port, limit)
            return None
        status, body = get(address, port, check.path, limit, _DETAIL_BYTES)
    except TimeoutError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:
        return mask(_in_words(error))
    text = f"{_ANSWERED}{status} {mask(body.decode(errors='replace').strip())}".strip()
    return None if 200 <= status < 300 else text


def _connect(address: str, port: int, seconds: float) -> None:
    with socket.create_connection((address, port), timeout=seconds) as connection:
        refuse_itself(connection)


def _in_words(error: Exception) -> str:
    match error:
        case ConnectionRefusedError():
            return "connection refused"
        case ConnectionResetError() | BrokenPipeError():  # http.client.RemoteDisconnected is the first, too
            return "the connection was closed without an answer"
        case http.client.BadStatusLine() if _SETTINGS_FRAME.match(str(error.args[0])):
            return _HTTP_2
        case _:
            return repr(error)[:_DETAIL_BYTES]


def self_test(
    check: Check,
    address: str,
    port: int,
    folder: Path,
    environment: Mapping[str, str],
    mask: Callable[[str], str] = str,
    account: ServiceAccount | None = None,
) -> str:
    """Run one self-test and return its result as text; raise ServiceFailed when it did not pass.

    `mask` takes values out of its output or answer, of which only a part may be here.
    """
    if check.command is not None:
        return _command(check.command, check.timeout_seconds, folder, environment, mask, account)
    return _get(address, port, check.path or "/", check.timeout_seconds, mask)


def _get(address: str, port: int, path: str, seconds: float, mask: Callable[[str], str]) -> str:
    try:
        status, body = get(address, port, path, seconds, _DETAIL_BYTES, whole=True)
    except TimeoutError as error:
        raise ServiceFailed(f"self-test GET {path} took longer than {seconds:g} s") from error
    except http.client.IncompleteRead as error:
        raise ServiceFailed(f"self-test GET {path} failed: the answer was cut short{_missing(error)}") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ServiceFailed(f"self-test GET {path} failed: {error!r}") from error
    if not 200 <= status < 300:
        text = mask(body.decode(errors="replace").strip())
        raise ServiceFailed(f"self-test GET {path} answered {status}, expected 2xx: {text}")
    return f"GET {path} answered {status}"


def _missing(error: http.client.IncompleteRead) -> str:
    return f": {error.expected} bytes of its Content-Length are missing" if error.expected else ""


def _command(
    command: str,
    seconds: float,
    folder: Path,
    environment: Mapping[str, str],
    mask: Callable[[str], str],
    account: ServiceAccount | None,
) -> str:
    ids = ",".join(map(str, (account.uid, account.gid, *account.groups))) if account else ""
    # The runner ends the command in time, and all that it leaves, whatever its session or its environment.
    runner = (sys.executable, "-I", "-S", run_to_end.__file__, f"{seconds:g}", "0", ids, str(folder), "", command)
    # The output is in memory, so that a full disk does not fail the test.
    with open(os.memfd_create("self-test"), "w+b") as output:  # noqa: PTH123 - a descriptor, not a path
        test = subprocess.Popen(
            runner, env={}, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
        with contextlib.suppress(BrokenPipeError), cast("IO[bytes]", test.stdin) as pipe:
            pipe.write(run_to_end.packed(environment))
        code, reason = _wait(test, time.monotonic() + seconds, output)
        output.seek(max(0, os.fstat(output.fileno()).st_size - _DETAIL_BYTES))
        text = mask(output.read().decode(errors="replace").strip())
    if code != 0:
        failure = f"ended with exit code {code}, expected 0" if code is not None else reason
        raise ServiceFailed(f"self-test {command!r} {failure}: {text}")
    return f"{command!r} ended with exit code 0"


def _wait(test: subprocess.Popen[bytes], deadline: float, output: IO[bytes]) -> tuple[int | None, str]:
    """Return the exit code; or None and the reason why the command was killed. Nothing of it is left then."""
    reason = ""
    while (code := test.poll()) is None:
        if time.monotonic() > deadline:
            reason = reason or "did not end in time"
        elif os.fstat(output.fileno()).st_size > _OUTPUT_BYTES:
            reason = f"printed more than {_OUTPUT_BYTES} bytes"
        if reason:
            _kill_children(test.pid)
        time.sleep(_COMMAND_PAUSE)
    return (None, reason) if reason else (code, "")


def _kill_children(pid: int) -> None:
    """Kill the children of a process: of a runner, which kills what they leave."""
    for each in map(processes.process, processes.pids()):
        if each is not None and each.parent == pid:
            processes.send(each, signal.SIGKILL)
