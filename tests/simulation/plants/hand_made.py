"""Faults planted in what sees changes that people make beside Lifecycle."""

from tests.simulation.planted import Edit, Planted

_CONVERGENCE = "lifecycle.domain.convergence.decide"
_ENDED = "lifecycle.domain.convergence.ended_execution"

FAULTS = (
    Planted(
        "an-edited-desired-version-is-rolled-out",
        (10,),
        _CONVERGENCE,
        "    if facts.unreadable or facts.nobodys:\n",
        "    if facts.unreadable:\n",
        # Its digest and its deployment decide whether it is rolled out, too.
        beside=(
            Edit(
                _CONVERGENCE,
                "    if facts.last is None or facts.nobodys:\n        return False\n",
                "    if facts.last is None:\n        return True\n",
            ),
        ),
    ),
    Planted(
        "a-second-execution-of-a-deployment-goes-on",
        (4, 7),
        "lifecycle.domain.rollout.deployment",
        "        if not execution or self.state.final or continues(execution, self.execution):\n",
        "        if True:\n",
        caught_by="tests/unit/rollout/test_second_executions.py",
    ),
    Planted(
        "a-rollback-undoes-what-somebody-wrote",
        (10,),
        "lifecycle.application.rollout.rollback",
        "    if found.nobodys and found.nobodys.last and found.nobodys.kind is not HandMade.UNRECORDED:\n",
        "    if found.named:\n        return found.named\n    if found.nobodys and found.nobodys.last:\n",
        caught_by="tests/unit/convergence/test_hand_made.py",
    ),
    Planted(
        "a-desired-version-is-written-before-it-is-recorded",
        (10,),
        "lifecycle.application.rollout.plan",
        "        if began.state.final or not context.deployments.put(began.intending(wanted)):\n",
        "        if began.state.final:\n",
        caught_by="tests/unit/convergence/test_desired_writes.py",
    ),
    Planted(
        "a-version-is-given-back-before-it-is-recorded",
        (10,),
        "lifecycle.application.rollout.finish",
        "    if not context.deployments.put(recorded.intending(given_back)):\n",
        "    if False:\n",
        caught_by="tests/unit/convergence/test_desired_writes.py",
    ),
    Planted(
        "a-deleted-attempt-is-made-again",
        (9,),
        "lifecycle.application.rollout.observe",
        "with_asked_about(found.attempts, found.questions)",
        "tuple(found.attempts)",
        caught_by="tests/unit/rollout/test_deleted_records.py",
    ),
    Planted(
        "an-execution-that-ends-at-once-is-continued-at-once-for-ever",
        (10, 20),
        _ENDED,
        "execution_number(ended.name) > 1 and ended.lasted < SHORT:",
        "execution_number(ended.name) > 1 and False:",
        caught_by="tests/unit/convergence/test_ended_executions.py",
    ),
)
