"""The keys at KMS: sign with one, and read the public part of those that are trusted."""

import hashlib
from collections.abc import Sequence
from typing import Any

from lifecycle.domain.service.envelope import Signature
from lifecycle.domain.service.trusted_keys import KeyKind, TrustedKey
from lifecycle.gateways.aws.errors import code_of, translated
from lifecycle.names import ALSO_TRUSTED, signing_key

_ALGORITHM = "ECDSA_SHA_256"


@translated
class KmsSigner:
    """The key of one kind that signs now, by its alias."""

    def __init__(self, kms: Any, kind: KeyKind) -> None:
        self._kms = kms
        self._key = signing_key(kind)

    def sign(self, message: bytes) -> Signature:
        # KMS takes at most 4,096 bytes as they are.
        found = self._kms.sign(
            KeyId=self._key,
            Message=hashlib.sha256(message).digest(),
            MessageType="DIGEST",
            SigningAlgorithm=_ALGORITHM,
        )
        return Signature(found["KeyId"], found["Signature"])


@translated
class KmsPublicKeys:
    """The keys with the aliases of this installation: one that signs for each kind, and perhaps another one."""

    def __init__(self, kms: Any) -> None:
        self._kms = kms

    def trusted(self) -> Sequence[TrustedKey]:
        aliases = [(kind, f"{signing_key(kind)}{suffix}") for suffix in ("", ALSO_TRUSTED) for kind in KeyKind]
        found = [self._read(kind, alias) for kind, alias in aliases]
        return [each for each in found if each]

    def _read(self, kind: KeyKind, alias: str) -> TrustedKey | None:
        try:
            found = self._kms.get_public_key(KeyId=alias)
        except Exception as error:
            if code_of(error) != "NotFoundException":
                raise
            return None
        return TrustedKey(kind, found["KeyId"], found["PublicKey"])
