"""The cancellation of a run: its execution ends first, and then its build."""

import pytest

from lifecycle.application.delivery.cancel_run import cancel_run
from lifecycle.application.operator_command import RequestedBy
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.execution import ExecutionState
from tests.fakes.builds import MemoryBuilds
from tests.fakes.context import MemoryContext

RUN = "hello-" + "ab12" * 10
ADA = RequestedBy("ada", "the wrong branch")


@pytest.fixture
def memory() -> MemoryContext:
    return MemoryContext({})


@pytest.fixture
def builds() -> MemoryBuilds:
    return MemoryBuilds()


def begun(memory: MemoryContext, builds: MemoryBuilds, run: str = RUN, repository: str = "") -> str:
    """Start a run and its build; return the build's id."""
    memory.executions.start_delivery(run, {"repository": repository})
    build = builds.start("url", "ab12" * 10, run, {})
    memory.executions.builds[run] = build
    return build


def test_a_running_run_and_its_build_end_with_an_audit_entry(memory: MemoryContext, builds: MemoryBuilds) -> None:
    build = begun(memory, builds)
    found = cancel_run(memory.context, builds, RUN, ADA)
    assert found.build == build
    assert memory.executions.delivery_state(RUN) is ExecutionState.STOPPED
    assert memory.executions.causes[RUN] == "cancelled by ada: the wrong branch"
    assert builds.state(build).kind == "FAILED"
    (entry,) = memory.audit_log.read(Cluster("production", "hello"))
    assert (entry.what, entry.who, entry.why) == (f"cancel the run {RUN}", "ada", "the wrong branch")


def test_the_run_of_one_service_is_recorded_under_that_service(memory: MemoryContext, builds: MemoryBuilds) -> None:
    run = "api--" + "ab12" * 10
    begun(memory, builds, run)
    cancel_run(memory.context, builds, run, ADA)
    assert len(memory.audit_log.read(Cluster("production", "api"))) == 1


@pytest.mark.parametrize(
    ("repository", "service"),
    [("Shop_Web", "shop-web"), ("__", "unnamed"), ("9_Lives", "x9-lives"), ("a" * 30 + "_b", "a" * 24)],
)
def test_cancelled_run_of_a_repository_whose_name_no_service_can_have_is_on_record(
    memory: MemoryContext, builds: MemoryBuilds, repository: str, service: str
) -> None:
    run = f"{repository}-" + "ab12" * 10
    build = begun(memory, builds, run)
    cancel_run(memory.context, builds, run, ADA)
    assert builds.state(build).kind == "FAILED"
    (entry,) = memory.audit_log.read(Cluster("production", service))
    assert (entry.what, entry.who) == (f"cancel the run {run}", "ada")


def test_cancelled_run_is_on_record_at_every_service_that_its_repository_was_built_as(
    memory: MemoryContext, builds: MemoryBuilds
) -> None:
    """The repository `shop` has other services than one of its own name; a push is about all of them."""
    repository, run = "https://example.test/Shop_Web", "Shop_Web-" + "ab12" * 10
    for service in ("api", "web", "api"):
        memory.catalogue.change_builds(repository, lambda found, name=service: found.recorded(name, None))  # type: ignore[misc]
    begun(memory, builds, run, repository)
    cancel_run(memory.context, builds, run, ADA)
    assert [each.cluster for each in memory.audit_log.entries] == ["production/web", "production/api"]


def test_a_run_before_its_build_is_stopped_and_says_so(memory: MemoryContext, builds: MemoryBuilds) -> None:
    memory.executions.start_delivery(RUN, {})
    found = cancel_run(memory.context, builds, RUN, ADA)
    assert found.build == ""
    assert "just starting" in found.message


def test_a_repeat_stops_the_build_of_a_run_that_was_stopped_before(
    memory: MemoryContext, builds: MemoryBuilds
) -> None:
    build = begun(memory, builds)
    memory.executions.stop_delivery(RUN, "the function died after this")
    cancel_run(memory.context, builds, RUN, ADA)
    assert builds.state(build).kind == "FAILED"


def test_a_run_that_has_ended_is_refused_and_its_build_stays(memory: MemoryContext, builds: MemoryBuilds) -> None:
    build = begun(memory, builds)
    memory.executions.delivered.add(RUN)
    with pytest.raises(Refused, match="it has ended"):
        cancel_run(memory.context, builds, RUN, ADA)
    assert builds.state(build).kind == "RUNNING"
    assert memory.audit_log.read(Cluster("production", "hello")) == []


@pytest.mark.parametrize("run", [RUN, "hello", "", "x" * 300])
def test_an_unknown_run_is_refused(run: str, memory: MemoryContext, builds: MemoryBuilds) -> None:
    with pytest.raises(Unknown):
        cancel_run(memory.context, builds, run, ADA)
