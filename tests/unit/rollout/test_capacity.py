"""A host in the target group of a test bed serves, but has drifted."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout.plan import preview
from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.host import AgentStage, HostReport, SelfTest, UnreadableReport
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.capacity import Floor, first_refusal, refuse_drain, without_dead
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target
from tests.support.rollout import CLUSTER, Machine

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
HOSTS = ("host-1", "host-2", "host-3", "host-4")
TARGET = Target("1.1.0", "d" * 64)
SERVES = HostReport(
    host="host-1",
    address="127.0.10.1",
    port=8080,
    zone="a",
    seen_at=NOW,
    agent_started_at=NOW,
    installed=TARGET.version,
    digest=TARGET.digest,
    boot="boot-1",
    running=True,
    self_test=SelfTest(passed=True, digest=TARGET.digest, boot="boot-1", detail=""),
)
FLOOR = Floor(frozenset(HOSTS), max_unavailable=1)


@pytest.mark.parametrize("host", HOSTS)
def test_host_in_a_test_group_counts_as_serving(host: str) -> None:
    rotation = dict.fromkeys(HOSTS, TargetState.HEALTHY) | {host: TargetState.TEST_GROUP}
    assert refuse_drain("host-1", rotation, FLOOR) is None


def test_host_in_a_test_group_is_not_drained_while_another_is_down() -> None:
    rotation = dict.fromkeys(HOSTS, TargetState.HEALTHY)
    rotation |= {"host-1": TargetState.TEST_GROUP, "host-3": TargetState.UNHEALTHY}
    refusal = refuse_drain("host-1", rotation, FLOOR)
    assert refusal == (
        "draining host-1 would leave 2 healthy of 4 hosts, but at least 3 must serve (host-3 is unhealthy)"
    )


def test_host_in_a_test_group_has_drifted() -> None:
    assert drift_reason(SERVES, TargetState.HEALTHY, TARGET) is None
    why = drift_reason(SERVES, TargetState.TEST_GROUP, TARGET)
    assert why == "is in a test group"


def test_states_that_serve_are_healthy_and_test_group() -> None:
    assert {state for state in TargetState if state.serves} == {TargetState.HEALTHY, TargetState.TEST_GROUP}
    idle = {TargetState.ABSENT, TargetState.UNUSED, TargetState.DRAINING}
    assert {state for state in TargetState if not state.in_rotation} == idle


def test_last_host_about_to_serve_is_not_drained() -> None:
    """Found by the simulation: its first health check passed between the check and the drain."""
    rotation = dict.fromkeys(HOSTS, TargetState.ABSENT) | {"host-1": TargetState.INITIAL}
    assert refuse_drain("host-1", rotation, FLOOR) is not None
    unhealthy = rotation | {"host-1": TargetState.UNHEALTHY, "host-2": TargetState.HEALTHY}
    assert refuse_drain("host-1", unhealthy, FLOOR) is None


def test_unhealthy_hosts_count_while_no_host_is_healthy() -> None:
    """An ALB fails open: it sends requests to all its targets."""
    all_unhealthy = dict.fromkeys(HOSTS, TargetState.UNHEALTHY)
    assert refuse_drain("host-1", all_unhealthy, FLOOR) is None
    one_out = all_unhealthy | {"host-2": TargetState.ABSENT}
    assert "all unhealthy" in (refuse_drain("host-1", one_out, FLOOR) or "")
    assert refuse_drain("host-2", one_out, FLOOR) is None
    one_healthy = one_out | {"host-3": TargetState.HEALTHY}
    assert refuse_drain("host-1", one_healthy, FLOOR) is None
    assert first_refusal(list(HOSTS), all_unhealthy, FLOOR) is None
    assert first_refusal(["host-2", "host-1", "host-3", "host-4"], one_out, FLOOR) is None
    assert first_refusal(["host-1", "host-2"], one_out, FLOOR) is not None


def test_last_host_is_drained_where_its_service_does_not_run() -> None:
    """Found by the simulation: the other host was left out, and this one could never be repaired."""
    rotation = {"host-1": TargetState.UNHEALTHY, "host-2": TargetState.ABSENT}
    floor = Floor(frozenset(rotation), 1, frozenset({"host-2"}), min_healthy=1)
    assert refuse_drain("host-1", rotation, floor) is not None
    assert first_refusal(["host-1"], rotation, floor) is not None
    dead = {"host-1": replace(SERVES, running=False, boot="")}
    known = without_dead(rotation, dead, unreachable=())
    assert refuse_drain("host-1", known, floor) is None
    assert first_refusal(["host-1"], known, floor) is None
    for other in (TargetState.INITIAL, TargetState.HEALTHY):  # the report may be older than the health check
        assert (
            refuse_drain("host-1", without_dead({**rotation, "host-1": other}, dead, unreachable=()), floor)
            is not None
        )


def test_dead_are_the_unhealthy_whose_agent_says_so() -> None:
    reports = {
        "host-1": SERVES,
        "host-2": replace(SERVES, running=False, boot=""),
        "host-3": UnreadableReport.of("host-3", "damaged"),
    }
    unhealthy = dict.fromkeys(HOSTS, TargetState.UNHEALTHY)
    assert without_dead(unhealthy, reports, unreachable=()) == unhealthy | {"host-2": TargetState.NOT_WORKING}


def test_empty_host_is_repaired_though_no_host_is_healthy() -> None:
    machine = Machine(hosts=2, policy=Policy(min_healthy=1, min_alive_seconds=0))
    machine.deploy("1.0.0")
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    assert machine.decide(name, Choice.SKIP_HOST).outcome == "DONE"
    address, dead = machine.host("host-2").address, machine.memory.dispatcher.dead
    empty = replace(machine.report("host-2"), running=False, installed="", digest="", boot="", self_test=None)
    machine.memory.fleet.write_report(CLUSTER, empty)
    dead.add(address)

    def starts() -> bool:
        return machine.report("host-2").running

    machine.memory.dispatcher.settle()
    machine.memory.clock.ticks.append(lambda: dead.difference_update({address} if starts() else ()))
    assert converge_all(machine.context, "abcd", "schedule")[0].kind == "REPAIR"
    machine.run_what_waited()
    assert machine.serving() == {"host-2": "1.0.1"}


@pytest.mark.parametrize(
    ("hosts", "policy", "why"),
    [
        (0, Policy(), "production/hello has no hosts: start an agent on each host"),
        (1, Policy(), None),
        (2, Policy(), None),
        (4, Policy(max_unavailable=3), None),
        (4, Policy(max_unavailable="75%"), None),
        (4, Policy(max_unavailable=4), "max_unavailable is 4 of 4 hosts, which would leave none serving"),
        (4, Policy(max_unavailable=5), "max_unavailable is 5 of 4 hosts, which would leave none serving"),
        (4, Policy(max_unavailable="100%"), "max_unavailable is 100% of 4 hosts, which would leave none serving"),
        (4, Policy(min_healthy=3), None),
        (4, Policy(min_healthy=4), "min_healthy is 4, but production/hello has 4 hosts: expected at most 3"),
        (1, Policy(min_healthy=1), "min_healthy is 1, but production/hello has 1 host: expected at most 0"),
    ],
)
def test_policy_that_could_never_finish_blocks_the_plan(hosts: int, policy: Policy, why: str | None) -> None:
    machine = Machine(hosts=hosts, policy=policy)
    blockers = preview(machine.context, machine.request("1.0.0")).blockers
    assert [why in each for each in blockers] == [True] if why else blockers == ()


@pytest.mark.parametrize("state", [TargetState.INITIAL, TargetState.UNKNOWN])
def test_host_whose_health_is_not_known_is_neither_spare_nor_serving(state: TargetState) -> None:
    rotation = {"a": TargetState.HEALTHY, "b": TargetState.UNHEALTHY, "c": state}
    floor = Floor(frozenset("abc"), max_unavailable=1)
    assert refuse_drain("c", rotation, floor)
    assert refuse_drain("a", rotation, floor)
    assert first_refusal(["c"], rotation, floor)


def test_workers_never_fail_open() -> None:
    """Without a healthy target, a load balancer sends requests to all; a worker that does not run does nothing."""
    rotation = {"a": TargetState.UNKNOWN, "b": TargetState.NOT_WORKING, "c": TargetState.NOT_WORKING}
    floor = Floor(frozenset("abc"), max_unavailable=1)
    assert refuse_drain("a", rotation, floor)
    assert refuse_drain("b", rotation, floor) is None
    behind = dict.fromkeys("abc", TargetState.UNHEALTHY)
    assert refuse_drain("a", behind, floor) is None
