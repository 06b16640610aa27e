"""Trusted keys, and the check of a version's signature against them.

A host is given the keys when it is installed, as a file. Anything that arrives later, from the ledger or the artifact
store, is checked against them. Used by apps/agent and by `lifecycle verify`.
"""

import base64
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from lifecycle.domain.errors import InvalidValue, SignatureRefused
from lifecycle.domain.service.attestation import Attestation, parse_statement
from lifecycle.domain.service.envelope import Envelope, parse_envelope, signed_bytes
from lifecycle.domain.service.version import is_release

# Takes a public key in DER, the signed bytes, and a signature; returns whether the signature is that key's.
Verify: TypeAlias = Callable[[bytes, bytes, bytes], bool]

_RESTORE = "restore the earlier object in the versioned bucket, or use another version"
ROTATION = "docs/operating.md#rotate-a-signing-key"
_FORM = "`release` or `snapshot`, the id of the key, and the public key in base64, on each line"


class KeyKind(StrEnum):
    """The versions that a key may sign."""

    RELEASE = "release"
    SNAPSHOT = "snapshot"


def kind_of(version: str) -> KeyKind:
    """Return the kind of key that signs a version."""
    return KeyKind.RELEASE if is_release(version) else KeyKind.SNAPSHOT


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key in DER, its id at KMS, and what it may sign."""

    kind: KeyKind
    id: str
    public: bytes

    @property
    def line(self) -> str:
        """The key as a line of the file of trusted keys."""
        return f"{self.kind} {self.id} {base64.b64encode(self.public).decode()}"


def keys_text(keys: Sequence[TrustedKey]) -> str:
    """Return the text of a file of trusted keys."""
    return "".join(f"{each.line}\n" for each in keys)


def parse_keys(text: str) -> tuple[TrustedKey, ...]:
    """Return the keys of a file, each once; raises InvalidValue. Empty lines and comments (#) are left out."""
    lines = [line.split() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return tuple(dict.fromkeys(_key(parts) for parts in lines))


def _key(parts: Sequence[str]) -> TrustedKey:
    try:
        kind, key, public = parts
        return TrustedKey(KeyKind(kind), key, base64.b64decode(public, validate=True))
    except ValueError as error:
        raise InvalidValue("line of trusted keys", " ".join(parts)[:80], _FORM) from error


def verified(text: str, wanted: Attestation, keys: Sequence[TrustedKey], verify: Verify) -> Attestation:
    """Return what was signed of the `wanted` service, version and digests; raises SignatureRefused.

    `text` is the version's envelope; empty where there is none. Its payload is read after a signature was checked.
    """
    trusted = {each.id: each for each in keys if each.kind is kind_of(wanted.version)}
    by = f"a signature by {_listed(trusted)}"

    def refused(found: str, mend: str = _RESTORE, expected: str = by) -> SignatureRefused:
        return SignatureRefused(f"{wanted.service} {wanted.version}", expected, found, mend)

    if not text:
        raise refused("none", sign_again(wanted.service, wanted.version))
    try:
        envelope = parse_envelope(text)
    except InvalidValue as error:
        raise refused(f"no envelope: {error}") from error
    made_by = _listed(each.key for each in envelope.signatures)
    if not any(each.key in trusted for each in envelope.signatures):
        raise refused(f"one by {made_by}", f"find out who signed it; if that key is yours, see {ROTATION}")
    if signer(envelope, wanted.version, keys, verify) is None:
        raise refused(f"one by {made_by} over other bytes: it was altered")
    try:
        signed = parse_statement(envelope.payload)
    except InvalidValue as error:
        raise refused(f"one over another text: {error}") from error
    if others := signed.over(wanted):
        raise refused(f"one over {others}", expected=f"{by} over {wanted.over(signed)}")
    return signed


def signer(envelope: Envelope, version: str, keys: Sequence[TrustedKey], verify: Verify) -> TrustedKey | None:
    """Return the trusted key that has signed the envelope of a version; None if none of them has."""
    trusted = {each.id: each for each in keys if each.kind is kind_of(version)}
    message = signed_bytes(envelope.payload)
    named = ((trusted[each.key], each.signature) for each in envelope.signatures if each.key in trusted)
    return next((key for key, signature in named if verify(key.public, message, signature)), None)


def unlike(text: str, wanted: Attestation) -> str:
    """Return why an envelope is not that of a version, as far as one sees without the keys; empty if it may be."""
    what = f"{wanted.service} {wanted.version}"
    if not text:
        return f"{what} is not signed: {sign_again(wanted.service, wanted.version)}"
    try:
        signed = parse_statement(parse_envelope(text).payload)
    except InvalidValue as error:
        return f"the envelope of {what} cannot be read: {error}; {_RESTORE}"
    if others := signed.over(wanted):
        return f"the envelope of {what} is over {others}, expected {wanted.over(signed)}; {_RESTORE}"
    return ""


def sign_again(service: str, version: str) -> str:
    """Return what to do about a version without a signature."""
    if kind_of(version) is KeyKind.RELEASE:
        return f"promote its snapshot again, which signs it: lifecycle promote {service} SNAPSHOT"
    return "push its commit again"


def _listed(keys: Iterable[str]) -> str:
    """Return the ids of keys, each without the account and the region of its ARN."""
    return " or ".join(each.rpartition(":")[2] for each in keys) or "a key of which none is known"
