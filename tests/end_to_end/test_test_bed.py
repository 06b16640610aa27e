"""A test bed with real hosts and traffic: a bad version reaches no other host, an undecided one waits."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from apps.local.paths import REPOSITORY
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.gateways.aws.metrics import host_dimensions
from lifecycle.names import host_namespace
from tests.conftest import Laptop
from tests.end_to_end.command_line import Operator
from tests.end_to_end.conftest import add_service
from tests.end_to_end.service import Service
from tests.end_to_end.test_metrics import values
from tools.demo.traffic import Traffic

pytestmark = pytest.mark.emulator

HOSTS = {f"production-baker-{number}" for number in range(1, 4)}


@dataclass(frozen=True)
class Baker:
    """A service with three hosts, and its releases: the first is in production."""

    service: Service
    first: str
    good: str
    bad: str


@pytest.fixture(scope="module")
def baker(operator: Operator, laptop: Laptop, tmp_path_factory: pytest.TempPathFactory) -> Baker:
    """examples/hello under another name, with a test bed of twelve minutes; a minute is a second here."""
    folder = tmp_path_factory.mktemp("services") / "baker"
    shutil.copytree(REPOSITORY / "examples" / "hello", folder)
    service = add_service(operator, laptop, _named(folder), 3)
    runs = [service.push("As it came")]
    service.change("lifecycle.toml", r'GREETING = "\w+"', 'GREETING = "Welcome"')
    runs.append(service.push("Greet otherwise"))
    service.change("switches.toml", r"^error_rate = 0.0", "error_rate = 0.5")
    runs.append(service.push("Fail every second request"))
    first, good, bad = (service.promoted(service.staged(service.built(run))) for run in runs)
    assert service.deploy(first).end["state"] == "DONE"
    return Baker(service, first, good, bad)


def _named(folder: Path) -> Path:
    file = folder / "lifecycle.toml"
    text = file.read_text().replace('name = "hello"', 'name = "baker"', 1)
    text = text.replace("automatic = true", "automatic = false", 1)
    file.write_text(text.replace("bake_minutes = 30", "bake_minutes = 12", 1))
    assert "bake_minutes = 12" in file.read_text()
    return folder


def registered_hosts(service: Service, deployment: str) -> set[str]:
    """Return the hosts that a deployment registered so far: of the test bed and the control."""
    return {host for host, step in service.steps(deployment) if step == "register"}


def test_a_version_that_answers_errors_halts_in_its_test_bed_and_reaches_no_other_host(baker: Baker) -> None:
    service = baker.service
    with Traffic(service.url, 60.0) as traffic:
        output = service.deploy(baker.bad, code=1)
    deployment, question = output.facts["deployment"], service.status()["question"]
    assert "failed in the test bed: error rate" in question["reason"]
    assert question["blame"] == "VERSION"
    assert question["host"] in registered_hosts(service, deployment)
    others = {host: version for host, version in service.installed().items() if host != question["host"]}
    assert set(others) == HOSTS - {question["host"]}
    assert set(others.values()) == {baker.first}
    served = traffic.tally.versions
    assert served[baker.first] > served[baker.bad] > 0  # only its part of the requests, until the halt

    back = service.operator("decide", "baker", "ROLL_BACK", "--why", "it is right", "--yes", "--watch")
    assert back.end["state"] == "DONE"
    assert set(service.installed().values()) == {baker.first}
    with Traffic(service.url, 60.0, seconds=1) as after:
        after.wait()
    assert (after.tally.failed, set(after.tally.versions)) == (0, {baker.first})


def test_without_requests_the_test_bed_is_undecided_and_waits_for_an_approval(baker: Baker) -> None:
    service = baker.service
    deployment = str(service.deploy(baker.good, "--no-watch").facts["deployment"])
    question = service.wait_until("AWAITING_APPROVAL")
    assert [each["choice"] for each in question["choices"]] == ["APPROVE", "EXTEND", "REJECT"]
    assert "undecided" in question["reason"]
    used = registered_hosts(service, deployment)
    assert len(used) == 2
    assert sorted(service.installed()[host] for host in used) == sorted([baker.first, baker.good])
    cluster = Cluster("production", "baker")
    for host in used:
        named = dict(host_dimensions(cluster, host))
        memory = values(service.laptop, host_namespace("production", "baker"), "memory_mb", "Average", named)
        assert memory, f"{host} published no metric of its own while it was measured"

    output = service.operator("approve", "baker", "--why", "it is night", "--watch")
    assert output.end["state"] == "DONE"
    assert set(service.installed().values()) == {baker.good}
    assert {host["balancer"] for host in service.host_views().values()} == {"healthy"}
    with Traffic(service.url, 60.0, seconds=1) as after:
        after.wait()
    assert (after.tally.failed, set(after.tally.versions)) == (0, {baker.good})
