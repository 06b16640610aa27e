"""Scratch."""
from dataclasses import replace
import pytest
from datetime import timedelta
from lifecycle.domain.fleet.host import AgentStage, ServiceEnd
from lifecycle.domain.rollout.attempt import Blame
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from tests.support.rollout import CLUSTER, Machine
from tests.support.converging import converge as conv
from tests.unit.convergence.test_crash_loop import ends, converge, reported


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    made.deploy("1.0.0")
    return made


def test_hosts_that_a_failed_repair_never_reached(machine):
    for h in ("host-1", "host-2", "host-3"):
        ends(machine, h)
    for h in ("host-1", "host-2"):
        machine.host(h).breaks["1.0.0"] = AgentStage.SELF_TESTING
    out = []
    for _ in range(12):
        f = converge(machine)
        out.append((f.kind, f.reason[:300], machine.memory.deployments.recent(CLUSTER,1)[0].reason[:90]))
        if machine.report("host-3").running: break
        machine.memory.clock.sleep(20)
    for o in out: print(o)
    print(reported(machine))
    assert reported(machine) == []
    assert len([o for o in out if o[0]=="HOLD"]) == 0


@pytest.mark.parametrize("how", ["healthy", "dead"])
def test_single_host_moves_port(how):
    machine = Machine(hosts=1)
    machine.deploy("1.0.0")
    r = machine.report("host-1")
    machine.memory.fleet.write_report(CLUSTER, replace(r, port=9090))
    if how == "dead":
        machine.memory.dispatcher.dead |= {machine.host("host-1").address}
        machine.memory.clock.sleep(1)
    for _ in range(4):
        k = conv(machine); print(k)
        if k[0] == "REPAIR":
            machine.run_what_waited()
            print(machine.memory.deployments.recent(CLUSTER,1)[0].reason)
        machine.memory.clock.sleep(900)
        print({str(e)+e.state for e in machine.context.dispatcher.registered(CLUSTER)})
    assert {str(e) for e in machine.context.dispatcher.registered(CLUSTER)} == {f"{r.address}:9090"}


def test_outage_during_rollout_blames_no_host(machine):
    for h in machine.hosts:
        machine.memory.dispatcher.dead.add(h.address)
        h.breaks.update({"1.0.1": AgentStage.SELF_TESTING, "1.0.0": AgentStage.SELF_TESTING})
    machine.memory.clock.sleep(1)
    name = machine.deploy("1.0.1")
    q = machine.memory.deployments.questions(name)
    print(machine.record(name).state, machine.record(name).reason)
    print([(x.host, x.blame, x.diagnosis) for x in q], machine.memory.fleet.quarantined_hosts(CLUSTER))
    assert machine.memory.fleet.quarantined_hosts(CLUSTER) == {}


def test_death_after_abort(machine):
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.ABORT, "host-2")
    print(machine.record(name).state, machine.context.registry.desired(CLUSTER))
    for h in machine.hosts: print(h.name, machine.report(h.name).installed, machine.report(h.name).running)
    ends(machine, "host-3")
    f = converge(machine)
    print(f)
    assert f.kind == "REPAIR"


def test_two_fall_at_once(machine):
    machine.stop_at = "FINISH"
    name = machine.deploy("1.0.1")
    machine.stop_at = ""
    ends(machine, "host-1"); ends(machine, "host-4")
    machine.run(name)
    q = machine.memory.deployments.questions(name)
    print([(x.host, x.attempt, x.blame, x.reason) for x in q])
    machine.decide(name, Choice.SKIP_HOST, q[-1].host)
    q = machine.memory.deployments.questions(name)
    print([(x.host, x.attempt, x.blame, x.reason) for x in q], machine.record(name).state, machine.record(name).reason)
    machine.decide(name, Choice.RETRY, q[-1].host)
    print(machine.record(name).state, machine.record(name).reason)
