"""The simulated hosts run release commands as real ones do: once, whatever becomes of the agent."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.rollout.deployment import Deployment, Request
from lifecycle.domain.service.manifest import ReleaseCommand
from lifecycle.domain.service.target import Target
from tests.simulation.hosts import Flaw, Host
from tests.simulation.scenario import VERSIONS
from tests.simulation.simulation import Simulation

VERSION = VERSIONS[1]


@pytest.fixture
def sim() -> Iterator[Simulation]:
    """A calm run, in which VERSION has a release command and no flaw."""
    made = Simulation(0)
    made.calm = True
    made.scenario.flaws[VERSION] = (Flaw.NONE, "", 1.0)
    yield made
    made.close()


def command(sim: Simulation) -> Host:
    """Give the first host the turn to run the release command."""
    host = next(iter(sim.hosts.values()))
    manifest = sim.artifacts.manifest(sim.cluster.service, VERSION)
    object.__setattr__(manifest, "release", ReleaseCommand("./migrate"))
    now = sim.time()
    asked = Request("d", sim.cluster.service, sim.cluster.environment, VERSION, "ada")
    target = Target(VERSION, manifest.digest)
    sim.oracle.records["d"] = Deployment.not_begun(asked, target, sim.scenario.policy, now)
    turn = Turn(host.name, Order.RELEASE, "d", 9, 0, VERSION, manifest.digest, now, now + timedelta(hours=1))
    sim.fleet.give_turns(sim.cluster, [turn])
    return host


def report(sim: Simulation, host: Host) -> HostReport:
    found = sim.fleet.report(sim.cluster, host.name)
    assert found is not None
    return found


@pytest.mark.parametrize(("flaw", "stage"), [(Flaw.NONE, AgentStage.RELEASED), (Flaw.RELEASE, AgentStage.FAILED)])
def test_release_command_runs_once(sim: Simulation, flaw: Flaw, stage: AgentStage) -> None:
    sim.scenario.flaws[VERSION] = (flaw, "", 1.0)
    host = command(sim)
    sim.start_agent(host)
    sim.run(120.0)
    assert report(sim, host).stage is stage
    assert host.release_runs == [("d", 0, VERSION, flaw is Flaw.NONE)]


def test_release_command_of_a_killed_agent_is_not_known(sim: Simulation) -> None:
    host = command(sim)
    sim.start_agent(host)
    while not host.release_runs:
        sim.run(sim.now + 0.2)
    assert host.agent
    sim.kill(host.agent)
    sim.start_agent(host)
    sim.run(sim.now + 120.0)
    assert report(sim, host).release_not_known
    assert host.release_runs == [("d", 0, VERSION, False)]
