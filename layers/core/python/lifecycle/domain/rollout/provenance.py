"""Provenance of a desired version: the deployment that wrote it, or nobody.

A parameter of SSM has no owner: a person can edit it, delete it, or restore an older version of it. The records of
deployments say what it must be. Used by convergence, by the plan of a deployment, and by `lifecycle status`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.lease import Lease


class HandMade(StrEnum):
    """The ways in which a desired version is nobody's."""

    DELETED = "DELETED"  # the parameter is gone, though a deployment wrote it
    UNRECORDED = "UNRECORDED"  # the deployment that it names has no record
    OTHER_TARGET = "OTHER_TARGET"  # the deployment that it names has another version or digest
    OLDER = "OLDER"  # a newer deployment wrote the parameter after it
    NEVER_ISSUED = "NEVER_ISSUED"  # no deployment was given its epoch


@dataclass(frozen=True, slots=True)
class Nobodys:
    """A desired version that no deployment wrote; `last` is the last that wrote one, by the records."""

    kind: HandMade
    cluster: Cluster
    found: Desired | None
    last: Deployment | None

    @property
    def reason(self) -> str:
        """Return what is wrong, and the last version that a deployment wrote."""
        text = f"desired is nobody's: {self._finding()}"
        if self.last is None:
            return text
        return f"{text}; the last was {self.last.target.in_words} by {self.last.id}"

    @property
    def remedies(self) -> tuple[tuple[str, str], ...]:
        """Return what a person may do about it, each with the version to deploy."""
        restored = (("restore it", self.last.target.version),) if self.last else ()
        if self.found is None or (self.last and self.last.target.version == self.found.version):
            return restored
        return (*restored, ("take it over", self.found.version))

    @property
    def held(self) -> str:
        """Return the reason with the commands, for people who do not see the command line's own."""
        service, environment = self.cluster.service, self.cluster.environment
        commands = [
            f"to {what}: lifecycle deploy {service} {version} -e {environment}" for what, version in self.remedies
        ]
        return "; ".join([self.reason, *commands])

    def _finding(self) -> str:
        found = self.found
        if found is None:
            return "its parameter was deleted"
        match self.kind:
            case HandMade.UNRECORDED:
                return f"version {found.version} names {found.deployment}, which has no record"
            case HandMade.OTHER_TARGET:
                what = f"version {found.version} with sha256 {found.digest[:12] or 'missing'}"
                return f"{what} was written by no deployment, though it names {found.deployment}"
            case HandMade.OLDER:
                return f"version {found.version} of epoch {found.epoch} was set again after a newer deployment"
            case _:
                return f"version {found.version} has epoch {found.epoch}, which no deployment was given"


def nobodys(
    cluster: Cluster, desired: Desired | None, named: Deployment | None, recent: Sequence[Deployment], lease: Lease
) -> Nobodys | None:
    """Return why the desired version is nobody's, or None if a deployment wrote it.

    `named` is the record of the deployment that `desired` names, and `recent` are the newest records. Every write is
    on record before it happens, so records that are read after `desired` explain it.
    """
    known = [*recent] if named is None or named in recent else [*recent, named]
    last = max((each for each in known if _confirmed(each)), key=_confirmed, default=None)
    if desired is None:
        return Nobodys(HandMade.DELETED, cluster, None, last) if last else None
    if kind := _hand_made(desired, named, known, last, lease):
        return Nobodys(kind, cluster, desired, last)
    return None


def _hand_made(
    desired: Desired, named: Deployment | None, known: Sequence[Deployment], last: Deployment | None, lease: Lease
) -> HandMade | None:
    if named is None:
        return HandMade.UNRECORDED
    if any(_explains(each, desired) for each in known):
        return HandMade.OLDER if last and desired.epoch < _confirmed(last) else None
    if desired.target != named.target:
        return HandMade.OTHER_TARGET
    if _was_dropped(desired, named, known, lease) and not (last and desired.epoch < _confirmed(last)):
        return None
    newest = max(lease.epoch, *(each.epoch for each in known), *map(_confirmed, known))
    return HandMade.NEVER_ISSUED if desired.epoch > newest else HandMade.OLDER


def _confirmed(each: Deployment) -> int:
    """Return the epoch under which a deployment surely wrote the parameter; 0 if it may have written nothing."""
    return each.known_writes.confirmed


def _was_dropped(desired: Desired, named: Deployment, known: Sequence[Deployment], lease: Lease) -> bool:
    """Return whether a late call of the deployment dropped this write from its record, by an older record.

    It has the deployment's target, under a later epoch that the lease gave and that no other record has.
    """
    own = named.known_writes.intended
    others = {each.epoch for each in known if each.id != named.id}
    others |= {write.epoch for each in known if each.id != named.id for write in each.known_writes.intended}
    newest = max((write.epoch for write in own), default=0)
    return newest < desired.epoch <= lease.epoch and desired.epoch not in others


def _explains(each: Deployment, desired: Desired) -> bool:
    """Return whether a deployment set out to write this value. A record of an older version leaves more open."""
    if each.writes is not None:
        return desired in each.writes.intended
    wanted = desired.target
    if desired.deployment == each.id and not each.epoch:
        return True  # an older plan wrote the parameter before its record had an epoch
    if desired.deployment == each.id and wanted == each.target:
        return desired.epoch <= each.epoch
    undone = each.state.final and each.state is not DeploymentState.DONE
    return undone and each.previous == wanted and each.epoch == desired.epoch
