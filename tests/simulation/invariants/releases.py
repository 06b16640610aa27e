"""Invariant 32: a release command runs at most once by itself, before its deployment changes any host."""

from typing import TYPE_CHECKING

from lifecycle.domain.rollout.attempt import HostAttempt
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import Kind
from tests.simulation.hosts import Host

if TYPE_CHECKING:
    from tests.simulation.oracle import Oracle


def runs_once_by_itself(oracle: "Oracle", host: Host, deployment: str, attempt: int) -> None:
    """32: each further run of a deployment's command follows a human's RETRY, as an attempt of its own."""
    sim = oracle.sim
    if any(run[:2] == (deployment, attempt) for run in host.release_runs):
        oracle.fail("32 release", f"{host.name} runs attempt {attempt} of {deployment} again")
    runs = sum(run[0] == deployment for each in sim.hosts.values() for run in each.release_runs)
    retries = _answers(oracle, deployment, Choice.RETRY)
    if runs > retries:
        oracle.fail("32 release", f"{host.name} runs the release command of {deployment} after {runs} runs")
    record = oracle.record(deployment)
    if record is None or record.request.kind is not Kind.DEPLOY or record.request.only:
        kind = record.request.kind if record else "no deployment"
        oracle.fail("32 release", f"{host.name} runs a release command for {kind} ({deployment})")
    if changed := [key for key, each in oracle.attempts.items() if key[0] == deployment and not each.release]:
        oracle.fail("32 release", f"{host.name} runs the release command of {deployment} after {changed[0]} began")


def changes_hosts_after_its_run(oracle: "Oracle", begun: HostAttempt) -> None:
    """32: no host is handed out before the command has passed, unless a human counts it as run."""
    record = oracle.record(begun.deployment)
    if begun.release or record is None or record.request.kind is not Kind.DEPLOY or record.request.only:
        return
    if oracle.sim.artifacts.manifest(record.cluster.service, record.target.version).release is None:
        return
    runs = [run for host in oracle.sim.hosts.values() for run in host.release_runs if run[0] == begun.deployment]
    if not any(passed for *_, passed in runs) and not _answers(oracle, begun.deployment, Choice.GO_ON):
        oracle.fail(
            "32 release", f"{begun.host} is updated by {begun.deployment}, whose release command has not passed"
        )


def _answers(oracle: "Oracle", deployment: str, choice: Choice) -> int:
    """Count a human's answers about runs of the release command."""
    runs = {key[1:] for key, each in oracle.attempts.items() if key[0] == deployment and each.release}
    asked = oracle.sim.deployments.questions(deployment)
    return sum(bool(q.answer and q.answer.choice is choice) and (q.host, q.attempt) in runs for q in asked)
