"""Changes that a person made beside Lifecycle: report each once, in the audit log, which notifies people.

Called by converge.py. Nothing is undone here: a person decides what becomes of such a change. Targets of no host are
taken out by strays.py; here they are reported where they must stay.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from lifecycle.application.context import Context
from lifecycle.application.convergence.report_once import Finding, report_once
from lifecycle.domain.convergence.facts import ClusterFacts
from lifecycle.domain.errors import Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.listing import listed
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind


def report_hand_made(context: Context, cluster: Cluster, facts: ClusterFacts) -> None:
    """Write an audit entry for each change that was made by hand, unless it was reported before."""
    last = facts.nobodys.last if facts.nobodys else None
    # The same edit after another deployment is another change.
    since = last.started_at if last else None
    report_once(context, cluster, (_finding(entry, since) for entry in _changes(context, cluster, facts)))


def missing_manifest(context: Context, cluster: Cluster, version: str) -> str | None:
    """Return why a repair with this version would be refused, and report it; None where its manifest is stored."""
    try:
        _ = context.artifacts.manifest(cluster.service, version)  # raises Unknown
    except Unknown as error:
        why = f"{error} No repair can begin: publish {version} again, or deploy another version"
        entry = _entry(context, cluster, f"found {version} deleted from the artifact store", why)
        report_once(context, cluster, [_finding(entry)])
        return why
    return None


def _changes(context: Context, cluster: Cluster, facts: ClusterFacts) -> Iterator[AuditEntry]:
    if facts.nobodys and not facts.lease.deployment:
        last = facts.nobodys.last.id if facts.nobodys.last else ""
        yield _entry(context, cluster, "found the desired version changed by hand", facts.nobodys.held, last)
    if facts.strays.held:
        what = f"found targets of no host: {listed(facts.strays.names)}"
        why = f"{facts.strays.held}. They stay: deregister them, or start an agent on each"
        yield _entry(context, cluster, what, why)


def _entry(context: Context, cluster: Cluster, what: str, why: str, deployment: str = "") -> AuditEntry:
    now = context.clock.now()
    return AuditEntry(now, str(cluster), what, "lifecycle", why, deployment, kind=AuditKind.HAND_MADE)


def _finding(entry: AuditEntry, since: datetime | None = None) -> Finding:
    return Finding(entry, lambda each: replace(each, at=entry.at) == entry, since)
