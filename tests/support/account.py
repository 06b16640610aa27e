"""Two clusters over the real gateways of records, with an item of every kind, and every function and command.

`Account.of()` has production/hello, halted in a rollout, and production/other with a drifted host.
"""

import importlib.util
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from apps.agent.aws import DynamoScheduledRuns as AgentsRuns
from apps.cli.build_log import CloudWatchBuildLogs
from apps.cli.errors import FunctionRefused
from apps.cli.ports import Connection
from lifecycle.application.context import Context
from lifecycle.application.queries.context import QueryContext
from lifecycle.domain.convergence.full_pass import Cursor
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.fleet.host_command import Order, Turn
from lifecycle.domain.fleet.member import Member
from lifecycle.domain.fleet.scheduled_run import RunState, ScheduledRun
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.monitoring.alarms import Alarm
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.rollout.attempt import AttemptState
from lifecycle.domain.rollout.checkpoint import Checkpoint
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.rollout.recorded_request import RecordedRequest, Source
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed
from lifecycle.domain.service.configuration import ConfigRevision
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target
from lifecycle.entrypoints import bootstrap
from lifecycle.entrypoints.log import logger
from lifecycle.entrypoints.recordable import Command
from lifecycle.gateways.aws.artifacts import S3Artifacts
from lifecycle.gateways.aws.audit import DynamoAuditLog
from lifecycle.gateways.aws.callers import command_digest
from lifecycle.gateways.aws.catalogue import DynamoCatalogue
from lifecycle.gateways.aws.cluster_queries import DynamoClusterQueries
from lifecycle.gateways.aws.configurations import DynamoConfigRevisions, SsmConfigStore
from lifecycle.gateways.aws.cursors import DynamoCursors
from lifecycle.gateways.aws.deployments import DynamoDeployments
from lifecycle.gateways.aws.fleet import DynamoFleet
from lifecycle.gateways.aws.freezes import DynamoFreezes
from lifecycle.gateways.aws.leases import DynamoLeases
from lifecycle.gateways.aws.members import DynamoMembers
from lifecycle.gateways.aws.queue import DynamoQueue
from lifecycle.gateways.aws.registry import SsmRegistry
from lifecycle.gateways.aws.requests import DynamoRequests
from lifecycle.gateways.aws.scheduled_runs import DynamoScheduledRuns
from lifecycle.gateways.aws.step_reads import DynamoStepReads
from lifecycle.gateways.aws.table import Table, item, reports_key
from lifecycle.names import function
from tests.fakes.account import MemoryAccount
from tests.fakes.alarms import MemoryAlarms
from tests.fakes.builds import MemoryBuilds
from tests.fakes.callers import ADA, MemoryCallers
from tests.fakes.clock import ManualClock
from tests.fakes.dispatcher import MemoryDispatcher
from tests.fakes.executions import MemoryExecutions
from tests.fakes.forge import MemoryForge
from tests.fakes.machines import MemoryMachines
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.notifications import MemoryNotifications
from tests.fakes.phases import MemoryPhases
from tests.fakes.publishing import publish
from tests.fakes.service_logs import MemoryServiceLogs
from tests.fakes.signer import SIGNER, MemoryPublicKeys
from tests.support.account_records import attempt, own_with_old_release, question, record_deliveries, report
from tests.support.account_runs import DeliveryList, FakeRuns
from tests.support.aws_in_memory import StoredLedger, StoredObjects, StoredParameters
from tests.support.invocation import Invocation
from tests.support.rollout import manifest

HELLO, OTHER = Cluster("production", "hello"), Cluster("production", "other")
FIRST, CURRENT, WAITING = (f"hello-production-2026112311{number}000-ab1{number}" for number in range(3))
OTHERS = "other-production-20261123110000-ab10"
SNAPSHOTS = ("1.0.0-20261123100000-aaaaaaa", "1.0.1-20261123103000-bbbbbbb", "1.0.2-20261123110000-ccccccc")
REPOSITORY = "https://example.test/hello.git"
UPLOAD, QUESTION = "incoming/AROA:AWSCodeBuild-1", "decision-host-2-1-0"
ROOT = Path(__file__).parents[2]
CALLERS = MemoryCallers()
FUNCTIONS = {path.parent.name: path for path in sorted((ROOT / "functions").glob("*/*/handler.py"))}
# The functions that people call, each with a proof of who they are.
COMMANDS = {phase for phase, path in FUNCTIONS.items() if "@command" in path.read_text()}
# Fields of events, as the account of this module has them. A phase with a new field needs its value here.
FIELDS: Mapping[str, Any] = {
    "service": "hello",
    "environment": "production",
    **dict.fromkeys(("deployment", "execution"), CURRENT),
    "epoch": 2,
    "host": "host-2",
    "attempt": 1,
    "version": "1.0.1",
    "requested_by": "ada",
    "by": "ada",
    **dict.fromkeys(("why", "reason"), "as agreed"),
    "question": QUESTION,
    "token": "token",
    "bed": 1,
    "outcome": "ABORTED",
    "choice": "ABORT",
    "snapshot": SNAPSHOTS[2],
    "scope": "staging",
    "stack": "arn:aws:cloudformation:eu-west-1:123456789012:stack/lifecycle-production-hello/9f",
    "name": "1.0.1",
    "repository": REPOSITORY,
    "commit": "a" * 40,
    "branch": "main",
    "build": "build-1",
    "upload": UPLOAD,
    **{name: ["DATABASE_URL"] for name in ("names", "changed")},
    "started": "2026-11-23T12:00:00+00:00",
}
# Where a field means something else, or the other variant reaches more code.
CALLS: Mapping[str, tuple[Mapping[str, Any], ...]] = {
    "plan": ({}, {"deployment": "hello-production-20261123120000-ab15"}),
    "drain": ({}, {"host": "host-3"}),
    "end_bake": ({"outcome": "GIVEN_UP"},),
    "decide": ({}, {"host": "", "choice": "PAUSE", "attempt": 0}, {"host": "", "choice": "ROLL_BACK", "attempt": 0}),
    "quarantine": ({}, {"name": "host-9", "lift": True}),
    "freeze": ({}, {"lift": True}),
    "request": ({"deployment": "hello-production-20261123120000-ab16", "version": "1.0.2"},),
    "set_policy": ({"settings": {"bake_minutes": ["5"]}}, {"lift": True}),
    "bind_hosts": ({"places": {"host-4": "10.0.0.4"}},),
    "record_config": ({"revision": 2}, {"revision": 1}, {"revision": 1, "replace": True}),
    "remove_host": ({}, {"host": "host-1"}),
    "record_snapshot": ({"version": SNAPSHOTS[2]}, {"version": SNAPSHOTS[2], "sources": {"source": "0" * 16}}),
    "gc": ({"dry_run": False, "keep_snapshots": 1, "keep_releases": 1, "older_than_hours": 1},),
    "converge": ({"service": None, "environment": None, "requested_by": "schedule"},),
    "repair": ({"service": None, "environment": None},),
    "report_status": ({}, {"deployment": CURRENT}),
    **dict.fromkeys(("cancel_run", "check_build", "start_build", "start_services"), ()),
    **dict.fromkeys(("receive_push", "transfer_service", "remove_service"), ()),
    "act": (
        {"action": "deploy", "version": "1.0.2"},
        {"action": "decide", "choice": "ABORT", "question": QUESTION},
        {"action": "roll_back"},
        {"action": "unfreeze", "scope": "staging", "seen": "2026-11-23T12:00:00+00:00"},
    ),
}


@dataclass
class Account:
    """The stores, and the ports over them."""

    ledger: StoredLedger = field(default_factory=StoredLedger)
    parameters: StoredParameters = field(default_factory=StoredParameters)
    objects: StoredObjects = field(default_factory=StoredObjects)

    def __post_init__(self) -> None:
        table = Table(self.ledger, "ledger")
        self.clock, self.executions, self.alarms = ManualClock(), MemoryExecutions(), MemoryAlarms()
        self.dispatcher = MemoryDispatcher({HELLO: "/is_alive", OTHER: "/is_alive"})
        self.notifications, self.machines = MemoryNotifications(), MemoryMachines()
        self.catalogue, self.registry = DynamoCatalogue(table), SsmRegistry(self.parameters)
        self.artifacts = S3Artifacts(self.objects, "artifacts")
        self.queries = DynamoClusterQueries(table, self.registry, DeliveryList(), "machine")
        self.context = Context(
            clock=self.clock,
            leases=DynamoLeases(table),
            deployments=DynamoDeployments(table),
            step_reads=DynamoStepReads(table),
            audit_log=DynamoAuditLog(table),
            fleet=DynamoFleet(table),
            registry=self.registry,
            dispatcher=self.dispatcher,
            artifacts=self.artifacts,
            executions=self.executions,
            freezes=DynamoFreezes(table),
            queue=DynamoQueue(table),
            configurations=DynamoConfigRevisions(self.parameters, table),
            scheduled_runs=DynamoScheduledRuns(table),
            catalogue=self.catalogue,
            requests=DynamoRequests(table),
            cursors=DynamoCursors(table),
            machines=self.machines,
        )
        self.query = QueryContext(
            self.context, self.catalogue, self.queries, MemoryPhases(self.context, self.catalogue), MemoryBuilds()
        )
        for number in (1, 2, 3):
            # host-2 is drained: its attempt failed.
            if number != 2:
                self.dispatcher.states[HELLO][f"10.0.0.{number}"] = TargetState.HEALTHY
            self.dispatcher.states[OTHER][f"10.0.1.{number}"] = TargetState.HEALTHY
        now = self.clock.now()
        self.alarms.put(Alarm("lc-p-hello-errors", HELLO, True, now, "errors below 1 %", "errors at 9 %"))

    @classmethod
    def of(cls) -> "Account":
        """Return a copy of the account with an item of every kind."""
        filled = _filled()
        parameters = StoredParameters(filled.parameters.values, filled.parameters.earlier)
        return cls(filled.ledger.copied(), parameters, StoredObjects(filled.objects.objects))

    def use(self, patch: pytest.MonkeyPatch) -> None:
        """Let the handlers' composition root answer with these ports."""
        ports = {
            "context": self.context,
            "catalogue": self.catalogue,
            "audit_log": self.context.audit_log,
            "artifacts": self.artifacts,
            "executions": self.executions,
            "metrics": MemoryMetrics(),
            "notifications": self.notifications,
            "alarms": self.alarms,
            "forge": MemoryForge(),
            "console": self.query,
            "callers": CALLERS,
            "allowed_callers": ("assumed-role/lifecycle-operator/*",),
            "signer": SIGNER,
        }
        for name, port in ports.items():
            patch.setattr(bootstrap, name, lambda *_, port=port: port)
        patch.setattr(secrets, "token_hex", lambda _: "c0de")

    def connection(self) -> Connection:
        """Return the command line's connection to this account; `use` comes first."""
        return Connection(
            target="a test as ada",
            by="ada",
            context=self.context,
            catalogue=self.catalogue,
            cluster_queries=self.queries,
            runs=FakeRuns(self.clock),
            functions=Functions(),
            config_store=SsmConfigStore(self.parameters, None),
            logs=MemoryServiceLogs(),
            build_logs=CloudWatchBuildLogs(None),
            public_keys=MemoryPublicKeys(SIGNER.trusted),
            account=MemoryAccount(),
            poll_seconds=0.3,
        )


# The logger keeps the standard output of its first import, which must not be that of a command under test.
assert logger


def invoke(phase: str, event: Mapping[str, Any]) -> Any:
    """Call a handler, and sign the event where it is a command of a person."""
    name = function(phase)
    proof = {"proof": CALLERS.sign(command_digest(name, event))} if phase in COMMANDS else {}
    return handler(phase).handle({**event, **proof}, Invocation(name))


class Functions:
    """The handlers, as the command line calls them."""

    def call(self, phase: str, payload: Mapping[str, Any]) -> Any:
        found = invoke(phase, payload)
        if isinstance(found, dict) and "error" in found:
            raise FunctionRefused(found["error"])
        return found


@cache
def handler(phase: str) -> Any:
    """Return the module of a function."""
    spec = importlib.util.spec_from_file_location(f"handler_of_{phase}", FUNCTIONS[phase])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def calls(phase: str) -> list[dict[str, Any]]:
    """Return the events that a test calls a function with."""
    if phase == "notify":
        return []
    return [_event(handler(phase), each) for each in CALLS.get(phase, ({},))]


def _event(module: ModuleType, changes: Mapping[str, Any]) -> dict[str, Any]:
    kinds = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, Command)]
    if not kinds:  # a widget
        return {"service": "hello", "environment": "production", "deployment": CURRENT, **changes}
    (kind,) = kinds
    needed = {name for name, each in kind.model_fields.items() if each.is_required()} | {"host", "attempt", "epoch"}
    usual = {name: FIELDS[name] for name in needed if name in kind.model_fields and name in FIELDS}
    return {**usual, **changes}


@cache
def _filled() -> Account:
    account = Account()
    _fill_hello(account)
    _fill_other(account)
    return account


def _report(account: Account, cluster: Cluster, number: int, version: str) -> None:
    made = report(number, f"10.0.{int(cluster == OTHER)}.{number}", version, account.clock.now())
    account.ledger.store(item(reports_key(cluster), made.host, made))


def _publish(account: Account, made: Manifest) -> None:
    publish(account.artifacts, account.catalogue, made, made.version.encode())
    stored = account.objects.objects
    stored |= {f"{UPLOAD}/{key}": body for key, body in stored.items() if key.startswith(made.prefix)}


def _deployment(account: Account, request: Request, epoch: int, **changes: Any) -> Deployment:
    made = manifest(request.version)
    usual = Deployment(
        request=request,
        epoch=epoch,
        target=Target(request.version, made.digest),
        previous=Target("1.0.0", manifest("1.0.0").digest) if request.version != "1.0.0" else None,
        hosts=("host-1", "host-2", "host-3"),
        policy=Policy(watch_minutes=60, bake_minutes=30),
        started_at=account.clock.now() - timedelta(minutes=90 - 30 * epoch),
        execution=request.deployment,
        host_count=3,
    )
    found = replace(usual, **changes)
    account.context.deployments.put(found)
    return found


def _fill_hello(account: Account) -> None:
    context, now = account.context, account.clock.now()
    for version, snapshot in zip(("1.0.0", "1.0.1", "1.0.2"), SNAPSHOTS, strict=True):
        _publish(account, manifest(version, snapshot=snapshot))
        _publish(account, manifest(snapshot))
        facts = {"commit": "a" * 40, "digest": manifest(snapshot).digest, "branch": "main", "built": now.isoformat()}
        account.catalogue.record_snapshot("hello", snapshot, facts)
        if version != "1.0.2":
            account.catalogue.claim_release("hello", snapshot, version)
    own_with_old_release(account.catalogue, REPOSITORY, now)
    record_deliveries(account.catalogue, REPOSITORY, now)
    for number, version in enumerate(("1.0.1", "1.0.1", "1.0.0"), 1):
        _report(account, HELLO, number, version)
    request = Request(FIRST, "hello", "production", "1.0.0", "ada")
    _deployment(account, request, 1, state=DeploymentState.DONE, finished_at=now - timedelta(minutes=55))
    context.leases.release(HELLO, context.leases.acquire(HELLO, FIRST, now, 0))
    attempt(account.context, FIRST, "host-1", AttemptState.ALIVE)
    request = Request(CURRENT, "hello", "production", "1.0.1", "ada")
    _deployment(account, request, 2, state=DeploymentState.HALTED, reason="host-2 failed")
    context.leases.acquire(HELLO, CURRENT, now, 0)
    attempt(account.context, CURRENT, "host-1", AttemptState.ALIVE)
    attempt(account.context, CURRENT, "host-2", AttemptState.FAILED)
    context.deployments.ask(question(CURRENT, QUESTION, account.clock.now()))
    bed = TestBed(CURRENT, 1, "host-1", 1, "host-3", 1, now, 30, state=BedState.PASSED, ended_at=now)
    context.deployments.put_bed(bed)
    context.deployments.put_checkpoint(Checkpoint(CURRENT, 1, ()))
    waiting = Request(WAITING, "hello", "production", "1.0.2", "grace")
    _deployment(account, waiting, 0, state=DeploymentState.QUEUED)
    context.queue.replace(HELLO, None, PendingDeployment(waiting, now))
    begun = ScheduledRun("report", now, "host-1", "1.0.1", RunState.RUNNING, now, now + timedelta(hours=1), now)
    AgentsRuns(account.ledger, "ledger", HELLO, "host-1").replace(None, begun)
    context.fleet.bind(HELLO, {f"host-{number}": f"10.0.0.{number}" for number in (1, 2, 3)})
    context.fleet.quarantine(HELLO, "0.9.0", "slow")
    context.fleet.quarantine_host(HELLO, "host-9", "bad disk")
    DynamoMembers(Table(account.ledger, "ledger")).add(HELLO, Member("10.0.0.9", 8080, "host-9"))
    context.freezes.put(Freeze("staging", "ada", "a fair", now))
    context.cursors.put(Cursor(str(HELLO), now))
    expiry, digest = now + timedelta(minutes=15), manifest("1.0.1").digest
    context.fleet.give_turns(HELLO, [Turn("host-2", Order.INSTALL, CURRENT, 2, 1, "1.0.1", digest, now, expiry)])
    wanted = replace(request, deployment="hello-production-20261123120000-ab15", version="1.0.2")
    for each in (request, wanted):
        context.requests.put(RecordedRequest(each, Source.OPERATOR, now, ADA))
    context.audit_log.append(AuditEntry(now, str(HELLO), "drain", "ada", "", CURRENT, "host-2", AuditKind.CRASH_LOOP))
    account.registry.set_desired(HELLO, Desired("1.0.1", digest, 2, CURRENT))
    config = account.connection().config_store.write(HELLO, {"DATABASE_URL": "postgres://db"}, 0)
    revision = ConfigRevision(str(HELLO), config, ("DATABASE_URL",), ("DATABASE_URL",), "ada", "as agreed", now)
    context.configurations.record(revision)


def _fill_other(account: Account) -> None:
    now = account.clock.now()
    for version in ("1.0.0", "1.0.1"):
        _publish(account, manifest(version, service="other"))
    for number in (1, 2, 3):
        _report(account, OTHER, number, "1.0.1" if number > 1 else "1.0.0")
    ours = Request(OTHERS, "other", "production", "1.0.1", "ada")
    _deployment(account, ours, 1, state=DeploymentState.DONE, finished_at=now - timedelta(minutes=55))
    account.context.leases.release(OTHER, account.context.leases.acquire(OTHER, OTHERS, now, 0))
    account.registry.set_desired(OTHER, Desired("1.0.1", manifest("1.0.1").digest, 1, OTHERS))


def plain(result: Any) -> str:
    """Return an answer as text, to compare it."""
    return json.dumps(result, sort_keys=True, default=str) if not isinstance(result, str) else result
