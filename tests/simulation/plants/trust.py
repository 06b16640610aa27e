"""Faults planted in what the code trusts: a manifest's own policy, a host's own claims."""

from tests.simulation.planted import Planted

_FLOOR = "lifecycle.domain.rollout.policy_floor"
_FLOORS = "tests/unit/rollout/test_policy_floor.py"
_BOUND = "lifecycle.domain.fleet.bound_hosts"
_BOUND_TESTS = "tests/unit/fleet/test_bound_hosts.py"

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
        "            current = held_to_floors(context, current, floors)\n",
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
    Planted(
        "a-bound-host-is-believed-at-any-address",
        (27,),
        _BOUND,
        "        if not self.closed or (bound and report.address == bound):",
        "        if not self.closed or bound:",
        f"{_BOUND_TESTS}::test_target_that_a_liar_had_registered_is_taken_out_and_its_own_stays",
    ),
    Planted(
        "a-report-makes-a-host",
        (27, 28),
        _BOUND,
        "for host, each in reports.items() if not self.closed or host in self.places}",
        "for host, each in reports.items()}",
        f"{_BOUND_TESTS}::test_forty_ghosts_of_2099_stop_no_bound_cluster",
    ),
    Planted(
        "a-cluster-opens-with-its-last-host",
        (27,),
        _BOUND,
        "        return BoundHosts(self.changes + 1, closed=True, places=dict(sorted(places.items())))",
        "        return BoundHosts(self.changes + 1, closed=bool(places), places=dict(sorted(places.items())))",
        f"{_BOUND_TESTS}::test_cluster_stays_closed_when_its_last_host_is_removed",
    ),
    Planted(
        "a-report-from-the-future-is-believed",
        (28,),
        "lifecycle.domain.fleet.host",
        "        if self.seen_at > now + CLOCK_AHEAD:",
        "        if False:",
        f"{_BOUND_TESTS}::test_ghosts_of_2099_count_as_unreachable_where_nothing_is_bound",
    ),
    Planted(
        "a-removal-deregisters-what-the-host-reports",
        (27,),
        "lifecycle.application.fleet.remove_host",
        "    if own:\n        traffic_weights.stop_traffic(context, cluster, own)\n"
        "        context.dispatcher.deregister(cluster, own)\n",
        "",
        f"{_BOUND_TESTS}::test_address_that_a_host_names_is_never_registered_nor_left_after_its_removal",
    ),
    Planted(
        "reports-are-read-without-end",
        (28,),
        "lifecycle.gateways.aws.table",
        '            if len(found) > limit or (number == pages and "LastEvaluatedKey" in page):',
        "            if len(found) > 100 * limit:",
        f"{_BOUND_TESTS}::test_reports_without_end_are_cut_off_and_said_in_words",
    ),
    Planted(
        "the-target-of-a-liar-counts-as-a-stray",
        (28, 1),
        "lifecycle.domain.fleet.strays",
        "    someones = {each.contested for each in unreadable} | {each.bound for each in unreadable}\n",
        "    someones = {each.contested for each in unreadable}\n",
        f"{_BOUND_TESTS}::test_target_that_a_liar_had_registered_is_taken_out_and_its_own_stays",
    ),
    Planted(
        "a-liar-counts-as-absent",
        (28,),
        "lifecycle.domain.fleet.host",
        "        return self.bound\n",
        '        return ""\n',
        f"{_BOUND_TESTS}::test_liar_costs_a_rollout_one_decision_and_no_other_host",
    ),
)
