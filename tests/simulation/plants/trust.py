"""Faults planted in what the code trusts: a manifest's own policy, a host's own claims."""

from tests.simulation.planted import Planted

_FLOOR = "lifecycle.domain.rollout.policy_floor"
_FLOORS = "tests/unit/rollout/test_policy_floor.py"

FAULTS = (
    Planted(
        "a-plan-believes-the-manifests-policy",
        (26,),
        "lifecycle.domain.rollout.preflight",
        "        return under(self.manifest.policy(request.environment), self.floors.in_force)",
        "        return self.manifest.policy(request.environment)",
        f"{_FLOORS}::test_plan_takes_the_stricter_of_both_and_says_whose_it_is",
    ),
    Planted(
        "a-floor-replaces-the-stricter-policy",
        (26,),
        _FLOOR,
        "        bake_minutes=max(one.bake_minutes, other.bake_minutes),",
        "        bake_minutes=other.bake_minutes,",
        f"{_FLOORS}::test_no_floor_makes_a_policy_laxer_nor_adds_what_nobody_asked_for",
    ),
    Planted(
        "an-unreadable-floor-is-taken-for-none",
        (26,),
        "lifecycle.domain.rollout.preflight",
        "        reasons += observed.floors.unreadable\n",
        "",
        f"{_FLOORS}::test_unreadable_floor_refuses_a_deployment_and_names_parameter_and_remedy",
    ),
    Planted(
        "an-unknown-setting-of-a-floor-is-ignored",
        (26,),
        "lifecycle.gateways.aws.registry",
        "    if unknown := sorted(set(json.loads(text)) - known - {VERSION_KEY}):",
        "    if unknown := []:",
        "tests/unit/records/test_damaged_values.py::test_policy_floor_is_never_read_as_laxer_than_it_is_written",
    ),
    Planted(
        "a-raised-floor-waits-for-the-next-deployment",
        (26,),
        "lifecycle.application.rollout.next_step",
        "            current = held_to_floors(context, current)\n",
        "            pass\n",
        f"{_FLOORS}::test_floor_that_is_raised_during_a_rollout_holds_from_its_next_step",
    ),
    Planted(
        "an-approval-does-not-read-the-floors",
        (26,),
        "lifecycle.application.rollout.decide",
        "    if why := approval_refusal(current.under_floors(floors.known, began=True), by):",
        "    if why := approval_refusal(current, by):",
        f"{_FLOORS}::test_floor_that_is_raised_during_a_rollout_holds_from_its_next_step",
    ),
    Planted(
        "a-checkpoint-overlooks-a-raised-floor",
        (26,),
        "lifecycle.domain.rollout.checkpoint",
        "        and fingerprint([repr(mine.policy)]) == base.policy\n",
        "",
        "tests/unit/rollout/test_checkpoint.py::"
        "test_floor_that_is_raised_ends_a_checkpoint_and_asks_before_the_next_host",
    ),
)
