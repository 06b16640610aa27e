"""Empty values, and the longest ones that are allowed: a fake answers them as its gateway does.

The gateway's calls go through botocore's validation and AWS's own limits (tests/support/aws_limits.py).
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

import pytest

from lifecycle.domain.analysis.built_in_metrics import BUILT_IN
from lifecycle.domain.convergence.full_pass import Cursor
from lifecycle.domain.delivery.forge_status import (
    CommitState,
    CommitStatus,
    ForgeDeployment,
    ForgeDeploymentState,
)
from lifecycle.domain.delivery.refused_push import RefusedPush
from lifecycle.domain.errors import (
    ForgeFailed,
    InvalidName,
    InvalidValue,
    LifecycleError,
    Refused,
    StoreRefused,
    Unknown,
)
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.fleet.member import Member
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.monitoring.notifications import Notification, NotificationKind
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Answer, Assignment, Choice
from lifecycle.domain.rollout.execution import ExecutionState
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.domain.service.configuration import Configuration
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.target import Target
from tests.contract.artifact_calls import WITHDRAWAL
from tests.contract.conftest import Gateways
from tests.contract.test_artifacts import SNAPSHOT, a_manifest
from tests.contract.test_configurations import a_revision
from tests.contract.test_operating import waiting
from tests.contract.test_records import a_checkpoint, a_deployment, a_question, a_turn

Call: TypeAlias = Callable[[Gateways], Any]

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOST = "h" * 63
LONG = "ä" * 4000
MINUTE = timedelta(minutes=1)
TARGET = "10.0.0.1"
CLUSTER = Cluster("production", "hello")
LISTED = ForgeDeployment("production", ForgeDeploymentState.QUEUED, "")


def anything(_: Any) -> bool:
    """Accept every result: only refusals count."""
    return True


def measured(g: Gateways, cluster: Cluster, host: str, minutes: int) -> Any:
    return g.metrics.measurements(cluster, host, HOST, BUILT_IN, NOW, minutes, MINUTE)


def notices(number: int, text: str) -> list[Notification]:
    kind = NotificationKind.HALTED
    return [Notification(str(n), kind, CLUSTER, NOW, text, text * 50, evidence=text * 10) for n in range(number)]


def token_of(g: Gateways, token: str) -> str:
    return g.deployments.attach_token(g.deployments.ask(a_question(g)), token).token


def a_bed(g: Gateways, host: str) -> TestBed:
    return TestBed(f"{g.service}-1", 1, host, 1, host, 1, NOW, 30)


def a_status(description: str) -> CommitStatus:
    return CommitStatus("lifecycle/build", CommitState.PENDING, description)


# The port's method, a call of it, and its result: a value, an error's class, or a condition.
EDGES: Sequence[tuple[str, Call, Any]] = (
    ("leases.current", lambda g: g.leases.current(g.cluster), Lease()),
    ("leases.acquire", lambda g: g.leases.acquire(g.cluster, "d" * 200, NOW, 0).epoch, 1),
    ("leases.release", lambda g: g.leases.release(g.cluster, Lease()), False),
    ("deployments.get", lambda g: g.deployments.get(g.cluster, ""), None),
    ("deployments.put", lambda g: g.deployments.put(replace(a_deployment(g, "a"), reason=LONG, hosts=())), anything),
    ("deployments.put", lambda g: g.deployments.put(replace(a_deployment(g, "a"), hosts=(HOST,) * 5000)), anything),
    ("deployments.recent", lambda g: g.deployments.recent(g.cluster, 1), []),
    ("deployments.recent_without_hosts", lambda g: g.deployments.recent_without_hosts(g.cluster, 1), []),
    ("deployments.everything", lambda g: g.deployments.everything("").hosts, ()),
    ("deployments.attempts", lambda g: list(g.deployments.attempts("")), []),
    ("deployments.has_attempts", lambda g: g.deployments.has_attempts(""), False),
    ("deployments.questions", lambda g: list(g.deployments.questions("")), []),
    ("deployments.beds", lambda g: list(g.deployments.beds("")), []),
    ("deployments.attempts_and_questions", lambda g: list(g.deployments.attempts_and_questions("")), [[], []]),
    ("deployments.begin_attempt", lambda g: g.deployments.begin_attempt(HostAttempt("", "", 1, 1, "", NOW)), True),
    (
        "deployments.put_attempt",
        lambda g: g.deployments.put_attempt(
            HostAttempt(g.service, HOST, 999, 1, "", NOW, reason=LONG, evidence=LONG)
        ),
        anything,
    ),
    ("deployments.put_bed", lambda g: g.deployments.put_bed(a_bed(g, "")), True),
    ("deployments.put_checkpoint", lambda g: g.deployments.put_checkpoint(a_checkpoint(g.service, 2)), False),
    ("deployments.checkpoint", lambda g: g.deployments.checkpoint(""), None),
    ("deployments.ask", lambda g: g.deployments.ask(replace(a_question(g), reason=LONG, evidence=LONG)).reason, LONG),
    (
        "deployments.attach_token",
        lambda g: g.deployments.attach_token(g.deployments.ask(a_question(g)), "").token,
        "",
    ),
    ("deployments.attach_token", lambda g: token_of(g, "t" * 2048), "t" * 2048),
    (
        "deployments.assign",
        lambda g: g.deployments.assign(g.deployments.ask(a_question(g)), Assignment("", NOW)).assigned,
        Assignment("", NOW),
    ),
    ("deployments.assign", lambda g: g.deployments.assign(a_question(g), Assignment("ada", NOW)), Unknown),
    (
        "deployments.answer",
        lambda g: g.deployments.answer(g.deployments.ask(a_question(g)), Answer(Choice.RETRY, "", "", NOW)).answer,
        Answer(Choice.RETRY, "", "", NOW),
    ),
    ("step_reads.of_host", lambda g: g.step_reads.of_host(g.cluster, "", "", 1).report, None),
    ("step_reads.of_deployment", lambda g: g.step_reads.of_deployment(g.cluster, ""), (None, Lease())),
    ("step_reads.of_loop", lambda g: g.step_reads.of_loop(g.cluster, "").checkpoint, None),
    ("step_reads.of_hosts", lambda g: g.step_reads.of_hosts(g.cluster, "", [], []).reports, {}),
    ("step_reads.of_hosts", lambda g: g.step_reads.of_hosts(g.cluster, "", [("", 1)], ["", "x" * 2000]).reports, {}),
    ("audit_log.append", lambda g: g.audit_log.append(AuditEntry(NOW, str(g.cluster), "", "", LONG)), None),
    ("audit_log.read", lambda g: list(g.audit_log.read(g.cluster, NOW, 1)), []),
    ("audit_log.read", lambda g: g.audit_log.read(g.cluster, NOW, 0), StoreRefused),
    ("fleet.report", lambda g: g.fleet.report(g.cluster, ""), None),
    ("fleet.report", lambda g: g.fleet.report(g.cluster, "x" * 2000), None),
    ("fleet.reports", lambda g: g.fleet.reports(g.cluster), {}),
    ("fleet.names", lambda g: list(g.fleet.names(g.cluster)), []),
    ("fleet.give_turns", lambda g: g.fleet.give_turns(g.cluster, []), anything),
    ("fleet.give_turns", lambda g: g.fleet.give_turns(g.cluster, [replace(turn(), host=HOST)]), anything),
    ("fleet.give_turns", lambda g: g.fleet.give_turns(g.cluster, [replace(turn(), host="")]), InvalidValue),
    ("fleet.give_turns", lambda g: g.fleet.give_turns(g.cluster, [replace(turn(), host="x" * 1025)]), InvalidValue),
    ("fleet.turn_epochs", lambda g: g.fleet.turn_epochs(g.cluster), {}),
    ("fleet.quarantine", lambda g: g.fleet.quarantine(g.cluster, "1.0.0", LONG), None),
    ("fleet.quarantined", lambda g: g.fleet.quarantined(g.cluster), {}),
    ("fleet.quarantine_host", lambda g: g.fleet.quarantine_host(g.cluster, HOST, ""), None),
    ("fleet.quarantined_hosts", lambda g: g.fleet.quarantined_hosts(g.cluster), {}),
    ("fleet.lift_quarantine", lambda g: g.fleet.lift_quarantine(g.cluster, ""), None),
    ("fleet.remove", lambda g: g.fleet.remove(g.cluster, ""), None),
    ("scheduled_runs.of", lambda g: list(g.scheduled_runs.of(g.cluster)), []),
    ("registry.desired", lambda g: g.registry.desired(g.old_cluster), None),
    ("registry.set_desired", lambda g: g.registry.set_desired(g.cluster, Desired("", "", 0, "")), None),
    (
        "registry.set_desired",
        lambda g: g.registry.set_desired(g.cluster, Desired("v" * 60, "d" * 64, 10**9, "n" * 200)),
        None,
    ),
    ("dispatcher.targets", lambda g: g.dispatcher.targets(g.cluster, []), {}),
    ("dispatcher.targets", lambda g: g.dispatcher.targets(g.cluster, [""]), {}),
    ("dispatcher.target", lambda g: g.dispatcher.target(g.cluster, ""), TargetState.ABSENT),
    ("dispatcher.members", lambda g: g.dispatcher.members(g.old_cluster, Group.CONTROL), {}),
    ("dispatcher.register", lambda g: g.dispatcher.register(g.cluster, "", 80), InvalidValue),
    ("dispatcher.register", lambda g: g.dispatcher.register(g.cluster, "host-1", 80), InvalidValue),
    ("dispatcher.register", lambda g: g.dispatcher.register(g.cluster, TARGET, 0), InvalidValue),
    ("dispatcher.register", lambda g: g.dispatcher.register(g.cluster, TARGET, 65_536), InvalidValue),
    ("dispatcher.register", lambda g: g.dispatcher.register(g.cluster, TARGET, 65_535), None),
    ("dispatcher.deregister", lambda g: g.dispatcher.deregister(g.cluster, "", 80), InvalidValue),
    ("dispatcher.deregister", lambda g: g.dispatcher.deregister(g.cluster, TARGET, 1), None),
    ("dispatcher.has_test_bed", lambda g: g.dispatcher.has_test_bed(g.old_cluster), False),
    ("dispatcher.weigh", lambda g: g.dispatcher.weigh(g.cluster, {Group.MAIN: 1000}), InvalidValue),
    ("dispatcher.weigh", lambda g: g.dispatcher.weigh(g.cluster, {Group.MAIN: -1}), InvalidValue),
    ("dispatcher.weigh", lambda g: g.dispatcher.weigh(g.old_cluster, {}), Unknown),
    ("dispatcher.weights", lambda g: g.dispatcher.weights(g.old_cluster)[Group.CONTROL], 0),
    ("dispatcher.health_path", lambda g: g.dispatcher.health_path(g.cluster), "/is_alive"),
    ("dispatcher.drain_delays", lambda g: g.dispatcher.drain_delays(g.old_cluster), {Group.MAIN: 60}),
    ("dispatcher.check_failure", lambda g: g.dispatcher.check_failure(g.cluster, "host-1", Group.MAIN), ""),
    ("dispatcher.check_failure", lambda g: g.dispatcher.check_failure(g.old_cluster, TARGET, Group.CONTROL), Unknown),
    ("dispatcher.has_load_balancer", lambda g: g.dispatcher.has_load_balancer(Cluster("staging", "nobody")), True),
    ("dispatcher.register", lambda g: g.dispatcher.register(g.worker_cluster, TARGET, 0), None),
    ("dispatcher.register", lambda g: g.dispatcher.register(g.worker_cluster, "host-1", 80), InvalidValue),
    ("dispatcher.deregister", lambda g: g.dispatcher.deregister(g.worker_cluster, "", 0), InvalidValue),
    ("dispatcher.target", lambda g: g.dispatcher.target(g.worker_cluster, ""), TargetState.ABSENT),
    ("dispatcher.target", lambda g: g.dispatcher.target(g.worker_cluster, "x" * 2000), TargetState.ABSENT),
    ("dispatcher.weigh", lambda g: g.dispatcher.weigh(g.worker_cluster, {Group.MAIN: 1}), Unknown),
    ("dispatcher.weigh", lambda g: g.dispatcher.weigh(g.worker_cluster, {Group.MAIN: 1000}), InvalidValue),
    ("members.all", lambda g: list(g.members.all(g.worker_cluster)), []),
    ("members.at", lambda g: list(g.members.at(g.worker_cluster, "")), []),
    ("members.at", lambda g: list(g.members.at(g.worker_cluster, "x" * 2000)), []),
    ("members.add", lambda g: g.members.add(g.worker_cluster, Member("x" * 1000, 0, LONG)), None),
    ("members.add", lambda g: g.members.add(g.worker_cluster, Member("x" * 1024, 0)), InvalidValue),
    ("members.remove", lambda g: g.members.remove(g.worker_cluster, "x" * 2000, 0), None),
    ("machines.addresses", lambda g: g.machines.addresses(g.cluster), None),
    ("machines.is_ending", lambda g: g.machines.is_ending(g.cluster, ""), False),
    ("machines.let_end", lambda g: g.machines.let_end(g.cluster, ""), None),
    ("machines.guard", lambda g: g.machines.guard(g.cluster, at_work=False), None),
    ("registry.forget_desired", lambda g: g.registry.forget_desired(g.cluster), None),
    ("fleet.bind", lambda g: g.fleet.bind(g.cluster, {"h" * 63: LONG}), None),
    ("fleet.unbind", lambda g: g.fleet.unbind(g.cluster, ""), None),
    ("registry.floor", lambda g: g.registry.floor(f"staging/{g.service}"), None),
    ("registry.unset_floor", lambda g: g.registry.unset_floor(f"staging/{g.service}"), None),
    ("artifacts.manifest", lambda g: g.artifacts.manifest(g.service, ""), InvalidName),
    ("artifacts.manifest", lambda g: g.artifacts.manifest("", "1.0.0"), Unknown),
    ("artifacts.stored_manifest", lambda g: g.artifacts.stored_manifest("", "1.0.0"), Unknown),
    ("artifacts.has_artifact", lambda g: g.artifacts.has_artifact(Target("1.0.0", ""), g.service), False),
    ("artifacts.open_artifact", lambda g: g.artifacts.open_artifact(g.service, "1.0.0"), Unknown),
    ("artifacts.publish", lambda g: g.artifacts.publish(a_manifest(g, body=b""), io.BytesIO(b"")), None),
    ("artifacts.refuse_foreign", lambda g: g.artifacts.refuse_foreign(a_manifest(g)), None),
    ("artifacts.stored", lambda g: list(g.artifacts.stored(g.service)), []),
    ("artifacts.envelope", lambda g: g.artifacts.envelope("", "1.0.0"), ""),
    ("artifacts.envelope", lambda g: g.artifacts.envelope(g.service, ""), InvalidName),
    ("artifacts.keep_envelope", lambda g: g.artifacts.keep_envelope(g.service, SNAPSHOT, ""), ""),
    ("signer.sign", lambda g: bool(g.signer.sign(b"").key), True),
    ("public_keys.trusted", lambda g: len(g.public_keys.trusted()), 2),
    ("phases.promote", lambda g: g.phases.promote(g.service, "9", "ada"), LifecycleError),
    ("phases.converge", lambda g: {e.cluster for e in g.phases.converge(g.cluster, "ada")} <= {str(g.cluster)}, True),
    ("phases.remove_host", lambda g: g.phases.remove_host(g.cluster, "ghost", "ada", ""), LifecycleError),
    ("artifacts.delete", lambda g: g.artifacts.delete(g.service, "1.0.0"), None),
    ("catalogue.claim_service", lambda g: g.catalogue.claim_service(g.service, ""), ""),
    ("catalogue.owner", lambda g: g.catalogue.owner("nobody"), None),
    ("catalogue.transfer_service", lambda g: g.catalogue.transfer_service("nobody", "a", "b"), False),
    ("catalogue.record_snapshot", lambda g: g.catalogue.record_snapshot(g.service, SNAPSHOT, {}), {}),
    ("catalogue.record_published", lambda g: g.catalogue.record_published("", "", Published("")), Published("")),
    ("catalogue.published", lambda g: g.catalogue.published(g.service, ""), None),
    ("catalogue.snapshots", lambda g: g.catalogue.snapshots(""), {}),
    ("catalogue.releases", lambda g: g.catalogue.releases(""), {}),
    ("catalogue.claim_release", lambda g: g.catalogue.claim_release(g.service, SNAPSHOT, "1.2.0"), "1.2.0"),
    ("catalogue.withdrawal", lambda g: g.catalogue.withdrawal(g.service, ""), None),
    ("catalogue.withdrawals", lambda g: g.catalogue.withdrawals(""), {}),
    ("catalogue.put_withdrawal", lambda g: g.catalogue.put_withdrawal("nobody", WITHDRAWAL, WITHDRAWAL), False),
    ("catalogue.change_builds", lambda g: g.catalogue.change_builds("", lambda builds: builds).services, {}),
    ("catalogue.builds", lambda g: g.catalogue.builds("").branch, ""),
    ("catalogue.branch", lambda g: g.catalogue.branch("", "").head, ""),
    ("catalogue.change_branch", lambda g: g.catalogue.change_branch("", "", lambda branch: branch).head, ""),
    (
        "catalogue.record_refused_push",
        lambda g: g.catalogue.record_refused_push(RefusedPush(NOW, "", 413, "", signed=False)),
        None,
    ),
    ("catalogue.refused_pushes", lambda g: [each for each in g.catalogue.refused_pushes() if each.status == 0], []),
    ("catalogue.change_reported", lambda g: g.catalogue.change_reported("", lambda each: each).latest, ()),
    ("catalogue.reported", lambda g: [each for each in g.catalogue.reported() if not each.repository], []),
    ("forge.serves", lambda g: g.forge.serves(""), True),
    ("forge.set_status", lambda g: g.forge.set_status("", "", a_status("")), ForgeFailed),
    ("forge.set_status", lambda g: g.forge.set_status("acme/shop", "a" * 40, a_status("ä" * 140)), None),
    ("forge.set_status", lambda g: g.forge.set_status("acme/shop", "a" * 40, a_status("ä" * 141)), ForgeFailed),
    ("forge.create_deployment", lambda g: g.forge.create_deployment("acme/shop", "", LISTED), ForgeFailed),
    ("forge.set_deployment_state", lambda g: g.forge.set_deployment_state("acme/shop", 0, LISTED), ForgeFailed),
    ("freezes.put", lambda g: g.freezes.put(Freeze("", "ada", "", NOW)), InvalidValue),
    ("freezes.put", lambda g: g.freezes.put(Freeze(f"staging/{g.service}", "a" * 200, "w" * 1000, NOW)), None),
    ("freezes.lift", lambda g: g.freezes.lift(Freeze("", "ada", "", NOW)), True),
    ("freezes.all", lambda g: [each for each in g.freezes.all() if not each.scope], []),
    ("queue.waiting", lambda g: g.queue.waiting(g.cluster), None),
    ("queue.replace", lambda g: g.queue.replace(g.cluster, None, None), True),
    ("queue.replace", lambda g: g.queue.replace(g.cluster, waiting(g, "a"), None), True),
    ("cursors.put", lambda g: g.cursors.put(Cursor("", NOW)), None),
    ("requests.find", lambda g: g.requests.find(""), None),
    ("requests.find", lambda g: g.requests.find("x" * 3_000), None),
    ("callers.arn", lambda g: g.callers.arn({}, ""), Refused),
    ("callers.arn", lambda g: g.callers.arn(g.sign("a") | {"X-Amz-Date": "x" * 9_000}, "a"), Refused),
    ("configurations.newest", lambda g: g.configurations.newest(g.cluster), 0),
    ("configurations.recorded", lambda g: list(g.configurations.recorded(g.cluster)), []),
    ("configurations.claim", lambda g: g.configurations.claim(a_revision(g, names=())), True),
    ("configurations.record", lambda g: g.configurations.record(a_revision(g, names=())), None),
    (
        "configurations.record",
        lambda g: g.configurations.record(replace(a_revision(g, names=("N" * 128,) * 60), why=LONG)),
        None,
    ),
    ("configurations.record", lambda g: g.configurations.record(replace(a_revision(g), cluster="x/y")), InvalidName),
    ("config_store.read", lambda g: g.config_store.read(g.cluster), Configuration(0, {})),
    ("config_store.read", lambda g: g.config_store.read(g.cluster, 0), Configuration(0, {})),
    ("config_store.read", lambda g: g.config_store.read(g.cluster, 1), Unknown),
    ("config_store.write", lambda g: g.config_store.write(g.cluster, {}, 0), 1),
    ("config_store.write", lambda g: g.config_store.write(g.cluster, {"A": "{{x}} " + "ä" * 4000}, 0), 1),
    ("config_store.write", lambda g: g.config_store.write(g.cluster, {"A": "x" * 8184}, 0), 1),
    ("config_store.write", lambda g: g.config_store.write(g.cluster, {"A": "x" * 8185}, 0), InvalidValue),
    ("config_store.write", lambda g: g.config_store.write(g.cluster, {"": "x"}, 0), InvalidName),
    ("config_store.resolved", lambda g: g.config_store.resolved(Configuration(1, {})), {}),
    ("cluster_queries.leases_and_queues", lambda g: g.cluster_queries.leases_and_queues([]), {}),
    ("cluster_queries.commit_counts", lambda g: g.cluster_queries.commit_counts({}), {}),
    ("cluster_queries.catalog", lambda g: g.cluster_queries.catalog("").releases, {}),
    ("cluster_queries.clusters", lambda g: g.cluster in g.cluster_queries.clusters(), True),
    ("cluster_queries.deliveries", lambda g: list(g.cluster_queries.deliveries()), []),
    ("executions.start_rollout", lambda g: g.executions.start_rollout("", {}), InvalidName),
    ("executions.start_rollout", lambda g: g.executions.start_rollout("x" * 81, {}), InvalidName),
    ("executions.start_rollout", lambda g: g.executions.start_rollout("a b", {}), InvalidName),
    ("executions.start_rollout", lambda g: g.executions.start_rollout(f"{g.service:x<80}", {}), True),
    ("executions.start_rollout", lambda g: g.executions.start_rollout("big", {"why": "x" * 262_144}), InvalidValue),
    ("executions.start_delivery", lambda g: g.executions.start_delivery("", {}), InvalidName),
    ("executions.start_delivery", lambda g: g.executions.start_delivery("big", {"y": "x" * 262_144}), InvalidValue),
    ("executions.earlier_run", lambda g: g.executions.earlier_run(""), None),
    ("executions.earlier_run", lambda g: g.executions.earlier_run("x" * 300), None),
    ("executions.delivery_state", lambda g: g.executions.delivery_state(""), ExecutionState.UNKNOWN),
    ("executions.delivery_state", lambda g: g.executions.delivery_state("x" * 300), ExecutionState.UNKNOWN),
    ("executions.running_rollouts", lambda g: "nobody" in g.executions.running_rollouts(), False),
    ("executions.running_deliveries", lambda g: "nobody" in g.executions.running_deliveries(), False),
    ("executions.stop_delivery", lambda g: g.executions.stop_delivery("", "why"), None),
    ("executions.stop_delivery", lambda g: g.executions.stop_delivery("nobody", "w" * 40_000), None),
    ("executions.build_of", lambda g: g.executions.build_of(""), ""),
    ("executions.build_of", lambda g: g.executions.build_of("x" * 300), ""),
    ("executions.build_of", lambda g: g.executions.build_of("nobody"), ""),
    ("executions.rollout_state", lambda g: g.executions.rollout_state(""), ExecutionState.UNKNOWN),
    ("executions.rollout_state", lambda g: g.executions.rollout_state("x" * 300), ExecutionState.UNKNOWN),
    ("executions.rollout_end", lambda g: g.executions.rollout_end(""), None),
    ("executions.rollout_end", lambda g: g.executions.rollout_end("x" * 300), None),
    ("executions.answer_token", lambda g: g.executions.answer_token("", {}), False),
    ("executions.answer_token", lambda g: g.executions.answer_token("t" * 2048, {}), False),
    ("executions.answer_token", lambda g: g.executions.answer_token("t" * 2049, {}), False),
    ("builds.start", lambda g: g.builds.start("r" * 1000, "a" * 40, "t" * 80, {}), anything),
    ("builds.state", lambda g: g.builds.state("").kind, "FAILED"),
    ("repositories.default_branch", lambda g: g.repositories.default_branch("nobody"), ""),
    ("repositories.default_branch", lambda g: g.repositories.default_branch("x" * 100), ""),
    ("builds.stop", lambda g: g.builds.stop("lifecycle-build:nobody"), None),
    ("builds.state", lambda g: g.builds.state("lifecycle-build:nobody").kind, "FAILED"),
    ("notifications.send", lambda g: g.notifications.send([]), None),
    ("notifications.send", lambda g: g.notifications.send(notices(1, "")), None),
    ("notifications.send", lambda g: g.notifications.send(notices(25, '"\n' * 2000)), None),
    ("notifications.send", lambda g: g.notifications.send(notices(25, LONG)), None),
    ("metrics.measurements", lambda g: measured(g, g.cluster, "", 1), InvalidName),
    ("metrics.measurements", lambda g: measured(g, g.old_cluster, HOST, 0), Unknown),
    ("metrics.complete_minutes", lambda g: g.metrics.complete_minutes(NOW, NOW, MINUTE), 0),
    ("service_logs.read", lambda g: list(g.service_logs.read(g.old_cluster, "", NOW)), Unknown),
    ("service_logs.read", lambda g: list(g.service_logs.read(g.old_cluster, HOST, NOW)), Unknown),
    ("alarms.named", lambda g: list(g.alarms.named([])), []),
    ("alarms.named", lambda g: list(g.alarms.named(["", "x" * 256])), []),
    ("alarms.named", lambda g: list(g.alarms.named([f"nobody-{n}" for n in range(250)])), []),
    ("alarms.ringing", lambda g: [each for each in g.alarms.ringing() if each.cluster == g.old_cluster], []),
    ("clock.now", lambda g: g.clock.now().utcoffset(), timedelta(0)),
    ("clock.sleep", lambda g: g.clock.sleep(-1), None),
    ("clock.sleep", lambda g: g.clock.sleep(0), None),
)


def turn() -> Any:
    return a_turn(Order.INSTALL, 1, 1)


@pytest.mark.parametrize(
    ("call", "expected"), [edge[1:] for edge in EDGES], ids=[f"{n}-{edge[0]}" for n, edge in enumerate(EDGES)]
)
def test_a_fake_and_its_gateway_give_the_same_answer(gateways: Gateways, call: Call, expected: Any) -> None:
    if isinstance(expected, type) and issubclass(expected, LifecycleError):
        with pytest.raises(expected):
            call(gateways)
    elif callable(expected):
        assert expected(call(gateways))
    else:
        assert call(gateways) == expected


def test_a_measurement_of_no_time_has_no_values(bedded: Gateways) -> None:
    found = measured(bedded, bedded.cluster, "host-1", 0)
    assert (found.minutes, found.requests_test_bed) == (0, 0)
    assert all(series.control == () for series in found.series)
