"""JSON that somebody else wrote has one door: bounded size and levels, and one error."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from apps.agent.errors import ServiceFailed
from apps.agent.log_follower import load
from apps.agent.metrics import declared_metrics
from apps.cli.aws import StepRuns
from lifecycle.application.delivery.check_build import checked
from lifecycle.application.delivery.receive_push import Push, start
from lifecycle.domain.delivery.repository import Known
from lifecycle.domain.delivery.webhook_secrets import WebhookSecrets
from lifecycle.domain.errors import InvalidJson, InvalidValue, UnreadableRecord
from lifecycle.domain.foreign_json import LARGEST_JSON, MOST_LEVELS, object_or_empty, parse_json, parse_object
from lifecycle.domain.service.attestation import parse_statement
from lifecycle.domain.service.configuration import values_of
from lifecycle.domain.service.envelope import parse_envelope
from lifecycle.domain.service.manifest import Manifest
from lifecycle.entrypoints.events import Converge, Watch
from lifecycle.gateways.aws.builds import CodeBuildState
from lifecycle.gateways.aws.executions import StepFunctionsExecutions
from tests.fakes.catalogue import MemoryCatalogue
from tests.support.records import read
from tests.support.rollout import manifest

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MACHINE = "arn:aws:states:eu-central-1:123456789012:stateMachine:lifecycle-delivery"
RUN = "hello-production-20261123120000-aa11"


def nested(levels: int) -> str:
    return "[" * levels + "]" * levels


# The first ends the recursion of json.loads, the second that of repr and of converters behind it.
DEEP = [nested(100_000), nested(MOST_LEVELS + 1), '{"a":' * 500 + "1" + "}" * 500]
NONSENSE = [*DEEP, "", "{", "\ud800", "1" * 5_000, '"' + "a" * LARGEST_JSON + '"']


@pytest.mark.parametrize("text", NONSENSE)
def test_nonsense_is_refused_with_one_error_that_does_not_repeat_it(text: str) -> None:
    with pytest.raises(InvalidJson) as refused:
        parse_object(text)
    assert len(str(refused.value)) < 200
    assert refused.value.__cause__ is None
    assert object_or_empty(text) == {}


@pytest.mark.parametrize("value", [None, 5, [], {}])
def test_value_that_is_no_text_is_refused(value: Any) -> None:
    with pytest.raises(InvalidJson, match="a value of the type"):
        parse_json(value)


@pytest.mark.parametrize("text", ["[]", "1", "null", '"text"'])
def test_object_is_no_other_json(text: str) -> None:
    with pytest.raises(InvalidJson, match="allowed: a JSON object"):
        parse_object(text)


def test_as_many_levels_and_as_long_a_text_as_are_allowed_are_read() -> None:
    assert parse_json(nested(MOST_LEVELS)) == parse_json(nested(MOST_LEVELS).encode())
    assert parse_object(json.dumps({"a": "[" * 1_000})) == {"a": "[" * 1_000}
    assert len(parse_json("[" + ",".join(["[]"] * 1_000) + "]")) == 1_000


def test_large_event_is_read() -> None:
    """A push of 2,048 commits has 1.6 MB."""
    text = json.dumps({"commits": [{"id": "a" * 700, "files": []}] * 2_048})
    assert len(parse_object(text)["commits"]) == 2_048


class States:
    """Step Functions with one execution, which a person started with this input."""

    exceptions = SimpleNamespace(ExecutionDoesNotExist=KeyError, InvalidArn=KeyError)

    def __init__(self, text: str) -> None:
        self.text = text
        self.started: list[str] = []

    def start_execution(self, name: str, **_: str) -> None:
        if not name.endswith("_2"):
            raise ClientError({"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution")
        self.started.append(name)

    def describe_execution(self, **_: str) -> dict[str, Any]:
        return {"status": "FAILED", "input": self.text, "name": RUN, "startDate": NOW, "output": self.text}


def executions(text: str) -> StepFunctionsExecutions:
    return StepFunctionsExecutions(States(text), MACHINE, MACHINE)


@pytest.mark.parametrize("text", DEEP)
def test_build_that_exports_deep_json_has_failed(text: str) -> None:
    found = checked(CodeBuildState("SUCCEEDED", "", {"LIFECYCLE_DETAILS": text}))
    assert found.kind == "FAILED"
    assert "the build exported LIFECYCLE_DETAILS" in found.reason


@pytest.mark.parametrize("text", DEEP)
def test_push_of_a_commit_whose_run_has_deep_input_is_delivered(text: str) -> None:
    push = Push("https://example.test/hello", "hello", "a" * 40, "main", "ada", "1")
    assert start(push, executions(text), MemoryCatalogue(), NOW).status == 202


@pytest.mark.parametrize("text", DEEP)
def test_end_of_an_execution_with_deep_input_is_known_by_its_name(text: str) -> None:
    found = Converge.model_validate({"detail": {"name": RUN, "input": text}})
    assert (found.service, found.environment) == ("hello", "production")


@pytest.mark.parametrize("text", DEEP)
def test_run_with_deep_input_is_shown_without_it(text: str) -> None:
    found = StepRuns(States(text), MACHINE, MACHINE).delivery(RUN)
    assert found
    assert (found.status, found.input, found.output) == ("FAILED", {}, {})


def _refused(error: type[Exception], call: Callable[[str], Any]) -> Callable[[str], None]:
    def run(text: str) -> None:
        with pytest.raises(error):
            call(text)

    return run


def _empty(call: Callable[[str], Any], expected: Any) -> Callable[[str], None]:
    def run(text: str) -> None:
        assert call(text) == expected

    return run


READERS: dict[str, Callable[[str], None]] = {
    "an alarm's message": _empty(
        lambda text: Watch.model_validate({"Records": [{"Sns": {"Message": text}}]}).alarms, ()
    ),
    "what a build may compare with": _empty(Known.from_text, Known({})),
    "a statement": _refused(InvalidValue, lambda text: parse_statement(text.encode())),
    "an envelope": _refused(InvalidValue, parse_envelope),
    "a configuration": _refused(InvalidValue, values_of),
    "a record": _refused(UnreadableRecord, lambda text: read(Manifest, text)),
    "a service's metrics": _refused(
        ServiceFailed, lambda text: declared_metrics(manifest("1.0.1"), text.encode(), "/metrics")
    ),
}


@pytest.mark.parametrize("text", DEEP)
@pytest.mark.parametrize("reader", READERS)
def test_every_reader_answers_deep_json(reader: str, text: str) -> None:
    READERS[reader](text)


def test_webhook_secret_may_be_any_text() -> None:
    for text in DEEP:
        assert WebhookSecrets.parse(text).of("acme/shop") == (text,)


@pytest.mark.parametrize("text", DEEP)
def test_position_in_a_log_that_is_deep_json_counts_as_none(text: str, tmp_path: Path) -> None:
    file = tmp_path / "position.json"
    file.write_text(text)
    assert load(file) is None


HALVES = [
    *('"\\ud800"', '"\\uDFFF"', '{"\\udc00": 1}', '["\\\\\\ud83d"]', '"\\ud83d\\ud83d\\ude00"', '"\\ude00\\ud83d"'),
    *('"\ud800"', '"\ud83d\\ude00"'),
]


@pytest.mark.parametrize("text", HALVES)
def test_half_a_character_is_refused_as_it_is_and_escaped(text: str) -> None:
    for each in (text, text.encode("utf-8", "surrogatepass"), text.encode("utf-16", "surrogatepass")):
        with pytest.raises(InvalidJson):
            parse_json(each)


@pytest.mark.parametrize(
    "text", ['"\\ud83d\\ude00"', '"\\uD83D\\uDE00"', '"\\\\ud800"', '"\U0001f600 é"', '"\\ud7ff"']
)
def test_whole_characters_are_read(text: str) -> None:
    assert parse_json(text) == parse_json(text.encode()) == parse_json(text.encode("utf-16")) == json.loads(text)
