"""Four hosts in production, under traffic: a good release, a bad one that halts, and its rollback."""

from dataclasses import dataclass
from typing import Any

import pytest

from tests.end_to_end.command_line import Output
from tests.end_to_end.conftest import Hello
from tests.end_to_end.service import Service, update_steps
from tools.demo.traffic import Tally, Traffic

pytestmark = pytest.mark.emulator

RATE = 50.0
HOSTS = [f"production-hello-{number}" for number in range(1, 5)]


def flawless(tally: Tally) -> bool:
    """Assert that no request failed; return True if there were enough requests."""
    assert tally.failed == 0, tally.facts()
    return tally.sent > 20


def test_a_release_reaches_four_hosts_one_at_a_time_and_no_request_fails(hello: Service, releases: Hello) -> None:
    hello.ensure_version(releases.first)
    with Traffic(hello.url, RATE) as traffic:
        output = hello.deploy(releases.second, "--reason", "a new greeting")
    assert output.end["state"] == "DONE"
    assert flawless(traffic.tally)
    assert set(traffic.tally.versions) == {releases.first, releases.second}
    assert hello.installed() == dict.fromkeys(HOSTS, releases.second)

    deployment = output.facts["deployment"]
    order = [each["host"] for each in output.facts["plan"]["hosts"]]
    assert sorted(order) == HOSTS
    assert hello.steps(deployment) == update_steps(*order)
    asked = hello.trail(deployment)[0]
    assert (asked["what"], asked["who"], asked["why"]) == (
        f"deploy {releases.second}",
        "ada",
        "a new greeting",
    )

    with Traffic(hello.url, RATE, seconds=0.5) as after:
        after.wait()
    assert set(after.tally.versions) == {releases.second}


def test_a_deploy_of_the_serving_version_does_nothing(hello: Service, releases: Hello) -> None:
    hello.ensure_version(releases.second)
    before = hello.newest_deployment()
    output = hello.deploy(releases.second).facts
    assert (output["started"], output["plan"]["nothing_to_do"]) == (False, True)
    assert hello.newest_deployment() == before


@dataclass(frozen=True)
class Halted:
    """The bad release, halted at its first host: the facts for the operator, and the traffic meanwhile."""

    releases: Hello
    deployment: str
    question: dict[str, Any]
    tally: Tally
    hosts: dict[str, dict[str, Any]]
    trail: list[tuple[str, str]]
    queued: Output
    decided: Output
    again: Output


@pytest.fixture(scope="module")
def halted(hello: Service, releases: Hello) -> Halted:
    """The bad release deployed over the second one.

    Then another deployment, a decision, and a repeated one.
    """
    hello.ensure_version(releases.second)
    with Traffic(hello.url, RATE) as traffic:
        output = hello.deploy(releases.bad, code=1)
        end = output.end
        assert end["state"] == "HALTED", output
        host_views = hello.host_views()
        trail = hello.steps(end["deployment"])
        queued = hello.deploy(releases.first, "--even-if-quarantined", "--no-watch")
        host, attempt = end["question"]["host"], str(end["question"]["attempt"])
        answer = ("decide", end["deployment"], "ROLL_BACK", "--host", host, "--attempt", attempt)
        decided = hello.operator(*answer, "--why", "the self-test is right", "--watch")
        again = hello.operator(*answer, "--why", "I too", code=1)
    return Halted(
        releases, end["deployment"], end["question"], traffic.tally, host_views, trail, queued, decided, again
    )


def test_a_bad_release_halts_at_its_first_host(halted: Halted) -> None:
    host = halted.question["host"]
    steps = ["drain", "install", "failed", "diagnose", "diagnosis:", "halted"]
    assert halted.trail == [(host, step) for step in steps]
    assert "failed while self-testing" in halted.question["reason"]
    assert "switches.toml says that the self-test fails" in halted.question["evidence"]
    offered = [each["choice"] for each in halted.question["choices"]]
    assert offered == ["RETRY", "SKIP_HOST", "FORCE_NEXT", "ROLL_BACK", "ABORT"]


def test_the_diagnosis_blames_the_version_if_the_previous_one_passes_on_the_host(
    halted: Halted,
) -> None:
    assert halted.question["blame"] == "VERSION"
    host, previous = halted.question["host"], halted.releases.second
    assert halted.question["diagnosis"].startswith(f"{host} passes its self-test with {previous}")


def test_the_other_hosts_are_untouched_and_serve(halted: Halted) -> None:
    failed = halted.hosts[halted.question["host"]]
    assert (failed["installed"], failed["balancer"] in ("unused", "absent")) == (halted.releases.second, True)
    others = [host for host in halted.hosts.values() if host is not failed]
    assert len(others) == 3
    for host in others:
        assert (host["installed"], host["balancer"]) == (halted.releases.second, "healthy"), host


def test_no_client_ever_sees_the_bad_version(halted: Halted) -> None:
    assert flawless(halted.tally)
    assert set(halted.tally.versions) == {halted.releases.second}


def test_a_second_deploy_waits_and_is_refused_after_the_rollback(hello: Service, halted: Halted) -> None:
    assert halted.queued.facts["plan"]["waits_for"] == halted.deployment
    every = hello.operator.read("history", "hello").facts["deployments"]
    waited = next(each for each in every if each["deployment"] == halted.queued.facts["deployment"])
    assert waited["state"] == "REFUSED", waited
    assert "was rolled back while" in waited["why"]


def test_the_decision_rolls_the_host_back(hello: Service, halted: Halted) -> None:
    first, rollback = halted.decided.facts["endings"]
    assert (first["state"], first["rollback"]) == ("ROLLED_BACK", rollback["deployment"])
    assert rollback["state"] == "DONE"
    assert hello.installed() == dict.fromkeys(HOSTS, halted.releases.second)
    assert {host for host, _ in hello.steps(rollback["deployment"])} == {halted.question["host"]}
    answered = next(e for e in hello.trail(halted.deployment) if e["what"] == "answered ROLL_BACK")
    assert (answered["who"], answered["why"]) == ("ada", "the self-test is right")


def test_a_second_decision_is_refused(halted: Halted) -> None:
    error = f"no deployment of {halted.deployment} waits for a decision"
    assert error in halted.again.err
    assert not halted.again.out


def test_the_bad_version_is_quarantined(hello: Service, halted: Halted) -> None:
    listed = hello.operator.read("releases", "hello").facts["releases"]
    bad = next(each for each in listed if each["version"] == halted.releases.bad)
    assert bad["quarantined_in"] == ["production"]
    refused = hello.deploy(halted.releases.bad, code=1).facts
    assert refused["started"] is False
    assert "quarantined" in "; ".join(refused["plan"]["refusals"])


def test_one_command_rolls_back_and_no_request_fails(hello: Service, releases: Hello) -> None:
    hello.ensure_version(releases.second)
    with Traffic(hello.url, RATE) as traffic:
        output = hello.operator("rollback", "hello", "--reason", "prices are wrong", "--yes")
    assert output.end["state"] == "DONE"
    assert flawless(traffic.tally)
    assert set(traffic.tally.versions) == {releases.first, releases.second}
    assert hello.installed() == dict.fromkeys(HOSTS, releases.first)
    asked = hello.trail(output.facts["deployment"])[0]
    assert (asked["what"], asked["who"], asked["why"]) == (
        f"rollback {releases.first}",
        "ada",
        "prices are wrong",
    )
