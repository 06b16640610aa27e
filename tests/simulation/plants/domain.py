"""Faults planted in the decisions of lifecycle/domain."""

from tests.simulation.planted import Edit, Planted

_CAPACITY = "lifecycle.domain.rollout.capacity"
_DRIFT = "lifecycle.domain.fleet.drift"
_ROLLOUT = "lifecycle.domain.rollout.next_step"
_CONVERGENCE = "lifecycle.domain.convergence.decide"
_ANSWERS = "lifecycle.domain.rollout.decision"
_REFUSALS = "lifecycle.domain.rollout.preflight"

FAULTS = (
    Planted("one-other-host-is-enough", (1,), _CAPACITY, "if len(others) >= floor.healthy_hosts:", "if others:"),
    Planted(
        "an-unhealthy-host-is-in-its-place",
        (11,),
        _DRIFT,
        "    if state is not (TargetState.HEALTHY if group is Group.MAIN else TargetState.TEST_GROUP):\n"
        '        return f"is {state.in_words}"\n',
        "",
    ),
    Planted(
        "any-version-is-in-its-place",
        (3, 11),
        _DRIFT,
        "    if (report.installed, report.digest) != (target.version, target.digest):",
        "    target = Target(report.installed, report.digest)\n    if False:",
    ),
    Planted(
        "every-host-is-updated-again",
        (7, 23),
        _ROLLOUT,
        "    return drift is not None or facts.deployment.updates_all\n",
        "    return True\n",
    ),
    Planted(
        "a-lost-attempt-counts-as-done",
        (6, 9),
        _ROLLOUT,
        "    if bed is None and (attempt.state is AttemptState.ALIVE or host not in facts.reports):",
        "    if bed is None and (attempt.state is not AttemptState.FAILED or host not in facts.reports):",
    ),
    Planted(
        "a-failure-does-not-halt",
        (9,),
        _ROLLOUT,
        "    return _halt(facts, attempt, now, _why(facts, attempt))\n\n\ndef _why",
        "    return None\n\n\ndef _why",
    ),
    Planted(
        "done-without-a-check-for-drift",
        (11,),
        _ROLLOUT,
        "        if drift := drift_reason(facts.reports.get(host), state, facts.deployment.target):",
        "        if drift := None:",
    ),
    Planted(
        "a-fenced-deployment-continues",
        (4, 5),
        _ROLLOUT,
        "    if not lease.is_held_by(mine.id, mine.epoch):",
        "    if False:",
        beside=(
            Edit(
                "lifecycle.application.rollout.former_holders",
                "            _close_expired(context, request, holder)\n",
                "            pass\n",
            ),
        ),
    ),
    Planted(
        "a-joined-host-is-skipped",
        (23, 11),
        "lifecycle.domain.rollout.membership",
        "    joined = sorted(set(only or facts.reports) - set(planned))",
        "    joined: list[str] = []",
    ),
    Planted(
        "an-answer-leaks-to-later-attempts",
        (9,),
        _ANSWERS,
        "    about = [q for q in questions if (q.host, q.attempt) == (attempt.host, attempt.number) and q.answer]",
        "    about = [q for q in questions if q.host == attempt.host and q.answer]",
    ),
    Planted(
        "an-answer-leaks-to-other-hosts",
        (9,),
        _ANSWERS,
        "    about = [q for q in questions if (q.host, q.attempt) == (attempt.host, attempt.number) and q.answer]",
        "    about = [q for q in questions if q.attempt == attempt.number and q.answer]",
    ),
    Planted(
        "an-abort-is-tried-again",
        (10,),
        _CONVERGENCE,
        "    return facts.last.state is DeploymentState.DONE or failed_again\n",
        "    return True\n",
    ),
    Planted(
        "a-stopped-execution-comes-back",
        (10,),
        _CONVERGENCE,
        "    if facts.execution is ExecutionState.STOPPED:",
        "    if False:",
    ),
    Planted(
        "a-lost-execution-is-not-resumed",
        (6, 20),
        _CONVERGENCE,
        "    return _resumption(facts, holder, now)\n",
        '    return Hold(_drift_reasons(facts), "its execution has ended")\n',
    ),
    Planted(
        "the-lease-of-an-ended-deployment-is-never-freed",
        (20,),
        _CONVERGENCE,
        "    if _holder_has_ended(facts, now):",
        "    if False:",
        caught_by="tests/unit/convergence/test_decide.py",
    ),
    Planted(
        "drift-is-not-repaired",
        (23, 11),
        _CONVERGENCE,
        "    if reachable:\n",
        "    if False:\n",
    ),
    Planted(
        "two-may-hold-the-lease",
        (4, 5),
        "lifecycle.domain.rollout.lease",
        "        return self.expires_at is None or now < self.expires_at",
        "        return False",
    ),
    Planted(
        "a-missing-rollback-target-does-not-block",
        (15,),
        _REFUSALS,
        "    if (missing := _no_rollback_target(observed)) is not None:",
        "    if False:",
    ),
    Planted(
        "no-host-is-ever-unreachable",
        (24,),
        "lifecycle.domain.fleet.host",
        "        return self.seen_at if now - self.seen_at > heartbeat_timeout else None",
        "        return None",
    ),
    Planted(
        "unreachable-hosts-never-halt",
        (9, 24),
        "lifecycle.domain.rollout.membership",
        "    return len(unreachable) <= at_most(policy.max_unreachable, len(present)) and",
        "    return True or",
    ),
    Planted(
        "a-pause-pauses-nothing",
        (9,),
        "lifecycle.domain.rollout.gates",
        "    return AwaitResume(open_, open_.reason) if open_ else None",
        "    return None",
    ),
    Planted(
        "an-untested-host-is-in-its-place",
        (2, 11),
        _DRIFT,
        "    if not report.has_passed(target.digest):",
        "    if False:",
        "tests/simulation/test_companions.py",
    ),
    Planted(
        "a-rollback-may-be-rolled-back",
        (16,),
        "lifecycle.domain.rollout.gates",
        "    if facts.deployment.previous is None or facts.deployment.request.kind is Kind.ROLLBACK:",
        "    if facts.deployment.previous is None:",
        beside=(
            Edit(
                _ANSWERS,
                "    if deployment.previous is not None and deployment.request.kind is not Kind.ROLLBACK:",
                "    if deployment.previous is not None:",
            ),
        ),
    ),
)
