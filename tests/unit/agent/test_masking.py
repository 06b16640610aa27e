"""No text of the service has a value of its configuration: whole, escaped by a logger, or cut in the middle."""

import base64
import json
from urllib.parse import quote

import pytest

from apps.agent.configuration import Configuration
from apps.agent.log_lines import MAXIMUM_EVENT_BYTES, texts
from apps.agent.masking import Masking
from lifecycle.domain.service.manifest import Manifest
from tests.support.rollout import manifest
from tests.unit.agent.test_configuration import Store

PLANTED = 's3cret/w0rd+"quoted" \'é\\'
LONG = "".join(f"{n:04d}-" for n in range(400))
MADE: Manifest = manifest("1.0.0")


@pytest.mark.parametrize(
    "printed",
    [
        PLANTED,
        json.dumps({"a": PLANTED})[7:-2],
        json.dumps({"a": PLANTED}, ensure_ascii=False)[7:-2],
        repr(PLANTED)[1:-1],
        quote(PLANTED),
        quote(PLANTED, safe=""),
        base64.b64encode(PLANTED.encode()).decode().rstrip("="),
    ],
)
def test_escaped_value_is_masked(printed: str) -> None:
    assert Masking([{"KEY": PLANTED}]).whole(f"<{printed}>") == "<[KEY]>"


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        ("postgres://app:p%40ssw0rd@db/x", "p@ssw0rd"),
        ("postgres://app:pass/w0rd@db/x", "pass/w0rd"),
        ("host=db user=app password=p4ssw0rd", "p4ssw0rd"),
        ("Server=db;User Id=app;Password='p4ssw0rd';", "p4ssw0rd"),
        ("https://hook.example.com/?token=p4ssw0rd&x=1", "p4ssw0rd"),
        ('{"username": "app", "password": "p4ssw0rd", "port": 5432}', "p4ssw0rd"),
        (" p4ssw0rd ", "p4ssw0rd"),
        ("one\x0cp4ss\ntwo", "one\x0cp4ss"),
    ],
)
def test_part_that_is_secret_alone_is_masked(value: str, printed: str) -> None:
    assert Masking([{"KEY": value}]).whole(f"<{printed}>") == "<[KEY]>"


@pytest.mark.parametrize(
    ("cut", "masked"),
    [
        (f"it is {LONG[:500]}", "it is [KEY]"),
        (f"it is {LONG[:4]}", "it is [KEY]"),
        (f"it is {LONG}", "it is [KEY]"),
        (f"{LONG[-9:]} was it", "[KEY] was it"),
        (f"{LONG} was it", "[KEY] was it"),
        (f"{LONG[-77:]} and {LONG[:77]}", "[KEY] and [KEY]"),
        (f"\ufffd{LONG[-77:]}, {LONG}, {LONG[:77]}\ufffd", "[KEY], [KEY], [KEY]"),
        (LONG[100:600], "[KEY]"),
        ("nothing of it", "nothing of it"),
        ("000", "000"),
        ("", ""),
    ],
)
def test_part_of_a_value_is_masked_in_a_text_that_was_cut(cut: str, masked: str) -> None:
    assert Masking([{"KEY": LONG, "OTHER": "other-value"}]).part(cut) == masked


def test_value_of_before_a_rotation_is_masked_while_the_service_runs_with_it() -> None:
    store = Store(TOKEN="first-token")
    known = Configuration(store)
    known.prepare(MADE, 3)
    store.found = {"TOKEN": "second-token"}
    known.prepare(MADE, 3)  # a prefetch of another version, with the same revision
    assert known.masked("first-token second-token", 3) == "[TOKEN] [TOKEN]"


def test_line_is_masked_before_it_is_split_into_events() -> None:
    masking = Masking([{"KEY": LONG, "A_VERY_LONG_NAME": "true"}])

    def mask(text: str, *, part: bool = False) -> str:
        return masking.part(text) if part else masking.whole(text)

    line = "x" * (MAXIMUM_EVENT_BYTES - 100) + LONG + "true" * 50_000
    found = texts(f"{line}\nlast\n".encode(), mask)
    assert LONG[-50:] not in "".join(found)
    assert max(len(each.encode()) for each in found) <= MAXIMUM_EVENT_BYTES
    assert found[-1] == "last"
    begun = texts(f"{LONG[50:]}\n{LONG[:50]}\nit is {LONG[:50]}".encode(), mask, begun=True)
    assert begun == ["[KEY]", LONG[:50], "it is [KEY]"]
