"""Policy floors: the stricter of a service's policy and an administrator's floors, and whose each setting is."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lifecycle.application.operator_command import RequestedBy
from lifecycle.application.rollout.decide import approve
from lifecycle.application.rollout.plan import preview
from lifecycle.application.rollout.set_policy import set_floor, unset_floor
from lifecycle.domain.errors import InvalidValue, Refused, Unknown
from lifecycle.domain.rollout.decision import Answer, Choice
from lifecycle.domain.rollout.deployment import DeploymentState, Kind
from lifecycle.domain.rollout.plan import Plan
from lifecycle.domain.rollout.policy_floor import (
    SETTINGS,
    PolicyFloor,
    check_floor,
    owner,
    parsed,
    stricter,
    under,
    window_owners,
)
from lifecycle.domain.service.host_count import at_most, fewer
from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.support.rollout import CLUSTER, Machine

GRACE = RequestedBy("grace", "two people for production")
BEFORE, AFTER = ApprovalGate.BEFORE_FIRST_HOST, ApprovalGate.AFTER_FIRST_HOST
SHOP = str(CLUSTER)
COUNTS = st.one_of(st.integers(0, 50), st.integers(1, 100).map(lambda share: f"{share}%"))
WINDOWS = ("Fri 16:00 - Mon 08:00 Europe/Berlin", "Sat 00:00 - Mon 00:00", "2026-12-20 - 2027-01-04 UTC")
FROZEN = st.lists(st.sampled_from(WINDOWS), unique=True, max_size=3).map(tuple)
GATES = st.sampled_from([each for each in ApprovalGate if each is not ApprovalGate.AFTER_TEST_BED])
SETTINGS_OF_BOTH = {
    "approval": GATES,
    "approval_by_another": st.booleans(),
    "max_unavailable": COUNTS,
    "bake_minutes": st.integers(0, 1440),
    "frozen": FROZEN,
}
POLICIES = st.builds(Policy, **SETTINGS_OF_BOTH)
FLOORS = st.builds(
    PolicyFloor,
    scope=st.sampled_from(["production", SHOP]),
    **SETTINGS_OF_BOTH,
)


def same(one: Policy, other: Policy) -> bool:
    """Return whether two policies say the same; windows have no order."""
    return replace(one, frozen=()) == replace(other, frozen=()) and set(one.frozen) == set(other.frozen)


def no_laxer(one: Policy, other: Policy, hosts: int) -> bool:
    return (
        one.approval.places >= other.approval.places
        and one.approval_by_another >= other.approval_by_another
        and at_most(one.max_unavailable, hosts) <= at_most(other.max_unavailable, hosts)
        and one.bake_minutes >= other.bake_minutes
        and set(one.frozen) >= set(other.frozen)
    )


@given(POLICIES, POLICIES, st.integers(0, 10_000))
def test_stricter_policy_is_laxer_than_neither(one: Policy, other: Policy, hosts: int) -> None:
    found = stricter(one, other)
    assert no_laxer(found, one, hosts)
    assert no_laxer(found, other, hosts)


@given(POLICIES, POLICIES, POLICIES)
def test_order_and_repetition_change_nothing(one: Policy, other: Policy, third: Policy) -> None:
    assert same(stricter(one, other), stricter(other, one))
    assert same(stricter(one, one), one)
    assert same(stricter(stricter(one, other), other), stricter(one, other))
    assert same(stricter(stricter(one, other), third), stricter(one, stricter(other, third)))


@given(POLICIES, st.lists(FLOORS, max_size=3), st.integers(0, 10_000))
def test_no_floor_makes_a_policy_laxer_nor_adds_what_nobody_asked_for(
    policy: Policy, floors: list[PolicyFloor], hosts: int
) -> None:
    found = under(policy, floors)
    assert no_laxer(found, policy, hosts)
    untouched = [name for name in SETTINGS if not any(name in floor.required for floor in floors)]
    assert all(getattr(found, name) == getattr(policy, name) for name in untouched)
    assert found.drain_seconds == policy.drain_seconds


@given(COUNTS, COUNTS, st.integers(0, 10_000))
def test_fewer_of_two_counts_is_the_smaller_for_every_number_of_hosts(
    one: int | str, other: int | str, hosts: int
) -> None:
    assert at_most(fewer(one, other), hosts) == min(at_most(one, hosts), at_most(other, hosts))


@pytest.mark.parametrize("one", list(ApprovalGate))
@pytest.mark.parametrize("other", list(ApprovalGate))
def test_two_gates_ask_at_the_places_of_both(one: ApprovalGate, other: ApprovalGate) -> None:
    assert one.joined(other).places == one.places | other.places


def test_owner_is_the_floor_that_made_the_setting_stricter() -> None:
    declared = Policy(max_unavailable=1)
    of_all = PolicyFloor("production", approval=BEFORE, max_unavailable=5, bake_minutes=10)
    own = PolicyFloor(SHOP, bake_minutes=30)
    assert owner("approval", declared, [of_all, own]) == "the floor of production"
    assert owner("bake_minutes", declared, [of_all, own]) == f"the floor of {SHOP}"
    assert owner("max_unavailable", declared, [of_all, own]) == "", "the service's own is stricter"
    both = [PolicyFloor("production", max_unavailable="25%"), PolicyFloor(SHOP, max_unavailable=2)]
    assert (
        owner("max_unavailable", Policy(max_unavailable=9), both)
        == f"the floor of production and the floor of {SHOP}"
    )


def test_window_belongs_to_the_service_if_it_declares_it() -> None:
    floors = [PolicyFloor("production", frozen=WINDOWS[:2])]
    assert window_owners(Policy(frozen=WINDOWS[:1]), floors) == {WINDOWS[1]: "the floor of production"}


@pytest.mark.parametrize(
    ("setting", "texts"),
    [
        ("aproval", ["none"]),
        ("approval", ["after_test_bed"]),
        ("approval", ["none", "before_first_host"]),
        ("approval_by_another", ["yes"]),
        ("max_unavailable", ["25%, at most 2"]),
        ("max_unavailable", [""]),
        ("bake_minutes", ["-1"]),
        ("bake_minutes", ["1.5"]),
    ],
)
def test_setting_of_another_form_is_refused(setting: str, texts: list[str]) -> None:
    with pytest.raises(InvalidValue, match="allowed: "):
        parsed(setting, texts)


@pytest.mark.parametrize(
    "floor",
    [
        PolicyFloor("everything"),
        PolicyFloor("production", max_unavailable=0),
        PolicyFloor("production", max_unavailable="half"),
        PolicyFloor("production", bake_minutes=1441),
        PolicyFloor("production", bake_minutes=-1),
        PolicyFloor("production", frozen=("at night",)),
        PolicyFloor("production", approval=ApprovalGate.AFTER_TEST_BED),
        PolicyFloor("production", frozen=tuple(f"Mon 00:{n} - Mon 01:00" for n in range(10, 31))),
    ],
)
def test_floor_with_a_value_that_is_not_allowed_is_refused(floor: PolicyFloor) -> None:
    with pytest.raises(InvalidValue, match="allowed: "):
        check_floor(floor)


def planned(machine: Machine, version: str = "1.0.0", kind: Kind = Kind.DEPLOY) -> Plan:
    return preview(machine.context, machine.request(version, kind))


def raised(machine: Machine, scope: str = SHOP, **settings: str | list[str]) -> None:
    texts = {name: [value] if isinstance(value, str) else value for name, value in settings.items()}
    set_floor(machine.context, scope, texts, GRACE)


def test_plan_takes_the_stricter_of_both_and_says_whose_it_is() -> None:
    machine = Machine(policy=Policy(max_unavailable=2, bake_minutes=5))
    raised(machine, "production", approval="before_first_host", max_unavailable="1")
    raised(machine, bake_minutes="30")
    found = planned(machine)
    assert (found.policy.approval, found.policy.max_unavailable, found.policy.bake_minutes) == (BEFORE, 1, 30)
    whose = {name: found.whose(name) for name in SETTINGS if found.whose(name)}
    assert whose == {
        "approval": "the floor of production",
        "max_unavailable": "the floor of production",
        "bake_minutes": f"the floor of {SHOP}",
    }


def test_deployment_waits_for_the_approval_that_only_the_floor_requires() -> None:
    machine = Machine()
    raised(machine, "production", approval="before_first_host", approval_by_another="true")
    name = machine.deploy("1.0.0")
    current = machine.record(name)
    assert current.state is DeploymentState.AWAITING_APPROVAL
    assert "the floor of production requires an approval before the first host" in current.reason
    assert machine.installed() == dict.fromkeys(machine.installed(), "")
    own = Answer(Choice.APPROVE, current.request.requested_by, "mine", machine.now)
    with pytest.raises(Refused, match="the floor of production requires approval by another person"):
        approve(machine.context, CLUSTER, name, own)
    machine.approve(name, Choice.APPROVE)
    assert machine.record(name).state is DeploymentState.DONE


def test_floor_before_and_service_after_the_first_host_ask_twice() -> None:
    machine = Machine(policy=Policy(approval=AFTER))
    raised(machine, approval="before_first_host")
    name = machine.deploy("1.0.0")
    assert set(machine.installed().values()) == {""}
    machine.approve(name, Choice.APPROVE)
    assert sorted(set(machine.installed().values())) == ["", "1.0.0"]
    assert machine.record(name).state is DeploymentState.AWAITING_APPROVAL
    machine.approve(name, Choice.APPROVE)
    assert machine.record(name).state is DeploymentState.DONE


def test_window_of_a_floor_blocks_and_names_the_floor() -> None:
    machine = Machine()
    raised(machine, "production", frozen=["Mon 00:00 - Tue 00:00"])
    blocked = [each for each in planned(machine).blockers if "freezes" in each]
    assert len(blocked) == 1
    assert blocked[0].startswith("the floor of production freezes Mon 00:00 - Tue 00:00; until 2026-11-24 00:00")


def test_unreadable_floor_refuses_a_deployment_and_names_parameter_and_remedy() -> None:
    machine = Machine()
    machine.memory.registry.damaged_floors.add("production")
    assert any("/lifecycle/production/policy" in each for each in planned(machine).blockers)
    name = machine.deploy("1.0.0")
    assert machine.record(name).state is DeploymentState.REFUSED
    assert set(machine.installed().values()) == {""}


def test_rollback_and_repair_go_host_by_host_under_an_unreadable_floor() -> None:
    machine = Machine(policy=Policy(max_unavailable=2))
    machine.deploy("1.0.0")
    machine.deploy("1.0.1")
    machine.memory.registry.damaged_floors.add(SHOP)
    found = planned(machine, "1.0.0", Kind.ROLLBACK)
    assert (found.blockers, found.policy.max_unavailable) == ((), 1)
    assert any(each.startswith("hosts are updated one by one. unreadable:") for each in found.warnings)
    name = machine.deploy("1.0.0", Kind.ROLLBACK)
    assert machine.record(name).state is DeploymentState.DONE
    assert machine.record(name).policy.max_unavailable == 1


def test_rollback_asks_for_no_approval_under_a_floor() -> None:
    machine = Machine()
    machine.deploy("1.0.0")
    machine.deploy("1.0.1")
    raised(machine, "production", approval="before_first_host", frozen=["Mon 00:00 - Tue 00:00"])
    name = machine.deploy("1.0.0", Kind.ROLLBACK)
    assert machine.record(name).state is DeploymentState.DONE


def test_floor_that_is_raised_during_a_rollout_holds_from_its_next_step() -> None:
    machine = Machine(policy=Policy(approval=AFTER, max_unavailable=2))
    name = machine.deploy("1.0.0")
    assert machine.record(name).state is DeploymentState.AWAITING_APPROVAL
    raised(machine, "production", max_unavailable="1", approval_by_another="true", bake_minutes="30")
    own = Answer(Choice.APPROVE, machine.record(name).request.requested_by, "mine", machine.now)
    with pytest.raises(Refused, match="the floor of production requires approval by another person"):
        approve(machine.context, CLUSTER, name, own)
    machine.approve(name, Choice.APPROVE)
    current = machine.record(name)
    assert current.state is DeploymentState.DONE
    assert (current.policy.max_unavailable, current.policy.bake_minutes) == (1, 0), "the first host is past its bake"
    assert current.whose("max_unavailable") == "the floor of production"
    entries = machine.memory.audit_log.read(CLUSTER, current.started_at, 500)
    [entry] = [each for each in entries if each.what == "hold to a raised policy floor"]
    assert entry.why == "approval_by_another from false to true; max_unavailable from 2 to 1"


def test_floor_that_is_raised_while_a_deployment_is_paused_before_its_first_host_brings_the_bake() -> None:
    machine = Machine(policy=Policy(approval=BEFORE))
    name = machine.deploy("1.0.0")
    raised(machine, bake_minutes="30")
    machine.decide_next(name)
    assert machine.record(name).policy.bake_minutes == 30


def test_floor_that_is_lowered_during_a_rollout_frees_the_next_deployment_only() -> None:
    machine = Machine()
    raised(machine, "production", approval="before_first_host")
    name = machine.deploy("1.0.0")
    unset_floor(machine.context, "production", [], GRACE)
    machine.decide_next(name)
    assert machine.record(name).state is DeploymentState.AWAITING_APPROVAL
    machine.approve(name, Choice.APPROVE)
    assert planned(machine, "1.0.1").policy.approval is ApprovalGate.NONE


def test_approval_is_refused_while_a_floor_cannot_be_read() -> None:
    machine = Machine(policy=Policy(approval=BEFORE))
    name = machine.deploy("1.0.0")
    machine.memory.registry.damaged_floors.add("production")
    answer = Answer(Choice.APPROVE, "grace", "fine", machine.now)
    with pytest.raises(Refused, match="/lifecycle/production/policy"):
        approve(machine.context, CLUSTER, name, answer)
    rejected = approve(machine.context, CLUSTER, name, replace(answer, choice=Choice.REJECT))
    assert rejected.answer is not None


def test_fenced_deployment_is_not_held_to_a_floor() -> None:
    machine = Machine(policy=Policy(approval=BEFORE, max_unavailable=2))
    name = machine.deploy("1.0.0")
    machine.memory.clock.sleep(timedelta(days=30).total_seconds())
    machine.memory.leases.acquire(CLUSTER, "another", machine.now, machine.record(name).epoch)
    raised(machine, max_unavailable="1")
    assert machine.decide_next(name).outcome == DeploymentState.STALE
    assert machine.record(name).policy.max_unavailable == 2


def test_settings_are_merged_recorded_and_unset_by_name() -> None:
    machine = Machine()
    raised(machine, approval="before_first_host")
    raised(machine, max_unavailable="25%")
    floor = machine.context.registry.floor(SHOP)
    assert floor is not None
    assert floor.required == {"approval": BEFORE, "max_unavailable": "25%"}
    assert (floor.by, floor.why, floor.at) == ("grace", GRACE.why, machine.now)
    unset_floor(machine.context, SHOP, ["approval"], GRACE)
    left = machine.context.registry.floor(SHOP)
    assert left is not None
    assert left.required == {"max_unavailable": "25%"}
    unset_floor(machine.context, SHOP, ["max_unavailable"], GRACE)
    assert machine.context.registry.floor(SHOP) is None
    entries = machine.memory.audit_log.read(CLUSTER, machine.now - timedelta(hours=1), 50)
    assert {f"set the policy floor of {SHOP}: approval before_first_host", f"unset the policy floor of {SHOP}"} <= {
        each.what for each in entries
    }


def test_audit_entry_precedes_the_effect() -> None:
    machine = Machine()
    seen: list[str] = []
    real = machine.memory.registry.set_floor

    def writes(floor: PolicyFloor) -> None:
        seen.extend(
            each.what for each in machine.memory.audit_log.read(CLUSTER, machine.now - timedelta(hours=1), 50)
        )
        real(floor)

    machine.memory.registry.set_floor = writes  # type: ignore[method-assign]
    raised(machine, bake_minutes="10")
    assert seen == [f"set the policy floor of {SHOP}: bake_minutes 10"]


def test_unreadable_floor_is_replaced_as_a_whole_and_deleted_without_being_read() -> None:
    machine = Machine()
    raised(machine, approval="before_first_host")
    machine.memory.registry.damaged_floors.add(SHOP)
    raised(machine, bake_minutes="10")
    floor = machine.context.registry.floor(SHOP)
    assert floor is not None
    assert floor.required == {"bake_minutes": 10}
    machine.memory.registry.damaged_floors.add(SHOP)
    unset_floor(machine.context, SHOP, [], GRACE)
    assert machine.context.registry.floor(SHOP) is None


def test_unknown_scope_setting_and_floor_are_named() -> None:
    machine = Machine()
    with pytest.raises(Unknown, match=r"did you mean 'production/hello'\? Known: production/hello"):
        set_floor(machine.context, "production/helo", {"bake_minutes": ["1"]}, GRACE)
    with pytest.raises(InvalidValue, match="'everything' is not a scope of a policy floor"):
        set_floor(machine.context, "everything", {"bake_minutes": ["1"]}, GRACE)
    with pytest.raises(Unknown, match="policy floor of production not found"):
        unset_floor(machine.context, "production", [], GRACE)
    raised(machine, bake_minutes="10")
    with pytest.raises(Unknown, match=r"setting 'approval' of production/hello not found; known: bake_minutes"):
        unset_floor(machine.context, SHOP, ["approval"], GRACE)
