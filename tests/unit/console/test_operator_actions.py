"""Every action of the command line in the page: the same names, the same rule, the effect before the act."""

from dataclasses import replace
from datetime import timedelta

import pytest

from apps.cli.main import COMMANDS
from lifecycle.domain.errors import InvalidValue, Refused
from lifecycle.domain.rollout.actions import Action, needs_reason
from lifecycle.domain.rollout.decision import Choice
from lifecycle.domain.rollout.deployment import DeploymentState
from tests.support.rollout import CLUSTER
from tests.unit.console.desk import Desk
from tests.unit.console.read_widget import ReadWidget

# The command of each action, where its name is another; ABORT ends what is queued.
NAMES = {Action.ROLL_BACK: "rollback", Action.ABORT: "cancel"}


def confirmed(desk: Desk, asked: ReadWidget, **fields: str) -> str:
    """Press the button of a confirmation, with these fields filled in; return what is said then."""
    return desk.press(**asked.starts.params, widgetContext={"forms": {"all": fields}}).message


def silent(desk: Desk, name: str) -> str:
    """Let a host be unreachable; return its address."""
    fleet = desk.machine.memory.fleet
    report = fleet.reports(CLUSTER)[name]
    fleet.write_report(CLUSTER, replace(report, seen_at=desk.machine.now - timedelta(hours=1)))
    return report.address


def test_every_action_has_a_command_of_its_name() -> None:
    names = {NAMES.get(each, each.replace("_", "-")) for each in Action}
    assert names <= set(COMMANDS)


def test_every_action_with_a_required_reason_has_a_confirmation_that_says_so(desk: Desk) -> None:
    desk.halted()
    shown = [desk.see(view) for view in ("questions", "deployment", "clusters", "pipeline")]
    buttons = [each for page in shown for each in page.buttons if each.params.get("preview")]
    for each in buttons:
        choice = each.params.get("choice")
        required = needs_reason(Action(each.params["action"]), Choice(choice) if choice else None)
        assert ("(required)" in desk.confirmation(each).text) is required, each.text
    assert {"Pause", "Freeze production", "Converge", "Abort", "Quarantine 1.0.1"} <= {each.text for each in buttons}


def test_host_is_quarantined_and_its_quarantine_lifted(desk: Desk) -> None:
    tiles = desk.see("clusters")
    button = next(b for b in tiles.buttons if b.params.get("subject") == "host-2")
    asked = desk.confirmation(button)
    assert "Quarantine host-2 of production/hello?" in asked.text
    assert "deployments and repairs neither change nor count it" in asked.text
    assert confirmed(desk, asked) == "host host-2 of production/hello is quarantined."
    with pytest.raises(Refused, match="host-2 is quarantined: as agreed"):
        desk.confirmation(button)
    lifted = desk.planned("clusters", "Unquarantine")
    assert "It is quarantined: as agreed (by ada)" in lifted.text
    assert confirmed(desk, lifted) == "host-2 of production/hello is no longer quarantined."
    assert not desk.machine.memory.fleet.quarantined_hosts(CLUSTER)


def test_version_is_quarantined_in_its_deployment_and_lifted_in_both_widgets(desk: Desk) -> None:
    asked = desk.planned("deployment", "Quarantine 1.0.0")
    assert "1.0.0: deployments to production/hello need --even-if-quarantined" in asked.text
    assert "it is desired now: hosts go on serving it" in asked.text
    assert confirmed(desk, asked) == "version 1.0.0 of production/hello is quarantined."
    assert desk.see("deployment").has_button("Unquarantine 1.0.0")
    assert "quarantined 1.0.0: as agreed (by ada)" in desk.see("clusters").text
    assert "no longer quarantined" in confirmed(desk, desk.planned("clusters", "Unquarantine"))


def test_queued_deployment_is_cancelled(desk: Desk) -> None:
    running = desk.halted()
    queued = desk.machine.deploy("1.0.2")
    asked = desk.planned("questions", "Cancel")
    assert f"Cancel {queued}? 1.0.2 no longer waits for production/hello; what runs there goes on." in asked.text
    assert "ABORT" in confirmed(desk, asked)
    assert desk.machine.record(queued).state is DeploymentState.ABORTED
    assert not desk.machine.record(running).state.final
    with pytest.raises(Refused, match="ABORTED"):
        desk.press(**asked.starts.params)


def test_cluster_is_converged(desk: Desk) -> None:
    asked = desk.planned("clusters", "Converge")
    assert "Compare desired with installed versions now, and start a repair of any drift." in asked.text
    assert "production/hello: CONVERGED" in confirmed(desk, asked)


def test_only_an_unreachable_host_can_be_removed(desk: Desk) -> None:
    assert not desk.see("clusters").has_button("Remove host")
    desk.machine.memory.dispatcher.deregister(CLUSTER, silent(desk, "host-3"))
    asked = desk.planned("clusters", "Remove host")
    assert "Remove host-3 from production/hello?" in asked.text
    assert confirmed(desk, asked) == "host-3 is no longer a host of production/hello."
    assert "host-3" not in desk.machine.memory.fleet.reports(CLUSTER)


def test_unreachable_host_that_serves_is_not_removed(desk: Desk) -> None:
    silent(desk, "host-3")
    tiles = desk.see("clusters")
    assert not tiles.has_button("Remove host")
    assert "it is in rotation and healthy: stop its service first" in tiles.text


@pytest.mark.parametrize(("typed", "hours"), [("2h", 2), ("1d", 24)])
def test_freeze_ends_at_the_time_that_the_confirmation_asks_for(desk: Desk, typed: str, hours: int) -> None:
    asked = desk.planned("pipeline", "Freeze production")
    assert "lc-until" in asked.named()
    assert "production is frozen until" in confirmed(desk, asked, **{"lc-until": typed})
    [freeze] = desk.machine.memory.freezes.all()
    assert freeze.until == desk.machine.now + timedelta(hours=hours)


def test_freeze_until_what_is_no_time_is_refused(desk: Desk) -> None:
    asked = desk.planned("pipeline", "Freeze production")
    with pytest.raises(InvalidValue, match="2026-11-24 08:00"):
        confirmed(desk, asked, **{"lc-until": "tomorrow"})
    assert not desk.machine.memory.freezes.all()


def test_older_release_is_deployed_after_its_plan(desk: Desk) -> None:
    desk.machine.deploy("1.0.1")
    desk.machine.memory.catalogue.claim_release("hello", "1.1.0-20261123113000-ccccccc", "1.1.0")
    button = desk.see("pipeline").button("Deploy the older release")
    chosen = {"forms": {"all": {button.params["version_field"]: "1.0.0"}}}
    asked = desk.confirmation(button, widgetContext=chosen)
    assert "Deploy hello 1.0.0 to production, which serves 1.0.1 now?" in asked.text
    assert "Started: 1.0.0 to production/hello" in confirmed(desk, asked)


def test_older_release_is_not_offered_while_it_serves(desk: Desk) -> None:
    assert not desk.see("pipeline").has_button("Deploy the older release")
