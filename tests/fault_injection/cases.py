"""A case: a fault at a place, the deployment that meets it, and what must be true at the end."""

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

from tests.fault_injection import state_machines
from tests.fault_injection.environment import CLUSTER, Environment, Unexpected, wait
from tests.fault_injection.faults import Armed, Fault, arm, disarm, noted
from tests.fault_injection.operator import CONVERGE_SECONDS, Operator
from tests.fault_injection.traffic import Load
from tests.fault_injection.watcher import Watcher

RECOVERY_SECONDS = 60.0
# Longer than the task timeout of state_machines.py, and than the heartbeat timeout of an agent (15 s).
LATE_SECONDS = state_machines.TASK_SECONDS + 10.0
LATE = (Fault.LATE_ANSWER, Fault.LATE_EFFECT)


@dataclass(frozen=True, slots=True)
class Ended:
    """One line of the table; `problems` is empty when the case passed. Times are in seconds."""

    case: str
    ended: str
    recovery: float | None
    requests: int
    failed: int
    seconds: float
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """A fault and a scenario: `run` returns how it ended, and raises Unexpected when it failed.

    `where` is a phase or a part of the agent; `writes` is the number of writes before a BETWEEN strikes.
    """

    where: str
    fault: Fault
    run: Callable[[Operator], str]
    writes: int = 0
    title: str = ""

    @property
    def name(self) -> str:
        return self.title or f"{self.where}: {self.fault.value}{f' ({self.writes})' if self.writes else ''}"

    @property
    def id(self) -> str:
        return case_id(self.name)


def case_id(name: str) -> str:
    """Return a case's name as a file name."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def run(case: Case, env: Environment, watcher: Watcher, load: Load) -> Ended:
    """Run one case, starting from a cluster without problems; return its line of the table."""
    operator, began, problems, ended = Operator(env, watcher), time.time(), [], ""
    over = 0.0
    try:
        operator.reset()
        with _timeouts_for(case, env):
            arm(env.faults, Armed(case.id, case.where, case.fault, LATE_SECONDS, case.writes))
            ended, over = case.run(operator), time.time()
            _wait_for_late_effect(case, operator)
    except Exception as error:  # noqa: BLE001 (a case that cannot run must not end the suite)
        problems.append(f"{type(error).__name__}: {error}")
    finally:
        disarm(env.faults)
        env.extra_progress = lambda: None
    return _judge(case, operator, load, (began, over), ended, problems)


def _timeouts_for(case: Case, env: Environment) -> AbstractContextManager[None]:
    """Shorten the timeouts that the case is about; those of an agent are short enough as they are."""
    if case.where == "await_human":
        return state_machines.short_timeouts(env, pauses=True)
    if case.fault in LATE and not case.where.startswith("agent"):
        return state_machines.short_timeouts(env, pauses=False)
    return contextlib.nullcontext()


def _wait_for_late_effect(case: Case, operator: Operator) -> None:
    """Wait for the late call, and raise Unexpected if it changed anything."""
    if case.fault not in LATE or "fault" not in noted(operator.env.faults, case.id):
        return
    wait("the late call to end", lambda: "over" in noted(operator.env.faults, case.id), LATE_SECONDS + 10)
    if wrong := remaining_problems(operator, desired_version(operator.env)):
        raise Unexpected(f"after the late call: {wrong}")


def _judge(
    case: Case, operator: Operator, load: Load, times: tuple[float, float], ended: str, problems: list[str]
) -> Ended:
    (began, over), happened = times, noted(operator.env.faults, case.id)
    recovery = operator.watcher.recovered(happened["fault"], over) if "fault" in happened else None
    if "fault" not in happened:
        problems.append("the fault never fired")
    elif recovery is None or recovery > RECOVERY_SECONDS:
        problems.append(f"recovery took {recovery} s, expected at most {RECOVERY_SECONDS:.0f}")
    judged = load.judge(began, time.time())
    if judged.failures:
        problems.append(f"{len(judged.failures)} requests failed: {judged.failures[0]}")
    if judged.untested:
        problems.append(f"starts that answered without a self-test: {judged.untested}")
    if unknown := judged.versions - set(operator.env.releases.values()):
        problems.append(f"answered by unknown versions: {unknown}")
    if problems and (operator.history.halts or operator.history.convergences):
        problems.append(f"{operator.history}")
    return Ended(
        case=case.name,
        ended="failed" if problems else ended,
        recovery=recovery,
        requests=judged.requests,
        failed=len(judged.failures),
        seconds=round(time.time() - began, 1),
        problems=tuple(problems),
    )


def desired_version(env: Environment) -> str:
    """Return the desired version; empty if there is none."""
    desired = env.connection.context.registry.desired(CLUSTER)
    return desired.version if desired else ""


def other_release(env: Environment) -> str:
    """Return the one of the two plain releases that is not desired now."""
    now = desired_version(env)
    return env.releases["two"] if now == env.releases["one"] else env.releases["one"]


def remaining_problems(operator: Operator, version: str) -> list[str]:
    """Return the problems that stay after some time and up to four convergences.

    The last report may still be on its way, and convergence frees a lease that was left behind.
    """
    for _ in range(4):
        until = time.monotonic() + CONVERGE_SECONDS
        while wrong := operator.cluster_problems(version):
            if time.monotonic() > until:
                break
            time.sleep(0.2)
        else:
            return []
        operator.converge()
    return wrong


@contextlib.contextmanager
def failing_self_test(env: Environment, version: str) -> Iterator[None]:
    """Make a version fail its self-test in this block."""
    file = env.notes / f"fails-{version}"
    file.touch()
    try:
        yield
    finally:
        file.unlink()
