"""Faults planted in what keeps a failing task from looping, or from going unnoticed."""

from tests.simulation.planted import Planted

_NEXT = "lifecycle.application.rollout.next_step"
_DECISIONS = "lifecycle.domain.rollout.next_step"
_ROLLOUT = "statemachines/rollout.asl.json"
_TASKS = "tests/simulation/test_every_task_fails.py"
_FOR_EVER = f"{_TASKS}::test_task_that_fails_for_ever_ends_or_waits_and_somebody_is_notified"
_ATTEMPTS = "tests/unit/rollout/test_lost_attempts.py"

FAULTS = (
    Planted(
        "a-host-is-handed-out-without-an-attempt",
        (6, 29),
        _NEXT,
        "        if recorded and _begin(context, current, update, visit):\n",
        "        if recorded:\n",
    ),
    Planted(
        "a-lost-attempt-is-handed-out-again-for-ever",
        (29,),
        "lifecycle.domain.rollout.execution",
        "        return self.round > 0 and self == now\n",
        "        return self.round > 0 and self.execution == now.execution\n",
        f"{_FOR_EVER}[Drain]",
    ),
    Planted(
        "a-repeated-call-hands-out-a-new-attempt",
        (7, 29),
        _DECISIONS,
        "    over = _ended(facts) or handed_out_now(facts) or aborted(facts)",
        "    over = _ended(facts) or aborted(facts)",
        f"{_ATTEMPTS}::test_repeated_call_hands_out_the_same_attempt",
    ),
    Planted(
        "a-late-call-hands-out-hosts",
        (8, 29),
        _NEXT,
        "            if is_late_call(facts):\n",
        "            if not facts:\n",
        f"{_ATTEMPTS}::test_call_that_comes_too_late_changes_nothing",
    ),
    Planted(
        "a-stage-has-no-catch",
        (29,),
        _ROLLOUT,
        '''"Catch": [{ "ErrorEquals": ["States.ALL"], "Next": "StageLost" }],
            "Output": "{% $states.input %}",
            "Next": "SelfTest"''',
        '''"Output": "{% $states.input %}",
            "Next": "SelfTest"''',
        f"{_TASKS}::test_stage_that_fails_halts_within_its_execution",
    ),
    Planted(
        "a-question-without-a-token-is-asked-again-at-once",
        (29,),
        _ROLLOUT,
        '"Seconds": "{% $states.input.seconds %}",\n      "Output": {},\n      "Next": "NextStep"',
        '"Seconds": 0,\n      "Output": {},\n      "Next": "NextStep"',
        f"{_FOR_EVER}[AwaitHuman]",
    ),
    Planted(
        "a-question-without-a-token-is-looked-at-every-15-seconds",
        (29,),
        _NEXT,
        "    pause = min(max(context.clock.now() - recorded.asked_at, _FIRST_PAUSE), _LONGEST_PAUSE)\n",
        "    pause = _FIRST_PAUSE\n",
        f"{_FOR_EVER}[AwaitHuman]",
    ),
    Planted(
        "an-answer-that-never-changes-repeats-its-step-for-ever",
        (29,),
        _ROLLOUT,
        '        { "Condition": "{% $not($states.input.round = $ids.round) %}", "Next": "Nonsense" },\n',
        "",
        f"{_FOR_EVER}[NextStep]",
    ),
    Planted(
        "a-diagnosis-without-a-result-is-asked-for-again",
        (29,),
        _NEXT,
        "    if not context.deployments.put_attempt(replace(attempt, diagnosed_in=facts.visit)):",
        "    if not attempt:",
        f"{_FOR_EVER}[Diagnose]",
    ),
    Planted(
        "a-test-bed-without-an-end-is-ended-again-at-once",
        (29,),
        _NEXT,
        "    if asked is not None and asked.was_before(facts.visit):\n",
        "    if asked is not None and not facts:\n",
        f"{_FOR_EVER}[EndBake]",
    ),
    Planted(
        "convergence-resumes-at-once-for-ever",
        (29,),
        "lifecycle.application.convergence.converge",
        "    tried = Resumptions(holder.resumptions.count + 1, context.clock.now())\n",
        "    tried = Resumptions(0, context.clock.now())\n",
        f"{_FOR_EVER}[Finish]",
    ),
    Planted(
        "a-resumption-is-not-recorded-before-its-execution",
        (29,),
        "lifecycle.application.convergence.converge",
        "    if context.deployments.put(replace(holder, execution=execution, resumptions=tried)):",
        "    if tried:",
        "tests/simulation/test_every_port_refuses.py",
    ),
    Planted(
        "convergence-asks-nobody",
        (29,),
        "lifecycle.domain.convergence.resume",
        "    if tried.count >= RESUME_LIMIT and not waits:\n",
        "    if not tried:\n",
        f"{_FOR_EVER}[NextStep]",
    ),
    Planted(
        "a-lost-answer-counts-as-a-step",
        (29,),
        _NEXT,
        "    if visit.round < 2 or not counts",
        "    if not counts",
        f"{_FOR_EVER}[NextStep]",
    ),
    Planted(
        "a-plan-that-breaks-tells-nobody",
        (29,),
        _ROLLOUT,
        '"Output": { "error": "{% $states.errorOutput.Error %}" }, "Next": "PlanLost" }],',
        '"Output": { "error": "{% $states.errorOutput.Error %}" }, "Next": "PlanFailed" }],',
        f"{_FOR_EVER}[Plan]",
    ),
    Planted(
        "a-wrong-input-is-tried-again",
        (29,),
        "lifecycle.entrypoints.handler",
        "                return to_plain(refuse(object_of(event), str(error)))\n",
        "                raise\n",
        "tests/simulation/test_inputs_by_hand.py",
    ),
)
