"""A push to a repository with several services: what its build says, and the deliveries that follow."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from lifecycle.application.delivery.build import FinishedBuild, Sources, Started, record_snapshot, start_build
from lifecycle.application.delivery.check_build import Checked, checked
from lifecycle.application.delivery.receive_push import Push, payload_of, start
from lifecycle.application.delivery.several import start_services
from lifecycle.domain.delivery.branch import Move
from lifecycle.domain.delivery.delivery_name import DeliveryName, service_delivery
from lifecycle.domain.delivery.repository import RepositoryBuilds
from lifecycle.domain.errors import Refused
from lifecycle.entrypoints.delivery_events import StartBuild, StartServices
from lifecycle.gateways.aws.builds import CodeBuildState
from tests.fakes.artifacts import MemoryArtifacts
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.builds import MemoryBuilds
from tests.fakes.catalogue import MemoryCatalogue
from tests.fakes.executions import MemoryExecutions
from tests.fakes.fleet import MemoryFleet
from tests.fakes.requests import MemoryRequests
from tests.fakes.signer import SNAPSHOT_SIGNER
from tests.support.rollout import BUILT, manifest

COMMIT = "a" * 40
REPOSITORY = "https://example.test/shop.git"
PUSH = Push(REPOSITORY, "shop", COMMIT, "main", "ada", "1")
STARTED = "2026-11-23T11:00:00Z"
SNAPSHOT = "1.0.1-20261123110000-aaaaaaa"
CATALOGUE = MemoryCatalogue()
SERVICES = {"api": "services/api", "web": "services/web"}


def changed(**changes: Any) -> Push:
    return replace(PUSH, **changes)


def exporting(details: object) -> Checked:
    text = details if isinstance(details, str) else json.dumps(details)
    exported = {"LIFECYCLE_SERVICE": "api", "LIFECYCLE_VERSION": SNAPSHOT, "LIFECYCLE_DETAILS": text}
    return checked(CodeBuildState("SUCCEEDED", exported=exported))


def variables(push: Push, catalogue: MemoryCatalogue | None = None) -> dict[str, str]:
    builds = MemoryBuilds()
    start_build(builds, catalogue or MemoryCatalogue(), MemoryAuditLog(), push, STARTED, push.execution)
    (found,) = builds.started.values()
    return dict(found)


def test_push_that_asks_for_no_build_starts_none() -> None:
    builds, catalogue, push = MemoryBuilds(), MemoryCatalogue(), changed(skip="[skip ci]")
    start(push, MemoryExecutions(), catalogue, BUILT)
    found = start_build(builds, catalogue, MemoryAuditLog(), push, STARTED, "shop-1")
    assert found == Started("", "NOTHING", "no build: the message of the head commit has [skip ci]")
    assert builds.started == {}


def test_person_who_repeats_a_skipped_build_gets_one() -> None:
    found = variables(changed(skip="[skip ci]", again=True))
    assert "LIFECYCLE_SKIP_CI" not in found, "the build in the clone must not skip it either"


def test_build_of_a_push_knows_what_was_built_and_that_of_a_service_its_folder() -> None:
    catalogue = MemoryCatalogue()
    assert variables(PUSH, catalogue)["LIFECYCLE_KNOWN"] == '{"services":{},"runs":[]}'
    other = variables(changed(commit="b" * 40), catalogue)
    assert (other["LIFECYCLE_KNOWN"], other["LIFECYCLE_SKIP_CI"]) == ('{"services":{},"runs":[]}', "1")
    one = variables(changed(folder="services/api"), catalogue)
    assert one["LIFECYCLE_FOLDER"] == "services/api"
    assert not {"LIFECYCLE_KNOWN", "LIFECYCLE_SKIP_CI"} & set(one)


def test_snapshots_of_a_service_have_the_order_of_the_pushes() -> None:
    """A service's own run starts later than the next push may."""
    found = variables(changed(folder="services/api", pushed="2026-11-23T10:59:00Z"))
    assert found["LIFECYCLE_BUILT_AT"] == "2026-11-23T10:59:00Z"


def test_each_kind_of_end_is_read() -> None:
    one = {"folder": "services/api", "source": "0" * 16, "unchanged": "web"}
    sources = Sources("services/api", "0" * 16, "web")
    assert exporting(one) == Checked("SUCCEEDED", "", "api", SNAPSHOT, sources)
    several = exporting({"services": SERVICES, "unchanged": ""})
    assert (several.kind, several.services) == ("SEVERAL", SERVICES)
    nothing = exporting({"nothing": "no build: unchanged", "unchanged": "api, web"})
    assert (nothing.kind, nothing.reason, nothing.sources.unchanged) == ("NOTHING", "no build: unchanged", "api, web")


@pytest.mark.parametrize(
    "details",
    [
        *("{", "[]", {"services": ["api"]}, {"services": {"Api": "api"}}, {"services": {"api": "../api"}}),
        *({"folder": "/etc", "source": ""}, {"folder": "api"}),
    ],
)
def test_details_of_another_form_fail_the_delivery(details: object) -> None:
    found = exporting(details)
    assert found.kind == "FAILED"
    assert "LIFECYCLE_DETAILS that cannot be read" in found.reason


def test_each_changed_service_gets_one_delivery_of_its_own() -> None:
    executions = MemoryExecutions()
    first = start_services(executions, CATALOGUE, PUSH, PUSH.execution, SERVICES, "docs")
    assert first.runs == {"api": f"api--{COMMIT}", "web": f"web--{COMMIT}"}
    assert executions.deliveries[f"api--{COMMIT}"] == payload_of(changed(folder="services/api"))
    assert start_services(executions, CATALOGUE, PUSH, PUSH.execution, SERVICES, "docs") == first, "a repeated call"
    assert len(executions.deliveries) == 2


def test_service_whose_delivery_failed_is_delivered_again_and_the_others_are_not() -> None:
    executions = MemoryExecutions()
    start_services(executions, CATALOGUE, PUSH, PUSH.execution, SERVICES, "")
    executions.failed.add(f"web--{COMMIT}")
    again = start_services(executions, CATALOGUE, replace(PUSH, delivery="another"), PUSH.execution, SERVICES, "")
    assert again.runs == {"api": f"api--{COMMIT}", "web": f"web--{COMMIT}_2"}


def test_repeated_call_starts_no_service_again_whose_delivery_failed_meanwhile() -> None:
    executions = MemoryExecutions()
    first = start_services(executions, CATALOGUE, PUSH, PUSH.execution, SERVICES, "")
    executions.failed.add(f"web--{COMMIT}")
    assert start_services(executions, CATALOGUE, PUSH, PUSH.execution, SERVICES, "") == first


def test_repeated_delivery_of_a_push_starts_new_deliveries_of_its_services() -> None:
    """A service may have been built at this commit, then at another one, and now be wanted again."""
    executions = MemoryExecutions()
    start_services(executions, CATALOGUE, PUSH, PUSH.execution, SERVICES, "")
    again = start_services(executions, CATALOGUE, PUSH, f"{PUSH.execution}_2", SERVICES, "")
    assert again.runs == {"api": f"api--2-{COMMIT}", "web": f"web--2-{COMMIT}"}
    for name in again.runs.values():
        found = DeliveryName.parse(name)
        assert found
        assert found.delivers(found.service)
        assert found.service in SERVICES


def test_delivery_of_a_service_is_no_delivery_of_the_repository_of_that_name() -> None:
    own = DeliveryName.parse(service_delivery("shop", PUSH.execution, COMMIT))
    whole = DeliveryName.parse(PUSH.execution)
    assert own
    assert whole
    assert (own.service, whole.service) == ("shop", "")
    assert str(own) != str(whole)
    assert own.delivers("shop")
    assert whole.delivers("shop")
    assert not whole.delivers("api")


UPLOAD = "incoming/AROA:AWSCodeBuild-1"


def recorded(catalogue: MemoryCatalogue, sources: Sources) -> str:
    artifacts = MemoryArtifacts()
    artifacts.upload(UPLOAD, manifest(SNAPSHOT), SNAPSHOT.encode())
    built = FinishedBuild(REPOSITORY, COMMIT, "main", "build-1", "hello", SNAPSHOT, UPLOAD, sources)
    return record_snapshot(
        catalogue, artifacts, SNAPSHOT_SIGNER, MemoryRequests(), MemoryAuditLog(), MemoryFleet(), built, BUILT
    ).kind


def builds_of(catalogue: MemoryCatalogue) -> RepositoryBuilds:
    return catalogue.change_builds(REPOSITORY, lambda builds: builds)


def test_snapshot_is_recorded_with_its_folder_and_sources() -> None:
    catalogue = MemoryCatalogue()
    assert recorded(catalogue, Sources("services/hello", "0" * 16)) == "RECORDED"
    assert catalogue.snapshots("hello")[SNAPSHOT]["folder"] == "services/hello"
    last = builds_of(catalogue).services["hello"]
    assert (last.snapshot, last.source, last.started) == (SNAPSHOT, "0" * 16, manifest(SNAPSHOT).built_at)


def test_service_whose_later_build_failed_is_built_by_a_push_that_takes_it_back() -> None:
    """Its waiting deployment may have ended when the build of B began, and nothing else would deploy A again."""
    later, catalogue = "b" * 40, MemoryCatalogue()
    start(replace(PUSH, before="0" * 40, at="2026-11-23T11:00:00Z"), MemoryExecutions(), catalogue, BUILT)
    catalogue.change_branch(REPOSITORY, "main", lambda branch: branch.begun("hello", COMMIT))
    assert recorded(catalogue, Sources("services/hello", "0" * 16)) == "RECORDED"
    assert '"hello"' in variables(PUSH, catalogue)["LIFECYCLE_KNOWN"]
    catalogue.change_branch(
        REPOSITORY, "main", lambda branch: branch.moved(Move(COMMIT, later, "2", BUILT)).begun("hello", later)
    )
    back = Move(later, COMMIT, "3", BUILT + timedelta(days=2))
    catalogue.change_branch(REPOSITORY, "main", lambda branch: branch.moved(back))
    builds = MemoryBuilds()
    start_build(builds, catalogue, MemoryAuditLog(), PUSH, (BUILT + timedelta(days=2)).isoformat(), "shop-2")
    (found,) = builds.started.values()
    assert '"hello"' not in found["LIFECYCLE_KNOWN"]


def test_refused_snapshot_leaves_the_sources_of_the_repository_alone() -> None:
    catalogue = MemoryCatalogue()
    catalogue.claim_service("hello", "https://example.test/other.git")
    assert recorded(catalogue, Sources("services/hello", "0" * 16)) == "REFUSED"
    assert builds_of(catalogue).services == {}


def test_only_service_of_a_repository_is_recorded_as_before() -> None:
    catalogue = MemoryCatalogue()
    assert recorded(catalogue, Sources()) == "RECORDED"
    assert "folder" not in catalogue.snapshots("hello")[SNAPSHOT]
    assert builds_of(catalogue).services == {}


@pytest.mark.parametrize("folder", ["/etc", "../api", "a/../b", "a//b", "a/", ".git/x", "x" * 201, "."])
def test_event_with_a_folder_outside_of_the_repository_is_refused(folder: str) -> None:
    given = payload_of(PUSH)
    with pytest.raises(ValidationError):
        StartBuild.model_validate({**given, "folder": folder, "execution": "x", "started": STARTED})
    with pytest.raises(ValidationError):
        StartServices.model_validate({**given, "execution": "x", "services": {"api": folder}})


def test_input_of_a_delivery_before_several_services_is_read() -> None:
    found = StartBuild.model_validate({**payload_of(PUSH), "execution": "x", "started": STARTED}).push()
    assert found == PUSH
    assert set(payload_of(PUSH)) == {"repository", "name", "commit", "branch", "pusher", "delivery"}


def test_run_of_one_service_starts_no_runs_of_others() -> None:
    """Its build says what it likes; each run that it starts could start more."""
    executions = MemoryExecutions()
    push = replace(PUSH, folder="services/api")
    with pytest.raises(Refused, match="builds that service only, found x0, x1"):
        start_services(executions, MemoryCatalogue(), push, PUSH.execution, {"x0": "x0", "x1": "x1"}, "")
    assert executions.deliveries == {}
