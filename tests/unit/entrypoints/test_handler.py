"""The frame of every handler: the error of an event that is not valid."""

import pytest

from lifecycle.domain.errors import InvalidEvent
from lifecycle.entrypoints.events import OnHost
from lifecycle.entrypoints.handler import parse


def test_invalid_event_names_each_wrong_field_and_no_class() -> None:
    with pytest.raises(InvalidEvent) as refused:
        parse(OnHost, {"service": "hello", "environment": "staging", "deployment": "d", "host": "h", "attempt": "x"})
    message = str(refused.value)
    assert message.startswith("the event is not valid: attempt: Input should be a valid integer")
    assert "'attempt': 'x'" in message
    assert "OnHost" not in message
