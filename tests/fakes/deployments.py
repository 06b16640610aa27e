"""Deployments, attempts, test beds and questions in memory."""

from collections.abc import Sequence
from dataclasses import replace

from lifecycle.application.ports.deployments import DeploymentRecords
from lifecycle.domain.errors import Refused, Unknown
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.checkpoint import Checkpoint
from lifecycle.domain.rollout.decision import Answer, Assignment, Question
from lifecycle.domain.rollout.deployment import Deployment, without_hosts
from lifecycle.domain.rollout.test_bed.model import TestBed


class MemoryDeployments:
    """Records by the keys that they have in the ledger."""

    def __init__(self) -> None:
        self._deployments: dict[tuple[Cluster, str], Deployment] = {}
        # By name: a record, and the same without its hosts.
        self._short: dict[str, tuple[Deployment, Deployment]] = {}
        self._attempts: dict[tuple[str, str, int], HostAttempt] = {}
        self._questions: dict[tuple[str, str], Question] = {}
        self._beds: dict[tuple[str, int], TestBed] = {}
        self._checkpoints: dict[str, Checkpoint] = {}

    def put(self, deployment: Deployment) -> bool:
        held = self._deployments.get((deployment.cluster, deployment.id))
        if held and not deployment.hosts:
            deployment = replace(deployment, hosts=held.hosts)
        if held and ((held.state.final and held.state is not deployment.state) or held.epoch > deployment.epoch):
            return False
        self._deployments[deployment.cluster, deployment.id] = deployment
        return True

    def get(self, cluster: Cluster, deployment: str) -> Deployment | None:
        return self._deployments.get((cluster, deployment))

    def recent(self, cluster: Cluster, limit: int) -> Sequence[Deployment]:
        names = sorted((name for owner, name in self._deployments if owner == cluster), reverse=True)
        return [self._deployments[cluster, name] for name in names[:limit]]

    def recent_without_hosts(self, cluster: Cluster, limit: int) -> Sequence[Deployment]:
        return [self._without_hosts(each) for each in self.recent(cluster, limit)]

    def get_without_hosts(self, cluster: Cluster, deployment: str) -> Deployment | None:
        found = self.get(cluster, deployment)
        return self._without_hosts(found) if found else None

    def _without_hosts(self, stored: Deployment) -> Deployment:
        known = self._short.get(stored.id)
        if known is None or known[0] is not stored:
            known = self._short[stored.id] = (stored, without_hosts(stored))
        return known[1]

    def everything(self, deployment: str) -> DeploymentRecords:
        found = next((each for (_, name), each in self._deployments.items() if name == deployment), None)
        attempts, questions = self.attempts_and_questions(deployment)
        return DeploymentRecords(found.hosts if found else (), attempts, questions, self.beds(deployment))

    def begin_attempt(self, attempt: HostAttempt) -> bool:
        key = (attempt.deployment, attempt.host, attempt.number)
        return self._attempts.setdefault(key, attempt) == attempt

    def put_attempt(self, attempt: HostAttempt) -> bool:
        held = self._attempts.get((attempt.deployment, attempt.host, attempt.number))
        if held and held.state is not attempt.state and held.progress_rank >= attempt.progress_rank:
            return False
        self._attempts[attempt.deployment, attempt.host, attempt.number] = attempt
        return True

    def attempt(self, deployment: str, host: str, number: int) -> HostAttempt | None:
        return self._attempts.get((deployment, host, number))

    def attempts(self, deployment: str) -> Sequence[HostAttempt]:
        return [self._attempts[key] for key in sorted(self._attempts) if key[0] == deployment]

    def has_attempts(self, deployment: str) -> bool:
        return bool(self.attempts(deployment))

    def questions(self, deployment: str) -> Sequence[Question]:
        return [self._questions[key] for key in sorted(self._questions) if key[0] == deployment]

    def attempts_and_questions(self, deployment: str) -> tuple[Sequence[HostAttempt], Sequence[Question]]:
        return self.attempts(deployment), self.questions(deployment)

    def beds(self, deployment: str) -> Sequence[TestBed]:
        return [self._beds[key] for key in sorted(self._beds) if key[0] == deployment]

    def put_bed(self, bed: TestBed) -> bool:
        held = self._beds.get((bed.deployment, bed.number))
        if held and held.progress_rank >= bed.progress_rank:
            return False
        self._beds[bed.deployment, bed.number] = bed
        return True

    def put_checkpoint(self, checkpoint: Checkpoint) -> bool:
        held = self._checkpoints.get(checkpoint.deployment)
        if checkpoint.number != (held.number if held else 0) + 1:
            return checkpoint == held
        self._checkpoints[checkpoint.deployment] = checkpoint
        return True

    def checkpoint(self, deployment: str) -> Checkpoint | None:
        return self._checkpoints.get(deployment)

    def ask(self, question: Question) -> Question:
        return self._questions.setdefault((question.deployment, question.id), question)

    def attach_token(self, question: Question, token: str) -> Question:
        stored = self._questions.get((question.deployment, question.id))
        if stored is None or stored.answer:
            return stored or question
        return self._store(replace(stored, token=token))

    def assign(self, question: Question, assigned: Assignment) -> Question:
        stored = self._questions.get((question.deployment, question.id))
        if stored is None:
            raise Unknown("question", question.id, "See `lifecycle status`.", of=question.deployment)
        return stored if stored.answer else self._store(replace(stored, assigned=assigned))

    def answer(self, question: Question, answer: Answer) -> Question:
        stored = self._questions.get((question.deployment, question.id))
        if stored is None:
            raise Unknown("question", question.id, "See `lifecycle status`.", of=question.deployment)
        given = stored.answer
        if given is None:
            return self._store(replace(stored, answer=answer))
        if given == answer:
            return stored
        raise Refused(question.id, [f"{given.by} answered {given.choice} at {given.at:%Y-%m-%d %H:%M:%S} UTC"])

    def _store(self, question: Question) -> Question:
        self._questions[question.deployment, question.id] = question
        return question
