"""Operators and the schedule: they deploy, decide, roll back and converge, sometimes wrongly or late."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from lifecycle.application.rollout.requests import payload
from lifecycle.domain.rollout.decision import Choice, Question, QuestionKind
from lifecycle.domain.rollout.deployment import (
    Deployment,
    DeploymentState,
    Kind,
    Override,
    Request,
    deployment_id,
)
from lifecycle.names import Partition
from tests.simulation.history import CONVERGE_EVERY
from tests.simulation.scenario import VERSIONS

if TYPE_CHECKING:
    from tests.simulation.machine import Execution
    from tests.simulation.simulation import Simulation

_CLUSTER = {"service": "hello", "environment": "production"}


class Operators:
    """The actions of operators, and convergence every 15 minutes.

    `absent`: they answer nothing. `tries_left` bounds how often they choose RETRY or EXTEND.
    """

    def __init__(self, sim: "Simulation") -> None:
        self._sim = sim
        self.absent = False
        self.tries_left = 6

    def begin(self, until: float) -> None:
        """Schedule deployments until `until`, convergence, and the checks for questions."""
        sim, rng = self._sim, self._sim.rng
        sim.at(1.0 + rng.random(), self.deploy)
        if rng.random() < 0.15:
            sim.at(1.5 + rng.random(), self.deploy)
        for _ in range(rng.choice((0, 0, 1, 1, 2))):
            sim.at(until * rng.random(), self.deploy)
        sim.at(CONVERGE_EVERY * rng.random(), self._scheduled)
        sim.after(30.0, 400.0, self._check_questions)

    def _scheduled(self) -> None:
        self.converge("schedule")
        self._sim.at(self._sim.now + CONVERGE_EVERY, self._scheduled)

    def converge(self, by: str = "grace") -> None:
        sim = self._sim
        suffix = f"{sim.rng.getrandbits(16):04x}"
        given = {"suffix": suffix, "requested_by": by}
        sim.invoke("converge", given, lambda _r, _e: None)

    def converge_after(self, execution: "Execution") -> None:
        """Call convergence as EventBridge does, within seconds; it may lose the event."""
        sim = self._sim
        if not sim.calm and sim.random() < 0.1:
            sim.call_faults.count("event lost")
            return
        began, ended = (int(1000 * at) for at in (execution.began_at, execution.ended_at))
        detail = {"name": execution.name, "startDate": began, "stopDate": ended, "input": json.dumps(execution.given)}
        given = {"suffix": f"{sim.rng.getrandbits(16):04x}", "detail": detail}
        sim.after(0.2, 5.0, lambda: sim.invoke("converge", given, lambda _r, _e: None))

    def converge_ended(self, host: str) -> None:
        """Call convergence as the ledger's stream does for a report of an end; its call may be lost."""
        sim = self._sim
        if not sim.calm and sim.random() < 0.1:
            sim.call_faults.count("stream record lost")
            return
        record = {"dynamodb": {"Keys": {"pk": {"S": f"{Partition.REPORTS}{sim.cluster}"}, "sk": {"S": host}}}}
        given = {"suffix": f"{sim.rng.getrandbits(16):04x}", "Records": [record]}
        sim.after(0.2, 3.0, lambda: sim.invoke("converge", given, lambda _r, _e: None))

    def deploy(self, version: str = "") -> None:
        """Start a deployment, unless the run is calm; of a random version by default."""
        sim, rng = self._sim, self._sim.rng
        if sim.calm:
            return
        overrides = tuple(each for each in Override if rng.random() < 0.2)
        self._start(version or rng.choice(VERSIONS), overrides)

    def _start(self, version: str, overrides: tuple[Override, ...]) -> None:
        sim, rng = self._sim, self._sim.rng
        name = deployment_id(sim.cluster, sim.time(), f"{rng.getrandbits(16):04x}")
        request = Request(name, "hello", "production", version, "ada", "wanted", Kind.DEPLOY, overrides=overrides)
        sim.oracle.deployment_requested(request)
        self.request(request, lambda: sim.executions.start_execution(name, payload(request), by="ada"))

    def request(self, request: Request, then: Callable[[], object]) -> None:
        """Record a request, as the command line does; `then` starts it. It gives up after an error."""
        given = {name: value for name, value in asdict(request).items() if value not in (None, ())}
        self._sim.invoke("request", given, lambda _, error: None if error else _ignored(then()))

    def _check_questions(self) -> None:
        sim = self._sim
        if not self.absent:
            pending = self.open_questions()
            if pending:
                self._answer(sim.rng.choice(pending))
            elif not sim.calm and sim.random() < 0.3:
                self._interfere()
            self._clean_up()
        sim.after(30.0, 400.0, self._check_questions)

    def unfinished(self) -> Sequence[Deployment]:
        found = self._sim.deployments.recent(self._sim.cluster, 50)
        return [each for each in found if not each.state.final]

    def open_questions(self) -> list[Question]:
        return [q for d in self.unfinished() for q in self.questions_of(d)]

    def questions_of(self, record: Deployment, late: timedelta = timedelta()) -> list[Question]:
        """Return the questions of a deployment that have no answer, and expired at most `late` ago."""
        sim = self._sim
        now = sim.time()
        asked = sim.deployments.questions(record.id)
        return [q for q in asked if not (q.answer or q.expired(now - late) or q.kind is QuestionKind.ROLLBACK)]

    def _answer(self, question: Question) -> None:
        """Answer a question; sometimes about another host or attempt, or twice."""
        sim, rng = self._sim, self._sim.rng
        host, attempt = question.host, question.attempt
        choice = self._choose(question)
        if not sim.calm and rng.random() < 0.15:
            sim.call_faults.count("wrong answer")
            host, attempt = rng.choice((("host-1", attempt), (host, attempt + 1), ("host-99", 1)))
            choice = rng.choice(tuple(Choice))
        self._send_answer(question.deployment, choice, host, attempt)
        if not sim.calm and rng.random() < 0.15:
            sim.call_faults.count("answered twice")
            other = rng.choice(question.choices)
            sim.after(0.0, 60.0, lambda: self._send_answer(question.deployment, other, host, attempt))

    def _choose(self, question: Question) -> Choice:
        """Return a random choice; RETRY and EXTEND only while there are tries left."""
        rng = self._sim.rng
        again = (Choice.RETRY, Choice.EXTEND)
        choices = [c for c in question.choices if c not in again or self.tries_left > 0]
        choice = rng.choice(choices)
        self.tries_left -= choice in again
        return choice

    def _send_answer(self, deployment: str, choice: Choice, host: str, attempt: int) -> None:
        by = self._sim.rng.choice(("grace", "linus", "ada"))
        given = {
            "deployment": deployment,
            "service": "hello",
            "environment": "production",
            "choice": choice,
            "by": by,
            "why": "as I see it",
            "host": host,
            "attempt": attempt,
        }
        function = "approve" if choice in (Choice.APPROVE, Choice.REJECT, Choice.EXTEND) else "decide"
        self._sim.invoke(function, given, lambda _r, _e: None)

    def _interfere(self) -> None:
        """Pause a running deployment, or ask for its rollback."""
        if found := [each for each in self.unfinished() if each.state is not DeploymentState.QUEUED]:
            choice = self._sim.rng.choice((Choice.ROLL_BACK, Choice.PAUSE, Choice.PAUSE))
            self._sim.call_faults.count(f"operator says {choice}")
            self._send_answer(found[0].id, choice, "", 0)

    def _clean_up(self) -> None:
        """Lift freezes, restore the desired version, and remove hosts whose machine is gone, once the run is calm."""
        sim = self._sim
        if not sim.calm:
            return
        if sim.oracle.desired_by_hand_at is not None and not self.unfinished():
            self._start(self._last_verified(), tuple(Override))
        for freeze in sim.freezes.all():
            self.freeze(freeze.scope, lift=True)
        for host in sim.hosts.values():
            if host.left and sim.fleet.report(sim.cluster, host.name) is not None:
                self.remove_host(host.name)

    def _last_verified(self) -> str:
        recent = self._sim.deployments.recent(self._sim.cluster, 200)
        done = (each for each in recent if each.state is DeploymentState.DONE and not each.request.only)
        return next((each.target.version for each in done), VERSIONS[0])

    def freeze(self, scope: str, *, lift: bool = False) -> None:
        given = {"scope": scope, "by": "linus", "why": "as I see it", "lift": lift}
        self._sim.invoke("freeze", given, lambda _r, _e: None)

    def remove_host(self, host: str) -> None:
        given = {**_CLUSTER, "host": host, "by": "linus", "why": "it is gone", "terminated": True}
        self._sim.invoke("remove_host", given, lambda _r, _e: None)

    def quarantine(self, name: str, *, lift: bool = False) -> None:
        given = {**_CLUSTER, "name": name, "by": "linus", "why": "as I see it", "lift": lift}
        self._sim.invoke("quarantine", given, lambda _r, _e: None)


def _ignored(_: object) -> None:
    return
