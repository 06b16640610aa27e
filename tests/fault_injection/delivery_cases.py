"""The phases from a push to a release: one commit gives one build, one snapshot, and one release, whatever dies."""

from collections.abc import Iterator
from typing import Any

from apps.local.git.post_receive_hook import PushedRef, deliver, push_event
from apps.local.git.repositories import BRANCH
from tests.fault_injection.cases import Case
from tests.fault_injection.environment import SERVICE, Field, Unexpected, wait
from tests.fault_injection.faults import EVERYWHERE, Fault
from tests.fault_injection.operator import Operator

WRITES = {"receive_push": 1, "start_build": 1, "check_build": 0, "record_snapshot": 1, "promote": 3}


def cases() -> Iterator[Case]:
    """In the order of the table: by phase, then by fault."""
    for phase, writes in WRITES.items():
        run = promoted if phase == "promote" else delivered
        yield from (Case(phase, fault, run) for fault in EVERYWHERE)
        yield from (Case(phase, Fault.BETWEEN, run, count) for count in range(1, writes))


def delivered(operator: Operator) -> str:
    """Push a commit; it is delivered again if the webhook was not answered, as GitHub's page lets one do."""
    _snapshot(operator.field)
    return "one snapshot"


def promoted(operator: Operator) -> str:
    """Promote a new snapshot."""
    field = operator.field
    snapshot = _snapshot(field)
    field.also = lambda: dict(field.here.catalogue.releases(SERVICE))
    release = field.promoted(snapshot)
    found = [name for name, of in field.here.catalogue.releases(SERVICE).items() if of == snapshot]
    if found != [release]:
        raise Unexpected(f"{snapshot} has the releases {found}, and promote said {release}")
    artifacts = field.here.context.artifacts
    if artifacts.manifest(SERVICE, release).digest != artifacts.manifest(SERVICE, snapshot).digest:
        raise Unexpected(f"{release} has other bytes than {snapshot}")
    return "one release"


def _snapshot(field: Field) -> str:
    """Push a change, and wait for its only snapshot, made by its only build."""
    before = _builds(field)
    run = field.push(f"change {len(before)}")
    field.also = lambda: _steps(field, run)
    _deliver_again(field, run)
    snapshot = field.built(run)
    commit = run.removeprefix(f"{SERVICE}-")
    known = field.here.catalogue.snapshots(SERVICE)
    found = [version for version, facts in known.items() if facts["commit"] == commit]
    if found != [snapshot]:
        raise Unexpected(f"the commit has the snapshots {found}, and its run said {snapshot}")
    if len(new := _builds(field) - before) != 1:
        raise Unexpected(f"the commit was built {len(new)} times: {new}")
    return snapshot


def _deliver_again(field: Field, run: str) -> None:
    """Where the webhook was lost, deliver the event again after 2 s."""

    def look() -> bool:
        if field.here.runs.delivery(run) is not None:
            return True
        bare = field.layout.repositories / f"{SERVICE}.git"
        commit = run.removeprefix(f"{SERVICE}-")
        deliver(field.facts, push_event(bare, PushedRef(commit, commit, f"refs/heads/{BRANCH}")))
        return False

    wait("the run to be started", look, every=2)


def _steps(field: Field, run: str) -> Any:
    """How far a run got."""
    found = field.here.runs.delivery(run)
    return found and (found.status, field.here.runs.current_step(run))


def _builds(field: Field) -> set[str]:
    """Every build there was, as the build service on this machine records them."""
    return {path.name for path in (field.layout.builds / "records").iterdir()}
