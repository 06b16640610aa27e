"""The audit entries of refusals: who tried, and why it was refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from lifecycle.application.ports.audit import AuditLog
from lifecycle.application.readable import readable
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry, AuditKind
from lifecycle.domain.monitoring.refused_entries import COUNTED, REFUSED, admitted
from lifecycle.domain.refused_limits import SHOWN, shown

_LONGEST_NAME, _LONGEST_REASON = 200, 1_000
# The author of an entry about somebody whom AWS does not name.
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refused attempt: its author, and the reason. A stranger may have chosen any of its texts.

    `kind` is that of its entry, where nobody is named.
    """

    what: str
    who: str
    why: str
    deployment: str = ""
    kind: AuditKind = AuditKind.REFUSAL

    def entry(self, cluster: Cluster, at: datetime, kind: AuditKind) -> AuditEntry:
        what, who, why = shown(self.what), shown(self.who, _LONGEST_NAME), shown(self.why, _LONGEST_REASON)
        return AuditEntry(at, str(cluster), what, who, why, shown(self.deployment, _LONGEST_NAME), kind=kind)


def record_refusal(
    audit_log: AuditLog, clusters: Iterable[Cluster], refusal: Refusal, now: datetime, *, named: bool = False
) -> None:
    """Write an audit entry of a refusal in each cluster that has room for one (domain/monitoring/refused_entries.py).

    There is always room for one of a person whom AWS has `named`: they answer for it.
    """
    for cluster in clusters:
        if named:
            audit_log.append(refusal.entry(cluster, now, AuditKind.ACTION))
            continue
        entry = refusal.entry(cluster, now, refusal.kind)
        newest, _ = readable(lambda cluster=cluster: audit_log.read(cluster, now - SHOWN, COUNTED, REFUSED), ())  # type: ignore[misc]
        if (written := admitted(entry, newest)) is not None:
            audit_log.append(written)
