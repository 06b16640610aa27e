"""Versions: a snapshot's name, a release's name, and which release comes next.

A service declares a base such as `1.4.0` in its lifecycle.toml. A build of it is a snapshot
`1.4.0-20261123014630-ab12cd3` (UTC time and commit); a promotion gives it a release version `1.4.2`.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import total_ordering
from typing import TypeAlias

from lifecycle.domain.errors import InvalidName, InvalidValue, Refused
from lifecycle.domain.record_time import storable

_RELEASE = re.compile(r"(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})\.(0|[1-9][0-9]{0,8})")
_HIGHEST = 999_999_999
# What a person or a lifecycle.toml may choose, so that a next patch is always left.
_HIGHEST_CHOSEN = 99_999_999
_TIME = "%Y%m%d%H%M%S"
_SNAPSHOT = re.compile(rf"(?P<base>{_RELEASE.pattern})-(?P<built>[0-9]{{14}})-(?P<commit>[0-9a-f]{{7}})")


@total_ordering
@dataclass(frozen=True, slots=True)
class ReleaseVersion:
    """A promoted version: three numbers, ordered as numbers."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> "ReleaseVersion":
        """Read `1.4.2`; raises InvalidName for anything else, leading zeros included."""
        if not (match := _RELEASE.fullmatch(text)):
            raise InvalidName("release version", text, "three numbers, such as 1.4.2")
        return cls(*(int(part) for part in match.groups()))

    def next_patch(self) -> "ReleaseVersion":
        """Return the next version of this line; raises Refused after the last one."""
        if self.patch >= _HIGHEST:
            how = "choose a number of a later line, or withdraw that release if it was never deployed"
            raise Refused(f"a release after {self}", [f"no number is left after it: {how}"])
        return ReleaseVersion(self.major, self.minor, self.patch + 1)

    def __lt__(self, other: "ReleaseVersion") -> bool:
        return (self.major, self.minor, self.patch) < (other.major, other.minor, other.patch)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class SnapshotVersion:
    """A build: the declared base, the time of the build (UTC, `%Y%m%d%H%M%S`) and its commit (7 hex digits)."""

    base: ReleaseVersion
    built: str
    commit: str

    @classmethod
    def of(cls, base: ReleaseVersion, built: datetime, commit: str) -> "SnapshotVersion":
        return cls(base, f"{built:{_TIME}}", commit[:7])

    @classmethod
    def parse(cls, text: str) -> "SnapshotVersion":
        """Read `1.4.0-20261123014630-ab12cd3`; raises InvalidName for anything else."""
        if not (match := _SNAPSHOT.fullmatch(text)):
            raise InvalidName("snapshot version", text, "such as 1.4.0-20261123014630-ab12cd3")
        return cls(ReleaseVersion.parse(match["base"]), match["built"], match["commit"])

    @property
    def built_at(self) -> datetime:
        """The time of the build; raises InvalidName where its digits are none."""
        try:
            return storable(datetime.strptime(self.built, _TIME).replace(tzinfo=UTC))
        except (InvalidValue, ValueError) as error:
            raise InvalidName("time of a build", self.built, "YYYYMMDDhhmmss") from error

    def __str__(self) -> str:
        return f"{self.base}-{self.built}-{self.commit}"


Version: TypeAlias = ReleaseVersion | SnapshotVersion


def parse_version(text: str) -> Version:
    """Read a release or a snapshot version; raises InvalidValue."""
    return SnapshotVersion.parse(text) if "-" in text else ReleaseVersion.parse(text)


def is_release(text: str) -> bool:
    """Return whether a release can have this name."""
    return _RELEASE.fullmatch(text) is not None


def is_older(version: str, than: str) -> bool:
    """Return whether a version is older than another one of its kind. A release and a snapshot are not compared."""
    one, other = parse_version(version), parse_version(than)
    if isinstance(one, SnapshotVersion) and isinstance(other, SnapshotVersion):
        return one.built < other.built
    return isinstance(one, ReleaseVersion) and isinstance(other, ReleaseVersion) and one < other


def artifact_prefix(service: str, version: str) -> str:
    """Return the folder of a version's `artifact.tar.gz` and `manifest.json` in the artifact bucket."""
    kind = "snapshot" if isinstance(parse_version(version), SnapshotVersion) else "release"
    return f"{kind}/{service}/{version}"


def next_release(
    declared: ReleaseVersion, released: Iterable[ReleaseVersion], withdrawn: Collection[ReleaseVersion] = ()
) -> ReleaseVersion:
    """Return the version for a promotion: the declared one, or the patch after the newest release; raises Refused.

    Withdrawn numbers are passed over, and bind no later release to their line.
    """
    newest = max(released, default=None)
    version = declared if newest is None or declared > newest else newest.next_patch()
    while version in withdrawn:
        version = version.next_patch()
    return version


@dataclass(frozen=True, slots=True)
class ReleaseNumber:
    """The version of a promotion: `note` says why it is not the declared one, `jump` if it is of another major."""

    version: ReleaseVersion
    note: str = ""
    jump: str = ""


def release_number(
    declared: ReleaseVersion,
    released: Collection[ReleaseVersion],
    wanted: ReleaseVersion | None = None,
    withdrawn: Collection[ReleaseVersion] = (),
) -> ReleaseNumber:
    """Return the version that a promotion takes: the `wanted` one of its person, else the next release.

    `released` has no withdrawn ones. Raises Refused for a number after which none would be left.
    """
    newest, version = max(released, default=None), wanted or next_release(declared, released, withdrawn)
    if wanted or newest is None or declared > newest:
        _refuse_last(wanted or declared)
    note = jump = ""
    if wanted is None and version != declared:
        why = f"{newest} is released" if newest and newest >= declared else "that was withdrawn"
        note = f"declared {declared}, but {why}: this becomes {version}"
    elif version != declared:
        note = f"declared {declared}, but {version} is wanted"
    if newest and version.major > newest.major:
        jump = f"the newest release is {newest}, and this becomes {version}"
    elif wanted is None and version.major != declared.major:
        jump = note
    return ReleaseNumber(version, note, jump)


def _refuse_last(chosen: ReleaseVersion) -> None:
    """Raise Refused for a chosen number so high that its line, or a later one, would soon have no number left."""
    if max(chosen.major, chosen.minor, chosen.patch) > _HIGHEST_CHOSEN:
        raise Refused(f"the release number {chosen}", [f"expected numbers of at most {_HIGHEST_CHOSEN}"])
