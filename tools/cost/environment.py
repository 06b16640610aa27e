"""The environment that is up: an execution's history, and the size of a host's report."""

from dataclasses import dataclass
from typing import Any

from apps.local.aws.clients import Aws
from apps.local.aws.emulator import PART as EMULATOR
from apps.local.errors import LaptopError
from apps.local.own_files import read_json
from apps.local.paths import Layout
from apps.local.processes import recorded
from apps.local.services import hosts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.gateways.aws.table import reports_key
from lifecycle.names import execution_arn
from tools.cost.at_rest import size


@dataclass(frozen=True, slots=True)
class Running:
    """The environment of this checkout, or of LIFECYCLE_HOME."""

    aws: Aws
    facts: dict[str, Any]

    @classmethod
    def find(cls) -> "Running":
        """Find it; raises LaptopError when none is up."""
        layout = Layout.find()
        facts, emulator = read_json(layout.environment, None), recorded(layout).get(EMULATOR)
        if not facts or emulator is None or not emulator.alive:
            raise LaptopError(
                f"no environment is up in {layout.home}: start one with `make run`, or name another by LIFECYCLE_HOME"
            )
        return cls(Aws.of(facts), facts)

    def newest_rollout(self) -> str:
        """Return the ARN of the newest rollout that succeeded."""
        found = self._states().list_executions(
            stateMachineArn=self._rollout_machine, statusFilter="SUCCEEDED", maxResults=1000
        )["executions"]
        if not found:
            raise LaptopError(
                "no rollout has succeeded here yet: push and deploy one first, for example by `make run`"
            )
        return str(max(found, key=lambda each: each["startDate"])["executionArn"])

    def rollout_of(self, deployment: str) -> str:
        """Return the ARN of a deployment's first execution, which has its name."""
        return execution_arn(self._rollout_machine, deployment)

    def history(self, arn: str) -> list[dict[str, Any]]:
        """Return the events of an execution, oldest first; raises LaptopError when it does not exist."""
        states = self._states()
        try:
            pages = states.get_paginator("get_execution_history").paginate(executionArn=arn)
            return [event for page in pages for event in page["events"]]
        except (states.exceptions.ExecutionDoesNotExist, states.exceptions.InvalidArn) as error:
            raise LaptopError(f"execution {arn} not found; `lifecycle history` lists deployments") from error

    def report_bytes(self) -> int:
        """Return the size of the largest report of a host, or 0 when no host has reported."""
        dynamodb, layout = self.aws.client("dynamodb"), Layout.find()
        sizes = [0]
        for each in hosts.clusters(layout).values():
            found = dynamodb.query(
                TableName=self.facts["ledger_table"],
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": reports_key(Cluster(each.environment, each.service))}},
            )["Items"]
            sizes += [size(item) for item in found]
        return max(sizes)

    @property
    def _rollout_machine(self) -> str:
        return str(self.facts["state_machines"]["rollout"])

    def _states(self) -> Any:
        return self.aws.client("stepfunctions")
