"""The console answers its own page only; requests over a socket imitate a browser with a foreign page."""

import contextlib
import http.client
import json
import os
import re
import socket
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from apps.local.console.api import Calls
from apps.local.console.peers import problem
from apps.local.console.server import LARGEST_BODY, ConsoleServer
from apps.local.socket_owners import read_table
from tests.integration.console.fake_aws import FakeAws, arn, custom
from tests.support.polling import PATIENCE_SECONDS


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws([custom("lifecycle-show-clusters", "Clusters")], {"lifecycle-act": lambda _: "done"})


@pytest.fixture
def server(aws: FakeAws) -> Iterator[ConsoleServer]:
    started = ConsoleServer(("127.0.0.1", 0), Calls(aws, "ada"))
    started.start()
    yield started
    started.stop()


def ask(
    server: ConsoleServer, method: str, path: str, body: str = "", **changed: str | None
) -> tuple[int, dict[str, str], str]:
    """Send a request as the page does, with the given headers changed."""
    here = server.guard.hosts[0]
    headers: dict[str, str | None] = {"Host": here}
    if method == "POST":
        headers |= {"Origin": f"http://{here}", "Content-Type": "application/json"}
        headers |= {"Sec-Fetch-Site": "same-origin", "X-Lifecycle-Token": server.guard.token}
    headers |= {name.replace("_", "-"): text for name, text in changed.items()}
    connection = http.client.HTTPConnection("127.0.0.1", server.guard.port, timeout=PATIENCE_SECONDS)
    try:
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, text in headers.items():
            if text is not None:
                connection.putheader(name, text)
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body.encode())
        found = connection.getresponse()
        return found.status, {name.lower(): text for name, text in found.getheaders()}, found.read().decode()
    finally:
        connection.close()


def press(server: ConsoleServer, **changed: str | None) -> tuple[int, str]:
    asked = {"endpoint": arn("lifecycle-act"), "payload": {"action": "roll_back", "by": "mallory"}}
    status, _, body = ask(server, "POST", "/api/invoke", json.dumps(asked), **changed)
    return status, body


def test_page_may_act_in_the_operators_name(server: ConsoleServer, aws: FakeAws) -> None:
    assert press(server) == (200, json.dumps({"answer": "done"}))
    assert aws.payloads("lifecycle-act") == [{"action": "roll_back", "by": "ada"}]


@pytest.mark.parametrize(("owner", "status"), [(0, 200), (os.getuid(), 200), (os.getuid() + 1, 403)])
def test_other_user_of_the_machine_gets_neither_the_page_nor_its_token(aws: FakeAws, owner: int, status: int) -> None:
    listed: list[str] = []
    server = ConsoleServer(("127.0.0.1", 0), Calls(aws, "ada"), lambda: _owned_by(owner, listed))
    server.start()
    try:
        found, _, text = ask(server, "GET", "/")
        assert (found, server.guard.token in text) == (status, status == 200)
        assert press(server)[0] == status
    finally:
        server.stop()
    assert listed  # the system's own table has the connection, and its true owner


def _owned_by(owner: int, listed: list[str]) -> str:
    mine = [line.split() for line in (read_table() or "").splitlines()]
    listed += [fields[1] for fields in mine if fields[7] == str(os.getuid())]
    return "\n".join(" ".join([*fields[:7], str(owner), *fields[8:]]) for fields in mine)


class _MappedConnection(http.client.HTTPConnection):
    """A connection by a socket of IPv6; it is not in the system's table of IPv4."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_INET6)
        self.sock.connect(("::ffff:127.0.0.1", self.port))


def _got(connection: http.client.HTTPConnection, server: ConsoleServer) -> int:
    with contextlib.closing(connection):
        connection.request("GET", "/", headers={"Host": server.guard.hosts[0]})
        return connection.getresponse().status


@pytest.mark.parametrize(("owner", "status"), [(None, 200), (0, 200), (os.getuid() + 1, 403)])
def test_owner_of_an_ipv6_socket_is_known_too(aws: FakeAws, owner: int | None, status: int) -> None:
    listed: list[str] = []
    read = read_table if owner is None else lambda: _owned_by(owner, listed)
    server = ConsoleServer(("127.0.0.1", 0), Calls(aws, "ada"), read)
    server.start()
    try:
        assert _got(_MappedConnection("127.0.0.1", server.guard.port), server) == status
    finally:
        server.stop()


@pytest.mark.skipif(os.getuid() != 0, reason="only root may act as another user")
@pytest.mark.parametrize("kind", [http.client.HTTPConnection, _MappedConnection])
def test_process_of_another_user_is_refused(server: ConsoleServer, kind: type[http.client.HTTPConnection]) -> None:
    child = os.fork()
    if not child:
        os.setuid(65534)
        os._exit(_got(kind("127.0.0.1", server.guard.port), server) % 256)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 403 % 256


def test_connection_without_a_listed_owner_is_refused(aws: FakeAws) -> None:
    read: list[str] = []

    def empty() -> str:
        read.append("")
        return ""

    server = ConsoleServer(("127.0.0.1", 0), Calls(aws, "ada"), empty)
    server.start()
    try:
        status, _, text = ask(server, "GET", "/")
        assert (status, "does not list" in text, server.guard.token in text) == (403, True, False)
    finally:
        server.stop()
    assert len(read) > 1  # one reading may miss a line


def test_closed_socket_belongs_to_nobody() -> None:
    server = ("127.0.0.1", 8090)
    line = "0: 0100007F:9C40 0100007F:1F9A 05 0:0 00:0 0 {} 0 {} 1"
    for uid, inode, foreign in ((0, 0, True), (0, 9, False), (7, 9, False), (8, 9, True)):
        found = problem(partial(line.format, uid, inode), ("127.0.0.1", 40000), server, 7)
        assert bool(found) is foreign


def test_system_without_a_list_of_owners_lets_every_user_in(aws: FakeAws) -> None:
    server = ConsoleServer(("127.0.0.1", 0), Calls(aws, "ada"), lambda: None)
    server.start()
    try:
        assert ask(server, "GET", "/")[0] == 200
    finally:
        server.stop()


def test_page_may_act_under_the_name_localhost_too(server: ConsoleServer) -> None:
    here = server.guard.hosts[1]
    assert press(server, Host=here, Origin=f"http://{here}")[0] == 200


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"Host": "evil.example"}, "expected the Host to be 127.0.0.1"),
        ({"Host": "evil.example:8090"}, "found evil.example:8090"),
        ({"Host": None}, "found none"),
        ({"Origin": "https://evil.example"}, "expected the Origin"),
        ({"Origin": "null"}, "found null"),
        ({"Origin": None}, "found none"),
        ({"Sec_Fetch_Site": "cross-site"}, "expected Sec-Fetch-Site to be same-origin"),
        ({"Sec_Fetch_Site": "same-site"}, "found same-site"),
        ({"X_Lifecycle_Token": "guessed"}, "reload it"),
        ({"X_Lifecycle_Token": None}, "reload it"),
    ],
)
def test_other_sites_cannot_act(
    server: ConsoleServer, aws: FakeAws, changed: dict[str, str | None], why: str
) -> None:
    status, body = press(server, **changed)
    assert (status, aws.invoked) == (403, [])
    assert why in json.loads(body)["error"]


def test_foreign_form_cannot_post_as_json(server: ConsoleServer, aws: FakeAws) -> None:
    assert press(server, Content_Type="text/plain")[0] == 415
    assert aws.invoked == []


def test_page_under_another_host_name_cannot_read(server: ConsoleServer) -> None:
    for path in ("/", "/main.js", "/api/dashboard"):
        assert ask(server, "GET", path, Host="evil.example")[0] == 403


def test_each_start_has_its_own_token(server: ConsoleServer, aws: FakeAws) -> None:
    other = ConsoleServer(("127.0.0.1", 0), Calls(aws, "ada"))
    other.server_close()
    assert other.guard.token != server.guard.token
    assert server.guard.token in ask(server, "GET", "/")[2]


def test_every_answer_has_the_security_headers(server: ConsoleServer) -> None:
    for path in ("/", "/main.js", "/no-such-thing"):
        _, headers, _ = ask(server, "GET", path)
        policy = headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/../server.py", 404),
        ("GET", "/index.html", 404),
        ("GET", "/api/dashboard", 404),
        ("POST", "/", 405),
        ("PUT", "/", 405),
        ("OPTIONS", "/api/invoke", 405),
        ("POST", "/api/no-such-call", 404),
    ],
)
def test_method_and_path_decide_the_status(server: ConsoleServer, method: str, path: str, status: int) -> None:
    assert ask(server, method, path)[0] == status


def test_body_must_be_a_small_json_object(server: ConsoleServer) -> None:
    assert ask(server, "POST", "/api/dashboard", " " * (LARGEST_BODY + 1))[0] == 413
    for body in ("[1]", "{", "7"):
        assert ask(server, "POST", "/api/dashboard", body)[0] == 400


def test_console_listens_on_loopback_only(aws: FakeAws) -> None:
    with pytest.raises(ValueError, match="expected a loopback address"):
        ConsoleServer(("0.0.0.0", 0), Calls(aws, "ada"))


def test_page_is_small_and_names_no_other_host(server: ConsoleServer) -> None:
    status, _, page = ask(server, "GET", "/")
    names = [name for name in server._files if name != "/"]
    bodies: dict[str, Any] = {name: ask(server, "GET", name)[2] for name in names} | {"/": page}
    assert status == 200
    assert sum(len(body.encode()) for body in bodies.values()) < 300_000
    # The only host is part of the XML namespaces of SVG and HTML, and is never contacted.
    hosts = {host for body in bodies.values() for host in re.findall(r"https?://([\w.-]+)", body)}
    assert hosts == {"www.w3.org"}


def test_idle_connection_does_not_block_others(server: ConsoleServer) -> None:
    with socket.create_connection(("127.0.0.1", server.guard.port)):
        assert ask(server, "GET", "/")[0] == 200
