"""The record of a snapshot: what a build uploaded is checked, published once, and recorded with its digests."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lifecycle.application.delivery.build import FinishedBuild, Recorded, deploy_again, record_snapshot
from lifecycle.application.delivery.transfer_service import transfer_service
from lifecycle.application.operator_command import RequestedBy
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.fleet.host import HostReport
from lifecycle.domain.service.attestation import Attestation
from lifecycle.domain.service.commits import Commit, History
from lifecycle.domain.service.manifest import ProcessCommand, ReleaseCommand, Schedule
from lifecycle.domain.service.policy import After, Policy
from lifecycle.domain.service.published import Published
from lifecycle.domain.service.trusted_keys import verified
from lifecycle.gateways import p256
from tests.fakes.artifacts import MemoryArtifacts
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.context import MemoryContext
from tests.fakes.fleet import MemoryFleet
from tests.fakes.requests import MemoryRequests
from tests.fakes.signer import SNAPSHOT_SIGNER
from tests.support.rollout import BUILT, manifest

SNAPSHOT = "1.0.1-20261123110000-aaaaaaa"
REPOSITORY = "https://example.test/hello.git"


UPLOAD = "incoming/AROA:AWSCodeBuild-1"
MADE = manifest(SNAPSHOT)
BUILD = FinishedBuild(REPOSITORY, MADE.commit, "main", "build-1", "hello", SNAPSHOT, UPLOAD)


def uploaded(**changes: Any) -> MemoryArtifacts:
    artifacts = MemoryArtifacts()
    artifacts.upload(UPLOAD, replace(MADE, **changes), SNAPSHOT.encode())
    return artifacts


def recorded(
    catalogue: MemoryCatalogue,
    artifacts: MemoryArtifacts,
    built: FinishedBuild = BUILD,
    audit_log: MemoryAuditLog | None = None,
    fleet: MemoryFleet | None = None,
) -> Recorded:
    stores = catalogue, artifacts, SNAPSHOT_SIGNER, MemoryRequests(), audit_log or MemoryAuditLog()
    return record_snapshot(*stores, fleet or MemoryFleet(), built, BUILT)


def test_upload_becomes_a_snapshot_whose_digests_are_recorded_once() -> None:
    catalogue, artifacts = MemoryCatalogue(), uploaded()
    for _ in range(2):
        assert recorded(catalogue, artifacts).kind == "RECORDED"
    stored = artifacts.stored_manifest("hello", SNAPSHOT)
    assert catalogue.published("hello", SNAPSHOT) == Published(MADE.digest, stored.sha256)
    assert artifacts.open_artifact("hello", SNAPSHOT).read() == SNAPSHOT.encode()


def test_number_of_commits_is_recorded_with_the_snapshot_and_as_that_of_the_newest() -> None:
    catalogue = MemoryCatalogue()
    head = Commit("a" * 12, "Round prices", "Ada")
    assert recorded(catalogue, uploaded(history=History((head,), 21))).kind == "RECORDED"
    assert catalogue.snapshots("hello")[SNAPSHOT]["commits"] == "21"
    newest = catalogue.builds(BUILD.repository).newest["hello"]
    assert (newest.snapshot, newest.commits) == (SNAPSHOT, 21)


def test_shallow_clone_has_no_number_of_commits() -> None:
    catalogue = MemoryCatalogue()
    assert recorded(catalogue, uploaded()).kind == "RECORDED"
    assert "commits" not in catalogue.snapshots("hello")[SNAPSHOT]
    assert catalogue.builds(BUILD.repository).newest["hello"].commits == 0


def test_facts_of_the_run_replace_what_the_manifest_claims() -> None:
    artifacts = uploaded(repository="https://evil.example/x.git", branch="other", builder="me", snapshot="1.0.0")
    assert recorded(MemoryCatalogue(), artifacts).kind == "RECORDED"
    found = artifacts.manifest("hello", SNAPSHOT)
    assert (found.repository, found.branch, found.builder, found.snapshot) == (REPOSITORY, "main", "build-1", None)


def test_snapshot_that_was_recorded_with_other_bytes_is_refused() -> None:
    catalogue = MemoryCatalogue()
    assert catalogue.record_snapshot("hello", SNAPSHOT, {"digest": "0" * 64})
    found = recorded(catalogue, uploaded())
    assert found.kind == "REFUSED"
    assert "was recorded with sha256 000000000000" in found.reason
    assert "publish the bytes under another version" in found.reason


def test_snapshot_that_was_recorded_with_another_manifest_is_refused() -> None:
    catalogue = MemoryCatalogue()
    catalogue.record_published("hello", SNAPSHOT, Published(MADE.digest, "0" * 64))
    found = recorded(catalogue, uploaded())
    assert (found.kind, "its manifest with 000000000000" in found.reason) == ("REFUSED", True)


def test_second_build_with_other_bytes_does_not_replace_the_first() -> None:
    catalogue, artifacts = MemoryCatalogue(), uploaded()
    recorded(catalogue, artifacts)
    body = b"other"
    other = replace(MADE, digest=hashlib.sha256(body).hexdigest(), size=len(body))
    artifacts.upload("incoming/AROA:AWSCodeBuild-2", other, body)
    found = recorded(catalogue, artifacts, replace(BUILD, upload="incoming/AROA:AWSCodeBuild-2"))
    assert (found.kind, "exists with other bytes" in found.reason) == ("REFUSED", True)
    assert artifacts.open_artifact("hello", SNAPSHOT).read() == SNAPSHOT.encode()


def test_upload_whose_bytes_differ_from_its_manifest_is_not_published() -> None:
    artifacts = uploaded(digest="0" * 64)
    found = recorded(MemoryCatalogue(), artifacts)
    assert (found.kind, "tampered with or damaged" in found.reason) == ("REFUSED", True)
    assert artifacts.stored("hello") == []


@pytest.mark.parametrize("size", [1, 27, 29, 1024**3])
def test_size_that_is_not_that_of_the_artifact_is_refused(size: int) -> None:
    """Every host would refuse the version."""
    catalogue, artifacts = MemoryCatalogue(), uploaded(size=size)
    found = recorded(catalogue, artifacts)
    assert (found.kind, f"the size of its artifact, 28 bytes, found {size}" in found.reason) == ("REFUSED", True)
    assert (catalogue.snapshots("hello"), artifacts.stored("hello")) == ({}, [])


@pytest.mark.parametrize(
    "upload",
    [
        *("", "snapshot/hello", "release", "incoming", "incoming/", "incoming/..", "incoming/../snapshot"),
        *("incoming/\ud800", "incoming/\0", "incoming/" + "x" * 1500, "incoming/a\n"),
    ],
)
def test_key_outside_of_the_uploads_is_not_read(upload: str) -> None:
    artifacts = MemoryArtifacts()
    artifacts.upload(upload, MADE, SNAPSHOT.encode())
    found = recorded(MemoryCatalogue(), artifacts, replace(BUILD, upload=upload))
    assert (found.kind, "Expected a key below incoming/" in found.reason) == ("REFUSED", True)


def test_build_of_today_is_not_from_before_staging_came_first() -> None:
    """A manifest without `after` passes production's gate, as versions of before that rule do."""
    artifacts = uploaded(policies={"production": Policy(after=After.OLDER_BUILD)})
    assert recorded(MemoryCatalogue(), artifacts).kind == "RECORDED"
    assert artifacts.manifest("hello", SNAPSHOT).policy("production").after is After.DEFAULT


def test_service_of_another_repository_is_not_published() -> None:
    catalogue, artifacts = MemoryCatalogue(), uploaded()
    catalogue.claim_service("hello", "https://example.test/other.git")
    audit_log = MemoryAuditLog()
    found = recorded(catalogue, artifacts, audit_log=audit_log)
    assert (found.kind, "belongs to https://example.test/other.git" in found.reason) == ("REFUSED", True)
    assert artifacts.stored("hello") == []
    (entry,) = audit_log.entries
    assert (entry.cluster, entry.who, entry.why) == ("production/hello", "build-1", found.reason)
    assert entry.what == f"refused the snapshot {SNAPSHOT} of hello from {REPOSITORY}"


@pytest.mark.parametrize("environment", ["staging", "production"])
def test_first_build_does_not_take_a_service_that_has_hosts(environment: str) -> None:
    catalogue, artifacts, audit_log, fleet = MemoryCatalogue(), uploaded(), MemoryAuditLog(), MemoryFleet()
    fleet.write_report(Cluster(environment, "hello"), HostReport("host-1", "10.0.0.1", 8080, "a", BUILT, BUILT))
    found = recorded(catalogue, artifacts, audit_log=audit_log, fleet=fleet)
    assert (found.kind, found.staging) == ("REFUSED", None)
    assert f"no repository owns service hello, and {environment}/hello has hosts" in found.reason
    assert f"`lifecycle service transfer hello --to {REPOSITORY} --why '...'`" in found.reason
    assert (catalogue.owner("hello"), artifacts.stored("hello")) == (None, [])
    (entry,) = audit_log.entries
    assert (entry.cluster, entry.why) == ("production/hello", found.reason)


def test_build_of_the_repository_that_a_person_named_is_published_although_there_are_hosts() -> None:
    memory, artifacts = MemoryContext({}), uploaded()
    memory.fleet.write_report(Cluster("staging", "hello"), HostReport("host-1", "10.0.0.1", 8080, "a", BUILT, BUILT))
    transfer_service(memory.context, "hello", REPOSITORY, RequestedBy("ada", "its first build"))
    assert recorded(memory.catalogue, artifacts, fleet=memory.fleet).kind == "RECORDED"


def test_snapshot_is_signed_with_the_facts_of_the_run_and_not_of_its_manifest() -> None:
    catalogue, artifacts = MemoryCatalogue(), uploaded(repository="https://evil.example/x.git", tests=("make test",))
    assert recorded(catalogue, artifacts).kind == "RECORDED"
    stored = artifacts.stored_manifest("hello", SNAPSHOT)
    wanted = Attestation("hello", SNAPSHOT, MADE.digest, stored.sha256)
    found = verified(artifacts.envelope("hello", SNAPSHOT), wanted, [SNAPSHOT_SIGNER.trusted], p256.verify)
    assert (found.repository, found.run, found.tests) == (REPOSITORY, "build-1", ("make test",))


def test_snapshot_with_an_envelope_of_something_else_is_refused() -> None:
    artifacts = uploaded()
    artifacts.replace_envelope("hello", SNAPSHOT, "rubbish")
    found = recorded(MemoryCatalogue(), artifacts)
    assert found.kind == "REFUSED"
    assert "the snapshot was not signed: the envelope of hello" in found.reason


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        (
            {"run": replace(MADE.run, stop_seconds=1e9)},
            "run.stop_seconds: expected a number of seconds",
        ),
        (
            {"run": replace(MADE.run, start_seconds=float("nan"))},
            "from 1 to 600, found NaN",
        ),
        (
            {"run": replace(MADE.run, environment={"A": "b\0"})},
            "run.environment.A: expected text",
        ),
        ({"size": -1}, "size: expected 0 to"),
        ({"processes": {"a/../../b": ProcessCommand("x")}}, 'processes."a/../../b": expected a name'),
        ({"processes": {"run": ProcessCommand("x")}}, "processes.run: expected a name"),
        ({"schedules": {"a/b": Schedule("x", "* * * * *")}}, 'schedules."a/b": expected a name'),
        ({"run": replace(MADE.run, command="x\0y")}, "run.command: expected a shell command"),
        ({"release": ReleaseCommand("x\0y")}, "release.command: expected a shell command"),
        ({"run": replace(MADE.run, environment={"A=B": "c"})}, 'run.environment."A=B": expected a variable'),
        ({"processes": {"worker": ProcessCommand("sleep 9", 2.0**53)}}, "processes.worker.stop_seconds"),
        ({"schedules": {"report": Schedule("true", "junk junk")}}, "schedules.report.cron: expected"),
        (
            {"policies": {"production": Policy(approval_expires_seconds=2**53)}},
            "approval_expires_seconds: expected a whole number of seconds from 60",
        ),
        (
            {"policies": {"production": Policy(bake_minutes=2**53)}},
            "bake_minutes: expected a whole number",
        ),
        (
            {"policies": {"production": Policy(max_unavailable="900%")}},
            "production.max_unavailable: expected",
        ),
    ],
)
def test_values_that_no_service_file_may_have_are_refused(changes: dict[str, Any], named: str) -> None:
    """A build writes its manifest itself: an agent would wait for years, and a plan would end with a traceback."""
    catalogue = MemoryCatalogue()
    found = recorded(catalogue, uploaded(**changes))
    assert (found.kind, named in found.reason) == ("REFUSED", True), found.reason
    assert catalogue.snapshots("hello") == {}


def test_manifest_of_the_future_is_refused() -> None:
    """Its time would make it the newest snapshot of its service for ever."""
    catalogue = MemoryCatalogue()
    found = recorded(catalogue, uploaded(built_at=BUILT + timedelta(hours=1)))
    assert (found.kind, "must be of a time before 2026-11-23 11:00 UTC" in found.reason) == ("REFUSED", True)
    assert catalogue.snapshots("hello") == {}


def uploads(artifacts: MemoryArtifacts, body: bytes = SNAPSHOT.encode(), **changes: Any) -> FinishedBuild:
    artifacts.upload(UPLOAD, replace(MADE, **changes), body)
    return BUILD


def recorded_before(catalogue: MemoryCatalogue, artifacts: MemoryArtifacts) -> FinishedBuild:
    catalogue.record_published("hello", SNAPSHOT, Published(MADE.digest, "0" * 64))
    return uploads(artifacts)


def signed_before(artifacts: MemoryArtifacts) -> FinishedBuild:
    artifacts.replace_envelope("hello", SNAPSHOT, "rubbish")
    return uploads(artifacts)


REFUSED: dict[str, Callable[[MemoryCatalogue, MemoryArtifacts], FinishedBuild]] = {
    "another service": lambda _, artifacts: uploads(artifacts, service="other"),
    "another commit": lambda _, artifacts: uploads(artifacts, commit="b" * 40),
    "other bytes": lambda _, artifacts: uploads(artifacts, body=b"other"),
    "a value that lifecycle.toml refuses": lambda _, artifacts: uploads(
        artifacts, policies={"production": Policy(bake_minutes=10**6)}
    ),
    "a run of one service": lambda _, artifacts: replace(uploads(artifacts), folder="services/a", run="x"),
    "an upload elsewhere": lambda _, artifacts: replace(uploads(artifacts), upload="release/hello"),
    "no upload": lambda *_: BUILD,
    "a version of another commit": lambda *_: replace(BUILD, version="1.0.1-20261123110000-bbbbbbb"),
    "another manifest than was recorded": recorded_before,
    "an envelope of something else": lambda _, artifacts: signed_before(artifacts),
}


@pytest.mark.parametrize("what", REFUSED)
def test_each_refused_snapshot_is_on_record_at_its_service(what: str) -> None:
    catalogue, artifacts, audit_log = MemoryCatalogue(), MemoryArtifacts(), MemoryAuditLog()
    built = REFUSED[what](catalogue, artifacts)
    found = recorded(catalogue, artifacts, built, audit_log)
    assert found.kind == "REFUSED"
    (entry,) = audit_log.entries
    assert (entry.cluster, entry.who, entry.why) == ("production/hello", "build-1", found.reason)
    assert entry.what == f"refused the snapshot {built.version} of hello from {REPOSITORY}"


def test_refused_snapshot_of_another_service_is_on_record_at_both() -> None:
    audit_log = MemoryAuditLog()
    run = f"api--{MADE.commit}"
    found = recorded(MemoryCatalogue(), uploaded(), replace(BUILD, run=run, folder="services/api"), audit_log)
    assert found.kind == "REFUSED"
    assert [each.cluster for each in audit_log.entries] == ["production/api", "production/hello"]


@pytest.mark.parametrize("service", ["", "../x", "A" * 300, "\ud800"])
def test_refused_snapshot_of_no_service_is_on_record_at_those_of_its_repository(service: str) -> None:
    catalogue, audit_log = MemoryCatalogue(), MemoryAuditLog()
    catalogue.change_builds(REPOSITORY, lambda found: found.recorded("api", None))
    found = recorded(
        catalogue, MemoryArtifacts(), replace(BUILD, service=service, run=f"hello-{MADE.commit}"), audit_log
    )
    assert found.kind == "REFUSED"
    assert [each.cluster for each in audit_log.entries] == ["production/api"]


def test_snapshot_of_an_earlier_run_that_may_not_be_deployed_is_on_record() -> None:
    memory, artifacts = MemoryContext({}), uploaded()
    assert recorded(memory.catalogue, artifacts).kind == "RECORDED"
    stores = memory.catalogue, artifacts, memory.requests, memory.audit_log, memory.fleet
    built = replace(BUILD, build="", repository="https://example.test/other.git")
    found = deploy_again(*stores, built, BUILT)
    assert found.kind == "REFUSED"
    (entry,) = memory.audit_log.entries
    assert (entry.cluster, entry.who, entry.why) == ("production/hello", "unknown", found.reason)
