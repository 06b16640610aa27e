"""Cases in which the control plane is killed and restarted; services, agents and deployments continue."""

import os
import signal
import time
from collections.abc import Iterator
from functools import partial

from apps.local import environment as local_environment
from apps.local.aws.emulator import PART as EMULATOR
from apps.local.processes import recorded
from lifecycle.domain.rollout.decision import Choice
from tests.fault_injection.cases import Case, case_id, desired_version, failing_self_test, other_release
from tests.fault_injection.environment import QUIET, wait
from tests.fault_injection.faults import Fault, note, noted
from tests.fault_injection.operator import Operator
from tests.fault_injection.rollout_cases import bed_endings, deploy_release, halted, wait_until_done

# Seconds for which the control plane is down.
DOWN_SECONDS = 3.0
ENDS_WITHIN_SECONDS = 15.0
# The phases, and the numbers of writes before the kill; 0 is before any.
DURING = tuple(
    (phase, writes)
    for phase, moments in {
        "plan": (0, 1, 2, 3, 4, 5, 7),
        "next_step": (0, 2),
        "drain": (0, 3),
        "install": (0, 2),
        "self_test": (0,),
        "register": (0, 2),
        "await_alive": (0,),
        "finish": (0, 2, 4),
        "roll_back": (0, 1, 2, 3, 4),
        "analyse": (0,),
        "end_bake": (0, 2, 4, 6, 8, 10),
    }.items()
    for writes in moments
)


def cases() -> Iterator[Case]:
    """Return a case for each phase, which is held until the kill, and for each wait for a human."""
    for how in (signal.SIGKILL, signal.SIGTERM):
        for phase, writes in DURING:
            title = f"control plane {how.name} in {phase}{f' ({writes})' if writes else ''}"
            run = _RUNS.get(phase, _restart_in_phase)
            yield Case(phase, Fault.HELD, partial(run, how=how, title=title), writes, title)
        for what, run in (("halted", _while_halted), ("waiting", _while_waiting)):
            title = f"control plane {how.name} while {what}"
            yield Case("nowhere", Fault.HELD, partial(run, how=how, title=title), title=title)


def _restart_in_phase(operator: Operator, *, how: signal.Signals, title: str) -> str:
    version = other_release(operator.env)
    name = operator.deploy(version)
    wait("the phase", lambda: _held(operator, title))
    _restart(operator, how, title)
    began = operator.wait_until_begun(name)
    return ("" if began == name else "asked for again, ") + wait_until_done(operator, began, version)


def _while_baking(operator: Operator, *, how: signal.Signals, title: str) -> str:
    name, version = deploy_release(operator, "bed")
    held = partial(_held, operator, title)
    wait("the phase, or the approval before it", lambda: held() or _has_question(operator, name))
    if not held():
        operator.answer(name, Choice.APPROVE)
        wait("the phase", held)
    _restart(operator, how, title)
    return bed_endings(operator, name, wait_until_done(operator, name, version))


def _while_rolling_back(operator: Operator, *, how: signal.Signals, title: str) -> str:
    version, before = other_release(operator.env), desired_version(operator.env)
    with failing_self_test(operator.env, version):
        name = operator.deploy(version)
        wait("the halt", lambda: halted(operator, name))
        operator.answer(name, Choice.ROLL_BACK)
        wait("the phase", lambda: _held(operator, title))
        _restart(operator, how, title)
        wait_until_done(operator, operator.wait_for_rollback(name), before)
    return "rolled back"


def _while_halted(operator: Operator, *, how: signal.Signals, title: str) -> str:
    version = other_release(operator.env)
    with failing_self_test(operator.env, version):
        name = operator.deploy(version)
        wait("the halt", lambda: halted(operator, name))
    _restart(operator, how, title)
    return wait_until_done(operator, name, version)


def _while_waiting(operator: Operator, *, how: signal.Signals, title: str) -> str:
    name, version = deploy_release(operator, "gate")
    wait("the approval", lambda: _has_question(operator, name))
    _restart(operator, how, title)
    return wait_until_done(operator, name, version)


def _held(operator: Operator, title: str) -> bool:
    return "held" in noted(operator.env.faults, case_id(title))


def _has_question(operator: Operator, name: str) -> bool:
    found = operator.record(name)
    return found is not None and operator.pending_question(found) is not None


def _restart(operator: Operator, how: signal.Signals, title: str) -> None:
    """Kill the embedded AWS, wait for DOWN_SECONDS, and start it again from its stored state."""
    env = operator.env
    part = recorded(env.layout)[EMULATOR]
    note(env.faults, case_id(title), "fault")
    os.kill(part.pid, how)
    try:
        wait("the control plane to be dead", lambda: not part.alive, ENDS_WITHIN_SECONDS)
    finally:
        if part.alive:
            os.kill(part.pid, signal.SIGKILL)
        time.sleep(DOWN_SECONDS)
        with env.supervisor.paused():
            local_environment.up(env.layout, QUIET)
        env.reconnect()


_RUNS = {"roll_back": _while_rolling_back, "analyse": _while_baking, "end_bake": _while_baking}
