"""The port to the records of deployments: attempts, decisions and test beds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.checkpoint import Checkpoint
from lifecycle.domain.rollout.decision import Answer, Assignment, Question
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.test_bed.model import TestBed


@dataclass(frozen=True, slots=True)
class DeploymentRecords:
    """The records of one deployment. `hosts` is empty where version 0.1 kept the order in the deployment."""

    hosts: tuple[str, ...]
    attempts: Sequence[HostAttempt]
    questions: Sequence[Question]
    beds: Sequence[TestBed]


class Deployments(Protocol):
    """Deployments, their attempts, test beds and questions (decisions and approvals).

    Records only progress: a write that would set one back is refused. The order of a deployment's hosts may be
    long, so it is a record of its own, which only some methods read.
    """

    def put(self, deployment: Deployment) -> bool:
        """Write the record; returns False for a deployment that has ended in another state, or has a higher epoch.

        So a call that read the record before its deployment took the lease, and writes later, changes nothing.
        A record that was read without its hosts does not change their order.
        """

    def get(self, cluster: Cluster, deployment: str) -> Deployment | None: ...

    def recent(self, cluster: Cluster, limit: int) -> Sequence[Deployment]:
        """Return the newest deployments of a cluster, the newest first."""

    def recent_without_hosts(self, cluster: Cluster, limit: int) -> Sequence[Deployment]:
        """Return the newest deployments without the order of their hosts, the newest first."""

    def everything(self, deployment: str) -> DeploymentRecords:
        """Return the hosts, attempts, questions and test beds of a deployment, in one read."""

    def attempts_and_questions(self, deployment: str) -> tuple[Sequence[HostAttempt], Sequence[Question]]:
        """Return a deployment's attempts and questions, in one read."""

    def begin_attempt(self, attempt: HostAttempt) -> bool:
        """Write a new attempt; returns False if there is another one of this host and number."""

    def put_attempt(self, attempt: HostAttempt) -> bool:
        """Write the attempt; returns False if the stored one has progressed further."""

    def attempts(self, deployment: str) -> Sequence[HostAttempt]: ...
    def has_attempts(self, deployment: str) -> bool:
        """Return whether the deployment has begun with any host, by reading one attempt at most."""

    def questions(self, deployment: str) -> Sequence[Question]: ...

    def beds(self, deployment: str) -> Sequence[TestBed]:
        """Return a deployment's test beds, in the order of their numbers."""

    def put_bed(self, bed: TestBed) -> bool:
        """Write the test bed; returns False if the stored one has progressed as far.

        So the first of two starts or ends counts.
        """

    def put_checkpoint(self, checkpoint: Checkpoint) -> bool:
        """Write the checkpoint of a deployment; returns False unless its number is the one after the stored one's.

        Returns True if this very checkpoint is stored already.
        """

    def checkpoint(self, deployment: str) -> Checkpoint | None: ...

    def ask(self, question: Question) -> Question:
        """Record a question once; returns the stored one if it was recorded before."""

    def attach_token(self, question: Question, token: str) -> Question:
        """Store the token of the task that waits for the answer; returns the question as it is stored then.

        It has another token if it is answered, or its record is gone.
        """

    def assign(self, question: Question, assigned: Assignment) -> Question:
        """Record who is on a question; returns the question as it is stored then, unchanged if it has an answer.

        Raises Unknown if the question's record is gone.
        """

    def answer(self, question: Question, answer: Answer) -> Question:
        """Record the answer to a question.

        Raises Refused with the earlier answer if there is one, and Unknown if the question's record is gone.
        """
