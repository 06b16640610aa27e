"""Operator actions at the wrong moment, and changes made by hand beside Lifecycle.

Deployments, a freeze, a quarantine, the removal of a live host; a second execution of a deployment, an edit of the
desired version, and a deleted record. Each is one of the faults of faults.py.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.service.configuration import ConfigRevision, difference
from tests.simulation.hosts import Flaw
from tests.simulation.liars import LIAR

if TYPE_CHECKING:
    from tests.simulation.hosts import Host
    from tests.simulation.simulation import Simulation


def converge(sim: "Simulation", _host: "Host") -> None:
    sim.operators.converge()


def deploy(sim: "Simulation", _host: "Host") -> None:
    sim.operators.deploy()


def two_at_once(sim: "Simulation", _host: "Host") -> None:
    sim.operators.deploy()
    sim.after(0.0, 0.5, sim.operators.deploy)


def configure(sim: "Simulation", _host: "Host") -> None:
    """Write a new revision of the configuration, sometimes a bad one; deploy it now and then."""
    newest = sim.config_store.read(sim.cluster)
    values = {**newest.values, sim.rng.choice(("COLOUR", "LIMIT")): f"value-{newest.revision + 1}"}
    if sim.random() < 0.1:
        del values[sim.rng.choice(sorted(values))]
    revision = sim.config_store.write(sim.cluster, values, newest.revision)
    names, changed = tuple(sorted(values)), difference(newest.values, values)
    if sim.random() < 0.9:  # else somebody wrote it beside Lifecycle
        record = ConfigRevision(str(sim.cluster), revision, names, changed, "ada", "wanted", sim.time())
        sim.configurations.record(record)
    if sim.random() < 0.3:
        sim.scenario.config_flaws[revision] = sim.rng.choice((Flaw.START, Flaw.SELF_TEST, Flaw.ALIVE))
    if sim.random() < 0.6:
        desired = sim.registry.desired(sim.cluster)
        sim.operators.deploy(desired.version if desired else "")


def remove(sim: "Simulation", host: "Host") -> None:
    """Remove a host whose agent is running, so that the host comes back."""
    sim.operators.remove_host(host.name)


def freeze(sim: "Simulation", _host: "Host") -> None:
    scope = sim.rng.choice(("*", "production", "production/hello", "staging"))
    sim.operators.freeze(scope)
    if sim.random() < 0.7:
        sim.after(60.0, 1200.0, lambda: sim.operators.freeze(scope, lift=True))


def quarantine(sim: "Simulation", host: "Host") -> None:
    name = host.name if sim.random() < 0.6 else sim.rng.choice(sim.scenario.versions)
    sim.operators.quarantine(name)
    if sim.random() < 0.7:
        sim.after(60.0, 1200.0, lambda: sim.operators.quarantine(name, lift=True))


def second_execution(sim: "Simulation", _host: "Host") -> None:
    """Start another execution of a deployment that runs, as the console of Step Functions offers."""
    if running := [each for each in sim.executions.running() if each.started_by != LIAR]:
        first = sim.rng.choice(running)
        name = f"{first.name.partition('_')[0]}-{sim.rng.getrandbits(16):04x}"
        sim.executions.start_execution(name, first.given, by="ada")


def edit_desired(sim: "Simulation", _host: "Host") -> None:
    """Edit or delete the parameter of the desired version, or set an older version of it again."""
    desired = sim.registry.desired(sim.cluster)
    writer = sim.deployments.get(sim.cluster, desired.deployment) if desired else None
    if (
        desired is None
        or writer is None
        or writer.epoch != desired.epoch
        or sim.oracle.desired_by_hand_at is not None
    ):
        return
    older = [each for each in sim.oracle.desired_before if each.epoch < desired.epoch]
    others = [version for version in sim.scenario.versions if version != desired.version]
    edits: tuple[Callable[[], Desired | None], ...] = (
        lambda: replace(desired, version=sim.rng.choice(others)),
        lambda: replace(desired, digest="0" * 64),
        lambda: replace(desired, config=desired.config + 1),
        lambda: replace(desired, deployment=f"{desired.deployment}-x"),
        lambda: sim.rng.choice(older) if older else None,
        lambda: None,
    )
    edited = sim.rng.choice(edits)()
    sim.oracle.desired_by_hand_at = sim.now
    if edited is None:
        sim.registry._desired.pop(sim.cluster)
    else:
        sim.registry.set_desired(sim.cluster, edited)


def delete_record(sim: "Simulation", _host: "Host") -> None:
    """Delete the record of the deployment that the desired version names, while nothing is deployed."""
    desired = sim.registry.desired(sim.cluster)
    record = sim.deployments.get(sim.cluster, desired.deployment) if desired else None
    free = not sim.leases.current(sim.cluster).deployment
    if record and free and record.state is DeploymentState.DONE and sim.oracle.desired_by_hand_at is None:
        sim.deployments._deployments.pop((sim.cluster, record.id))
        sim.oracle.deleted.add(record.id)
        sim.oracle.desired_by_hand_at = sim.now
