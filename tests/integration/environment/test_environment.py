"""The environment as a whole: it is started, used, broken, repaired and ended."""

import contextlib
import os
import signal
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
import pytest
from botocore.exceptions import ClientError

from apps.local import environment, status
from apps.local.aws.clients import Aws
from apps.local.errors import LaptopError, NotRunning, PortsTaken
from apps.local.own_files import read_json
from apps.local.paths import Layout
from apps.local.ports import LOOPBACK, Ports, check
from apps.local.processes import Part, recorded, session
from apps.local.progress import Progress
from apps.local.services import hosts
from apps.local.services.balancer_settings import PathNotAnswered
from apps.local.services.clusters import add_service
from apps.local.services.removal import remove_service
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.gateways.aws.catalogue import DynamoCatalogue
from lifecycle.gateways.aws.dispatcher import AlbDispatcher
from lifecycle.gateways.aws.fleet import DynamoFleet
from lifecycle.gateways.aws.leases import DynamoLeases
from lifecycle.gateways.aws.registry import SsmRegistry
from lifecycle.gateways.aws.table import Table
from lifecycle.names import LEDGER
from tests.conftest import Laptop
from tests.integration.dispatcher.harness import Service
from tests.support.polling import wait_for

pytestmark = pytest.mark.emulator

QUIET = Progress(quiet=True)
SERVICE = 'name = "{name}"\nversion = "1.0"\n[run]\ncommand = "exec python3 -m http.server $PORT --bind $HOST"\n'


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Layout]:
    """Yield an environment that a test may break."""
    layout = Layout(tmp_path / "home")
    yield layout
    with contextlib.suppress(LaptopError):
        environment.down(layout, QUIET)


def service(folder: Path, name: str) -> Path:
    folder.mkdir()
    (folder / "lifecycle.toml").write_text(SERVICE.format(name=name))
    return folder


def kill(part: Part) -> None:
    os.kill(part.pid, signal.SIGKILL)
    wait_for("the process to end", lambda: not part.alive)


def everything(layout: Layout) -> set[int]:
    return {pid for part in recorded(layout).values() for pid in session(part)}


def test_taken_port_stops_up_before_anything_starts(own: Layout) -> None:
    with socket.create_server((LOOPBACK, 0)) as holder:
        taken = replace(Ports.free(), builder=holder.getsockname()[1])
        with pytest.raises(PortsTaken, match=f"pid {os.getpid()}"):
            environment.up(own, QUIET, taken)
    assert recorded(own) == {}
    assert not own.environment.exists()


def test_add_is_refused_while_the_environment_is_down(own: Layout, tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="lifecycle local up"):
        add_service(own, service(tmp_path / "web", "web"), QUIET)


def test_up_returns_the_address_of_every_part(laptop: Laptop) -> None:
    assert laptop.facts["endpoint"].startswith("http://127.0.0.1:")
    assert ".lambda-url." in laptop.facts["function_url"]
    assert read_json(laptop.layout.environment, None) == laptop.facts
    machines = laptop.aws.client("stepfunctions").list_state_machines()["stateMachines"]
    assert {machine["stateMachineArn"] for machine in machines} == set(laptop.facts["state_machines"].values())


def test_every_part_is_up_and_answers(laptop: Laptop) -> None:
    states = {row.part: row.state for row in status.rows(laptop.layout)}
    assert [states[part] for part in ("emulator", "dispatcher", "codebuild", "console")] == ["up"] * 4


def test_iam_decides_what_a_role_may_do(laptop: Laptop) -> None:
    sts = laptop.aws.client("sts")
    session_of = sts.assume_role(RoleArn=laptop.facts["operator_role"], RoleSessionName="someone")
    operator = Aws(Ports(**laptop.facts["ports"]), session_of["Credentials"])
    with pytest.raises(ClientError, match="AccessDenied"):
        operator.client("dynamodb").delete_table(TableName=laptop.facts["ledger_table"])


def test_a_second_up_changes_nothing(laptop: Laptop) -> None:
    before = recorded(laptop.layout)
    assert environment.up(laptop.layout, QUIET) == laptop.facts
    assert recorded(laptop.layout) == before


def test_up_on_other_ports_is_refused_while_it_runs(laptop: Laptop) -> None:
    with pytest.raises(LaptopError, match="runs on other ports"):
        environment.up(laptop.layout, QUIET, Ports.free())


def test_a_service_gets_a_repository_two_clusters_and_hosts(laptop: Laptop, tmp_path: Path) -> None:
    added = add_service(laptop.layout, service(tmp_path / "web", "web"), QUIET, {"production": 2})
    staging, production = added.clusters
    assert (staging.name, len(staging.hosts)) == ("staging/web", 1)
    assert [host.zone for host in production.hosts] == ["us-east-1a", "us-east-1b"]
    ssm = laptop.aws.client("ssm")
    address = ssm.get_parameter(Name="/lifecycle/production/web/address")["Parameter"]["Value"]
    assert address == production.address
    parts = recorded(laptop.layout)
    assert all(parts[host.part].alive for host in (*staging.hosts, *production.hosts))


def test_first_push_of_an_added_service_is_that_of_its_owner(laptop: Laptop, tmp_path: Path) -> None:
    """Its hosts are there before the first build, which would be refused without an owner."""
    add_service(laptop.layout, service(tmp_path / "owned", "owned"), QUIET, {"production": 1})
    catalogue = DynamoCatalogue(Table(laptop.aws.client("dynamodb"), LEDGER))
    assert catalogue.owner("owned") == str((laptop.layout.repositories / "owned.git").resolve())


def test_hosts_of_all_clusters_have_addresses_and_ports_of_their_own(laptop: Laptop, tmp_path: Path) -> None:
    for name in ("one", "two"):
        add_service(laptop.layout, service(tmp_path / name, name), QUIET, {"production": 1})
    known = hosts.clusters(laptop.layout)
    every = [host for cluster in known.values() for host in cluster.hosts]
    # The hosts of a service without HTTP have no port, and its clusters no listener.
    ports = [host.port for host in every if host.port]
    listeners = [cluster.listener for cluster in known.values() if cluster.listener]
    assert len({host.address for host in every}) == len(every)
    assert len(set(ports)) == len(ports) >= 2
    assert len(set(listeners)) == len(listeners) >= 2


def test_adding_a_service_again_keeps_its_hosts(laptop: Laptop, tmp_path: Path) -> None:
    folder = service(tmp_path / "again", "again")
    first = add_service(laptop.layout, folder, QUIET, {"production": 1})
    before = recorded(laptop.layout)
    assert add_service(laptop.layout, folder, QUIET, {"production": 1}) == first
    assert recorded(laptop.layout) == before


def test_health_path_changes_only_to_one_that_every_host_answers(laptop: Laptop, tmp_path: Path) -> None:
    folder = service(tmp_path / "paths", "paths")
    declared = (folder / "lifecycle.toml").read_text()
    policy = "[environments.production]\ndrain_seconds = {}\n"

    def declare(path: str, drain: int) -> None:
        text = f'{declared}[checks]\nis_alive = "{path}"\n{policy.format(drain)}'
        (folder / "lifecycle.toml").write_text(text)

    declare("/is_alive", 40)
    added = add_service(laptop.layout, folder, QUIET, {"production": 1})
    [host] = added.clusters[1].hosts
    balancer, cluster = AlbDispatcher(laptop.aws.balancer(), laptop.aws.client("ssm")), Cluster("production", "paths")
    with Service(host.address, host.port).running() as running:
        balancer.register(cluster, host.address, host.port)
        wait_for("the host to be healthy", lambda: balancer.target(cluster, host.address) is TargetState.HEALTHY)
        declare("/broken", 10)
        with pytest.raises(PathNotAnswered, match=r"/broken: Health checks failed with these codes: \[500\]"):
            add_service(laptop.layout, folder, QUIET, {"production": 1})
        assert balancer.health_path(cluster) == "/is_alive"
        declare("/healthz", 10)
        add_service(laptop.layout, folder, QUIET, {"production": 1})
        assert balancer.health_path(cluster) == "/healthz"
        assert set(balancer.drain_delays(cluster).values()) == {40}
        add_service(laptop.layout, folder, QUIET, {"production": 1}, "/is_alive")
        assert balancer.health_path(cluster) == "/is_alive"
        running.healthy = False
        wait_for("the host to be unhealthy", lambda: balancer.target(cluster, host.address) is TargetState.UNHEALTHY)
        assert "codes: [503]" in balancer.check_failure(cluster, host.address, Group.MAIN)


def test_removed_service_leaves_nothing_behind_and_can_be_added_again(laptop: Laptop, tmp_path: Path) -> None:
    layout, folder = laptop.layout, service(tmp_path / "gone", "gone")
    kept = add_service(layout, service(tmp_path / "kept", "kept"), QUIET, {"production": 1})
    added = add_service(layout, folder, QUIET, {"production": 2})
    (added.working_copy / "change").write_text("nowhere else")
    parts = [recorded(layout)[host.part] for cluster in added.clusters for host in cluster.hosts]

    removed = remove_service(layout, "gone", QUIET)

    assert set(removed.clusters) == {"staging/gone", "production/gone"}
    assert not [part for part in parts if part.alive]
    assert not [name for name in recorded(layout) if "gone" in name]
    assert not [name for name in hosts.clusters(layout) if "gone" in name]
    assert removed.moved_to
    assert (removed.moved_to / "gone" / "change").read_text() == "nowhere else"
    assert DynamoFleet(Table(laptop.aws.client("dynamodb"), LEDGER)).reports(Cluster("production", "gone")) == {}
    assert not SsmRegistry(laptop.aws.client("ssm")).has(Cluster("production", "gone"))
    stacks = laptop.aws.client("cloudformation").describe_stacks()["Stacks"]
    assert not [each for each in stacks if "gone" in each["StackName"] and "DELETE" not in each["StackStatus"]]
    with pytest.raises(LaptopError, match=r"found 'gone'; known: .*kept"):
        remove_service(layout, "gone", QUIET)
    assert all(recorded(layout)[host.part].alive for host in kept.clusters[1].hosts)

    moved = folder.rename(tmp_path / "elsewhere")
    again = add_service(layout, moved, QUIET, {"production": 1})
    assert [len(cluster.hosts) for cluster in again.clusters] == [1, 1]
    remove_service(layout, "gone", QUIET)
    remove_service(layout, "kept", QUIET)


def test_service_is_not_removed_while_it_is_deployed(laptop: Laptop, tmp_path: Path) -> None:
    add_service(laptop.layout, service(tmp_path / "busy", "busy"), QUIET, {"production": 1})
    leases = DynamoLeases(Table(laptop.aws.client("dynamodb"), LEDGER))
    cluster = Cluster("production", "busy")
    lease = leases.acquire(cluster, "busy-production-1", datetime.now(UTC), 1)
    with pytest.raises(LaptopError, match=r"nothing was removed: .* found busy-production-1"):
        remove_service(laptop.layout, "busy", QUIET)
    assert "production/busy" in hosts.clusters(laptop.layout)
    leases.release(cluster, lease)
    remove_service(laptop.layout, "busy", QUIET)


def test_up_restarts_a_dead_part(own: Layout) -> None:
    facts = environment.up(own, QUIET, Ports.free())
    before = recorded(own)
    kill(before["dispatcher"])
    assert environment.up(own, QUIET) == facts
    after = recorded(own)
    assert after["dispatcher"].alive
    assert after["dispatcher"].pid != before["dispatcher"].pid
    assert after["emulator"] == before["emulator"]


def test_up_restarts_a_dead_emulator_from_its_saved_state(own: Layout, tmp_path: Path) -> None:
    facts = environment.up(own, QUIET, Ports.free())
    add_service(own, service(tmp_path / "web", "web"), QUIET, {"production": 1})
    before = recorded(own)
    kill(before["emulator"])

    assert environment.up(own, QUIET) == facts
    after = recorded(own)
    assert after.pop("emulator").alive
    assert after == {name: part for name, part in before.items() if name != "emulator"}
    ssm = Aws.of(facts).client("ssm")
    assert ssm.get_parameter(Name="/lifecycle/production/web/address")["Parameter"]["Value"]

    pids = everything(own)
    environment.down(own, QUIET)
    assert not [pid for pid in pids if _runs(pid)]
    assert recorded(own) == {}
    environment.down(own, QUIET)


def test_failed_up_ends_every_part_that_it_started(own: Layout) -> None:
    ports = Ports.free()
    with pytest.raises(LaptopError, match=r"could not be synthesised[^$]*every tuesday"):
        environment.up(own, QUIET, ports, {"poll_seconds": "every tuesday"})
    assert own.log("emulator").exists()
    assert recorded(own) == {}
    check(ports.fixed())


def _runs(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
