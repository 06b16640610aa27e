"""Delivery follows the branch: only the snapshot of its head goes to an automatic staging."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from lifecycle.application.delivery.build import FinishedBuild, deploy_again, start_build
from lifecycle.application.delivery.receive_push import Push, time_of
from lifecycle.application.delivery.remove_service import remove_service
from lifecycle.application.delivery.transfer_service import transfer_service
from lifecycle.application.operator_command import RequestedBy
from lifecycle.domain.delivery.branch import NOTHING
from lifecycle.domain.errors import BuildsFull
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.builds import MemoryBuilds
from tests.fakes.context import MemoryContext
from tests.fakes.fleet import MemoryFleet
from tests.support.branch_delivery import NOW, REPOSITORY, A, B, C, Delivery


def test_slow_build_of_an_older_push_is_recorded_and_not_deployed() -> None:
    """Case 02: push A (its build is slow), then B (quick)."""
    delivery = Delivery()
    slow, quick = delivery.push(NOTHING, A), delivery.push(A, B)
    assert delivery.build(quick).staging
    late = delivery.build(slow)
    assert (late.kind, late.staging) == ("RECORDED", None)
    assert late.superseded == "aaaaaaa is no longer the head of main: bbbbbbb is"
    assert late.version in delivery.catalogue.snapshots("hello")


def test_redelivery_of_an_old_commit_whose_run_failed_builds_and_deploys_nothing() -> None:
    """Case 02: A failed, B is on staging, and a person lets GitHub deliver A again."""
    delivery = Delivery()
    first, second = delivery.push(NOTHING, A), delivery.push(A, B)
    delivery.build(second)
    delivery.executions.failed.add(first)
    old = delivery.pushes[0]
    found = delivery.receive(old)
    assert "bbbbbbb is" in found.body["message"]
    # Somebody sends the same push under another id.
    again = delivery.receive(replace(old, delivery="another")).body["run"]
    assert delivery.start_build(again).superseded == "aaaaaaa is no longer the head of main: bbbbbbb is"
    assert delivery.builds.started == {}


def test_superseded_push_whose_build_has_not_started_is_dropped() -> None:
    delivery = Delivery()
    first, second = delivery.push(NOTHING, A), delivery.push(A, B)
    dropped = delivery.start_build(first)
    assert (dropped.kind, dropped.superseded) == ("NOTHING", "aaaaaaa is no longer the head of main: bbbbbbb is")
    assert delivery.start_build(second).kind == "STARTED"


def test_pushes_that_arrive_in_the_wrong_order_build_the_head() -> None:
    delivery = Delivery()
    first, second = delivery.pushed(NOTHING, A), delivery.pushed(A, B)
    newest = delivery.receive(second).body["run"]
    late = delivery.receive(first)
    assert late.body["message"] == "started; aaaaaaa is no longer the head of main: bbbbbbb is"
    assert delivery.start_build(late.body["run"]).kind == "NOTHING"
    assert delivery.build(newest).staging


def test_person_who_repeats_the_build_of_an_old_commit_gets_it_and_staging_stays() -> None:
    delivery = Delivery()
    run = delivery.push(NOTHING, A)
    delivery.push(A, B)
    delivery.executions.deliveries[run]["again"] = True
    assert delivery.start_build(run).kind == "STARTED"
    assert delivery.build(run).staging is None


def test_force_push_back_to_a_built_commit_deploys_its_snapshot_without_a_build() -> None:
    """Case 04: build `good`, build `bad`, then `git push --force` back to `good`."""
    delivery = Delivery()
    good, bad = delivery.push(NOTHING, A), delivery.push(A, B)
    delivery.build(bad)
    version = delivery.build(good).version
    back = delivery.receive(delivery.pushed(B, A))
    assert back.body == {
        "message": "the branch is back at this commit, whose snapshot is deployed again",
        "run": f"hello-{A}_2",
    }
    again = delivery.deploy_again(f"hello-{A}_2")
    assert (again.version, bool(again.staging), delivery.builds.started) == (version, True, {})


def test_force_push_back_is_delivered_once() -> None:
    delivery = Delivery()
    good = delivery.push(NOTHING, A)
    delivery.build(good)
    delivery.build(delivery.push(A, B))
    back = delivery.pushed(B, A)
    first = delivery.receive(back)
    assert delivery.receive(back).body["run"] == first.body["run"]
    delivery.deploy_again(first.body["run"])
    assert delivery.receive(back).body["run"] == first.body["run"]
    assert len(delivery.executions.deliveries) == 3


def test_force_push_back_while_the_first_build_runs_leaves_the_deployment_to_it() -> None:
    delivery = Delivery()
    good = delivery.push(NOTHING, A)
    delivery.push(A, B)
    assert delivery.push(B, A) == good
    assert delivery.build(good).staging


def test_head_that_a_late_push_shows_again_is_deployed_again() -> None:
    """Three pushes of one second; the deployment of A, once taken for the head, has ended that of the head."""
    delivery = Delivery()
    first = delivery.pushed(NOTHING, A)
    middle, last = (replace(delivery.pushed(*each), at=first.at) for each in ((A, B), (B, C)))
    delivery.build(str(delivery.receive(last).body["run"]))
    delivery.build(str(delivery.receive(first).body["run"]))
    assert delivery.catalogue.branch(REPOSITORY, "main").head == A
    for _ in range(2):
        delivery.receive(middle)
        assert [each for each in delivery.executions.deliveries if C in each] == [f"hello-{C}", f"hello-{C}_2"]
    assert delivery.deploy_again(f"hello-{C}_2").staging


def test_force_push_back_that_is_superseded_again_deploys_nothing() -> None:
    delivery = Delivery()
    good = delivery.push(NOTHING, A)
    delivery.build(good)
    delivery.build(delivery.push(A, B))
    back = delivery.push(B, A)
    forth = delivery.push(A, B)
    assert delivery.start_build(back).kind == "NOTHING"
    assert delivery.deploy_again(forth).staging


def test_force_push_back_to_a_commit_that_failed_builds_it() -> None:
    delivery = Delivery()
    first = delivery.push(NOTHING, A)
    delivery.executions.failed.add(first)
    delivery.build(delivery.push(A, B))
    assert delivery.start_build(delivery.push(B, A)).kind == "STARTED"


def test_force_push_back_to_a_commit_that_was_dropped_builds_it() -> None:
    delivery = Delivery()
    first = delivery.push(NOTHING, A)
    delivery.build(delivery.push(A, B))
    delivery.executions.outputs[first] = {"nothing": "no build", "superseded": delivery.start_build(first).superseded}
    assert delivery.start_build(delivery.push(B, A)).kind == "STARTED"


def test_commit_that_asks_for_no_build_is_not_built_when_the_branch_is_back_at_it() -> None:
    delivery = Delivery()
    first = delivery.push(NOTHING, A)
    delivery.executions.outputs[first] = {"nothing": "no build", "superseded": ""}
    delivery.build(delivery.push(A, B))
    assert delivery.push(B, A) == first


def test_snapshot_that_garbage_collection_has_deleted_is_built_again() -> None:
    delivery = Delivery()
    good = delivery.push(NOTHING, A)
    version = delivery.build(good).version
    delivery.build(delivery.push(A, B))
    delivery.artifacts.delete("hello", version)
    assert delivery.deploy_again(delivery.push(B, A)).kind == "GONE"


def test_snapshot_of_another_repository_is_not_deployed() -> None:
    delivery = Delivery()
    version = delivery.build(delivery.push(NOTHING, A)).version
    built = FinishedBuild("https://example.test/evil.git", A, "main", "", "hello", version, "")
    stores = delivery.catalogue, delivery.artifacts, delivery.requests, MemoryAuditLog(), MemoryFleet()
    found = deploy_again(*stores, built, NOW)
    assert (found.kind, "was built from" in found.reason) == ("REFUSED", True)


def test_commit_of_a_removed_service_is_built_again_by_its_next_push() -> None:
    delivery = Delivery()
    withdrawn = delivery.build(delivery.push(NOTHING, A)).version
    remove_service(MemoryContext({}, catalogue=delivery.catalogue).context, "hello", RequestedBy("ada", "start over"))
    again = delivery.deploy_again(delivery.push(NOTHING, A))
    assert (again.kind, again.staging) == ("GONE", None)
    assert f"hello {withdrawn} was withdrawn by ada" in again.reason
    assert delivery.catalogue.owner("hello") is None


def test_former_owner_that_is_forced_back_deploys_nothing() -> None:
    delivery = Delivery()
    delivery.build(delivery.push(NOTHING, A))
    delivery.build(delivery.push(A, B))
    context = MemoryContext({}, catalogue=delivery.catalogue).context
    transfer_service(context, "hello", "https://example.test/new/hello.git", RequestedBy("ada", "moved"))
    again = delivery.deploy_again(delivery.push(B, A))
    assert (again.kind, again.staging) == ("REFUSED", None)
    assert "belongs to https://example.test/new/hello.git, but was built from" in again.reason


def test_head_that_a_person_has_read_counts_although_its_push_was_lost() -> None:
    delivery = Delivery()
    delivery.build(delivery.push(NOTHING, A))
    at = (NOW + timedelta(minutes=5)).isoformat()
    read = Push(REPOSITORY, "hello", B, "main", "ada", "", head_read=at)
    start_build(delivery.builds, delivery.catalogue, MemoryAuditLog(), read, at, read.execution)
    assert delivery.catalogue.branch(REPOSITORY, "main").head == B


def test_push_of_the_future_is_the_newest_until_the_next_one_only() -> None:
    delivery = Delivery()
    delivery.receive(delivery.pushed(NOTHING, A))
    future = replace(delivery.pushed("e" * 40, B), at="2099-01-01T00:00:00+00:00")
    delivery.receive(future)
    assert delivery.catalogue.branch(REPOSITORY, "main").head == B
    later = (NOW + timedelta(hours=1, minutes=2)).isoformat()
    delivery.receive(replace(delivery.pushed("f" * 40, C), at=later), timedelta(hours=2))
    assert delivery.catalogue.branch(REPOSITORY, "main").head == C


def test_late_event_of_a_forge_whose_clock_is_fast_is_an_old_one() -> None:
    delivery = Delivery()
    fast = timedelta(minutes=4)
    first = replace(delivery.pushed(NOTHING, A), at=(NOW + fast).isoformat())
    second = replace(delivery.pushed(A, B), at=(NOW + timedelta(seconds=20) + fast).isoformat())
    delivery.receive(second, timedelta(seconds=20))
    delivery.receive(first, timedelta(minutes=1))
    # No push leads from here to B, as A may be that of another push.
    third = replace(delivery.pushed(C, A), at=(NOW + timedelta(seconds=10) + fast).isoformat())
    delivery.receive(third, timedelta(minutes=2))
    assert delivery.catalogue.branch(REPOSITORY, "main").head == B


def test_push_that_came_while_a_person_read_the_head_is_the_head() -> None:
    delivery = Delivery()
    first = delivery.pushed(NOTHING, A)
    read = Push(REPOSITORY, "hello", A, "main", "ada", "", head_read=first.at)
    delivery.receive(first)
    delivery.push(A, B)
    at = (NOW + timedelta(minutes=5)).isoformat()
    found = start_build(delivery.builds, delivery.catalogue, MemoryAuditLog(), read, at, read.execution)
    assert (found.kind, delivery.catalogue.branch(REPOSITORY, "main").head) == ("NOTHING", B)


def test_service_of_several_that_a_push_builds_in_its_own_run_is_deployed() -> None:
    delivery = Delivery()
    first = delivery.push(NOTHING, A)
    delivery.catalogue.change_branch(REPOSITORY, "main", lambda branch: branch.begun("hello", A))
    assert delivery.build(delivery.push(A, B), folder="services/hello").staging
    late = delivery.build(first, folder="services/hello")
    assert late.superseded == "aaaaaaa is no longer the head of main for hello: bbbbbbb is"


def test_service_of_several_that_the_head_left_unchanged_is_deployed() -> None:
    delivery = Delivery()
    changed = delivery.push(NOTHING, A)
    delivery.push(A, B)
    assert delivery.build(changed, folder="services/hello").staging


def test_force_push_back_in_a_repository_of_several_services_compares_them_again() -> None:
    """The commit's own run built one of them, and another one may have changed since."""
    delivery = Delivery()
    delivery.build(delivery.push(NOTHING, A), folder="services/hello")
    delivery.build(delivery.push(A, B), folder="services/hello")
    assert delivery.start_build(delivery.push(B, A)).kind == "STARTED"


class FullBuilds(MemoryBuilds):
    """A build service whose queue is full."""

    def start(self, repository: str, commit: str, token: str, environment: Any) -> str:
        raise BuildsFull("CodeBuild has as many builds in its queue as this account may have")


def test_full_queue_of_the_build_service_makes_the_run_wait_and_say_so() -> None:
    delivery = Delivery(builds=FullBuilds())
    found = delivery.start_build(delivery.push(NOTHING, A))
    assert (found.kind, found.reason) == (
        "WAIT",
        "CodeBuild has as many builds in its queue as this account may have",
    )


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (1_763_899_200, "2025-11-23T12:00:00+00:00"),
        ("2025-11-23T12:00:00Z", "2025-11-23T12:00:00+00:00"),
        ("2025-11-23T12:00:00", ""),
        (None, ""),
        (10**20, ""),
        (253_402_300_799, ""),
        ("9999-12-31T23:59:59Z", ""),
        ("0001-01-01T00:00:00+14:00", ""),
        ([], ""),
    ],
)
def test_time_of_a_push_is_read_in_both_forms(found: Any, expected: str) -> None:
    assert time_of(found) == expected
