"""A plan looks for signatures before the first host, and says to the hosts when a version goes back."""

from dataclasses import replace

import pytest

from lifecycle.application.rollout.plan import preview
from lifecycle.domain.fleet.host import AgentStage, Feature
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.rollout.attempt import Blame
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from tests.support.converging import converge
from tests.support.rollout import CLUSTER, Machine

UNSIGNED = "hello 1.0.1 is not signed: promote its snapshot again, which signs it: lifecycle promote hello SNAPSHOT"


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.deploy("1.0.0")
    return made


def without_signature(machine: Machine, version: str) -> None:
    machine.memory.artifacts.replace_envelope("hello", version, "")


def without_keys(machine: Machine, *hosts: str) -> None:
    """Let the agents of these hosts report that they were given no keys."""
    for host in hosts:
        features = tuple(each for each in Feature if each is not Feature.SIGNATURES)
        machine.memory.fleet.write_report(CLUSTER, replace(machine.report(host), features=features))


@pytest.mark.parametrize("kind", [Kind.DEPLOY, Kind.CONVERGE])
def test_unsigned_version_is_refused_before_the_first_host(machine: Machine, kind: Kind) -> None:
    without_signature(machine, "1.0.1")
    assert UNSIGNED in preview(machine.context, machine.request("1.0.1", kind)).blockers
    machine.begin(machine.request("1.0.1", kind))
    assert set(machine.installed().values()) == {"1.0.0"}


def test_envelope_of_another_version_is_refused_before_the_first_host(machine: Machine) -> None:
    artifacts = machine.memory.artifacts
    artifacts.replace_envelope("hello", "1.0.1", artifacts.envelope("hello", "1.0.2"))
    (found,) = preview(machine.context, machine.request("1.0.1")).blockers
    assert "the envelope of hello 1.0.1 is over version 1.0.2, " in found


def test_previous_version_without_a_signature_is_no_rollback_target(machine: Machine) -> None:
    without_signature(machine, "1.0.0")
    (found,) = preview(machine.context, machine.request("1.0.1")).blockers
    assert found.startswith("there is no rollback target: hello 1.0.0 is not signed: promote its snapshot again")
    assert "--without-rollback-target" in found


def test_rollback_to_an_unsigned_version_begins_and_says_what_to_expect(machine: Machine) -> None:
    machine.deploy("1.0.1")
    machine.deploy("1.0.2")
    without_signature(machine, "1.0.1")
    found = preview(machine.context, machine.request("1.0.1", Kind.ROLLBACK))
    assert found.blockers == ()
    assert any(each.startswith(UNSIGNED) and "others refuse it" in each for each in found.warnings)


def test_cluster_without_keys_takes_unsigned_versions_as_before(machine: Machine) -> None:
    without_signature(machine, "1.0.1")
    without_keys(machine, *machine.installed())
    assert preview(machine.context, machine.request("1.0.1")).blockers == ()


def test_host_without_keys_beside_others_is_named(machine: Machine) -> None:
    without_keys(machine, "host-2")
    found = preview(machine.context, machine.request("1.0.1")).warnings
    assert "host-2 checked no signature: give keys to the agent there" in found


def goes_back(machine: Machine, name: str) -> bool | None:
    return machine.record(name).goes_back


def test_deployment_of_an_older_version_says_so_to_plan_record_and_hosts(machine: Machine) -> None:
    assert goes_back(machine, machine.deploy("1.0.1")) is False
    assert machine.turn("host-1").goes_back in (False, None)
    found = preview(machine.context, machine.request("1.0.0"))
    assert "1.0.0 goes back: host-1, host-2, host-3, host-4 ran a newer version" in found.warnings
    name = machine.deploy("1.0.0")
    assert machine.record(name).state is DeploymentState.DONE
    assert goes_back(machine, name) is True


def test_plan_for_hosts_that_have_the_version_already_does_not_call_it_going_back(machine: Machine) -> None:
    machine.deploy("1.0.1")
    machine.deploy("1.0.0")
    machine.memory.config_store.write(machine.cluster, {"COLOUR": "blue"}, 0)
    found = preview(machine.context, machine.request("1.0.0"))
    assert (len(found.hosts), found.goes_back) == (4, True)
    assert not any("goes back" in each for each in found.warnings)


def test_rollback_says_that_it_goes_back(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.ROLL_BACK)
    last = machine.memory.deployments.recent_without_hosts(CLUSTER, 1)[0]
    assert (last.request.kind, last.goes_back, last.state) == (Kind.ROLLBACK, True, DeploymentState.DONE)


def test_diagnosis_restores_the_previous_version_although_it_is_older(machine: Machine) -> None:
    machine.host("host-1").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    turn = machine.turn("host-1")
    assert (turn.order, turn.version, turn.goes_back) == (Order.RESTORE, "1.0.0", True)
    assert machine.memory.deployments.attempts(name)[0].blame is Blame.VERSION


def test_repair_of_a_desired_version_that_was_put_back_says_so(machine: Machine) -> None:
    machine.deploy("1.0.1")
    machine.deploy("1.0.0", Kind.ROLLBACK)
    fallen = replace(machine.report("host-2"), installed="1.0.1", digest="d" * 64)
    assert fallen.newest == ("1.0.1",)
    machine.memory.fleet.write_report(CLUSTER, fallen)
    assert converge(machine)[0] == "REPAIR"
    assert goes_back(machine, machine.run_what_waited()) is True
    assert machine.installed()["host-2"] == "1.0.0"


@pytest.mark.parametrize("newest", [("999.0.0",), ("no version",), ("1.0.0-20261123100000-aaaaaaa", "")])
def test_what_a_host_says_of_newer_versions_stops_nobody(machine: Machine, newest: tuple[str, ...]) -> None:
    machine.memory.fleet.write_report(CLUSTER, replace(machine.report("host-1"), newest=newest))
    assert preview(machine.context, machine.request("1.0.1")).blockers == ()
