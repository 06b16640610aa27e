"""A rollout over the real ledger gateways and a counting table: what each host costs in reads.

`LargeCluster` has hosts that act at once, so that a rollout of 2,000 of them takes seconds. `python -m
tests.support.large_cluster 250 2000` prints the figures.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from lifecycle.application.context import Context
from lifecycle.application.rollout import stages
from lifecycle.application.rollout.finish import finish
from lifecycle.application.rollout.next_step import decide_next
from lifecycle.application.rollout.plan import begin
from lifecycle.application.rollout.stage_guard import HostTask
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import AgentStage, HostReport, SelfTest
from lifecycle.domain.fleet.host_command import Order, RefusedTurn, Turn
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Request
from lifecycle.domain.service.policy import Policy
from lifecycle.gateways.aws.audit import DynamoAuditLog
from lifecycle.gateways.aws.deployments import DynamoDeployments
from lifecycle.gateways.aws.fleet import DynamoFleet
from lifecycle.gateways.aws.freezes import DynamoFreezes
from lifecycle.gateways.aws.leases import DynamoLeases
from lifecycle.gateways.aws.queue import DynamoQueue
from lifecycle.gateways.aws.step_reads import DynamoStepReads
from lifecycle.gateways.aws.table import Table, item, reports_key
from tests.fakes.context import MemoryContext
from tests.support.counting_dynamodb import Reads, counting_table
from tests.support.rollout import CLUSTER, manifest

CHAIN = (stages.drain, stages.install, stages.self_test, stages.register, stages.await_alive)


class ActingFleet(DynamoFleet):
    """Hosts that carry out each turn as soon as it is written; those in `failing` fail their self-test."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self.failing: set[str] = set()

    def give_turns(self, cluster: Cluster, turns: Sequence[Turn]) -> Sequence[RefusedTurn]:
        refused = super().give_turns(cluster, turns)
        for turn in turns:
            if turn.order is Order.INSTALL or turn.attempt:
                self._act(cluster, turn)
        return refused

    def write_report(self, cluster: Cluster, report: HostReport) -> None:
        self._table.put(item(reports_key(cluster), report.host, report))

    def _act(self, cluster: Cluster, turn: Turn) -> None:
        was = self.report(cluster, turn.host)
        if was is None:
            return
        heard = replace(
            was,
            epoch=turn.epoch,
            attempt=turn.attempt,
            order=turn.order,
            deployment=turn.deployment,
            stage=AgentStage.READY,
        )
        if turn.order is Order.INSTALL:
            boot = f"{turn.host}-{turn.epoch}-{turn.attempt}"
            test = SelfTest(True, turn.digest, boot, "200 OK: 12 checks passed")
            heard = replace(
                heard,
                stage=AgentStage.DONE,
                detail=test.detail,
                installed=turn.version,
                digest=turn.digest,
                boot=boot,
                running=True,
                self_test=test,
                releases=("1.0.0", turn.version),
            )
        if turn.order is Order.INSTALL and turn.host in self.failing:
            heard = replace(heard, stage=AgentStage.FAILED, failed_stage=AgentStage.SELF_TESTING, detail="500")
        self.write_report(cluster, heard)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of a rollout: its reads, its processor seconds, and the number of its hosts."""

    hosts: int
    reads: Reads
    seconds: float

    def per_host(self) -> Mapping[str, float]:
        """Return the figures of one host."""
        found = {name: getattr(self.reads, name) / self.hosts for name in Reads.__dataclass_fields__}
        return {**found, "cpu_ms": 1000 * self.seconds / self.hosts}


class LargeCluster:
    """So many hosts that serve 1.0.0, behind an in-memory load balancer, over the gateways of the ledger."""

    def __init__(self, hosts: int, policy: Policy | None = None, table: Table | None = None) -> None:
        self.memory = MemoryContext({CLUSTER: "/is_alive"})
        counting, self.client = counting_table()
        self.table = table or counting
        self.fleet = ActingFleet(self.table)
        self.deployments = DynamoDeployments(self.table)
        for version in ("1.0.0", "1.0.1", "1.0.2"):
            made = manifest(version, policy)
            self.memory.publish(made, made.version.encode())
        self.context: Context = replace(
            self.memory.context,
            leases=DynamoLeases(self.table),
            deployments=self.deployments,
            step_reads=DynamoStepReads(self.table),
            audit_log=DynamoAuditLog(self.table),
            fleet=self.fleet,
            freezes=DynamoFreezes(self.table),
            queue=DynamoQueue(self.table),
            heartbeat_timeout=timedelta(days=1),  # these agents report only what they do
        )
        self.hosts = [f"ip-10-0-{number // 250}-{number % 250}.eu-west-1.internal" for number in range(hosts)]
        states = self.memory.dispatcher.states[CLUSTER]
        now = self.memory.clock.now()
        for number, host in enumerate(self.hosts):
            address = f"10.0.{number // 250}.{number % 250}"
            states[address] = TargetState.HEALTHY
            digest = manifest("1.0.0").digest
            report = HostReport(host, address, 8080, f"eu-west-1{'abc'[number % 3]}", now, now)
            test = SelfTest(True, digest, "boot", "200 OK: 12 checks passed")
            running = replace(report, installed="1.0.0", digest=digest, boot="boot", running=True, self_test=test)
            self.fleet.write_report(CLUSTER, running)
        self.name, self.epoch = "", 1
        self.passes = 0
        self.memory.clock.ticks.append(self._settle)

    def _settle(self) -> None:
        changing = (TargetState.DRAINING, TargetState.INITIAL)
        states = self.memory.dispatcher.states[CLUSTER]
        if any(state in changing for state in states.values()):
            self.memory.dispatcher.settle()

    def request(self, version: str, **changes: Any) -> Request:
        now = self.memory.clock.now()
        name = f"hello-production-{now:%Y%m%d%H%M%S}-ab12"
        return replace(Request(name, CLUSTER.service, CLUSTER.environment, version, "ada"), **changes)

    def deploy(self, version: str, steps: int = 1_000_000) -> Cost:
        """Roll out a version; return what it cost."""
        request = self.request(version)
        with self.client.counted() as reads:
            began = time.process_time()
            planned = begin(self.context, request, request.deployment)
            assert planned.kind == "PLANNED", planned
            self.epoch = planned.epoch
            self.name = request.deployment
            done = self.go_on(steps)
            seconds = time.process_time() - began
        return Cost(done, reads, seconds)

    def record(self) -> Deployment:
        found = self.context.deployments.get(CLUSTER, self.name)
        assert found is not None
        return found

    def go_on(self, steps: int) -> int:
        """Take so many steps, or all; return the number of updated hosts."""
        name, done = self.name, 0
        execution = name
        for _ in range(steps):
            self.passes += 1
            step = decide_next(self.context, CLUSTER, name, execution, self.passes)
            match step.kind:
                case "UPDATE_HOSTS":
                    for given in step.hosts:
                        self.update(name, str(given["host"]), int(given["attempt"]))
                        done += 1
                case "CONTINUE":
                    execution = step.execution
                    planned = begin(self.context, self.record().request, execution)
                    assert planned.kind == "PLANNED", planned
                    self.epoch = planned.epoch
                case "FINISH":
                    assert step.outcome == DeploymentState.DONE, step.reason
                    finish(self.context, CLUSTER, name, DeploymentState(step.outcome), step.reason)
                    return done
                case _:
                    raise AssertionError(step)
        return done

    def update(self, name: str, host: str, attempt: int) -> None:
        for stage in CHAIN:
            outcome = stage(self.context, HostTask(CLUSTER, name, self.epoch, host, attempt, Group.MAIN))
            assert outcome.outcome == "PASSED", outcome


def main() -> None:
    """Print the cost of rollouts of so many hosts, the numbers given as arguments."""
    for count in map(int, sys.argv[1:] or ("250", "1000", "2000")):
        cluster = LargeCluster(count)
        cost = cluster.deploy("1.0.1")
        per_host = {name: round(value, 1) for name, value in cost.per_host().items()}
        print(count, "hosts", per_host, "largest items", dict(cluster.client.largest))


if __name__ == "__main__":
    main()
