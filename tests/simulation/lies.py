"""Reports that are not true, in ways that the control plane can and must detect."""

from dataclasses import replace
from typing import TYPE_CHECKING

from lifecycle.domain.fleet import HostReport, Stage

if TYPE_CHECKING:
    from tests.simulation.simulation import Simulation

OTHER = "f" * 64


def told(sim: "Simulation", true: HostReport, before: HostReport | None) -> HostReport:
    """One of several lies, or now and then the truth."""
    match int(sim.random() * 8):
        case 0:
            return replace(true, stage=Stage.DONE, failed_stage=None, self_test=None)
        case 1 if true.self_test:
            return replace(true, self_test=replace(true.self_test, digest=OTHER))
        case 2 if true.self_test:
            return replace(true, self_test=replace(true.self_test, boot="another"))
        case 3:
            return replace(true, epoch=true.epoch + 1, stage=Stage.DONE)
        case 4 if before is not None:
            return replace(before, seen_at=true.seen_at)
        case 5 if true.self_test:
            return replace(true, stage=Stage.DONE, self_test=replace(true.self_test, passed=False))
        case 6:
            return replace(true, digest=OTHER)
        case _:
            return true
