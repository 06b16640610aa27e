"""ECDSA on P-256 with sha256, in pure Python: a host's agent has no compiled wheel.

It checks signatures only. Making them in pure Python would leak the key by its timing; that is done by KMS.
"""

import hashlib

from ecdsa import BadSignatureError, NIST256p, VerifyingKey
from ecdsa.der import UnexpectedDER
from ecdsa.errors import MalformedPointError
from ecdsa.keys import BadDigestError
from ecdsa.util import MalformedSignature, sigdecode_der


def verify(public: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether a signature in DER is that of this public key, in DER too, over these bytes."""
    try:
        key = VerifyingKey.from_der(public, valid_encodings=("uncompressed",))
        if key.curve is not NIST256p:
            return False
        return bool(key.verify(signature, message, hashfunc=hashlib.sha256, sigdecode=sigdecode_der))
    except (BadSignatureError, BadDigestError, MalformedPointError, MalformedSignature, UnexpectedDER, ValueError):
        return False
