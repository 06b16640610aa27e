"""Provenance of a desired version: the deployment that wrote it, or nobody.

A parameter of SSM has no owner: a person can edit it, delete it, or restore an older version of it. The records of
deployments say what it must be. Used by convergence, by the plan of a deployment, and by `lifecycle status`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.desired import Desired
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState
from lifecycle.domain.rollout.lease import Lease
from lifecycle.domain.service.target import Target


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
        return f"{text}; the last was {self.last.target.version} by {self.last.id}"

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
    cluster: Cluster,
    desired: Desired | None,
    named: Deployment | None,
    recent: Sequence[Deployment],
    lease: Lease,
    touched: Collection[str] = (),
) -> Nobodys | None:
    """Return why the desired version is nobody's, or None if a deployment wrote it.

    `named` is the record of the deployment that `desired` names, and `recent` are the newest records. Read `desired`
    after `lease` and `recent`: a deployment writes the parameter before its record has an epoch. `touched` has the
    giver, if it began with a host: such a deployment gives nothing back.
    """
    last = max((each for each in recent if _wrote(each, desired)), key=lambda each: each.epoch, default=None)
    if desired is None:
        return Nobodys(HandMade.DELETED, cluster, None, last) if last else None
    if kind := _hand_made(desired, named, recent, last, lease, touched):
        return Nobodys(kind, cluster, desired, last)
    return None


def giver(desired: Desired | None, recent: Sequence[Deployment]) -> Deployment | None:
    """Return the deployment that may have given the version of before back: its epoch, but another one's name."""
    if desired is None:
        return None
    found = (each for each in recent if each.epoch and each.epoch == desired.epoch)
    return next((each for each in found if each.id != desired.deployment), None)


def _wrote(each: Deployment, desired: Desired | None) -> bool:
    """Return whether a deployment wrote the parameter.

    A repair that brings another version to new hosts does not, nor does one that was closed before its plan.
    """
    other_version = desired is None or each.target.version != desired.version
    unplanned = each.state.final and each.state is not DeploymentState.DONE and not each.host_count
    return each.epoch > 0 and not unplanned and not (each.request.only and other_version)


def _hand_made(
    desired: Desired,
    named: Deployment | None,
    recent: Sequence[Deployment],
    last: Deployment | None,
    lease: Lease,
    touched: Collection[str],
) -> HandMade | None:
    if named is None:
        return HandMade.UNRECORDED
    if not named.epoch:
        return None  # its plan writes the parameter before the record has its epoch, and may be lost before that
    wanted = Target(desired.version, desired.digest)
    if wanted != named.target and not _gave_back(named, wanted):
        return HandMade.OTHER_TARGET
    writer = giver(desired, recent)
    if (last and desired.epoch < last.epoch) or (writer and (writer.id in touched or not _gave_back(writer, wanted))):
        return HandMade.OLDER
    newest = max((lease.epoch, named.epoch, *(each.epoch for each in recent)))
    return HandMade.NEVER_ISSUED if desired.epoch > newest else None


def _gave_back(ended: Deployment, wanted: Target) -> bool:
    """Return whether a deployment that ended before its first host would have written its previous version again."""
    undone = ended.state.final and ended.state is not DeploymentState.DONE
    return undone and ended.previous == wanted
