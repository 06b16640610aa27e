"""One call of each gateway method: `CALLS` prepares it, and returns the call itself, to which faults are given."""

import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from lifecycle.domain.analysis.built_in_metrics import BUILT_IN
from lifecycle.domain.convergence.full_pass import Cursor
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.fleet.member import Member
from lifecycle.domain.fleet.scheduled_run import RunState, ScheduledRun
from lifecycle.domain.fleet.target_group import Group
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.monitoring.notifications import Notification, NotificationKind
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import Answer, Assignment, Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Request
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.policy_floor import PolicyFloor
from lifecycle.domain.rollout.recorded_request import RecordedRequest, Source
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.domain.service.configuration import SecretRef
from lifecycle.domain.service.target import Target
from tests.contract.artifact_calls import CATALOGUE_CALLS, claimed, enveloped, listed, published, uploaded
from tests.contract.conftest import Gateways
from tests.contract.lease_calls import LEASE_CALLS, then
from tests.contract.test_artifacts import BODY, SNAPSHOT, a_manifest
from tests.contract.test_configurations import a_revision
from tests.contract.test_operating import waiting
from tests.contract.test_records import a_checkpoint, a_deployment, a_question, a_turn

Thunk: TypeAlias = Callable[[], Any]

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ADDRESS = "10.0.0.1"
ANSWER = Answer(Choice.RETRY, "ada", "why not", NOW)


def _put(g: Gateways) -> Thunk:
    first = a_deployment(g, "aaaa")
    g.deployments.put(first)
    ended = replace(first, state=DeploymentState.DONE)
    return then(lambda: g.deployments.put(ended), lambda: g.deployments.get(g.cluster, first.id))


def _stored(g: Gateways, read: Callable[[str], Any]) -> Thunk:
    first = a_deployment(g, "aaaa")
    g.deployments.put(first)
    g.deployments.put_attempt(_attempt(first.id))
    g.deployments.put_bed(_bed(first.id))
    g.deployments.put_checkpoint(a_checkpoint(first.id, 1))
    g.deployments.ask(replace(a_question(g), deployment=first.id))
    return lambda: read(first.id)


def _attempt(deployment: str) -> HostAttempt:
    return HostAttempt(deployment, "host-1", 1, 1, "run", NOW)


def _bed(deployment: str) -> TestBed:
    return TestBed(deployment, 1, "host-1", 1, "host-2", 1, NOW, 30)


def _put_attempt(g: Gateways) -> Thunk:
    g.deployments.put_attempt(_attempt(g.service))
    failed = replace(_attempt(g.service), state=AttemptState.FAILED)
    return then(lambda: g.deployments.put_attempt(failed), lambda: g.deployments.attempts(g.service))


def _asked(g: Gateways, call: Callable[[Any], Any]) -> Thunk:
    question = g.deployments.ask(a_question(g))
    return lambda: call(question)


def _turns(g: Gateways) -> Thunk:
    turns = [a_turn(Order.INSTALL, 1, 1), replace(a_turn(Order.IDLE, 1, 0), host="host-2")]
    return then(
        lambda: g.fleet.give_turns(g.cluster, turns), lambda: [g.turn_of(g.cluster, each.host) for each in turns]
    )


def _reported(g: Gateways, call: Thunk) -> Thunk:
    g.write_report(g.cluster, HostReport("host-1", ADDRESS, 80, "a", NOW, NOW))
    return call


def _bound(g: Gateways, call: Thunk) -> Thunk:
    g.write_report(g.cluster, HostReport("host-2", ADDRESS, 80, "a", NOW, NOW))
    g.fleet.bind(g.cluster, {"host-1": ADDRESS})
    return call


def _quarantined(g: Gateways, call: Thunk) -> Thunk:
    g.fleet.quarantine(g.cluster, "1.0.1", "bad")
    g.fleet.quarantine_host(g.cluster, "host-1", "bad disk")
    return call


def _registered(g: Gateways, call: Thunk) -> Thunk:
    g.dispatcher.register(g.cluster, ADDRESS, 80)
    return call


def _member(g: Gateways, call: Thunk) -> Thunk:
    g.members.add(g.worker_cluster, Member(ADDRESS, 80))
    return call


def _ran(g: Gateways, call: Thunk) -> Thunk:
    begun = ScheduledRun("report", NOW, "host-1", SNAPSHOT, RunState.RUNNING, NOW, NOW, NOW)
    assert g.agents_runs(g.cluster, "host-1").replace(None, begun)
    return call


def _frozen(g: Gateways, call: Thunk) -> Thunk:
    g.freezes.put(_freeze(g))
    return call


def _freeze(g: Gateways) -> Freeze:
    return Freeze(f"staging/{g.service}", "ada", "sale", NOW)


def _passed(g: Gateways, call: Thunk) -> Thunk:
    g.cursors.put(Cursor(str(g.cluster), NOW))
    return call


def _freezes(g: Gateways) -> Any:
    return [each for each in g.freezes.all() if g.service in each.scope]


def _desired(g: Gateways, call: Thunk) -> Thunk:
    g.registry.set_desired(g.cluster, Desired("1.0.0", "d", 1, "d-1"))
    return call


def _floor(g: Gateways) -> PolicyFloor:
    return PolicyFloor(str(g.cluster), bake_minutes=5)


def _floored(g: Gateways, call: Thunk) -> Thunk:
    g.registry.set_floor(_floor(g))
    return call


def _configured(g: Gateways, call: Thunk) -> Thunk:
    secret = f"lifecycle/{g.cluster}/database"
    g.put_secret(secret, '{"password": "hidden"}')
    g.config_store.write(g.cluster, {"A": "b", "B": SecretRef(secret, "password")}, 0)
    g.configurations.record(a_revision(g))
    return call


def _replace(g: Gateways) -> Thunk:
    g.queue.replace(g.cluster, None, waiting(g, "aaaa"))
    return lambda: (
        g.queue.replace(g.cluster, waiting(g, "aaaa"), waiting(g, "bbbb")),
        g.queue.replace(g.cluster, waiting(g, "bbbb"), None),
        g.queue.waiting(g.cluster),
    )


def _token(g: Gateways) -> Thunk:
    token = g.new_token()
    # A repeat finds the task answered; whether this call or another one did it is nobody's decision.
    return lambda: isinstance(g.executions.answer_token(token, {}), bool)


def _notice(g: Gateways) -> Notification:
    return Notification(g.service, NotificationKind.HALTED, g.cluster, NOW, "halted", "why")


def _on_build(g: Gateways, call: Callable[[str], Any]) -> Thunk:
    build = g.builds.start("https://example.test/r.git", "a" * 40, g.service, {})
    return lambda: call(build)


def _on_repository(g: Gateways) -> Thunk:
    g.add_repository(g.service, "trunk")
    return lambda: g.repositories.default_branch(g.service)


def _measured(g: Gateways) -> Any:
    return g.metrics.measurements(g.cluster, "host-1", "host-2", BUILT_IN, NOW, 2, timedelta(minutes=1))


def _requested(g: Gateways) -> RecordedRequest:
    name = f"{g.service}-production-20261129100000-ab12"
    return RecordedRequest(Request(name, g.service, "production", "1.0.1", "ada"), Source.OPERATOR, NOW)


CALLS: Mapping[str, Callable[[Gateways], Thunk]] = {
    **LEASE_CALLS,
    "DynamoDeployments.put": _put,
    "DynamoDeployments.get": lambda g: _stored(g, lambda name: g.deployments.get(g.cluster, name)),
    "DynamoDeployments.recent": lambda g: _stored(g, lambda _: g.deployments.recent(g.cluster, 2)),
    "DynamoDeployments.recent_without_hosts": lambda g: _stored(
        g, lambda _: g.deployments.recent_without_hosts(g.cluster, 2)
    ),
    "DynamoDeployments.everything": lambda g: _stored(g, g.deployments.everything),
    "DynamoDeployments.attempts_and_questions": lambda g: _stored(g, g.deployments.attempts_and_questions),
    "DynamoDeployments.begin_attempt": lambda g: lambda: g.deployments.begin_attempt(_attempt(g.service)),
    "DynamoDeployments.put_attempt": _put_attempt,
    "DynamoDeployments.attempts": lambda g: _stored(g, g.deployments.attempts),
    "DynamoDeployments.has_attempts": lambda g: _stored(g, g.deployments.has_attempts),
    "DynamoDeployments.questions": lambda g: _stored(g, g.deployments.questions),
    "DynamoDeployments.beds": lambda g: _stored(g, g.deployments.beds),
    "DynamoDeployments.put_bed": lambda g: then(
        lambda: g.deployments.put_bed(_bed(g.service)), lambda: g.deployments.beds(g.service)
    ),
    "DynamoDeployments.put_checkpoint": lambda g: lambda: g.deployments.put_checkpoint(a_checkpoint(g.service, 1)),
    "DynamoDeployments.checkpoint": lambda g: _stored(g, g.deployments.checkpoint),
    "DynamoDeployments.ask": lambda g: lambda: g.deployments.ask(a_question(g)),
    "DynamoDeployments.attach_token": lambda g: _asked(g, lambda q: g.deployments.attach_token(q, "token")),
    "DynamoDeployments.assign": lambda g: _asked(g, lambda q: g.deployments.assign(q, Assignment("ada", NOW))),
    "DynamoDeployments.answer": lambda g: _asked(g, lambda q: g.deployments.answer(q, ANSWER)),
    "DynamoStepReads.of_host": lambda g: _stored(g, lambda n: g.step_reads.of_host(g.cluster, n, "host-1", 1)),
    "DynamoStepReads.of_deployment": lambda g: _stored(g, lambda n: g.step_reads.of_deployment(g.cluster, n)),
    "DynamoStepReads.of_loop": lambda g: _stored(g, lambda n: g.step_reads.of_loop(g.cluster, n)),
    "DynamoStepReads.of_hosts": lambda g: _stored(
        g, lambda n: g.step_reads.of_hosts(g.cluster, n, [("host-1", 1)], ["host-1"])
    ),
    "DynamoAuditLog.append": lambda g: then(
        lambda: g.audit_log.append(AuditEntry(NOW, str(g.cluster), "drain", "ada")),
        lambda: g.audit_log.read(g.cluster),
    ),
    "DynamoAuditLog.read": lambda g: lambda: g.audit_log.read(g.cluster),
    "DynamoFleet.reports": lambda g: _reported(g, lambda: g.fleet.reports(g.cluster)),
    "DynamoFleet.report": lambda g: _reported(g, lambda: g.fleet.report(g.cluster, "host-1")),
    "DynamoFleet.names": lambda g: _reported(g, lambda: g.fleet.names(g.cluster)),
    "DynamoFleet.bound": lambda g: _bound(g, lambda: g.fleet.bound(g.cluster)),
    "DynamoFleet.bind": lambda g: then(
        lambda: g.fleet.bind(g.cluster, {"host-1": "10.0.0.1"}), lambda: g.fleet.bound(g.cluster)
    ),
    "DynamoFleet.unbind": lambda g: _bound(
        g, then(lambda: g.fleet.unbind(g.cluster, "host-1"), lambda: g.fleet.bound(g.cluster))
    ),
    "DynamoFleet.unbound": lambda g: _bound(g, lambda: g.fleet.unbound(g.cluster, g.fleet.bound(g.cluster))),
    "DynamoFleet.turn_epochs": lambda g: _reported(g, lambda: g.fleet.turn_epochs(g.cluster)),
    "DynamoFleet.give_turns": _turns,
    "DynamoFleet.quarantine": lambda g: lambda: g.fleet.quarantine(g.cluster, "1.0.1", "bad"),
    "DynamoFleet.quarantined": lambda g: _quarantined(g, lambda: g.fleet.quarantined(g.cluster)),
    "DynamoFleet.quarantine_host": lambda g: lambda: g.fleet.quarantine_host(g.cluster, "host-1", "bad"),
    "DynamoFleet.quarantined_hosts": lambda g: _quarantined(g, lambda: g.fleet.quarantined_hosts(g.cluster)),
    "DynamoFleet.lift_quarantine": lambda g: _quarantined(
        g, then(lambda: g.fleet.lift_quarantine(g.cluster, "1.0.1"), lambda: g.fleet.quarantined(g.cluster))
    ),
    "DynamoFleet.remove": lambda g: _reported(
        g, _bound(g, then(lambda: g.fleet.remove(g.cluster, "host-1"), lambda: g.fleet.names(g.cluster)))
    ),
    "SsmRegistry.desired": lambda g: lambda: g.registry.desired(g.cluster),
    "SsmRegistry.set_desired": lambda g: then(
        lambda: g.registry.set_desired(g.cluster, Desired("1.0.1", "d", 1, "d-1")),
        lambda: g.registry.desired(g.cluster),
    ),
    "SsmRegistry.floor": lambda g: _floored(g, lambda: g.registry.floor(str(g.cluster))),
    "SsmRegistry.set_floor": lambda g: then(
        lambda: g.registry.set_floor(_floor(g)), lambda: g.registry.floor(str(g.cluster))
    ),
    "SsmRegistry.unset_floor": lambda g: _floored(
        g, then(lambda: g.registry.unset_floor(str(g.cluster)), lambda: g.registry.floor(str(g.cluster)))
    ),
    "SsmRegistry.has": lambda g: _desired(g, lambda: g.registry.has(g.cluster)),
    "SsmRegistry.clusters": lambda g: _desired(g, lambda: g.cluster in g.registry.clusters()),
    "SsmRegistry.forget_desired": lambda g: _desired(
        g, then(lambda: g.registry.forget_desired(g.cluster), lambda: g.registry.desired(g.cluster))
    ),
    "Ec2Machines.is_ending": lambda g: lambda: g.machines.is_ending(g.cluster, "host-1"),
    "Ec2Machines.let_end": lambda g: lambda: g.machines.let_end(g.cluster, "host-1"),
    "Ec2Machines.guard": lambda g: lambda: g.machines.guard(g.cluster, at_work=True),
    "Ec2Machines.addresses": lambda g: lambda: g.machines.addresses(g.cluster),
    "AlbDispatcher.targets": lambda g: _registered(g, lambda: g.dispatcher.targets(g.cluster)),
    "AlbDispatcher.target": lambda g: _registered(g, lambda: g.dispatcher.target(g.cluster, ADDRESS)),
    "AlbDispatcher.members": lambda g: _registered(g, lambda: g.dispatcher.members(g.cluster, Group.MAIN)),
    "AlbDispatcher.registered": lambda g: _registered(g, lambda: g.dispatcher.registered(g.cluster)),
    "AlbDispatcher.register": lambda g: lambda: g.dispatcher.register(g.cluster, ADDRESS, 80),
    "AlbDispatcher.deregister": lambda g: _registered(g, lambda: g.dispatcher.deregister(g.cluster, ADDRESS, 80)),
    "AlbDispatcher.has_load_balancer": lambda g: lambda: g.dispatcher.has_load_balancer(g.cluster),
    "AlbDispatcher.has_test_bed": lambda g: lambda: g.dispatcher.has_test_bed(g.cluster),
    "AlbDispatcher.weigh": lambda g: lambda: g.dispatcher.weigh(g.cluster, {Group.MAIN: 1}),
    "AlbDispatcher.weights": lambda g: lambda: g.dispatcher.weights(g.cluster),
    "AlbDispatcher.health_path": lambda g: lambda: g.dispatcher.health_path(g.cluster),
    "AlbDispatcher.drain_delays": lambda g: lambda: g.dispatcher.drain_delays(g.cluster),
    "AlbDispatcher.check_failure": lambda g: _registered(
        g, lambda: g.dispatcher.check_failure(g.cluster, ADDRESS, Group.MAIN)
    ),
    "DynamoMembers.all": lambda g: _member(g, lambda: g.members.all(g.worker_cluster)),
    "DynamoMembers.at": lambda g: _member(g, lambda: g.members.at(g.worker_cluster, ADDRESS)),
    "DynamoMembers.add": lambda g: then(
        lambda: g.members.add(g.worker_cluster, Member(ADDRESS, 80)), lambda: g.members.all(g.worker_cluster)
    ),
    "DynamoMembers.remove": lambda g: _member(
        g, then(lambda: g.members.remove(g.worker_cluster, ADDRESS, 80), lambda: g.members.all(g.worker_cluster))
    ),
    "DynamoScheduledRuns.of": lambda g: _ran(g, lambda: list(g.scheduled_runs.of(g.cluster))),
    "S3Artifacts.stored_manifest": lambda g: published(
        g, lambda: g.artifacts.stored_manifest(g.service, SNAPSHOT).manifest
    ),
    "S3Artifacts.manifest": lambda g: published(g, lambda: g.artifacts.manifest(g.service, SNAPSHOT)),
    "S3Artifacts.has_artifact": lambda g: published(
        g, lambda: g.artifacts.has_artifact(Target(SNAPSHOT, a_manifest(g).digest), g.service)
    ),
    "S3Artifacts.open_artifact": lambda g: published(
        g, lambda: g.artifacts.open_artifact(g.service, SNAPSHOT).read()
    ),
    "S3Artifacts.received": uploaded,
    "S3Artifacts.envelope": lambda g: enveloped(g, lambda: g.artifacts.envelope(g.service, SNAPSHOT)),
    "S3Artifacts.keep_envelope": lambda g: lambda: g.artifacts.keep_envelope(g.service, SNAPSHOT, "an envelope"),
    # A signature is random.
    "KmsSigner.sign": lambda g: lambda: g.signer.sign(b"a statement").key,
    "KmsPublicKeys.trusted": lambda g: lambda: [each.id for each in g.public_keys.trusted()],
    "LambdaPhases.promote": lambda g: lambda: g.phases.promote(g.service, SNAPSHOT, "ada"),
    "LambdaPhases.converge": lambda g: lambda: g.phases.converge(g.cluster, "ada"),
    "LambdaPhases.remove_host": lambda g: lambda: g.phases.remove_host(g.cluster, "h1", "ada", "sold"),
    "S3Artifacts.publish": lambda g: lambda: g.artifacts.publish(a_manifest(g), io.BytesIO(BODY)),
    "S3Artifacts.refuse_foreign": lambda g: published(g, lambda: g.artifacts.refuse_foreign(a_manifest(g))),
    "S3Artifacts.stored": listed,
    "S3Artifacts.delete": lambda g: published(g, lambda: g.artifacts.delete(g.service, SNAPSHOT)),
    **CATALOGUE_CALLS,
    "DynamoFreezes.all": lambda g: _frozen(g, lambda: _freezes(g)),
    "DynamoFreezes.put": lambda g: lambda: g.freezes.put(_freeze(g)),
    "DynamoFreezes.lift": lambda g: _frozen(g, then(lambda: g.freezes.lift(_freeze(g)), lambda: _freezes(g))),
    "DynamoQueue.waiting": lambda g: lambda: g.queue.waiting(g.cluster),
    "DynamoQueue.replace": _replace,
    "DynamoCursors.get": lambda g: _passed(g, g.cursors.get),
    "DynamoCursors.put": lambda g: lambda: g.cursors.put(Cursor(str(g.cluster), NOW)),
    "DynamoRequests.find": lambda g: lambda: g.requests.find(f"{g.service}-production-20261129100000-ab12"),
    "DynamoRequests.put": lambda g: lambda: g.requests.put(_requested(g)),
    "DynamoConfigRevisions.newest": lambda g: _configured(g, lambda: g.configurations.newest(g.cluster)),
    "DynamoConfigRevisions.recorded": lambda g: _configured(g, lambda: g.configurations.recorded(g.cluster)),
    "DynamoConfigRevisions.claim": lambda g: lambda: g.configurations.claim(a_revision(g)),
    "DynamoConfigRevisions.record": lambda g: then(
        lambda: g.configurations.record(a_revision(g)), lambda: g.configurations.recorded(g.cluster)
    ),
    "SsmConfigStore.read": lambda g: _configured(g, lambda: g.config_store.read(g.cluster, 1).values),
    # A repeat after a lost answer makes one more revision of the same content.
    "SsmConfigStore.write": lambda g: (
        lambda: (
            g.config_store.write(g.cluster, {"A": "b"}, 0) > 0,
            g.config_store.read(g.cluster).values,
        )
    ),
    "SsmConfigStore.resolved": lambda g: _configured(
        g, lambda: g.config_store.resolved(g.config_store.read(g.cluster))
    ),
    "DynamoClusterQueries.clusters": lambda g: _desired(
        g, lambda: g.cluster in g.cluster_queries.clusters(afresh=True)
    ),
    "DynamoClusterQueries.leases_and_queues": lambda g: lambda: g.cluster_queries.leases_and_queues([g.cluster]),
    "DynamoClusterQueries.commit_counts": lambda g: lambda: g.cluster_queries.commit_counts({g.service: ["1.0.0"]}),
    "DynamoClusterQueries.catalog": lambda g: claimed(g, lambda: g.cluster_queries.catalog(g.service)),
    "DynamoClusterQueries.deliveries": lambda g: lambda: len(g.cluster_queries.deliveries()) >= 0,
    "StepFunctionsExecutions.start_rollout": lambda g: lambda: g.executions.start_rollout(g.service, {"a": 1}),
    "StepFunctionsExecutions.start_delivery": lambda g: lambda: g.executions.start_delivery(g.service, {"a": 1}),
    "StepFunctionsExecutions.rollout_state": lambda g: lambda: g.executions.rollout_state(g.service),
    "StepFunctionsExecutions.rollout_end": lambda g: lambda: g.executions.rollout_end(g.service),
    "StepFunctionsExecutions.delivery_state": lambda g: lambda: g.executions.delivery_state(g.service),
    "StepFunctionsExecutions.running_rollouts": lambda g: lambda: list(g.executions.running_rollouts()),
    "StepFunctionsExecutions.running_deliveries": lambda g: lambda: list(g.executions.running_deliveries()),
    "StepFunctionsExecutions.stop_delivery": lambda g: lambda: g.executions.stop_delivery(g.service, "why"),
    "StepFunctionsExecutions.build_of": lambda g: lambda: g.executions.build_of(g.service),
    "StepFunctionsExecutions.earlier_run": lambda g: lambda: g.executions.earlier_run(g.service),
    "StepFunctionsExecutions.answer_token": _token,
    "CodeBuilds.start": lambda g: lambda: len(g.builds.start("https://example.test/r.git", "a" * 40, g.service, {})),
    "CodeBuilds.state": lambda g: _on_build(g, lambda build: g.builds.state(build).kind),
    "CodeCommitRepositories.default_branch": _on_repository,
    "CodeBuilds.stop": lambda g: _on_build(g, g.builds.stop),
    "AwsNotifications.send": lambda g: lambda: g.notifications.send([_notice(g)]),
    "CloudWatchMetrics.measurements": lambda g: lambda: _measured(g),
    "CloudWatchAlarms.named": lambda g: lambda: list(g.alarms.named([f"lc-p-{g.service}-errors"])),
    "CloudWatchServiceLogs.read": lambda g: lambda: list(g.service_logs.read(g.cluster, "", g.clock.now())),
    "CloudWatchAlarms.ringing": lambda g: lambda: [each for each in g.alarms.ringing() if each.cluster == g.cluster],
}
# These answer from their arguments alone.
WITHOUT_CALLS = {"StsCallers.arn", "CloudWatchMetrics.complete_minutes", "S3Artifacts.manifest_digest"}
