"""A pass of convergence over 500 clusters, behind ELB's limit for Describe calls and beside hosts that drain."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from lifecycle.application.context import Context
from lifecycle.application.convergence.converge import Result
from lifecycle.application.convergence.full_pass import converge_every
from lifecycle.domain.convergence.full_pass import LONGEST, Cursor, from_cursor
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import Group
from lifecycle.gateways.aws.dispatcher import AlbDispatcher
from tests.fakes.context import MemoryContext
from tests.simulation.scheduler import Killed, Scheduler
from tests.simulation.throttling import TokenBucket
from tests.support.token_bucket import BEGAN, SchedulerClock, StackParameters, ThrottledElb

CLUSTERS = 500
DRAINING = 8
POLL_SECONDS = 2.0
FIVE_MINUTES = 300.0
# What each cluster takes beside the load balancer: some twenty reads of the ledger and of parameters.
LEDGER_SECONDS = 0.12


class Parameters:
    """The parameters of all clusters' stacks."""

    def __init__(self, wait: Any) -> None:
        self._wait = wait

    def get_parameter(self, *, Name: str) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        *_, service, leaf = Name.split("/")
        if leaf == "target-group":
            self._wait(LEDGER_SECONDS)
        return StackParameters(int(service.rpartition("-")[2])).get_parameter(Name=leaf)


class Fleet:
    """An account of many clusters of two hosts, which serve, and hosts of other clusters that drain."""

    def __init__(self, clusters: int = CLUSTERS, draining: int = DRAINING) -> None:
        self.scheduler = Scheduler(seed=1)
        self.clock = SchedulerClock(self.scheduler)
        self.bucket = TokenBucket(lambda: self.scheduler.now)
        self.elb = ThrottledElb(self.scheduler, self.bucket, drain_seconds=300.0)
        self.clusters = [Cluster("production", f"service-{number:03}") for number in range(clusters)]
        memory = MemoryContext(dict.fromkeys(self.clusters, "/is_alive"))
        self.memory = memory
        for number, cluster in enumerate(self.clusters):
            hosts = [f"10.0.{number // 100}.{2 * (number % 100) + each}" for each in (1, 2)]
            self.elb.groups[f"{number}/target-group"] = dict.fromkeys(hosts, "healthy")
            for address in hosts:
                memory.fleet.write_report(cluster, HostReport(f"h-{address}", address, 8080, "a", BEGAN, BEGAN))
        self.context: Context = replace(
            memory.context, clock=self.clock, dispatcher=AlbDispatcher(self.elb, Parameters(self._wait))
        )
        self.polls: list[float] = []
        for _ in range(draining):
            self.scheduler.spawn("a host that drains", self._drain, lambda _: None)
        self.results: list[Result] = []
        self.ended_at = 0.0

    def _wait(self, seconds: float) -> None:
        if (actor := self.scheduler.actor) is not None:
            self.scheduler.sleep(actor, seconds)

    def _drain(self) -> None:
        """Poll a target as a stage does, for as long as the account is watched."""
        while True:
            began = self.scheduler.now
            self.elb.describe_target_health(TargetGroupArn="other/target-group")
            self.polls.append(self.scheduler.now - began)
            self._wait(POLL_SECONDS)

    def run(self, until: float = 900.0, kill_at: float = 0.0) -> None:
        """Make one pass; it is killed after so many seconds, if that is given."""

        def ended(outcome: tuple[Any, BaseException | None]) -> None:
            found, error = outcome
            if error is not None and not isinstance(error, Killed):
                raise error
            self.results, self.ended_at = found or [], self.scheduler.now

        actor = self.scheduler.spawn("pass", lambda: converge_every(self.context, "ab", "schedule"), ended)
        if kill_at:
            self.scheduler.at(self.scheduler.now + kill_at, lambda: self.scheduler.kill(actor))
        self.scheduler.run(until=self.scheduler.now + until)


def reached(fleet: Fleet) -> list[str]:
    return [each.cluster for each in fleet.memory.cursors.written]


def test_pass_over_500_clusters_ends_within_five_minutes_beside_hosts_that_drain() -> None:
    fleet = Fleet()
    fleet.run()
    assert fleet.results == [], "every cluster is as it should be, and none is left"
    assert fleet.ended_at < FIVE_MINUTES
    assert reached(fleet) == sorted(map(str, fleet.clusters))
    slow = [each for each in fleet.polls if each > 5 * POLL_SECONDS]
    assert not slow, "hosts that drain get their Describe calls"
    assert fleet.bucket.refused < CLUSTERS / 10


def test_interrupted_pass_goes_on_where_it_was() -> None:
    fleet = Fleet()
    fleet.run(kill_at=100.0)
    first = reached(fleet)
    assert 100 < len(first) < CLUSTERS
    fleet.run()
    second = reached(fleet)[len(first) :]
    assert second[0] == str(fleet.clusters[len(first)])
    assert sorted(second) == sorted(map(str, fleet.clusters))


def test_pass_that_takes_too_long_ends_in_time_and_says_what_is_left() -> None:
    fleet = Fleet(clusters=800)
    fleet.run()
    assert fleet.ended_at <= LONGEST.seconds + 30
    (late,) = fleet.results
    assert late.kind == "LATE"
    left = 800 - len(reached(fleet))
    assert f"{left} of 800 clusters" in late.reason
    fleet.run()
    assert len(set(reached(fleet))) == 800, "the next pass reaches the others first"


@pytest.fixture
def few() -> Fleet:
    return Fleet(clusters=5, draining=0)


def test_few_clusters_are_not_paced(few: Fleet) -> None:
    few.run()
    assert few.ended_at < 5.0


def test_cluster_that_kills_each_pass_starves_no_other(few: Fleet) -> None:
    deadly = few.clusters[2]

    class Deadly:
        def __init__(self, real: Any) -> None:
            self._real = real

        def __getattr__(self, name: str) -> Any:
            return getattr(self._real, name)

        def current(self, cluster: Cluster) -> Any:
            if cluster == deadly:
                raise Killed
            return self._real.current(cluster)

    few.context = replace(few.context, leases=Deadly(few.context.leases))
    for _ in range(3):
        few.run(until=60.0)
    assert reached(few)[:3] == [str(each) for each in few.clusters[:3]]
    assert {str(each) for each in few.clusters[3:]} <= set(reached(few))


def test_cursor_of_a_removed_cluster_changes_nothing() -> None:
    clusters = [Cluster("production", name) for name in ("c", "a", "b")]
    at = datetime(2026, 11, 23)  # noqa: DTZ001 - not read
    assert [each.service for each in from_cursor(clusters, None)] == ["a", "b", "c"]
    assert [each.service for each in from_cursor(clusters, Cursor("production/aa", at))] == ["b", "c", "a"]
    assert [each.service for each in from_cursor(clusters, Cursor("production/z", at))] == ["a", "b", "c"]


def test_stray_in_a_test_group_is_found_within_an_hour(few: Fleet) -> None:
    few.elb.groups["3/test-bed-group"] = {"10.9.9.9": "healthy"}
    for _ in range(4):
        few.run(until=timedelta(minutes=15).total_seconds())
    assert few.elb.groups["3/test-bed-group"] in ({}, {"10.9.9.9": "draining"})
    assert few.memory.dispatcher.members(few.clusters[3], Group.TEST_BED) == {}
