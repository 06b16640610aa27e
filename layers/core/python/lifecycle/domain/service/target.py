"""The target of a deployment: a version and the digest of its bytes."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """A version and the digest of its bytes."""

    version: str
    digest: str
