"""Hosts of the test bed: whether a deployment has a test bed, its hosts, and their health.

Used by domain/rollout/test_bed/schedule.py. The host that bakes is the next one to be updated. Its control is
the last one, of the same zone if possible.
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

# At least one host is in neither group, so the main group is never empty.
MINIMUM_HOSTS = 3


def wants_test_bed(policy: Policy) -> bool:
    """Return whether the policy asks for a test bed."""
    return policy.bake_minutes > 0


def no_test_bed_reason(previous: Target | None, hosts: int, *, has_groups: bool) -> str | None:
    """Return why a cluster cannot have the test bed of its policy; None when it can."""
    if previous is None:
        return "there is no previous version to compare it with"
    if hosts < MINIMUM_HOSTS:
        return f"it takes {MINIMUM_HOSTS} hosts, and the cluster has {hosts}"
    return None if has_groups else "the cluster's stack has no target groups for it; update the stack"


def quarantined_away(previous: Target | None, hosts: int, quarantined: int, *, has_groups: bool) -> str:
    """Return why a cluster has no test bed although its hosts are enough; empty if not for its quarantines alone.

    Nobody makes a cluster small for one deployment: an operator may quarantine any host.
    """
    possible = no_test_bed_reason(previous, hosts + quarantined, has_groups=has_groups) is None
    if not possible or hosts >= MINIMUM_HOSTS:
        return ""
    found = f"its test bed takes {MINIMUM_HOSTS} hosts, and {quarantined} of {hosts + quarantined} are quarantined"
    return f"{found}: lift a quarantine (lifecycle unquarantine), or set bake_minutes to 0"


def needs_test_bed(facts: Facts) -> bool:
    """Return whether this deployment gets a test bed. Rollbacks and repairs have none."""
    previous, hosts = facts.deployment.previous, len(members(facts))
    return _may_bake(facts) and no_test_bed_reason(previous, hosts, has_groups=facts.has_test_bed) is None


def lost_by_quarantines(facts: Facts) -> str:
    """Return why the test bed that this deployment should have is not possible any more; empty if it is."""
    if not _may_bake(facts):
        return ""
    here, away = len(members(facts)), len(set(facts.quarantined) & set(facts.reports))
    return quarantined_away(facts.deployment.previous, here, away, has_groups=facts.has_test_bed)


def _may_bake(facts: Facts) -> bool:
    mine = facts.deployment
    return wants_test_bed(mine.policy) and mine.request.kind is Kind.DEPLOY and not mine.request.only


def target_of(deployment: Deployment, group: Group) -> Target:
    """Return the target of a host of this group. A control runs the rollback target."""
    if group is Group.CONTROL and deployment.previous is not None:
        return deployment.previous
    return deployment.target


def set_up(facts: Facts, number: int, now: datetime) -> Step | None:
    """Set up the test bed: update its host, restart its control, then begin the bake."""
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
    """Return the newest attempt that is alive in this group, and not yet used by a test bed."""
    used = {(bed.host, bed.attempt) for bed in facts.beds} | {
        (bed.control, bed.control_attempt) for bed in facts.beds
    }
    here = set(members(facts))
    newest = latest_attempts(facts.attempts)
    found = [a for a in newest.values() if a.group is group and a.state is AttemptState.ALIVE]
    fresh = [a for a in found if (a.host, a.number) not in used and a.host in here]
    return max(fresh, key=lambda a: (a.started_at, a.host), default=None)


def _control_for(facts: Facts, test_bed: str, now: datetime) -> tuple[str, int] | None:
    """Return the host to compare with, and its attempt number.

    It is of the same zone if possible, and the last one in the order.
    """
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
    """Return why a host is not healthy in the group of the test bed or the control; None if it is."""
    target = target_of(facts.deployment, group)
    return drift_reason(facts.reports.get(host), state_of(facts.rotation, host), target, group)


def unhealthy_reason_in_bake(facts: Facts, host: str, group: Group) -> str | None:
    """Return the same during a bake, when a host may have returned to the main target group already.

    An interrupted end of the bake leaves it there.
    """
    in_main_group = state_of(facts.rotation, host) in (TargetState.HEALTHY, TargetState.INITIAL)
    report = facts.reports.get(host)
    if in_main_group:
        return drift_reason(report, TargetState.HEALTHY, target_of(facts.deployment, group))
    return unhealthy_reason(facts, host, group)


def reports_failure(facts: Facts, host: str) -> bool:
    """Return whether the test bed's host itself reports that the tested version does not run there."""
    target = target_of(facts.deployment, Group.TEST_BED)
    return drift_reason(facts.reports.get(host), TargetState.TEST_GROUP, target, Group.TEST_BED) is not None


def lost_since(facts: Facts, host: str, now: datetime) -> datetime | None:
    """Return the last report of an unreachable host that serves nothing: it is lost, with any version."""
    return None if state_of(facts.rotation, host).serves else unreachable_since(facts, host, now)


def reported_since_unhealthy(facts: Facts, host: str) -> bool:
    """Return whether the unhealthy host's agent reported again since the last step found the host unhealthy.

    Such an agent shows that the host itself works, so the version has failed.
    """
    before = facts.deployment.bake_note
    return before.unhealthy_host == host and before.reported_at != facts.reports[host].seen_at


def comparison_blocker(facts: Facts, bed: TestBed) -> str | None:
    """Return why the test bed has no control to compare with; None if it has one."""
    if not bed.control:
        why = "no other host serves the current version, in rotation and healthy"
    elif bed.control not in members(facts):
        why = f"the control {bed.control} has left"
    elif reason := unhealthy_reason_in_bake(facts, bed.control, Group.CONTROL):
        why = f"the control {bed.control} {reason}"
    else:
        return None
    return f"{why}: there is nothing to compare {bed.host} with"
