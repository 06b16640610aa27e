"""A withdrawal and a plan of one release at the same moment: in every order of their calls exactly one wins."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from lifecycle.application.context import Context
from lifecycle.application.delivery.withdraw_release import withdraw_release
from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout.plan import begin
from lifecycle.domain.errors import Refused
from lifecycle.domain.service.withdrawal import WithdrawalState
from tests.support.polling import PATIENCE_SECONDS
from tests.support.rollout import Machine

SNAPSHOT = "1.0.2-20261123100000-aaaaaaa"
# The calls that the two can see of each other.
SHARED = {"catalogue": {"withdrawal", "put_withdrawal"}, "deployments": {"put", "recent"}, "queue": {"replace"}}


@dataclass
class Actor:
    """A call in a thread of its own, which stops before each shared call until it may take the next step."""

    run: Callable[[Context], str]
    context: Context
    answer: str = ""
    error: BaseException | None = None
    may_go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    stopped: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    ended: bool = False

    def begin(self) -> None:
        ports = {name: Gated(getattr(self.context, name), calls, self) for name, calls in SHARED.items()}
        context = replace(self.context, **ports)  # type: ignore[arg-type]

        def run() -> None:
            try:
                self.answer = self.run(context)
            except BaseException as error:  # noqa: BLE001 (raised again by the test)
                self.error = error
            self.ended = True
            self.stopped.release()

        threading.Thread(target=run, daemon=True).start()
        self._wait()

    def pause(self) -> None:
        self.stopped.release()
        self.may_go.acquire()

    def step(self) -> None:
        self.may_go.release()
        self._wait()

    def _wait(self) -> None:
        assert self.stopped.acquire(timeout=PATIENCE_SECONDS)
        if self.error:
            raise self.error


class Gated:
    """A port whose shared calls wait for their turn."""

    def __init__(self, port: Any, calls: set[str], actor: Actor) -> None:
        self._port, self._calls, self._actor = port, calls, actor

    def __getattr__(self, name: str) -> Any:
        if name in self._calls:
            self._actor.pause()
        return getattr(self._port, name)


def plan(context: Context, machine: Machine) -> str:
    request = machine.request("1.0.2")
    return begin(context, request, request.deployment).kind


def withdraw(context: Context) -> str:
    try:
        withdraw_release(context, "hello", "1.0.2", RequestedBy("bob", "it was a mistake"))
    except Refused as error:
        return str(error)
    return "DONE"


def run(order: list[int]) -> tuple[list[int], list[str], Machine]:
    """Run both; the first steps are in this order, then the plan goes first. Return the steps, and the answers."""
    machine = Machine(hosts=1)
    machine.memory.catalogue.claim_release("hello", SNAPSHOT, "1.0.2")
    actors = [Actor(lambda context: plan(context, machine), machine.context), Actor(withdraw, machine.context)]
    for each in actors:
        each.begin()
    taken: list[int] = []
    while alive := [number for number, each in enumerate(actors) if not each.ended]:
        wanted = order[len(taken)] if len(taken) < len(order) else alive[0]
        number = wanted if wanted in alive else alive[0]
        actors[number].step()
        taken.append(number)
    return taken, [each.answer for each in actors], machine


def every_order() -> Iterator[tuple[list[int], list[str], Machine]]:
    """Yield every order of the two actors' steps once."""
    waiting, seen = [list[int]()], set[tuple[int, ...]]()
    while waiting:
        prefix = waiting.pop()
        taken, answers, machine = run(prefix)
        if tuple(taken) in seen:
            continue
        seen.add(tuple(taken))
        yield taken, answers, machine
        waiting += [[*taken[:place], 1 - taken[place]] for place in range(len(prefix), len(taken))]


def test_exactly_one_of_a_plan_and_a_withdrawal_wins_in_every_order() -> None:
    winners = set()
    for taken, (planned, withdrawn), machine in every_order():
        found = machine.memory.catalogue.withdrawal("hello", "1.0.2")
        done = found is not None and found.state is WithdrawalState.DONE
        assert (planned == "PLANNED") != done, (taken, planned, withdrawn)
        assert done == (withdrawn == "DONE"), (taken, planned, withdrawn)
        assert planned in ("PLANNED", "REFUSED"), (taken, planned)
        record = next(iter(machine.memory.deployments.recent(machine.cluster, 9)), None)
        assert done == (record is None or record.state.final), "a deployment that lost is closed"
        winners.add("withdrawal" if done else "plan")
    assert winners == {"withdrawal", "plan"}


def test_a_lost_withdrawal_names_the_deployment_that_won() -> None:
    _, (planned, withdrawn), _ = run([0] * 50)
    assert planned == "PLANNED"
    assert "hello-production-" in withdrawn
    assert "deploys it to production/hello, RUNNING" in withdrawn
