"""Faults planted in what sees changes that people make beside Lifecycle."""

from tests.simulation.planted import Edit, Planted

_CONVERGENCE = "lifecycle.domain.convergence.decide"
_ENDED = "lifecycle.domain.convergence.ended_execution"
_PLAN = "lifecycle.application.rollout.plan"
_STEP = "lifecycle.application.rollout.next_step"

FAULTS = (
    Planted(
        "an-edited-desired-version-is-rolled-out",
        (10,),
        _CONVERGENCE,
        "    if facts.nobodys:\n",
        "    if False:\n",
        # Its digest and its deployment decide whether it is rolled out, too.
        beside=(
            Edit(
                _CONVERGENCE,
                "    if facts.last is None or facts.last.state is not DeploymentState.DONE:",
                "    if facts.last and facts.last.state is not DeploymentState.DONE:",
            ),
        ),
    ),
    Planted(
        "a-second-execution-of-a-deployment-goes-on",
        (4, 7),
        _PLAN,
        "    if existing is None or existing.state.final or continues(execution, existing.execution):\n",
        "    if True:\n",
        caught_by="tests/unit/rollout/test_second_executions.py",
        beside=(
            Edit(
                _STEP,
                "    if not execution or current.state.final or continues(execution, own):\n",
                "    if True:\n",
            ),
        ),
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
