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

from apps.cli.connection import on_laptop
from apps.local.aws.clients import Aws
from apps.local.errors import LaptopError
from apps.local.git.repositories import commit_all
from apps.local.ports import Ports
from apps.local.services.clusters import Added
from lifecycle import names
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.deployment import DeploymentState
from lifecycle.domain.rollout.test_bed.model import BedState
from tools.demo.phases import Demo, PhaseFailed, deploy, lifecycle, release_next

_BAKE_MINUTES = re.compile(r"bake_minutes = \d+")
_WITHOUT_ERRORS, _WITH_ERRORS = "error_rate = 0.0 ", "error_rate = 0.03"


def was_deployed(facts: dict[str, Any], service: str) -> bool:
    """Return True when production of this service ever had a desired version in this environment."""
    ssm = Aws(Ports(**facts["ports"])).client("ssm")
    try:
        ssm.get_parameter(Name=names.parameter("production", service, names.DESIRED))
    except ssm.exceptions.ParameterNotFound:
        return False
    return True


def show(demo: Demo, facts: dict[str, Any], added: Added) -> None:
    """Deploy a good version, then a bad one; raise LifecycleError when either does not end as expected."""
    with demo.phase("A good version, through its test bed"):
        good = release_next(demo, facts, added)
        with _answering(demo, added.service, "approve"):
            deploy(demo, added, good)
    with demo.phase("A version that answers 3 % errors, through its test bed"), _errors(added.working_copy):
        bad = release_next(demo, facts, added)
        try:
            with _answering(demo, added.service, "reject"):
                deploy(demo, added, bad, bad=True)
        except PhaseFailed:
            if not _failed_in_test_bed(demo, added.service, bad):
                return
        else:
            raise LaptopError(f"expected {bad}, which answers 3 % errors, to fail its test bed; it passed")
        why = "3 % errors in the test bed"
        lifecycle(demo, "the rollback", "decide", added.service, "ROLL_BACK", "--why", why, "--yes", "--watch")


def remove_from_policy(copy: Path) -> None:
    """Turn the test bed off in lifecycle.toml; the bench times orchestration, and a bake is none."""
    file = copy / "lifecycle.toml"
    file.write_text(_BAKE_MINUTES.sub("bake_minutes = 0", file.read_text(), count=1))


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
def _answering(demo: Demo, service: str, answer: str) -> Iterator[None]:
    """Answer an undecided test bed with `answer` in this block.

    On a busy machine there may be too few requests for a verdict, and no operator is there to decide.
    """
    stopping = threading.Event()
    context = on_laptop(demo.layout.environment, "operator").context

    def poll() -> None:
        while not stopping.wait(1.0):
            newest = context.deployments.recent(Cluster("production", service), 1)
            if newest and newest[0].state is DeploymentState.AWAITING_APPROVAL:
                why = "this machine was too busy for a verdict"
                lifecycle(demo, "the answer", answer, service, "-e", "production", "--why", why)
                return

    answering = threading.Thread(target=poll, name="answering", daemon=True)
    answering.start()
    try:
        yield
    finally:
        stopping.set()
        answering.join()


def _failed_in_test_bed(demo: Demo, service: str, version: str) -> bool:
    """Return True when the version halted because of its verdict, False when it was undecided and rejected.

    Raises LaptopError when it halted for any other reason.
    """
    context = on_laptop(demo.layout.environment, "operator").context
    last = context.deployments.recent(Cluster("production", service), 1)[0]
    if last.request.rollback_of:  # it was rejected, so it is rolled back already
        demo.progress.say(f"  the test bed of {version} had too little data to decide; the demo rejected the version")
        return False
    beds = context.deployments.beds(last.id)
    halted = (last.target.version, last.state) == (version, DeploymentState.HALTED)
    if not (halted and beds and beds[-1].state is BedState.FAILED):
        raise LaptopError(f"expected {version} to fail its test bed; found {last.state}: {last.reason}")
    others = [host for host in last.hosts if host != beds[-1].host]
    demo.progress.say(f"  {version} was never installed on {', '.join(others)}")
    return True
