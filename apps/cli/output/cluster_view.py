"""A cluster as the command line reads it: the page's view of it, and the registry's desired version.

Used by status, hosts, freezes and history; reads only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from apps.cli.output.decision_view import question_facts
from apps.cli.output.text import one_line
from apps.cli.ports import Connection
from lifecycle.application.ports.cluster_queries import LeaseAndQueue
from lifecycle.application.queries.clusters import desired_quarantined, view_cluster
from lifecycle.application.queries.context import in_parallel
from lifecycle.application.queries.ended_words import ended_words
from lifecycle.application.queries.hand_made_words import interruption_words
from lifecycle.application.queries.hosts import IN_FULL, ClusterHosts, view_cluster_hosts
from lifecycle.application.queries.matrix import Cell, read_cells
from lifecycle.application.queries.schedule_words import ScheduleView, view_schedules
from lifecycle.application.readable import Rows, readable
from lifecycle.application.rollout.desired_version import read_desired
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.monitoring.alarms import watched_until
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.freezes import Freeze
from lifecycle.domain.rollout.queue import PendingDeployment


@dataclass(frozen=True, slots=True)
class ClusterStatus(ClusterHosts):
    """A cluster, its hosts, and the version that the registry says it should run.

    `ended` has a sentence for each host whose service has ended. `newest_config` is the newest revision of its
    configuration, deployed or not. `cell` is what the console's matrix says of the cluster.
    """

    desired: Desired | None = None
    newest_config: int = 0
    ended: Mapping[str, str] = field(default_factory=dict)
    schedules: Sequence[ScheduleView] = ()
    cell: Cell | None = None

    def watched(self, connection: Connection) -> datetime | None:
        """Return the time until which an alarm concerns the last deployment; None once that is over."""
        until = watched_until(self.view.last, connection.context.minute) if self.view.last else None
        return until if until and connection.context.clock.now() <= until else None


def cluster_statuses(
    connection: Connection, clusters: Sequence[Cluster], freezes: Sequence[Freeze], *, in_full: bool
) -> list[ClusterStatus]:
    """Read clusters, several at a time; `freezes` are all that exist.

    Of many clusters only their deployments are read: an account has thousands of hosts, and Parameter Store and the
    load balancers answer slowly.
    """
    leases = connection.cluster_queries.leases_and_queues(clusters)
    in_full = in_full or len(clusters) <= IN_FULL

    def read(cluster: Cluster) -> ClusterStatus:
        if in_full:
            return cluster_status(connection, cluster, freezes, leases[cluster])
        return _from_the_ledger(connection, cluster, leases[cluster])

    found = in_parallel(read, clusters)
    cells = read_cells(connection.context, connection.cluster_queries, [each.view for each in found], freezes)
    return [_with_cell(each, cells[each.view.cluster]) for each in found]


def _with_cell(found: ClusterStatus, cell: Cell) -> ClusterStatus:
    return replace(found, cell=cell, frozen=found.frozen if found.in_full else cell.frozen)


def _from_the_ledger(connection: Connection, cluster: Cluster, read: LeaseAndQueue) -> ClusterStatus:
    """Return a cluster by its deployments alone: its desired version is that of the last one."""
    view = view_cluster(connection.context, cluster, read, 1, executions=True)
    last = view.last
    desired = (
        Desired(last.target.version, last.target.digest, last.epoch, last.id, last.target.config) if last else None
    )
    return ClusterStatus(
        view=view,
        hosts=(),
        frozen={},
        quarantined={},
        in_full=False,
        unreadable=view.unreadable,
        desired=desired,
        newest_config=desired.config if desired else 0,
        desired_quarantined=desired_quarantined(connection.context, view),
    )


def cluster_status(
    connection: Connection, cluster: Cluster, freezes: Sequence[Freeze], read: LeaseAndQueue | None = None
) -> ClusterStatus:
    """Read a cluster in full; `freezes` are all that exist, and `read` is its lease where it was read before."""
    context, rows = connection.context, Rows()
    view = view_cluster(context, cluster, read, executions=True)
    registered = read_desired(context, cluster, view.lease, view.recent)
    desired, nobodys = registered.desired, None if view.lease.deployment else registered.nobodys
    # Hosts have not drifted from a version that no deployment wrote.
    target = desired.target if desired and not nobodys else None
    found = view_cluster_hosts(context, view, freezes, desired=target)
    rows.add(map(str, registered.unreadable))
    rows.add(found.unreadable)
    schedules = view_schedules(context, cluster, desired.version if desired else "", rows)
    return ClusterStatus(
        view=view,
        hosts=found.hosts,
        frozen=found.frozen,
        quarantined=found.quarantined,
        trouble=found.trouble,
        strays=found.strays,
        nobodys=nobodys,
        unreadable=rows.all(),
        desired_quarantined=found.desired_quarantined,
        desired=desired,
        newest_config=readable(lambda: context.configurations.newest(cluster), 0)[0],
        ended=ended_words(context, view, found.hosts),
        schedules=schedules,
    )


def desired_quarantined_words(found: ClusterStatus) -> str:
    """Return the sentence about a desired version that is quarantined."""
    why = one_line(found.desired_quarantined, 1000)
    return f"{found.view.cluster}: {why}; it is desired all the same, and drift is not repaired"


def schedule_facts(view: ScheduleView) -> dict[str, Any]:
    """Return a schedule for programs."""
    run = view.run
    return {
        "name": view.name,
        "next": view.next_at.isoformat() if view.next_at else None,
        "minute": run.minute.isoformat() if run else None,
        "state": str(run.state) if run else None,
        "failed": view.failed,
        "host": run.host if run else None,
        "version": run.version if run else None,
        "detail": view.in_words,
    }


def cluster_facts(found: ClusterStatus, connection: Connection) -> dict[str, Any]:
    """Return a cluster for programs."""
    view = found.view
    current, lease, waiting = view.running, view.lease, view.waiting
    questions = [question_facts(question, connection.command) for question in view.pending]
    watched = found.watched(connection)
    return {
        "cluster": str(view.cluster),
        "service": view.cluster.service,
        "environment": view.cluster.environment,
        "desired": found.desired.version if found.desired else None,
        "config": found.desired.config if found.desired else 0,
        "newest_config": found.newest_config,
        **_cell_facts(found.cell),
        "hosts": len(found.hosts) if found.in_full else None,
        "healthy": found.healthy if found.in_full else None,
        "in_full": found.in_full,
        "running": dict(found.versions) if found.in_full else None,
        "running_with_config": dict(found.targets) if found.in_full else None,
        "epoch": lease.epoch,
        "schedules": [schedule_facts(each) for each in found.schedules],
        "desired_quarantined": found.desired_quarantined or None,
        "desired_problem": found.nobodys.reason if found.nobodys else None,
        "unknown_targets": list(found.strays.names),
        "unknown_targets_healthy": found.answering_strays,
        "clocks": {host.report.host: host.clock_problem for host in found.hosts if host.clock_problem},
        "interrupted": interruption_words(current, view.interrupted) if current and view.interrupted else None,
        "deployment": deployment_facts(current) if current else None,
        "lease": lease.deployment or None,
        "lease_since": lease.since.isoformat() if lease.deployment and lease.since else None,
        "lease_expires_at": lease.expires_at.isoformat() if lease.deployment and lease.expires_at else None,
        "last": deployment_facts(view.last) if view.last else None,
        "refused": deployment_facts(view.refused) if view.refused else None,
        "watched_until": watched.isoformat() if watched else None,
        "question": questions[0] if questions else None,
        "questions": questions,
        "waiting": _waiting_facts(waiting) if waiting else None,
        "frozen": [{"why": why, "scope": scope or None} for why, scope in found.frozen.items()],
        "quarantined_hosts": dict(found.quarantined),
        "ended": dict(found.ended),
        "unreadable": list(found.unreadable),
    }


def _cell_facts(cell: Cell | None) -> dict[str, Any]:
    if cell is None:
        return {}
    since = cell.since.isoformat() if cell.since else None
    return {"verified": cell.version, "status": str(cell.state), "since": since, "by": cell.by, "behind": cell.behind}


def _waiting_facts(waiting: PendingDeployment) -> dict[str, str]:
    request = waiting.request
    return {
        "deployment": request.deployment,
        "version": request.version,
        "requested_by": request.requested_by,
        "reason": request.reason,
        "since": waiting.since.isoformat(),
    }


def _release_facts(each: Deployment) -> dict[str, Any] | None:
    found = each.release
    if not found.command:
        return None
    return {
        "command": found.command,
        "outcome": str(found.run) or None,
        "host": found.host or None,
        "runs": found.runs,
        "began_at": found.began_at.isoformat() if found.began_at else None,
        "ended_at": found.ended_at.isoformat() if found.ended_at else None,
        "counted_as_run": found.counted,
        "text": each.release_words or None,
    }


def deployment_facts(each: Deployment) -> dict[str, Any]:
    """Return a deployment for programs."""
    return {
        "deployment": each.id,
        "cluster": str(each.cluster),
        "kind": str(each.request.kind),
        "version": each.target.version,
        "config": each.target.config,
        "previous": each.previous.version if each.previous else None,
        "previous_config": each.previous.config if each.previous else None,
        "state": str(each.state),
        "why": each.reason,
        "epoch": each.epoch,
        "hosts": list(each.hosts),
        "skipped_hosts": list(each.skipped_hosts),
        "requested_by": each.request.requested_by,
        "reason": each.request.reason,
        "overrides": [str(override) for override in each.request.overrides],
        "rollback_of": each.request.rollback_of,
        "changes": {
            "text": each.changes.sentence,
            "subjects": list(each.changes.subjects),
            "compare": each.changes.link or None,
        },
        "release_command": _release_facts(each),
        "started_at": each.started_at.isoformat(),
        "finished_at": each.finished_at.isoformat() if each.finished_at else None,
    }
