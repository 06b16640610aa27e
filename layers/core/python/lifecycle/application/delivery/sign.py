"""Signing: an envelope over what was published of a version, stored beside it once.

Called by promote.py for releases and by build.py for snapshots, after the version's digests were recorded. A host
installs only what was signed (apps/agent/signatures.py).
"""

from lifecycle.application.ports.artifacts import Artifacts
from lifecycle.application.ports.signer import Signer
from lifecycle.domain.errors import ForeignObject, InvalidValue
from lifecycle.domain.service.attestation import Attestation, attestation_of, parse_statement, statement
from lifecycle.domain.service.envelope import Envelope, parse_envelope, signed_bytes
from lifecycle.domain.service.manifest import Manifest
from lifecycle.domain.service.published import Published


def sign(artifacts: Artifacts, signer: Signer, manifest: Manifest, published: Published) -> None:
    """Sign a version that has no envelope; raises ForeignObject if it has one over something else.

    A signature is random, so a version that has one is not signed again.
    """
    wanted = attestation_of(manifest, published)
    stored = artifacts.envelope(wanted.service, wanted.version)
    if not stored:
        payload = statement(wanted)
        envelope = Envelope(payload, (signer.sign(signed_bytes(payload)),))
        stored = artifacts.keep_envelope(wanted.service, wanted.version, envelope.text)
    _check(stored, wanted)


def _check(stored: str, wanted: Attestation) -> None:
    what = f"the envelope of {wanted.service} {wanted.version}"
    try:
        signed = parse_statement(parse_envelope(stored).payload)
    except InvalidValue as error:
        raise ForeignObject(what, wanted.manifest, "") from error
    if signed.over(wanted):
        raise ForeignObject(what, wanted.manifest, signed.manifest)
