"""Fetching one version from the artifact bucket; its bytes are checked as they arrive. Called by release_store.py."""

from collections.abc import Callable
from pathlib import Path

from apps.agent.atomic_file import write_atomically
from apps.agent.digests import CheckedCopy, private_file, sha256
from apps.agent.ports import PublishedManifest, Releases
from lifecycle.domain.errors import DigestMismatch, Refused, StoreRefused
from lifecycle.domain.fleet.host_command import Turn
from lifecycle.domain.service.manifest import Manifest

MAXIMUM_ARTIFACT_BYTES = 1024**3


def fetch(
    releases: Releases, service: str, turn: Turn, tmp: Path, into: Path, make_room: Callable[[str, int], None]
) -> Manifest:
    """Put `artifact.tar.gz` and `manifest.json` of the turn's version into the folder `into`.

    The artifact is written to a private file in `tmp`, which must be on the same file system. It is moved into
    place when its size and digest are the published ones. `make_room` raises Refused when the artifact has no room.
    Raises DigestMismatch, Refused, Unknown, StoreRefused or StoreUnreachable. After an error, `tmp` may hold a part.
    """
    published = releases.manifest(service, turn.version)
    manifest = published.manifest
    check_manifest(published, service, turn)
    make_room(f"the artifact of {turn.version}", manifest.size)
    partial = tmp / f"{turn.version}.tar.gz"
    with private_file(partial) as file:
        copy = CheckedCopy(file, manifest)
        releases.copy_artifact(service, turn.version, copy.write)
        copy.finish()
    into.mkdir(exist_ok=True)
    partial.replace(into / "artifact.tar.gz")
    write_atomically(into / "manifest.json", published.text)
    return manifest


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
