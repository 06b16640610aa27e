"""A case: a fault at a place, how it is provoked, and what has to be true in the end."""

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
# How late is late: longer than a task may take in the machines of state_machines.py, and than an agent may be silent.
LATE_SECONDS = state_machines.TASK_SECONDS + 5.0
LATE = (Fault.LATE_ANSWER, Fault.LATE_EFFECT)


@dataclass(frozen=True, slots=True)
class Ended:
    """One line of the table; `problems` is empty when the case is well."""

    case: str
    ended: str
    recovery: float | None
    requests: int
    failed: int
    seconds: float
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """`run` does it and says how it ended; it raises Unexpected when it did not end well.

    `where` is a phase or a part of the agent; `writes` is after how many writes a BETWEEN strikes.
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
    """A case's name as that of a file."""
    return "".join(letter if letter.isalnum() else "-" for letter in name)


def run(case: Case, env: Environment, watcher: Watcher, load: Load) -> Ended:
    """One case, from a cluster in its place to a cluster in its place."""
    operator, began, problems, ended = Operator(env, watcher), time.time(), [], ""
    over = 0.0
    try:
        operator.reset()
        with _timeouts_for(case, env):
            arm(env.faults, Armed(case.id, case.where, case.fault, LATE_SECONDS, case.writes))
            ended, over = case.run(operator), time.time()
            _wait_for_late_effect(case, operator)
    except Exception as error:  # noqa: BLE001 (one case that cannot be run must not end the matrix)
        problems.append(f"{type(error).__name__}: {error}")
    finally:
        disarm(env.faults)
        env.extra_progress = lambda: None
    return _judge(case, operator, load, (began, over), ended, problems)


def _timeouts_for(case: Case, env: Environment) -> AbstractContextManager[None]:
    """The patience that the case is about; an agent's is another, and short enough here as it is."""
    if case.where == "await_human":
        return state_machines.short_timeouts(env, pauses=True)
    if case.fault in LATE and not case.where.startswith("agent"):
        return state_machines.short_timeouts(env, pauses=False)
    return contextlib.nullcontext()


def _wait_for_late_effect(case: Case, operator: Operator) -> None:
    """What comes too late must change nothing."""
    if case.fault not in LATE or "fault" not in noted(operator.env.faults, case.id):
        return
    wait("the late one", lambda: "over" in noted(operator.env.faults, case.id), LATE_SECONDS + 10)
    if wrong := remaining_problems(operator, desired_version(operator.env)):
        raise Unexpected(f"the late one left {wrong}")


def _judge(
    case: Case, operator: Operator, load: Load, times: tuple[float, float], ended: str, problems: list[str]
) -> Ended:
    (began, over), happened = times, noted(operator.env.faults, case.id)
    recovery = operator.watcher.recovered(happened["fault"], over) if "fault" in happened else None
    if "fault" not in happened:
        problems.append("the fault never fired")
    elif recovery is None or recovery > RECOVERY_SECONDS:
        problems.append(f"recovery took {recovery} s")
    judged = load.judge(began, time.time())
    if judged.failures:
        problems.append(f"{len(judged.failures)} requests failed: {judged.failures[0]}")
    if judged.untested:
        problems.append(f"answered without a self-test: {judged.untested}")
    if unknown := judged.versions - set(operator.env.releases.values()):
        problems.append(f"answered by {unknown}")
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
    """The version that is desired."""
    desired = env.connection.context.registry.desired(CLUSTER)
    return desired.version if desired else ""


def other_release(env: Environment) -> str:
    """One of the two plain releases, which is not served now."""
    now = desired_version(env)
    return env.releases["two"] if now == env.releases["one"] else env.releases["one"]


def remaining_problems(operator: Operator, version: str) -> list[str]:
    """What stays wrong: the last report may be on its way, and a lease that nobody freed is convergence's to free."""
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
    """A version fails its self-test meanwhile."""
    file = env.notes / f"fails-{version}"
    file.touch()
    try:
        yield
    finally:
        file.unlink()
