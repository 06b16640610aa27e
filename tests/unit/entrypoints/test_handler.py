"""The frame of every handler: who gives a command, and the error of an event that is not valid."""

from typing import Any

import pytest

from lifecycle.application.console_action import ConsoleAction
from lifecycle.console.html import Markup, tag
from lifecycle.domain.errors import CallFailed, InvalidEvent, Unknown
from lifecycle.domain.refused_limits import MOST
from lifecycle.entrypoints.events import Converge, Decide, OnHost, Promote, Repair
from lifecycle.entrypoints.handler import command, parse, program, task
from lifecycle.entrypoints.widget import Button, button
from lifecycle.gateways.aws.callers import command_digest
from tests.fakes.callers import ADA
from tests.support.account import CALLERS, HELLO, Account, handler
from tests.support.invocation import Invocation

APPROVE = Invocation("lifecycle-approve")
ANSWER = {
    "service": "hello",
    "environment": "production",
    "deployment": "hello-production-20261123120000-ab15",
    "choice": "APPROVE",
    "why": "as agreed",
}
FIELDS_OF_A_HOST = {"service": "hello", "environment": "production", "host": "host-1"}
OPERATOR = "arn:aws:sts::123456789012:assumed-role/lifecycle-operator/"


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    made = Account.of()
    made.use(monkeypatch)
    return made


def signed(event: dict[str, Any], arn: str = ADA, function: str = "lifecycle-approve") -> dict[str, Any]:
    return {**event, "proof": CALLERS.sign(command_digest(function, event), arn)}


def approve(event: dict[str, Any]) -> Any:
    return command(Decide)(lambda found: found.by)(event, APPROVE)


def tried(account: Account) -> list[tuple[str, str]]:
    return [(e.what, e.who) for e in account.context.audit_log.read(HELLO) if e.what.startswith("refused")]


def test_invalid_event_names_each_wrong_field_and_no_class() -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse(OnHost, {"service": "hello", "environment": "staging", "deployment": "d", "host": "h", "attempt": "x"})
    message = str(refused.value)
    assert message.startswith("the event is not valid: attempt: Input should be a valid integer")
    assert "'attempt': 'x'" in message
    assert "OnHost" not in message


@pytest.mark.parametrize(
    ("error", "answer"), [(Unknown("release", "1.0.0"), "release '1.0.0' not found"), (None, "")]
)
def test_command_answers_a_refusal_and_raises_what_aws_could_not_do(error: Unknown | None, answer: str) -> None:
    failed = CallFailed("AWS is throttling", service="S3", operation="GetObject", code="SlowDown", temporary=True)

    def run(_: Promote) -> None:
        raise error or failed

    event = signed({"service": "hello", "snapshot": "1"}, function="lifecycle-promote")
    if error:
        assert command(Promote)(run)(event, Invocation("lifecycle-promote")) == {"error": answer}
    else:
        with pytest.raises(CallFailed):
            command(Promote)(run)(event, Invocation("lifecycle-promote"))


def test_author_of_a_command_is_who_signed_it() -> None:
    assert approve(signed(ANSWER)) == "ada"
    assert approve(signed({**ANSWER, "by": "ADA"})) == "ada"
    assert approve(signed(ANSWER, f"{OPERATOR}grace@example.test")) == "grace@example.test"


def test_command_in_the_name_of_another_is_refused_and_on_record(account: Account) -> None:
    refused = approve(signed({**ANSWER, "by": "grace"}))["error"]
    assert f"it is given in the name of grace, but {ADA} signed it" in refused
    assert tried(account) == [("refused: approve", "ada")]


def test_command_without_a_proof_is_refused_and_on_record(account: Account) -> None:
    assert "it has no proof of who gives it" in approve({**ANSWER, "by": "grace"})["error"]
    assert tried(account) == [("refused: approve", "unknown")]


@pytest.mark.parametrize("proof", ["text", 7, [], {"Authorization": "x"}, {"Authorization": 1, "X-Amz-Date": None}])
def test_nonsense_in_place_of_a_proof_is_refused(proof: object) -> None:
    assert "the command is refused" in approve({**ANSWER, "proof": proof})["error"]


def test_proof_counts_for_its_own_command_and_function_only() -> None:
    event = signed(ANSWER)
    assert "SignatureDoesNotMatch" in approve({**event, "choice": "REJECT"})["error"]
    assert "SignatureDoesNotMatch" in approve(signed(ANSWER, function="lifecycle-decide"))["error"]


@pytest.mark.parametrize(
    ("arn", "why"),
    [
        (f"{OPERATOR}botocore-session-1795803000", "was chosen by a program, and names nobody"),
        (f"{OPERATOR}AWSCLI-Session", "was chosen by a program"),
        (f"{OPERATOR}aws-sdk-js-session-1795803000", "was chosen by a program"),
        (f"{OPERATOR}i-0123456789abcdef0", "was chosen by a program"),
        (f"{OPERATOR}schedule", "is a name that Lifecycle records for itself"),
        ("arn:aws:sts::123456789012:assumed-role/lifecycle-host-production-hello/ada", "expected assumed-role"),
        ("arn:aws:sts::999999999999:assumed-role/lifecycle-operator/ada", "expected assumed-role"),
        ("arn:aws:iam::123456789012:user/ada", "expected assumed-role"),
        ("arn:aws:iam::123456789012:root", "expected assumed-role"),
    ],
)
def test_principal_that_is_no_known_person_is_refused(arn: str, why: str, account: Account) -> None:
    assert why in approve(signed(ANSWER, arn))["error"]
    assert tried(account) == [("refused: approve", "unknown")]


def promoted(event: dict[str, Any], arn: str) -> Any:
    named = {"service": "hello", "snapshot": "1", **event}
    given = signed(named, arn, "lifecycle-promote")
    run = command(Promote, for_console=True)(lambda found: found.requested_by)
    return run(given, Invocation("lifecycle-promote"))


def test_console_promotes_in_the_name_that_it_has_and_nothing_else_does() -> None:
    console = "arn:aws:sts::123456789012:assumed-role/lifecycle-act-eu-central-1/lifecycle-act"
    assert promoted({"requested_by": "console:ada"}, console) == "console:ada"
    assert promoted({}, console) == "console"
    assert "in the name of grace" in promoted({"requested_by": "grace"}, ADA)["error"]
    others = (
        "999999999999:assumed-role/lifecycle-act-eu-central-1/x",
        "123456789012:assumed-role/lifecycle-act-eu-west-1/x",
        "123456789012:assumed-role/lifecycle-act-eu-central-1b/x",
    )
    for each in others:
        assert "expected assumed-role" in promoted({}, f"arn:aws:sts::{each}")["error"]
    assert "expected assumed-role" in approve(signed(ANSWER, console))["error"]


def converge(event: dict[str, Any]) -> Any:
    return program(Converge)(lambda found: found.requested_by)(event, Invocation("lifecycle-converge"))


def test_convergence_is_started_by_its_triggers_and_by_no_person() -> None:
    assert converge({}) == "schedule"
    assert converge({"requested_by": "auto-scaling"}) == "auto-scaling"
    keys = {"pk": {"S": "REPORTS#production/hello"}, "sk": {"S": "host-1"}}
    assert converge({"Records": [{"dynamodb": {"Keys": keys}}]}) == "supervision"
    assert "in the name of mallory, without a proof" in converge({"requested_by": "mallory"})["error"]


def test_repair_needs_a_proof_and_is_in_the_name_of_its_caller() -> None:
    def repair(event: dict[str, Any]) -> Any:
        return command(Repair)(lambda found: found.requested_by)(event, Invocation("lifecycle-repair"))

    assert repair(signed({"service": "hello", "environment": "production"}, function="lifecycle-repair")) == "ada"
    forged: tuple[dict[str, Any], ...] = ({"requested_by": "schedule"}, {"requested_by": "mallory"}, {"Records": []})
    for event in forged:
        assert "it has no proof of who gives it" in repair(event)["error"]


@pytest.mark.parametrize("event", [None, [], "text", 5, {"proof": {}}, {"detail": None}, {"Records": 5}])
def test_event_that_is_no_command_is_refused_in_words(event: Any) -> None:
    """Anything may be sent to a function by somebody who may invoke it."""
    for decorated in (command(Decide)(lambda _: "done"), program(Converge)(lambda _: "done")):
        found = decorated(event, Invocation("lifecycle-approve"))
        assert set(found) == {"error"}
    assert isinstance(button(lambda _, __: tag("p", "done"))(event, Invocation("lifecycle-act")), str)


@pytest.mark.parametrize("event", [None, [], "text", 5])
def test_task_of_no_object_is_refused_in_words(event: Any) -> None:
    with pytest.raises(InvalidEvent):
        task(OnHost)(lambda _: "done")(event, Invocation("lifecycle-drain"))


def test_end_of_a_machine_is_taken_from_auto_scaling_and_checked_with_ec2(account: Account) -> None:
    """Its event has no proof: the function asks EC2. The function for people takes none without a proof."""
    forgets, invocation = handler("host_terminated").handle, Invocation("lifecycle-host-terminated")
    event = dict(FIELDS_OF_A_HOST)
    by_hand = {**event, "by": "auto-scaling", "why": "the instance was terminated", "terminated": True}
    removes, by_a_person = handler("remove_host").handle, Invocation("lifecycle-remove-host")
    assert "it has no proof of who gives it" in removes(by_hand, by_a_person)["error"]
    assert "has no Auto Scaling group" in forgets(event, invocation)["error"]
    account.machines.groups[HELLO] = {"host-1": "10.0.0.1"}
    assert "EC2 has it at 10.0.0.1" in forgets(event, invocation)["error"]
    by_ada = signed({**by_hand, "by": "ada"}, function="lifecycle-remove-host")
    assert "EC2 has it at 10.0.0.1" in removes(by_ada, by_a_person)["error"]
    account.machines.groups[HELLO] = {}
    assert forgets(event, invocation)["message"] == "host-1 is no longer a host of production/hello"


def test_refused_button_is_on_record(account: Account) -> None:
    acts = handler("act").handle
    event = {"action": "pause", "service": "hello", "environment": "production", "deployment": "nope", "by": "ada"}
    assert "not done" in acts(event, Invocation("lifecycle-act"))
    assert tried(account) == [("refused: pause", "console:ada")]


def test_refused_command_about_a_scope_is_on_record(account: Account) -> None:
    freezes = handler("freeze").handle
    assert "error" in freezes({"scope": "production/hello", "why": "x"}, Invocation("lifecycle-freeze"))
    assert ("refused: freeze", "unknown") in tried(account)


def test_button_of_a_console_that_signs_has_its_author_and_any_other_has_none() -> None:
    pressed: list[ConsoleAction] = []

    @button
    def act(found: Button, _: object) -> Markup:
        pressed.append(found.to_action())
        return tag("p", "done")

    event, context = {"action": "pause", "deployment": "d", "by": "mallory"}, Invocation("lifecycle-act")
    act(signed(event, function="lifecycle-act"), context)
    act({**event, "proven": True}, context)
    assert "SignatureDoesNotMatch" in act({**signed(event, function="lifecycle-act"), "deployment": "e"}, context)
    assert [each.by for each in pressed] == ["ada", "console:mallory"]


@pytest.mark.parametrize(
    ("function", "event"),
    [
        ("freeze", {"scope": "*", "why": "x", "lift": True}),
        ("freeze", {"scope": "production", "why": "x", "lift": True}),
        ("set_policy", {"scope": "production", "why": "x", "lift": True}),
        ("repair", {}),
        ("approve", {"deployment": "hello-production-20261123113000-ab11", "service": "other", "environment": "x"}),
    ],
)
def test_refused_command_is_on_record_in_each_cluster_that_it_is_about(
    account: Account, function: str, event: dict[str, Any]
) -> None:
    assert "error" in handler(function).handle(event, Invocation(f"lifecycle-{function}"))
    assert (f"refused: {function}", "unknown") in tried(account)


@pytest.mark.parametrize(
    ("event", "what", "who"),
    [
        ({"action": "deploy", "bogus": 1, "by": "eve"}, "refused: deploy", "console:eve"),
        ({"action": "root"}, "refused: root", "console"),
        ({"action": "approve", "choice": "MAYBE"}, "refused: approve", "console"),
        ({"action": "pause", "by": "x" * 300}, "refused: pause", f"console:{'x' * 192}"),
        ({"action": ["x"], "why": {}}, "refused: ['x']", "console"),
        ({}, "refused: act", "console"),
    ],
)
def test_button_that_no_page_draws_is_on_record(account: Account, event: dict[str, Any], what: str, who: str) -> None:
    given = {"service": "hello", "environment": "production", **event}
    assert "The parameters are invalid" in handler("act").handle(given, Invocation("lifecycle-act"))
    assert tried(account) == [(what, who)]


def test_button_with_a_proof_that_no_page_draws_is_on_record_under_the_proven_name(account: Account) -> None:
    event = {"service": "hello", "environment": "production", "action": "root", "by": "mallory"}
    handler("act").handle(signed(event, function="lifecycle-act"), Invocation("lifecycle-act"))
    assert tried(account) == [("refused: root", "ada")]


def test_flood_of_commands_without_a_proof_does_not_fill_the_audit_log(account: Account) -> None:
    for _ in range(3 * MOST):
        account.clock.sleep(1)
        assert "error" in approve({**ANSWER, "by": "grace"})
    assert len(tried(account)) == MOST
    assert "error" in approve(signed({**ANSWER, "by": "grace"}))
    assert tried(account)[-1] == ("refused: approve", "ada")


def test_refused_cancellation_is_on_record_where_the_run_is(account: Account) -> None:
    run = "Shop_Web-" + "a" * 40
    account.executions.start_delivery(run, {"repository": "https://example.test/shop"})
    account.catalogue.change_builds("https://example.test/shop", lambda found: found.recorded("hello", None))
    event = {"run": run, "by": "ada", "why": "x"}
    assert "error" in handler("cancel_run").handle(event, Invocation("lifecycle-cancel-run"))
    assert tried(account) == [("refused: cancel-run", "unknown")]
