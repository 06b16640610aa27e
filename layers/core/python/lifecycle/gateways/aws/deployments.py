"""Deployments, attempts, test beds and questions in the ledger."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from lifecycle.application.ports.deployments import DeploymentRecords
from lifecycle.domain.errors import Refused, Unknown, UnreadableRecord
from lifecycle.domain.fleet.cluster import Cluster
from lifecycle.domain.rollout.attempt import AttemptState, Blame, HostAttempt, UnreadableAttempt
from lifecycle.domain.rollout.checkpoint import Checkpoint
from lifecycle.domain.rollout.decision import Answer, Assignment, Question
from lifecycle.domain.rollout.deployment import Deployment, requested_at, without_hosts
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.gateways.aws.errors import translated
from lifecycle.gateways.aws.table import (
    CHECKPOINT,
    HOSTS,
    Table,
    cluster_key,
    deployment_key,
    item,
    record,
    record_or,
    split,
    whole,
)
from lifecycle.names import Partition


@translated
class DynamoDeployments:
    """A deployment is an item of its cluster; its hosts, attempts, test beds and questions are items of its own."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def put(self, deployment: Deployment) -> bool:
        pk, sk = cluster_key(deployment.cluster), f"DEPLOYMENT#{deployment.id}"
        stored = self._table.put(
            item(pk, sk, without_hosts(deployment)),
            # An item of an older version has no epoch.
            "(attribute_not_exists(pk) OR ended = :no OR stands = :stands)"
            " AND (attribute_not_exists(at_epoch) OR at_epoch <= :epoch)",
            no={"N": "0"},
            stands={"S": str(deployment.state)},
            epoch={"N": str(deployment.epoch)},
        )
        if stored and deployment.hosts:
            self._table.put(item(deployment_key(deployment.id), HOSTS, deployment.hosts))
        return stored

    def get(self, cluster: Cluster, deployment: str) -> Deployment | None:
        found, hosts = self._table.get_all(
            [(cluster_key(cluster), f"DEPLOYMENT#{deployment}"), (deployment_key(deployment), HOSTS)]
        )
        return _with_hosts(record(Deployment, found), hosts)[0] if found else None

    def recent(self, cluster: Cluster, limit: int) -> Sequence[Deployment]:
        found, errors = split(Deployment, self._newest(cluster, limit))
        hosts = self._table.get_all([(deployment_key(each.id), HOSTS) for each in found])
        both = [_with_hosts(*each) for each in zip(found, hosts, strict=True)]
        return whole([each for each, _ in both], [*errors, *(error for _, each in both for error in each)])

    def recent_without_hosts(self, cluster: Cluster, limit: int) -> Sequence[Deployment]:
        return whole(*split(Deployment, self._newest(cluster, limit)))

    def _newest(self, cluster: Cluster, limit: int) -> list[dict[str, Any]]:
        return self._table.query(cluster_key(cluster), "DEPLOYMENT#", newest_first=True, limit=limit)

    def everything(self, deployment: str) -> DeploymentRecords:
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for each in self._table.query(deployment_key(deployment)):
            found[each["sk"]["S"].partition("#")[0]].append(each)
        # The loop does without the order of the hosts: it knows the hosts that report.
        (hosts, _), (questions, unasked) = split(tuple[str, ...], found[HOSTS]), split(Question, found["QUESTION"])
        beds, unjudged = split(TestBed, found["TESTBED"])
        attempts = [attempt_of(each) for each in found["ATTEMPT"]]
        read = DeploymentRecords(hosts[0] if hosts else (), attempts, questions, beds)
        return whole(read, [*unasked, *unjudged])

    def attempts_and_questions(self, deployment: str) -> tuple[Sequence[HostAttempt], Sequence[Question]]:
        """Return a deployment's attempts and questions by one Query: they are in one partition."""
        found = self._table.query(deployment_key(deployment))
        attempts = [attempt_of(each) for each in found if each["sk"]["S"].startswith("ATTEMPT#")]
        questions, errors = split(Question, [each for each in found if each["sk"]["S"].startswith("QUESTION#")])
        return whole((attempts, questions), errors)

    def begin_attempt(self, attempt: HostAttempt) -> bool:
        return self._table.put(_attempt_item(attempt), "attribute_not_exists(pk)")

    def put_attempt(self, attempt: HostAttempt) -> bool:
        return self._table.put(
            _attempt_item(attempt),
            "attribute_not_exists(pk) OR place < :place OR stands = :stands",
            place={"N": str(attempt.progress_rank)},
            stands={"S": str(attempt.state)},
        )

    def attempts(self, deployment: str) -> Sequence[HostAttempt]:
        return [attempt_of(each) for each in self._table.query(deployment_key(deployment), "ATTEMPT#")]

    def has_attempts(self, deployment: str) -> bool:
        return bool(self._table.query(deployment_key(deployment), "ATTEMPT#", limit=1))

    def questions(self, deployment: str) -> Sequence[Question]:
        return self._table.records(Question, deployment_key(deployment), "QUESTION#")

    def beds(self, deployment: str) -> Sequence[TestBed]:
        return self._table.records(TestBed, deployment_key(deployment), "TESTBED#")

    def put_bed(self, bed: TestBed) -> bool:
        pk, sk = deployment_key(bed.deployment), f"TESTBED#{bed.number:03}"
        condition = "attribute_not_exists(pk) OR place < :place"
        new = item(pk, sk, bed)
        return self._table.put(new, condition, place=new["place"])

    def put_checkpoint(self, checkpoint: Checkpoint) -> bool:
        before = checkpoint.number - 1
        new = item(deployment_key(checkpoint.deployment), CHECKPOINT, checkpoint)
        condition = "place = :before" if before else "attribute_not_exists(place)"
        return self._table.put(new, condition, **({"before": {"N": str(before)}} if before else {}))

    def checkpoint(self, deployment: str) -> Checkpoint | None:
        found = self._table.get(deployment_key(deployment), CHECKPOINT)
        return checkpoint_record(deployment, found)

    def ask(self, question: Question) -> Question:
        new = self._table.put(self._item(question), "attribute_not_exists(pk)")
        return question if new else self._stored(question)

    def attach_token(self, question: Question, token: str) -> Question:
        """Store a token with a question, unless its answer came first; returns the question."""
        waiting = replace(self._stored(question), token=token)
        if self._table.put(self._item(waiting), "attribute_exists(pk) AND answered = :no", no={"N": "0"}):
            return waiting
        return self._stored(question)

    def assign(self, question: Question, assigned: Assignment) -> Question:
        stored = self._stored(question)
        if stored.answer or stored.assigned == assigned:
            return stored
        wanted = replace(stored, assigned=assigned)
        condition = "attribute_exists(pk) AND answered = :no AND waits = :token"
        if self._table.put(self._item(wanted), condition, no={"N": "0"}, token={"S": stored.token}):
            return wanted
        now = self._stored(question)
        if now.answer is None and now.token != stored.token:
            return self.assign(question, assigned)  # its execution began to wait meanwhile
        if now.answer is None:
            raise gone(question)
        return now

    def answer(self, question: Question, answer: Answer) -> Question:
        stored = self._stored(question)
        answered = replace(stored, answer=answer)
        # The condition includes the token that was read: a token that was stored meanwhile must not be lost.
        condition = "attribute_exists(pk) AND answered = :no AND waits = :token"
        token = {"S": stored.token}
        if self._table.put(self._item(answered), condition, no={"N": "0"}, token=token):
            return answered
        now = self._stored(question)
        given = now.answer
        if given is None and now.token != stored.token:
            return self.answer(question, answer)
        if given is None:
            raise gone(question)
        if given == answer:
            return now
        raise Refused(question.id, [f"{given.by} answered {given.choice} at {given.at:%Y-%m-%d %H:%M:%S} UTC"])

    def _stored(self, question: Question) -> Question:
        found = self._table.get(deployment_key(question.deployment), f"QUESTION#{question.id}")
        return record(Question, found) if found else question

    @staticmethod
    def _item(question: Question) -> dict[str, object]:
        pk, sk = deployment_key(question.deployment), f"QUESTION#{question.id}"
        return item(pk, sk, question)


def checkpoint_record(deployment: str, found: dict[str, Any] | None) -> Checkpoint | None:
    """Return the checkpoint of an item. One of another version has no baseline, so that everything is observed."""
    if found is None:
        return None
    try:
        return record(Checkpoint, found)
    except UnreadableRecord:
        number = found.get("place", {}).get("N", "0")
        return Checkpoint(deployment, int(number) if number.isdecimal() else 0, ())


def _attempt_item(attempt: HostAttempt) -> dict[str, Any]:
    pk, sk = deployment_key(attempt.deployment), f"ATTEMPT#{attempt.host}#{attempt.number:03}"
    return item(pk, sk, attempt)


def gone(question: Question) -> Unknown:
    """Return the error about a question whose record was deleted, or set back to a time before it was asked."""
    return Unknown("question", question.id, "See `lifecycle status`.", of=question.deployment)


def attempt_of(found: dict[str, Any]) -> HostAttempt:
    """Return the attempt of an item. One that cannot be read counts as failed, so that a human decides about it."""
    deployment = found["pk"]["S"].removeprefix(Partition.DEPLOYMENT)

    def unreadable(sk: str, why: str) -> HostAttempt:
        host, _, number = sk.removeprefix("ATTEMPT#").rpartition("#")
        return UnreadableAttempt(
            deployment=deployment,
            host=host,
            number=int(number) if number.isdecimal() else 0,
            epoch=0,
            execution="",
            started_at=requested_at(deployment),
            state=AttemptState.FAILED,
            reason=why,
            finished_at=requested_at(deployment),
            blame=Blame.UNCLEAR,
        )

    return record_or(HostAttempt, found, unreadable)


def _with_hosts(
    deployment: Deployment, hosts: dict[str, Any] | None
) -> tuple[Deployment, Sequence[UnreadableRecord]]:
    """Return the deployment with its hosts, if they can be read; version 0.1 stored them in the deployment itself."""
    found, errors = split(tuple[str, ...], [hosts] if hosts else [])
    return replace(deployment, hosts=found[0]) if found else deployment, errors
