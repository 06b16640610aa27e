"""Objects that something else than the gateways writes into the bucket of the contract tests."""

from typing import Any

from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.version import artifact_prefix
from lifecycle.gateways.serialization import to_json


def put_foreign(s3: Any, service: str, version: str, body: bytes) -> None:
    """Write bytes in the place of a version's artifact."""
    key = f"{artifact_prefix(service, version)}/artifact.tar.gz"
    s3.put_object(Bucket="artifacts", Key=key, Body=body)


def upload(s3: Any, key: str, manifest: Manifest, body: bytes) -> None:
    """Write what a build uploads below a key."""
    for name, each in (("artifact.tar.gz", body), ("manifest.json", to_json(manifest).encode())):
        s3.put_object(Bucket="artifacts", Key=f"{key}/{manifest.prefix}/{name}", Body=each)
