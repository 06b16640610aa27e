"""Sentences about hosts and test beds as they are now; the console and the command line say the same.

A sentence is made of the same facts as the state that it stands beside, so that the two cannot disagree.
"""

from collections import Counter
from collections.abc import Sequence

from lifecycle.application.queries.host_status import host_status
from lifecycle.application.queries.hosts import ClusterHosts
from lifecycle.application.queries.state_words import STAGES, TEST_BEDS, Status, Tone
from lifecycle.domain.fleet.host import AgentStage, HostReport
from lifecycle.domain.fleet.host_command import Order
from lifecycle.domain.listing import counted, listed
from lifecycle.domain.rollout.decision import Question
from lifecycle.domain.rollout.deployment import Deployment
from lifecycle.domain.rollout.test_bed.model import BedOutcome, BedState, TestBed
from lifecycle.domain.service.policy import ApprovalGate

# Hosts that a row of a cluster names.
_NAMED = 5
_FETCHED = (AgentStage.READY, AgentStage.DONE)


def bed_status(bed: TestBed, questions: Sequence[Question] = ()) -> Status:
    """Return the status of a test bed; one that bakes no longer decides anything once it has asked."""
    asked = any(q.gate is ApprovalGate.AFTER_TEST_BED and q.attempt == bed.number and not q.answer for q in questions)
    if bed.state is BedState.BAKING and asked:
        return TEST_BEDS[BedOutcome.ASKED]
    return TEST_BEDS[bed.outcome]


def command_words(report: HostReport, running: Deployment | None) -> str:
    """Return what the running deployment has its host do; empty where it has no command for it."""
    if running is None or report.deployment != running.id or report.order is Order.IDLE:
        return ""
    if report.order is not Order.PREFETCH:
        return f"host command: {report.order.in_words}, attempt {report.attempt}, {STAGES[report.stage]}"
    version = running.target.version
    if report.stage in _FETCHED:
        return f"has fetched {version}; its turn comes later"
    return f"could not fetch {version}" if report.stage is AgentStage.FAILED else f"fetches {version}"


def serving_words(each: ClusterHosts) -> str:
    """Return how many hosts serve now, with which versions; else what is installed, if nobody asked the balancer."""
    every = len(each.hosts)
    if any(host.state is None for host in each.hosts) or not every:
        return f"Installed: {_on_hosts(each.versions)}." if every else ""
    serving = [host.report for host in each.hosts if host.state and host.state.serves]
    others = [host.report.host for host in each.hosts if not (host.state and host.state.serves)]
    versions = _on_hosts(Counter(report.installed or "nothing" for report in serving))
    out = f"; {listed(others, _NAMED)} {'does' if len(others) == 1 else 'do'} not" if others else ""
    verb = "serves" if len(serving) == 1 else "serve"
    return f"{len(serving)} of {counted(every, 'host')} {verb} now{f': {versions}' if versions else ''}{out}."


def _on_hosts(versions: Counter[str]) -> str:
    return ", ".join(f"{version} on {count}" for version, count in versions.most_common())


def attention_words(each: ClusterHosts) -> str:
    """Return which hosts need attention, else how many still wait for the running version; empty for none."""
    amiss = [host for host in each.hosts if host_status(host).tone in (Tone.BAD, Tone.WARN)]
    named = ", ".join(f"{host.report.host} ({host_status(host)})" for host in amiss[:_NAMED])
    more = f" and {len(amiss) - _NAMED} more" if len(amiss) > _NAMED else ""
    if amiss:
        return f"{named}{more}"
    if len(each.versions) < 2:
        return ""
    running = each.view.running
    if running is None:
        return f"{counted(len(each.versions), 'version')} at once"
    left = sum(host.report.installed != running.target.version for host in each.hosts)
    waits = "waits" if left == 1 else "wait"
    return f"{left} of {counted(len(each.hosts), 'host')} {waits} for {running.target.version}"
