"""Faults planted in clusters without a load balancer: the self-test before the start, and the health of a member."""

from tests.simulation.planted import Planted

_MEMBER = "lifecycle.domain.fleet.member"

FAULTS = (
    Planted(
        "a-worker-starts-despite-its-self-test",
        (2, 9),
        "apps.agent.installer",
        '            return SelfTest(passed=False, digest=turn.digest, boot="", detail=failed[:1000])\n',
        "            detail = failed\n",
    ),
    Planted(
        "a-dead-worker-counts",
        (1,),
        _MEMBER,
        "    if not report.running:\n        return MemberHealth(TargetState.NOT_WORKING, report.not_running)\n"
        "    if not report.has_passed(report.digest):\n",
        "    if False:\n",
    ),
    Planted(
        "a-worker-that-nobody-hears-counts",
        (1,),
        _MEMBER,
        "    if since := report.unreachable_since(now, heartbeat_timeout):\n",
        "    if False:\n        since = now\n",
        "tests/unit/fleet/test_member.py",
    ),
    Planted(
        "a-worker-of-another-start-counts",
        (2,),
        _MEMBER,
        "    if not report.has_passed(report.digest):\n",
        "    if False:\n",
        "tests/unit/fleet/test_member.py",
    ),
    Planted(
        "a-worker-of-unknown-health-is-spare",
        (1,),
        "lifecycle.domain.rollout.capacity",
        "_MAY_SERVE = (TargetState.INITIAL, TargetState.UNKNOWN)",
        "_MAY_SERVE = (TargetState.INITIAL,)",
        "tests/unit/rollout/test_capacity.py",
    ),
)
