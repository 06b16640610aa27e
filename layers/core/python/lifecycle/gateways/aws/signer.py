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
    """The keys with the aliases of this installation: one that signs for each kind, and another during a rotation."""

    def __init__(self, kms: Any) -> None:
        self._kms = kms

    def trusted(self) -> Sequence[TrustedKey]:
        found = [self._read(kind, suffix) for suffix in ("", ALSO_TRUSTED) for kind in KeyKind]
        return list(dict.fromkeys(each for each in found if each))

    def _read(self, kind: KeyKind, suffix: str) -> TrustedKey | None:
        # The key's own policy lets the account read it. So an alias of no key may be denied, too.
        absent = ("NotFoundException", *(("AccessDeniedException",) if suffix else ()))
        try:
            found = self._kms.get_public_key(KeyId=f"{signing_key(kind)}{suffix}")
        except Exception as error:
            if code_of(error) not in absent:
                raise
            return None
        return TrustedKey(kind, found["KeyId"], found["PublicKey"])
