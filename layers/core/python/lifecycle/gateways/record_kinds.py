"""Every kind of record in the ledger: its key, its type, and how to mend one that cannot be read.

`table.record` decodes by this list, and `table.item` writes no key that is missing here. A record that cannot be
read counts as what docs/reliability.md says of its kind. A test compares the page with this list.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from lifecycle import names
from lifecycle.domain.convergence.full_pass import Cursor
from lifecycle.domain.delivery.branch import Branch
from lifecycle.domain.delivery.refused_push import RefusedPushes
from lifecycle.domain.delivery.reported_status import ReportedStatuses
from lifecycle.domain.delivery.repository import RepositoryBuilds
from lifecycle.domain.fleet.bound_hosts import BoundHosts
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport, ServiceEnd
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.fleet.member import Member
from lifecycle.domain.fleet.scheduled_run import ScheduledRun
from lifecycle.domain.monitoring.audit import AuditEntry
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.checkpoint import Checkpoint
from lifecycle.domain.rollout.decision import Question
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.freezes import Freeze, check_scope
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.rollout.queue import PendingDeployment
from lifecycle.domain.rollout.recorded_request import RecordedRequest
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.domain.service.configuration import ConfigRevision
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.version import ReleaseVersion, SnapshotVersion
from lifecycle.domain.service.withdrawal import Withdrawal
from lifecycle.gateways.serialization import Source
from lifecycle.gateways.small_records import (
    ClaimedRelease,
    Owner,
    QuarantinedHost,
    QuarantinedVersion,
    RecordedSnapshot,
)
from lifecycle.gateways.stored_ranks import stored_rank, turn_rank
from lifecycle.names import Partition

_ANY = ""


@dataclass(frozen=True, slots=True)
class ItemKind:
    """One kind of item. `key` returns the partition and sort key that a record says; empty where it does not say.

    `mend` has whole sentences, in which {service}, {environment}, {options}, {name}, {look} and {delete} are filled
    in. `beside` returns the attributes that conditions compare. They repeat the record, so one that differs is
    unreadable: no condition about it would ever hold. `apart` are fields, with their types, that are stored in an
    attribute each and not in the record, because readers of version 1 refuse an unknown key of a record.
    """

    name: str
    record: Any
    partition: str
    sort_key: str
    mend: str
    key: Callable[[Any], tuple[str, str]] = lambda _: (_ANY, _ANY)
    beside: Callable[[Any], Mapping[str, str | int | Decimal]] = lambda _: {}
    apart: Mapping[str, Any] = field(default_factory=dict)

    def source(self, pk: str, sk: str) -> Source:
        """Return the place of an item of this kind, and how to mend it."""
        name = sk.removeprefix(self.sort_key)
        environment, _, service = pk.removeprefix(self.partition).partition("/")
        key = f'\'{{"pk":{{"S":"{pk}"}},"sk":{{"S":"{sk}"}}}}\''
        arguments = f"--table-name {names.LEDGER} --key {key}"
        mend = self.mend.format(
            service=service,
            environment=environment,
            options=f"--environment {environment} --why '...'",
            name=name,
            look=f"`aws dynamodb get-item {arguments}`",
            delete=f"`aws dynamodb delete-item {arguments}`",
        )
        return Source(f"{pk} {sk}", mend, name)


def _claimed(found: ClaimedRelease) -> ClaimedRelease:
    """Return a claim whose versions can be sorted and dated; raises InvalidName for others."""
    ReleaseVersion.parse(found.release)
    _snapshot(found.snapshot)
    return found


def _snapshot(name: str) -> str:
    """Return the name of a snapshot; raises InvalidName for one that no build has."""
    found = SnapshotVersion.parse(name)
    return str(found) if found.built_at else name


FINDINGS = "#findings"
"""The end of the partition of a cluster's findings: audit entries of which each kind is read by itself."""


def revision_key(revision: int) -> str:
    """Return the sort key of a configuration's revision."""
    return f"{revision:010}"


def member_key(address: str, port: int | str) -> str:
    """Return the sort key of a host in rotation; without a port, the beginning of those with that address."""
    return f"{address} {port}"


_OF_CLUSTER, _OF_DEPLOYMENT, _OF_SERVICE = Partition.CLUSTER, Partition.DEPLOYMENT, Partition.SERVICE

KINDS: tuple[ItemKind, ...] = (
    ItemKind(
        "lease",
        Lease,
        _OF_CLUSTER,
        "LEASE",
        "See with `lifecycle history {service}` that nothing runs there. Then delete it, and the next deployment "
        "takes the next epoch: {delete}",
        beside=lambda each: {"epoch": each.epoch, "deployment": each.deployment},
    ),
    ItemKind(
        "record of bound hosts",
        BoundHosts,
        _OF_CLUSTER,
        "HOSTS",
        "No report is believed until it is written again. Look at it: {look}. Delete it, and bind the hosts at once "
        "with `lifecycle bind-host {service}`: {delete}",
        beside=lambda each: {"changes": each.changes},
    ),
    ItemKind(
        "pending deployment",
        PendingDeployment,
        _OF_CLUSTER,
        "QUEUE",
        "The next deployment that has to wait replaces it. Deploy again what waited. To clear it: {delete}",
        lambda each: (f"{Partition.CLUSTER}{each.request.cluster}", _ANY),
        lambda each: {"deployment": each.request.deployment},
    ),
    ItemKind(
        "deployment",
        Deployment,
        _OF_CLUSTER,
        "DEPLOYMENT#",
        "Look at it, and restore it from a backup of the table: {look}. If that is impossible, see that no host is "
        "being updated, delete it, and deploy the version that you want: {delete}",
        lambda each: (f"{Partition.CLUSTER}{each.cluster}", f"DEPLOYMENT#{each.id}"),
        lambda each: {"ended": int(each.state.final), "stands": str(each.state), "at_epoch": each.epoch},
    ),
    ItemKind(
        "quarantined version",
        QuarantinedVersion,
        _OF_CLUSTER,
        "QUARANTINE#",
        "It counts as quarantined. Lift it: `lifecycle unquarantine {service} {name} {options}`",
        lambda each: (_ANY, f"QUARANTINE#{each.version}"),
    ),
    ItemKind(
        "quarantined host",
        QuarantinedHost,
        _OF_CLUSTER,
        "BAD_HOST#",
        "It counts as quarantined. Lift it: `lifecycle unquarantine {service} {name} {options}`",
        lambda each: (_ANY, f"BAD_HOST#{each.host}"),
    ),
    ItemKind(
        "freeze",
        Freeze,
        Partition.FREEZES,
        "",
        "It counts as frozen. Lift it: `lifecycle unfreeze '{name}' --why '...'`. "
        "If '{name}' is no scope, it freezes everything; delete it: {delete}",
        lambda each: (_ANY, check_scope(each.scope)),
    ),
    ItemKind("cursor of convergence", Cursor, Partition.PASSES, "", "The next pass writes it again."),
    ItemKind(
        "attempt",
        HostAttempt,
        _OF_DEPLOYMENT,
        "ATTEMPT#",
        "It counts as failed: decide on it with `lifecycle decide`, or look at it: {look}",
        lambda each: (f"{_OF_DEPLOYMENT}{each.deployment}", f"ATTEMPT#{each.host}#{each.number:03}"),
        lambda each: {"place": each.progress_rank, "stands": str(each.state)},
    ),
    ItemKind(
        "question",
        Question,
        _OF_DEPLOYMENT,
        "QUESTION#",
        "Look at it: {look}. Its deployment goes on once it is deleted, and asks again what it still needs: {delete}",
        lambda each: (f"{_OF_DEPLOYMENT}{each.deployment}", f"QUESTION#{each.id}"),
        lambda each: {"answered": int(each.answer is not None), "waits": each.token},
    ),
    ItemKind(
        "test bed",
        TestBed,
        _OF_DEPLOYMENT,
        "TESTBED#",
        "Look at it: {look}. Its deployment goes on once it is deleted, and bakes again if it still has to: {delete}",
        lambda each: (f"{_OF_DEPLOYMENT}{each.deployment}", f"TESTBED#{each.number:03}"),
        lambda each: {"place": stored_rank(each.progress_rank)},
    ),
    ItemKind(
        "order of hosts",
        tuple[str, ...],
        _OF_DEPLOYMENT,
        "HOSTS",
        "A running deployment goes on with the hosts that report. `lifecycle gc` deletes nothing until this is "
        "deleted: {delete}",
    ),
    ItemKind(
        "checkpoint",
        Checkpoint,
        _OF_DEPLOYMENT,
        "CHECKPOINT",
        "The next step reads everything, and writes it again.",
        lambda each: (f"{_OF_DEPLOYMENT}{each.deployment}", _ANY),
        lambda each: {"place": each.number},
    ),
    ItemKind(
        "host command",
        Turn,
        Partition.TURNS,
        "",
        "The agent does nothing until the next command replaces it: deploy again. To clear it: {delete}",
        lambda each: (_ANY, each.host),
        lambda each: turn_rank(each.progress_rank),
    ),
    ItemKind(
        "report",
        HostReport,
        Partition.REPORTS,
        "",
        "The agent of that host replaces it within seconds: start it. If the machine is gone: `lifecycle remove-host "
        "{service} {name} {options}`",
        lambda each: (_ANY, each.host),
        apart={
            "ended": ServiceEnd,
            "skew": float,
            "moves_to": str,
            "release_ended": bool,
            "features": tuple[str, ...],
            "manifest": str,
            "newest": tuple[str, ...],
            "commands": tuple[str, ...],
        },
    ),
    ItemKind(
        "host in rotation",
        Member,
        Partition.ROTATION,
        "",
        "It counts as in rotation, and its host's next update writes it again. Look at it: {look}",
        lambda each: (_ANY, member_key(each.address, each.port)),
    ),
    ItemKind(
        "scheduled run",
        ScheduledRun,
        Partition.SCHEDULES,
        "",
        "No host runs this schedule until the record is deleted: {delete}",
        lambda each: (_ANY, each.checked().schedule),
        lambda each: {"changes": each.changes},
    ),
    ItemKind(
        "audit entry",
        AuditEntry,
        Partition.AUDIT_LOG,
        "",
        "Nothing depends on it; the audit log is never changed. Look at it: {look}",
        lambda each: (f"{Partition.AUDIT_LOG}{Cluster.parse(each.cluster)}", _ANY),
    ),
    ItemKind(
        "finding in the audit log",
        AuditEntry,
        Partition.AUDIT_LOG,
        "FINDING#",
        "It counts as not reported, and may be reported once more. Look at it: {look}",
        lambda each: (f"{Partition.AUDIT_LOG}{Cluster.parse(each.cluster)}{FINDINGS}", _ANY),
    ),
    ItemKind(
        "configuration revision",
        ConfigRevision,
        Partition.CONFIG,
        "",
        "Its names count as unknown, so no plan takes that revision. `lifecycle config list {service} -e "
        "{environment}` records it again. Look at it: {look}",
        lambda each: (f"{Partition.CONFIG}{Cluster.parse(each.cluster)}", revision_key(each.revision)),
    ),
    ItemKind(
        "owner of a service",
        Owner,
        _OF_SERVICE,
        "OWNER",
        "Write it again: `lifecycle service transfer {service} --to URL --why '...'`. Look at it: {look}",
    ),
    ItemKind(
        "snapshot in the catalogue",
        RecordedSnapshot,
        _OF_SERVICE,
        "SNAPSHOT#",
        "Delete it, and push its commit again: {delete}",
        lambda each: (_ANY, f"SNAPSHOT#{_snapshot(each.snapshot)}"),
    ),
    ItemKind(
        "release in the catalogue",
        ClaimedRelease,
        _OF_SERVICE,
        "RELEASE#",
        "Its number stays taken. Restore it from a backup of the table: {look}",
        lambda each: (_ANY, f"RELEASE#{_claimed(each).release}"),
    ),
    ItemKind(
        "promotion in the catalogue",
        ClaimedRelease,
        _OF_SERVICE,
        "PROMOTION#",
        "Push the commit again, and promote that snapshot instead. Look at it: {look}",
        lambda each: (_ANY, f"PROMOTION#{_claimed(each).snapshot}"),
    ),
    ItemKind(
        "digests of a version",
        Published,
        _OF_SERVICE,
        "PUBLISHED#",
        "No plan takes that version. Restore it from a backup of the table, or deploy another version. Look at it: "
        "{look}",
    ),
    ItemKind(
        "withdrawal of a release",
        Withdrawal,
        Partition.WITHDRAWALS,
        "",
        "The release counts as withdrawn. Look at it: {look}. To let it be deployed, delete this: {delete}",
        lambda each: (_ANY, each.version),
    ),
    ItemKind(
        "recorded request",
        RecordedRequest,
        Partition.REQUEST,
        "REQUEST",
        "Its deployment does not begin: make the request again. Look at it: {look}",
        lambda each: (f"{Partition.REQUEST}{each.source}#{each.request.deployment}", _ANY),
    ),
    ItemKind(
        "builds of a repository",
        RepositoryBuilds,
        Partition.REPOSITORY,
        "BUILDS",
        "Every push builds all services of the repository until it is gone. Delete it: {delete}",
        lambda each: (f"{Partition.REPOSITORY}{each.repository}", _ANY),
    ),
    ItemKind(
        "branch of a repository",
        Branch,
        Partition.REPOSITORY,
        "BRANCH#",
        "Until it is gone, an automatic staging deploys each build that ends. Delete it, and record the head again "
        "with `lifecycle build --head SERVICE`: {delete}",
        lambda each: (f"{Partition.REPOSITORY}{each.repository}", f"BRANCH#{each.name}"),
    ),
    ItemKind(
        "statuses sent to a forge",
        ReportedStatuses,
        Partition.FORGE,
        "",
        "The forge is sent no status of the repository until it is gone. Delete it: {delete}",
        lambda each: (_ANY, each.repository),
    ),
    ItemKind("refused pushes", RefusedPushes, Partition.REFUSED_PUSHES, "", "A new one replaces it. See it: {look}"),
)


# Partition and first part of the sort key -> the kind; an empty first part stands for every sort key.
_BY_KEY: Mapping[tuple[str, str], ItemKind] = {(each.partition, each.sort_key.rstrip("#")): each for each in KINDS}


def kind_of(pk: str, sk: str) -> ItemKind:
    """Return the kind of the items under this key; raises KeyError for a kind that nothing declares."""
    head, mark, _ = pk.partition("#")
    partition = f"{head}{mark}"
    kind = _BY_KEY.get((partition, sk.partition("#")[0])) or _BY_KEY.get((partition, ""))
    if kind is None:
        raise KeyError(f"no kind of record has the key {pk} {sk}; add it to gateways/record_kinds.py")
    return kind
