"""A version and its configuration go out as a pair, and come back as one."""

from dataclasses import replace

import pytest

from apps.cli.start import request_payload
from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.rollout.plan import preview
from lifecycle.application.rollout.planned_config import planned_config
from lifecycle.application.rollout.rollback import rollback_target
from lifecycle.domain.errors import Refused
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.attempt import AttemptState, Blame
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind, Override
from lifecycle.domain.service.configuration import ConfigNames, ConfigRevision, difference
from lifecycle.domain.service.target import Target
from lifecycle.entrypoints.events import RequestDeployment
from tests.support.rollout import CLUSTER, Machine, manifest


@pytest.fixture
def machine() -> Machine:
    made = Machine()
    configure(made, COLOUR="red")
    made.deploy("1.0.0")
    return made


def configure(machine: Machine, *, recorded: bool = True, **values: str) -> int:
    """Write the next revision; with `recorded` unset, as somebody does beside Lifecycle."""
    store = machine.memory.config_store
    before = store.read(CLUSTER)
    revision = store.write(CLUSTER, values, before.revision)
    if recorded:
        changed = difference(before.values, values)
        names = tuple(sorted(values))
        machine.memory.configurations.record(
            ConfigRevision(str(CLUSTER), revision, names, changed, "ada", "", machine.now)
        )
    return revision


def configs(machine: Machine) -> set[int]:
    return {report.config for report in machine.memory.fleet.reports(CLUSTER).values()}


def target(machine: Machine, name: str) -> tuple[str, int]:
    found = machine.record(name).target
    return found.version, found.config


def test_deployment_takes_the_newest_configuration(machine: Machine) -> None:
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert (configs(machine), desired.config) == ({1}, 1)
    configure(machine, COLOUR="blue")
    name = machine.deploy("1.0.1")
    assert (target(machine, name), configs(machine)) == (("1.0.1", 2), {2})


def test_changed_configuration_changes_nothing_until_it_is_deployed(machine: Machine) -> None:
    configure(machine, COLOUR="blue")
    machine.memory.clock.sleep(1)
    (found,) = converge_all(machine.context, "ab12", "schedule")
    assert (found.kind, configs(machine)) == ("CONVERGED", {1})
    name = machine.deploy("1.0.0")
    assert (target(machine, name), configs(machine)) == (("1.0.0", 2), {2})
    assert machine.record(name).previous == Target("1.0.0", machine.record(name).target.digest, 1)


def test_plan_names_what_changes_and_no_value(machine: Machine) -> None:
    configure(machine, COLOUR="blue-secret", LIMIT="5")
    configure(machine, COLOUR="blue-secret", LIMIT="6")
    found = preview(machine.context, machine.request("1.0.0"))
    assert found.config.in_words == "config 3, 1 runs: COLOUR, LIMIT"
    assert [each.why for each in found.hosts] == ["runs with config 1, not with 3"] * 4
    assert "blue-secret" not in repr(found)


def test_rollback_goes_back_to_the_pair_and_quarantines_the_configuration_alone(machine: Machine) -> None:
    configure(machine, COLOUR="blue")
    bad = machine.deploy("1.0.0")
    back = rollback_target(machine.context, CLUSTER)
    assert (back.bad.id, back.to.in_words) == (bad, "1.0.0 with config 1")
    name = machine.deploy("1.0.0", Kind.ROLLBACK, rollback_of=bad, config=back.to.config)
    assert (machine.record(name).state, configs(machine)) == (DeploymentState.DONE, {1})
    assert set(machine.memory.fleet.quarantined(CLUSTER)) == {"config-2"}
    found = preview(machine.context, machine.request("1.0.0"))
    assert found.blockers[0] == (
        f"config-2 is quarantined: rolled back by ada ({name}); "
        "write the next revision (lifecycle config set hello NAME=VALUE -e production), "
        "lift it (lifecycle unquarantine), or use --even-if-quarantined"
    )
    assert preview(machine.context, machine.request("1.0.0", overrides=(Override.QUARANTINE,))).blockers == ()
    configure(machine, COLOUR="green")
    assert preview(machine.context, machine.request("1.0.0")).blockers == ()


def test_rollback_of_version_and_configuration_goes_back_to_both(machine: Machine) -> None:
    configure(machine, COLOUR="blue")
    bad = machine.deploy("1.0.1")
    back = rollback_target(machine.context, CLUSTER)
    assert (back.to.version, back.to.config) == ("1.0.0", 1)
    machine.deploy("1.0.0", Kind.ROLLBACK, rollback_of=bad, config=back.to.config)
    assert configs(machine) == {1}
    assert set(machine.memory.fleet.quarantined(CLUSTER)) == {"1.0.1"}


def test_no_other_pair_is_no_rollback_target(machine: Machine) -> None:
    machine.deploy("1.0.0")
    with pytest.raises(Refused, match=r"no version other than 1\.0\.0 with config 1 was verified there"):
        rollback_target(machine.context, CLUSTER)


def test_bad_configuration_halts_at_the_first_host_and_rolls_back_to_the_pair(machine: Machine) -> None:
    configure(machine, COLOUR="blue")
    for host in machine.hosts:
        host.bad_configs.add(2)
    name = machine.deploy("1.0.0")
    assert machine.record(name).state is DeploymentState.HALTED
    assert configs(machine) == {1}  # the one that failed got the pair of before, out of rotation
    machine.decide(name, Choice.ROLL_BACK, machine.record(name).hosts[0])
    assert configs(machine) == {1}
    assert machine.record(name).state is DeploymentState.ROLLED_BACK


def test_diagnosis_tries_the_pair_of_before(machine: Machine) -> None:
    """The same version with the configuration of before passes: the new configuration is to blame."""
    configure(machine, COLOUR="blue")
    for host in machine.hosts:
        host.bad_configs.add(2)
    name = machine.deploy("1.0.0")
    (attempt,) = machine.context.deployments.attempts(name)
    assert (attempt.blame, attempt.diagnosis) == (
        Blame.VERSION,
        f"{attempt.host} passes its self-test with 1.0.0 with config 1: the new configuration is to blame",
    )
    assert machine.turn(attempt.host).config == 1


def test_convergence_repairs_drift_of_the_configuration(machine: Machine) -> None:
    configure(machine, COLOUR="blue")  # a newer one is no reason to touch a host
    report = machine.report("host-3")
    machine.memory.fleet.write_report(CLUSTER, replace(report, config=0))
    machine.memory.clock.sleep(1)
    (found,) = converge_all(machine.context, "ab12", "schedule")
    assert (found.kind, "host-3 runs with config none, not with 1" in found.reason) == ("REPAIR", True)
    name = machine.run_what_waited()
    assert (machine.record(name).state, target(machine, name), configs(machine)) == (
        DeploymentState.DONE,
        ("1.0.0", 1),
        {1},
    )


def test_missing_name_is_a_blocker_that_says_how_to_set_it(machine: Machine) -> None:
    machine.publish(replace(manifest("1.0.3"), config=ConfigNames(required=("DATABASE_URL", "COLOUR"))))
    (why,) = preview(machine.context, machine.request("1.0.3")).blockers
    assert why == (
        "1.0.3 requires DATABASE_URL, which config 1 of production/hello does not have: "
        "lifecycle config set hello DATABASE_URL -e production"
    )
    configure(machine, COLOUR="red", DATABASE_URL="x")
    assert preview(machine.context, machine.request("1.0.3")).blockers == ()


def test_names_of_a_configuration_that_was_written_beside_lifecycle_are_not_known(machine: Machine) -> None:
    configure(machine, recorded=False, COLOUR="blue")
    machine.publish(replace(manifest("1.0.3"), config=ConfigNames(required=("DATABASE_URL",))))
    (why,) = preview(machine.context, machine.request("1.0.3")).blockers
    assert why == (
        "config 2 was written beside Lifecycle, so its names are not recorded: "
        "`lifecycle config list hello -e production` records them"
    )
    machine.deploy("1.0.1", config=1)
    repair = preview(machine.context, machine.request("1.0.1", Kind.CONVERGE, config=2))
    assert repair.blockers == ()
    assert any("config 2 was written beside Lifecycle" in each for each in repair.warnings)


def test_pair_that_was_shown_is_the_pair_that_is_deployed(machine: Machine) -> None:
    configure(machine, COLOUR="blue")
    request = machine.request("1.0.1")
    pinned = preview(machine.context, request).config.pinned(request)
    configure(machine, COLOUR="green")
    assert machine.begin(pinned).kind == "PLANNED"
    machine.run(pinned.deployment)
    assert (target(machine, pinned.deployment), configs(machine)) == (("1.0.1", 2), {2})


def test_plan_that_is_repeated_keeps_its_configuration(machine: Machine) -> None:
    """Its agents may have prefetched for the first one."""
    machine.stop_at = "UPDATE_HOSTS"
    request = machine.request("1.0.1")
    machine.begin(request)
    record = machine.record(request.deployment)
    machine.memory.deployments._deployments[CLUSTER, record.id] = replace(record, state=DeploymentState.QUEUED)
    configure(machine, COLOUR="green")
    assert machine.begin(request).kind == "PLANNED"
    assert machine.record(request.deployment).target.config == 1


def test_hosts_check_the_configuration_when_they_prefetch(machine: Machine) -> None:
    configure(machine, COLOUR="blue")
    machine.begin(machine.request("1.0.1"))
    assert {machine.turn(host.name).config for host in machine.hosts} == {2}


def test_first_configuration_of_a_service_that_had_none() -> None:
    machine = Machine()
    first = machine.deploy("1.0.0")
    configure(machine, COLOUR="red")
    second = machine.deploy("1.0.0")
    assert (target(machine, first), target(machine, second)) == (("1.0.0", 0), ("1.0.0", 1))
    back = rollback_target(machine.context, CLUSTER)
    assert back.to == machine.record(first).target
    machine.deploy("1.0.0", Kind.ROLLBACK, rollback_of=second, config=0)
    assert configs(machine) == {0}


def test_request_has_the_revision_and_no_value(machine: Machine) -> None:
    request = replace(machine.request("1.0.1"), config=7)
    given = request_payload(request)
    assert given["config"] == 7
    assert RequestDeployment.model_validate(given).request() == request
    assert "config" not in request_payload(machine.request("1.0.1"))


def test_host_that_reports_another_configuration_gets_no_traffic(machine: Machine) -> None:
    """An agent of before knows no configuration, and starts the service without one."""
    configure(machine, COLOUR="blue")
    machine.host("host-1").knows_no_config = True
    name = machine.deploy("1.0.0")
    failed = next(a for a in machine.context.deployments.attempts(name) if a.host == "host-1")
    assert failed.state is AttemptState.FAILED
    assert "expected config 2, found none: an agent of before knows no configuration, so update it" in failed.reason


def test_rollback_of_a_running_deployment_is_to_the_pair_of_before(machine: Machine) -> None:
    configure(machine, COLOUR="blue")
    current = machine.record(machine.deploy("1.0.0"))
    assert current.previous is not None
    asked = current.rollback_request(current.previous, "ada", "it is blue", machine.now)
    assert (asked.version, asked.config) == ("1.0.0", 1)


def test_repair_of_a_new_host_leaves_the_hosts_of_an_aborted_configuration_alone(machine: Machine) -> None:
    """The version is the same, but the pair is not: an abort leaves everything as it is."""
    configure(machine, COLOUR="blue")
    first, second, *_ = [each.host for each in preview(machine.context, machine.request("1.0.0")).hosts]
    machine.host(second).bad_configs.add(2)
    name = machine.deploy("1.0.0")
    assert machine.record(name).state is DeploymentState.HALTED
    machine.decide(name, Choice.ABORT, second)
    aborted = machine.memory.registry.desired(CLUSTER)
    assert aborted is not None
    assert (machine.record(name).state, aborted.config) == (DeploymentState.ABORTED, 2)
    machine.join("host-5")
    machine.memory.clock.sleep(1)
    (found,) = converge_all(machine.context, "ab12", "schedule")
    assert found.kind == "REPAIR"
    repair = machine.record(machine.run_what_waited())
    assert (repair.state, repair.target.config, repair.request.only) == (DeploymentState.DONE, 1, ("host-5",))
    assert machine.memory.registry.desired(CLUSTER) == aborted
    machine.memory.clock.sleep(1)
    (found,) = converge_all(machine.context, "cd34", "schedule")
    assert found.kind == "HOLD"
    assert machine.report(first).config == 2


def test_deleted_configuration_blocks_a_deployment_and_no_rollback(machine: Machine) -> None:
    """A service would begin without its variables, and may pass its self-test with the defaults of its code."""
    configure(machine, COLOUR="blue")
    bad = machine.deploy("1.0.1")
    machine.memory.config_store.documents.clear()
    (why,) = preview(machine.context, machine.request("1.0.2")).blockers
    assert why == (
        "production/hello runs with config 2, but its parameter was deleted: "
        "write all names again with lifecycle config import hello FILE -e production"
    )
    back = rollback_target(machine.context, CLUSTER).to
    asked = machine.request(back.version, Kind.ROLLBACK, rollback_of=bad, config=back.config)
    assert preview(machine.context, asked).blockers == ()
    configure(machine, COLOUR="red")
    assert preview(machine.context, machine.request("1.0.2")).blockers == ()


def test_configuration_that_parameter_store_no_longer_has_is_no_rollback_target(machine: Machine) -> None:
    for number in range(99):
        configure(machine, COLOUR=str(number))
    assert preview(machine.context, machine.request("1.0.1")).blockers == ()
    configure(machine, COLOUR="blue")
    (why,) = preview(machine.context, machine.request("1.0.1")).blockers
    assert why.startswith(
        "there is no rollback target: config 1 is gone: Parameter Store keeps the newest 100, and the newest is 101"
    )
    asked = machine.request("1.0.1", overrides=(Override.NO_ROLLBACK_TARGET,))
    assert preview(machine.context, asked).blockers == ()


@pytest.mark.parametrize(("version", "revision"), [("1.0.0", 1), ("1.0.1", 0)])
def test_repair_that_names_no_configuration_has_that_of_the_desired_version(
    machine: Machine, version: str, revision: int
) -> None:
    """An older control plane asked for such repairs."""
    configure(machine, COLOUR="blue")
    request = replace(machine.request(version, Kind.CONVERGE), config=None)
    desired = machine.memory.registry.desired(CLUSTER)
    assert planned_config(machine.context, request, desired, (), {}).revision == revision


def test_rollback_of_a_configuration_that_no_host_runs_changes_none(machine: Machine) -> None:
    """Its first host failed, so the others still run the one before."""
    configure(machine, COLOUR="blue")
    machine.host("host-2").breaks["1.0.1"] = AgentStage.SELF_TESTING
    bad = machine.deploy("1.0.1")
    machine.decide(bad, Choice.ABORT, machine.record(bad).hosts[0])
    desired = machine.memory.registry.desired(CLUSTER)
    assert desired is not None
    assert desired.config == 2
    request = machine.request("1.0.0", Kind.ROLLBACK, rollback_of=bad, config=1)
    found = preview(machine.context, request)
    assert (found.config.running, found.config.in_words) == (1, "")
