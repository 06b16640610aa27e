"""The frame of every handler: the error of an event that is not valid."""

import pytest

from lifecycle.domain.errors import CallFailed, InvalidEvent, Unknown
from lifecycle.entrypoints.events import OnHost, Promote
from lifecycle.entrypoints.handler import command, parse


def test_invalid_event_names_each_wrong_field_and_no_class() -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse(OnHost, {"service": "hello", "environment": "staging", "deployment": "d", "host": "h", "attempt": "x"})
    message = str(refused.value)
    assert message.startswith("the event is not valid: attempt: Input should be a valid integer")
    assert "'attempt': 'x'" in message
    assert "OnHost" not in message


class Logged:
    """The context of an invocation."""

    aws_request_id = "request"


@pytest.mark.parametrize(
    ("error", "answer"), [(Unknown("release", "1.0.0"), "release '1.0.0' not found"), (None, "")]
)
def test_command_answers_a_refusal_and_raises_what_aws_could_not_do(error: Unknown | None, answer: str) -> None:
    failed = CallFailed("AWS is throttling", service="S3", operation="GetObject", code="SlowDown", temporary=True)

    def run(_: Promote) -> None:
        raise error or failed

    event = {"service": "hello", "snapshot": "1", "requested_by": "ada"}
    if error:
        assert command(Promote)(run)(event, Logged()) == {"error": answer}
    else:
        with pytest.raises(CallFailed):
            command(Promote)(run)(event, Logged())
