"""Lambda workers that are forked from one process per set of layers, instead of a Python that imports everything.

embedded.py loads this module in the emulator's own Python. It replaces how the emulator starts a Python worker, how
it collects a worker's log, and when it ends an idle one. The rest is the emulator's: pools, credentials, timeouts.
tests/integration/environment/test_workers.py guards it. Without pidfd (Linux), the emulator's own way stays.
"""
# ruff: noqa: SLF001  (the emulator has no public API for this)

import contextlib
import hashlib
import io
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

# The variable by which the emulator's worker script finds the unpacked layers.
LAYERS = "_LAMBDA_LAYERS_DIRS"
NAME = "AWS_LAMBDA_FUNCTION_NAME"
FORK_SERVER = Path(__file__).with_name("fork_server.py")
_CHUNK = 65_536

Pipes: TypeAlias = tuple[int, int, int]
log = logging.getLogger(__name__)


class Forked:
    """A worker's process as the emulator uses it: the part of subprocess.Popen that lambda_runtime calls."""

    def __init__(self, pid: int, process: int, pipes: Pipes) -> None:
        self.pid, self._process = pid, process
        self.returncode: int | None = None
        self.stdin = os.fdopen(pipes[0], "w", 1)
        self.stdout, self.stderr = os.fdopen(pipes[1]), os.fdopen(pipes[2])

    def poll(self) -> int | None:
        """Return 0 once the process ended, whatever its exit code: the emulator asks only whether it ended."""
        if self.returncode is None and _readable(self._process, 0):
            self.returncode = 0
            os.close(self._process)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until the process ended; raise TimeoutExpired if it does not in time."""
        if self.returncode is None and not _readable(self._process, timeout):
            raise subprocess.TimeoutExpired(FORK_SERVER.name, timeout or 0.0)
        return self.poll() or 0

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._process, number)


class ForkServer:
    """The process that forks workers with these layers; it is started at the first request."""

    def __init__(self, layers: str) -> None:
        self.layers = layers
        self._control: socket.socket | None = None
        self._lock = threading.Lock()

    def fork(self, script: str, folder: str, environment: Mapping[str, str], pipes: Pipes) -> tuple[int, int]:
        """Return the pid of a new worker and a descriptor of its process; raise OSError if it was not forked."""
        name = environment.get(NAME, "")
        short = name.partition("-")[2] or name
        request = {"script": script, "folder": folder, "environment": dict(environment), "name": short}
        with self._lock:
            if self._control is None:
                self._control = self._start()
            try:
                socket.send_fds(self._control, [json.dumps(request).encode()], pipes)
                pid, processes, _, _ = socket.recv_fds(self._control, 64, 1)
                if not processes:
                    raise ConnectionError(f"{FORK_SERVER.name} ended")
            except OSError:
                self._close()
                raise
            return int(pid), processes[0]

    def end(self) -> None:
        """End the process; its workers go on."""
        with self._lock:
            self._close()

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            inherited = theirs.fileno()
            command = [sys.executable, "-P", str(FORK_SERVER), str(inherited), *self.layers.split(os.pathsep)]
            subprocess.Popen(command, stdin=subprocess.DEVNULL, pass_fds=[inherited])
        return ours

    def _close(self) -> None:
        if self._control:
            self._control.close()
        self._control = None


class ForkingSubprocess:
    """Stands for the module `subprocess` in lambda_runtime: its Popen forks the Python workers that have layers."""

    def __init__(self) -> None:
        self._server = ForkServer("")
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(self, command: list[str], **options: Any) -> Any:  # noqa: N802 (subprocess's name)
        """Fork a worker; start it as the emulator does if that fails, or if it has no layers."""
        layers = options["env"].get(LAYERS, "")
        if command[0] != sys.executable or not layers:
            return subprocess.Popen(command, **options)
        (stdin, ours_in), (ours_out, stdout), (ours_err, stderr) = os.pipe(), os.pipe(), os.pipe()
        theirs, ours = (stdin, stdout, stderr), (ours_in, ours_out, ours_err)
        try:
            pid, process = self._server_of(layers).fork(command[1], options["cwd"], options["env"], theirs)
        except OSError as error:
            log.warning("a worker was not forked, so it begins slowly: %r", error)
            for descriptor in ours:
                os.close(descriptor)
            return subprocess.Popen(command, **options)
        finally:
            for descriptor in theirs:
                os.close(descriptor)
        return Forked(pid, process, ours)

    def _server_of(self, layers: str) -> ForkServer:
        """Return the server of these layers: one is enough, because a deployment replaces those of all functions."""
        with self._lock:
            if self._server.layers != layers:
                self._server.end()
                self._server = ForkServer(layers)
            return self._server


class Layers:
    """The unpacked layers: one folder for each layer version, which never changes, instead of one for each worker."""

    def __init__(self, folder: Path, resolve: Callable[[Any], bytes | None]) -> None:
        self._folder, self._resolve = folder, resolve
        self._lock = threading.Lock()

    def unpacked(self, layers: list[Any]) -> str:
        """Return the folders of the layers, as the worker script wants them."""
        with self._lock:
            return os.pathsep.join(str(self._unpack(each)) for each in layers)

    def _unpack(self, layer: Any) -> Path:
        arn = layer if isinstance(layer, str) else layer["Arn"]
        folder = self._folder / hashlib.sha256(arn.encode()).hexdigest()[:16]
        if not folder.exists():
            if (content := self._resolve(layer)) is None:
                message = f"expected the layer {arn}, found none"
                raise RuntimeError(message)
            unfinished = folder.with_suffix(".unfinished")
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                archive.extractall(unfinished)
            unfinished.rename(folder)
        return folder


def install(runtime: Any, functions: Any, folder: Path, replace: Callable[[Any, str, Any], None]) -> None:
    """Replace parts of the emulator's modules lambda_runtime and lambda_svc; `folder` is for unpacked layers."""
    if not hasattr(os, "pidfd_open"):
        return
    replace(runtime, "subprocess", ForkingSubprocess())
    replace(runtime, "Worker", worker_class(runtime.Worker, Layers(folder, functions._resolve_layer_zip)))
    replace(functions, "reap_idle_workers", reaper(runtime))


def worker_class(base: Any, layers: Layers) -> Any:
    """Return the class of workers whose layers are unpacked already, and whose log is complete with the answer."""

    class Worker(base):  # type: ignore[misc]
        """A worker of one function."""

        config: Mapping[str, Any]

        def _spawn(self) -> None:
            self._reading, self._written = threading.Lock(), bytearray()
            config = self.config
            if str(config.get("Runtime", "")).startswith("python") and config.get("Layers"):
                variables = {**config.get("Environment", {}).get("Variables", {})}
                variables[LAYERS] = layers.unpacked(config["Layers"])
                self.config = {**config, "Layers": [], "Environment": {"Variables": variables}}
            try:
                super()._spawn()
            finally:
                self.config = config
            self._log_pipe = self._proc.stderr

        def _read_stderr(self) -> None:
            """Empty the pipe while the function runs, so that a long log does not block it."""
            pipe = self._proc.stderr
            os.set_blocking(pipe.fileno(), False)
            while _readable(pipe.fileno(), None) and self._read(pipe):
                pass

        def _read(self, pipe: Any) -> bool:
            """Read what the pipe holds; return False at its end."""
            with self._reading, contextlib.suppress(BlockingIOError):
                while chunk := os.read(pipe.fileno(), _CHUNK):
                    self._written += chunk
                return False
            return True

        def _drain_stderr(self) -> str:
            """Return the log so far. A worker writes all of it before its answer, so there is nothing to wait for."""
            os.set_blocking(self._log_pipe.fileno(), False)
            self._read(self._log_pipe)
            with self._reading:
                text = self._written.decode("utf-8", "replace").rstrip("\n")
                self._written.clear()
            return text

        def _drain_stderr_bounded(self, **_: float) -> str:
            return self._drain_stderr()

    return Worker


def reaper(runtime: Any) -> Callable[..., int]:
    """Return the function that ends idle workers."""

    def reap_idle_workers(ttl: float | None = None) -> int:
        """End every idle worker, for a new one is forked in milliseconds. The emulator keeps one of each function."""
        before = time.time() - (runtime._LOCAL_WORKER_TTL if ttl is None else ttl)
        with runtime._lock:
            idle = [
                each
                for pool in runtime._workers.values()
                for each in pool
                if not each.in_use and each.last_used < before
            ]
            for pool in runtime._workers.values():
                pool[:] = [each for each in pool if each not in idle]
        runtime.kill_workers(idle)
        return len(idle)

    return reap_idle_workers


def _readable(descriptor: int, timeout: float | None) -> bool:
    """Return True when there is something to read, or the end; False after the timeout in seconds."""
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(None if timeout is None else timeout * 1000))
