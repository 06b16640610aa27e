"""One seed from beginning to end: faults for a while, then calm, then people who answer."""

import logging
import traceback
from dataclasses import dataclass, field

from tests.simulation.history import Violation
from tests.simulation.invariants import ending
from tests.simulation.simulation import Simulation

HOUR = 3600.0
QUARTER = 900.0
# After this much calm a convergence has looked, at least once.
SETTLED = 1900.0
UNATTENDED = 1.4 * HOUR
# The name of what ends a run and breaks no invariant: an error of the simulation, or of the code in its hands.
BROKEN = "the simulation failed"
ANSWERING = 12 * HOUR


@dataclass(slots=True)
class Result:
    """What became of one seed."""

    seed: int
    steps: int = 0
    hours: float = 0.0
    violation: str = ""
    name: str = ""
    ends: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    timeline: list[str] = field(default_factory=list)


def run(seed: int, *, tracing: bool = False) -> Result:
    """Run one seed; a violation is in the result, with its timeline when it was traced."""
    logging.disable(logging.CRITICAL)
    result = Result(seed)
    sim = Simulation(seed, tracing=tracing)
    try:
        _run_phases(sim)
    except Violation as violation:
        result.name, result.violation = violation.name, str(violation)
        sim.say("VIOLATION", str(violation))
    except Exception as error:  # noqa: BLE001 (one seed that fails must not end a million of them)
        result.name, result.violation = BROKEN, repr(error)
        sim.say("VIOLATION", "".join(traceback.format_exception(error)))
    finally:
        logging.disable(logging.NOTSET)
    result.steps, result.hours, result.timeline = sim.steps, sim.now / HOUR, sim.timeline
    result.faults, result.known = sim.call_faults.counted, sim.oracle.known
    for record in sim.oracle.records.values():
        end = f"{record.request.kind} {record.state}"
        result.ends[end] = result.ends.get(end, 0) + 1
    for bed in sim.oracle.beds.values():
        end = f"test bed {bed.state}"
        result.ends[end] = result.ends.get(end, 0) + 1
    sim.close()
    return result


def _run_phases(sim: Simulation) -> None:
    faults_end_at = 300.0 + 4000.0 * sim.random()
    sim.operators.begin(faults_end_at)
    sim.run(faults_end_at)
    sim.faults.heal()
    sim.operators.absent = True
    sim.run(faults_end_at + SETTLED)
    while (hanging := ending.hanging(sim)) and sim.now < faults_end_at + UNATTENDED:
        sim.run(sim.now + QUARTER)
    if hanging:
        sim.oracle.fail("20 hangs", hanging)
    sim.operators.absent = False
    until = sim.now + ANSWERING
    _answer_everything(sim, until)
    sim.run(sim.now + SETTLED)
    _answer_everything(sim, until)
    while sim.now < until and not _settled(sim):
        sim.run(sim.now + QUARTER)
        _answer_everything(sim, until)
    ending.all_in_order(sim)


def _settled(sim: Simulation) -> bool:
    """Whether nothing ended lately, and no execution of an overtaken deployment is left to find that out."""
    # A removal that was delivered again, hours late, is convergence's to make good.
    ended_at = max(sim.oracle.removed_at, *sim.oracle.ended_at.values(), 0.0)
    return sim.now - ended_at > SETTLED and not sim.executions.running()


def _answer_everything(sim: Simulation, until: float) -> None:
    """People answer, one question after the other, until nothing is open."""
    while sim.now < until and (sim.operators.unfinished() or sim.leases.current(sim.cluster).deployment):
        sim.run(sim.now + QUARTER)
