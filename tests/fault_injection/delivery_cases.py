"""Cases of the phases from a push to a release: one commit gives one build, one snapshot and one release."""

from collections.abc import Iterator
from typing import Any

from apps.local.git.post_receive_hook import PushedRef, deliver, push_event
from apps.local.git.repositories import BRANCH
from tests.fault_injection.cases import Case
from tests.fault_injection.environment import SERVICE, Environment, Unexpected, wait
from tests.fault_injection.faults import EVERYWHERE, Fault
from tests.fault_injection.operator import Operator

WRITES = {"receive_push": 1, "start_build": 2, "check_build": 0, "record_snapshot": 7, "promote": 6}


def cases() -> Iterator[Case]:
    """Return the cases in the order of the table: by phase, then by fault."""
    for phase, writes in WRITES.items():
        run = promoted if phase == "promote" else delivered
        yield from (Case(phase, fault, run) for fault in EVERYWHERE)
        yield from (Case(phase, Fault.BETWEEN, run, count) for count in range(1, writes))


def delivered(operator: Operator) -> str:
    """Push a commit; deliver its event again if the webhook failed, as one can on GitHub."""
    _snapshot(operator.env)
    return "one snapshot"


def promoted(operator: Operator) -> str:
    """Push a commit and promote its snapshot."""
    env = operator.env
    snapshot = _snapshot(env)
    env.extra_progress = lambda: dict(env.connection.catalogue.releases(SERVICE))
    release = env.promoted(snapshot)
    found = [name for name, of in env.connection.catalogue.releases(SERVICE).items() if of == snapshot]
    if found != [release]:
        raise Unexpected(f"{snapshot} has the releases {found}, but promote returned {release}")
    artifacts = env.connection.context.artifacts
    if artifacts.manifest(SERVICE, release).digest != artifacts.manifest(SERVICE, snapshot).digest:
        raise Unexpected(f"{release} has other bytes than its snapshot {snapshot}")
    return "one release"


def _snapshot(env: Environment) -> str:
    """Push a change; return its snapshot. Raises Unexpected if there are several snapshots or builds."""
    before = _builds(env)
    run = env.push(f"change {len(before)}")
    env.extra_progress = lambda: _steps(env, run)
    _deliver_again(env, run)
    snapshot = env.built(run)
    commit = run.removeprefix(f"{SERVICE}-")
    known = env.connection.catalogue.snapshots(SERVICE)
    found = [version for version, facts in known.items() if facts["commit"] == commit]
    if found != [snapshot]:
        raise Unexpected(f"the commit has the snapshots {found}, but its run returned {snapshot}")
    if len(new := _builds(env) - before) != 1:
        raise Unexpected(f"the commit was built {len(new)} times: {new}")
    return snapshot


def _deliver_again(env: Environment, run: str) -> None:
    """Deliver the event again every 2 s until its run has started."""

    def poll() -> bool:
        if env.connection.runs.delivery(run) is not None:
            return True
        bare = env.layout.repositories / f"{SERVICE}.git"
        commit = run.removeprefix(f"{SERVICE}-")
        deliver(env.facts, push_event(bare, PushedRef(commit, commit, f"refs/heads/{BRANCH}")))
        return False

    wait("the run to be started", poll, every=2)


def _steps(env: Environment, run: str) -> Any:
    """Return the progress of a run: its status and newest state."""
    found = env.connection.runs.delivery(run)
    return found and (found.status, env.connection.runs.current_step(run))


def _builds(env: Environment) -> set[str]:
    """Return the builds so far, as the local build service records them."""
    return {path.name for path in (env.layout.builds / "records").iterdir()}
