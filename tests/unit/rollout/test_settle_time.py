"""The settle time: a host serves on after its drain, since parts of an ALB may send requests for seconds."""

from dataclasses import replace
from datetime import timedelta

import pytest

from lifecycle.application.rollout.diagnose import diagnose
from lifecycle.application.rollout.plan import preview
from lifecycle.application.rollout.stages import await_alive, drain, install, register, self_test
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.policy import Policy
from tests.support.rollout import CLUSTER, Machine

SETTLE = timedelta(seconds=10)
POLICY = Policy(min_alive_seconds=0)


def begun(machine: Machine) -> str:
    machine.deploy("1.0.0")
    machine.memory.clock.sleep(1)
    request = machine.request("1.0.1")
    assert machine.begin(request).kind == "PLANNED"
    return request.deployment


def test_drained_host_serves_on_for_ten_seconds() -> None:
    machine = Machine(policy=POLICY)
    name = begun(machine)
    task = machine.hand_out(name, "host-1")
    before = machine.now
    assert drain(machine.context, task).outcome == "PASSED"
    assert machine.now - before >= SETTLE
    assert machine.report("host-1").running


def test_time_of_the_drain_counts() -> None:
    machine = Machine(policy=POLICY)
    name = begun(machine)
    address = machine.host("host-1").address
    machine.memory.dispatcher.busy.add(address)
    left = machine.now + timedelta(seconds=30)

    def end() -> None:
        if machine.now >= left:
            machine.memory.dispatcher.busy.discard(address)

    machine.memory.clock.ticks.append(end)
    assert drain(machine.context, machine.hand_out(name, "host-1")).outcome == "PASSED"
    assert machine.now <= left + timedelta(seconds=2)


def test_host_that_was_out_already_settles_too() -> None:
    machine = Machine(policy=POLICY)
    name = begun(machine)
    del machine.memory.dispatcher.states[CLUSTER][machine.host("host-1").address]
    before = machine.now
    assert drain(machine.context, machine.hand_out(name, "host-1")).outcome == "PASSED"
    assert machine.now - before >= SETTLE


def test_service_that_does_not_run_needs_no_time() -> None:
    machine = Machine(policy=POLICY)
    request = machine.request("1.0.0")
    assert machine.begin(request).kind == "PLANNED"
    before = machine.now
    assert drain(machine.context, machine.hand_out(request.deployment, "host-1")).outcome == "PASSED"
    assert machine.now - before < SETTLE


def test_laptop_waits_for_nothing() -> None:
    machine = Machine(policy=POLICY)
    machine.context = replace(machine.context, settles=False)
    name = begun(machine)
    assert machine.record(name).policy.settle_seconds == 0
    before = machine.now
    assert drain(machine.context, machine.hand_out(name, "host-1")).outcome == "PASSED"
    assert machine.now - before < SETTLE


def test_service_without_http_settles_never() -> None:
    machine = Machine(policy=POLICY, http=False)
    assert machine.record(begun(machine)).policy.settle_seconds == 0


@pytest.mark.parametrize(("settles", "seconds"), [(True, 10), (False, 0)])
def test_plan_shows_the_settle_time(*, settles: bool, seconds: int) -> None:
    machine = Machine(policy=POLICY)
    context = replace(machine.context, settles=settles)
    assert preview(context, machine.request("1.0.0")).settle_seconds == seconds


def test_host_that_is_not_alive_serves_on_before_its_diagnosis_stops_it() -> None:
    machine = Machine(policy=POLICY)
    name = begun(machine)
    host = machine.host("host-1")
    task = machine.hand_out(name, "host-1")
    for stage in (drain, install, self_test, register):
        assert stage(machine.context, task).outcome == "PASSED"
    machine.memory.dispatcher.dead.add(host.address)
    assert await_alive(machine.context, task).outcome == "FAILED"
    left = machine.now
    machine.memory.dispatcher.settle()
    machine.memory.dispatcher.dead.clear()
    began: list[timedelta] = []
    installed = machine.report("host-1").boot

    def note() -> None:
        if not began and machine.report("host-1").boot != installed:
            began.append(machine.now - left)

    machine.memory.clock.ticks.append(note)
    diagnose(machine.context, task)
    assert began[0] >= SETTLE


def test_rollout_with_the_default_settle_time_ends_done() -> None:
    machine = Machine(policy=POLICY)
    machine.deploy("1.0.0")
    assert machine.record(machine.deploy("1.0.1")).state is DeploymentState.DONE
