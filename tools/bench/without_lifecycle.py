"""The service without Lifecycle: the same steps in a plain loop.

`own_times` are the seconds that are no orchestration: start, wait for the port, self-test, stop.
`restart_registered` is the control: it restarts every host in rotation, so requests must fail.
"""

import http.client
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from apps.agent.installer import service_environment
from apps.agent.settings import Settings
from apps.local.errors import LaptopError
from apps.local.own_files import read_json
from apps.local.paths import Layout
from apps.local.ports import next_free
from apps.local.services.hosts import Host
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.service.manifest import Manifest
from lifecycle.gateways.serialization import Source, from_json
from tools.bench.figures import Figures, summary

_POLL_SECONDS = 0.001
_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Recipe:
    """The command, environment and self-test of one version of the service on one host."""

    command: str
    folder: Path
    environment: Mapping[str, str]
    address: str
    port: int
    self_test: str


def recipe(layout: Layout, host: Host, version: str, port: int = 0) -> Recipe:
    """Return what the host's agent would run for a version on its disk; on another port if one is given."""
    home = layout.hosts / host.name
    file = home / "artifacts" / version / "manifest.json"
    manifest = from_json(Manifest, file.read_text(), Source(str(file), "Deploy it again."))
    cluster = Cluster(host.environment, host.service)
    settings = Settings(host.name, cluster, host.address, port or host.port, home)
    return Recipe(
        manifest.run.command,
        home / "releases" / version,
        service_environment(manifest, settings, {}),
        settings.address,
        settings.port,
        manifest.self_test.path or manifest.is_alive.path or "/",
    )


def own_times(layout: Layout, host: Host, version: str, times: int) -> list[dict[str, float]]:
    """Start, self-test and stop the service several times beside the running one; return seconds by step."""
    beside = recipe(layout, host, version, next_free(host.address, host.port + 1000))
    found = []
    for _ in range(times):
        began = time.monotonic()
        with _running(beside) as process:
            started = time.monotonic()
            _test(beside)
            tested = time.monotonic()
            _end(process.pid)
            process.wait(_TIMEOUT_SECONDS)
            ended = time.monotonic()
        found.append({"start": started - began, "self_test": tested - started, "stop": ended - tested})
    return found


@contextmanager
def restart_registered(layout: Layout, hosts: tuple[Host, ...], version: str) -> Iterator[Figures]:
    """Stop, start and self-test each host's service without deregistering it; yield the seconds per host.

    The services run until the block ends; their agents do not know them.
    """
    ours: list[subprocess.Popen[bytes]] = []
    seconds = []
    try:
        for host in hosts:
            began = time.monotonic()
            pid = int(read_json(layout.hosts / host.name / "service.json", {})["pid"])
            _end(pid)
            _gone(pid)
            ours.append(_start(known := recipe(layout, host, version)))
            _answers(known, ours[-1])
            _test(known)
            seconds.append(time.monotonic() - began)
        yield summary(seconds)
    finally:
        for process in ours:
            _end(process.pid)
            process.wait(_TIMEOUT_SECONDS)


@contextmanager
def _running(known: Recipe) -> Iterator[subprocess.Popen[bytes]]:
    process = _start(known)
    try:
        _answers(known, process)
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _start(known: Recipe) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        ["/bin/sh", "-c", known.command],
        cwd=known.folder,
        env=dict(known.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _answers(known: Recipe, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _TIMEOUT_SECONDS
    while process.poll() is None and time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex((known.address, known.port)) == 0:
                return
        time.sleep(_POLL_SECONDS)
    raise LaptopError(
        f"{known.command!r} does not listen on {known.address}:{known.port} after {_TIMEOUT_SECONDS:.0f} s"
    )


def _test(known: Recipe) -> None:
    connection = http.client.HTTPConnection(known.address, known.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", known.self_test, headers={"Connection": "close"})
        if (status := connection.getresponse().status) >= 300:
            raise LaptopError(f"GET {known.self_test} answered {status}, expected 2xx")
    finally:
        connection.close()


def _end(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGTERM)
    except ProcessLookupError:
        return


def _gone(pid: int) -> None:
    until = time.monotonic() + _TIMEOUT_SECONDS
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > until:
            raise LaptopError(f"pid {pid} did not end within {_TIMEOUT_SECONDS:.0f} s")
        time.sleep(_POLL_SECONDS)
