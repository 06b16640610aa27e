"""The definitions: valid, within the limit of events, and without what the emulator lacks."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lifecycle.domain.rollout.next_step import HOSTS_PER_EXECUTION
from lifecycle.domain.rollout.test_bed.schedule import MAX_ANALYSES
from tests.integration.statemachines.definitions import (
    FOLDER,
    MACHINES,
    per_analysis,
    per_failure,
    per_host,
    resolved,
    states,
)
from tools.cost.definition import ONCE, rollout

NPM = FOLDER.parent / "build" / "npm"
EVENTS_PER_EXECUTION = 25_000
LAMBDAS_OWN = {
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
}


@pytest.fixture(scope="session")
def validator() -> list[str]:
    """The command of npm's asl-validator, which `make test` installs. Without it the tests fail."""
    installed = NPM / "node_modules" / "asl-validator" / "package.json"
    assert installed.exists(), "asl-validator is missing; install it: make build/npm/.installed"
    main = json.loads(installed.read_text())["bin"]
    entry = main if isinstance(main, str) else main["asl-validator"]
    script = installed.parent / entry
    return [str(Path(sys.prefix) / "bin" / "node"), str(script)]


@pytest.mark.parametrize("name", MACHINES)
def test_the_validator_accepts_the_resolved_definition(name: str, validator: list[str], tmp_path: Path) -> None:
    file = tmp_path / f"{name}.json"
    file.write_text(json.dumps(resolved(name)))
    done = subprocess.run([*validator, "--json-path", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_validator_would_see_a_dangling_next(validator: list[str], tmp_path: Path) -> None:
    broken = resolved("rollout")
    broken["States"]["Plan"]["Next"] = "Nowhere"
    file = tmp_path / "broken.json"
    file.write_text(json.dumps(broken))
    assert subprocess.run([*validator, "--json-path", str(file)], capture_output=True, check=False).returncode


def test_a_host_takes_at_most_fifty_events_and_nine_transitions() -> None:
    events, transitions = per_host(resolved("rollout"))
    assert events <= 50
    assert transitions <= 9
    assert events * HOSTS_PER_EXECUTION < EVENTS_PER_EXECUTION * 0.9


def test_the_cost_of_a_host_counts_the_same_transitions() -> None:
    path = rollout()
    assert len(path.host) == per_host(resolved("rollout"))[1]
    assert {*ONCE} <= {*resolved("rollout")["States"]}


def test_an_execution_has_room_for_a_diagnosis_and_a_decision_about_every_second_host() -> None:
    (events, _), failed = per_host(resolved("rollout")), per_failure(resolved("rollout"))
    assert failed <= 25
    assert (events + failed / 2) * HOSTS_PER_EXECUTION < EVENTS_PER_EXECUTION * 0.9


def test_an_execution_has_room_for_a_bake_of_any_length_beside_its_hosts() -> None:
    """Count the interim analyses of one bake twice: it may be extended once, or set up again."""
    definition = resolved("rollout")
    (events, _), look = per_host(definition), per_analysis(definition)
    assert look <= 15
    assert events * HOSTS_PER_EXECUTION + 2 * MAX_ANALYSES * look < EVENTS_PER_EXECUTION


def test_a_lost_diagnosis_leads_to_the_next_step_which_decides_without_it() -> None:
    diagnose = resolved("rollout")["States"]["Diagnose"]
    (caught,) = diagnose["Catch"]
    assert caught["ErrorEquals"] == ["States.ALL"]
    assert diagnose["Next"] == caught["Next"] == "NextStep"
    # A function that timed out or broke is not tried again, because the operator would have to wait longer.
    assert {error for retry in diagnose["Retry"] for error in retry["ErrorEquals"]} == LAMBDAS_OWN


_FOR_NOW = (
    *("Lambda.", "NotAnswered", "StepFunctions.Throttling"),
    *("StepFunctions.ExecutionLimit", "StepFunctions.Sfn", "StepFunctions.Sdk"),
)


@pytest.mark.parametrize("name", MACHINES)
def test_every_state_has_a_comment_and_every_placeholder_is_known(name: str) -> None:
    definition = resolved(name)
    assert definition["QueryLanguage"] == "JSONata"
    assert all(state.get("Comment") for _, state in states(definition))
    assert "${" not in json.dumps(definition)


@pytest.mark.parametrize("name", MACHINES)
def test_every_task_has_a_timeout_and_needs_nothing_that_the_emulator_lacks(name: str) -> None:
    for state, each in states(resolved(name)):
        if each["Type"] == "Task":
            assert isinstance(each["TimeoutSeconds"], int), state
            assert "Catch" in each or "Retry" in each, state
        assert each["Type"] != "Succeed", f"{state}: end with a Pass, its output is kept"
        assert "HeartbeatSeconds" not in each
        for retry in each.get("Retry", []):
            # The emulator knows no longest pause, and gives none of these errors.
            bounded = all(error.startswith(_FOR_NOW) for error in retry["ErrorEquals"])
            assert ("MaxDelaySeconds" in retry, "JitterStrategy" in retry) == (bounded, retry["MaxAttempts"] > 1)
            if bounded:
                pauses = [min(2.0 * 2**number, retry["MaxDelaySeconds"]) for number in range(retry["MaxAttempts"])]
                assert sum(pauses) > 600, f"{state} is not repeated for minutes"


def test_choices_compare_words_of_answers_and_what_the_machine_itself_counts_or_was_given() -> None:
    word = r"\$states\.input\.(kind|outcome) = '[A-Z_]+'"
    others = (
        r"\$type\(\$states\.input\.staging\) = 'object'",
        r"\$not\(\$states\.input\.round = \$ids\.round\)",
        r"\$states\.input\.waited = [0-9]+",
        r"\(\$exists\(\$push\.version\) \? \$push\.version : ''\) = ''",
    )
    compared = re.compile(rf"\{{% ({word}|\$not\({word}\)|{'|'.join(others)}) %\}}")
    for name in MACHINES:
        for _, each in states(resolved(name)):
            for choice in each.get("Choices", []):
                assert compared.fullmatch(choice["Condition"])


def test_an_answer_of_an_unknown_kind_is_no_answer() -> None:
    for name in MACHINES:
        for state, each in states(resolved(name)):
            # The last two compare what is no answer: a counter of the machine, and its input.
            if each["Type"] == "Choice" and state not in ("Finished", "Recorded", "WaitedForLong", "Gone"):
                assert each["Default"] in ("Nonsense", "PlanLost"), state


def test_an_execution_that_exists_already_is_no_execution_that_was_started() -> None:
    """Somebody may have used its name up; a failed end lets convergence start the next one at once."""
    found = 0
    for name in MACHINES:
        machine = resolved(name)
        for _, each in states(machine):
            for catch in each.get("Catch", []):
                if "ExecutionAlreadyExists" in catch["ErrorEquals"]:
                    assert machine["States"][catch["Next"]]["Type"] == "Fail"
                    found += 1
    assert found == 3


def test_no_choice_stands_between_the_stages_of_a_host() -> None:
    processor: dict[str, Any] = resolved("rollout")["States"]["UpdateHosts"]["ItemProcessor"]
    kinds = {state["Type"] for state in processor["States"].values()}
    assert kinds == {"Task", "Pass"}
    caught = [s["Catch"][0]["Next"] for s in processor["States"].values() if s["Type"] == "Task"]
    assert caught == ["StageLost"] * 5
