"""An environment's files are believed only if this user alone can have written them, and runs what they name."""

import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from apps.cli.connection import find_environment, on_laptop
from apps.cli.errors import NoTarget
from apps.cli.local import app as local
from apps.local.console import location
from apps.local.environment import up
from apps.local.errors import ForeignFile, LaptopError
from apps.local.git import post_receive_hook
from apps.local.lock import locked
from apps.local.own_files import believed, read_environment, read_json
from apps.local.paths import Layout, private, write_json
from apps.local.processes import recorded
from apps.local.progress import Progress
from apps.local.services import hosts
from apps.local.socket_owners import listening, read_table
from apps.local.status import rows

NOBODY = 65534
QUIET = Progress(quiet=True)
as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")


def facts(port: int = 1, **changed: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:{port}"
    endpoints = {"endpoint": url, "elbv2_endpoint": url, "codebuild_endpoint": url}
    ports = dict.fromkeys(("emulator", "balancer", "builder", "console"), port)
    keys = {"access_key_id": "A" * 20, "secret_access_key": "x"}
    return {**endpoints, "ports": ports, "credentials": keys, "region": "us-east-1", "operator_role": "r", **changed}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    found = Layout(tmp_path / ".lifecycle")
    write_json(found.environment, facts())
    return found


@pytest.fixture
def server() -> Iterator[tuple[int, list[bytes]]]:
    """Yield the port and the requests of a server on loopback."""
    received: list[bytes] = []

    class Receive(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_error(403)

        def log_message(self, *_: Any) -> None:
            pass

    started = HTTPServer(("127.0.0.1", 0), Receive)
    threading.Thread(target=started.serve_forever, args=(0.02,), daemon=True).start()
    yield started.server_port, received
    started.shutdown()
    started.server_close()


def test_own_closed_file_is_read(layout: Layout) -> None:
    assert read_environment(layout.environment) == facts()
    assert read_environment(layout.home / "missing") is None


@as_root
@pytest.mark.parametrize("given", ["file", "folder"])
def test_command_sends_nothing_by_the_file_of_another_user(
    layout: Layout, server: tuple[int, list[bytes]], given: str
) -> None:
    port, received = server
    write_json(layout.environment, facts(port))
    os.chown(layout.environment if given == "file" else layout.home, NOBODY, NOBODY)
    found = find_environment({}, layout.home.parent)
    assert found == layout.environment
    with pytest.raises(ForeignFile, match=f"expected a file or folder of user 0, found one of user {NOBODY}"):
        on_laptop(found, "ada")
    assert received == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("endpoint", "http://10.0.0.1:4566"),
        ("endpoint", "http://127.0.0.1:80@evil.example:80"),
        ("endpoint", "http://evil.example#@127.0.0.1:80"),
        ("endpoint", "https://127.0.0.1:4566"),
        ("endpoint", "http://127.0.0.1.evil.example:80"),
        ("endpoint", "http://localhost:4566"),
        ("elbv2_endpoint", "http://192.0.2.1:80"),
        ("codebuild_endpoint", ""),
    ],
)
def test_command_sends_nothing_to_another_machine(layout: Layout, name: str, value: str) -> None:
    write_json(layout.environment, {**facts(), name: value})
    with pytest.raises(ForeignFile, match=f"expected {name} to be a loopback address"):
        on_laptop(layout.environment, "ada")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_file_as_git_writes_it_is_not_believed(layout: Layout, mode: int) -> None:
    layout.environment.chmod(mode)
    with pytest.raises(ForeignFile, match=f"expected it to be closed to other users, found mode {mode:04o}.*Move it"):
        on_laptop(layout.environment, "ada")


@pytest.mark.parametrize("mode", [0o777, 0o1777, 0o775])
def test_folder_that_others_may_write_is_not_believed(layout: Layout, mode: int) -> None:
    layout.home.chmod(mode)
    with pytest.raises(ForeignFile, match=f"found mode {mode:04o}.*chmod go-w"):
        on_laptop(layout.environment, "ada")


def _listener(address: str, port: int, uid: int, table: str) -> str:
    """Return a line of /proc/net/tcp for a listening socket."""
    family = {"127.0.0.1": "0100007F", "any": "00000000", "any6": "0" * 32}[address]
    inode = 9 if table == "open" else 0
    return f"0: {family}:{port:04X} 00000000:0000 0A 0:0 00:0 0 {uid} 0 {inode} 1"


@pytest.mark.parametrize("address", ["127.0.0.1", "any", "any6"])
def test_port_that_another_user_took_is_not_called(layout: Layout, address: str) -> None:
    write_json(layout.environment, facts(4566))
    with pytest.raises(ForeignFile, match=r"expected a process of this user at 127.0.0.1:4566, found one of user 7"):
        read_environment(layout.environment, lambda: _listener(address, 4566, 7, "open"))
    own = _listener("127.0.0.1", 4566, os.geteuid(), "open")
    for fine in (own, "", None, f"{own}\n{_listener('any6', 4566, 7, 'open')}", _listener(address, 4567, 7, "open")):
        assert read_environment(layout.environment, lambda table=fine: table) == facts(4566)  # type: ignore[misc]


def test_system_lists_the_owner_of_a_listening_socket() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = ("127.0.0.1", listener.getsockname()[1])
        assert listening(read_table() or "", address) == {os.geteuid()}


def test_root_believes_the_user_who_called_sudo_and_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_UID", "1234")
    assert believed() == ({0, 1234} if os.geteuid() == 0 else {os.geteuid()})
    monkeypatch.setenv("SUDO_UID", "-1")
    assert believed() == {os.geteuid()}


@as_root
@pytest.mark.parametrize("name", ["processes", "clusters", "services", "environment"])
def test_no_file_of_another_user_is_read(
    layout: Layout, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_json(layout.processes, [])
    for each in (layout.clusters, layout.services):
        write_json(each, {})
    layout.lock.touch()
    os.chown(getattr(layout, name), NOBODY, NOBODY)
    readers: dict[str, list[Callable[[], object]]] = {
        "processes": [lambda: recorded(layout), lambda: rows(layout)],
        "clusters": [lambda: hosts.clusters(layout), lambda: rows(layout)],
        "services": [lambda: up(layout, QUIET)],
        "environment": [lambda: location.find(layout), lambda: rows(layout), lambda: up(layout, QUIET)],
    }
    for read in readers[name]:
        with pytest.raises(ForeignFile, match=f"{name}.json is not believed"):
            read()
    if name == "environment":
        monkeypatch.setenv("LIFECYCLE_HOME", str(layout.home))
        assert post_receive_hook.main() == 1
        assert "its run was not started" in (said := capsys.readouterr().out)
        assert "is not believed" in said


@as_root
def test_folder_of_another_user_becomes_no_environment(layout: Layout, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    for folder in (layout.home, tmp_path / "private"):
        os.chown(folder, NOBODY, NOBODY)
    layout.lock.touch()
    with pytest.raises(ForeignFile), locked(layout, QUIET):
        pass
    with pytest.raises(ForeignFile):
        private(tmp_path / "private")
    assert (tmp_path / "private").stat().st_mode & 0o777 != 0o700


def test_pipe_in_place_of_the_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "environment.json", 0o600)
    with pytest.raises(LaptopError, match="expected a file, found something else"):
        read_json(tmp_path / "environment.json", None)


@pytest.mark.parametrize(
    "content", [{"ports": 7}, {"endpoint": "http://127.999.0.1:1"}, {"ports": {"emulator": "x"}}, {}, [], None]
)
def test_damaged_content_is_reported_as_such(layout: Layout, content: Any) -> None:
    layout.environment.write_text(json.dumps(content))
    with pytest.raises(NoTarget, match="write it again with `lifecycle local up`"):
        on_laptop(layout.environment, "ada")


@pytest.mark.parametrize("command", ["status", "hosts", "console", "up", "down"])
def test_command_of_the_environment_says_so_and_exits_with_1(
    layout: Layout, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for each in (layout.processes, layout.clusters):
        write_json(each, {})
        each.chmod(0o666)
    layout.environment.chmod(0o666)
    layout.lock.touch()
    monkeypatch.setenv("LIFECYCLE_HOME", str(layout.home))
    done = CliRunner().invoke(local, [command])
    assert (done.exit_code, "is not believed: expected it to be closed" in done.stderr) == (1, True)
