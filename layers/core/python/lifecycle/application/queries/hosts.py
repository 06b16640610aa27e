"""The hosts of clusters: version, state in the load balancer, drift, quarantine and role in a test bed.

Read by functions/console/show_clusters and by the commands status and hosts; reads only. The load balancer is
asked for a few clusters at a time: an account's Describe calls refill at 10 per second, and rollouts need them.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from lifecycle.application.context import Context
from lifecycle.application.queries.clusters import RECENT, ClusterView, view_clusters
from lifecycle.application.queries.context import QueryContext, in_parallel
from lifecycle.application.queries.matrix import Cell, read_cells
from lifecycle.application.queries.permissions import frozen_reasons
from lifecycle.application.queries.scope import Page, Scope, clusters_in, page_of
from lifecycle.application.queries.state_words import HostStatus
from lifecycle.application.readable import Rows
from lifecycle.application.rollout.desired_version import read_desired
from lifecycle.application.rollout.policy_floors import read_floors
from lifecycle.application.rollout.unknown_hosts import unknown_hosts
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.host import HostReport, UnreadableReport
from lifecycle.domain.fleet.strays import NO_STRAYS, RegisteredTarget, Strays, strays_of
from lifecycle.domain.fleet.target_group import Group, TargetState
from lifecycle.domain.rollout.actions import Action, ActionFacts, Permission, permission
from lifecycle.domain.rollout.attempt import HostAttempt, UnreadableAttempt
from lifecycle.domain.rollout.decision import latest_attempts
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.provenance import Nobodys
from lifecycle.domain.rollout.test_bed.model import BedState, TestBed
from lifecycle.domain.service.target import Target

# The most clusters that are shown host by host, with their states in the load balancer.
IN_FULL = 4
# The services on a page of the matrix.
_SERVICES = 50


@dataclass(frozen=True, slots=True)
class HostView:
    """One host. `state` is the load balancer's, None where it was not asked; `drift` is a reason or empty.

    `quarantined` is why, or empty; `skipped` hosts were left out by a decision. `role` is TEST_BED, CONTROL or
    None. `attempt` is the newest of the deployment that has the lease; `may_be_updated` means that there is one.
    `clock_problem` says how wrong the host's clock is, or is empty.
    """

    report: HostReport
    state: TargetState | None
    drift: str
    unreachable_since: datetime | None
    quarantined: str
    skipped: bool
    role: HostStatus | None
    attempt: HostAttempt | None
    may_be_updated: bool
    clock_problem: str = ""


@dataclass(frozen=True, slots=True)
class ClusterHosts:
    """A cluster and its hosts, by name.

    `frozen` maps each reason that blocks new deployments to the scope to unfreeze; a policy's window has none.
    `quarantined` maps hosts to reasons. `trouble` is why the load balancer could not be read, or empty. `strays`
    are targets that no host reports. `nobodys` is why no deployment wrote the desired version.
    `unreadable` has a row for each record of the cluster that cannot be read, those of its view included.
    `quarantined_versions` maps versions and configurations to reasons.
    `desired_quarantined` says what of the desired version is quarantined and why, or is empty.
    """

    view: ClusterView
    hosts: tuple[HostView, ...]
    frozen: Mapping[str, str]
    quarantined: Mapping[str, str]
    trouble: str = ""
    in_full: bool = True
    strays: Strays = NO_STRAYS
    nobodys: Nobodys | None = None
    unreadable: tuple[str, ...] = ()
    quarantined_versions: Mapping[str, str] = field(default_factory=dict)
    desired_quarantined: str = ""

    @property
    def versions(self) -> Counter[str]:
        """The number of hosts that run each version, or nothing."""
        reports = [host.report for host in self.hosts]
        return Counter(r.installed if r.running and r.installed else "nothing" for r in reports)

    @property
    def targets(self) -> Counter[str]:
        """The number of hosts that run each version with its configuration, in words, or nothing."""
        run = [(each.report.installed, each.report.config) for each in self.hosts if each.report.running]
        words = [Target(version, "", config).in_words if version else "nothing" for version, config in run]
        return Counter([*words, *["nothing"] * (len(self.hosts) - len(run))])

    @property
    def answering_strays(self) -> int:
        """The number of strays that are healthy in the load balancer, and so get requests."""
        return len({str(each) for each in self.strays.targets if each.state.serves})

    @property
    def healthy(self) -> int:
        """The number of hosts that are healthy in the load balancer."""
        return sum(host.state is not None and host.state.serves for host in self.hosts)


@dataclass(frozen=True, slots=True)
class HostsView:
    """The clusters of one page, host by host; or all the services of one, if those are more.

    `cells` has what a row of the matrix says of each cluster. `unreadable` is about the matrix.
    """

    clusters: tuple[ClusterHosts, ...]
    page: Page
    cells: Mapping[Cluster, Cell] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()


def view_hosts(query: QueryContext, scope: Scope) -> HostsView:
    """Return the hosts of a few clusters, else a page of services; raises Unknown, InvalidName.

    Services with a deployment are on the first page.
    """
    clusters, services = clusters_in(query, scope)
    leases = query.cluster_queries.leases_and_queues(clusters)
    in_full = len(clusters) <= IN_FULL
    busy = {each.service for each in clusters if leases[each].lease.deployment}
    names = sorted({each.service for each in clusters}, key=lambda name: (name not in busy, name))
    on_page, page = page_of(names, scope, services, _SERVICES)
    shown = sorted((each for each in clusters if each.service in on_page), key=lambda each: (each.service, each))
    views = view_clusters(query, shown, leases, RECENT if in_full else 1, executions=True)
    freezes = tuple(query.context.freezes.all())
    cells = read_cells(query.context, query.cluster_queries, views, freezes)
    if not in_full:
        unreadable = dict.fromkeys(row for view in views for row in view.unreadable)
        return HostsView((), page, cells, tuple(unreadable))

    def hosts(view: ClusterView) -> ClusterHosts:
        found = view_cluster_hosts(query.context, view, freezes)
        registered = read_desired(query.context, view.cluster, view.lease, view.recent)
        # A deployment that runs may just be writing it.
        nobodys = None if view.lease.deployment else registered.nobodys
        rows = dict.fromkeys((*found.unreadable, *map(str, registered.unreadable)))
        return replace(found, nobodys=nobodys, unreadable=tuple(rows))

    return HostsView(tuple(in_parallel(hosts, views)), page, cells)


def view_cluster_hosts(
    context: Context,
    view: ClusterView,
    freezes: Sequence[Freeze],
    *,
    desired: Target | None = None,
) -> ClusterHosts:
    """Return the hosts of a cluster; `freezes` are all that exist.

    Drift is measured against `desired`, where the registry was read, else against the last deployment's version.
    """
    cluster, running, last = view.cluster, view.running, view.last
    reports, quarantined = context.fleet.reports(cluster), context.fleet.quarantined_hosts(cluster)
    versions = context.fleet.quarantined(cluster)
    target = desired or (last.target if last else None)
    targets, trouble = _targets(context, cluster)
    states = None if targets is None else _states(targets)
    attempts: Mapping[str, HostAttempt] = {}
    roles: Mapping[str, HostStatus] = {}
    bound = context.fleet.bound(cluster)
    rows = Rows()
    rows.add(view.unreadable)
    rows.add(each.why for each in reports.values() if isinstance(each, UnreadableReport))
    rows.add(unknown_hosts(context, cluster, bound, reports))
    if running:
        every = context.deployments.attempts(running.id)
        rows.add(each.reason for each in every if isinstance(each, UnreadableAttempt))
        attempts = latest_attempts(every)
        roles = _roles(rows.read(lambda: context.deployments.beds(running.id), ()))
    hosts = []
    for name, report in sorted(reports.items()):
        state = _state(states, report) if states is not None else None
        host = HostView(
            report=report,
            state=state,
            drift=(drift_reason(report, state or TargetState.HEALTHY, target) or "") if target else "",
            unreachable_since=report.unreachable_since(context.clock.now(), context.heartbeat_timeout),
            quarantined=quarantined.get(name, ""),
            skipped=last is not None and name in last.skipped_hosts,
            role=roles.get(name),
            attempt=attempts.get(name),
            may_be_updated=running is not None,
            clock_problem=report.clock_problem(context.clock.now()),
        )
        hosts.append(host)
    floors = read_floors(context, cluster)
    rows.add(floors.unreadable)
    frozen = frozen_reasons(context, view, freezes, floors.known)
    return ClusterHosts(
        view,
        tuple(hosts),
        frozen,
        quarantined,
        trouble,
        strays=strays_of(reports, targets or (), bound=bound.places),
        unreadable=rows.all(),
        quarantined_versions=versions,
        desired_quarantined=target.quarantined_in(versions) if target else "",
    )


def _state(states: Mapping[tuple[str, int], TargetState], report: HostReport) -> TargetState:
    """Return the state at a host's address and port; at its bound address where its report cannot be read."""
    if not isinstance(report, UnreadableReport):
        return states.get((report.address, report.port), TargetState.ABSENT)
    return next((state for (address, _), state in states.items() if address == report.place), TargetState.ABSENT)


def _states(targets: Sequence[RegisteredTarget]) -> Mapping[tuple[str, int], TargetState]:
    """Return the state of each address and port, that in the main group first."""
    states: dict[tuple[str, int], TargetState] = {}
    for each in sorted(targets, key=lambda each: each.group is Group.MAIN):
        in_test_group = each.group is not Group.MAIN and each.state is TargetState.HEALTHY
        states[each.address, each.port] = TargetState.TEST_GROUP if in_test_group else each.state
    return states


def _targets(context: Context, cluster: Cluster) -> tuple[Sequence[RegisteredTarget] | None, str]:
    """Return the targets of every group; without a load balancer, None and why."""
    try:
        return context.dispatcher.registered(cluster), ""
    except Unknown as error:  # its stack is being deployed, or was deleted; its hosts still report
        return None, str(error)


def _roles(beds: Sequence[TestBed]) -> Mapping[str, HostStatus]:
    baking = next((bed for bed in beds if bed.state is BedState.BAKING), None)
    return {baking.control: HostStatus.CONTROL, baking.host: HostStatus.TEST_BED} if baking else {}


def remove_permission(now: datetime, host: HostView) -> Permission:
    """Return whether a host may be removed, by its report and its state in the load balancer."""
    state, unreachable = host.state or TargetState.ABSENT, host.unreachable_since is not None
    unreachable = unreachable or isinstance(host.report, UnreadableReport)
    facts = ActionFacts(now, subject=host.report.host, report=host.report, state=state, unreachable=unreachable)
    return permission(Action.REMOVE_HOST, facts)
