"""Faults planted in delivery that follows its branch: the head, its run, and the deployments of its snapshot."""

from tests.simulation.planted import Edit, Planted

_BRANCH = "lifecycle.domain.delivery.branch"
_RECEIVE = "lifecycle.application.delivery.receive_push"
_BUILD = "lifecycle.application.delivery.build"
_AUTOMATIC = "lifecycle.application.rollout.automatic"
_PLAN = "lifecycle.application.rollout.plan"
_SUPERSEDE = "lifecycle.application.rollout.supersede"
_PUSHES = "tests/simulation/test_pushes.py"

FAULTS = (
    Planted(
        "the-push-that-arrives-last-is-the-head",
        (36,),
        _BRANCH,
        "        return _in_order(later, self.start)[-1].after if later else self.start\n",
        "        return later[-1].after if later else self.start\n",
        _PUSHES,
    ),
    Planted(
        "pushes-of-one-time-stay-as-they-arrived",
        (36,),
        _BRANCH,
        "        found += _in_one_trail(list(same), at)\n",
        "        found += same\n",
        _PUSHES,
    ),
    Planted(
        "a-skipped-push-supersedes",
        (36,),
        _BRANCH,
        "*(each.after for each in self._steps() if not each.skip)",
        "*(each.after for each in self._steps())",
        _PUSHES,
    ),
    Planted(
        "a-commit-that-the-branch-has-left-is-wanted",
        (36,),
        _BRANCH,
        "for each in self._builds_of(service) if each.commit not in left]",
        "for each in self._builds_of(service)]",
        "tests/unit/delivery/test_branch.py::test_a_commit_that_the_branch_has_left_is_wanted_by_no_service",
    ),
    Planted(
        "a-reading-is-of-the-time-that-its-machine-says",
        (36,),
        _RECEIVE,
        "        return min(said, started)\n",
        "        return said\n",
        "tests/unit/delivery/test_branch_readings.py::test_clock_of_the_machine_that_reads_may_be_wrong",
    ),
    Planted(
        "a-repeated-push-moves-the-branch-again",
        (36,),
        _BRANCH,
        "        return any(each.delivery == move.delivery for each in self.moves)\n",
        "        return False\n",
        _PUSHES,
    ),
    Planted(
        "each-build-that-ends-is-deployed",
        (36,),
        _BUILD,
        "    staging = None if late else request_staging(",
        "    staging = request_staging(",
        _PUSHES,
        beside=(Edit(_AUTOMATIC, "    if late := superseded(context, request):", '    if late := "":'),),
    ),
    Planted(
        "a-rollout-does-not-ask-for-the-head-again",
        (36,),
        _AUTOMATIC,
        "    if late := superseded(context, request):",
        '    if late := "":',
        _PUSHES,
    ),
    Planted(
        "a-branch-that-is-forced-back-starts-nothing",
        (36,),
        _RECEIVE,
        "payload_of(push), returned=is_wanted, dropped=dropped)",
        "payload_of(push), returned=False, dropped=False)",
        _PUSHES,
    ),
    Planted(
        "a-running-build-that-is-ended-does-not-count-as-dropped",
        (36,),
        "lifecycle.application.delivery.check_build",
        "    return superseded_run(catalogue, push, execution)\n",
        "    return branch.superseded(push.commit)\n",
        "tests/unit/delivery/test_superseded_builds.py::test_force_push_back_to_a_commit_whose_build_was_ended_builds_it",
    ),
    Planted(
        "a-halted-deployment-ends-for-one-that-the-branch-has-left",
        (36,),
        _SUPERSEDE,
        "    if superseded(context, pending.request):\n        return\n",
        "",
        "tests/unit/rollout/test_automatic.py::"
        "test_halted_deployment_of_the_head_is_not_ended_for_one_that_the_branch_has_left",
    ),
    Planted(
        "a-head-that-a-late-push-shows-again-is-left-out",
        (36,),
        _RECEIVE,
        'was not in ("", wanted) or ',
        "",
        "tests/unit/delivery/test_following.py::test_head_that_a_late_push_shows_again_is_deployed_again",
    ),
    Planted(
        "the-head-that-a-late-push-shows-gets-no-run",
        (36,),
        _RECEIVE,
        '    if dropped or was not in ("", wanted) or _needs_a_run(executions, head):\n',
        "    if False:\n",
        _PUSHES,
    ),
    Planted(
        "a-blocked-automatic-deployment-is-refused",
        (36,),
        _PLAN,
        "    if not found.passes or not is_automatic(context, request):\n",
        "    if True:\n",
        _PUSHES,
    ),
    Planted(
        "a-fix-waits-behind-its-halted-predecessor",
        (36,),
        _SUPERSEDE,
        "    for question in asked:\n        if Choice.ABORT in question.choices:\n",
        "    for question in asked:\n        if False:\n",
        _PUSHES,
    ),
    Planted(
        "the-head-that-a-person-read-is-not-recorded",
        (36,),
        _BUILD,
        "    if push.head_read:\n",
        "    if False:\n",
        _PUSHES,
    ),
)
