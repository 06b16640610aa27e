"""False reports of hosts, in ways that the control plane can and must detect."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from lifecycle.domain.fleet.host import AgentStage, HostReport, SelfTest

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

OTHER = "f" * 64


def _untested(true: HostReport) -> HostReport:
    return replace(true, stage=AgentStage.DONE, failed_stage=None, self_test=None)


def _other_bytes_tested(true: HostReport) -> HostReport:
    return replace(true, self_test=replace(true.self_test, digest=OTHER)) if true.self_test else true


def _other_start_tested(true: HostReport) -> HostReport:
    return replace(true, self_test=replace(true.self_test, boot="another")) if true.self_test else true


def _next_epoch(true: HostReport) -> HostReport:
    return replace(true, epoch=true.epoch + 1, stage=AgentStage.DONE)


def _done_though_failed(true: HostReport) -> HostReport:
    test = replace(true.self_test, passed=False) if true.self_test else None
    return replace(true, stage=AgentStage.DONE, self_test=test)


def _covering_up(test: SelfTest | None) -> Callable[[HostReport], HostReport]:
    """Return a change that reports a failed self-test as DONE, with this test or none.

    An empty digest or boot in `test` stands for the true one.
    """

    def covered(true: HostReport) -> HostReport:
        if true.stage is not AgentStage.FAILED or true.failed_stage is not AgentStage.SELF_TESTING:
            return true
        self_test = replace(test, digest=test.digest or true.digest, boot=test.boot or true.boot) if test else None
        return replace(true, stage=AgentStage.DONE, failed_stage=None, self_test=self_test)

    return covered


def _other_bytes(true: HostReport) -> HostReport:
    return replace(true, digest=OTHER)


_FALSE_REPORTS: tuple[Callable[[HostReport], HostReport], ...] = (
    _untested,
    _other_bytes_tested,
    _other_start_tested,
    _next_epoch,
    _done_though_failed,
    _other_bytes,
)

# A bad host applies one of these to every report of a run.
COVER_UPS = (
    _covering_up(None),
    _covering_up(SelfTest(False, "", "", "it failed")),
    _covering_up(SelfTest(True, OTHER, "", "of other bytes")),
    _covering_up(SelfTest(True, "", "another", "of another start")),
)


def falsified(sim: "Simulation", true: HostReport, before: HostReport | None) -> HostReport:
    """Return a false report, the report before it once more, or now and then the true one."""
    number = int(sim.random() * (len(_FALSE_REPORTS) + 2))
    if number < len(_FALSE_REPORTS):
        return _FALSE_REPORTS[number](true)
    return replace(before, seen_at=true.seen_at) if before and number == len(_FALSE_REPORTS) else true
