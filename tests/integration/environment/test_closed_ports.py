"""No port of the environment answers a web page, and no file with a secret is open to another user."""

import contextlib
import http.client
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from apps.local import environment
from apps.local.aws import root_key
from apps.local.aws.clients import Aws
from apps.local.errors import LaptopError
from apps.local.paths import Layout, write_json
from apps.local.ports import LOOPBACK, Ports
from apps.local.processes import recorded, session
from apps.local.progress import Progress
from apps.local.services import hosts
from tests.conftest import Laptop
from tests.support.polling import PATIENCE_SECONDS

pytestmark = pytest.mark.emulator

QUIET = Progress(quiet=True)
PAGES = (
    {"Host": "evil.example"},
    {"Origin": "http://evil.example", "Content-Type": "text/plain"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site"},
)


def listening(layout: Layout) -> set[tuple[str, int]]:
    """Return every address on which a process of the environment listens."""
    members = {pid for part in recorded(layout).values() for pid in session(part)}
    connections = psutil.net_connections(kind="tcp")
    return {
        (found.laddr.ip, found.laddr.port)
        for found in connections
        if found.status == psutil.CONN_LISTEN and found.laddr and found.pid in members
    }


def of_services(layout: Layout) -> set[int]:
    """Return the ports of services: their listeners at the load balancer, and those of their hosts."""
    found = hosts.clusters(layout).values()
    return {each.listener for each in found} | {host.port for each in found for host in each.hosts}


def post(port: int, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=PATIENCE_SECONDS)
    try:
        connection.request("POST", "/?Action=DescribeLoadBalancers", b"{}", dict(headers))
        found = connection.getresponse()
        return found.status, dict(found.getheaders())
    finally:
        connection.close()


def test_every_port_of_the_environment_refuses_a_web_page(laptop: Laptop) -> None:
    ports = Ports(**laptop.facts["ports"])
    found = {each for each in listening(laptop.layout) if each[1] not in of_services(laptop.layout)}
    known = {ports.emulator, ports.balancer, ports.builder, ports.console}
    assert found == {(LOOPBACK, port) for port in known}  # Envoy's admin interface has no port
    for port in known:
        for sent in PAGES:
            status, headers = post(port, sent)
            assert status == 403, (port, sent)
            assert not [name for name in headers if name.lower().startswith("access-control-")]


def test_files_with_secrets_are_closed_to_other_users(laptop: Laptop) -> None:
    layout = laptop.layout
    assert layout.environment.stat().st_mode & 0o077 == 0
    for folder in (layout.temporary, layout.dispatcher, layout.builds, layout.logs):
        assert folder.stat().st_mode & 0o777 == 0o700, folder
    open_to_others = [path for path in (layout.temporary / "state").rglob("*") if path.stat().st_mode & 0o077]
    assert open_to_others == []
    assert layout.home.stat().st_mode & 0o777 == 0o711


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Layout]:
    """Yield an environment that a test may break."""
    layout = Layout(tmp_path / "home")
    yield layout
    with contextlib.suppress(LaptopError):
        environment.down(layout, QUIET)


def test_environment_of_an_older_version_gets_a_root_key_of_its_own(own: Layout) -> None:
    facts = environment.up(own, QUIET, Ports.free())
    Aws.of(facts).client("ssm").put_parameter(Name="/kept", Value="kept", Type="String")
    # An older version had the same key everywhere, and left its folders open.
    write_json(own.environment, {**facts, "credentials": {"access_key_id": "test", "secret_access_key": "test"}})
    own.temporary.chmod(0o755)
    before = recorded(own)

    again = environment.up(own, QUIET)

    assert again["credentials"]["access_key_id"] not in ("test", facts["credentials"]["access_key_id"])
    assert Aws.of(again).client("ssm").get_parameter(Name="/kept")["Parameter"]["Value"] == "kept"
    with pytest.raises(ClientError, match="security token"):
        Aws.of(facts).client("ssm").get_parameter(Name="/kept")
    assert Aws.of(again).balancer().describe_load_balancers()["LoadBalancers"] == []
    assert [name for name, part in recorded(own).items() if part == before[name]] == []
    assert own.temporary.stat().st_mode & 0o777 == 0o700


def test_each_start_has_a_new_root_key() -> None:
    first, second = root_key.new(), root_key.new()
    assert first != second
    assert not root_key.is_public(first)
    assert root_key.recorded({"credentials": root_key.record(first)}) == first
