"""The agent's ports on AWS: its turn and report in DynamoDB, releases in S3, metrics and logs in CloudWatch.

The clients are boto3's low-level ones; `client` makes them with timeouts that suit an agent.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from apps.agent.errors import EventsRefused, StoreUnreachable
from apps.agent.ports import PublishedManifest
from lifecycle.domain.errors import CallFailed, StoreRefused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport, ServiceEnd
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.fleet.scheduled_run import RunState, ScheduledRun
from lifecycle.domain.service.envelope import ENVELOPE
from lifecycle.domain.service.version import artifact_prefix
from lifecycle.gateways.aws.artifacts import manifest_of, refuse_large
from lifecycle.gateways.aws.configurations import SsmConfigStore
from lifecycle.gateways.aws.errors import code_of, failure
from lifecycle.gateways.aws.metrics import host_dimensions
from lifecycle.gateways.aws.table import Table, cluster_key, item, key, record, reports_key, schedules_key, turns_key
from lifecycle.names import SCHEDULE_FAILED, SERVICE_ENDED, USER_AGENT, host_namespace, log_stream, service_log_group

_CHUNK = 1024**2


def client(kind: str) -> Any:
    """Return a boto3 client with short timeouts and few retries, since the agent itself retries."""
    config = Config(
        connect_timeout=2,
        read_timeout=20 if kind == "s3" else 5,
        retries={"mode": "standard", "total_max_attempts": 4 if kind == "s3" else 2},
        s3={"addressing_style": "path"} if kind == "s3" else None,
        user_agent=USER_AGENT,
        response_checksum_validation="when_required",  # the manifest's digest is what counts here
    )
    return boto3.client(kind, config=config)


class DynamoTurns:
    """Turns on DynamoDB: the host's item under TURNS#<cluster>."""

    def __init__(self, dynamodb: Any, table: str, cluster: Cluster, host: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._key = key(turns_key(cluster), host)

    def current(self) -> Turn | None:
        found = _read_item(self._dynamodb, self._table, self._key)
        return record(Turn, found) if found else None


class DynamoReports:
    """Reports on DynamoDB: the host's item under REPORTS#<cluster>, replaced at each write.

    The first write after each announcement of an end of the service has an attribute more, which starts convergence.
    """

    _announced: ServiceEnd | None = None

    def __init__(self, dynamodb: Any, table: str, cluster: Cluster, host: str) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._partition = reports_key(cluster)
        self._key = key(self._partition, host)

    def latest(self) -> HostReport | None:
        found = _read_item(self._dynamodb, self._table, self._key)
        return record(HostReport, found) if found else None

    def write(self, report: HostReport) -> None:
        ended = report.ended
        more = {SERVICE_ENDED: ended.at.isoformat()} if ended and ended != self._announced else {}
        with _translated_errors(f"the table {self._table}"):
            self._dynamodb.put_item(TableName=self._table, Item=item(self._partition, report.host, report, **more))
        self._announced = ended


class DynamoScheduledRuns:
    """Records of schedules on DynamoDB: items under SCHEDULES#<cluster>, each changed under a condition."""

    def __init__(self, dynamodb: Any, table: str, cluster: Cluster, host: str) -> None:
        self._table = Table(dynamodb, table)
        self._partition = schedules_key(cluster)
        self._quarantine = cluster_key(cluster), f"BAD_HOST#{host}"

    def last(self, schedule: str) -> ScheduledRun | None:
        with _translated_errors(f"the table {self._table.name}"):
            found = self._table.get(self._partition, schedule)
        return record(ScheduledRun, found) if found else None

    def replace(self, last: ScheduledRun | None, new: ScheduledRun) -> bool:
        failed = {SCHEDULE_FAILED: new.minute.isoformat()} if new.state is RunState.FAILED else {}
        wanted = item(self._partition, new.schedule, new, **failed)
        with _translated_errors(f"the table {self._table.name}"):
            if last is None:
                return self._table.put(wanted, "attribute_not_exists(pk)")
            return self._table.put(wanted, "changes = :changes", changes={"N": str(last.changes)})

    def is_quarantined(self) -> bool:
        with _translated_errors(f"the table {self._table.name}"):
            return self._table.get(*self._quarantine) is not None


class SsmConfigurations:
    """The cluster's configuration in Parameter Store, with the secrets that it names; clients are made late."""

    def __init__(self, ssm: Callable[[], Any], secrets: Callable[[], Any], cluster: Cluster) -> None:
        self._ssm = ssm
        self._secrets = secrets
        self._cluster = cluster

    def values(self, revision: int) -> Mapping[str, str]:
        try:
            # Secrets are read only where the configuration names one.
            store = SsmConfigStore(self._ssm(), _OnDemand(self._secrets))
            return store.resolved(store.read(self._cluster, revision))
        except CallFailed as error:
            if not error.temporary:
                raise
            raise StoreUnreachable("the configuration", error) from error


class _OnDemand:
    """A client that is made when it is used first."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self._make = make

    def __getattr__(self, name: str) -> Any:
        return getattr(self._make(), name)


class CloudWatchMetricSink:
    """Metrics in the cluster's namespace, by environment and host. The client is made at the first `put`."""

    def __init__(self, cloudwatch: Callable[[], Any], cluster: Cluster, host: str, seconds: float) -> None:
        self._cloudwatch = cloudwatch
        self._namespace = host_namespace(cluster.environment, cluster.service)
        dimensions = [{"Name": name, "Value": value} for name, value in host_dimensions(cluster, host)]
        self._datum = {"Dimensions": dimensions, "StorageResolution": 1 if seconds < 60 else 60}

    def put(self, values: Mapping[str, float], at: datetime) -> None:
        data = [
            {**self._datum, "MetricName": name, "Value": value, "Timestamp": at} for name, value in values.items()
        ]
        with _translated_errors(f"CloudWatch's namespace {self._namespace}"):
            self._cloudwatch().put_metric_data(Namespace=self._namespace, MetricData=data)


class CloudWatchLogSink:
    """The host's streams in its cluster's log group: its own, and one for each other process (`log_stream`).

    A missing stream is made; the group is the stack's.
    """

    def __init__(self, logs: Callable[[], Any], cluster: Cluster, host: str) -> None:
        self._logs = logs
        self._group = service_log_group(cluster.environment, cluster.service)
        self._host = host

    def put(self, texts: Sequence[str], at_ms: int, process: str = "") -> None:
        events = [{"timestamp": at_ms, "message": text} for text in texts]
        place = {"logGroupName": self._group, "logStreamName": log_stream(self._host, process)}
        with _translated_errors(f"CloudWatch's log group {self._group}"):
            try:
                self._put(place, events)
            except ClientError as error:
                if code_of(error) != "ResourceNotFoundException":
                    raise
                self._create(place)
                self._put(place, events)

    def _put(self, place: Mapping[str, str], events: Sequence[Mapping[str, Any]]) -> None:
        try:
            answer = self._logs().put_log_events(**place, logEvents=events)
        except ClientError as error:
            if code_of(error) == "DataAlreadyAcceptedException":
                return
            if code_of(error) in ("InvalidParameterException", "ValidationException"):
                raise EventsRefused(f"{self._group} refused a batch: {failure(error)}") from error
            raise
        if refused := answer.get("rejectedLogEventsInfo"):
            raise EventsRefused(f"{self._group} refused events: {refused}; check this host's clock")

    def _create(self, place: Mapping[str, str]) -> None:
        try:
            self._logs().create_log_stream(**place)
        except ClientError as error:
            code = code_of(error)
            if code == "ResourceNotFoundException":
                raise StoreRefused(
                    f"the log group {self._group} does not exist; deploy the cluster's stack again to create it"
                ) from error
            if code != "ResourceAlreadyExistsException":
                raise


class S3Releases:
    """Manifests and artifacts under `snapshot/` and `release/`."""

    def __init__(self, s3: Callable[[], Any], bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def manifest(self, service: str, version: str) -> PublishedManifest:
        text = self._text(service, version, "manifest.json")
        key = f"{artifact_prefix(service, version)}/manifest.json"
        return PublishedManifest(manifest_of(text.encode(), self._bucket, key), text)

    def envelope(self, service: str, version: str) -> str:
        try:
            return self._text(service, version, ENVELOPE)
        except Unknown:
            return ""

    def copy_artifact(self, service: str, version: str, write: Callable[[bytes], object]) -> None:
        self._copy(service, version, "artifact.tar.gz", write)

    def _text(self, service: str, version: str, name: str) -> str:
        """Return a small object; raises StoreRefused for one that would fill this host's memory."""
        text, url = bytearray(), f"s3://{self._bucket}/{artifact_prefix(service, version)}/{name}"

        def append(chunk: bytes) -> None:
            text.extend(chunk)
            refuse_large(len(text), url)

        self._copy(service, version, name, append)
        return text.decode(errors="replace")

    def _copy(self, service: str, version: str, name: str, write: Callable[[bytes], object]) -> None:
        place = f"{artifact_prefix(service, version)}/{name}"
        with _translated_errors(f"s3://{self._bucket}/{place}"):
            with _unknown_if_missing(place):
                body = self._s3().get_object(Bucket=self._bucket, Key=place)["Body"]
            with body:
                for chunk in body.iter_chunks(_CHUNK):
                    write(chunk)


def _read_item(dynamodb: Any, table: str, wanted: dict[str, Any]) -> dict[str, Any] | None:
    """Return the item, if there is one. The read is consistent, so an older turn never follows a newer one."""
    with _translated_errors(f"the table {table}"):
        found: dict[str, Any] | None = dynamodb.get_item(TableName=table, Key=wanted, ConsistentRead=True).get("Item")
    return found


@contextmanager
def _unknown_if_missing(key: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
            raise Unknown("object", key, "Check that the version was published.") from error
        raise


@contextmanager
def _translated_errors(store: str) -> Iterator[None]:
    """Raise StoreUnreachable for a store that does not answer, StoreRefused for one that refuses."""
    try:
        yield
    except BotoCoreError as error:  # without credentials, too: the host gets them a moment after it started
        raise StoreUnreachable(store, error) from error
    except ClientError as error:
        words = failure(error)
        if words is None or words.temporary:
            raise StoreUnreachable(store, error) from error
        raise StoreRefused(f"{store} refused the agent: {words}") from error
