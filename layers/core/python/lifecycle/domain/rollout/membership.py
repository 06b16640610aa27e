"""Membership: the hosts of a rollout, while hosts join, leave, become unreachable or are quarantined.

A host that left has no report; the rollout does not wait for it. A host that joined comes after the planned
ones.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.host import readable
from lifecycle.domain.fleet.target_group import state_of
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import answers_on, latest_attempts
from lifecycle.domain.rollout.steps import Facts
from lifecycle.domain.service.host_count import at_most

# The attempts on a host without a human's decision: again when its agent is back, or when it was replaced.
AUTOMATIC_ATTEMPTS = 3


def members(facts: Facts) -> tuple[str, ...]:
    """Return the plan's hosts in their order, then those that joined since, by name.

    Hosts that left or are quarantined are not members.
    """
    planned = facts.planned
    only = facts.deployment.request.only
    joined = sorted(set(only or facts.reports) - set(planned))
    return tuple(h for h in (*planned, *joined) if h in facts.reports and h not in facts.quarantined)


def rolled_back_hosts(facts: Facts, first: Sequence[str]) -> tuple[str, ...]:
    """Return the hosts that a rollback would update now, `first` ones before the others.

    Its plan leaves out the quarantined hosts, and those that serve the previous version (domain/rollout/plan.py).
    """
    if (previous := facts.deployment.previous) is None:
        return ()
    drifted = {
        host
        for host, report in facts.reports.items()
        if host not in facts.quarantined and drift_reason(report, state_of(facts.rotation, host), previous)
    }
    return tuple(host for host in dict.fromkeys((*first, *sorted(drifted))) if host in drifted)


def unreachable_since(facts: Facts, host: str, now: datetime) -> datetime | None:
    """Return the time of a member's last report, if that is longer ago than the heartbeat timeout; else None."""
    return facts.reports[host].unreachable_since(now, facts.heartbeat_timeout)


def replaced(facts: Facts, attempt: HostAttempt) -> bool:
    """Return whether an updated host is empty now and serves nothing: a new host under an old name."""
    host = attempt.host
    updated = attempt.state is AttemptState.ALIVE and readable(facts.reports.get(host)) is not None
    return (
        updated
        and not facts.reports[host].installed
        and not state_of(facts.rotation, host).in_rotation
        and attempt.number < AUTOMATIC_ATTEMPTS
    )


def unreachable_hosts(facts: Facts) -> dict[str, HostAttempt]:
    """Return the members whose newest attempt failed because they are unreachable, without a decision."""
    newest: Mapping[str, HostAttempt] = latest_attempts(facts.attempts)
    present = set(members(facts))
    return {
        host: attempt
        for host, attempt in newest.items()
        if host in present and attempt.unreachable and not answers_on(facts.questions, attempt)
    }


def unreachable_hosts_are_tolerable(facts: Facts, now: datetime) -> bool:
    """Return whether the others may go on before the unreachable hosts: they are few, and capacity is left.

    Counted over the whole cluster, and apart from hosts that failed. An unreachable host that serves nothing
    counts towards `max_unavailable`.
    """
    present, failed = members(facts), unreachable_hosts(facts)
    unreachable = [host for host in present if host in failed or unreachable_since(facts, host, now)]
    down = [host for host in failed if not state_of(facts.rotation, host).serves]
    policy = facts.deployment.policy
    return len(unreachable) <= at_most(policy.max_unreachable, len(present)) and len(down) < at_most(
        policy.max_unavailable, len(present)
    )
