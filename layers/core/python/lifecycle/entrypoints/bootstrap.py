"""The only place that chooses gateways. Clients are made on first use: each costs cold-start time."""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from lifecycle.domain.delivery.forge_tokens import ForgeTokens
from lifecycle.domain.delivery.webhook_secrets import WebhookSecrets
from lifecycle.entrypoints.recent import Recent
from lifecycle.entrypoints.settings import Settings, from_environment
from lifecycle.gateways.aws.client import S3_READ_TIMEOUT, LazyClient, client_config
from lifecycle.names import Variable

if TYPE_CHECKING:  # a phase imports the ports that it uses, and no others
    from lifecycle.application.context import Context
    from lifecycle.application.ports.alarms import Alarms
    from lifecycle.application.ports.artifacts import Artifacts
    from lifecycle.application.ports.audit import AuditLog
    from lifecycle.application.ports.builds import Builds
    from lifecycle.application.ports.callers import Callers
    from lifecycle.application.ports.catalogue import Catalogue
    from lifecycle.application.ports.executions import Executions
    from lifecycle.application.ports.forge import Forge
    from lifecycle.application.ports.metrics import Metrics
    from lifecycle.application.ports.notifications import Notifications
    from lifecycle.application.ports.repositories import Repositories
    from lifecycle.application.ports.signer import Signer
    from lifecycle.application.queries.context import QueryContext
    from lifecycle.domain.service.trusted_keys import KeyKind

# The console waits for the function `promote`, which copies an artifact.
_READ_TIMEOUTS = {"s3": S3_READ_TIMEOUT, "lambda": 290}


@cache
def client(name: str) -> Any:
    """Return the process's only client of a service: botocore's, which boto3 would hand out with more imports."""
    timeout = _READ_TIMEOUTS.get(name)
    return _session().create_client(name, config=client_config(read_timeout=timeout) if timeout else client_config())


@cache
def _session() -> Any:
    from botocore.session import get_session  # noqa: PLC0415 (a phase that needs no AWS does not pay for it)

    return get_session()


def _lazy(name: str) -> LazyClient:
    return LazyClient(client, name)


def _table(settings: Settings) -> Any:
    from lifecycle.gateways.aws.table import Table  # noqa: PLC0415

    return Table(_lazy("dynamodb"), settings.text(Variable.LEDGER_TABLE))


@cache
def context() -> "Context":
    """Return the rollout's ports over AWS."""
    return context_of({})


def context_of(clients: Mapping[str, Any], settings: Settings | None = None) -> "Context":
    """Return the rollout's ports over these clients, such as the CLI's, or else over this process's."""
    from lifecycle.application.context import Context  # noqa: PLC0415
    from lifecycle.gateways.aws.artifacts import S3Artifacts  # noqa: PLC0415
    from lifecycle.gateways.aws.audit import DynamoAuditLog  # noqa: PLC0415
    from lifecycle.gateways.aws.catalogue import DynamoCatalogue  # noqa: PLC0415
    from lifecycle.gateways.aws.clock import SystemClock  # noqa: PLC0415
    from lifecycle.gateways.aws.configurations import DynamoConfigRevisions  # noqa: PLC0415
    from lifecycle.gateways.aws.cursors import DynamoCursors  # noqa: PLC0415
    from lifecycle.gateways.aws.deployments import DynamoDeployments  # noqa: PLC0415
    from lifecycle.gateways.aws.dispatcher import AlbDispatcher  # noqa: PLC0415
    from lifecycle.gateways.aws.fleet import DynamoFleet  # noqa: PLC0415
    from lifecycle.gateways.aws.freezes import DynamoFreezes  # noqa: PLC0415
    from lifecycle.gateways.aws.leases import DynamoLeases  # noqa: PLC0415
    from lifecycle.gateways.aws.machines import Ec2Machines  # noqa: PLC0415
    from lifecycle.gateways.aws.members import DynamoMembers  # noqa: PLC0415
    from lifecycle.gateways.aws.queue import DynamoQueue  # noqa: PLC0415
    from lifecycle.gateways.aws.registry import SsmRegistry  # noqa: PLC0415
    from lifecycle.gateways.aws.requests import DynamoRequests  # noqa: PLC0415
    from lifecycle.gateways.aws.scheduled_runs import DynamoScheduledRuns  # noqa: PLC0415
    from lifecycle.gateways.aws.step_reads import DynamoStepReads  # noqa: PLC0415
    from lifecycle.gateways.aws.table import Table  # noqa: PLC0415
    from lifecycle.gateways.cluster_dispatcher import ClusterDispatcher  # noqa: PLC0415
    from lifecycle.gateways.ledger_dispatcher import LedgerDispatcher  # noqa: PLC0415

    settings = settings or from_environment()
    by_name = {name: clients.get(name) or _lazy(name) for name in ("dynamodb", "ssm", "elbv2", "s3")}
    table = Table(by_name["dynamodb"], settings.text(Variable.LEDGER_TABLE))
    clock, fleet = SystemClock(), DynamoFleet(table)
    ledger = LedgerDispatcher(DynamoMembers(table), fleet, clock, settings.heartbeat_timeout)
    return Context(
        clock=clock,
        leases=DynamoLeases(table),
        deployments=DynamoDeployments(table),
        step_reads=DynamoStepReads(table),
        audit_log=DynamoAuditLog(table),
        fleet=fleet,
        registry=SsmRegistry(by_name["ssm"]),
        dispatcher=ClusterDispatcher(AlbDispatcher(by_name["elbv2"], by_name["ssm"]), ledger),
        artifacts=S3Artifacts(by_name["s3"], settings.text(Variable.ARTIFACT_BUCKET)),
        executions=executions_of(clients.get("stepfunctions"), settings),
        freezes=DynamoFreezes(table),
        queue=DynamoQueue(table),
        configurations=DynamoConfigRevisions(by_name["ssm"], table),
        scheduled_runs=DynamoScheduledRuns(table),
        catalogue=DynamoCatalogue(table),
        requests=DynamoRequests(table),
        cursors=DynamoCursors(table),
        machines=Ec2Machines(_lazy("autoscaling"), _lazy("ec2"), by_name["ssm"]),
        poll_seconds=settings.poll_seconds,
        heartbeat_timeout=settings.heartbeat_timeout,
        minute=settings.minute,
        settles=settings.settles,
    )


def executions_of(states: Any, settings: Settings) -> "Executions":
    """Return the state machines. A phase that starts none needs no ARN."""
    from lifecycle.gateways.aws.executions import StepFunctionsExecutions  # noqa: PLC0415

    rollout, delivery = (
        settings.values.get(name, "") for name in (Variable.ROLLOUT_MACHINE, Variable.DELIVERY_MACHINE)
    )
    return StepFunctionsExecutions(states or _lazy("stepfunctions"), rollout, delivery)


@cache
def callers() -> "Callers":
    """Return the port that tells who gives a command."""
    from lifecycle.gateways.aws.callers import StsCallers  # noqa: PLC0415

    return StsCallers(lambda: str(client("sts").meta.endpoint_url))


def allowed_callers() -> tuple[str, ...]:
    """Return the patterns of the principals whose commands count (infra/settings.py)."""
    return tuple(filter(None, from_environment().text(Variable.CALLERS).split(",")))


def account_of(function: Any) -> str:
    """Return the account of a running function, from the context that Lambda gives it."""
    return str(function.invoked_function_arn).split(":")[4]


def region_of(arn: str) -> str:
    """Return the region that an ARN names."""
    return arn.split(":")[3]


@cache
def executions() -> "Executions":
    """Return the state machines, for the phases that need nothing else."""
    return executions_of(None, from_environment())


@cache
def catalogue() -> "Catalogue":
    """Return the catalogue of services, snapshots and releases."""
    from lifecycle.gateways.aws.catalogue import DynamoCatalogue  # noqa: PLC0415

    return DynamoCatalogue(_table(from_environment()))


@cache
def audit_log() -> "AuditLog":
    """Return the audit log, for the phases that need little else."""
    from lifecycle.gateways.aws.audit import DynamoAuditLog  # noqa: PLC0415

    return DynamoAuditLog(_table(from_environment()))


@cache
def artifacts() -> "Artifacts":
    """Return the store of manifests and artifacts."""
    from lifecycle.gateways.aws.artifacts import S3Artifacts  # noqa: PLC0415

    return S3Artifacts(_lazy("s3"), from_environment().text(Variable.ARTIFACT_BUCKET))


@cache
def signer(kind: "KeyKind") -> "Signer":
    """Return the key that signs versions of this kind. IAM lets one phase use it."""
    from lifecycle.gateways.aws.signer import KmsSigner  # noqa: PLC0415

    return KmsSigner(_lazy("kms"), kind)


@cache
def metrics() -> "Metrics":
    """Return the metrics of hosts and target groups."""
    from lifecycle.gateways.aws.metrics import CloudWatchMetrics  # noqa: PLC0415

    return CloudWatchMetrics(_lazy("cloudwatch"), _lazy("ssm"))


@cache
def builds() -> "Builds":
    """Return the build service."""
    from lifecycle.gateways.aws.builds import CodeBuilds  # noqa: PLC0415

    settings = from_environment()
    project, roles = settings.text(Variable.BUILD_PROJECT), settings.text(Variable.BUILD_ROLES)
    return CodeBuilds(_lazy("codebuild"), _lazy("logs"), project, roles)


@cache
def repositories() -> "Repositories":
    """Return the repositories at CodeCommit."""
    from lifecycle.gateways.aws.repositories import CodeCommitRepositories  # noqa: PLC0415

    return CodeCommitRepositories(_lazy("codecommit"))


@cache
def notifications() -> "Notifications":
    """Return the channels that notifications are sent to."""
    from lifecycle.gateways.aws.notifications import AwsNotifications  # noqa: PLC0415

    return AwsNotifications(_lazy("events"), _lazy("sns"), from_environment().text(Variable.NOTICES_TOPIC))


@cache
def alarms() -> "Alarms":
    """Return the clusters' alarms."""
    from lifecycle.gateways.aws.alarms import CloudWatchAlarms  # noqa: PLC0415

    return CloudWatchAlarms(_lazy("cloudwatch"))


def _own_proof(command: str) -> dict[str, str]:
    """Return the proof that this function itself gives a command."""
    from lifecycle.gateways.aws.callers import signed  # noqa: PLC0415

    sts: Any = client("sts").meta
    return signed(_session().get_credentials(), sts.region_name, str(sts.endpoint_url), command)


@cache
def console() -> "QueryContext":
    """Return the ports that the console's queries read."""
    from lifecycle.application.queries.context import QueryContext  # noqa: PLC0415
    from lifecycle.gateways.aws.cluster_queries import DynamoClusterQueries  # noqa: PLC0415
    from lifecycle.gateways.aws.phases import LambdaPhases  # noqa: PLC0415

    settings = from_environment()
    machine = settings.values.get(Variable.DELIVERY_MACHINE, "")
    queries = DynamoClusterQueries(_table(settings), context().registry, _lazy("stepfunctions"), machine)
    phases = LambdaPhases(_lazy("lambda"), _own_proof)
    return QueryContext(context(), catalogue(), queries, phases, builds())


@cache
def _webhook_secrets() -> Recent[WebhookSecrets]:
    def read() -> WebhookSecrets:
        name = from_environment().text(Variable.WEBHOOK_SECRET)
        return WebhookSecrets.parse(client("secretsmanager").get_secret_value(SecretId=name)["SecretString"])

    return Recent(read, seconds=10)


def webhook_secrets() -> WebhookSecrets:
    """Return the secrets shared with GitHub; a process notices a rotation within ten seconds."""
    return _webhook_secrets().value()


@cache
def forge() -> "Forge":
    """Return the forge that statuses are sent to; a process notices a new token within a minute."""
    from lifecycle.gateways.github import GITHUB_API, GitHubForge  # noqa: PLC0415

    settings = from_environment()
    tokens = Recent(_forge_tokens, seconds=60)
    return GitHubForge(tokens.value, settings.values.get(Variable.GITHUB_API) or GITHUB_API)


def dashboard_page() -> str:
    """Return the address of the console's dashboard; empty on a laptop. It has no account number."""
    from lifecycle.aws_pages import dashboard_page as page_of  # noqa: PLC0415

    machine = from_environment().values.get(Variable.DELIVERY_MACHINE, "")  # its ARN tells account and region
    return page_of(machine)


def _forge_tokens() -> ForgeTokens:
    """Return the tokens; none where nobody has created the secret, it is being deleted, or nothing is in it."""
    from lifecycle.gateways.aws.errors import code_of  # noqa: PLC0415

    try:
        name = from_environment().text(Variable.FORGE_SECRET)
        found = client("secretsmanager").get_secret_value(SecretId=name)
    except Exception as error:
        # The second one is of a secret that is deleted after its days of recovery.
        if code_of(error) not in ("ResourceNotFoundException", "InvalidRequestException"):
            raise
        return ForgeTokens()
    return ForgeTokens.parse(found.get("SecretString", ""))
