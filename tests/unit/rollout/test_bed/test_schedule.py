"""A test bed from its first host to its end: its hosts, its verdict, and what follows."""

from dataclasses import replace

import pytest

from lifecycle.application.rollout.next_step import Decided
from lifecycle.application.rollout.plan import begin, preview
from lifecycle.domain.analysis.model import Better, Measure, Scale, Verdict
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.test_bed.model import BedState
from lifecycle.domain.service.policy import AfterBake, ApprovalGate, OnFail, Policy
from tests.support.rollout import CLUSTER, Machine, manifest
from tests.unit.rollout.test_bed.conftest import POLICY, served


def weights(machine: Machine) -> dict[Group, int]:
    return dict(machine.memory.dispatcher.weights(CLUSTER))


def hosts_in_test_groups(machine: Machine) -> set[str]:
    states = machine.memory.dispatcher.targets(CLUSTER)
    return {h.name for h in machine.hosts if states.get(h.address) is TargetState.TEST_GROUP}


def until(machine: Machine, kind: str, version: str = "1.0.1") -> str:
    """Run a deployment up to its first step of this kind."""
    machine.memory.clock.sleep(1)
    request = machine.request(version)
    assert begin(machine.context, request, request.deployment).kind == "PLANNED"
    machine.stop_at = kind
    machine.run(request.deployment)
    machine.stop_at = ""
    return request.deployment


def test_good_version_passes_and_reaches_every_host(machine: Machine) -> None:
    name = machine.deploy("1.0.1")
    bed = machine.bed(name)
    assert (bed.state, bed.judgement and bed.judgement.verdict) == (BedState.PASSED, Verdict.PASS)
    assert machine.record(name).state is DeploymentState.DONE
    assert set(machine.serving().values()) == {"1.0.1"}
    assert hosts_in_test_groups(machine) == set()
    assert weights(machine) == {Group.MAIN: 4, Group.TEST_BED: 0, Group.CONTROL: 0}


def test_control_is_a_host_of_the_same_zone_restarted_on_the_current_version(
    machine: Machine,
) -> None:
    boots = {host.name: host.boots for host in machine.hosts}
    name = until(machine, "BAKE")
    bed = machine.bed(name)
    assert machine.host(bed.control).zone == machine.host(bed.host).zone
    assert machine.installed() == {**dict.fromkeys(boots, "1.0.0"), bed.host: "1.0.1"}
    restarted = {host.name for host in machine.hosts if host.boots > boots[host.name]}
    assert restarted == {bed.host, bed.control} == hosts_in_test_groups(machine)


def test_both_hosts_get_their_fair_traffic_weight(machine: Machine) -> None:
    until(machine, "BAKE")
    assert weights(machine) == {Group.MAIN: 2, Group.TEST_BED: 1, Group.CONTROL: 1}


def test_never_more_than_one_host_is_out(machine: Machine) -> None:
    machine.deploy("1.0.1")
    serving = [sum(state.serves for state in rotation.values()) for rotation in machine.rotations]
    assert min(serving) == 3


def test_group_with_a_traffic_weight_has_a_healthy_host(machine: Machine) -> None:
    observed: list[tuple[int, int]] = []
    dispatcher = machine.memory.dispatcher

    def look() -> None:
        for group in (Group.TEST_BED, Group.CONTROL):
            healthy = [s for s in dispatcher.members(CLUSTER, group).values() if s is TargetState.HEALTHY]
            observed.append((dispatcher.weights(CLUSTER)[group], len(healthy)))

    machine.memory.clock.ticks.append(look)
    machine.errors["1.0.1"] = 30
    bad = machine.deploy("1.0.1")
    machine.decide(bad, Choice.ROLL_BACK, machine.bed(bad).host)
    machine.errors.clear()
    machine.deploy("1.0.2")
    assert {share for share, _ in observed} == {0, 1}
    assert all(healthy for share, healthy in observed if share)


def test_bad_version_halts_with_evidence_and_stops_serving(machine: Machine) -> None:
    machine.errors["1.0.1"] = 30
    name = machine.deploy("1.0.1")
    bed, record = machine.bed(name), machine.record(name)
    assert (bed.state, record.state) == (BedState.FAILED, DeploymentState.HALTED)
    assert "failed in the test bed" in record.reason
    assert "1.0.1" not in machine.serving().values()
    assert set(machine.installed().values()) == {"1.0.0", "1.0.1"}
    untouched = [h.name for h in machine.hosts if h.name not in (bed.host, bed.control)]
    assert all(machine.installed()[host] == "1.0.0" for host in untouched)
    (question,) = machine.memory.deployments.questions(name)
    assert (question.host, question.blame) == (bed.host, "VERSION")
    assert "error rate" in question.evidence or "5xx" in question.evidence
    assert weights(machine) == {Group.MAIN: 3, Group.TEST_BED: 0, Group.CONTROL: 0}


def test_failed_test_bed_is_rolled_back_with_one_answer(machine: Machine) -> None:
    machine.errors["1.0.1"] = 30
    name = machine.deploy("1.0.1")
    machine.decide(name, Choice.ROLL_BACK, machine.bed(name).host)
    assert machine.record(name).state is DeploymentState.ROLLED_BACK
    assert set(machine.serving().values()) == {"1.0.0"}
    assert len(machine.serving()) == 4


def test_failed_test_bed_is_rolled_back_by_policy() -> None:
    machine = served(Policy(bake_minutes=12, on_fail=OnFail.ROLL_BACK))
    machine.errors["1.0.1"] = 30
    name = machine.deploy("1.0.1")
    assert machine.record(name).state is DeploymentState.ROLLED_BACK
    assert set(machine.serving().values()) == {"1.0.0"}


def test_retried_host_bakes_again(machine: Machine) -> None:
    machine.errors["1.0.1"] = 30
    name = machine.deploy("1.0.1")
    first = machine.bed(name)
    machine.errors.clear()
    machine.decide(name, Choice.RETRY, first.host)
    second = machine.bed(name)
    assert (second.number, second.host, second.attempt) == (2, first.host, 2)
    assert (second.state, machine.record(name).state) == (BedState.PASSED, DeploymentState.DONE)
    assert set(machine.serving().values()) == {"1.0.1"}


def test_others_continue_without_a_test_bed_after_force_next(machine: Machine) -> None:
    machine.errors["1.0.1"] = 30
    name = machine.deploy("1.0.1")
    host = machine.bed(name).host
    machine.decide(name, Choice.SKIP_HOST, host)
    assert (machine.record(name).state, machine.record(name).skipped_hosts) == (DeploymentState.DONE, (host,))
    assert host not in machine.serving()
    assert len(machine.memory.deployments.beds(name)) == 1


def test_too_little_data_asks_a_human(machine: Machine) -> None:
    machine.quiet = True
    name = machine.deploy("1.0.1")
    bed = machine.bed(name)
    assert bed.judgement is not None
    assert bed.judgement.verdict is Verdict.INCONCLUSIVE
    assert machine.record(name).state is DeploymentState.AWAITING_APPROVAL
    (question,) = machine.memory.deployments.questions(name)
    assert question.gate is ApprovalGate.AFTER_TEST_BED
    assert question.choices == (Choice.APPROVE, Choice.EXTEND, Choice.REJECT)
    assert hosts_in_test_groups(machine) == {
        bed.host,
        bed.control,
    }  # the bake continues until somebody answers


def test_approved_test_bed_continues(machine: Machine) -> None:
    machine.quiet = True
    name = machine.deploy("1.0.1")
    machine.approve(name, Choice.APPROVE)
    assert machine.record(name).state is DeploymentState.DONE
    assert (machine.bed(name).state, set(machine.serving().values())) == (BedState.PASSED, {"1.0.1"})


def test_rejected_test_bed_rolls_back(machine: Machine) -> None:
    machine.quiet = True
    name = machine.deploy("1.0.1")
    machine.approve(name, Choice.REJECT)
    assert machine.record(name).state is DeploymentState.ROLLED_BACK
    assert machine.bed(name).state is BedState.CANCELLED
    assert (len(machine.serving()), set(machine.serving().values())) == (4, {"1.0.0"})


def test_extended_bake_asks_a_new_question(
    machine: Machine,
) -> None:
    machine.quiet = True
    name = machine.deploy("1.0.1")
    machine.quiet = False
    machine.approve(name, Choice.EXTEND)
    bed = machine.bed(name)
    assert bed.judgement is not None
    assert bed.judgement.minutes == 24
    asked = machine.memory.deployments.questions(name)
    assert len({question.id for question in asked}) == len(asked)


def test_pass_waits_for_an_approval_by_policy() -> None:
    machine = served(Policy(bake_minutes=12, after_bake=AfterBake.ASK))
    name = machine.deploy("1.0.1")
    assert (machine.bed(name).state, hosts_in_test_groups(machine)) == (BedState.PASSED, set())
    assert machine.record(name).state is DeploymentState.AWAITING_APPROVAL
    assert "passed" in machine.record(name).reason
    machine.approve(name, Choice.APPROVE)
    assert machine.record(name).state is DeploymentState.DONE


def test_approval_after_the_first_host_comes_after_the_bake() -> None:
    machine = served()
    machine.publish(manifest("1.1.0", replace(POLICY, approval=ApprovalGate.AFTER_FIRST_HOST)))
    waits = machine.record(machine.deploy("1.1.0"))
    assert waits.state is DeploymentState.AWAITING_APPROVAL
    assert machine.bed(waits.id).state is BedState.PASSED


def test_version_with_a_dead_service_in_the_test_bed_has_failed(machine: Machine) -> None:
    name = until(machine, "BAKE")
    machine.memory.dispatcher.dead.add(machine.host(machine.bed(name).host).address)
    machine.run(name)
    assert machine.bed(name).state is BedState.FAILED
    assert "unhealthy" in machine.bed(name).reason
    assert machine.record(name).state is DeploymentState.HALTED


def test_unhealthy_host_gets_no_requests_after_the_next_analysis(machine: Machine) -> None:
    name = until(machine, "BAKE")
    machine.memory.dispatcher.dead.add(machine.host(machine.bed(name).host).address)
    machine.bake(name, 60)
    assert weights(machine) == {Group.MAIN: 2, Group.TEST_BED: 0, Group.CONTROL: 1}


def test_human_decides_without_a_control(machine: Machine) -> None:
    name = until(machine, "BAKE")
    machine.memory.dispatcher.dead.add(machine.host(machine.bed(name).control).address)
    machine.run(name)
    record = machine.record(name)
    assert (record.state, "nothing to compare" in record.reason) == (DeploymentState.AWAITING_APPROVAL, True)


def test_test_bed_is_set_up_again_after_its_host_left(machine: Machine) -> None:
    name = until(machine, "BAKE")
    gone = machine.bed(name)
    machine.leave(gone.host)
    machine.run(name)
    beds = machine.memory.deployments.beds(name)
    assert [bed.state for bed in beds] == [BedState.CANCELLED, BedState.PASSED]
    assert machine.record(name).state is DeploymentState.DONE


def test_abort_first_returns_both_hosts_to_the_main_group(machine: Machine) -> None:
    name = until(machine, "BAKE")
    machine.tell(name, Choice.PAUSE)
    machine.tell(name, Choice.ABORT)
    machine.run(name)
    assert machine.record(name).state is DeploymentState.ABORTED
    assert (hosts_in_test_groups(machine), len(machine.serving())) == (set(), 4)
    assert weights(machine)[Group.MAIN] == 4


def test_rollback_during_the_bake_ends_the_test_bed_first(machine: Machine) -> None:
    name = until(machine, "BAKE")
    machine.tell(name, Choice.ROLL_BACK)
    machine.run(name)
    assert machine.record(name).state is DeploymentState.ROLLED_BACK
    assert (hosts_in_test_groups(machine), set(machine.serving().values())) == (set(), {"1.0.0"})


def test_failed_control_halts_and_can_be_replaced(machine: Machine) -> None:
    for host in machine.hosts:
        host.breaks["1.0.0"] = AgentStage.SELF_TESTING
    name = machine.deploy("1.0.1")
    record = machine.record(name)
    assert record.state is DeploymentState.HALTED
    failed = next(a for a in machine.memory.deployments.attempts(name) if a.state is AttemptState.FAILED)
    assert failed.group is Group.CONTROL
    for host in machine.hosts:
        host.breaks.clear()
    machine.decide(name, Choice.SKIP_HOST, failed.host)
    assert machine.bed(name).control not in ("", failed.host)
    assert machine.record(name).state is DeploymentState.DONE


@pytest.mark.parametrize("kind", [Kind.ROLLBACK, Kind.CONVERGE])
def test_rollbacks_and_repairs_have_no_test_bed(machine: Machine, kind: Kind) -> None:
    name = machine.deploy("1.0.0" if kind is Kind.ROLLBACK else "1.0.1", kind)
    assert machine.memory.deployments.beds(name) == []
    assert machine.record(name).state is DeploymentState.DONE


def test_two_hosts_are_too_few_for_a_test_bed() -> None:
    machine = served(hosts=2)
    name = machine.deploy("1.0.1")
    assert (machine.memory.deployments.beds(name), machine.record(name).state) == ([], DeploymentState.DONE)


def test_cluster_with_an_old_stack_has_no_test_bed(machine: Machine) -> None:
    machine.memory.dispatcher.old_stacks.add(CLUSTER)
    name = machine.deploy("1.0.1")
    assert (machine.memory.deployments.beds(name), machine.record(name).state) == ([], DeploymentState.DONE)


def test_fenced_deployment_ends_no_test_bed(machine: Machine) -> None:
    name = until(machine, "BAKE")
    lease = machine.memory.leases.current(CLUSTER)
    machine.memory.leases.hand_over(CLUSTER, lease, "another", machine.now)
    before = dict(machine.memory.dispatcher.targets(CLUSTER)), weights(machine)
    step = Decided("END_BAKE", "it was slow", outcome=BedState.PASSED, bed=1)
    assert machine.end_bake(name, step) == "STALE"
    assert machine.bake(name, 60) == "STALE"
    assert (dict(machine.memory.dispatcher.targets(CLUSTER)), weights(machine)) == before


def test_second_end_changes_nothing(machine: Machine) -> None:
    name = until(machine, "END_BAKE")
    step = machine.stopped
    assert step is not None
    assert [machine.end_bake(name, step) for _ in range(2)] == ["PASSED", "PASSED"]
    assert machine.run(name).kind == "FINISH"


def test_repeated_begin_retains_the_measurements(machine: Machine) -> None:
    name = until(machine, "BAKE")
    bed = machine.bed(name)
    machine.bake(name, 180)
    judged = machine.bed(name)
    machine.memory.deployments.put_bed(bed)
    assert machine.bed(name) == judged != bed
    assert POLICY.bake_minutes == bed.minutes


def test_metric_of_only_the_new_version_is_not_judged(machine: Machine) -> None:
    queue = Measure("queue", Better.LOWER, Scale.RATIO, 0.1, 0.25)
    machine.publish(manifest("1.1.0", POLICY, metrics=(queue,), metrics_path="/metrics"))
    first = machine.bed(machine.deploy("1.1.0"))
    assert first.state is BedState.PASSED
    assert "queue" not in [series.measure.name for series in first.series]
    machine.publish(manifest("1.2.0", POLICY, metrics=(queue,), metrics_path="/metrics"))
    second = machine.bed(machine.deploy("1.2.0"))
    assert "queue" in [series.measure.name for series in second.series]


def test_plan_shows_the_test_bed_or_why_there_is_none(machine: Machine) -> None:
    shown = preview(machine.context, machine.request("1.0.1"))
    assert "test bed: the first host beside a control, for 12 minutes" in shown.checks
    assert shown.expected_seconds >= 12 * 60
    machine.memory.dispatcher.old_stacks.add(CLUSTER)
    old = preview(machine.context, machine.request("1.0.1"))
    assert [note for note in old.warnings if "no test bed" in note] == [
        "no test bed, which the policy asks for: the cluster's stack has no target groups for it; update the stack"
    ]
    assert not [check for check in old.checks if "test bed" in check]
