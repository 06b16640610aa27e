"""One seed from beginning to end: a period with faults, one without, then one in which operators answer."""

import logging
import traceback
from dataclasses import dataclass, field

from lifecycle.domain.rollout.deployment import Kind
from tests.simulation.history import Violation
from tests.simulation.invariants import ending
from tests.simulation.simulation import Simulation

HOUR = 3600.0
QUARTER = 900.0
# After so many calm seconds, convergence has run at least once.
SETTLED = 1900.0
UNATTENDED = 1.4 * HOUR
# The name of a violation that is an error of the simulation or of the code under test.
BROKEN = "the simulation failed"
ANSWERING = 12 * HOUR


@dataclass(slots=True)
class Result:
    """The outcome of one seed; `violation` is empty when every invariant held."""

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
    """Run one seed and return its result, with a timeline if `tracing`; a violation is not raised."""
    logging.disable(logging.CRITICAL)
    result = Result(seed)
    sim = Simulation(seed, tracing=tracing)
    try:
        _run_phases(sim)
    except Violation as violation:
        result.name, result.violation = violation.name, str(violation)
        sim.say("VIOLATION", str(violation))
    except Exception as error:  # noqa: BLE001 (one failing seed must not end the others)
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
    until += ending.REPAIR_LASTS
    while sim.now < until and _is_repairing(sim):
        sim.run(sim.now + 1.0)  # while no host serves, one failed repair follows another: let the last one end
    ending.all_in_order(sim)


def _is_repairing(sim: Simulation) -> bool:
    """Return whether a repair is unfinished, or its execution is about to end."""
    unfinished = any(each.request.kind is Kind.CONVERGE for each in sim.operators.unfinished())
    return unfinished or bool(sim.executions.running())


def _settled(sim: Simulation) -> bool:
    """Return True when nothing ended recently and no execution runs, not even of a fenced deployment."""
    # Convergence repairs a removal that was delivered again hours later.
    ended_at = max(sim.oracle.removed_at, *sim.oracle.ended_at.values(), 0.0)
    return sim.now - ended_at > SETTLED and not sim.executions.running()


def _answer_everything(sim: Simulation, until: float) -> None:
    """Let operators answer one question after the other until no deployment is unfinished."""
    while sim.now < until and (sim.operators.unfinished() or sim.leases.current(sim.cluster).deployment):
        sim.run(sim.now + QUARTER)
