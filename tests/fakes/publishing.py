"""The publication of a version, as its build or its promotion does it."""

import io

from lifecycle.application.delivery.sign import sign
from lifecycle.application.ports.artifacts import Artifacts
from lifecycle.application.ports.catalogue import Catalogue
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.trusted_keys import kind_of
from tests.fakes.signer import QUICK_SIGNERS


def build(artifacts: Artifacts, catalogue: Catalogue, manifest: Manifest, body: bytes) -> None:
    """Publish a snapshot, and record it and its digests, as the end of its build does."""
    artifacts.publish(manifest, io.BytesIO(body))
    facts = {"commit": manifest.commit, "digest": manifest.digest}
    catalogue.record_snapshot(manifest.service, manifest.version, facts)
    stored = artifacts.stored_manifest(manifest.service, manifest.version)
    catalogue.record_published(manifest.service, manifest.version, stored.as_published)


def publish(artifacts: Artifacts, catalogue: Catalogue, manifest: Manifest, body: bytes) -> None:
    """Publish a version, record its digests, and sign it."""
    artifacts.publish(manifest, io.BytesIO(body))
    stored = artifacts.stored_manifest(manifest.service, manifest.version)
    catalogue.record_published(manifest.service, manifest.version, stored.as_published)
    sign(artifacts, QUICK_SIGNERS[kind_of(manifest.version)], manifest, stored.as_published)
