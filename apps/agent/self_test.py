"""The checks of an install: the port is free, the service accepts connections, its self-test passes.

Called by installer.py, in this order.
"""

import contextlib
import errno
import http.client
import os
import signal
import socket
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

from apps.agent import processes
from apps.agent.errors import PortTaken, ServiceFailed
from apps.agent.http_get import get
from lifecycle.domain.service.manifest import Check

# A wait for a service asks again after this part of the time that it has taken so far, within these limits.
_PAUSE_PART, _SHORTEST_PAUSE, _LONGEST_PAUSE = 0.04, 0.002, 0.05
_COMMAND_PAUSE = 0.005
_DETAIL_BYTES = 400
_OUTPUT_BYTES = 16 * 1024**2


def check_port_is_free(address: str, port: int) -> None:
    """Raise PortTaken with the process that listens; the service's own error would not name it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:  # the service reports any other error itself
                raise PortTaken(address, port, processes.listener(address, port)) from error


def wait_until_ready(address: str, port: int, seconds: float, exit_reason: Callable[[], str | None]) -> None:
    """Wait until connections are accepted; raise ServiceFailed at once when `exit_reason` returns one."""
    began = time.monotonic()
    while True:
        if reason := exit_reason():
            raise ServiceFailed(
                f"the service ended while it started ({reason}); its command must stay in the foreground"
            )
        if _accepts(address, port):
            return
        waited = time.monotonic() - began
        if waited > seconds:
            raise ServiceFailed(
                f"the service did not accept connections on {address}:{port} within {seconds:g} s; "
                "bind it to HOST and PORT, or raise run.start_seconds"
            )
        time.sleep(min(max(waited * _PAUSE_PART, _SHORTEST_PAUSE), _LONGEST_PAUSE))


def _accepts(address: str, port: int) -> bool:
    try:
        connection = socket.create_connection((address, port), timeout=0.25)
    except OSError:
        return False
    with connection:
        # TCP may connect a socket to itself when nothing listens on the port; it would then hold the port.
        is_self_connected = connection.getsockname() == connection.getpeername()
        if is_self_connected:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        return not is_self_connected


def self_test(check: Check, address: str, port: int, folder: Path, environment: Mapping[str, str]) -> str:
    """Run one self-test and return its result as text; raise ServiceFailed when it did not pass."""
    if check.command is not None:
        return _command(check.command, check.timeout_seconds, folder, environment)
    return _get(address, port, check.path or "/", check.timeout_seconds)


def _get(address: str, port: int, path: str, seconds: float) -> str:
    try:
        status, body = get(address, port, path, seconds, _DETAIL_BYTES)
    except TimeoutError as error:
        raise ServiceFailed(f"self-test GET {path} took longer than {seconds:g} s") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise ServiceFailed(f"self-test GET {path} failed: {error!r}") from error
    if not 200 <= status < 300:
        text = body.decode(errors="replace").strip()
        raise ServiceFailed(f"self-test GET {path} answered {status}, expected 2xx: {text}")
    return f"GET {path} answered {status}"


def _command(command: str, seconds: float, folder: Path, environment: Mapping[str, str]) -> str:
    with tempfile.TemporaryFile() as output:
        test = subprocess.Popen(
            ["/bin/sh", "-c", command],
            cwd=folder,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code, reason = _wait(test, time.monotonic() + seconds, output)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(test.pid, signal.SIGKILL)  # also its background processes
            test.wait()
        output.seek(max(0, os.fstat(output.fileno()).st_size - _DETAIL_BYTES))
        text = output.read().decode(errors="replace").strip()
    if code != 0:
        failure = f"ended with exit code {code}, expected 0" if code is not None else reason
        raise ServiceFailed(f"self-test {command!r} {failure}: {text}")
    return f"{command!r} ended with exit code 0"


def _wait(test: subprocess.Popen[bytes], deadline: float, output: IO[bytes]) -> tuple[int | None, str]:
    """Return the exit code; or None and the reason why the command must be killed."""
    while (code := test.poll()) is None:
        if time.monotonic() > deadline:
            return None, "did not end in time"
        if os.fstat(output.fileno()).st_size > _OUTPUT_BYTES:
            return None, f"printed more than {_OUTPUT_BYTES} bytes"
        time.sleep(_COMMAND_PAUSE)
    return code, ""
