"""policy show, set and unset, as typed; and whose each setting is in a plan."""

import json

import pytest

from lifecycle.domain.service.policy import ApprovalGate, Policy
from tests.unit.cli.conftest import Desk

WHY = ("--why", "two people for production")


def test_set_says_what_it_requires_and_where(desk: Desk) -> None:
    typed = "policy set production approval=before_first_host approval_by_another=true"
    done = desk.type(typed, *WHY)
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[1:] == [
        "the floor of production will require approval before_first_host; approval_by_another true",
        "the floor of production requires approval before_first_host; approval_by_another true",
        "covers: production/hello",
    ]
    [(phase, payload)] = desk.functions.calls
    assert (phase, payload["by"], payload["why"]) == ("set_policy", "ada", WHY[1])
    floor = desk.machine.context.registry.floor("production")
    assert floor is not None
    assert floor.approval is ApprovalGate.BEFORE_FIRST_HOST


def test_several_windows_are_one_setting(desk: Desk) -> None:
    windows = ("Fri 16:00 - Mon 08:00 Europe/Berlin", "2026-12-20 - 2027-01-04 UTC")
    done = desk.type("policy set production/hello", *(f"frozen={each}" for each in windows), *WHY)
    assert done.exit_code == 0, done.output
    floor = desk.machine.context.registry.floor("production/hello")
    assert floor is not None
    assert floor.frozen == windows
    assert "the floor of production/hello freezes" not in desk.type("freezes").stdout
    assert windows[0] in desk.type("freezes").stdout


def test_show_says_whose_each_setting_is(desk: Desk) -> None:
    desk.machine.deploy("1.0.0")
    desk.type("policy set production max_unavailable=1 bake_minutes=10", *WHY)
    desk.type("policy set production/hello bake_minutes=30", *WHY)
    done = desk.type("policy show production/hello --json")
    assert done.exit_code == 0, done.output
    rows = {each["setting"]: each for each in json.loads(done.stdout)["settings"]}
    assert (rows["bake_minutes"]["declared"], rows["bake_minutes"]["applies"]) == (0, 30)
    assert rows["bake_minutes"]["whose"] == "the floor of production/hello"
    assert rows["max_unavailable"]["whose"] == "the service's own", "it is not stricter than the service's own 1"
    listed = desk.type("policy show").stdout
    assert "max_unavailable 1; bake_minutes 10" in listed
    assert "bake_minutes 30" in listed


def test_unset_needs_no_names_and_says_what_is_left(desk: Desk) -> None:
    desk.type("policy set production approval=before_first_host bake_minutes=10", *WHY)
    assert (
        "the floor of production requires bake_minutes 10"
        in desk.type("policy unset production approval", *WHY).stdout
    )
    assert "production has no policy floor any more" in desk.type("policy unset production", *WHY).stdout
    again = desk.type("policy unset production", *WHY)
    assert again.exit_code == 1
    assert "policy floor 'production' not found" in again.stderr


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("policy set production approval", "expected SETTING=VALUE, found 'approval'"),
        (
            "policy set production aproval=none",
            "setting 'aproval' of policy floors not found; did you mean 'approval'?",
        ),
        ("policy set production approval=always", "allowed: none, before_first_host, after_first_host"),
        (
            "policy set production bake_minutes=a",
            "'a' is not a value of bake_minutes; allowed: minutes from 0 to 1440",
        ),
        ("policy set production max_unavailable=0", "allowed: a number from 1 to"),
        (
            "policy set prod approval=none",
            "scope 'prod' not found; did you mean 'production'? Known: staging, production",
        ),
        ("policy set production/helo bake_minutes=1", "did you mean 'production/hello'? Known: production/hello"),
        ("policy unset production aproval", "setting 'aproval' of policy floors not found"),
    ],
)
def test_wrong_input_changes_nothing_and_names_what_is_allowed(desk: Desk, typed: str, says: str) -> None:
    done = desk.type(typed, *WHY)
    assert done.exit_code == 1
    assert says in done.stderr
    assert desk.machine.context.registry.floor("production") is None


def test_plan_says_whose_approval_and_batch_size_are() -> None:
    desk = Desk(Policy(max_unavailable=2))
    desk.type("policy set production approval=before_first_host approval_by_another=true bake_minutes=10", *WHY)
    desk.type("policy set production/hello max_unavailable=1", *WHY)
    output = desk.type("plan hello 1.0.0").stdout
    assert (
        "batch size: 1 (the floor of production/hello); approval: before the first host, by another person "
        "(the floor of production)"
    ) in output
    assert "bake: 10 minutes (the floor of production)" in output


def test_status_shows_what_a_floor_changed_of_the_running_deployment() -> None:
    desk = Desk()
    desk.type("policy set production approval=before_first_host", *WHY)
    desk.machine.deploy("1.0.0")
    line = "stricter than its own policy: approval before_first_host (the floor of production)"
    assert line in desk.type("status hello").stdout


def test_unreadable_floor_is_shown_with_the_command_that_mends_it(desk: Desk) -> None:
    desk.machine.memory.registry.damaged_floors.add("production")
    for command in ("policy show", "policy show production/hello", "status hello", "plan hello 1.0.0"):
        assert "/lifecycle/production/policy" in desk.type(command).stdout, command
