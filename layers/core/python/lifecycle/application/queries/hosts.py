"""Hosts as the console's tiles: version, state, turn, zone, and why one is not as it should be.

Drawn by functions/console/show_clusters; reads only. The load balancer is asked for a few clusters at a time: an account's
Describe calls refill at 10 a second, and rollouts need them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from lifecycle.application.queries.clusters import ClusterView, view_clusters
from lifecycle.application.queries.context import QueryContext, in_parallel
from lifecycle.application.queries.scope import Page, Scope, clusters_in, page_of
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import latest_attempts
from lifecycle.domain.rollout.freezes import Freeze, blocking
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed
from lifecycle.domain.service.target import Target

_RECENT = 5
# So many clusters are shown host by host, with their states in the load balancer.
IN_FULL = 4


class TestBedRole(StrEnum):
    """What a host is in a test bed."""

    NONE = ""
    TEST_BED = "test bed"
    CONTROL = "control"


@dataclass(frozen=True, slots=True)
class HostView:
    """One host. `state` is the load balancer's, None where it was not asked; `wrong` why it is out of its place.

    `attempt` is its newest in the deployment that has the lease, `waits` that there is one, which may reach it yet.
    """

    report: HostReport
    state: TargetState | None
    drift: str
    unreachable_since: datetime | None
    quarantined: str
    role: TestBedRole
    attempt: HostAttempt | None
    may_be_updated: bool = False


@dataclass(frozen=True, slots=True)
class ClusterHosts:
    """A cluster and its hosts; `frozen` is why nothing new may begin there, `trouble` what could not be read."""

    view: ClusterView
    hosts: tuple[HostView, ...]
    target: Target | None
    frozen: str = ""
    trouble: str = ""
    in_full: bool = True


@dataclass(frozen=True, slots=True)
class HostsView:
    """The clusters of one page; `freezes` are the scopes that are frozen."""

    clusters: tuple[ClusterHosts, ...]
    freezes: tuple[Freeze, ...]
    page: Page


@dataclass(frozen=True, slots=True)
class _Read:
    """What is read of one cluster beside how it stands."""

    reports: Mapping[str, HostReport]
    states: Mapping[str, TargetState] | None
    bad: Mapping[str, str]
    attempts: Mapping[str, HostAttempt] = field(default_factory=dict)
    beds: Sequence[TestBed] = ()
    trouble: str = ""


def view_hosts(query: QueryContext, scope: Scope) -> HostsView:
    """Those whose lease is leases come first; raises Unknown, InvalidName."""
    clusters, services = clusters_in(query, scope)
    leases = query.cluster_queries.leases_and_queues(clusters)
    ordered = sorted(clusters, key=lambda each: (not leases[each].lease.deployment, each.service, each))
    shown, page = page_of(ordered, scope, services)
    in_full = len(shown) <= IN_FULL
    views = view_clusters(query, shown, leases, _RECENT)
    freezes = tuple(query.context.freezes.standing())
    found = in_parallel(lambda each: _cluster(query, each, freezes, in_full=in_full), views)
    return HostsView(tuple(found), freezes, page)


def _cluster(
    query: QueryContext, view: ClusterView, freezes: Sequence[Freeze], *, in_full: bool
) -> ClusterHosts:
    read = _read(query, view, in_full=in_full)
    target = view.running.target if view.running else view.verified
    policy = next((each.policy for each in view.recent if each.epoch > 0), None)
    windows = policy.frozen if policy else ()
    now, heartbeat_timeout = query.context.clock.now(), query.context.heartbeat_timeout
    hosts = tuple(
        replace(
            _host(report, read, target, report.unreachable_since(now, heartbeat_timeout)),
            may_be_updated=view.running is not None,
        )
        for report in read.reports.values()
    )
    frozen = blocking(freezes, windows, view.cluster, now) or ""
    return ClusterHosts(view, hosts, target, frozen, read.trouble, in_full)


def _read(query: QueryContext, view: ClusterView, *, in_full: bool) -> _Read:
    context, running = query.context, view.running
    reports, bad = context.fleet.reports(view.cluster), context.fleet.quarantined_hosts(view.cluster)
    if not in_full:
        return _Read(reports, None, bad)
    states: Mapping[str, TargetState] | None = None
    trouble = ""
    try:
        states = context.dispatcher.targets(view.cluster)
    except Unknown as error:  # its stack is being deployed, or was deleted: its hosts may still be looked at
        trouble = str(error)
    attempts = latest_attempts(context.deployments.attempts(running.id)) if running else {}
    beds = context.deployments.beds(running.id) if running else ()
    return _Read(reports, states, bad, attempts, beds, trouble)


def _host(report: HostReport, read: _Read, target: Target | None, silent: datetime | None) -> HostView:
    state = read.states.get(report.address, TargetState.ABSENT) if read.states is not None else None
    drift = drift_reason(report, state or TargetState.HEALTHY, target) if target else None
    return HostView(
        report=report,
        state=state,
        drift=drift or "",
        unreachable_since=silent,
        quarantined=read.bad.get(report.host, ""),
        role=_role(report.host, read.beds),
        attempt=read.attempts.get(report.host),
    )


def _role(host: str, beds: Sequence[TestBed]) -> TestBedRole:
    baking = next((bed for bed in beds if bed.state is BedState.BAKING), None)
    if baking is None:
        return TestBedRole.NONE
    return {baking.host: TestBedRole.TEST_BED, baking.control: TestBedRole.CONTROL}.get(
        host, TestBedRole.NONE
    )
