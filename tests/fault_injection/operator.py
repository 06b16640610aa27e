"""The operator of the suite: starts deployments, answers each question once, converges, and waits."""

import dataclasses
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta

from apps.cli.start import request_payload
from lifecycle.application.rollout.requests import payload
from lifecycle.domain.fleet.target_group import TargetState
from lifecycle.domain.rollout.decision import Choice, Question
from lifecycle.domain.rollout.deployment import Deployment, DeploymentState, Override, Request, deployment_id
from lifecycle.gateways.aws.leases import DynamoLeases
from lifecycle.gateways.aws.table import Table
from tests.fault_injection.environment import CLUSTER, OPERATOR, Environment, Unexpected
from tests.fault_injection.watcher import Watcher

# Seconds without progress after which convergence runs here; on AWS it runs every 15 minutes by default.
CONVERGE_SECONDS = 5.0
_TIMEOUT_SECONDS = 120.0
_POLL_SECONDS = 0.2


@dataclass(slots=True)
class History:
    """The answers, halts and convergences of a case."""

    answers: list[str] = dataclasses.field(default_factory=list)
    halts: list[str] = dataclasses.field(default_factory=list)
    convergences: list[str] = dataclasses.field(default_factory=list)


@dataclass(slots=True)
class Operator:
    """The operator, with the history of the case."""

    env: Environment
    watcher: Watcher
    history: History = dataclasses.field(default_factory=History)

    def deploy(self, version: str) -> str:
        """Start a deployment; return its id."""
        connection = self.env.connection
        request = Request(
            deployment=deployment_id(CLUSTER, connection.context.clock.now(), secrets.token_hex(2)),
            service=CLUSTER.service,
            environment=CLUSTER.environment,
            version=version,
            requested_by=OPERATOR,
            overrides=(Override.QUARANTINE,),
        )
        self.env.invoke("request", request_payload(request))
        connection.context.executions.start_rollout(request.deployment, payload(request))
        return request.deployment

    def finish(self, name: str, answer: Choice = Choice.RETRY) -> Deployment:
        """Wait for the end of a deployment, and answer one halt. Raises Unexpected when it does not end."""
        until = time.monotonic() + _TIMEOUT_SECONDS
        converged = time.monotonic()
        while True:
            found = self.record(name)
            if found and found.state.final and not self._runs(found.execution):
                return found
            if found and (question := self.pending_question(found)):
                self._answer(found, question, answer)
            if self.watcher.quiet_seconds() > CONVERGE_SECONDS < time.monotonic() - converged:
                converged = time.monotonic()
                self.converge()
            if time.monotonic() > until:
                state = f"{found.state}, {found.reason}" if found else "never recorded"
                raise Unexpected(f"{name} does not end: {state}; {self.history}")
            time.sleep(_POLL_SECONDS)

    def wait_until_begun(self, name: str) -> str:
        """Wait until the deployment is recorded; return its id.

        If it died before that, start another one and return that id.
        """
        requested = self.env.connection.context.requests.find(name)
        if requested is None:
            raise Unexpected(f"{name} was started without a request on record")
        until = time.monotonic() + _TIMEOUT_SECONDS
        while self.record(name) is None:
            self.converge()
            lease = self.env.connection.context.leases.current(CLUSTER)
            if not lease.deployment and not self._runs(name):
                return self.deploy(requested.request.version)
            if time.monotonic() > until:
                raise Unexpected(f"{name} never began, and {lease} blocks others; {self.history.convergences}")
            time.sleep(1)
        return name

    def wait_for_rollback(self, name: str) -> str:
        """Wait until the rollback of a deployment is recorded; return its id."""
        until = time.monotonic() + _TIMEOUT_SECONDS
        while True:
            recent = self.env.connection.context.deployments.recent(CLUSTER, 5)
            if found := next((each.id for each in recent if each.request.rollback_of == name), None):
                return found
            self.converge()
            if time.monotonic() > until:
                raise Unexpected(f"the rollback of {name} never began; {self.history.convergences}")
            time.sleep(1)

    def answer(self, name: str, choice: Choice) -> None:
        """Answer the question that a deployment waits for."""
        found = self.record(name)
        question = self.pending_question(found) if found else None
        if found is None or question is None:
            raise Unexpected(f"{name} waits for no answer")
        self._answer(found, question, choice)

    def _runs(self, execution: str) -> bool:
        run = self.env.connection.runs.rollout(execution)
        return run is not None and run.running

    def record(self, name: str) -> Deployment | None:
        return self.env.connection.context.deployments.get(CLUSTER, name)

    def pending_question(self, found: Deployment) -> Question | None:
        """Return the question that a deployment waits for, if any."""
        if found.state not in (DeploymentState.HALTED, DeploymentState.AWAITING_APPROVAL):
            return None
        questions = self.env.connection.context.deployments.questions(found.id)
        return next((each for each in questions if each.answer is None), None)

    def converge(self) -> None:
        """Run convergence, as the schedule does."""
        results = self.env.invoke("converge", {"requested_by": "schedule"})
        reasons = [f"{each['kind']}: {each['reason']}" for each in results if each["cluster"] == str(CLUSTER)]
        self.history.convergences += [each for each in reasons if each not in self.history.convergences]

    def _answer(self, found: Deployment, question: Question, answer: Choice) -> None:
        if question.host:
            self.history.halts.append(f"{question.host}: {question.reason}")
            if len(self.history.halts) > 1:
                raise Unexpected(f"{found.id} halted again: {self.history.halts}")
            self._wait_for_the_agent(question.host)
        phase, choice = ("decide", answer) if question.host else ("approve", Choice.APPROVE)
        about = {"host": question.host, "attempt": question.attempt} if question.host else {}
        asked = {
            "deployment": found.id,
            "service": CLUSTER.service,
            "environment": CLUSTER.environment,
            "choice": str(choice),
            "by": OPERATOR,
            "why": "fault injection",
            **about,
        }
        result = self.env.invoke(phase, asked)
        # If the reply to an answer was lost, the answer is sent again; then the error says that it was given
        # already.
        already_done = ("answered", f"has ended: {DeploymentState.DONE}")
        if "error" in result and not any(word in result["error"] for word in already_done):
            raise Unexpected(f"{phase} was refused: {result['error']}")
        self.history.answers.append(str(choice))

    def _wait_for_the_agent(self, host: str) -> None:
        """Wait until the host is reachable, as an operator would before a RETRY."""
        context, until = self.env.connection.context, time.monotonic() + 60
        while (report := context.fleet.report(CLUSTER, host)) and time.monotonic() < until:
            if not report.unreachable_since(context.clock.now(), timedelta(seconds=5)):
                return
            time.sleep(_POLL_SECONDS)

    def cluster_problems(self, version: str) -> list[str]:
        """Return the problems of the cluster, if it should serve this version on every host."""
        context = self.env.connection.context
        lease, desired = context.leases.current(CLUSTER), context.registry.desired(CLUSTER)
        targets, reports = context.dispatcher.targets(CLUSTER), context.fleet.reports(CLUSTER)
        wrong = [f"{host} has {r.installed}" for host, r in reports.items() if r.installed != version]
        wrong += [f"{host} does not run" for host, r in reports.items() if not r.running]
        wrong += [
            f"{host} is not in rotation"
            for host, r in reports.items()
            if targets.get(r.address) is not TargetState.HEALTHY
        ]
        if lease.deployment:
            wrong.append(f"the lease is held by {lease.deployment}")
        if desired is None or desired.version != version:
            wrong.append(f"the desired version is {desired}")
        return wrong

    def reset(self) -> None:
        """Stop and repair what a failed case left behind, before the next case.

        To convergence, an execution that was stopped by hand is an abort.
        """
        states = self.env.aws.client("stepfunctions")
        machine = self.env.facts["state_machines"]["rollout"]
        until = time.monotonic() + 20
        while self.env.connection.context.leases.current(CLUSTER).deployment:
            running = states.list_executions(stateMachineArn=machine, statusFilter="RUNNING")["executions"]
            for each in running:
                if CLUSTER.environment in each["name"]:
                    states.stop_execution(executionArn=each["executionArn"])
            self.converge()
            if (
                time.monotonic() > until
            ):  # the case before has failed because of this; the next cases need a free lease
                ledger = Table(self.env.aws.client("dynamodb"), self.env.facts["ledger_table"])
                DynamoLeases(ledger).release(CLUSTER, self.env.connection.context.leases.current(CLUSTER))
            time.sleep(1)
        desired = self.env.connection.context.registry.desired(CLUSTER)
        if desired is None or self.cluster_problems(desired.version):
            self.finish(self.deploy(self.env.releases["one"]))
        self.history = History()
