"""Keys in memory: a real P-256 key for most tests, and a quick one for the simulation."""

import hashlib
import hmac
from collections.abc import Sequence

from ecdsa import NIST256p, SigningKey
from ecdsa.util import sigencode_der

from lifecycle.domain.service.envelope import Signature
from lifecycle.domain.service.trusted_keys import KeyKind, TrustedKey


class MemorySigner:
    """A P-256 key, as KMS has one."""

    def __init__(self, kind: KeyKind = KeyKind.RELEASE, key: str = "") -> None:
        self.key = key or f"key/{kind}-1"
        self._secret = SigningKey.generate(curve=NIST256p)
        self.trusted = TrustedKey(kind, self.key, self._secret.verifying_key.to_der())

    def sign(self, message: bytes) -> Signature:
        made = self._secret.sign_deterministic(message, hashfunc=hashlib.sha256, sigencode=sigencode_der)
        return Signature(self.key, made)


class QuickSigner:
    """A secret that signs by HMAC: a simulated run checks hundreds of signatures."""

    def __init__(
        self, kind: KeyKind = KeyKind.RELEASE, key: str = "", secret: bytes = b"of the installation"
    ) -> None:
        self.key = key or f"key/{kind}-1"
        self._secret = secret
        self.trusted = TrustedKey(kind, self.key, secret)

    def sign(self, message: bytes) -> Signature:
        return Signature(self.key, hmac.digest(self._secret, message, "sha256"))


def verify_quickly(secret: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether a QuickSigner made this signature."""
    return hmac.compare_digest(hmac.digest(secret, message, "sha256"), signature)


class MemoryPublicKeys:
    """The public keys that a test gives."""

    def __init__(self, *keys: TrustedKey) -> None:
        self.keys = keys

    def trusted(self) -> Sequence[TrustedKey]:
        return self.keys


SIGNER = MemorySigner()
SNAPSHOT_SIGNER = MemorySigner(KeyKind.SNAPSHOT)
QUICK_SIGNERS = {kind: QuickSigner(kind) for kind in KeyKind}
