import json

import pytest

from tools.bench.replies import Reply, due_in, figures, read, replies, served_by
from tools.demo.traffic import Outcome


def reply(due: float, seconds: float = 0.002, status: int = 200, version: str = "1.0.0", host: str = "a") -> Reply:
    failure = "" if status == 200 else f"HTTP {status}" if status else "TimeoutError"
    return Reply(due, due + 0.001, due + seconds, status, failure, version if status else "", host)


def test_a_reply_knows_its_version_and_the_host_that_its_body_names() -> None:
    outcome = Outcome(1.0, 1.1, 1.2, 200, "", "1.0.0", json.dumps({"host": "production-hello-3"}).encode())
    (found,) = replies({"quick": [outcome]})["quick"]
    assert (found.version, found.host, found.due) == ("1.0.0", "production-hello-3", 1.0)


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"{}", b"3"])
def test_an_answer_that_names_no_host_has_an_empty_host(body: bytes) -> None:
    (found,) = replies({"quick": [Outcome(1.0, 1.0, 1.0, 200, "", "1.0.0", body)]})["quick"]
    assert found.host == ""


def test_replies_are_read_in_the_order_in_which_they_were_due() -> None:
    written = {"quick": [reply(2.0), reply(1.0)]}
    assert read(json.dumps(written)) == {"quick": [reply(1.0), reply(2.0)]}


def test_a_span_includes_its_begin_and_excludes_its_end() -> None:
    found = [reply(float(second)) for second in range(10)]
    assert [each.due for each in due_in(found, [(2.0, 4.0), (7.5, 9.0)])] == [2.0, 3.0, 8.0]


def test_latency_counts_from_due_and_only_for_answered_requests() -> None:
    found = figures([reply(1.0, 0.005), reply(2.0, 0.050, 503), reply(3.0, 10.0, 0)])
    assert found["latency_ms"]["max"] == pytest.approx(50)
    assert found["late_ms"]["p50"] == pytest.approx(1)
    assert (found["requests"], found["failed"]) == (3, 2)
    assert found["failures"] == {"HTTP 503": 1, "TimeoutError": 1}
    assert found["first_failure"] == "HTTP 503 after 1.0 s"
    assert found["versions"] == {"1.0.0": 2}


def test_no_requests_have_figures_too() -> None:
    assert figures([]) | {"latency_ms": {}} == figures([])


def test_answers_of_a_version_are_counted_by_host() -> None:
    found = [
        reply(1, host="b", version="2"),
        reply(2, host="a", version="2"),
        reply(3, host="a", version="1"),
    ]
    assert served_by([*found, found[0]], "2") == {"a": 1, "b": 2}
