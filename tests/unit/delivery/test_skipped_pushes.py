"""A push that asks for no build supersedes nothing: the newest push that asks for one is wanted."""

from dataclasses import replace

from lifecycle.application.delivery.receive_push import Push, start_head
from lifecycle.domain.delivery.branch import NOTHING
from tests.support.branch_delivery import NOW, REPOSITORY, A, B, C, D, Delivery

SKIP = "[skip ci]"


def skipping(delivery: Delivery, before: str, after: str, *, forced: bool = False) -> str:
    """Push a commit that asks for no build, and let its run end; return the run."""
    run = str(delivery.receive(replace(delivery.pushed(before, after), skip=SKIP, forced=forced)).body["run"])
    found = delivery.start_build(run)
    assert (found.kind, found.superseded) == ("NOTHING", "")
    delivery.executions.outputs[run] = {"nothing": found.reason, "superseded": "", "unchanged": ""}
    return run


def test_running_build_goes_on_after_a_skipped_push_and_is_deployed() -> None:
    delivery = Delivery()
    delivery.build(delivery.push(NOTHING, C), supersede=True)
    run = delivery.push(C, A)
    build = delivery.start_build(run).build
    skipping(delivery, A, B)
    assert delivery.check_build(run, build).kind == "RUNNING"
    assert delivery.build(run).staging
    assert len(delivery.executions.deliveries) == 3, "no run is started twice"


def test_older_push_stays_superseded_after_a_skipped_one() -> None:
    delivery = Delivery()
    older, newer = delivery.push(NOTHING, A), delivery.push(A, B)
    skipping(delivery, B, C)
    why = delivery.build(older).superseded
    assert why == "aaaaaaa is older than bbbbbbb, the newest push to main that asks for a build"
    assert delivery.build(newer).staging


def test_event_that_comes_after_that_of_a_skipped_push_is_delivered() -> None:
    delivery = Delivery()
    first, skipped = delivery.pushed(NOTHING, A), replace(delivery.pushed(A, B), skip=SKIP)
    delivery.receive(skipped)
    found = delivery.receive(first)
    assert found.body == {"message": "started", "run": f"hello-{A}"}
    assert delivery.receive(first).body["run"] == f"hello-{A}", "a redelivery"
    assert delivery.build(f"hello-{A}").staging


def test_force_push_back_to_a_skipped_commit_deploys_what_is_below_it() -> None:
    delivery = Delivery()
    good = delivery.push(NOTHING, A)
    delivery.build(good)
    skipping(delivery, A, B)
    bad = delivery.push(B, C)
    delivery.build(bad)
    delivery.receive(replace(delivery.pushed(C, B), skip=SKIP, forced=True))
    assert delivery.deploy_again(f"hello-{A}_2").staging
    assert delivery.build(bad).superseded


def test_forced_push_to_a_new_skipped_commit_wants_nothing_from_before() -> None:
    """Nobody knows which of the older commits it has: the next push builds what it wants."""
    delivery = Delivery()
    run = delivery.push(NOTHING, A)
    skipping(delivery, A, B, forced=True)
    assert delivery.build(run).superseded == "aaaaaaa is no longer the head of main: bbbbbbb is"


def test_skipped_head_is_built_for_a_person_and_deployed() -> None:
    delivery = Delivery()
    older = delivery.push(NOTHING, A)
    skipped = skipping(delivery, A, B)
    read = Push(REPOSITORY, "hello", B, "main", "ada", "", head_read=NOW.isoformat())
    run, _ = start_head(read, delivery.executions, delivery.catalogue)
    assert run != skipped
    assert delivery.start_build(run).kind == "STARTED"
    assert "LIFECYCLE_SKIP_CI" not in next(iter(delivery.builds.started.values()))
    assert delivery.build(run).staging
    assert delivery.build(older).staging is None


def test_skipped_push_that_a_person_builds_again_is_wanted_from_then_on() -> None:
    delivery = Delivery()
    older = delivery.push(NOTHING, A)
    skipped = skipping(delivery, A, B)
    delivery.executions.deliveries[skipped]["again"] = True
    assert delivery.start_build(skipped).kind == "STARTED"
    assert delivery.build(skipped).staging
    assert delivery.build(older).staging is None


def test_first_push_that_is_known_starts_no_build_of_the_commit_before_it() -> None:
    delivery = Delivery()
    skipping(delivery, D, A)
    assert list(delivery.executions.deliveries) == [f"hello-{A}"]
