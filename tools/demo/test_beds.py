"""The second half of the first `make run`: a good version passes its test bed, one that answers errors fails it.

A minute of a test bed is a second here (apps/local/aws/assembly.py). The bad version is rolled back with one command,
and the working copy is good again afterwards.
"""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from tools.demo.demo import Tour

_BAKES = re.compile(r"bake_minutes = \d+")
_GOOD, _BAD = "error_rate = 0.0 ", "error_rate = 0.03"


def was_deployed(facts: dict[str, Any], service: str) -> bool:
    """Whether a version of the service was ever wanted in production here."""
    ssm = Aws(Ports(**facts["ports"])).client("ssm")
    try:
        ssm.get_parameter(Name=names.parameter("production", service, names.DESIRED))
    except ssm.exceptions.ParameterNotFound:
        return False
    return True


def show(tour: "Tour", facts: dict[str, Any], added: Added) -> None:
    """A good version, then a bad one; raises LifecycleError where either ends otherwise."""
    from tools.demo import demo as taken  # noqa: PLC0415 (it imports this module)

    with tour.phase("A good version, through its test bed"):
        good = taken.release_next(tour, facts, added)
        with _answering(tour, added.service, "approve"):
            taken.deploy(tour, added, good)
    with (
        tour.phase("A version that answers 3 % errors, through its test bed"),
        _errors(added.working_copy),
    ):
        bad = taken.release_next(tour, facts, added)
        try:
            with _answering(tour, added.service, "reject"):
                taken.deploy(tour, added, bad, bad=True)
        except taken.PhaseFailed:
            if not _failed_there(tour, added.service, bad):
                return
        else:
            raise LaptopError(f"expected {bad}, which answers 3 % errors, to fail its test bed; it passed")
        why = "3 % errors in the test bed"
        taken.lifecycle(
            tour, "the rollback", "decide", added.service, "ROLL_BACK", "--why", why, "--yes", "--watch"
        )


def do_without(copy: Path) -> None:
    """Production is deployed without a test bed, as the bench wants it: a bake is no orchestration."""
    file = copy / "lifecycle.toml"
    file.write_text(_BAKES.sub("bake_minutes = 0", file.read_text(), count=1))


@contextmanager
def _errors(copy: Path) -> Iterator[None]:
    """The service's switch is on meanwhile; a person's own change of it is left alone."""
    switches = copy / "switches.toml"
    good = switches.read_text()
    if _GOOD not in good:
        raise LaptopError(f"expected {_GOOD!r} in {switches}; put it back, then run again")
    switches.write_text(good.replace(_GOOD, _BAD))
    try:
        yield
    finally:
        switches.write_text(good)
        commit_all(copy, "No errors any more")


@contextmanager
def _answering(tour: "Tour", service: str, answer: str) -> Iterator[None]:
    """Meanwhile, answer for the operator where this machine is too busy for a verdict; nobody is there to wait."""
    stopping = threading.Event()
    context = on_laptop(tour.layout.environment, "operator").context

    def look() -> None:
        from tools.demo import demo as taken  # noqa: PLC0415 (it imports this module)

        while not stopping.wait(1.0):
            newest = context.deployments.recent(Cluster("production", service), 1)
            if newest and newest[0].state is DeploymentState.AWAITING_APPROVAL:
                why = "this machine was too busy for a verdict"
                taken.lifecycle(tour, "the answer", answer, service, "-e", "production", "--why", why)
                return

    answering = threading.Thread(target=look, name="answering", daemon=True)
    answering.start()
    try:
        yield
    finally:
        stopping.set()
        answering.join()


def _failed_there(tour: "Tour", service: str, version: str) -> bool:
    """That it halted because of its verdict, and for no other reason; False where it was undecided, and rejected."""
    context = on_laptop(tour.layout.environment, "operator").context
    last = context.deployments.recent(Cluster("production", service), 1)[0]
    if last.request.rollback_of:  # it was rejected, and is rolled back already
        tour.progress.say(f"  the test bed of {version} was undecided, and rejected")
        return False
    beds = context.deployments.beds(last.id)
    halted = (last.target.version, last.state) == (version, DeploymentState.HALTED)
    if not (halted and beds and beds[-1].state is BedState.FAILED):
        raise LaptopError(f"expected {version} to fail its test bed, found {last.state}: {last.reason}")
    others = [host for host in last.hosts if host != beds[-1].host]
    tour.progress.say(f"  {version} never came to {', '.join(others)}")
    return True
