"""The measurements behind questions.py, on the kit's own cluster; each returns an answer with what was found."""

import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any

from apps.cli.doctor.reading import pages
from apps.cli.doctor.taken import function_logs
from lifecycle import names
from tools.aws_smoke.cloud import Answer, Verdict
from tools.aws_smoke.commands import Commands
from tools.aws_smoke.example import SERVICE

_INIT = re.compile(r"Init Duration: ([\d.]+) ms")
_HEALTH_SECONDS, _POLL_SECONDS, _METRIC_SECONDS = 90, 3, 600
_RESERVABLE = 110  # 100 stay unreserved


class Probes:
    """Measures one question after the other; `address` is the URL of the kit's load balancer."""

    def __init__(
        self,
        client: Callable[[str], Any],
        account: names.Account,
        commands: Commands,
        caller: str,
        address: str,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self._client = client
        self._account = account
        self._commands = commands
        self._caller = caller
        self._address = address
        self._sleep = sleep
        self._questions: dict[str, Callable[[], tuple[bool | None, str]]] = {
            "double-hyphen": self._double_hyphen,
            "weight-zero-health": self._weight_zero_health,
            "fill-empty": self._fill_empty,
            "requests-after-deregistration": self._after_deregistration,
            "cold-starts": self._cold_starts,
            "identity-in-event": self._identity,
            "metrics-delay": self._metrics_delay,
            "metrics-namespace": self._metrics_namespace,
            "reports-partition": self._reports_partition,
            "concurrency": self._concurrency,
        }

    def answer(self, question: str) -> Answer:
        """Measure one question; raises the error of a call that fails."""
        designed, found = self._questions[question]()
        verdicts = {True: Verdict.AS_DESIGNED, False: Verdict.DIFFERENT, None: Verdict.NOT_MEASURED}
        return Answer(question, verdicts[designed], found)

    def _double_hyphen(self) -> tuple[bool | None, str]:
        found = [each["TargetGroupName"] for each in self._groups().values()]
        doubled = [name for name in found if "--" in name]
        return bool(doubled), f"the cluster's target groups are {', '.join(sorted(found))}"

    def _groups(self) -> dict[str, Any]:
        """Return the cluster's target groups by their parameters."""
        ssm, elb, found = self._client("ssm"), self._client("elbv2"), {}
        for leaf in (names.TARGET_GROUP, names.TEST_BED_GROUP, names.CONTROL_GROUP):
            arn = ssm.get_parameter(Name=names.parameter("production", SERVICE, leaf))["Parameter"]["Value"]
            [found[leaf]] = elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"]
        return found

    def _healths(self, group: str) -> list[dict[str, Any]]:
        found = self._client("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return list(found)

    def _weight_zero_health(self) -> tuple[bool | None, str]:
        """Register a host in the test bed's group, which has weight 0, and see whether it becomes healthy."""
        groups, elb = self._groups(), self._client("elbv2")
        main, bed = groups[names.TARGET_GROUP]["TargetGroupArn"], groups[names.TEST_BED_GROUP]["TargetGroupArn"]
        target = self._healths(main)[0]["Target"]
        one = {"Id": target["Id"], "Port": target["Port"]}
        elb.register_targets(TargetGroupArn=bed, Targets=[one])
        state, seconds = "", 0
        try:
            while state != "healthy" and seconds < _HEALTH_SECONDS:
                self._sleep(_POLL_SECONDS)
                seconds += _POLL_SECONDS
                state = next((each["TargetHealth"]["State"] for each in self._healths(bed)), "")
        finally:
            elb.deregister_targets(TargetGroupArn=bed, Targets=[one])
        return state == "healthy", f"after {seconds} s the target is {state or 'not listed'}"

    def _fill_empty(self) -> tuple[bool | None, str]:
        """Ask for FILL over a metric that the cluster never had."""
        dimensions = [{"Name": "TargetGroup", "Value": "targetgroup/never/0"}]
        metric = {
            "Namespace": names.BALANCER_NAMESPACE,
            "MetricName": names.answers(5),
            "Dimensions": dimensions,
        }
        now = datetime.now(UTC)
        [_, filled] = self._client("cloudwatch").get_metric_data(
            MetricDataQueries=[
                {"Id": "empty", "MetricStat": {"Metric": metric, "Period": 60, "Stat": "Sum"}},
                {"Id": "filled", "Expression": "FILL(empty, 0)"},
            ],
            StartTime=now - timedelta(minutes=10),
            EndTime=now,
        )["MetricDataResults"]
        count = len(filled["Values"])
        return count > 0, f"FILL gave {count} values in ten minutes"

    def _after_deregistration(self) -> tuple[bool | None, str]:
        """Take one of two hosts out while requests pass, and count the answers that fail until it is drained."""
        main = self._groups()[names.TARGET_GROUP]["TargetGroupArn"]
        elb, target = self._client("elbv2"), self._healths(main)[0]["Target"]
        elb.deregister_targets(TargetGroupArn=main, Targets=[target])
        began, failed, count, state = time.monotonic(), 0, 0, "draining"
        try:
            while state == "draining" and time.monotonic() - began < _METRIC_SECONDS:
                answers = [self._status() for _ in range(20)]
                count, failed = count + len(answers), failed + sum(each != 200 for each in answers)
                found = [each for each in self._healths(main) if each["Target"]["Id"] == target["Id"]]
                state = found[0]["TargetHealth"]["State"] if found else "gone"
                self._sleep(1)
        finally:
            elb.register_targets(TargetGroupArn=main, Targets=[target])
        seconds = time.monotonic() - began
        return failed == 0, f"{failed} of {count} requests failed until the target was {state}, after {seconds:.0f} s"

    def _status(self) -> int:
        try:
            # The address is that of the kit's own load balancer.
            with urllib.request.urlopen(self._address, timeout=5) as answer:  # noqa: S310  # nosec B310
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return 0

    def _cold_starts(self) -> tuple[bool | None, str]:
        """Read the lines in which Lambda reports how long each function's start took."""
        logs, found = self._client("logs"), []
        groups = pages(logs, "describe_log_groups", "logGroups", logGroupNamePrefix=names.function_log(""))
        for each in (group for group in groups if group["logGroupName"] in function_logs()):
            lines = pages(
                logs,
                "filter_log_events",
                "events",
                logGroupName=each["logGroupName"],
                filterPattern='"Init Duration"',
            )
            found += [float(took[1]) for line in lines if (took := _INIT.search(line["message"]))]
        if not found:
            return None, "no log has a line with an Init Duration yet"
        text = f"{len(found)} cold starts: median {median(found):.0f} ms, longest {max(found):.0f} ms"
        return max(found) < 10_000, text

    def _identity(self) -> tuple[bool | None, str]:
        found = self._commands.newest_requester()
        return found == self._caller, f"the record names {found}, and the caller is {self._caller}"

    def _metrics_delay(self) -> tuple[bool | None, str]:
        """Send requests within one minute, and wait until CloudWatch has that minute."""
        group = self._groups()[names.TARGET_GROUP]
        balancer = group["LoadBalancerArns"][0].split("loadbalancer/")[1]
        dimensions = [
            {"Name": "TargetGroup", "Value": group["TargetGroupArn"].split(":")[5]},
            {"Name": "LoadBalancer", "Value": balancer},
        ]
        began = datetime.now(UTC)
        for _ in range(30):
            self._status()
        for seconds in range(0, _METRIC_SECONDS, 5):
            found = self._client("cloudwatch").get_metric_statistics(
                Namespace=names.BALANCER_NAMESPACE,
                MetricName=names.REQUESTS,
                Dimensions=dimensions,
                StartTime=began.replace(second=0, microsecond=0),
                EndTime=datetime.now(UTC) + timedelta(minutes=1),
                Period=60,
                Statistics=["Sum"],
            )["Datapoints"]
            if found:
                return seconds <= 180, f"the requests were there after {seconds} s"
            self._sleep(5)
        return False, f"no requests were there after {_METRIC_SECONDS} s"

    def _metrics_namespace(self) -> tuple[bool | None, str]:
        other = names.host_namespace("production", "another")
        return self._denies("cloudwatch:PutMetricData", "*", "cloudwatch:namespace", "string", other)

    def _reports_partition(self) -> tuple[bool | None, str]:
        table = names.arn("dynamodb", f"table/{names.LEDGER}", self._account)
        other = f"{names.Partition.REPORTS}production/another"
        return self._denies("dynamodb:PutItem", table, "dynamodb:LeadingKeys", "stringList", other)

    def _denies(self, action: str, resource: str, key: str, kind: str, value: str) -> tuple[bool | None, str]:
        """Ask IAM's simulation whether the host role of the cluster is denied an action with this value."""
        role = names.role_arn(names.host_role("production", SERVICE), self._account)
        [found] = self._client("iam").simulate_principal_policy(
            PolicySourceArn=role,
            ActionNames=[action],
            ResourceArns=[resource],
            ContextEntries=[{"ContextKeyName": key, "ContextKeyType": kind, "ContextKeyValues": [value]}],
        )["EvaluationResults"]
        decision = found["EvalDecision"]
        return decision != "allowed", f"{action} with {key} {value} is {decision}"

    def _concurrency(self) -> tuple[bool | None, str]:
        most = self._client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
        return most >= _RESERVABLE, f"the account's limit is {most}"
