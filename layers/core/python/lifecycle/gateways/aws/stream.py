"""The ledger's stream as changed records, before and after; infra/constructs/notifications.py filters it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.monitoring.notifications import Change, Quarantine, Recorded
from lifecycle.domain.rollout.decision import Question
from lifecycle.domain.rollout.deployment import Deployment, cluster_of
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.gateways.aws.table import record
from lifecycle.gateways.small_records import QuarantinedHost, QuarantinedVersion
from lifecycle.names import Partition

_KINDS: tuple[tuple[str, str, type[Any]], ...] = (
    (Partition.CLUSTER, "DEPLOYMENT#", Deployment),
    (Partition.DEPLOYMENT, "QUESTION#", Question),
    (Partition.DEPLOYMENT, "TESTBED#", TestBed),
    (Partition.AUDIT_LOG, "", AuditEntry),
)
_QUARANTINES: Mapping[str, type[QuarantinedVersion] | type[QuarantinedHost]] = {
    "QUARANTINE": QuarantinedVersion,
    "BAD_HOST": QuarantinedHost,
}


def changes_of(records: Sequence[Mapping[str, Any]]) -> tuple[list[Change], list[str]]:
    """Return the changes of a batch of the stream, and a message for each record that cannot be read.

    A record of a newer or an older version may be unreadable; it must not block the records behind it.
    """
    changes, unread = [], []
    for each in records:
        try:
            found = _change(each["dynamodb"])
        except LifecycleError as error:
            unread.append(str(error))
            continue
        if found:
            changes.append(found)
    return changes, unread


def _change(item: Mapping[str, Any]) -> Change | None:
    """Return a change; None for a deleted item, and for one that no notification is about."""
    after = _read(item["Keys"], item.get("NewImage"))
    if after is None:
        return None
    at = datetime.fromtimestamp(float(item["ApproximateCreationDateTime"]), UTC)
    return Change(_before(item), after, at)


def _before(item: Mapping[str, Any]) -> Recorded | None:
    """Return the record before the change. One that could not be read counts as none."""
    try:
        return _read(item["Keys"], item.get("OldImage"))
    except LifecycleError:
        return None


def _read(keys: Mapping[str, Any], image: dict[str, Any] | None) -> Recorded | None:
    if image is None:
        return None
    pk, sk = keys["pk"]["S"], keys["sk"]["S"]
    if pk.startswith(Partition.CLUSTER) and (kind := _QUARANTINES.get(sk.partition("#")[0])):
        cluster = Cluster.parse(pk.removeprefix(Partition.CLUSTER))
        bad = record(kind, {**keys, **image})
        return Quarantine(cluster, sk.partition("#")[2], bad.why)
    for partition, prefix, kind in _KINDS:
        if pk.startswith(partition) and sk.startswith(prefix):
            found: Recorded = record(kind, {**keys, **image})
            if isinstance(found, Question | TestBed):
                cluster_of(found.deployment)  # raises for an execution that was started under another name
            return found
    return None
