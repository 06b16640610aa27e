"""The publication of a version, as its build or its promotion does it."""

import io

from lifecycle.application.ports.artifacts import Artifacts
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.domain.service.manifest import Manifest


def publish(artifacts: Artifacts, catalogue: Catalogue, manifest: Manifest, body: bytes) -> None:
    """Publish a version, and record its digests."""
    artifacts.publish(manifest, io.BytesIO(body))
    stored = artifacts.stored_manifest(manifest.service, manifest.version)
    catalogue.record_published(manifest.service, manifest.version, stored.as_published)
