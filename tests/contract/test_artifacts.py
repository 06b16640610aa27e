"""Artifacts, the catalogue, promotion, and the load balancer."""

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.local.aws.clients import Aws
from lifecycle.application.delivery.promote import promote
from lifecycle.application.ports.artifacts import StoredManifest
from lifecycle.domain.errors import DigestMismatch, ForeignObject, StoreRefused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.service.commits import Commit, History
from lifecycle.domain.service.manifest import Check, Manifest, Run
from lifecycle.domain.service.policy import After, Policy
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.target import Target
from lifecycle.domain.service.withdrawal import Withdrawal, WithdrawalState
from lifecycle.gateways.aws.artifacts import S3Artifacts
from tests.contract.conftest import Gateways
from tests.fakes.publishing import build
from tests.fakes.signer import SIGNER
from tests.support.ungated import ungated

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
BODY = b"some bytes"
HISTORY = History(
    (Commit("abcdef000000", "Größere Preise 💶", "Ada", NOW, ("b" * 12, "c" * 12)), Commit("b" * 12, "", "")), 7
)
SNAPSHOT = "1.2.0-20261123120000-abcdef0"


def a_manifest(gateways: Gateways, version: str = SNAPSHOT, body: bytes = BODY) -> Manifest:
    return a_manifest_of(gateways.service, version, body)


def a_manifest_of(service: str, version: str, body: bytes = BODY) -> Manifest:
    return Manifest(
        service=service,
        version=version,
        commit="abcdef0" + "0" * 33,
        repository="https://example.test/hello.git",
        branch="main",
        digest=hashlib.sha256(body).hexdigest(),
        size=len(body),
        built_at=NOW,
        builder="build-1",
        run=Run("python3 app.py", 8080),
        is_alive=Check(path="/is_alive"),
        self_test=Check(path="/self_test"),
        policies={"production": Policy(after=After.STAGING)},
        history=HISTORY,
    )


def publish(gateways: Gateways, version: str = SNAPSHOT) -> Manifest:
    manifest = a_manifest(gateways, version)
    build(gateways.artifacts, gateways.catalogue, manifest, BODY)
    return manifest


def test_a_published_artifact_is_read_back(gateways: Gateways) -> None:
    manifest = publish(gateways)
    assert gateways.artifacts.manifest(gateways.service, SNAPSHOT) == manifest
    with gateways.artifacts.open_artifact(gateways.service, SNAPSHOT) as stream:
        assert stream.read() == BODY
    assert gateways.artifacts.has_artifact(Target(SNAPSHOT, manifest.digest), gateways.service)
    assert not gateways.artifacts.has_artifact(Target("9.9.9", ""), gateways.service)


def test_nothing_is_received_where_no_build_has_uploaded(gateways: Gateways) -> None:
    with pytest.raises(Unknown, match=r"Start the build again"):
        gateways.artifacts.received("incoming/AROA:AWSCodeBuild-9", gateways.service, SNAPSHOT)


def test_a_manifest_is_read_with_the_digest_that_publishing_gave_it(gateways: Gateways) -> None:
    manifest = publish(gateways)
    stored = gateways.artifacts.stored_manifest(gateways.service, SNAPSHOT)
    assert stored == StoredManifest(manifest, gateways.artifacts.manifest_digest(manifest))
    assert gateways.artifacts.manifest(gateways.service, SNAPSHOT, stored.sha256) == manifest
    with pytest.raises(DigestMismatch, match=f"the manifest of {gateways.service} .* expected sha256 {'e' * 64}"):
        gateways.artifacts.manifest(gateways.service, SNAPSHOT, "e" * 64)
    target = stored.as_published.target(SNAPSHOT)
    assert gateways.artifacts.has_artifact(target, gateways.service)
    assert not gateways.artifacts.has_artifact(replace(target, manifest="e" * 64), gateways.service)


def test_another_manifest_of_the_same_bytes_is_not_written_over_the_first(gateways: Gateways) -> None:
    manifest = publish(gateways)
    with pytest.raises(ForeignObject, match=r"manifest\.json exists with other bytes"):
        gateways.artifacts.publish(replace(manifest, run=Run("other", 8080)), io.BytesIO(BODY))
    assert gateways.artifacts.manifest(gateways.service, SNAPSHOT) == manifest


def test_digests_of_a_version_are_recorded_once(gateways: Gateways) -> None:
    catalogue, first = gateways.catalogue, Published("a" * 64, "b" * 64, "ada")
    assert catalogue.published(gateways.service, "1.2.0") is None
    assert catalogue.record_published(gateways.service, "1.2.0", first) == first
    assert catalogue.record_published(gateways.service, "1.2.0", Published("c" * 64)) == first
    assert catalogue.published(gateways.service, "1.2.0") == first
    assert catalogue.published(gateways.service, "1.2.1") is None


def test_an_artifact_counts_only_with_its_manifest_and_its_digest(gateways: Gateways) -> None:
    digest = publish(gateways).digest
    assert gateways.artifacts.has_artifact(Target(SNAPSHOT, digest), gateways.service)
    assert not gateways.artifacts.has_artifact(Target(SNAPSHOT, "0" * 64), gateways.service)
    assert not gateways.artifacts.has_artifact(Target(SNAPSHOT, digest), f"{gateways.service}-2")
    gateways.artifacts.delete(gateways.service, SNAPSHOT)
    assert not gateways.artifacts.has_artifact(Target(SNAPSHOT, digest), gateways.service)


def test_stored_versions_are_listed_with_their_size_and_time(gateways: Gateways) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)  # S3 has whole seconds
    publish(gateways)
    publish(gateways, "1.2.0")
    found = {each.version: each for each in gateways.artifacts.stored(gateways.service)}
    assert set(found) == {SNAPSHOT, "1.2.0"}
    for each in found.values():
        assert each.has_manifest
        assert each.bytes >= len(BODY)
        assert before <= each.modified <= datetime.now(UTC) + timedelta(seconds=1)


def test_a_services_versions_are_its_own(gateways: Gateways) -> None:
    publish(gateways)
    assert gateways.artifacts.stored(f"{gateways.service}-2") == []
    assert gateways.artifacts.stored(gateways.service[:-1]) == []


def test_a_deleted_version_is_gone_and_may_be_deleted_again(gateways: Gateways) -> None:
    publish(gateways)
    publish(gateways, "1.2.0")
    for _ in range(2):
        gateways.artifacts.delete(gateways.service, SNAPSHOT)
        assert [each.version for each in gateways.artifacts.stored(gateways.service)] == ["1.2.0"]
    with pytest.raises(Unknown):
        gateways.artifacts.manifest(gateways.service, SNAPSHOT)


@pytest.mark.emulator
def test_changed_bytes_in_the_bucket_are_noticed(emulator: Aws) -> None:
    s3 = emulator.client("s3")
    artifacts = S3Artifacts(s3, "artifacts")
    manifest = a_manifest_of("damaged", SNAPSHOT)
    artifacts.publish(manifest, io.BytesIO(BODY))
    target = Target(SNAPSHOT, manifest.digest)
    assert artifacts.has_artifact(target, "damaged")
    key = f"{manifest.prefix}/artifact.tar.gz"
    s3.put_object(Bucket="artifacts", Key=key, Body=b"SOME bytes", ChecksumAlgorithm="SHA256")
    assert not artifacts.has_artifact(target, "damaged")
    # Without that checksum, they are read.
    for other in (b"other bytes", b"SOME bytes"):
        s3.put_object(Bucket="artifacts", Key=key, Body=other)
        assert not artifacts.has_artifact(target, "damaged")
    s3.put_object(Bucket="artifacts", Key=key, Body=BODY)
    assert artifacts.has_artifact(target, "damaged")
    assert not artifacts.has_artifact(Target(SNAPSHOT, "0" * 64), "damaged")


@pytest.mark.emulator
def test_an_interrupted_deletion_leaves_no_manifest_behind(emulator: Aws) -> None:
    class Stopping:
        """Deletes one object, and then stops."""

        def __init__(self) -> None:
            self.s3, self.deleted = emulator.client("s3"), 0

        def __getattr__(self, action: str) -> Any:
            return getattr(self.s3, action)

        def delete_object(self, **given: str) -> None:
            if self.deleted:
                raise KeyboardInterrupt
            self.deleted += 1
            self.s3.delete_object(**given)

    artifacts = S3Artifacts(Stopping(), "artifacts")
    artifacts.publish(a_manifest_of("stopped", SNAPSHOT), io.BytesIO(BODY))
    with pytest.raises(KeyboardInterrupt):
        artifacts.delete("stopped", SNAPSHOT)
    assert [(each.version, each.has_manifest) for each in artifacts.stored("stopped")] == [(SNAPSHOT, False)]


@pytest.mark.emulator
def test_artifacts_without_a_manifest_are_listed_and_foreign_keys_are_not(emulator: Aws) -> None:
    s3 = emulator.client("s3")
    artifacts = S3Artifacts(s3, "artifacts")
    for key in (f"{SNAPSHOT}/artifact.tar.gz", f"{SNAPSHOT}/notes.txt", "readme.md", "1.2.0/artifact.tar.gz"):
        s3.put_object(Bucket="artifacts", Key=f"snapshot/halves/{key}", Body=BODY)
    (found,) = artifacts.stored("halves")
    assert (found.version, found.bytes, found.has_manifest) == (SNAPSHOT, len(BODY), False)
    assert not artifacts.has_artifact(Target(SNAPSHOT, hashlib.sha256(BODY).hexdigest()), "halves")
    artifacts.delete("halves", SNAPSHOT)
    assert artifacts.stored("halves") == []


def test_an_unknown_version_is_named(gateways: Gateways) -> None:
    with pytest.raises(Unknown, match=r"release '9\.9\.9' of"):
        gateways.artifacts.manifest(gateways.service, "9.9.9")


def test_bytes_that_do_not_match_their_manifest_are_not_published(gateways: Gateways) -> None:
    with pytest.raises(DigestMismatch):
        gateways.artifacts.publish(a_manifest(gateways), io.BytesIO(b"other bytes"))


def test_a_version_is_written_once(gateways: Gateways) -> None:
    publish(gateways)
    publish(gateways)
    with pytest.raises(StoreRefused, match="written once"):
        gateways.artifacts.publish(a_manifest(gateways, body=b"other"), io.BytesIO(b"other"))


def test_a_service_belongs_to_the_repository_that_claimed_it_first(gateways: Gateways) -> None:
    assert gateways.catalogue.claim_service(gateways.service, "mine") == "mine"
    assert gateways.catalogue.claim_service(gateways.service, "yours") == "mine"


def test_a_service_without_an_owner_belongs_to_the_next_that_claims_it(gateways: Gateways) -> None:
    catalogue, service = gateways.catalogue, gateways.service
    assert catalogue.claim_service(service, "mine") == "mine"
    assert catalogue.transfer_service(service, "mine", "")
    assert catalogue.owner(service) is None
    assert [catalogue.claim_service(service, each) for each in ("yours", "mine")] == ["yours", "yours"]
    assert catalogue.owner(service) == "yours"


def test_promoting_gives_the_declared_version_then_the_next_patch(gateways: Gateways) -> None:
    publish(gateways)
    publish(gateways, "1.2.0-20261123130000-abcdef1")
    promoted = [
        promote(gateways.catalogue, gateways.artifacts, SIGNER, gateways.service, version, "ada", ungated)
        for version in (SNAPSHOT, "1.2.0-20261123130000-abcdef1")
    ]
    assert [p.release for p in promoted] == ["1.2.0", "1.2.1"]
    release = gateways.artifacts.manifest(gateways.service, "1.2.1")
    assert (release.snapshot, release.digest) == ("1.2.0-20261123130000-abcdef1", promoted[0].digest)


def test_sixteen_racing_promotions_of_one_snapshot_give_one_release(gateways: Gateways) -> None:
    publish(gateways)

    def race(number: int) -> str:
        made = promote(
            gateways.catalogue, gateways.artifacts, SIGNER, gateways.service, SNAPSHOT, f"racer-{number}", ungated
        )
        return made.release

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(race, range(16))) == {"1.2.0"}
    assert gateways.catalogue.releases(gateways.service) == {"1.2.0": SNAPSHOT}


def test_racing_promotions_of_several_snapshots_give_a_release_each(gateways: Gateways) -> None:
    snapshots = [f"1.2.0-2026112312000{n}-abcdef0" for n in range(4)]
    for version in snapshots:
        publish(gateways, version)

    def race(version: str) -> str:
        return promote(
            gateways.catalogue, gateways.artifacts, SIGNER, gateways.service, version, "ada", ungated
        ).release

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(race, snapshots)) == ["1.2.0", "1.2.1", "1.2.2", "1.2.3"]


def test_a_snapshot_whose_manifest_was_changed_is_not_promoted(gateways: Gateways) -> None:
    manifest = replace(a_manifest(gateways), commit="f" * 40)
    gateways.artifacts.publish(manifest, io.BytesIO(BODY))
    gateways.catalogue.record_snapshot(gateways.service, SNAPSHOT, {"digest": "another"})
    stored = gateways.artifacts.stored_manifest(gateways.service, SNAPSHOT)
    gateways.catalogue.record_published(gateways.service, SNAPSHOT, Published("another", stored.sha256))
    with pytest.raises(DigestMismatch):
        promote(gateways.catalogue, gateways.artifacts, SIGNER, gateways.service, SNAPSHOT, "ada", ungated)


def test_an_unrecorded_snapshot_is_not_promoted(gateways: Gateways) -> None:
    with pytest.raises(Unknown, match="lifecycle snapshots"):
        promote(gateways.catalogue, gateways.artifacts, SIGNER, gateways.service, SNAPSHOT, "ada", ungated)


def test_a_registered_target_becomes_healthy_and_a_deregistered_one_goes(gateways: Gateways) -> None:
    dispatcher, cluster = gateways.dispatcher, gateways.cluster
    dispatcher.register(cluster, "127.0.10.1", 8080)
    gateways.settle()
    assert dispatcher.targets(cluster) == {"127.0.10.1": TargetState.HEALTHY}
    dispatcher.deregister(cluster, "127.0.10.1", 8080)
    gateways.settle()
    assert dispatcher.targets(cluster) == {}
    dispatcher.deregister(cluster, "127.0.10.1", 8080)


def test_the_health_checks_path_is_known(gateways: Gateways) -> None:
    assert gateways.dispatcher.health_path(gateways.cluster) == "/is_alive"


def test_a_cluster_without_a_stack_is_unknown(gateways: Gateways) -> None:
    with pytest.raises(Unknown, match="Deploy its stack first"):
        gateways.dispatcher.targets(Cluster("staging", gateways.service))


def test_a_snapshot_is_bound_to_its_first_release(gateways: Gateways) -> None:
    claim = gateways.catalogue.claim_release
    assert claim(gateways.service, SNAPSHOT, "1.2.0") == "1.2.0"
    assert claim(gateways.service, SNAPSHOT, "1.2.1") == "1.2.0"
    assert claim(gateways.service, "1.2.0-20261123130000-abcdef1", "1.2.0") is None
    assert gateways.catalogue.releases(gateways.service) == {"1.2.0": SNAPSHOT}


def test_a_snapshot_of_a_withdrawn_release_is_bound_to_another_one(gateways: Gateways) -> None:
    claim, service = gateways.catalogue.claim_release, gateways.service
    assert claim(service, SNAPSHOT, "1.2.0") == "1.2.0"
    assert claim(service, SNAPSHOT, "1.2.0", ["1.2.0"]) is None, "its number is taken for good"
    assert claim(service, SNAPSHOT, "1.2.1", ["1.2.0"]) == "1.2.1"
    assert claim(service, SNAPSHOT, "1.2.2", ["1.2.0"]) == "1.2.1"
    assert claim(service, SNAPSHOT, "1.2.2", ["1.2.0", "1.2.1"]) == "1.2.2"
    assert gateways.catalogue.releases(service) == {"1.2.0": SNAPSHOT, "1.2.1": SNAPSHOT, "1.2.2": SNAPSHOT}


def test_only_one_of_two_ends_a_withdrawal(gateways: Gateways) -> None:
    put, service = gateways.catalogue.put_withdrawal, gateways.service
    begun = Withdrawal("1.2.0", "ada", "by mistake", datetime(2026, 11, 23, 12, tzinfo=UTC))
    done, lost = begun.ending(WithdrawalState.DONE), begun.ending(WithdrawalState.LOST)
    assert put(service, None, begun)
    assert not put(service, None, lost), "another one is stored"
    assert put(service, begun, lost)
    assert put(service, begun, lost), "a repeat of a call whose answer was lost"
    assert not put(service, begun, done)
    assert gateways.catalogue.withdrawal(service, "1.2.0") == lost
    assert gateways.catalogue.withdrawals(service) == {"1.2.0": lost}
    assert gateways.catalogue.withdrawal(service, "1.2.1") is None


def test_a_promoted_snapshot_is_promoted_again_beside_a_foreign_object(gateways: Gateways) -> None:
    publish(gateways)
    for _ in range(2):
        made = promote(gateways.catalogue, gateways.artifacts, SIGNER, gateways.service, SNAPSHOT, "ada", ungated)
        assert made.release == "1.2.0"
        gateways.put_foreign(gateways.service, "1.2.1", b"not ours")
