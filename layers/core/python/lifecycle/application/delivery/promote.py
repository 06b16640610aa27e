"""Promotion: copy a snapshot to the next release version, with the same bytes and digest, written once.

Called by functions/delivery/promote. Concurrent or repeated promotions of one snapshot give one release: the
pair (snapshot, release) is claimed in one transaction before the bytes are copied. A repeat finishes the
copy. A withdrawn release keeps its number, and its snapshot may be promoted again. No number is claimed while other
bytes stand where its release belongs. The digests of both objects are recorded before they are written, so that an
object that is replaced is noticed. At the end the release is signed, also one that was promoted before releases were
signed.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Protocol

from lifecycle.application.delivery.sign import sign
from lifecycle.application.ports.artifacts import Artifacts
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.ports.phases import Promoted
from lifecycle.application.ports.signer import Signer
from lifecycle.application.readable import readable
from lifecycle.domain.errors import DigestMismatch, ForeignObject, Refused, Unknown
from lifecycle.domain.service.attestation import PROMOTION
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.version import ReleaseNumber, ReleaseVersion, SnapshotVersion, release_number
from lifecycle.domain.service.withdrawal import Withdrawal, done, not_withdrawn

# Attempts to claim the next version while other promotions of the service claim it first.
_RACES = 32


class Gate(Protocol):
    """The check between a snapshot and its first promotion."""

    def __call__(self, manifest: Manifest, *, promoted: bool) -> str:
        """Return what staging says; raises Refused unless the snapshot may be, or was, `promoted`."""


def promote(
    catalogue: Catalogue,
    artifacts: Artifacts,
    signer: Signer,
    service: str,
    snapshot: str,
    by: str,
    gate: Gate,
    wanted: str = "",
) -> Promoted:
    """Promote one recorded snapshot; raises InvalidValue, Unknown, Refused, DigestMismatch, ForeignObject.

    `wanted` is a free version that the release gets, such as the next one of an older line.
    """
    version = SnapshotVersion.parse(snapshot)
    number = ReleaseVersion.parse(wanted) if wanted else None
    snapshots, errors = readable(lambda: catalogue.snapshots(service), {})
    recorded = snapshots.get(snapshot)
    for error in errors:
        if error.name == snapshot:
            raise error
    if recorded is None:
        raise Unknown("snapshot", snapshot, f"See `lifecycle snapshots {service}`.", of=service)
    withdrawn = _withdrawn(catalogue, service)
    if gone := withdrawn.get(snapshot):
        raise Refused(f"the promotion of {service} {snapshot}", [f"it was {gone.in_words}; push its commit again"])
    if not (digest := recorded.get("digest")):
        found = ", ".join(recorded) or "nothing"
        lost = f"its record in the catalogue has no digest, but {found}; push its commit again"
        raise Refused(f"the promotion of {service} {snapshot}", [lost])
    before = snapshot in not_withdrawn(_releases(catalogue, service), withdrawn).values()
    of_snapshot = _snapshot_manifest(catalogue, artifacts, service, snapshot, digest, promoted=before)
    manifest = replace(of_snapshot, service=service)
    staging = gate(manifest, promoted=before)
    release, note = _claim(catalogue, artifacts, manifest, version, number)
    copy = _release(manifest, release, snapshot, by)
    published = _recorded(catalogue, artifacts, copy, by, claimed_before=before)
    if not artifacts.has_artifact(published.target(release), service):
        copy = _release(manifest, release, snapshot, published.by)
        _check_own(artifacts, copy, published)
        with artifacts.open_artifact(service, snapshot) as stream:
            artifacts.publish(copy, stream)
    stored = artifacts.stored_manifest(service, release)
    sign(artifacts, signer, stored.checked(published.manifest, f"{service} {release}"), stored.as_published)
    return Promoted(service, snapshot, release, manifest.digest, created=not before, staging=staging, note=note)


def _snapshot_manifest(
    catalogue: Catalogue, artifacts: Artifacts, service: str, snapshot: str, digest: str, *, promoted: bool
) -> Manifest:
    """Return the manifest that the build of this snapshot published; raises DigestMismatch for any other.

    Raises Refused where nobody can tell, unless the snapshot was `promoted` then, and its release is compared.
    """
    recorded = catalogue.published(service, snapshot)
    if not promoted and not (recorded and recorded.manifest):
        why = (
            "no digest of its manifest is on record, so nobody can tell whether the manifest is still the one of its "
            "build: it was built by an older version of Lifecycle; push a commit, and promote that snapshot"
        )
        raise Refused(f"the promotion of {service} {snapshot}", [why])
    manifest = artifacts.manifest(service, snapshot, recorded.manifest if recorded else "")
    if manifest.digest != digest:
        raise DigestMismatch(f"the manifest of {service} {snapshot}", digest, manifest.digest)
    return manifest


def _recorded(
    catalogue: Catalogue, artifacts: Artifacts, copy: Manifest, by: str, *, claimed_before: bool
) -> Published:
    """Record the digests of a release before its bytes are written; return those that were recorded first."""
    service, release = copy.service, copy.version
    if found := catalogue.published(service, release):
        return found
    wanted = Published(copy.digest, artifacts.manifest_digest(copy), by)
    if claimed_before:  # maybe before manifests were recorded
        wanted = _as_stored(artifacts, copy) or wanted
    return catalogue.record_published(service, release, wanted)


def _as_stored(artifacts: Artifacts, copy: Manifest) -> Published | None:
    """Return the digests of a release that was published before; None if it was not.

    Raises DigestMismatch if it is not made from its snapshot. Only who promoted it is not known.
    """
    try:
        stored = artifacts.stored_manifest(copy.service, copy.version)
    except Unknown:
        return None
    if replace(stored.manifest, builder=copy.builder) != copy:
        what = f"the manifest of {copy.service} {copy.version}"
        raise DigestMismatch(what, artifacts.manifest_digest(copy), stored.sha256)
    return stored.as_published


def _check_own(artifacts: Artifacts, copy: Manifest, published: Published) -> None:
    if (found := artifacts.manifest_digest(copy)) != published.manifest:
        why = (
            f"release {copy.version} was recorded with a manifest of sha256 {published.manifest[:12]}, and this "
            f"version of Lifecycle makes {found[:12]}; push its commit again, and promote that snapshot"
        )
        raise Refused(f"the promotion of {copy.service} {copy.snapshot}", [why])


def _releases(catalogue: Catalogue, service: str) -> Mapping[str, str]:
    """Return the releases. The number of one that cannot be read is taken, too."""
    return readable(lambda: catalogue.releases(service), {})[0]


def _withdrawn(catalogue: Catalogue, service: str) -> Mapping[str, Withdrawal]:
    return done(readable(lambda: catalogue.withdrawals(service), {})[0])


def _release(manifest: Manifest, release: str, snapshot: str, by: str) -> Manifest:
    return replace(manifest, version=release, snapshot=snapshot, builder=f"{manifest.builder}, {PROMOTION}{by}")


def _claim(
    catalogue: Catalogue,
    artifacts: Artifacts,
    manifest: Manifest,
    snapshot: SnapshotVersion,
    wanted: ReleaseVersion | None,
) -> tuple[str, str]:
    """Return the release of a snapshot, bound to it from now on, and its note; raises Refused for a taken version.

    Raises ForeignObject, and then nothing is bound.
    """
    service = manifest.service
    for _ in range(_RACES):
        releases, withdrawn = _releases(catalogue, service), _withdrawn(catalogue, service)
        for release, promoted in not_withdrawn(releases, withdrawn).items():
            if promoted == str(snapshot):
                return _own(service, str(snapshot), release, wanted), ""
        number = next_number(snapshot, releases, withdrawn, wanted)
        version = str(number.version)
        if version in releases:
            raise _taken(service, str(snapshot), number.version, releases, withdrawn)
        try:
            artifacts.refuse_foreign(_release(manifest, version, str(snapshot), ""))
        except ForeignObject:
            if version not in _releases(catalogue, service):
                raise
            continue  # another promotion has claimed and written it meanwhile
        if claimed := catalogue.claim_release(service, str(snapshot), version, withdrawn):
            return _own(service, str(snapshot), claimed, wanted), number.note
    raise Refused(
        f"the promotion of {service} {snapshot}", [f"{_RACES} other promotions of it came first; try again"]
    )


def next_number(
    snapshot: SnapshotVersion,
    releases: Collection[str],
    withdrawn: Collection[str],
    wanted: ReleaseVersion | None = None,
) -> ReleaseNumber:
    """Return the number of a snapshot that has no release yet; raises Refused. None follows a withdrawn one."""
    kept = [ReleaseVersion.parse(each) for each in releases if each not in withdrawn]
    gone = [ReleaseVersion.parse(each) for each in releases if each in withdrawn]
    return release_number(snapshot.base, kept, wanted, gone)


def _own(service: str, snapshot: str, release: str, wanted: ReleaseVersion | None) -> str:
    """Return the release that a snapshot has; raises Refused if another version is wanted for it."""
    if wanted is None or release == str(wanted):
        return release
    why = f"it was promoted before as {release}, and a snapshot has one release; push its commit again for another"
    raise Refused(f"the promotion of {service} {snapshot} as {wanted}", [why])


def _taken(
    service: str,
    snapshot: str,
    wanted: ReleaseVersion,
    releases: Mapping[str, str],
    withdrawn: Mapping[str, Withdrawal],
) -> Refused:
    line = (wanted.major, wanted.minor)
    of_line = [each for each in map(ReleaseVersion.parse, releases) if (each.major, each.minor) == line]
    owner = releases[str(wanted)] or "a snapshot whose record cannot be read"
    gone = withdrawn.get(str(wanted))
    is_what = f"was {gone.in_words}, and its number is not used again" if gone else f"is the release of {owner}"
    why = f"{wanted} {is_what}; the next free version of its line is {max(of_line).next_patch()}"
    return Refused(f"the promotion of {service} {snapshot} as {wanted}", [why])
