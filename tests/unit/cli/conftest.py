"""An operator's desk over in-memory fakes: commands as typed, with the real decisions of the rollout."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from apps.cli.command import Options
from apps.cli.errors import FunctionRefused
from apps.cli.main import app
from apps.cli.ports import Connection, Run
from lifecycle.application.convergence.converge import converge_all
from lifecycle.application.delivery.cancel_run import cancel_run
from lifecycle.application.delivery.collect_garbage import gc
from lifecycle.application.delivery.promote import promote
from lifecycle.application.delivery.remove_service import remove_service
from lifecycle.application.delivery.staging_gate import StagingGate
from lifecycle.application.delivery.transfer_service import transfer_service
from lifecycle.application.delivery.withdraw_release import withdraw_release
from lifecycle.application.fleet.forget_cluster import forget_cluster
from lifecycle.application.fleet.quarantine import lift_quarantine, quarantine
from lifecycle.application.fleet.record_config import record_config
from lifecycle.application.fleet.remove_host import remove_host
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout.decide import answer_deployment, approve, decide
from lifecycle.application.rollout.freeze import freeze, unfreeze
from lifecycle.application.rollout.requests import record_request
from lifecycle.application.rollout.set_policy import set_floor, unset_floor
from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.recorded_request import RecordedRequest, Source
from lifecycle.domain.service.policy import Policy
from lifecycle.entrypoints import events, fleet_events
from lifecycle.entrypoints.delivery_events import CancelRun, RemoveService, TransferService, WithdrawRelease
from lifecycle.gateways.serialization import to_plain
from tests.fakes.account import MemoryAccount
from tests.fakes.builds import MemoryBuilds
from tests.fakes.executions import MemoryExecutions
from tests.fakes.service_logs import MemoryServiceLogs
from tests.fakes.signer import SIGNER, SNAPSHOT_SIGNER, MemoryPublicKeys
from tests.support.rollout import CLUSTER, Machine, manifest

# The first two are releases 1.0.0 and 1.0.1; the last is not promoted yet.
SNAPSHOTS = ("1.0.0-20261123100000-aaaaaaa", "1.0.0-20261123110000-bbbbbbb", "1.1.0-20261123113000-ccccccc")


@dataclass
class FakeRuns:
    """Executions by the records. `fixed` replaces some of them, and `pushes` are deliveries.

    Reading a rollout raises `fails`, and reading deliveries `failing`, if they are set.
    """

    machine: Machine
    fixed: dict[str, Run | None] = field(default_factory=dict)
    pushes: dict[str, Run] = field(default_factory=dict)
    phases: list[str] = field(default_factory=lambda: ["building"])
    fails: Exception | None = None
    failing: Exception | None = None
    builds: dict[str, str] = field(default_factory=dict)

    def rollout(self, name: str) -> Run | None:
        if self.fails:
            raise self.fails
        if name in self.fixed:
            return self.fixed[name]
        record = self.machine.memory.deployments.get(CLUSTER, name.partition("_")[0])
        return self._of(record) if record and name in (record.id, record.execution) else None

    def _of(self, record: Deployment) -> Run:
        if record.state is DeploymentState.QUEUED:
            return Run(record.id, "SUCCEEDED", record.started_at, output={"kind": "QUEUED"})
        if not record.state.final:
            return Run(record.id, "RUNNING", record.started_at)
        if record.state in (DeploymentState.DONE, DeploymentState.ROLLED_BACK):
            recent = self.machine.memory.deployments.recent(CLUSTER, 50)
            rollback = next((each.id for each in recent if each.request.rollback_of == record.id), "")
            return Run(record.id, "SUCCEEDED", record.started_at, output={"rollback": rollback} if rollback else {})
        return Run(record.id, "FAILED", record.started_at, error=record.state, cause=record.reason)

    def delivery(self, name: str) -> Run | None:
        return self.pushes.get(name)

    def deliveries(self, *, running: bool) -> Sequence[Run]:
        if self.failing:
            raise self.failing
        return [run for run in self.pushes.values() if run.running or not running]

    def current_step(self, name: str) -> str:
        return self.phases.pop(0) if len(self.phases) > 1 else self.phases[0]

    def build(self, name: str) -> str:
        return self.builds.get(name, "")


@dataclass
class FakeBuildLogs:
    """The lines of each build, as they arrived; the next calls raise what is in `fails`."""

    lines: dict[str, list[str]] = field(default_factory=dict)
    fails: list[Exception] = field(default_factory=list)

    def read(self, build: str, position: str) -> tuple[Sequence[str], str]:
        if self.fails:
            raise self.fails.pop()
        found = self.lines.get(build, [])
        return found[int(position or 0) :], str(len(found)) if found else position


class DrivenExecutions(MemoryExecutions):
    """Executions that run a started rollout until it ends or waits for an operator."""

    def __init__(self, machine: Machine, runs: FakeRuns) -> None:
        super().__init__()
        self._machine = machine
        self._runs = runs

    def start_rollout(self, name: str, payload: Mapping[str, Any]) -> bool:
        new = super().start_rollout(name, payload)
        planned = self._machine.start(dict(payload), name)
        if planned.kind == "PLANNED":
            self._machine.run(payload["deployment"])
        elif planned.kind != "QUEUED":
            refused = planned.kind == "REFUSED"
            status, error, cause = ("FAILED", "Refused", planned.reason) if refused else ("SUCCEEDED", "", "")
            now = self._machine.now
            self._runs.fixed[name] = Run(name, status, now, now, error=error, cause=cause)
        return new


@dataclass
class FakeFunctions:
    """The functions that an operator calls, with their real events and phases; an answer continues the rollout."""

    machine: Machine
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    builds: MemoryBuilds = field(default_factory=MemoryBuilds)

    def call(self, phase: str, payload: Mapping[str, Any]) -> Any:
        self.calls.append((phase, dict(payload)))
        try:
            return to_plain(getattr(self, f"_{phase}")(dict(payload)))
        except LifecycleError as error:
            raise FunctionRefused(str(error)) from error

    def _request(self, payload: dict[str, Any]) -> Any:
        asked = events.RequestDeployment.model_validate(payload)
        requested = RecordedRequest(asked.request(), Source.OPERATOR, self.machine.now)
        record_request(self.machine.memory.requests, requested)
        return requested

    def _promote(self, payload: dict[str, Any]) -> Any:
        asked, memory = events.Promote.model_validate(payload), self.machine.memory
        by = asked.requested_by
        gate = StagingGate(memory.context, by, asked.despite_staging, asked.reason)
        wanted = asked.version
        return promote(memory.catalogue, memory.artifacts, SIGNER, asked.service, asked.snapshot, by, gate, wanted)

    def _cancel_run(self, payload: dict[str, Any]) -> Any:
        asked = CancelRun.model_validate(payload)
        return cancel_run(self.machine.context, self.builds, asked.run, RequestedBy(asked.by, asked.why))

    def _transfer_service(self, payload: dict[str, Any]) -> Any:
        asked = TransferService.model_validate(payload)
        return transfer_service(self.machine.context, asked.service, asked.to, RequestedBy(asked.by, asked.why))

    def _remove_service(self, payload: dict[str, Any]) -> Any:
        asked = RemoveService.model_validate(payload)
        return remove_service(self.machine.context, asked.service, RequestedBy(asked.by, asked.why))

    def _withdraw_release(self, payload: dict[str, Any]) -> Any:
        asked = WithdrawRelease.model_validate(payload)
        return withdraw_release(self.machine.context, asked.service, asked.version, RequestedBy(asked.by, asked.why))

    def _decide(self, payload: dict[str, Any]) -> Any:
        asked, context = events.Decide.model_validate(payload), self.machine.context
        answer = Answer(asked.choice, asked.by, asked.why, self.machine.now)
        if asked.host:
            found = decide(context, asked.cluster, asked.deployment, asked.host, asked.attempt, answer)
        else:
            found = answer_deployment(context, asked.cluster, asked.deployment, answer)
        if asked.choice is not Choice.PAUSE:  # which continues nothing
            self.machine.run(asked.deployment)
        return found

    def _approve(self, payload: dict[str, Any]) -> Any:
        asked = events.Decide.model_validate(payload)
        answer = Answer(asked.choice, asked.by, asked.why, self.machine.now)
        found = approve(self.machine.context, asked.cluster, asked.deployment, answer, asked.question)
        self.machine.run(asked.deployment)
        return found

    def _gc(self, payload: dict[str, Any]) -> Any:
        asked, catalogue = events.CollectGarbage.model_validate(payload), self.machine.memory.catalogue
        who, keep = asked.requested_by, asked.keep()
        return gc(self.machine.context, catalogue, asked.service, keep=keep, dry_run=asked.dry_run, by=who)

    def _freeze(self, payload: dict[str, Any]) -> Any:
        asked, context = events.SetFreeze.model_validate(payload), self.machine.context
        by = RequestedBy(asked.by, asked.why)
        return unfreeze(context, asked.scope, by) if asked.lift else freeze(context, asked.scope, by, asked.until)

    def _set_policy(self, payload: dict[str, Any]) -> Any:
        asked, context = events.SetPolicy.model_validate(payload), self.machine.context
        by = RequestedBy(asked.by, asked.why)
        if asked.lift:
            return unset_floor(context, asked.scope, asked.names, by)
        return set_floor(context, asked.scope, asked.settings, by)

    def _quarantine(self, payload: dict[str, Any]) -> Any:
        asked = events.SetQuarantine.model_validate(payload)
        act = lift_quarantine if asked.lift else quarantine
        return act(self.machine.context, asked.cluster, asked.name, RequestedBy(asked.by, asked.why))

    def _record_config(self, payload: dict[str, Any]) -> Any:
        asked, context = events.RecordConfig.model_validate(payload), self.machine.context
        return record_config(context, asked.revision_at(context.clock.now()), replace=asked.replace)

    def _remove_host(self, payload: dict[str, Any]) -> Any:
        asked, context = events.RemoveHost.model_validate(payload), self.machine.context
        by = RequestedBy(asked.by, asked.why)
        return remove_host(context, asked.cluster, asked.host, by, terminated=asked.terminated)

    def _forget_cluster(self, payload: dict[str, Any]) -> Any:
        asked = fleet_events.ForgetCluster.model_validate(payload)
        return forget_cluster(self.machine.context, asked.cluster, RequestedBy(asked.by, asked.why))

    def _repair(self, payload: dict[str, Any]) -> Any:
        asked = events.Converge.model_validate(payload)
        return converge_all(self.machine.context, "c0de", asked.requested_by, asked.only(), asked.ended())


class Desk:
    """Four hosts of hello in production, and its snapshots; `type` runs a command."""

    def __init__(self, policy: Policy | None = None, cluster: Cluster = CLUSTER) -> None:
        self.machine = Machine(policy=policy, cluster=cluster)
        self.runs = FakeRuns(self.machine)
        self.functions = FakeFunctions(self.machine)
        self.logs = MemoryServiceLogs()
        self.build_logs = FakeBuildLogs()
        self.executions = DrivenExecutions(self.machine, self.runs)
        memory = self.machine.memory
        # Queued deployments that a finish starts run too.
        self.machine.context = replace(memory.context, executions=self.executions)
        for number, snapshot in enumerate(SNAPSHOTS):
            made = manifest(snapshot)
            self.machine.publish(made)
            facts = {"commit": made.commit, "digest": made.digest, "branch": "main", "built": "-"}
            memory.catalogue.record_snapshot("hello", snapshot, facts)
            if number < 2:
                memory.catalogue.claim_release("hello", snapshot, f"1.0.{number}")
        self.connection = Connection(
            target="laptop (a test) as ada",
            by="ada",
            context=self.machine.context,
            catalogue=memory.catalogue,
            cluster_queries=memory.cluster_queries,
            runs=self.runs,
            functions=self.functions,
            config_store=memory.config_store,
            logs=self.logs,
            build_logs=self.build_logs,
            public_keys=MemoryPublicKeys(SIGNER.trusted, SNAPSHOT_SIGNER.trusted),
            account=MemoryAccount(),
            poll_seconds=0.3,
        )

    def type(self, text: str, *more: str, given: str | None = None) -> Result:
        """Run a command as typed, with `given` on its standard input."""

        def connect(options: Options) -> Connection:
            return replace(self.connection, flags=f" --profile {options.profile}" if options.profile else "")

        return CliRunner().invoke(app, [*text.split(), *more], input=given, obj=connect)

    def facts(self, text: str, *more: str) -> dict[str, Any]:
        """Run a command with --json and return its answer."""
        done = self.type(text, *more, "--json")
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def requested(self) -> dict[str, Any]:
        """Return the only request for a deployment that was recorded."""
        [payload] = [payload for phase, payload in self.functions.calls if phase == "request"]
        return payload

    def halted(self) -> str:
        """Deploy a release that fails its self-test on host-2; returns the name of the halted deployment."""
        self.break_host("host-2", "1.0.1")
        return self.machine.deploy("1.0.1")

    def effect(self, name: str, choice: Choice) -> str:
        """Return the effect of a choice by the question of a deployment."""
        [asked] = self.machine.memory.deployments.questions(name)
        return asked.effects[choice]

    def break_host(self, host: str, *versions: str) -> None:
        """Make these versions fail their self-test on a host."""
        self.machine.host(host).breaks.update(dict.fromkeys(versions, AgentStage.SELF_TESTING))

    def at_tick(self, number: int, act: Callable[[], object]) -> None:
        """Act when the clock has moved that often, as a second operator would."""
        ticks_seen: list[None] = []

        def tick() -> None:
            ticks_seen.append(None)
            if len(ticks_seen) == number:
                self.machine.memory.clock.ticks.remove(tick)
                act()

        self.machine.memory.clock.ticks.append(tick)


@pytest.fixture
def desk() -> Desk:
    """A cluster that serves 1.0.0."""
    made = Desk()
    made.machine.deploy("1.0.0")
    return made
