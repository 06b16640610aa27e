import hashlib
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.support.polling import PATIENCE_SECONDS, until
from tools.bench.peers import fleet, script, steps

CALLS = {action: (f"Action={action}", {"Authorization": f"signed {action}"}) for action in fleet.ACTIONS}
HOST = {"name": "peer-1", "address": "127.0.20.1", "port": 18081, "calls": CALLS}


class FakeBalancer:
    """An ELBv2 endpoint that answers DescribeTargetHealth with the next of its states."""

    def __init__(self) -> None:
        self.states: list[str] = []
        self.actions: list[str] = []

    def answer(self, action: str) -> bytes:
        self.actions.append(action)
        return f"<State>{self.states.pop(0)}</State>".encode() if action == "DescribeTargetHealth" else b""


@pytest.fixture
def balancer() -> Iterator[tuple[FakeBalancer, str]]:
    fake = FakeBalancer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            given = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            assert self.headers["Authorization"] == f"signed {given['Action'][0]}"
            body = fake.answer(given["Action"][0])
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield fake, f"127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    steps._connections.pop(f"127.0.0.1:{server.server_port}").close()


def plan(tmp_path: Path, at: str = "") -> dict[str, Any]:
    return {
        "balancer": at,
        "poll_seconds": 0.001,
        "marks": str(tmp_path / "marks"),
        "version": "2.0.0",
    }


def test_drain_and_register_wait_for_the_load_balancer(tmp_path: Path, balancer: tuple[FakeBalancer, str]) -> None:
    fake, at = balancer
    fake.states = ["draining", "draining", "unused", "initial", "healthy"]
    steps.drain(plan(tmp_path, at), HOST)
    assert fake.actions == ["DeregisterTargets", *["DescribeTargetHealth"] * 3]
    steps.register(plan(tmp_path, at), HOST)
    assert fake.actions[4:] == ["RegisterTargets", *["DescribeTargetHealth"] * 2]
    marks = [line.split()[:2] for line in (tmp_path / "marks").read_text().splitlines()]
    assert marks == [["peer-1", "began"], ["peer-1", "ended"]]


def test_the_script_unpacks_an_artifact_with_the_published_digest_only(tmp_path: Path) -> None:
    for folder in ("content", "home/artifacts", "home/releases"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "content" / "file").write_text("new")
    artifact = tmp_path / "artifact.tar.gz"
    with tarfile.open(artifact, "w:gz") as packed:
        packed.add(tmp_path / "content", ".")
    digest = hashlib.sha256(artifact.read_bytes()).hexdigest()
    known = {**plan(tmp_path), "artifact": str(artifact), "digest": digest}
    release = script.bring(known, tmp_path / "home")
    assert (release / "file").read_text() == "new"
    with pytest.raises(SystemExit, match="expected sha256 0000"):
        script.bring({**known, "digest": "0000"}, tmp_path / "home")


def test_a_switch_replaces_the_current_release(tmp_path: Path) -> None:
    for version in ("1.0.0", "2.0.0"):
        script.switch(tmp_path, tmp_path / "releases" / version)
    assert (tmp_path / "current").readlink() == tmp_path / "releases" / "2.0.0"


def test_a_hosts_service_starts_in_its_current_release_and_stops(tmp_path: Path) -> None:
    (tmp_path / "releases" / "2.0.0").mkdir(parents=True)
    (tmp_path / "current").symlink_to(tmp_path / "releases" / "2.0.0")
    (tmp_path / "environment").write_text("COMMAND='echo $LIFECYCLE_VERSION in $PWD >> seen; exec sleep 60'\n")
    shutil.copy(fleet.SERVICE, tmp_path)
    script.start(tmp_path)
    seen = tmp_path / "releases" / "2.0.0" / "seen"
    until(lambda: seen.exists() and seen.read_text())
    assert seen.read_text() == f"2.0.0 in {tmp_path}/current\n"
    subprocess.run([tmp_path / "service.sh", "stop"], check=True, timeout=PATIENCE_SECONDS)
    assert not script.runs(int((tmp_path / "service.pid").read_text()))
