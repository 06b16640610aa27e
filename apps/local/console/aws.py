"""The console's calls to the embedded AWS, with the operator's own credentials: IAM decides as it does on AWS.

The role is assumed at the page's first call, and again before its session ends. boto3 is imported then too, so an
unused console needs little memory.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from apps.local.aws.clients import Aws
from apps.local.console.dashboard import ACT
from apps.local.console.errors import AwsRefused, AwsUnreachable, NoDashboard
from apps.local.console.ports import DASHBOARD, Line, Metric, MetricQuery
from apps.local.paths import EMULATED
from apps.local.ports import Ports
from lifecycle import names
from lifecycle.domain.foreign_json import parse_json, parse_object
from lifecycle.gateways.aws.callers import signed, signed_payload

ROLE = names.role_arn(names.OPERATOR, EMULATED)
_MACHINES = tuple(names.machine_arn(name, EMULATED) for name in (names.ROLLOUT, names.DELIVERY))
_SESSION_SECONDS = 43_200
_RENEWED_BEFORE = 600
_QUERIES_A_CALL = 500


class EmbeddedAws:
    """The laptop's AWS as one operator may use it; threads may share it. `by` is a name that STS takes."""

    def __init__(
        self, ports: Ports, root: Mapping[str, str], by: str, clock: Callable[[], float] = time.time
    ) -> None:
        self._ports, self._root = ports, root
        self._session_name = by
        self._clock = clock
        self._making = threading.Lock()
        self._as_operator: Any = None
        self._ends = 0.0

    def dashboard(self) -> Mapping[str, Any]:
        with self._calls("GetDashboard") as client:
            found = client("cloudwatch").get_dashboard(DashboardName=DASHBOARD)
        return parse_object(found["DashboardBody"])

    def invoke(self, endpoint: str, payload: Mapping[str, Any]) -> Any:
        name = endpoint.rpartition(":")[2]
        with self._calls(name) as client:
            sent = signed_payload(self._proof, name, payload) if name == ACT else json.dumps(payload).encode()
            done = client("lambda").invoke(FunctionName=name, Payload=sent)
            answer = parse_json(done["Payload"].read() or b"null")
        if "FunctionError" in done:
            message = answer.get("errorMessage", "") if isinstance(answer, dict) else ""
            raise AwsRefused(name, f"{message or 'failed'}; see its log: lifecycle local logs emulator")
        return answer

    def known_metrics(self, namespace: str, name: str) -> Sequence[Metric]:
        request = {"Namespace": namespace, "MetricName": name}
        with self._calls("ListMetrics") as client:
            pages = client("cloudwatch").get_paginator("list_metrics")
            found = [
                each
                for page in pages.paginate(**{key: text for key, text in request.items() if text})
                for each in page["Metrics"]
            ]
        metrics = {
            Metric(
                each["Namespace"],
                each["MetricName"],
                tuple(sorted((one["Name"], one["Value"]) for one in each.get("Dimensions", ()))),
            )
            for each in found
        }
        return sorted(metrics, key=lambda each: each.dimensions)

    def lines(self, queries: Sequence[MetricQuery], start: datetime, end: datetime) -> Sequence[Line]:
        found: dict[str, tuple[list[float], list[float]]] = {}
        requested = [_query(f"q{number}", each) for number, each in enumerate(queries)]
        with self._calls("GetMetricData") as client:
            pages = client("cloudwatch").get_paginator("get_metric_data")
            for first in range(0, len(requested), _QUERIES_A_CALL):
                some = requested[first : first + _QUERIES_A_CALL]
                request = {"StartTime": start, "EndTime": end, "ScanBy": "TimestampAscending"}
                for page in pages.paginate(MetricDataQueries=some, **request):
                    for each in page["MetricDataResults"]:
                        times, values = found.setdefault(each["Id"], ([], []))
                        times += [moment.timestamp() for moment in each["Timestamps"]]
                        values += each["Values"]
        return [_line(*found.get(query["Id"], ([], []))) for query in requested]

    def alarms(self, alarm_names: Sequence[str]) -> Sequence[Mapping[str, Any]]:
        with self._calls("DescribeAlarms") as client:
            kinds = ["MetricAlarm", "CompositeAlarm"]
            found = client("cloudwatch").describe_alarms(
                AlarmNames=list(alarm_names), AlarmTypes=kinds, MaxRecords=100
            )
        every = [*found.get("MetricAlarms", ()), *found.get("CompositeAlarms", ())]
        return [
            {
                "name": each["AlarmName"],
                "state": each["StateValue"],
                "reason": each.get("StateReason", ""),
                "description": each.get("AlarmDescription", ""),
                "since": changed.timestamp() if (changed := each.get("StateUpdatedTimestamp")) else None,
            }
            for each in every
        ]

    def running(self) -> bool:
        with self._calls("ListExecutions") as client:
            return any(
                client("stepfunctions").list_executions(
                    stateMachineArn=machine, statusFilter="RUNNING", maxResults=1
                )["executions"]
                for machine in _MACHINES
            )

    @contextmanager
    def _calls(self, call: str) -> Iterator[Callable[[str], Any]]:
        """Yield the function that makes clients; raise AWS's errors as one line of text."""
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415

        try:
            yield self._client
        except ClientError as error:
            error_fields = error.response.get("Error", {})
            if call == "GetDashboard" and "NotFound" in error_fields.get("Code", ""):
                raise NoDashboard(DASHBOARD) from error
            raise AwsRefused(call, f"{error_fields.get('Code', '')}: {error_fields.get('Message', '')}") from error
        except BotoCoreError as error:
            raise AwsUnreachable from error

    def _proof(self, command: str) -> Mapping[str, str]:
        """Return the proof that this operator gives a command, as the command line sends it."""
        from botocore.credentials import Credentials  # noqa: PLC0415 (see the module's docstring)

        sts = self._client("sts").meta
        found = self._as_operator.credentials
        credentials = Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
        return signed(credentials, sts.region_name, str(sts.endpoint_url), command)

    def _client(self, service: str) -> Any:
        with self._making:
            now = self._clock()
            if now > self._ends - _RENEWED_BEFORE:
                sts = Aws(self._ports, self._root).client("sts")
                session = sts.assume_role(
                    RoleArn=ROLE, RoleSessionName=self._session_name, DurationSeconds=_SESSION_SECONDS
                )
                self._as_operator, self._ends = (Aws(self._ports, session["Credentials"]), now + _SESSION_SECONDS)
            return self._as_operator.client(service)


def _query(identity: str, query: MetricQuery) -> dict[str, Any]:
    metric = query.metric
    return {
        "Id": identity,
        "MetricStat": {
            "Metric": {
                "Namespace": metric.namespace,
                "MetricName": metric.name,
                "Dimensions": [{"Name": name, "Value": value} for name, value in metric.dimensions],
            },
            "Period": query.period,
            "Stat": query.stat,
        },
    }


def _line(times: Sequence[float], values: Sequence[float]) -> Line:
    # The embedded AWS ignores ScanBy, so the points are sorted here.
    ordered = sorted(zip(times, values, strict=True))
    return Line(tuple(time for time, _ in ordered), tuple(value for _, value in ordered))
