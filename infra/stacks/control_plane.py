"""The control plane: a Lambda with a role for every phase, two state machines, and the stores.

Read it as the list of the permissions of each phase; infra/constructs/grants.py defines the names.
"""

from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import bundles
from infra.constructs.access import Statement, accept
from infra.constructs.build_project import BuildProject, pass_build_roles
from infra.constructs.configurations import Configurations
from infra.constructs.dashboard import Dashboard, console_phases
from infra.constructs.ended_hosts import ending_phases
from infra.constructs.grants import (
    ANSWER_ROLLOUT,
    DELETE_ARTIFACTS,
    DESCRIBE_DELIVERIES,
    DESCRIBE_ROLLOUTS,
    FORGE_TOKEN,
    GROUP_SETTINGS,
    GUARD_MACHINES,
    HEALTH_PATHS,
    LEAVE_QUEUE,
    LEAVE_ROTATION,
    LEDGER_STREAM,
    LIFT_FREEZE,
    LIFT_QUARANTINE,
    LIST_ARTIFACTS,
    LIST_DELIVERIES,
    LIST_ROLLOUTS,
    MACHINES,
    METRICS,
    READ_ALARMS,
    REGISTRY,
    RELEASES,
    REMOVE_HOST,
    SEND_NOTIFICATIONS,
    SET_FLOOR,
    SNAPSHOTS,
    START_DELIVERY,
    START_ROLLOUT,
    STOP_DELIVERIES,
    TARGETS,
    UPLOADS,
    WEIGHTS,
    change_targets,
    ledger,
    read_builds,
    registry_list,
    requests_of,
    set_weights,
    stop_builds,
)
from infra.constructs.lag_alarm import LagAlarm
from infra.constructs.machine import Machine
from infra.constructs.notifications import AlarmsIn, NotificationsOut
from infra.constructs.operators import Operators
from infra.constructs.phase import STAGE_SECONDS, Phase, Shared
from infra.constructs.signing_keys import SigningKeys
from infra.constructs.status_triggers import StatusTriggers
from infra.constructs.storage import Storage
from infra.constructs.triggers import (
    EndedExecutions,
    EndedServices,
    HostEvents,
    PushTriggers,
    Schedule,
    Unrepeated,
    read_default_branches,
)
from infra.settings import Settings
from lifecycle import names
from lifecycle.domain.rollout.recorded_request import Source
from lifecycle.domain.service.trusted_keys import KeyKind
from lifecycle.names import Partition, Variable

# What a deployment writes to, and what an operator's command does.
_TRAIL, _CLUSTER, _DEPLOYMENT = Partition.AUDIT_LOG, Partition.CLUSTER, Partition.DEPLOYMENT
DEPLOYMENTS = (_TRAIL, _CLUSTER, _DEPLOYMENT)
HOSTS = (*DEPLOYMENTS, Partition.TURNS)
ROLLOUT_CALLS = (
    "plan",
    "next_step",
    "drain",
    "install",
    "self_test",
    "register",
    "await_alive",
    "release_command",
    "diagnose",
    "analyse",
    "end_bake",
    "await_human",
    "roll_back",
    "finish",
)
DELIVERY_CALLS = ("start_build", "check_build", "start_services", "record_snapshot")


class ControlPlaneStack(Stack):
    """The stack `lifecycle`."""

    def __init__(self, scope: Construct, construct_id: str, settings: Settings) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Lifecycle: from a Git push to production, one host at a time",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        self._storage = Storage(
            *(self, "Storage"),
            retain=settings.retain,
            protected=settings.protect_ledger,
            plain_http=settings.emulated,
        )
        self._shared = self._shared_by_phases(settings)
        self._signers: dict[KeyKind, iam.IRole] = {}
        self._delivery_phases(settings)
        self._rollout_phases(settings)
        receive_push = self._phase(
            "receive_push",
            writes=[ledger(Partition.REPOSITORY, Partition.REFUSED_PUSHES)],
            may=[
                Statement(
                    "Secret",
                    ("secretsmanager:GetSecretValue",),
                    # Secrets Manager adds six characters to the name; the emulator's Ref has the name alone.
                    (names.arn("secretsmanager", f"secret:{names.WEBHOOK_SECRET}-??????"),),
                ),
                START_DELIVERY,
                DESCRIBE_DELIVERIES,  # a commit whose delivery failed may be delivered again
                *read_default_branches(settings.codecommit_repositories),
            ],
            at_once=settings.webhook_concurrency,
            # GitHub waits 10 s for the answer, also of a cold start (docs/cold-start.md).
            megabytes=1024,
        )
        self._operator_phases(settings)
        self._watching_phases(settings)
        console_phases(self._phase, emulated=settings.emulated)
        push = PushTriggers(self, "Push", receive_push.function, settings.codecommit_repositories)
        tools = bundles.tools(settings.platform)
        BuildProject(self, "Build", tools, settings.codecommit_repositories, settings.build)
        Machine(self, "rollout", calls=ROLLOUT_CALLS, starts=("rollout",))
        Machine(
            self,
            "delivery",
            calls=DELIVERY_CALLS,
            starts=("rollout",),
            settings={"build_poll_seconds": settings.build_poll_seconds},
        )
        operators = Operators(self, "Operators", emulated=settings.emulated)
        # The key policies name the roles, so the keys come last. The phases find them by their aliases.
        SigningKeys(self, "SigningKeys", settings.signing_keys, self._signers, retain=settings.retain)
        configurations = Configurations(self, "Configurations", retain=settings.retain)
        if settings.emulated:  # the command line of a laptop has one role
            operators.role.add_managed_policy(configurations.policy)
            operators.role.add_managed_policy(operators.administers)
        Dashboard(self, "Dashboard", settings.dashboard_clusters)
        self._outputs(push.url.url)

    def _phase(self, name: str, **access: Any) -> Phase:
        phase = Phase(self, self._shared, name, **access)
        accept(phase.function, {"AwsSolutions-L1": "Python 3.13 is what layers/dependencies is built for"})
        return phase

    def _delivery_phases(self, settings: Settings) -> None:
        project = names.arn("codebuild", f"project/{names.BUILD_PROJECT}")
        build = Statement("Build", ("codebuild:StartBuild",), (project,))
        passes = pass_build_roles(settings.codecommit_repositories)
        # It records each refused input in the audit log, as `plan` does.
        self._phase("start_build", writes=[ledger(_TRAIL, Partition.REPOSITORY)], may=[build, *passes])
        # A delivery of a service that failed is started again under the next name.
        self._phase(
            "start_services", writes=[ledger(Partition.REPOSITORY)], may=[START_DELIVERY, DESCRIBE_DELIVERIES]
        )
        ends = stop_builds(emulated=settings.emulated)
        self._phase(
            "check_build",
            writes=[ledger(_TRAIL, Partition.REPOSITORY)],
            may=[*read_builds(emulated=settings.emulated), ends],
        )
        # It holds an artifact of up to 1 GiB in memory while it publishes it.
        self._signers[KeyKind.SNAPSHOT] = self._phase(
            "record_snapshot",
            reads=[UPLOADS, SNAPSHOTS],
            writes=[
                ledger(_TRAIL, Partition.SERVICE, Partition.REPOSITORY, requests_of(Source.DELIVERY)),
                SNAPSHOTS,
            ],
            seconds=300,
            megabytes=3008,
        ).role

    def _rollout_phases(self, settings: Settings) -> None:
        clusters = registry_list(emulated=settings.emulated)
        drains, registers = (change_targets("DeregisterTargets"), LEAVE_ROTATION), change_targets("RegisterTargets")
        self._phase(
            "plan",
            reads=[TARGETS, WEIGHTS, GROUP_SETTINGS, SNAPSHOTS, RELEASES, MACHINES, clusters],
            # It ends the withdrawal of a release that only began.
            writes=[ledger(*HOSTS, Partition.WITHDRAWALS), REGISTRY],
            # It takes out targets of no known host.
            may=[
                *(LEAVE_QUEUE, LIST_ROLLOUTS, DESCRIBE_ROLLOUTS, ANSWER_ROLLOUT, GUARD_MACHINES),
                *(*drains, set_weights()),
            ],
        )
        self._phase("next_step", reads=[TARGETS], writes=[ledger(*HOSTS)])
        # A stage that takes out a host of a test bed first sets the weight of its target group to 0.
        takes_out: dict[str, Any] = {
            "reads": [TARGETS, WEIGHTS],
            "writes": [ledger(*HOSTS)],
            "may": [*drains, set_weights()],
        }
        self._phase("drain", **takes_out, seconds=STAGE_SECONDS)
        self._phase("install", writes=[ledger(*HOSTS)], seconds=STAGE_SECONDS)
        self._phase("self_test", writes=[ledger(*HOSTS)], seconds=STAGE_SECONDS)
        self._phase(
            "register",
            reads=[REGISTRY],
            writes=[ledger(*HOSTS, Partition.ROTATION)],
            may=[registers],
            seconds=STAGE_SECONDS,
        )
        # It takes a host that is not alive in time out of rotation again.
        names_url = {**takes_out, "reads": [*takes_out["reads"], HEALTH_PATHS]}
        self._phase("await_alive", **names_url, seconds=STAGE_SECONDS)
        self._phase("release_command", writes=[ledger(*HOSTS)], seconds=STAGE_SECONDS)
        self._phase("diagnose", reads=[TARGETS], writes=[ledger(*HOSTS)], seconds=STAGE_SECONDS)
        self._phase(
            "analyse",
            reads=[TARGETS, WEIGHTS, METRICS, SNAPSHOTS, RELEASES],
            writes=[ledger(_CLUSTER, _DEPLOYMENT)],
            may=[set_weights()],
            # A day of minutes takes seconds of a whole virtual CPU, which comes with this much memory.
            seconds=120,
            megabytes=1769,
        )
        self._phase(
            "end_bake",
            reads=[TARGETS, WEIGHTS],
            writes=[ledger(*DEPLOYMENTS, Partition.ROTATION)],
            may=[*drains, registers, set_weights()],
            seconds=STAGE_SECONDS,
        )
        # It and the plan abort a halted automatic deployment for the newer one that waits behind it.
        self._phase("await_human", writes=[ledger(_TRAIL, _DEPLOYMENT)], may=[ANSWER_ROLLOUT])
        # It takes an epoch above the desired version's.
        self._phase("roll_back", reads=[REGISTRY], writes=[ledger(_CLUSTER, _DEPLOYMENT, Partition.TURNS)])
        # It starts the pending deployment of the cluster.
        self._phase("finish", writes=[ledger(*HOSTS), REGISTRY], may=[LEAVE_QUEUE, START_ROLLOUT, DESCRIBE_ROLLOUTS])

    def _operator_phases(self, settings: Settings) -> None:
        clusters = registry_list(emulated=settings.emulated)
        # It holds an artifact of up to 1 GiB in memory while it copies it.
        self._signers[KeyKind.RELEASE] = self._phase(
            "promote",
            reads=[SNAPSHOTS, clusters],
            writes=[ledger(_TRAIL, Partition.SERVICE), RELEASES],
            seconds=300,
            megabytes=3008,
        ).role
        self._phase("request", writes=[ledger(_TRAIL, requests_of(Source.OPERATOR))])
        # RETRY lifts the quarantine of a host.
        self._phase("decide", writes=[ledger(*DEPLOYMENTS)], may=[LIFT_QUARANTINE, ANSWER_ROLLOUT])
        # It reads the policy floors: who may approve.
        self._phase("approve", reads=[REGISTRY], writes=[ledger(_TRAIL, _DEPLOYMENT)], may=[ANSWER_ROLLOUT])
        self._phase("freeze", reads=[clusters], writes=[ledger(_TRAIL, Partition.FREEZES)], may=[LIFT_FREEZE])
        self._phase("set_policy", reads=[REGISTRY, clusters], writes=[ledger(_TRAIL)], may=[SET_FLOOR])
        # It reads which revision is the newest, and decrypts nothing.
        self._phase("record_config", reads=[REGISTRY], writes=[ledger(_TRAIL, Partition.CONFIG)])
        self._phase(
            "quarantine", reads=[SNAPSHOTS, RELEASES], writes=[ledger(_TRAIL, _CLUSTER)], may=[LIFT_QUARANTINE]
        )
        stops = [STOP_DELIVERIES, stop_builds(emulated=settings.emulated)]
        self._phase("cancel_run", writes=[ledger(_TRAIL)], may=stops)
        self._phase("transfer_service", writes=[ledger(_TRAIL, Partition.SERVICE)])
        self._phase("withdraw_release", reads=[REGISTRY], writes=[ledger(_TRAIL, Partition.WITHDRAWALS)])
        self._phase(
            "remove_service",
            reads=[clusters],
            writes=[ledger(_TRAIL, Partition.SERVICE, Partition.WITHDRAWALS, Partition.REPOSITORY)],
            may=[LIST_DELIVERIES],
            seconds=300,  # it withdraws thousands of versions one by one
        )
        self._phase("bind_hosts", reads=[TARGETS, MACHINES], writes=[ledger(_TRAIL, _CLUSTER)])
        terminating, terminated = ending_phases(self, self._phase)
        self._phase(
            "gc", reads=[REGISTRY], writes=[ledger(_TRAIL)], may=[LIST_ARTIFACTS, DELETE_ARTIFACTS], seconds=300
        )
        # Like `finish`, it closes a deployment whose execution was stopped by hand, and ends its test bed.
        ends_test_bed = [change_targets("DeregisterTargets"), change_targets("RegisterTargets"), set_weights()]
        repairs: dict[str, Any] = {
            "reads": [TARGETS, WEIGHTS, SNAPSHOTS, RELEASES, MACHINES, clusters],
            "writes": [ledger(*HOSTS, Partition.ROTATION, requests_of(Source.CONVERGENCE)), REGISTRY],
            "seconds": 300,
        }
        may = [
            REMOVE_HOST,
            GUARD_MACHINES,
            LEAVE_ROTATION,
            START_ROLLOUT,
            DESCRIBE_ROLLOUTS,
            ANSWER_ROLLOUT,
            *ends_test_bed,
        ]
        self._phase("repair", may=may, **repairs)
        # A pass over every cluster has a cursor.
        every = ledger(*HOSTS, Partition.ROTATION, Partition.PASSES, requests_of(Source.CONVERGENCE))
        passes = {**repairs, "writes": [every, REGISTRY]}
        converge = self._phase("converge", may=[*may, *LEDGER_STREAM], **passes)
        description = "Compare desired with installed versions, and repair drift"
        Schedule(self, "Converging", "converge", converge.function, settings.converge_rate, description)
        Unrepeated(self, "ConvergingOnce", converge.function)
        LagAlarm(self, "ConvergenceLags")
        EndedExecutions(self, "Ended", converge.function)
        HostEvents(self, "HostEvents", terminating=terminating, terminated=terminated, launched=converge.function)
        EndedServices(self, "EndedServices", self._storage.ledger, converge.function)

    def _watching_phases(self, settings: Settings) -> None:
        notify = self._phase("notify", may=[*LEDGER_STREAM, *SEND_NOTIFICATIONS])
        watch = self._phase(
            "watch",
            writes=[ledger(*DEPLOYMENTS)],
            may=[READ_ALARMS, START_ROLLOUT, DESCRIBE_ROLLOUTS, ANSWER_ROLLOUT],
        )
        NotificationsOut(self, "Notices", self._storage.ledger, notify.function, plain_http=settings.emulated)
        AlarmsIn(self, "Alarms", watch.function, plain_http=settings.emulated)
        # An alarm's message may be lost, so the schedule checks the ringing alarms too.
        description = "Check whether an alarm rings for a watched deployment"
        Schedule(self, "Watching", "watch", watch.function, settings.watch_rate, description)
        # No phase waits for it: it hangs on events about what is recorded already.
        report_status = self._phase(
            "report_status",
            reads=[SNAPSHOTS, RELEASES],
            writes=[ledger(_TRAIL, Partition.FORGE)],
            may=[FORGE_TOKEN, DESCRIBE_DELIVERIES],
        )
        StatusTriggers(self, "Statuses", report_status.function)
        description = "Send the statuses of commits that an event has not sent"
        Schedule(self, "Reporting", "report_status", report_status.function, "rate(15 minutes)", description)

    def _shared_by_phases(self, settings: Settings) -> Shared:
        return Shared(
            functions=settings.functions,
            layers=(
                self._layer("Core", bundles.core_layer(settings.platform)),
                self._layer("Dependencies", bundles.dependencies(settings.platform)),
            ),
            environment={
                Variable.LEDGER_TABLE: names.LEDGER,
                Variable.ARTIFACT_BUCKET: Fn.sub(names.artifact_bucket()),
                Variable.ROLLOUT_MACHINE: Fn.sub(names.machine_arn(names.ROLLOUT)),
                Variable.DELIVERY_MACHINE: Fn.sub(names.machine_arn(names.DELIVERY)),
                Variable.BUILD_PROJECT: names.BUILD_PROJECT,
                Variable.BUILD_ROLES: Fn.sub(names.build_role_arn("")),
                Variable.WEBHOOK_SECRET: names.WEBHOOK_SECRET,
                Variable.FORGE_SECRET: names.FORGE_SECRET,
                Variable.POLL_SECONDS: settings.poll_seconds,
                Variable.BUILD_LOOK_SECONDS: settings.build_look_seconds,
                Variable.AGENT_HEARTBEAT_TIMEOUT_SECONDS: settings.agent_heartbeat_timeout_seconds,
                Variable.MINUTE_SECONDS: settings.minute_seconds,
                Variable.SETTLES: "false" if settings.emulated else "true",
                Variable.CALLERS: Fn.sub(",".join(settings.callers)),
                Variable.NOTICES_TOPIC: Fn.sub(names.topic_arn(names.NOTIFICATIONS)),
            },
        )

    def _layer(self, name: str, content: Path) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            name,
            layer_version_name=names.layer(name),
            code=lambda_.Code.from_asset(str(content), exclude=["**/__pycache__"]),
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
            compatible_architectures=[lambda_.Architecture.X86_64],
        )

    def _outputs(self, webhook: str) -> None:
        outputs = {
            "WebhookUrl": webhook,
            "WebhookSecret": names.WEBHOOK_SECRET,
            "ArtifactBucket": self._storage.artifacts.bucket_name,
            "LedgerTable": self._storage.ledger.table_name,
            "RolloutMachine": Fn.sub(names.machine_arn(names.ROLLOUT)),
            "DeliveryMachine": Fn.sub(names.machine_arn(names.DELIVERY)),
            "BuildProject": names.BUILD_PROJECT,
            "NoticesTopic": Fn.sub(names.topic_arn(names.NOTIFICATIONS)),
            "OperatorRole": Fn.sub(names.role_arn(names.OPERATOR)),
            "AdministratorRole": Fn.sub(names.role_arn(names.ADMINISTRATOR)),
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)
