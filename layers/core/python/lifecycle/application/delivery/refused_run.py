"""The audit entries of runs that are refused, where the owners of the services read them.

A build may be refused for what it uploaded, and an execution for the input that somebody gave it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lifecycle.application.delivery.services_of_run import clusters_of_run
from lifecycle.application.ports.audit import AuditLog
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.refused_attempt import UNKNOWN, Refusal, record_refusal
from lifecycle.domain.monitoring.audit import AuditKind
from lifecycle.domain.refused_limits import shown

if TYPE_CHECKING:
    from lifecycle.application.delivery.build import FinishedBuild


def record_refused_start(
    catalogue: Catalogue, audit_log: AuditLog, given: Mapping[str, Any], why: str, now: datetime
) -> None:
    """Record that a run was refused for its input, which may be any. CloudTrail has who started it."""
    run, repository, service = (_text(given.get(name)) for name in ("execution", "repository", "service"))
    refusal = Refusal(f"refused to start the run {run or 'of an input that is no object'}", UNKNOWN, why)
    record_refusal(audit_log, clusters_of_run(catalogue, run, repository, service), refusal, now)


def record_refused_snapshot(
    catalogue: Catalogue, audit_log: AuditLog, built: "FinishedBuild", why: str, now: datetime
) -> None:
    """Record that a snapshot was refused; the service that the build names has the entry, too.

    Its run has failed, so people are notified.
    """
    what = f"refused the snapshot {built.version} of {built.service} from {built.repository}"
    clusters = clusters_of_run(catalogue, built.run, built.repository, built.service)
    record_refusal(audit_log, clusters, Refusal(what, built.build or UNKNOWN, why, kind=AuditKind.RUN_FAILED), now)


def _text(found: Any) -> str:
    return shown(found) if isinstance(found, str) else ""
