"""The contract of the keys, of envelopes beside versions, and of promotions by the phase that signs."""

import pytest

from lifecycle.domain.errors import LifecycleError
from lifecycle.domain.service.trusted_keys import KeyKind
from lifecycle.gateways import p256
from tests.contract.conftest import Gateways
from tests.contract.test_artifacts import SNAPSHOT, publish


def test_signature_is_that_of_the_trusted_key_for_these_bytes_only(gateways: Gateways) -> None:
    made = gateways.signer.sign(b"a statement" * 1000)  # longer than what KMS takes as it is
    keys = {each.id: each for each in gateways.public_keys.trusted()}
    key = keys[made.key]
    assert key.kind is KeyKind.RELEASE
    assert p256.verify(key.public, b"a statement" * 1000, made.signature)
    assert not p256.verify(key.public, b"another statement", made.signature)
    (other,) = (each for each in keys.values() if each.kind is KeyKind.SNAPSHOT)
    assert not p256.verify(other.public, b"a statement" * 1000, made.signature)


def test_first_envelope_of_a_version_stays(gateways: Gateways) -> None:
    publish(gateways)
    assert gateways.artifacts.envelope(gateways.service, SNAPSHOT) == ""
    assert gateways.artifacts.keep_envelope(gateways.service, SNAPSHOT, "the first") == "the first"
    assert gateways.artifacts.keep_envelope(gateways.service, SNAPSHOT, "another") == "the first"
    assert gateways.artifacts.envelope(gateways.service, SNAPSHOT) == "the first"
    gateways.artifacts.delete(gateways.service, SNAPSHOT)
    assert gateways.artifacts.envelope(gateways.service, SNAPSHOT) == ""


def test_promotion_answers_with_the_release_or_in_the_words_of_the_phase(gateways: Gateways) -> None:
    publish(gateways)
    made = gateways.phases.promote(gateways.service, SNAPSHOT, "ada")
    assert (made.service, made.snapshot, made.release, made.created) == (gateways.service, SNAPSHOT, "1.2.0", True)
    with pytest.raises(LifecycleError, match="snapshot '9"):
        gateways.phases.promote(gateways.service, "9.9.9-20261123120000-abcdef0", "ada")
