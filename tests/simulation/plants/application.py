"""Faults planted in the use cases of lifecycle/application, and in the fakes of the ledger."""

from tests.simulation.planted import Edit, Planted
from tests.simulation.plants.signatures import SIGNED_WITHOUT_MANIFEST

_ATTEMPT = "lifecycle.application.rollout.stage_guard"
_STAGES = "lifecycle.application.rollout.stages"
_FINISH = "lifecycle.application.rollout.finish"
_PLAN = "lifecycle.application.rollout.plan"
_DECIDE = "lifecycle.application.rollout.decide"
_ANSWER = "lifecycle.application.rollout.answer"
_ARTIFACTS = "tests/contract/test_artifacts.py"
_FENCING = "tests/unit/rollout/test_fencing.py"

FAULTS = (
    Planted(
        "a-stage-skips-the-epoch-check",
        (4, 5),
        _ATTEMPT,
        "            if not records.lease.is_held_by(current.id, task.epoch):",
        "            if False:",
        beside=(
            Edit(
                _ATTEMPT,
                "        if not now.lease.is_held_by(self.deployment.id, self.task.epoch):",
                "        if False:",
            ),
        ),
    ),
    Planted(
        "a-stage-does-not-read-the-lease-again",
        (1, 5, 7),
        _ATTEMPT,
        "        if not now.lease.is_held_by(self.deployment.id, self.task.epoch):\n"
        "            return stale(self.task.epoch, now.lease)\n"
        "        if now.attempt is None or now.attempt.state is not self.attempt.state:",
        "        if False:",
    ),
    Planted(
        "a-stage-runs-twice",
        (7,),
        _ATTEMPT,
        "    if _ORDER.index(attempt.state) >= _ORDER.index(reaches):",
        "    if False:",
    ),
    Planted(
        "a-failed-attempt-continues",
        (9, 2),
        _ATTEMPT,
        '        after_failure(running)\n        return Outcome("SKIPPED", attempt.reason)\n',
        "        return None\n",
    ),
    Planted(
        "a-drain-checks-capacity-once",
        (1,),
        _STAGES,
        "    if check.blocker:\n        return running.fail(check.blocker)\n    if check.state.in_rotation:",
        "    if check.state.in_rotation:",
    ),
    Planted(
        "a-drain-does-not-wait",
        (6, 19),
        _STAGES,
        "if state in (TargetState.ABSENT, TargetState.UNUSED) else None",
        "if state in (TargetState.ABSENT, TargetState.UNUSED, TargetState.DRAINING) else None",
    ),
    Planted(
        "a-self-test-of-another-start-passes",
        (2,),
        _STAGES,
        "    if not report.running or test.boot != report.boot:",
        "    if False:",
    ),
    Planted(
        "a-self-test-of-other-bytes-passes",
        (2, 13),
        _STAGES,
        "    if report.digest != digest or test.digest != digest:",
        "    if False:",
    ),
    Planted(
        "alive-without-a-health-check",
        (2, 6),
        _STAGES,
        '        return Outcome("PASSED") if last is wanted else None',
        '        return Outcome("PASSED")',
    ),
    Planted(
        "an-unreachable-host-is-not-noticed",
        (24,),
        _STAGES,
        "        if since := heard.silent_since(report, clock.now(), running.context.heartbeat_timeout):",
        "        if since := None:",
    ),
    Planted(
        "the-drain-is-not-audited",
        (22,),
        _STAGES,
        '        running.record("drain")\n        traffic_weights.stop_traffic',
        "        traffic_weights.stop_traffic",
    ),
    Planted(
        "the-registration-is-not-audited",
        (22,),
        _STAGES,
        '    running.record("register")\n',
        "",
    ),
    Planted(
        "a-deployment-begins-without-an-audit-entry",
        (22,),
        _PLAN,
        "    _record_start(context, request)\n    before",
        "    before",
    ),
    Planted(
        "the-lease-is-dropped-at-a-refused-read",
        (4, 6),
        _PLAN,
        "        if passing or context.leases.current(cluster).deployment == request.deployment:\n            raise\n",
        "",
        beside=(
            Edit(
                _PLAN,
                "        if observe.was_handed_over(context, request):\n            raise  # a rollback",
                "        if False:\n            raise  # a rollback",
            ),
        ),
    ),
    Planted(
        "an-end-is-repeated",
        (7, 10),
        _FINISH,
        "    if current.state.final:  # closed before",
        "    if False:  # closed before",
        "tests/simulation/test_companions.py",
        beside=(
            Edit(
                _FINISH,
                "    if not lease.is_held_by(current.id, current.epoch):\n"
                "        return replace(current, writes=recorded.writes)",
                "",
            ),
            Edit(
                _FINISH,
                "if not context.leases.current(current.cluster).is_held_by(current.id, current.epoch):",
                "if False:",
            ),
        ),
    ),
    Planted(
        "a-late-end-restores-the-old-desired-version",
        (5, 10),
        _FINISH,
        "    if not lease.is_held_by(current.id, current.epoch):\n"
        "        return replace(current, writes=recorded.writes)",
        "",
        "tests/unit/rollout/test_endings.py",
        beside=(
            Edit(
                _FINISH,
                "if not context.leases.current(current.cluster).is_held_by(current.id, current.epoch):",
                "if False:",
            ),
        ),
    ),
    Planted(
        "a-rollback-to-an-unverified-version",
        (15, 16),
        "lifecycle.application.rollout.observe",
        "    return deployment.state is DeploymentState.DONE and not deployment.request.only",
        "    return deployment.state.final and not deployment.request.only",
    ),
    Planted(
        "an-answer-to-another-attempt-is-taken",
        (8, 9),
        _DECIDE,
        "lambda q: (q.host, q.attempt) == (host, attempt), what)",
        "lambda q: bool(q.host), what)",
    ),
    Planted(
        "an-answer-is-not-audited",
        (22,),
        _ANSWER,
        "    context.record(current.cluster, what, answer.by, answer.why, deployment=current.id, host=question.host)\n"
        "    answered =",
        "    answered =",
    ),
    Planted(
        "an-epoch-does-not-grow",
        (14,),
        "tests.fakes.leases",
        "        self._leases[cluster] = Lease(lease.next_epoch(newest), successor, now, now + RUNNING_LEASE)",
        "        self._leases[cluster] = Lease(lease.epoch, successor, now, now + RUNNING_LEASE)",
    ),
    Planted(
        "a-snapshot-has-two-releases",
        (12,),
        "tests.fakes.catalogue",
        "            if promoted == snapshot and existing not in withdrawn:",
        "            if False:",
        f"{_ARTIFACTS}::test_a_snapshot_is_bound_to_its_first_release[memory]",
    ),
    Planted(
        "a-release-is-written-over",
        (12,),
        "tests.fakes.artifacts",
        "        self._refuse_other(manifest)\n",
        "",
        f"{_ARTIFACTS}::test_a_version_is_written_once[memory]",
    ),
    Planted(
        "a-plan-believes-the-artifact-store",
        (25,),
        "lifecycle.application.rollout.observe",
        "        foreign=_foreign(context, request, stored, config.revision, recent, found) or signed.blocker,\n",
        "",
        caught_by="tests/unit/rollout/test_replaced_bytes.py",
    ),
    Planted(
        "a-replaced-manifest-is-promoted",
        (25,),
        "lifecycle.application.delivery.promote",
        "recorded.manifest if recorded else ",
        "",
        caught_by="tests/unit/delivery/test_promote.py",
    ),
    Planted(
        "a-command-forgets-the-manifest",
        (25,),
        "lifecycle.application.rollout.host_commands",
        "config=target.config, manifest=target.manifest",
        "config=target.config",
        beside=(SIGNED_WITHOUT_MANIFEST,),
    ),
    Planted(
        "other-bytes-are-promoted",
        (12, 13),
        "lifecycle.application.delivery.promote",
        "    if manifest.digest != digest:",
        "    if False:",
        f"{_ARTIFACTS}::test_a_snapshot_whose_manifest_was_changed_is_not_promoted[memory]",
    ),
    Planted(
        "drains-do-not-see-each-other",
        (1,),
        _STAGES,
        "TargetState.DRAINING if each in under_way else state for",
        "state for",
        "tests/unit/rollout/test_races.py::test_hosts_that_drain_at_once_count_each_other_as_out",
    ),
    Planted(
        "a-host-is-not-drained",
        (17, 19),
        _STAGES,
        "dispatcher.deregister(running.task.cluster, report.address, report.port, group)\n    return None",
        "has_test_bed(running.task.cluster)\n    return None",
        beside=(
            Edit(
                _STAGES,
                "if state in (TargetState.ABSENT, TargetState.UNUSED) else None",
                "if state else None",
            ),
        ),
    ),
    Planted(
        "registered-before-its-self-test",
        (2, 9),
        _STAGES,
        "    if (problem := _self_test_problem(running, report)) or report is None:\n        return running.fail(problem or",
        '    if (problem := "") or report is None:\n        return running.fail(problem or',
        beside=(
            Edit(_STAGES, "    if problem := _self_test_problem(running, report):\n", '    if problem := "":\n'),
        ),
    ),
    Planted(
        "a-self-test-of-any-kind-passes",
        (2, 9),
        _STAGES,
        '    return None if test.passed else f"self-test failed: {test.detail}"',
        "    return None",
    ),
    Planted(
        "the-lease-is-never-freed",
        (20,),
        _FINISH,
        "    _ = context.leases.release(cluster, lease)  # not held: freed before, or fenced\n",
        "",
        beside=(
            Edit(
                "lifecycle.domain.convergence.decide",
                "    if _holder_has_ended(facts, now):",
                "    if False:",
            ),
        ),
    ),
    Planted(
        "a-service-that-restarted-is-registered",
        (2,),
        _STAGES,
        "    if (problem := _self_test_problem(running, report)) or report is None:",
        "    if (problem := _self_test_problem(running, report)) and report is None:",
        f"{_FENCING}::test_host_that_restarted_after_its_self_test_is_not_registered",
    ),
    Planted(
        "a-lease-is-taken-with-its-commands",
        (4, 5),
        _PLAN,
        "        cancel_turns_until(context, cluster, before.epoch, request.deployment)\n",
        "        pass\n",
        f"{_FENCING}::test_expired_lease_is_taken_only_after_its_commands_are_cancelled",
    ),
    Planted(
        "a-refused-plan-leaves-the-former-commands",
        (4, 5),
        _PLAN,
        "        close_former_holders(context, request, lease, lease)\n",
        "        pass\n",
        _FENCING,
    ),
    Planted(
        "a-call-outlasts-its-lease",
        (2, 4, 5),
        _ATTEMPT,
        "    if lease.outlasts_a_call(now):",
        "    if True:",
        f"{_FENCING}::test_registration_renews_a_lease_that_its_call_could_outlast",
    ),
    Planted(
        "a-failed-host-stays-in-rotation",
        (2, 9),
        "lifecycle.application.rollout.untested_hosts",
        "        if not failed_drained(attempt) or report is None",
        "        if failed_drained(attempt) or report is None",
        f"{_FENCING}::test_failed_host_that_a_late_call_registered_is_taken_out_by_convergence",
    ),
)
