"""Fetching one version from the artifact bucket; its bytes are checked as they arrive. Called by release_store.py."""

from collections.abc import Callable
from pathlib import Path

from apps.agent.atomic_file import write_atomically
from apps.agent.digests import CheckedCopy, private_file, sha256
from apps.agent.ports import PublishedManifest, Releases
from apps.agent.signatures import Signatures
from lifecycle.domain.errors import DigestMismatch, Refused, SignatureRefused, StoreRefused
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.service.envelope import ENVELOPE
from lifecycle.domain.service.manifest import MAXIMUM_ARTIFACT_BYTES, Manifest


def fetch(
    releases: Releases,
    signatures: Signatures,
    service: str,
    turn: Turn,
    tmp: Path,
    into: Path,
    make_room: Callable[[str, int], None],
) -> Manifest:
    """Put `artifact.tar.gz`, `manifest.json` and the envelope of the turn's version into the folder `into`.

    The artifact is written to a private file in `tmp`, which must be on the same file system. It is moved into
    place when its size and digest are the published ones. `make_room` raises Refused when the artifact has no room.
    Raises DigestMismatch, SignatureRefused, Refused, Unknown, StoreRefused or StoreUnreachable. After an error, `tmp`
    may hold a part.
    """
    published = releases.manifest(service, turn.version)
    manifest = published.manifest
    check_manifest(published, service, turn)
    envelope = check_signature(releases, signatures, published, service, turn)
    make_room(f"the artifact of {turn.version}", manifest.size)
    partial = tmp / f"{turn.version}.tar.gz"
    with private_file(partial) as file:
        copy = CheckedCopy(file, manifest)
        releases.copy_artifact(service, turn.version, copy.write)
        copy.finish()
    into.mkdir(exist_ok=True)
    partial.replace(into / "artifact.tar.gz")
    write_atomically(into / "manifest.json", published.text)
    write_atomically(into / ENVELOPE, envelope)
    return manifest


def check_signature(
    releases: Releases,
    signatures: Signatures,
    published: PublishedManifest,
    service: str,
    turn: Turn,
    stored: str | None = None,
) -> str:
    """Return the envelope of a version, which a trusted key signed; raises SignatureRefused.

    `stored` is the copy on the disk, which needs no answer of the artifact store if it is good. A host without keys
    has none, and takes what it gets.
    """
    if not signatures.checks:
        return stored or ""
    if stored:
        try:
            signatures.check(service, turn, published, stored)
        except SignatureRefused:
            pass  # it may have been signed again since
        else:
            return stored
    envelope = releases.envelope(service, turn.version)
    signatures.check(service, turn, published, envelope)
    return envelope


def check_manifest(published: PublishedManifest, service: str, turn: Turn) -> None:
    """Raise DigestMismatch, StoreRefused or Refused unless it is the manifest that the turn names."""
    manifest, found = published.manifest, sha256(published.text)
    if turn.manifest and found != turn.manifest:
        raise DigestMismatch(f"the manifest of {turn.version}", turn.manifest, found)
    if manifest.digest != turn.digest:
        raise DigestMismatch(f"the manifest of {turn.version}", turn.digest, manifest.digest)
    if (manifest.service, manifest.version) != (service, turn.version):
        raise StoreRefused(
            f"expected the manifest of {service} {turn.version}, "
            f"found the manifest of {manifest.service} {manifest.version}; publish the version again"
        )
    if manifest.size > MAXIMUM_ARTIFACT_BYTES:
        raise Refused(
            f"the artifact of {turn.version}",
            [f"it has {manifest.size} bytes, at most {MAXIMUM_ARTIFACT_BYTES} are taken"],
        )
