"""The second half of the first `make run`: a good version passes its test bed, a bad one fails it.

Called by demo.py. A minute of a test bed is a second here (apps/local/aws/assembly.py). The bad version is rolled
back with one command, and the working copy is restored afterwards.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from apps.local.aws.clients import Aws
from apps.local.errors import LaptopError
from apps.local.git.repositories import commit_all
from apps.local.services.clusters import Added
from lifecycle import names
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.test_bed.model import BedState
from tools.demo.phases import Demo, DeploymentFailed, deploy, lifecycle, release_next, start_of
from tools.demo.started import TOO_BUSY, Started

_BAKE_MINUTES = re.compile(r"bake_minutes = \d+")
_MIN_ALIVE = re.compile(r"min_alive_seconds = \d+")
_WITHOUT_ERRORS, _WITH_ERRORS = "error_rate = 0.0 ", "error_rate = 0.03"


def was_deployed(facts: dict[str, Any], service: str) -> bool:
    """Return True when production of this service ever had a desired version in this environment."""
    ssm = Aws.of(facts).client("ssm")
    try:
        ssm.get_parameter(Name=names.parameter("production", service, names.DESIRED))
    except ssm.exceptions.ParameterNotFound:
        return False
    return True


def show(demo: Demo, facts: dict[str, Any], added: Added) -> None:
    """Deploy a good version, then a bad one; raise LifecycleError when either does not end as expected.

    A machine may be too busy for a verdict. The demo says so, answers in an operator's place, and goes on.
    """
    with demo.phase("A good version, through its test bed"):
        good = start_of(demo, added.service, release_next(demo, facts, added))
        with _answering(demo, good, "approve"):
            deploy(demo, added, good)
    with demo.phase("A version that answers 3 % errors, through its test bed"), _errors(added.working_copy):
        bad = start_of(demo, added.service, release_next(demo, facts, added))
        try:
            with _answering(demo, bad, "reject"):
                deploy(demo, added, bad, bad=True)
        except DeploymentFailed:
            if not failed_in_test_bed(bad):
                demo.progress.say(f"  {TOO_BUSY}: the test bed of {bad.version} had too little data; it was rejected")
                return
        else:
            raise LaptopError(f"expected {bad.version}, which answers 3 % errors, to fail its test bed; it passed")
        demo.progress.say(f"  {bad.version} was never installed on {', '.join(_untouched(bad))}")
        why = "3 % errors in the test bed"
        lifecycle(demo, "the rollback", "decide", bad.id, "ROLL_BACK", "--why", why, "--yes", "--watch")


def remove_waits_from_policy(copy: Path) -> None:
    """Turn the test bed off in lifecycle.toml, and the watch of a host that is alive: neither is orchestration."""
    file = copy / "lifecycle.toml"
    text = _BAKE_MINUTES.sub("bake_minutes = 0", file.read_text(), count=1)
    file.write_text(_MIN_ALIVE.sub("min_alive_seconds = 0", text, count=1))


@contextmanager
def _errors(copy: Path) -> Iterator[None]:
    """Turn the service's error switch on in this block.

    Raise LaptopError when a person has changed it already.
    """
    switches = copy / "switches.toml"
    good = switches.read_text()
    if _WITHOUT_ERRORS not in good:
        raise LaptopError(f"expected {_WITHOUT_ERRORS!r} in {switches}; restore that line, then run `make run` again")
    switches.write_text(good.replace(_WITHOUT_ERRORS, _WITH_ERRORS))
    try:
        yield
    finally:
        switches.write_text(good)
        commit_all(copy, "Answer without errors again")


@contextmanager
def _answering(demo: Demo, started: Started, answer: str) -> Iterator[None]:
    """Answer an undecided test bed of the demo's own deployment with `answer` in this block.

    On a busy machine there may be too few requests for a verdict, and no operator is there to decide.
    """
    stopping = threading.Event()

    def poll() -> None:
        while not stopping.wait(1.0):
            found = started.deployment()
            if found and found.state is DeploymentState.AWAITING_APPROVAL:
                demo.progress.say(f"  {TOO_BUSY}: too few requests came in time; the demo answers {answer}")
                options = ("--deployment", found.id, "--why", TOO_BUSY, *(("--yes",) if answer == "reject" else ()))
                lifecycle(demo, "the answer", answer, started.cluster.service, *options)
                return

    answering = threading.Thread(target=poll, name="answering", daemon=True)
    answering.start()
    try:
        yield
    finally:
        stopping.set()
        answering.join()


def failed_in_test_bed(started: Started) -> bool:
    """Return True when the version halted because of its verdict, False when it was undecided and rejected.

    Raises LaptopError when it was refused, or halted for any other reason.
    """
    found = started.deployment()
    if found and started.rollback():  # it was rejected, so it is rolled back already
        return False
    beds = started.context.deployments.beds(found.id) if found else ()
    halted = found is not None and found.state is DeploymentState.HALTED
    if halted and beds and beds[-1].state is BedState.FAILED:
        return True
    raise LaptopError(f"expected {started.version} to fail its test bed; {started.failure()}")


def _untouched(started: Started) -> list[str]:
    """Return the hosts of the deployment that were not in its test bed."""
    found = started.deployment()
    beds = started.context.deployments.beds(started.id)
    return [host for host in found.hosts if host != beds[-1].host] if found and beds else []
