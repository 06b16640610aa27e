"""The port to the records of deployments: attempts, decisions and test beds."""

from collections.abc import Sequence
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Answer, Question
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.test_bed.model import TestBed


class Deployments(Protocol):
    """Deployments, their attempts, test beds and questions. Records only move forward."""

    def put(self, deployment: Deployment) -> None:
        """Write it, unless that would bring one that has ended back to life."""
        ...

    def get(self, cluster: Cluster, deployment: str) -> Deployment | None: ...

    def recent(self, cluster: Cluster, limit: int) -> Sequence[Deployment]:
        """The newest first."""
        ...

    def attempts_and_questions(self, deployment: str) -> tuple[Sequence[HostAttempt], Sequence[Question]]:
        """Its attempts and its questions, in one read."""
        ...

    def put_attempt(self, attempt: HostAttempt) -> None:
        """Write it, unless the one that stands has got further."""
        ...

    def attempts(self, deployment: str) -> Sequence[HostAttempt]: ...
    def questions(self, deployment: str) -> Sequence[Question]: ...

    def beds(self, deployment: str) -> Sequence[TestBed]:
        """Its test beds, in the order of their numbers."""
        ...

    def put_bed(self, bed: TestBed) -> None:
        """Write it, unless the one that stands has got as far: of two beginnings, or two ends, the first stands."""
        ...

    def ask(self, question: Question) -> Question:
        """Record a question once; the one that stands already is returned as it is."""
        ...

    def attach_token(self, question: Question, token: str) -> Question:
        """Note the task token that waits for the answer, and return the question as it stands now."""
        ...

    def answer(self, question: Question, answer: Answer) -> Question:
        """Answer a question that has no answer; raises Refused, naming the answer that it has."""
        ...
