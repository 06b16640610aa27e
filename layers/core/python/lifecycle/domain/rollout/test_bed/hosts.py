"""The test bed's hosts: whether a deployment wants a test bed, which hosts it takes, and whether they are well.

Used by domain/rollout/test_bed/schedule.py. The host that bakes is the next one to be updated; its control is the last one, of the same
zone where there is one.
"""

from datetime import datetime

from lifecycle.domain.fleet.drift import drift_reason
from lifecycle.domain.fleet.target_group import Group, TargetState, state_of
from lifecycle.domain.rollout.attempt import AttemptState, HostAttempt
from lifecycle.domain.rollout.decision import Choice, answers_on, hosts_left_out, latest_attempts
from lifecycle.domain.rollout.deployment import Deployment, Kind
from lifecycle.domain.rollout.membership import members, unreachable_hosts, unreachable_since
from lifecycle.domain.rollout.steps import BeginBake, Facts, Step, UpdateHosts
from lifecycle.domain.rollout.test_bed.model import TestBed
from lifecycle.domain.service.policy import Policy
from lifecycle.domain.service.target import Target

# Somebody is neither the test bed nor its control: the main group is never empty.
SMALLEST_CLUSTER = 3


def wants_test_bed(policy: Policy) -> bool:
    """Whether the policy asks for one."""
    return policy.bake_minutes > 0


def no_test_bed_reason(previous: Target | None, hosts: int, *, has_groups: bool) -> str | None:
    """Why a cluster cannot have the test bed that its policy asks for; None when it can."""
    if previous is None:
        return "there is no other version to compare it with"
    if hosts < SMALLEST_CLUSTER:
        return f"it takes {SMALLEST_CLUSTER} hosts, and the cluster has {hosts}"
    return None if has_groups else "the cluster's stack is an old one, without target groups for it"


def needs_test_bed(facts: Facts) -> bool:
    """Whether this deployment is to have a test bed; a rollback or a repair has none."""
    mine = facts.deployment
    if not wants_test_bed(mine.policy) or mine.request.kind is not Kind.DEPLOY or mine.request.only:
        return False
    return no_test_bed_reason(mine.previous, len(members(facts)), has_groups=facts.has_test_bed) is None


def target_of(deployment: Deployment, group: Group) -> Target:
    """What a host of this group is to run: a control the version that the cluster would go back to."""
    if group is Group.CONTROL and deployment.previous is not None:
        return deployment.previous
    return deployment.target


def set_up(facts: Facts, number: int, now: datetime) -> Step | None:
    """First the test bed's host, which is updated as any other, then its control, then the bake."""
    if (mine := _unused_attempt(facts, Group.TEST_BED)) is None:
        return None
    control = _unused_attempt(facts, Group.CONTROL)
    if control is None or unhealthy_reason(facts, control.host, Group.CONTROL):
        if found := _control_for(facts, mine.host, now):
            why = f"{found[0]} next, restarted on the current version: the control of {mine.host}"
            return UpdateHosts((found,), (), why, Group.CONTROL)
        return BeginBake(number, (mine.host, mine.number), ("", 0), f"{mine.host} has no control")
    pair = f"{mine.host} against {control.host}"
    return BeginBake(number, (mine.host, mine.number), (control.host, control.number), pair)


def _unused_attempt(facts: Facts, group: Group) -> HostAttempt | None:
    """The newest attempt that is alive in this group, and that no test bed was begun with."""
    used = {(bed.host, bed.attempt) for bed in facts.beds} | {
        (bed.control, bed.control_attempt) for bed in facts.beds
    }
    here = set(members(facts))
    newest = latest_attempts(facts.attempts)
    found = [a for a in newest.values() if a.group is group and a.state is AttemptState.ALIVE]
    fresh = [a for a in found if (a.host, a.number) not in used and a.host in here]
    return max(fresh, key=lambda a: (a.started_at, a.host), default=None)


def _control_for(facts: Facts, test_bed: str, now: datetime) -> tuple[str, int] | None:
    """The host to compare with, and the number of its attempt: of the same zone if possible, last in its turn."""
    previous, newest = facts.deployment.previous, latest_attempts(facts.attempts)
    if previous is None:
        return None
    excluded = hosts_left_out(facts.attempts, facts.questions) | set(unreachable_hosts(facts)) | {test_bed}
    zone = facts.reports[test_bed].zone
    found: list[tuple[bool, bool, int, str]] = []
    for place, host in enumerate(members(facts)):
        if host in excluded or unreachable_since(facts, host, now):
            continue
        attempt = newest.get(host)
        again = attempt is not None and Choice.RETRY in answers_on(facts.questions, attempt)[-1:]
        tried = attempt is not None and attempt.group is Group.CONTROL
        serves = not drift_reason(facts.reports[host], state_of(facts.rotation, host), previous)
        if serves or (tried and again):
            found.append((tried and again, facts.reports[host].zone == zone, place, host))
    if not found:
        return None
    host = max(found)[3]
    return host, newest[host].number + 1 if host in newest else 1


def unhealthy_reason(facts: Facts, host: str, group: Group) -> str | None:
    """Why a host is not in its place in the test bed's or the control's group; None when it is."""
    target = target_of(facts.deployment, group)
    return drift_reason(facts.reports.get(host), state_of(facts.rotation, host), target, group)


def unhealthy_reason_in_bake(facts: Facts, host: str, group: Group) -> str | None:
    """The same while it bakes, when it may also be on its way home: an end that was interrupted left it there."""
    in_main_group = state_of(facts.rotation, host) in (TargetState.HEALTHY, TargetState.INITIAL)
    report = facts.reports.get(host)
    if in_main_group:
        return drift_reason(report, TargetState.HEALTHY, target_of(facts.deployment, group))
    return unhealthy_reason(facts, host, group)


def reports_failure(facts: Facts, host: str) -> bool:
    """Whether the test bed's host says itself that what was tested does not run there."""
    target = target_of(facts.deployment, Group.TEST_BED)
    return drift_reason(facts.reports.get(host), TargetState.TEST_GROUP, target, Group.TEST_BED) is not None


def lost_since(facts: Facts, host: str, now: datetime) -> datetime | None:
    """Since when a host that serves nothing has been silent, if for too long: it is gone, whatever ran there."""
    return None if state_of(facts.rotation, host).serves else unreachable_since(facts, host, now)


def reported_since_unhealthy(facts: Facts, host: str) -> bool:
    """Return whether the agent of an unhealthy host was heard again after the last step found the host unhealthy.

    Such an agent shows that the host itself works, so the version has failed.
    """
    before = facts.deployment.bake_note
    return before.unhealthy_host == host and before.heard_at != facts.reports[host].seen_at


def comparison_blocker(facts: Facts, bed: TestBed) -> str | None:
    """Why the test bed has nothing to be compared with, if it has not."""
    if not bed.control:
        why = "no other host serves the current version, in rotation and healthy"
    elif bed.control not in members(facts):
        why = f"the control {bed.control} has left"
    elif reason := unhealthy_reason_in_bake(facts, bed.control, Group.CONTROL):
        why = f"the control {bed.control} {reason}"
    else:
        return None
    return f"{why}: there is nothing to compare {bed.host} with"
