"""The control plane: every phase of DESIGN's table as one Lambda with one role, two state machines, and what is kept.

Read it as the list of who may do what; infra/constructs/grants.py says what each name stands for.
"""

from typing import Any

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Fn, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra import bundles
from infra.constructs.access import Statement, accept
from infra.constructs.build_project import BuildProject
from infra.constructs.dashboard import Dashboard, console_phases
from infra.constructs.grants import (
    ANSWER_ROLLOUT,
    DELETE_ARTIFACTS,
    FORGET_HOST,
    HEALTH_PATHS,
    LEAVE_QUEUE,
    LEDGER,
    LEDGER_STREAM,
    LIFT_FREEZE,
    LIFT_QUARANTINE,
    LIST_ARTIFACTS,
    METRICS,
    REGISTRY,
    RELEASES,
    SEE_ALARMS,
    SEE_DELIVERIES,
    SEE_ROLLOUTS,
    SNAPSHOTS,
    START_DELIVERY,
    START_ROLLOUT,
    TARGETS,
    TELL,
    WEIGHTS,
    registry_list,
    see_builds,
    targets_may,
    weigh_may,
)
from infra.constructs.machine import Machine
from infra.constructs.notifications import AlarmsIn, NotificationsOut
from infra.constructs.operators import Operators
from infra.constructs.phase import Phase, Shared
from infra.constructs.storage import Storage
from infra.constructs.triggers import PushTriggers, Schedule
from infra.settings import ROOT, Settings
from lifecycle import names
from lifecycle.names import Variable

# A stage waits up to 14 minutes for its host (LONGEST_WAIT of application/rollout/stages.py), then says so itself.
STAGE_SECONDS = 900
ROLLOUT_CALLS = (
    "plan",
    "next_step",
    "drain",
    "install",
    "self_test",
    "register",
    "await_alive",
    "diagnose",
    "analyse",
    "end_bake",
    "await_human",
    "roll_back",
    "finish",
)
DELIVERY_CALLS = ("start_build", "check_build", "record_snapshot")


class ControlPlaneStack(Stack):
    """The stack `lifecycle`."""

    def __init__(self, scope: Construct, construct_id: str, settings: Settings) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Lifecycle: from a Git push to production, one host at a time",
            synthesizer=DefaultStackSynthesizer(generate_bootstrap_version_rule=False),
        )
        self._storage = Storage(self, "Storage", retain=settings.retain, plain_http=settings.emulated)
        self._shared = self._shared_by_phases(settings)
        self._delivery_phases(settings)
        self._rollout_phases()
        receive_push = self._phase(
            "receive_push",
            may=[
                Statement(
                    "Secret",
                    ("secretsmanager:GetSecretValue",),
                    # Secrets Manager adds six characters to the name; Ref would be the name in the emulator.
                    (names.arn("secretsmanager", f"secret:{names.WEBHOOK_SECRET}-??????"),),
                ),
                START_DELIVERY,
                SEE_DELIVERIES,  # a commit whose run failed may be delivered again
            ],
        )
        self._operator_phases(settings)
        self._watching_phases(settings)
        console_phases(self._phase, emulated=settings.emulated)
        push = PushTriggers(self, "Push", receive_push.function)
        BuildProject(self, "Build", bundles.tools(settings.platform))
        Machine(self, "rollout", calls=ROLLOUT_CALLS, starts=("rollout",))
        Machine(
            self,
            "delivery",
            calls=DELIVERY_CALLS,
            starts=("rollout",),
            settings={"build_poll_seconds": settings.build_poll_seconds},
        )
        Operators(self, "Operators", emulated=settings.emulated)
        Dashboard(self, "Dashboard", settings.dashboard_clusters)
        self._tell(push.url.url)

    def _phase(self, name: str, **access: Any) -> Phase:
        phase = Phase(self, self._shared, name, **access)
        accept(phase.function, {"AwsSolutions-L1": "Python 3.13 is what layers/dependencies is built for"})
        return phase

    def _delivery_phases(self, settings: Settings) -> None:
        project = names.arn("codebuild", f"project/{names.BUILD_PROJECT}")
        self._phase("start_build", may=[Statement("Build", ("codebuild:StartBuild",), (project,))])
        self._phase("check_build", may=see_builds(emulated=settings.emulated))
        self._phase("record_snapshot", reads=[SNAPSHOTS], writes=[LEDGER])

    def _rollout_phases(self) -> None:
        drains, registers = targets_may("DeregisterTargets"), targets_may("RegisterTargets")
        self._phase(
            "plan",
            reads=[TARGETS, HEALTH_PATHS, SNAPSHOTS, RELEASES],
            writes=[LEDGER, REGISTRY],
            may=[LEAVE_QUEUE],
        )
        self._phase("next_step", reads=[TARGETS], writes=[LEDGER])
        # Who takes a host out first takes its share, if it is a test bed's.
        takes_out = {"reads": [TARGETS, WEIGHTS], "writes": [LEDGER], "may": [drains, weigh_may()]}
        self._phase("drain", **takes_out, seconds=STAGE_SECONDS)
        self._phase("install", writes=[LEDGER], seconds=STAGE_SECONDS)
        self._phase("self_test", writes=[LEDGER], seconds=STAGE_SECONDS)
        self._phase("register", reads=[REGISTRY], writes=[LEDGER], may=[registers], seconds=STAGE_SECONDS)
        # A host that is not alive in time is taken out of rotation again.
        self._phase("await_alive", **takes_out, seconds=STAGE_SECONDS)
        self._phase("diagnose", reads=[TARGETS], writes=[LEDGER], seconds=STAGE_SECONDS)
        self._phase(
            "analyse",
            reads=[TARGETS, WEIGHTS, METRICS, SNAPSHOTS, RELEASES],
            writes=[LEDGER],
            may=[weigh_may()],
            # A day of minutes is judged in seconds of a whole virtual CPU, which comes with this much memory.
            seconds=120,
            megabytes=1769,
        )
        self._phase(
            "end_bake",
            reads=[TARGETS, WEIGHTS],
            writes=[LEDGER],
            may=[drains, registers, weigh_may()],
            seconds=STAGE_SECONDS,
        )
        self._phase("await_human", writes=[LEDGER], may=[ANSWER_ROLLOUT])
        self._phase("roll_back", writes=[LEDGER])
        # It starts what waited for its lease.
        self._phase("finish", writes=[LEDGER, REGISTRY], may=[LEAVE_QUEUE, START_ROLLOUT, SEE_ROLLOUTS])

    def _operator_phases(self, settings: Settings) -> None:
        clusters = registry_list(emulated=settings.emulated)
        # It holds an artifact, 1 GiB at most, while it copies it.
        self._phase("promote", reads=[SNAPSHOTS], writes=[LEDGER, RELEASES], seconds=300, megabytes=3008)
        # A host that is to be tried again is quarantined no more.
        self._phase("decide", writes=[LEDGER], may=[LIFT_QUARANTINE, ANSWER_ROLLOUT])
        self._phase("approve", writes=[LEDGER], may=[ANSWER_ROLLOUT])
        self._phase("freeze", reads=[clusters], writes=[LEDGER], may=[LIFT_FREEZE])
        self._phase("quarantine", reads=[SNAPSHOTS, RELEASES], writes=[LEDGER], may=[LIFT_QUARANTINE])
        self._phase(
            "remove_host",
            reads=[TARGETS, WEIGHTS],
            writes=[LEDGER],
            may=[FORGET_HOST, targets_may("DeregisterTargets"), weigh_may(), ANSWER_ROLLOUT],
        )
        self._phase(
            "gc", reads=[REGISTRY], writes=[LEDGER], may=[LIST_ARTIFACTS, DELETE_ARTIFACTS], seconds=300
        )
        # It closes a deployment whose execution was stopped by hand, as `finish` would, its test bed included.
        home = [targets_may("DeregisterTargets"), targets_may("RegisterTargets"), weigh_may()]
        converge = self._phase(
            "converge",
            reads=[TARGETS, WEIGHTS, clusters],
            writes=[LEDGER, REGISTRY],
            may=[LEAVE_QUEUE, START_ROLLOUT, SEE_ROLLOUTS, ANSWER_ROLLOUT, *home],
            seconds=300,
        )
        why = "Compare desired with installed, and repair drift"
        Schedule(self, "Converging", "converge", converge.function, settings.converge_rate, why)

    def _watching_phases(self, settings: Settings) -> None:
        notify = self._phase("notify", may=[*LEDGER_STREAM, *TELL])
        watch = self._phase("watch", writes=[LEDGER], may=[SEE_ALARMS, START_ROLLOUT, ANSWER_ROLLOUT])
        NotificationsOut(self, "Notices", self._storage.ledger, notify.function, plain_http=settings.emulated)
        AlarmsIn(self, "Alarms", watch.function, plain_http=settings.emulated)
        # An alarm's message may be lost: what rings is looked at anyway.
        why = "Look whether an alarm rings for a deployment that is watched"
        Schedule(self, "Watching", "watch", watch.function, settings.watch_rate, why)

    def _shared_by_phases(self, settings: Settings) -> Shared:
        return Shared(
            functions=settings.functions,
            layers=(
                self._layer(
                    "Core", lambda_.Code.from_asset(str(ROOT / "layers/core"), exclude=["**/__pycache__"])
                ),
                self._layer(
                    "Dependencies", lambda_.Code.from_asset(str(bundles.dependencies(settings.platform)))
                ),
            ),
            environment={
                Variable.LEDGER_TABLE: names.LEDGER,
                Variable.ARTIFACT_BUCKET: Fn.sub(names.artifact_bucket()),
                Variable.ROLLOUT_MACHINE: Fn.sub(names.machine_arn(names.ROLLOUT)),
                Variable.DELIVERY_MACHINE: Fn.sub(names.machine_arn(names.DELIVERY)),
                Variable.BUILD_PROJECT: names.BUILD_PROJECT,
                Variable.WEBHOOK_SECRET: names.WEBHOOK_SECRET,
                Variable.POLL_SECONDS: settings.poll_seconds,
                Variable.AGENT_HEARTBEAT_TIMEOUT_SECONDS: settings.agent_heartbeat_timeout_seconds,
                Variable.MINUTE_SECONDS: settings.minute_seconds,
                Variable.NOTICES_TOPIC: Fn.sub(names.topic_arn(names.NOTIFICATIONS)),
            },
        )

    def _layer(self, name: str, code: lambda_.Code) -> lambda_.LayerVersion:
        return lambda_.LayerVersion(
            self,
            name,
            layer_version_name=names.layer(name),
            code=code,
            compatible_runtimes=[lambda_.Runtime.PYTHON_3_13],
            compatible_architectures=[lambda_.Architecture.X86_64],
        )

    def _tell(self, webhook: str) -> None:
        told = {
            "WebhookUrl": webhook,
            "WebhookSecret": names.WEBHOOK_SECRET,
            "ArtifactBucket": self._storage.artifacts.bucket_name,
            "LedgerTable": self._storage.ledger.table_name,
            "RolloutMachine": Fn.sub(names.machine_arn(names.ROLLOUT)),
            "DeliveryMachine": Fn.sub(names.machine_arn(names.DELIVERY)),
            "BuildProject": names.BUILD_PROJECT,
            "NoticesTopic": Fn.sub(names.topic_arn(names.NOTIFICATIONS)),
            "OperatorRole": Fn.sub(names.role_arn(names.OPERATOR)),
        }
        for name, value in told.items():
            CfnOutput(self, name, value=value)
