"""The audit entries of runs that failed, which notify people: a build that failed, or a snapshot that was refused.

Called by the phases that find it out, check_build and record_snapshot. Their states are repeated when a call is lost,
so an entry is written once for a run.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from lifecycle.application.delivery.services_of_run import clusters_of_run
from lifecycle.application.ports.audit import AuditLog
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.readable import readable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.refused_limits import shown

if TYPE_CHECKING:
    from lifecycle.application.delivery.check_build import Checked
    from lifecycle.application.delivery.receive_push import Push

_DAY = timedelta(days=1)
# Anybody who pushes may make a run fail. The runs themselves show all of them.
MOST_A_DAY = 24
_READ, _KINDS = 200, (AuditKind.RUN_FAILED,)
_LONGEST = 2_000
# Of the log's end: a line of a compiler may have any length.
_LOG_LINES, _LONGEST_LINE = 8, 200
# What the program of the build prints before its last sentence (apps/build/main.py).
_ERROR = "error: "


def reason_first(reason: str) -> str:
    """Return how a build ended on the first line, with the builder's own error, and the end of its log below."""
    head, *rest = reason.splitlines() or [""]
    errors = [line.strip() for line in rest if line.strip().startswith(_ERROR)]
    first = f"{head}: {errors[-1].removeprefix(_ERROR)}" if errors else head
    return "\n".join([first[:_LONGEST_LINE], *(line[:_LONGEST_LINE] for line in rest[-_LOG_LINES:])])


def noted(
    catalogue: Catalogue, audit_log: AuditLog, push: "Push", run: str, found: "Checked", now: datetime
) -> "Checked":
    """Return the state of a build; one that failed is in the audit log of the services that its run is about."""
    if found.kind == "FAILED":
        clusters = clusters_of_run(catalogue, run, push.repository, found.service)
        record_failed_run(audit_log, clusters, run, found.reason, now)
    return found


def record_failed_run(audit_log: AuditLog, clusters: Iterable[Cluster], run: str, reason: str, now: datetime) -> None:
    """Write the entry of a failed run in each cluster that has none of it, and not too many of this day."""
    what = f"the run {shown(run)} failed"
    for cluster in clusters:
        failed, _ = readable(lambda cluster=cluster: audit_log.read(cluster, now - _DAY, _READ, _KINDS), ())  # type: ignore[misc]
        if len(failed) < MOST_A_DAY and all(each.what != what for each in failed):
            why = shown(reason_first(reason), _LONGEST)
            audit_log.append(AuditEntry(now, str(cluster), what, "lifecycle", why, kind=AuditKind.RUN_FAILED))
