"""A running build ends once a later push has superseded it, where its service says so."""

from datetime import timedelta
from typing import Any

from lifecycle.application.delivery.receive_push import Push
from lifecycle.application.delivery.several import start_services
from lifecycle.domain.delivery.branch import NOTHING
from lifecycle.gateways.aws.builds import CodeBuildState
from tests.support.branch_delivery import REPOSITORY, A, B, C, Delivery

PUSHED_AFTER = timedelta(seconds=0.3)


def a_build_and_a_later_push(*, supersede: bool, **changes: Any) -> tuple[Delivery, str, str]:
    """Return the run of a push whose build is running, and that build; the head's lifecycle.toml says `supersede`."""
    delivery = Delivery()
    delivery.build(delivery.push(NOTHING, A), supersede=supersede)
    run = delivery.push(A, B)
    delivery.executions.deliveries[run] |= changes
    build = delivery.start_build(run).build
    assert delivery.check_build(run, build).kind == "RUNNING"
    delivery.push(B, C)
    return delivery, run, build


def test_running_build_of_a_superseded_push_is_ended() -> None:
    delivery, run, build = a_build_and_a_later_push(supersede=True)
    why = "bbbbbbb is no longer the head of main: ccccccc is"
    ended = delivery.check_build(run, build)
    assert (ended.kind, ended.reason, ended.superseded) == ("NOTHING", f"the build was ended: {why}", why)
    assert delivery.builds.state(build).stopped
    assert delivery.check_build(run, build) == ended, "a repeated call, whose first answer was lost"


def test_one_call_waits_for_the_end_of_a_build() -> None:
    delivery = Delivery()
    run = delivery.push(NOTHING, A)
    build = delivery.start_build(run).build
    began, ended = delivery.clock.now(), CodeBuildState("FAILED", "1 test failed")
    assert delivery.check_build(run, build).kind == "RUNNING"
    assert delivery.clock.now() - began == timedelta(seconds=1)
    delivery.clock.ticks.append(lambda: delivery.builds.states.update({build: ended}))
    assert delivery.check_build(run, build).reason == "1 test failed"
    assert delivery.clock.now() - began == timedelta(seconds=1.1)


def test_build_is_ended_soon_by_a_call_that_waits_for_its_end() -> None:
    delivery = Delivery()
    delivery.build(delivery.push(NOTHING, A), supersede=True)
    run = delivery.push(A, B)
    build, began = delivery.start_build(run).build, delivery.clock.now()

    def push_later() -> None:
        if delivery.clock.now() - began == PUSHED_AFTER:
            delivery.push(B, C)

    delivery.clock.ticks.append(push_later)
    ended = delivery.check_build(run, build, look=timedelta(minutes=5))
    assert ended.superseded == "bbbbbbb is no longer the head of main: ccccccc is"
    assert delivery.clock.now() - began == timedelta(seconds=1)


def test_running_build_goes_on_where_the_policy_says_so() -> None:
    delivery, run, build = a_build_and_a_later_push(supersede=False)
    assert delivery.check_build(run, build).kind == "RUNNING"
    assert delivery.build(run).superseded


def test_running_build_that_a_person_repeats_goes_on() -> None:
    delivery, run, build = a_build_and_a_later_push(supersede=True, again=True)
    assert delivery.check_build(run, build).kind == "RUNNING"


def test_build_that_has_failed_or_succeeded_is_not_called_superseded() -> None:
    delivery, run, build = a_build_and_a_later_push(supersede=True)
    for state in (CodeBuildState("FAILED", "1 test failed"), CodeBuildState("SUCCEEDED")):
        delivery.builds.states[build] = state
        assert delivery.check_build(run, build).kind == state.kind


def test_force_push_back_to_a_commit_whose_build_was_ended_builds_it() -> None:
    delivery, run, build = a_build_and_a_later_push(supersede=True)
    delivery.check_build(run, build)
    again = delivery.push(C, B)
    assert again == f"{run}_2", "the first run has not ended yet"
    assert delivery.start_build(again).kind == "STARTED"


def test_running_build_of_one_service_ends_for_a_later_push_of_that_service_only() -> None:
    delivery = Delivery()
    delivery.build(delivery.push(NOTHING, A), "services/hello", supersede=True)
    whole = delivery.push(A, B)
    push = Push(**delivery.executions.deliveries[whole])
    run = start_services(delivery.executions, delivery.catalogue, push, whole, {"hello": "services/hello"}, "").runs[
        "hello"
    ]
    build = delivery.start_build(run).build
    later = Push(**delivery.executions.deliveries[delivery.push(B, C)])
    start_services(delivery.executions, delivery.catalogue, later, later.execution, {"web": "services/web"}, "")
    assert delivery.check_build(run, build).kind == "RUNNING"
    start_services(delivery.executions, delivery.catalogue, later, later.execution, {"hello": "services/hello"}, "")
    why = "bbbbbbb is no longer the head of main for hello: ccccccc is"
    assert delivery.check_build(run, build).superseded == why


def test_slow_build_of_an_older_push_does_not_say_how_builds_end() -> None:
    delivery = Delivery()
    slow, quick = delivery.push(NOTHING, A), delivery.push(A, B)
    delivery.build(quick, supersede=True)
    delivery.build(slow, supersede=False)
    assert delivery.catalogue.branch(REPOSITORY, "main").ending == ("hello",)
