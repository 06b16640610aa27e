"""DSSE envelopes: a payload, and the signatures over it, as one JSON text beside a version's artifact.

The format is https://github.com/secure-systems-lab/dsse/blob/v1.0.2/envelope.md. Signed are not the payload's bytes
alone, but its type and both lengths too, so that no other text has the same signature. Used by promote.py and
build.py, which sign, and by trusted_keys.py, which checks.
"""

import base64
import json
from dataclasses import dataclass

from lifecycle.domain.errors import InvalidJson, InvalidValue
from lifecycle.domain.foreign_json import parse_object

ENVELOPE = "provenance.dsse.json"
"""The name of the envelope beside a version's artifact and manifest."""

PAYLOAD_TYPE = "application/vnd.in-toto+json"
# An envelope has two digests, a few names and the test commands. Anything longer is none.
# Each is verified, which takes milliseconds. One is made.
MOST_SIGNATURES = 4
LARGEST_ENVELOPE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature in DER, and the id of the key that made it. The id is a claim; the signature proves it."""

    key: str
    signature: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """A payload with its signatures."""

    payload: bytes
    signatures: tuple[Signature, ...]

    @property
    def text(self) -> str:
        """The envelope as it is stored."""
        signatures = [{"keyid": each.key, "sig": _to_base64(each.signature)} for each in self.signatures]
        found = {"payloadType": PAYLOAD_TYPE, "payload": _to_base64(self.payload), "signatures": signatures}
        return json.dumps(found, sort_keys=True)


def signed_bytes(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """Return the bytes that are signed: DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def parse_envelope(text: str) -> Envelope:
    """Return the envelope of a text; raises InvalidValue."""
    if len(text) > LARGEST_ENVELOPE:
        raise _invalid(text, f"it has {len(text)} characters")
    try:
        found = parse_object(text)
        if len(found["signatures"]) > MOST_SIGNATURES:
            raise _invalid(text, f"it has {len(found['signatures'])} signatures")
        if found["payloadType"] != PAYLOAD_TYPE:
            raise _invalid(text, f"its payload is {str(found['payloadType'])[:80]!r}")
        signatures = tuple(Signature(_text(each["keyid"]), _from_base64(each["sig"])) for each in found["signatures"])
        return Envelope(_from_base64(found["payload"]), signatures)
    except (AttributeError, InvalidJson, KeyError, TypeError, ValueError) as error:
        raise _invalid(text, f"{error!r:.200}") from error


def _invalid(text: str, why: str) -> InvalidValue:
    limits = f"1 to {MOST_SIGNATURES} signatures, at most {LARGEST_ENVELOPE} characters"
    allowed = f"JSON of payloadType {PAYLOAD_TYPE}, payload and {limits}"
    return InvalidValue("DSSE envelope", text[:40], f"{allowed}; {why}")


def _text(found: object) -> str:
    if not isinstance(found, str):
        raise TypeError(f"expected a text, found {found!r:.40}")
    return found


def _to_base64(found: bytes) -> str:
    return base64.b64encode(found).decode()


def _from_base64(text: object) -> bytes:
    return base64.b64decode(_text(text), validate=True)
