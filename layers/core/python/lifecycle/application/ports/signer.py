"""The port to the keys that sign versions."""

from collections.abc import Sequence
from typing import Protocol

from lifecycle.domain.service.envelope import Signature
from lifecycle.domain.service.trusted_keys import TrustedKey


class Signer(Protocol):
    """One key, which never leaves its place."""

    def sign(self, message: bytes) -> Signature:
        """Return the signature of these bytes, ECDSA of their sha256, with the id of the key that made it."""


class PublicKeys(Protocol):
    """The public keys that this installation trusts."""

    def trusted(self) -> Sequence[TrustedKey]:
        """Return those that sign now first; empty where the installation has none."""
