"""A build is started once, its state is read, and what it published becomes a snapshot."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.build.s3_caches import PREFIX
from lifecycle.application.delivery.build import FinishedBuild, Recorded, Started, record_snapshot, start_build
from lifecycle.application.delivery.check_build import Checked, checked
from lifecycle.application.delivery.receive_push import Push
from lifecycle.domain.rollout.deployment import Request
from lifecycle.domain.rollout.recorded_request import Source
from lifecycle.domain.service.policy import Policy
from tests.fakes.artifacts import MemoryArtifacts
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.fleet import MemoryFleet
from tests.fakes.requests import MemoryRequests
from tests.fakes.signer import SNAPSHOT_SIGNER
from tests.support.rollout import manifest

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
REPOSITORY = "https://example.test/hello.git"
VERSION = "1.0.0-20261123100000-aaaaaaa"
MADE = manifest(VERSION, branch="release")


@dataclass(frozen=True)
class State:
    kind: str
    reason: str = ""
    exported: Mapping[str, str] = field(default_factory=dict)
    stopped: bool = False


class OneBuild:
    """A build service with one build, which records how it was started."""

    def __init__(self, state: State) -> None:
        self.started: list[tuple[str, str, str, Mapping[str, str]]] = []
        self._state = state

    def start(self, repository: str, commit: str, token: str, environment: Mapping[str, str]) -> str:
        self.started.append((repository, commit, token, environment))
        return "build-1"

    def state(self, build: str) -> State:
        assert build == "build-1"
        return self._state

    def stop(self, build: str) -> None:
        raise AssertionError(build)


UPLOAD = "incoming/AROA:AWSCodeBuild-1"


def stored(**changes: Any) -> MemoryArtifacts:
    """Return a store into which a build uploaded its snapshot."""
    artifacts = MemoryArtifacts()
    artifacts.upload(UPLOAD, replace(MADE, **changes), MADE.version.encode())
    return artifacts


def recorded(
    artifacts: MemoryArtifacts,
    catalogue: MemoryCatalogue | None = None,
    version: str = VERSION,
    requests: MemoryRequests | None = None,
    **changes: Any,
) -> Recorded:
    usual = FinishedBuild(REPOSITORY, MADE.commit, "main", "build-1", "hello", version, UPLOAD)
    built, catalogue = replace(usual, **changes), catalogue or MemoryCatalogue()
    requests = requests or MemoryRequests()
    return record_snapshot(
        catalogue, artifacts, SNAPSHOT_SIGNER, requests, MemoryAuditLog(), MemoryFleet(), built, NOW
    )


def test_build_is_started_for_the_commit_with_the_execution_as_its_token() -> None:
    builds = OneBuild(State("RUNNING"))
    push = Push(REPOSITORY, "hello", "c0ffee", "main", "ada", "1")
    started = start_build(builds, MemoryCatalogue(), MemoryAuditLog(), push, "2026-11-23T11:00:00Z", "hello-c0ffee")
    assert started == Started("build-1")
    environment = {
        "LIFECYCLE_REPOSITORY": REPOSITORY,
        "LIFECYCLE_COMMIT": "c0ffee",
        "LIFECYCLE_BRANCH": "main",
        "LIFECYCLE_BUILT_AT": "2026-11-23T11:00:00Z",
        "LIFECYCLE_KNOWN": '{"services":{},"runs":[]}',
        "LIFECYCLE_SKIP_CI": "1",
    }
    assert builds.started == [(REPOSITORY, "c0ffee", "hello-c0ffee", environment)]


def test_builds_of_a_repository_share_a_random_prefix_for_their_caches() -> None:
    """It is kept, so a later build finds what an earlier one saved; another repository has another."""
    builds, catalogue = OneBuild(State("RUNNING")), MemoryCatalogue()
    others = "https://example.test/other.git"
    for repository, random in ((REPOSITORY, "3f"), (REPOSITORY, "9c"), (others, "71"), (others, "88")):
        push = Push(repository, "hello", "c0ffee", "main", "ada", "1")
        start_build(builds, catalogue, MemoryAuditLog(), push, "2026-11-23T11:00:00Z", "hello-c0ffee", random)
    assert [environment[PREFIX] for *_, environment in builds.started] == ["3f", "3f", "71", "71"]


def test_succeeded_build_names_what_it_published() -> None:
    exported = {"LIFECYCLE_SERVICE": "hello", "LIFECYCLE_VERSION": VERSION}
    assert checked(State("SUCCEEDED", "built", exported)) == Checked("SUCCEEDED", "built", "hello", VERSION)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("LIFECYCLE_DETAILS", json.dumps({"folder": "a", "source": "x" * 65}), "at most 64 in ASCII"),
        ("LIFECYCLE_DETAILS", json.dumps({"folder": "a", "source": "x" * 100_000}), "LIFECYCLE_DETAILS of more than"),
        ("LIFECYCLE_DETAILS", json.dumps({"folder": "a", "source": "\ud800"}), "half a character"),
        ("LIFECYCLE_DETAILS", json.dumps({"folder": "a", "source": "\u00e4"}), "at most 64 in ASCII"),
        ("LIFECYCLE_DETAILS", json.dumps({"nothing": "x" * 100_000}), "LIFECYCLE_DETAILS of more than 32768"),
        ("LIFECYCLE_VERSION", "x" * 100_000, "LIFECYCLE_VERSION of more than 32768 characters"),
    ],
)
def test_build_that_exports_more_than_a_run_can_keep_has_failed(name: str, text: str, said: str) -> None:
    """It would be a variable of each later build of the repository, or more than the run's state."""
    exported = {"LIFECYCLE_SERVICE": "hello", "LIFECYCLE_VERSION": VERSION, name: text}
    found = checked(State("SUCCEEDED", "built", exported))
    assert (found.kind, said in found.reason, len(found.reason) < 500) == ("FAILED", True, True)


def test_failed_build_has_a_reason_and_no_version() -> None:
    assert checked(State("FAILED", "tests failed")) == Checked("FAILED", "tests failed")


def test_published_snapshot_is_recorded_with_its_facts() -> None:
    catalogue = MemoryCatalogue()
    found = recorded(stored(), catalogue)
    assert (found.kind, found.service, found.version) == ("RECORDED", "hello", VERSION)
    assert found.reason == f"hello {VERSION}, sha256 {MADE.digest[:12]}"
    facts = {"commit": MADE.commit, "digest": MADE.digest, "branch": "main", "built": NOW.isoformat()}
    assert catalogue.snapshots("hello") == {VERSION: facts}
    assert catalogue.claim_service("hello", "https://example.test/other.git") == REPOSITORY


def test_snapshot_goes_to_staging_only_where_the_policy_says_so() -> None:
    assert recorded(stored(policies={"production": Policy(automatic=True)})).staging is None
    requests = MemoryRequests()
    staging = recorded(stored(policies={"staging": Policy(automatic=True)}), requests=requests).staging
    name = f"hello-staging-20261123120000-{MADE.commit[:4]}"
    assert staging == {"deployment": name}
    found = requests.find(name)
    assert found is not None
    assert (found.source, found.at) == (Source.DELIVERY, NOW)
    why = "the staging policy deploys the snapshot of the head"
    assert found.request == Request(name, "hello", "staging", VERSION, "delivery:no-push", why)


@pytest.mark.parametrize("version", ["1.0.0", "", "1.0.0-20261123100000-bbbbbbb"])
def test_build_without_a_published_snapshot_is_refused(version: str) -> None:
    catalogue = MemoryCatalogue()
    found = recorded(stored(), catalogue, version)
    assert (found.kind, found.version, found.staging) == ("REFUSED", version, None)
    assert "the build published no snapshot" in found.reason
    assert catalogue.snapshots("hello") == {}


@pytest.mark.parametrize(
    "version",
    [
        f"1.0.0-20261123100000-{'f' * 7}",
        f"1.0.0-20991231235959-{MADE.commit[:7]}",
        f"1.0.0-99999999999999-{MADE.commit[:7]}",
    ],
)
def test_build_does_not_choose_the_commit_or_the_time_in_its_version(version: str) -> None:
    """The name of another commit would be promoted for it, and one of the future would stay the newest."""
    catalogue, artifacts = MemoryCatalogue(), MemoryArtifacts()
    artifacts.upload(UPLOAD, replace(MADE, version=version), version.encode())
    found = recorded(artifacts, catalogue, version)
    assert (found.kind, "the build published no snapshot" in found.reason) == ("REFUSED", True)
    assert catalogue.snapshots("hello") == {}


def test_build_that_names_a_release_is_refused() -> None:
    artifacts = stored()
    artifacts.publish(manifest("1.0.0"), io.BytesIO(b"1.0.0"))
    found = recorded(artifacts, version="1.0.0")
    assert found.kind == "REFUSED"
    assert "'1.0.0' is not a snapshot version" in found.reason


def test_manifest_of_another_commit_is_refused() -> None:
    catalogue = MemoryCatalogue()
    other = MADE.commit[:7] + "b" * 33
    found = recorded(stored(), catalogue, commit=other)
    assert (found.kind, found.service, found.version) == ("REFUSED", "hello", VERSION)
    assert f"must be of hello {VERSION} of {other}, found hello {VERSION} of {MADE.commit}" in found.reason
    assert catalogue.snapshots("hello") == {}


def test_service_of_another_repository_is_refused() -> None:
    catalogue = MemoryCatalogue()
    catalogue.claim_service("hello", "https://example.test/first.git")
    found = recorded(stored(), catalogue)
    assert (found.kind, found.service, found.version) == ("REFUSED", "hello", VERSION)
    assert f"belongs to https://example.test/first.git, but was built from {REPOSITORY}" in found.reason
    assert catalogue.snapshots("hello") == {}


def test_service_name_that_is_none_is_refused() -> None:
    found = recorded(stored(), service="../hello")
    assert (found.kind, found.service) == ("REFUSED", "../hello")
