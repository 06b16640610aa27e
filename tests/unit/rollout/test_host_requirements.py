"""A version is not deployed to a host whose agent is too old for it, or that lacks a command which it needs."""

from dataclasses import replace
from typing import Any

import pytest

from lifecycle.application.rollout.plan import preview
from lifecycle.domain.fleet.host import Feature
from lifecycle.domain.rollout.deployment import Kind
from lifecycle.domain.service.manifest import ProcessCommand, Run, Schedule
from lifecycle.domain.service.needs import is_runtime
from tests.support.rollout import CLUSTER, Machine, manifest


def machine_with(*features: str) -> Machine:
    """Return a cluster that runs a version with processes; host-2 is the one that knows only these features."""
    machine = Machine()
    machine.publish(manifest("1.1.0", processes={"worker": ProcessCommand("./work")}))
    for host, report in machine.memory.fleet.reports(CLUSTER).items():
        known = features if host == "host-2" else tuple(Feature)
        machine.memory.fleet.write_report(CLUSTER, replace(report, features=known))
    return machine


def test_host_whose_agent_knows_no_processes_blocks_their_deployment() -> None:
    machine = machine_with()
    assert preview(machine.context, machine.request("1.1.0")).blockers == (
        "1.1.0 has [processes], which the agent of host-2 is too old to run: update it first",
    )


def test_version_without_processes_needs_no_newer_agent() -> None:
    machine = machine_with()
    assert preview(machine.context, machine.request("1.0.0")).blockers == ()


def test_newer_agents_may_know_features_that_this_version_does_not() -> None:
    machine = machine_with(*Feature, "teleport")
    assert preview(machine.context, machine.request("1.1.0")).blockers == ()


def test_rollback_to_such_a_version_is_only_warned_about() -> None:
    machine = machine_with()
    plan = preview(machine.context, machine.request("1.1.0", Kind.CONVERGE))
    assert not [why for why in plan.blockers if "processes" in why]
    assert any("too old to run: update it" in text for text in plan.warnings)


def test_host_whose_agent_knows_no_schedules_blocks_their_deployment() -> None:
    machine = machine_with(Feature.PROCESSES)
    machine.publish(manifest("1.2.0", schedules={"report": Schedule("./report", "0 3 * * *")}))
    assert preview(machine.context, machine.request("1.2.0")).blockers == (
        "1.2.0 has [schedules], which the agent of host-2 is too old to run: update it first",
    )


def machine_that_needs(needs: tuple[str, ...], commands: tuple[str, ...], **run: Any) -> Machine:
    """Return a cluster whose 1.1.0 has needs; host-2 has these commands only, the others have every need."""
    machine = Machine()
    machine.publish(manifest("1.1.0", run=Run("exec ./serve", 8080, needs=needs, **run)))
    for host, report in machine.memory.fleet.reports(CLUSTER).items():
        found = commands if host == "host-2" else needs
        machine.memory.fleet.write_report(CLUSTER, replace(report, features=tuple(Feature), commands=found))
    return machine


def test_host_that_lacks_a_runtime_blocks_the_deployment_before_anything_is_drained() -> None:
    machine = machine_that_needs(("python3.13", "node"), ("node", "python3.9"))
    how = "install it by `packages` of the cluster in cdk.json, or by hand"
    found = preview(machine.context, machine.request("1.1.0")).blockers
    assert found == (f"host-2 lacks python3.13, which 1.1.0 needs (run.needs): {how}",)


def test_hosts_that_have_what_is_needed_block_nothing() -> None:
    machine = machine_that_needs(("python3.13",), ("python3.13",))
    assert preview(machine.context, machine.request("1.1.0")).blockers == ()


def test_other_commands_are_left_to_the_hosts_own_check() -> None:
    machine = machine_that_needs(("ffmpeg",), ())
    assert preview(machine.context, machine.request("1.1.0")).blockers == ()


def test_version_with_its_own_path_is_left_to_the_hosts_own_check() -> None:
    machine = machine_that_needs(("python3.13",), (), environment={"PATH": "/opt/python/bin"})
    assert preview(machine.context, machine.request("1.1.0")).blockers == ()


def test_rollback_to_a_version_whose_runtime_is_gone_is_only_warned_about() -> None:
    machine = machine_that_needs(("python3.13",), ())
    plan = preview(machine.context, machine.request("1.1.0", Kind.CONVERGE))
    assert not [why for why in plan.blockers if "lacks" in why]
    assert any("host-2 lacks python3.13" in text for text in plan.warnings)


def test_agent_that_cannot_check_needs_is_a_warning() -> None:
    machine = machine_that_needs(("python3.13",), ())
    report = machine.memory.fleet.reports(CLUSTER)["host-2"]
    machine.memory.fleet.write_report(CLUSTER, replace(report, features=("processes",)))
    plan = preview(machine.context, machine.request("1.1.0"))
    assert plan.blockers == ()
    assert "1.1.0 needs python3.13, which the agent of host-2 cannot check" in plan.warnings


@pytest.mark.parametrize(
    ("name", "reported"),
    [
        *((name, True) for name in ("python3", "python3.13", "node", "java", "php8", "ruby3.3", "node-22")),
        *((name, False) for name in ("ffmpeg", "nodejs-docs", "javac", "python3.13-config", "", "gofmt")),
    ],
)
def test_a_runtime_is_known_by_its_name(name: str, *, reported: bool) -> None:
    assert is_runtime(name) is reported
