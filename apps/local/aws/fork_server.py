"""A process that has imported what functions share, and forks a Lambda worker from itself on request.

lambda_workers.py starts one for the layers, with the emulator's own Python and the number of an inherited socket.
A worker shares the pages of what was imported, and begins in milliseconds. It gets its own environment and pipes with
the request, so it has only the credentials of its own function's role: this process has none.

Nothing that is imported here may read a function's settings, start a thread, or open a connection.
"""

import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import threading
import traceback
from pathlib import Path
from typing import Any, NoReturn

LARGEST_REQUEST = 256 * 1024
MODULES = (
    *("boto3", "encodings.idna", "aws_lambda_powertools.logging", "pydantic"),
    *("lifecycle.entrypoints.bootstrap", "lifecycle.entrypoints.events", "lifecycle.gateways.serialization"),
    *("lifecycle.application.rollout.stages", "lifecycle.application.queries.context"),
)
# Every module of this package is a gateway to AWS.
GATEWAYS = "lifecycle.gateways.aws"
# The services that most functions call. A session of botocore would read each model again.
SERVICES = ("dynamodb", "ssm", "elbv2", "s3", "stepfunctions", "cloudwatch")


def prepare(layers: list[str]) -> None:
    """Import the shared modules from these layers, as far as the layers have them."""
    for layer in layers:
        sys.path[:0] = [layer, str(Path(layer) / "python")]
    # A logger that is made at import time must write to a worker's log, as in the emulator's own workers.
    sys.stdout = sys.stderr
    for name in MODULES:
        try_import(name)
    if gateways := try_import(GATEWAYS):
        for file in sorted(Path(gateways.__path__[0]).glob("*.py")):
            try_import(f"{GATEWAYS}.{file.stem}")
    if try_import("boto3"):
        share_models()
    if threading.active_count() > 1:
        message = f"expected imports to start no thread, found {threading.enumerate()}: a fork would lose them"
        raise RuntimeError(message)
    gc.collect()
    gc.freeze()  # else each worker's first collection copies every page


def try_import(name: str) -> Any:
    """Return a module, or None if these layers do not have it: a worker then reports what is missing."""
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def share_models() -> None:
    """Make all sessions of botocore use one loader, which has read the models that making a client needs.

    The clients made here have no credentials, call nothing, and are dropped.
    """
    session: Any = importlib.import_module("botocore.session")
    loader = session.create_loader(os.environ.get("AWS_DATA_PATH"))
    session.create_loader = lambda _search_path=None: loader
    nobody = {"aws_access_key_id": "unused", "aws_secret_access_key": "unused"}  # nobody's key  # nosec B105
    unused = importlib.import_module("boto3").Session(region_name="us-east-1", **nobody)
    for service in SERVICES:
        unused.client(service)


def serve(control: socket.socket) -> None:
    """Fork a worker for each request, and answer with a descriptor of its process; return when the emulator ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps workers
    while True:
        request, pipes, _, _ = socket.recv_fds(control, LARGEST_REQUEST, 3)
        if not request:
            return
        pid = os.fork()
        if pid == 0:
            control.close()
            become(json.loads(request), pipes)
        process = os.pidfd_open(pid)
        socket.send_fds(control, [str(pid).encode()], [process])
        for descriptor in (process, *pipes):
            os.close(descriptor)


def become(request: dict[str, Any], pipes: list[int]) -> NoReturn:
    """Run a worker's script in this process, then end."""
    code = 1
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for target, descriptor in enumerate(pipes):
            os.dup2(descriptor, target)
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        Path("/proc/self/comm").write_text(request["name"][:15])  # for who lists processes (tools/bench/processes.py)
        sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115 (a process's own streams)
        sys.argv = [request["script"]]
        runpy.run_path(request["script"], run_name="__main__")
        code = 0
    except BaseException:  # noqa: BLE001 (this process must not go on as a second server)
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    """Serve the emulator on the inherited socket, the first argument; the others are the layers."""
    control = socket.socket(fileno=int(sys.argv[1]))
    prepare(sys.argv[2:])
    serve(control)


if __name__ == "__main__":
    main()
