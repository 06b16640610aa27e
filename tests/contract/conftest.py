"""Every contract test runs twice: on the in-memory fakes, and on the AWS gateways against the emulator."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TypeGuard

import pytest
from botocore.credentials import Credentials

from apps.agent import aws as agent_aws
from apps.agent import ports as agent_ports
from apps.local.aws import root_key
from apps.local.aws.clients import Aws, Clients
from apps.local.aws.emulator import start_emulator, wait_for_emulator
from apps.local.paths import Layout
from apps.local.ports import Ports
from apps.local.processes import end
from lifecycle.application.ports.alarms import Alarms
from lifecycle.application.ports.artifacts import Artifacts
from lifecycle.application.ports.audit import AuditLog
from lifecycle.application.ports.builds import Builds
from lifecycle.application.ports.callers import Callers
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.clock import Clock
from lifecycle.application.ports.cluster_queries import ClusterQueries, Delivery
from lifecycle.application.ports.configurations import ConfigRevisions, ConfigStore
from lifecycle.application.ports.cursors import Cursors
from lifecycle.application.ports.deployments import Deployments
from lifecycle.application.ports.dispatcher import Dispatcher
from lifecycle.application.ports.executions import Executions
from lifecycle.application.ports.fleet import Fleet
from lifecycle.application.ports.forge import Forge
from lifecycle.application.ports.freezes import Freezes
from lifecycle.application.ports.leases import Leases
from lifecycle.application.ports.machines import Machines
from lifecycle.application.ports.members import Members
from lifecycle.application.ports.metrics import Metrics
from lifecycle.application.ports.notifications import Notifications
from lifecycle.application.ports.phases import Phases
from lifecycle.application.ports.queue import Queue
from lifecycle.application.ports.registry import Registry
from lifecycle.application.ports.repositories import Repositories
from lifecycle.application.ports.requests import Requests
from lifecycle.application.ports.scheduled_runs import ScheduledRuns
from lifecycle.application.ports.service_logs import ServiceLogs
from lifecycle.application.ports.signer import PublicKeys, Signer
from lifecycle.application.ports.step_reads import StepReads
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.trusted_keys import KeyKind
from lifecycle.gateways.aws.alarms import CloudWatchAlarms
from lifecycle.gateways.aws.artifacts import S3Artifacts
from lifecycle.gateways.aws.audit import DynamoAuditLog
from lifecycle.gateways.aws.builds import CodeBuildState
from lifecycle.gateways.aws.callers import StsCallers, signed
from lifecycle.gateways.aws.catalogue import DynamoCatalogue
from lifecycle.gateways.aws.clock import SystemClock
from lifecycle.gateways.aws.cluster_queries import DynamoClusterQueries
from lifecycle.gateways.aws.configurations import DynamoConfigRevisions, SsmConfigStore
from lifecycle.gateways.aws.cursors import DynamoCursors
from lifecycle.gateways.aws.deployments import DynamoDeployments
from lifecycle.gateways.aws.dispatcher import AlbDispatcher
from lifecycle.gateways.aws.executions import StepFunctionsExecutions
from lifecycle.gateways.aws.fleet import DynamoFleet
from lifecycle.gateways.aws.freezes import DynamoFreezes
from lifecycle.gateways.aws.leases import DynamoLeases
from lifecycle.gateways.aws.machines import Ec2Machines
from lifecycle.gateways.aws.members import DynamoMembers
from lifecycle.gateways.aws.metrics import CloudWatchMetrics
from lifecycle.gateways.aws.notifications import AwsNotifications
from lifecycle.gateways.aws.phases import LambdaPhases
from lifecycle.gateways.aws.queue import DynamoQueue
from lifecycle.gateways.aws.registry import SsmRegistry
from lifecycle.gateways.aws.requests import DynamoRequests
from lifecycle.gateways.aws.scheduled_runs import DynamoScheduledRuns
from lifecycle.gateways.aws.service_logs import CloudWatchServiceLogs
from lifecycle.gateways.aws.signer import KmsPublicKeys, KmsSigner
from lifecycle.gateways.aws.step_reads import DynamoStepReads
from lifecycle.gateways.aws.table import Table, item, record, reports_key, turns_key
from lifecycle.gateways.cluster_dispatcher import ClusterDispatcher
from lifecycle.gateways.ledger_dispatcher import LedgerDispatcher
from tests.contract.build_service import BuildService
from tests.contract.clusters import add_test_bed, parameter, target_group
from tests.contract.ledger_table import create_table
from tests.contract.moto_account import JUDGED, MotoClients, moto_account
from tests.contract.repository_service import RepositoryService
from tests.contract.signing import add_keys, add_phases
from tests.contract.state_machines import a_machine, new_token
from tests.fakes.agent import MemoryScheduledRuns as MemoryAgentRuns
from tests.fakes.alarms import MemoryAlarms
from tests.fakes.builds import MemoryBuilds
from tests.fakes.callers import MemoryCallers
from tests.fakes.context import MemoryContext
from tests.fakes.forge import MemoryForge
from tests.fakes.metrics import MemoryMetrics
from tests.fakes.notifications import MemoryNotifications
from tests.fakes.phases import MemoryPhases
from tests.fakes.repositories import MemoryRepositories
from tests.fakes.service_logs import MemoryServiceLogs
from tests.fakes.signer import SIGNER, SNAPSHOT_SIGNER, MemoryPublicKeys
from tests.support.aws_limits import strict
from tests.support.github_server import shared_forge
from tests.support.raw_objects import put_foreign, upload
from tests.support.ungated import ungated

_NUMBERS = itertools.count(1)


@dataclass
class Gateways:
    """One set of gateways, and a service that no other test uses."""

    leases: Leases
    deployments: Deployments
    step_reads: StepReads
    audit_log: AuditLog
    fleet: Fleet
    registry: Registry
    dispatcher: Dispatcher
    members: Members
    machines: Machines
    artifacts: Artifacts
    catalogue: Catalogue
    freezes: Freezes
    queue: Queue
    requests: Requests
    cursors: Cursors
    callers: Callers
    configurations: ConfigRevisions
    scheduled_runs: ScheduledRuns
    agents_runs: Callable[[Cluster, str], agent_ports.ScheduledRuns]
    config_store: ConfigStore
    cluster_queries: ClusterQueries
    executions: Executions
    builds: Builds
    repositories: Repositories
    forge: Forge
    notifications: Notifications
    metrics: Metrics
    alarms: Alarms
    service_logs: ServiceLogs
    signer: Signer
    public_keys: PublicKeys
    phases: Phases
    clock: Clock
    sign: Callable[[str], dict[str, str]]
    new_token: Callable[[], str]
    end_build: Callable[[str, CodeBuildState], None]
    add_repository: Callable[[str, str], None]
    put_foreign: Callable[[str, str, bytes], None]
    upload: Callable[[str, Manifest, bytes], None]
    put_secret: Callable[[str, str], object]
    deliver: Callable[[str], object]
    write_report: Callable[[Cluster, HostReport], None]
    turn_of: Callable[[Cluster, str], Turn | None]
    settle: Callable[[], None]
    service: str = field(default_factory=lambda: f"hello-{next(_NUMBERS)}")

    @property
    def cluster(self) -> Cluster:
        return Cluster("production", self.service)

    @property
    def old_cluster(self) -> Cluster:
        """Return a cluster whose stack is older than test beds."""
        return Cluster("staging", f"old-{self.service}")

    @property
    def worker_cluster(self) -> Cluster:
        """Return a cluster without a load balancer."""
        return _worker(self.service)


def _worker(service: str) -> Cluster:
    return Cluster("production", f"work-{service}")


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """The embedded AWS alone, with the table and the bucket that the gateways need."""
    layout, ports = Layout(tmp_path_factory.mktemp("emulator")), Ports.free()
    root = root_key.new()
    part = start_emulator(layout, ports, root)
    try:
        wait_for_emulator(layout, part, ports)
        aws = Aws(ports, root)
        _prepare(aws)
        yield aws
    finally:
        end(layout, [part])


def _prepare(aws: Aws) -> None:
    # A call that AWS would refuse is refused here too, whatever the emulator takes.
    other = ("stepfunctions", "elbv2", "cloudwatch", "events", "sns", "secretsmanager", "kms", "lambda")
    for service in ("s3", "dynamodb", "ssm", *other):
        strict(aws.client(service))
    aws.client("s3").create_bucket(Bucket="artifacts")
    create_table(aws, "ledger")
    add_keys(aws)
    add_phases(aws)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out the tests that are not for moto."""
    items[:] = [each for each in items if not _is_of_moto(each) or each.originalname in JUDGED]


def _is_of_moto(item: pytest.Item) -> TypeGuard[pytest.Function]:
    called = getattr(item, "callspec", None)
    return called is not None and called.params.get("gateways") == "moto"


@pytest.fixture
def on_moto() -> Iterator[MotoClients]:
    """Clients of an account on moto."""
    with moto_account() as aws:
        yield aws


@pytest.fixture(params=["memory", "moto", pytest.param("aws", marks=pytest.mark.emulator)])
def gateways(request: pytest.FixtureRequest) -> Gateways:
    """The gateways of one kind, with a production cluster of their service, and a cluster of an older stack."""
    if request.param == "memory":
        return in_memory()
    if request.param == "moto":
        return on_aws(request.getfixturevalue("on_moto"))
    return on_aws(request.getfixturevalue("emulator"))


@pytest.fixture(params=["memory", pytest.param("aws", marks=pytest.mark.emulator)])
def bedded(request: pytest.FixtureRequest) -> Gateways:
    """The gateways of one kind, with all target groups of a test bed."""
    if request.param == "memory":
        return in_memory()
    return with_test_bed(request.getfixturevalue("emulator"))


def with_test_bed(
    aws: Clients, builds: BuildService | None = None, repositories: RepositoryService | None = None
) -> Gateways:
    """Return the AWS gateways, and a production cluster as infra/constructs/front_door.py creates it."""
    made = on_aws(aws, builds, repositories)
    add_test_bed(aws, made.cluster)
    return made


def in_memory() -> Gateways:
    """Return the fakes, with a production cluster of their service, and a cluster of an older stack."""
    service = f"hello-{next(_NUMBERS)}"
    old = Cluster("staging", f"old-{service}")
    with_one = {Cluster("production", service): "/is_alive", old: "/is_alive"}
    fakes = MemoryContext(with_one, without=[_worker(service)])
    fakes.dispatcher.old_stacks.add(old)
    builds = MemoryBuilds()
    return Gateways(
        leases=fakes.leases,
        deployments=fakes.deployments,
        step_reads=fakes.step_reads,
        audit_log=fakes.audit_log,
        fleet=fakes.fleet,
        registry=fakes.registry,
        dispatcher=fakes.context.dispatcher,
        members=fakes.members,
        machines=fakes.machines,
        artifacts=fakes.artifacts,
        catalogue=fakes.catalogue,
        freezes=fakes.freezes,
        queue=fakes.queue,
        requests=fakes.requests,
        cursors=fakes.cursors,
        callers=(callers := MemoryCallers()),
        sign=callers.sign,
        configurations=fakes.configurations,
        scheduled_runs=fakes.scheduled_runs,
        agents_runs=lambda cluster, host: MemoryAgentRuns(
            records=fakes.scheduled_runs.records.setdefault(cluster, {}),
            quarantines=lambda: host in fakes.fleet.quarantined_hosts(cluster),
        ),
        config_store=fakes.config_store,
        cluster_queries=fakes.cluster_queries,
        executions=fakes.executions,
        builds=builds,
        repositories=(repositories := MemoryRepositories()),
        forge=MemoryForge(),
        notifications=MemoryNotifications(),
        metrics=MemoryMetrics(old_stacks={old}),
        alarms=MemoryAlarms(),
        service_logs=MemoryServiceLogs(old_stacks={old}),
        signer=SIGNER,
        public_keys=MemoryPublicKeys(SIGNER.trusted, SNAPSHOT_SIGNER.trusted),
        phases=MemoryPhases(fakes.context, fakes.catalogue, ungated),
        clock=fakes.clock,
        new_token=lambda: _waiting(fakes),
        end_build=lambda build, state: builds.states.update({build: state}),
        add_repository=repositories.branches.__setitem__,
        put_foreign=fakes.artifacts.put_foreign,
        upload=fakes.artifacts.upload,
        put_secret=fakes.config_store.secrets.__setitem__,
        deliver=lambda name: fakes.cluster_queries.runs.append(Delivery(name, "SUCCEEDED", fakes.clock.now())),
        write_report=fakes.fleet.write_report,
        turn_of=fakes.fleet.turn,
        settle=fakes.dispatcher.settle,
        service=service,
    )


def on_aws(
    aws: Clients, builds: BuildService | None = None, repositories: RepositoryService | None = None
) -> Gateways:
    """Return the AWS gateways over these clients, with the parameters and the target groups of their clusters."""
    table, ssm, states = (
        Table(aws.client("dynamodb"), "ledger"),
        aws.client("ssm"),
        aws.client("stepfunctions"),
    )
    machine, builds = a_machine(aws), builds or BuildService()
    repositories = repositories or RepositoryService()
    topic = aws.client("sns").create_topic(Name=f"notices-{next(_NUMBERS)}")["TopicArn"]
    ledger = LedgerDispatcher(DynamoMembers(table), DynamoFleet(table), SystemClock(), timedelta(seconds=30))
    made = Gateways(
        leases=DynamoLeases(table),
        deployments=DynamoDeployments(table),
        step_reads=DynamoStepReads(table),
        audit_log=DynamoAuditLog(table),
        fleet=DynamoFleet(table),
        registry=SsmRegistry(ssm),
        dispatcher=ClusterDispatcher(AlbDispatcher(aws.client("elbv2"), ssm), ledger),
        members=DynamoMembers(table),
        machines=Ec2Machines(aws.client("autoscaling"), aws.client("ec2"), ssm),
        artifacts=S3Artifacts(aws.client("s3"), "artifacts"),
        catalogue=DynamoCatalogue(table),
        freezes=DynamoFreezes(table),
        queue=DynamoQueue(table),
        requests=DynamoRequests(table),
        cursors=DynamoCursors(table),
        callers=StsCallers(lambda: str(aws.client("sts").meta.endpoint_url)),
        sign=lambda command: sign(aws, command),
        configurations=DynamoConfigRevisions(ssm, table),
        scheduled_runs=DynamoScheduledRuns(table),
        agents_runs=lambda cluster, host: agent_aws.DynamoScheduledRuns(
            aws.client("dynamodb"), "ledger", cluster, host
        ),
        config_store=SsmConfigStore(ssm, aws.client("secretsmanager")),
        cluster_queries=DynamoClusterQueries(table, SsmRegistry(ssm), states, machine),
        executions=StepFunctionsExecutions(states, machine, machine),
        builds=builds.gateway,
        repositories=repositories.gateway,
        forge=shared_forge(),
        notifications=AwsNotifications(aws.client("events"), aws.client("sns"), topic),
        metrics=CloudWatchMetrics(aws.client("cloudwatch"), ssm),
        alarms=CloudWatchAlarms(aws.client("cloudwatch")),
        service_logs=CloudWatchServiceLogs(aws.client("logs")),
        signer=KmsSigner(aws.client("kms"), KeyKind.RELEASE),
        public_keys=KmsPublicKeys(aws.client("kms")),
        phases=LambdaPhases(aws.client("lambda"), lambda command: sign(aws, command)),
        clock=SystemClock(),
        new_token=lambda: new_token(aws),
        end_build=builds.end,
        add_repository=repositories.branches.__setitem__,
        put_foreign=partial(put_foreign, aws.client("s3")),
        upload=partial(upload, aws.client("s3")),
        put_secret=lambda name, text: aws.client("secretsmanager").create_secret(Name=name, SecretString=text),
        deliver=lambda name: states.start_execution(stateMachineArn=machine, name=name),
        write_report=lambda cluster, report: _report(table, cluster, report),
        turn_of=lambda cluster, host: _turn(table, cluster, host),
        settle=lambda: None,
    )
    for cluster in (made.cluster, made.old_cluster):
        parameter(ssm, cluster, "target-group", target_group(aws, cluster, ""))
    parameter(ssm, made.worker_cluster, "without-load-balancer", "http: false")
    return made


def sign(aws: Clients, command: str) -> dict[str, str]:
    """Return the proof that the owner of these clients' credentials gives a command."""
    keys, sts = aws.credentials, aws.client("sts").meta
    credentials = Credentials(keys["AccessKeyId"], keys["SecretAccessKey"], keys.get("SessionToken"))
    return signed(credentials, sts.region_name, str(sts.endpoint_url), command)


def _waiting(fakes: MemoryContext) -> str:
    token = f"token-{next(_NUMBERS)}"
    fakes.executions.waiting.add(token)
    return token


def _report(table: Table, cluster: Cluster, report: HostReport) -> None:
    table.put(item(reports_key(cluster), report.host, report))


def _turn(table: Table, cluster: Cluster, host: str) -> Turn | None:
    found = table.get(turns_key(cluster), host)
    return record(Turn, found) if found else None
