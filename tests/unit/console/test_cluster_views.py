"""The view of a cluster: its last deployment is the one whose version the registry desires, in both interfaces."""

from dataclasses import replace

import pytest

from lifecycle.application.queries.clusters import view_cluster
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import CLUSTER, manifest
from tests.unit.cli.conftest import Desk as Terminal
from tests.unit.console.desk import Desk


def end(desk: Desk, name: str, choice: Choice) -> None:
    desk.machine.decide(name, choice, "host-2")


def aborted(desk: Desk) -> str:
    end(desk, desk.halted(), Choice.ABORT)
    return "ABORTED"


def rolled_back(desk: Desk) -> str:
    end(desk, desk.halted(), Choice.ROLL_BACK)
    return ""


def rejected_before_its_first_host(desk: Desk) -> str:
    desk.machine.publish(manifest("1.2.0", Policy(approval=ApprovalGate.BEFORE_FIRST_HOST)))
    desk.machine.approve(desk.machine.deploy("1.2.0"), Choice.REJECT)
    return ""


def repaired(desk: Desk) -> str:
    desk.machine.repaired(60)
    return ""


def refused(desk: Desk) -> str:
    desk.machine.memory.fleet.quarantine(CLUSTER, "1.0.1", "slow")
    desk.machine.begin(desk.machine.request("1.0.1"))
    return ""


@pytest.mark.parametrize("happen", [aborted, rolled_back, rejected_before_its_first_host, repaired, refused])
def test_last_deployment_is_the_desired_one_and_unsettled_reads_alike(desk: Desk, happen: object) -> None:
    assert callable(happen)
    state = happen(desk)
    view = view_cluster(desk.machine.context, CLUSTER)
    desired = desk.machine.context.registry.desired(CLUSTER)
    assert desired
    assert view.last
    assert (view.last.target.version, view.last.target.digest) == (desired.version, desired.digest)
    assert str(view.status or "") == state
    terminal = Terminal()
    terminal.connection = replace(terminal.connection, context=desk.machine.context)
    row = next(line for line in terminal.type("status").stdout.splitlines() if line.startswith(str(CLUSTER)))
    assert row.split()[-1] == (state or "-")
    assert (f"{state} 1.0.1" if state else "DONE") in desk.see("clusters").text


def test_cluster_without_a_record_of_its_holder_is_being_planned(desk: Desk) -> None:
    desk.machine.memory.leases.acquire(CLUSTER, "hello-production-20261123130000-abcd", desk.machine.now)
    assert str(view_cluster(desk.machine.context, CLUSTER).status) == "planning"
