"""The digests that the ledger has of a version's bytes, for versions of every age.

Called by observe.py for each plan.
"""

from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.application.readable import readable
from lifecycle.domain.service.published import Published


def recorded_bytes(catalogue: Catalogue, service: str, version: str) -> Published | None:
    """Return what was recorded when a version was published; None if the ledger does not know it.

    Before manifests were recorded, a snapshot's record had the digest of its artifact, which its release shares.
    Raises UnreadableRecord for the record of this version.
    """
    if found := catalogue.published(service, version):
        return found
    snapshots, _ = readable(lambda: catalogue.snapshots(service), {})
    if version in snapshots:
        snapshot = version
    else:
        snapshot = readable(lambda: catalogue.releases(service), {})[0].get(version, "")
    digest = snapshots.get(snapshot, {}).get("digest", "")
    return Published(digest) if digest else None
